/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * One polling thread and all its connections: the inside of the transports. A
 * connection begins at a gate (a listening socket), is an arrival until it is
 * known what it speaks, and then one of three: libmicrohttpd's (http1/), a bridge
 * to that with TLS, or HTTP/2's.
 *
 * Threading: everything is the loop thread's own but what `lock` guards and the
 * atomics.
 */
#ifndef CG_HTTP_NET_LOOP_H
#define CG_HTTP_NET_LOOP_H

#include <pthread.h>
#include <stdatomic.h>

#include "http/http.h"
#include "http/http2/http2.h"
#include "http/net/delay.h"
#include "http/net/link.h"
#include "http/net/linger.h"
#include "http/net/listen.h"
#include "http/net/sniff.h"
#include "http/net/tls.h"
#include "http/net/watch.h"

#define CG_LOOP_BLOCK (64u * 1024u)

struct cg_http1;

/* Who is at the other end of a connection. */
struct cg_peer {
    struct sockaddr_storage addr;
    socklen_t len;
    bool local; /* a unix socket */
    bool tls;
};

/* A listening socket of a loop, and the number of connections that came by it. */
struct cg_gate {
    struct cg_watch watch; /* first */
    struct cg_loop *loop;
    size_t open;
    bool local, tls, shut;
};

struct cg_loop {
    struct cg_server *server;
    pthread_t thread;
    int epoll_fd;
    struct cg_watch event_watch, http1_watch;
    struct cg_gate *gates; /* one a listener */
    size_t gate_count, open;
    struct cg_http1 *http1;
    struct cg_link arrivals, bridges, http2, leaving; /* leaving: HTTP/2 connections that are over, but waited for */
    struct cg_link http2_ready;                       /* to be served in this turn */
    struct cg_link buried;                            /* to be freed at the end of the turn */
    struct cg_delay delay;
    struct cg_linger linger;
    int64_t now_ms; /* of this turn: the clock is read once for all its connections */
    int64_t sweep_ms, http1_due_ms;
    unsigned slice; /* of HTTP/1.1's connections: the one that was swept last; the others' turn is at 0 */
    size_t finished;  /* requests that libmicrohttpd ended in this turn: see settle() */
    size_t carrying;  /* this loop's part of the server's */
    bool http1_ready; /* libmicrohttpd has something to do */
    bool quiesced;
    bool paused;               /* a gate takes nobody before the next sweep, for want of descriptors */
    struct cg_sniff sniff;     /* of whatever is looked at */
    char block[CG_LOOP_BLOCK]; /* of whatever is carried */

    pthread_mutex_t lock;
    struct cg_wake *posted;
};

struct cg_server {
    struct cg_gateway *gw;
    struct cg_listen *listens;
    size_t listen_count;
    struct cg_loop *loops;
    size_t loop_count, started;
    unsigned max_connections, idle_s;
    int64_t request_timeout_ms, idle_timeout_ms;
    uint64_t linger_bytes;
    struct cg_http2_settings http2;
    atomic_size_t active;    /* requests from their first line to their last byte */
    atomic_size_t carrying;  /* while draining: connections whose last bytes are still on their way through a bridge */
    atomic_size_t accepting; /* loops that still take connections */
    atomic_bool draining, stopping;
    pthread_mutex_t idle_lock;
    pthread_cond_t idle; /* signalled while draining when one of the three above may have become 0 */
    pthread_mutex_t tls_lock;
    struct cg_tls *tls; /* under tls_lock; NULL: cleartext */
};

/* loop.c */
enum cg_err cg_loop_init(struct cg_loop *loop, struct cg_server *server, size_t index, struct cg_error *err) CG_CHECK;
void *cg_loop_main(void *loop); /* the thread; ends when the server is stopping and nothing waits any more */
void cg_loop_destroy(struct cg_loop *loop);
/* Makes the loop look at its flags and its queue. Any thread. */
void cg_loop_kick(struct cg_loop *loop);
/* Frees at the end of the turn what begins with this link and has no watch any more: events of it may be in hand. */
void cg_loop_bury(struct cg_loop *loop, struct cg_link *link);

/* gate.c: takes the descriptor. */
void cg_gate_init(struct cg_gate *gate, struct cg_loop *loop, const struct cg_listen *listen, int fd);
/* Takes connections while there is room; called when there may be again. */
void cg_gate_open(struct cg_gate *gate);
/* No more of them. */
void cg_gate_shut(struct cg_gate *gate);
/* One of its connections has ended. */
void cg_gate_leave(struct cg_gate *gate);

/* arrival.c: takes the descriptor, which counts at the gate. */
void cg_arrival_new(struct cg_gate *gate, int fd, const struct cg_peer *peer);
/* Once a second: cuts off who is too slow with the beginning. */
void cg_arrival_sweep(struct cg_loop *loop);
void cg_arrival_close_all(struct cg_loop *loop);

/* carrier.c: HTTP/2's connections on the loop; takes the wire. */
void cg_carrier_open(struct cg_gate *gate, struct cg_wire *wire, const struct cg_peer *peer,
                     const struct cg_http2_upgrade *first);
/* Serves those that are due outside of their own events, and frees those that are over and not waited for. */
void cg_carrier_turn(struct cg_loop *loop);
void cg_carrier_sweep(struct cg_loop *loop);
void cg_carrier_drain(struct cg_loop *loop);
size_t cg_carrier_waiting(const struct cg_loop *loop);
void cg_carrier_close_all(struct cg_loop *loop);

#endif
