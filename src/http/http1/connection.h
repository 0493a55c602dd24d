/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A connection of libmicrohttpd's, and what its callbacks do: the inside of http1/.
 *
 * Threading: the loop's thread, but for wakes.
 *
 * A suspended connection neither times out nor sees its client leave, so it and
 * its request stay valid until the loop resumes it, whatever the client does.
 */
#ifndef CG_HTTP_HTTP1_CONNECTION_H
#define CG_HTTP_HTTP1_CONNECTION_H

#include <microhttpd.h>

#include "base/feed.h"
#include "http/http.h"
#include "http/http1/http1.h"
#include "http/http1/ready.h"
#include "http/net/loop.h"

enum cg_conn_state {
    CG_CONN_IDLE,    /* between requests */
    CG_CONN_HEADERS, /* the request line has come */
    CG_CONN_DECIDE,  /* the headers too, a body is announced: is it wanted? */
    CG_CONN_BODY,    /* it is; it comes in */
    CG_CONN_RUN,     /* the whole request is here */
    CG_CONN_SEND     /* the answer is queued */
};

/* One line of the request's head, in the library's memory. */
struct cg_conn_header {
    const char *name, *value;
    size_t name_len;
};
#define CG_CONN_HEADERS_KEPT 24

struct cg_http1_conn {
    struct cg_http1 *http1;
    struct MHD_Connection *mhd;
    struct cg_http1_conn *prev, *next; /* in `list`, one of the loop's */
    struct cg_http1_conn **list;
    int fd;                            /* the library's */
    struct cg_peer peer;
    struct cg_gate *gate; /* NULL: a bridge's */
    enum cg_conn_state state;
    int64_t since_ms; /* when the state began, times of waiting left out */
    int64_t waits_ms; /* since when it is suspended; 0: it is not */
    uint64_t body_bytes;
    struct cg_request *req;         /* NULL between requests */
    struct cg_conn_header *headers; /* of the request, in its arena */
    size_t header_count;            /* CG_CONN_HEADERS_KEPT + 1: there are more than are kept */
    struct cg_memo *memo;           /* from the first request on */
    struct cg_ready *ready;         /* the answer on its way, when it is one that is kept */
    struct cg_wake wake;
    struct cg_feed *feed; /* what is being sent while it still comes in, else NULL */
    uint64_t feed_offset; /* where in it the answer begins */
    struct cg_feed_waiter feed_waiter;
};

struct cg_http1 {
    struct cg_loop *loop;
    struct MHD_Daemon *daemon;
    struct cg_http1_conn *conns[CG_HTTP1_SLICES];
    unsigned next_slice; /* of the next connection */
    size_t waiting; /* suspended connections */
    struct cg_ready_table ready;
    /* While a connection is handed over: what the library cannot say of it. */
    const struct cg_peer *adopted_peer;
    struct cg_gate *adopted_gate;
};

/* The library's callbacks; `cls` is the struct cg_http1. */
void cg_conn_notify(void *cls, struct MHD_Connection *mhd, void **socket_context,
                    enum MHD_ConnectionNotificationCode toe);
void *cg_conn_begin(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result cg_conn_handle(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                               const char *version, const char *upload_data, size_t *upload_data_size, void **con_cls);
void cg_conn_completed(void *cls, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode toe);
/* Cuts off a client that is too slow with its headers or body, or that has left unnoticed. */
void cg_conn_check_pace(struct cg_http1_conn *conn);
/* Waits for the connection's feed, from inside the library's asking for bytes. */
void cg_conn_await_feed(struct cg_http1_conn *conn);

/* answer.c: queues the request's response, which gives away its body; MHD_NO when it cannot. */
enum MHD_Result cg_answer_queue(struct cg_http1_conn *conn, bool close_after) CG_CHECK;

#endif
