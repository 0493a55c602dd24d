/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * One polling thread and its connections: the inside of http1/. Everything is
 * the loop thread's own but what `lock` guards and the atomics.
 *
 * A suspended connection neither times out nor sees its client leave, so it and
 * its request stay valid until the loop resumes it, whatever the client does.
 */
#ifndef CG_HTTP_HTTP1_LOOP_H
#define CG_HTTP_HTTP1_LOOP_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/feed.h"
#include "http/http.h"
#include "http/http1/delay.h"
#include "http/http1/linger.h"
#include "http/http1/listen.h"
#include "http/http1/ready.h"

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
    struct cg_http1_loop *loop;
    struct MHD_Connection *mhd;
    struct cg_http1_conn *prev, *next; /* all of the loop */
    int fd;                            /* the library's */
    struct sockaddr_storage peer;
    bool unix_peer;
    enum cg_conn_state state;
    int64_t since_ms; /* when the state began, times of waiting left out */
    int64_t waits_ms; /* since when it is suspended; 0: it is not */
    uint64_t body_bytes;
    struct cg_request *req;           /* NULL between requests */
    struct cg_conn_header *headers;   /* of the request, in its arena */
    size_t header_count;              /* CG_CONN_HEADERS_KEPT + 1: there are more than are kept */
    struct cg_memo *memo;             /* from the first request on */
    struct cg_ready *ready;           /* the answer on its way, when it is one that is kept */
    struct cg_http1_conn *woken_next; /* under the loop's lock */
    struct cg_feed *feed;             /* what is being sent while it still comes in, else NULL */
    uint64_t feed_offset;             /* where in it the answer begins */
    struct cg_feed_waiter feed_waiter;
};

struct cg_http1_loop {
    struct cg_http1 *server;
    pthread_t thread;
    struct MHD_Daemon **daemons; /* one a listener */
    int *listen_fds;             /* theirs */
    size_t daemon_count;
    struct pollfd *fds; /* daemons, event, lingering sockets */
    int event_fd;
    struct cg_http1_conn *conns;
    struct cg_delay delay;
    struct cg_linger linger;
    struct cg_ready_table ready;
    size_t waiting; /* suspended connections */
    int64_t now_ms; /* of this turn: the clock is read once for all its connections */
    int64_t sweep_ms;
    bool quiesced;

    pthread_mutex_t lock;
    struct cg_http1_conn *woken; /* to be resumed; pushed by any thread */
};

struct cg_http1 {
    struct cg_gateway *gw;
    struct cg_listen *listens;
    size_t listen_count;
    struct cg_http1_loop *loops;
    size_t loop_count, started;
    unsigned max_connections, idle_s;
    int64_t request_timeout_ms, idle_timeout_ms;
    uint64_t linger_bytes;
    atomic_size_t active;    /* requests from their first line to their last byte */
    atomic_size_t accepting; /* loops that still take connections */
    atomic_bool draining, stopping;
    pthread_mutex_t idle_lock;
    pthread_cond_t idle; /* signalled while draining when active or accepting may have become 0 */
};

/* loop.c */
enum cg_err cg_loop_init(struct cg_http1_loop *loop, struct cg_http1 *server, size_t index,
                         struct cg_error *err) CG_CHECK;
void *cg_loop_main(void *loop); /* the thread; ends when the server is stopping and nothing waits any more */
void cg_loop_destroy(struct cg_http1_loop *loop);
/* Makes the loop look at its flags and its queue. Any thread. */
void cg_loop_kick(struct cg_http1_loop *loop);

/* connection.c: the library's callbacks; `cls` is the loop. */
void cg_conn_notify(void *cls, struct MHD_Connection *mhd, void **socket_context,
                    enum MHD_ConnectionNotificationCode toe);
void *cg_conn_begin(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result cg_conn_handle(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                               const char *version, const char *upload_data, size_t *upload_data_size, void **con_cls);
void cg_conn_completed(void *cls, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode toe);
/* Lets a suspended connection go on. */
void cg_conn_resume(struct cg_http1_conn *conn);
/* Cuts off a client that is too slow with its headers or body, or that has left unnoticed. */
void cg_conn_check_pace(struct cg_http1_conn *conn);

/* Waits for the connection's feed, from inside the library's asking for bytes. */
void cg_conn_await_feed(struct cg_http1_conn *conn);

/* answer.c: queues the request's response, which gives away its body; MHD_NO when it cannot. */
enum MHD_Result cg_answer_queue(struct cg_http1_conn *conn, bool close_after) CG_CHECK;

#endif
