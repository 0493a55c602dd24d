/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * HTTP/2 (RFC 9113) as a transport under the pipeline, with nghttp2: one
 * connection, its streams and their requests. The loop (net/) gives it a wire
 * and calls it; nghttp2's types stay in this folder.
 *
 * Threading: everything on the loop's thread. A stream whose request waits stays
 * valid, and so does its connection, until its wake has run, whatever the client
 * does; so a connection that is to be closed may live on for a while ("lingers").
 */
#ifndef CG_HTTP_HTTP2_HTTP2_H
#define CG_HTTP_HTTP2_HTTP2_H

#include "http/http.h"
#include "http/net/wire.h"

struct cg_http2_conn;
struct cg_loop;

/* What its server says; the same for all connections, valid until the last has gone. */
struct cg_http2_settings {
    struct cg_gateway *gw;
    int64_t request_timeout_ms, idle_timeout_ms;
    atomic_size_t *active; /* requests from their HEADERS to their last byte */
    const atomic_bool *draining, *stopping;
};

/* The request that came with "Upgrade: h2c" (RFC 7540, section 3.2); it becomes stream 1. Borrowed for the call. */
struct cg_http2_upgrade {
    const char *method, *target;     /* as sent */
    const char *settings;            /* value of HTTP2-Settings, base64url */
    const struct cg_header *headers; /* the others */
    size_t header_count;
    const void *extra; /* bytes that were read behind the request already */
    size_t extra_len;
};

/* Takes the wire (also when it fails). `first` may be NULL: the client begins with the preface. NULL when the upgrade's
 * settings cannot be read: the wire is closed then. */
struct cg_http2_conn *cg_http2_open(const struct cg_http2_settings *settings, struct cg_loop *loop,
                                    struct cg_wire *wire, const struct sockaddr_storage *peer,
                                    const struct cg_http2_upgrade *first);
/* Reads and writes as far as goes without waiting. False: there is nothing more to be done with the wire, and the
 * connection is to be freed with cg_http2_free() as soon as cg_http2_waiting() is 0. */
bool cg_http2_serve(struct cg_http2_conn *conn, int64_t now_ms);
/* EPOLLIN, EPOLLOUT: when to call serve again. */
unsigned cg_http2_wants(const struct cg_http2_conn *conn);
/* Called by the connection whenever it should be served outside of cg_http2_serve() (a stream was woken): the loop's
 * part; defined in net/. */
void cg_loop_serve_http2(struct cg_loop *loop, struct cg_http2_conn *conn);
/* Requests that are with a worker, a feed or a delay. */
size_t cg_http2_waiting(const struct cg_http2_conn *conn);
/* The server stops taking requests: GOAWAY, streams under way end well. */
void cg_http2_drain(struct cg_http2_conn *conn);
/* Once a second: time-outs (idle, slow headers or bodies, unanswered settings). False as in serve. */
bool cg_http2_check_pace(struct cg_http2_conn *conn, int64_t now_ms);
/* No stream may be waiting. */
void cg_http2_free(struct cg_http2_conn **conn);
/* The loop's own note of a connection: where it is in its lists. */
void cg_http2_set_note(struct cg_http2_conn *conn, void *note);
void *cg_http2_note(const struct cg_http2_conn *conn);

#endif
