/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The two sides of an HTTP/2 connection in one thread: a connection of ours with
 * the smallest loop that it can live in, and a client, nghttp2's own or one that
 * sends what it is told to. Every wait ends within 20 seconds.
 */
#ifndef CG_TESTS_HTTP_H2_PEER_H
#define CG_TESTS_HTTP_H2_PEER_H

#include <nghttp2/nghttp2.h>
#include <pthread.h>
#include <stdatomic.h>

#include "fixture.h"
#include "http/http2/http2.h"
#include "http/net/wake.h"

#define H2_REPLIES 512

struct h2_reply {
    int32_t id;                 /* 0: none */
    unsigned status, continues; /* of them "100" */
    char headers[2048];         /* "name: value\n" each */
    char *body;
    size_t len;
    bool closed, ended;
    uint32_t code; /* of its end */
    /* what it uploads */
    uint64_t upload_len, upload_at;
    bool stalls; /* stops after stall_at bytes, until h2_go_on() */
    uint64_t stall_at;
    unsigned order; /* 1: the first that was complete */
};

struct cg_loop {
    pthread_mutex_t lock;
    int event_fd;
    struct cg_wake *woken, *due;
    bool again;
};

struct h2 {
    struct fixture f;
    struct cg_loop loop;
    struct cg_http2_settings settings;
    atomic_size_t active;
    atomic_bool draining, stopping;
    struct cg_http2_conn *conn; /* NULL: it has ended and was freed */
    bool over;                  /* serve has said that nothing more can be done */

    int fd;                  /* the client's end; -1: closed */
    nghttp2_session *client; /* NULL: raw */
    bool deaf;               /* reads nothing */
    struct h2_reply replies[H2_REPLIES];
    unsigned ended;
    bool goaway;
    uint32_t goaway_code;
    int32_t goaway_last;
    unsigned goaways;

    unsigned char *in; /* raw: all that came */
    size_t in_len;
};

/* `client_window`: of each stream, 0 the protocol's. Raw: no client session, and nothing is sent by itself. */
void h2_open(struct h2 *t, int32_t client_window);
void h2_open_raw(struct h2 *t);
/* Raw, of a request that came over HTTP/1.1. */
void h2_open_upgrade(struct h2 *t, const struct cg_http2_upgrade *first);
void h2_close(struct h2 *t);
/* Ends a raw connection, and opens another one to the same gateway. */
void h2_reconnect(struct h2 *t);

/* Sends a request; its stream. `headers`: name, value, name, value..., NULL. upload_len UINT64_MAX: no body. */
int32_t h2_request(struct h2 *t, const char *method, const char *path, const char *const *headers, uint64_t upload_len);
int32_t h2_get(struct h2 *t, const char *path);
void h2_go_on(struct h2 *t, int32_t id);
struct h2_reply *h2_reply(struct h2 *t, int32_t id);
/* Turns the crank until it is closed, or fails the test. */
struct h2_reply *h2_wait(struct h2 *t, int32_t id);
/* The same until the answer is complete, whatever becomes of the request. */
struct h2_reply *h2_wait_answer(struct h2 *t, int32_t id);
/* Once around. */
void h2_turn(struct h2 *t);
/* Until `until` says so; fails the test when it never does. */
void h2_until(struct h2 *t, bool (*until)(struct h2 *t));
bool h2_is_over(struct h2 *t);
const char *h2_header(const struct h2_reply *reply, const char *name); /* static storage; NULL */

/* Raw. The preface, and SETTINGS without entries. */
void h2_preface(struct h2 *t);
/* False: the other side has closed. Turns the crank as long as the bytes do not go out. */
bool h2_raw(struct h2 *t, const void *bytes, size_t len);
bool h2_frame(struct h2 *t, unsigned char type, unsigned char flags, uint32_t id, const void *payload, size_t len);
/* The first frame of the type (from the i-th byte of `in` on); its offset, or SIZE_MAX. */
size_t h2_find(const struct h2 *t, unsigned char type, size_t from);
/* A GOAWAY came: its code; UINT32_MAX: none. */
uint32_t h2_raw_goaway(const struct h2 *t);

#endif
