/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* HTTP/2's connections on the loop: when each is served, and how long it is kept. */
#include "http/net/loop.h"

#include "base/mem.h"

struct carrier {
    struct cg_link link; /* first; in the loop's http2, or in leaving */
    struct cg_link ready;
    struct cg_watch watch;
    struct cg_gate *gate;
    struct cg_http2_conn *conn;
    bool over;
};

static void carrier_free(struct carrier *c)
{
    cg_link_remove(&c->ready);
    cg_watch_set(c->gate->loop->epoll_fd, &c->watch, 0);
    cg_http2_free(&c->conn);
    cg_gate_leave(c->gate);
    cg_loop_bury(c->gate->loop, &c->link);
}

/* Nothing more is to be done with the wire, but requests may be out, with workers or feeds. */
static void end(struct carrier *c)
{
    struct cg_loop *loop = c->gate->loop;

    c->over = true;
    cg_watch_set(loop->epoll_fd, &c->watch, 0);
    cg_link_remove(&c->link);
    cg_link_add(&loop->leaving, &c->link);
}

static void go_on(struct carrier *c, bool more)
{
    if (more)
        cg_watch_set(c->gate->loop->epoll_fd, &c->watch, cg_http2_wants(c->conn));
    else
        end(c);
}

static void serve(struct carrier *c)
{
    cg_link_remove(&c->ready);
    if (!c->over)
        go_on(c, cg_http2_serve(c->conn, c->gate->loop->now_ms));
}

static void on_ready(struct cg_watch *watch, unsigned events)
{
    (void)events;
    serve(CG_LINK_OWNER(watch, struct carrier, watch));
}

void cg_carrier_open(struct cg_gate *gate, struct cg_wire *wire, const struct cg_peer *peer,
                     const struct cg_http2_upgrade *first)
{
    struct cg_loop *loop = gate->loop;
    int fd = cg_wire_fd(wire);
    struct cg_http2_conn *conn = cg_http2_open(&loop->server->http2, loop, wire, &peer->addr, first);
    struct carrier *c;

    if (!conn) {
        cg_gate_leave(gate);
        return;
    }
    c = cg_calloc(1, sizeof(*c));
    *c = (struct carrier){.watch = {.fd = fd, .ready = on_ready}, .gate = gate, .conn = conn};
    cg_link_init(&c->ready);
    cg_link_add(&loop->http2, &c->link);
    cg_http2_set_note(conn, c);
    if (loop->quiesced)
        cg_http2_drain(conn);
    serve(c);
}

/* At once would be in the middle of whatever the connection is doing. */
void cg_loop_serve_http2(struct cg_loop *loop, struct cg_http2_conn *conn)
{
    struct carrier *c = cg_http2_note(conn);

    if (c && !c->over && cg_link_empty(&c->ready))
        cg_link_add(&loop->http2_ready, &c->ready);
}

void cg_carrier_turn(struct cg_loop *loop)
{
    struct cg_link now;

    /* Those that ask again while they are served have their turn in the next round. */
    cg_link_init(&now);
    while (!cg_link_empty(&loop->http2_ready)) {
        struct cg_link *ready = loop->http2_ready.next;

        cg_link_remove(ready);
        cg_link_add(&now, ready);
    }
    while (!cg_link_empty(&now))
        serve(CG_LINK_OWNER(now.next, struct carrier, ready));
    CG_LINK_EACH (&loop->leaving, link, next) {
        struct carrier *c = CG_LINK_OWNER(link, struct carrier, link);

        if (cg_http2_waiting(c->conn) == 0)
            carrier_free(c);
    }
}

void cg_carrier_sweep(struct cg_loop *loop)
{
    CG_LINK_EACH (&loop->http2, link, next) {
        struct carrier *c = CG_LINK_OWNER(link, struct carrier, link);

        go_on(c, cg_http2_check_pace(c->conn, loop->now_ms));
    }
}

void cg_carrier_drain(struct cg_loop *loop)
{
    CG_LINK_EACH (&loop->http2, link, next) {
        struct carrier *c = CG_LINK_OWNER(link, struct carrier, link);

        cg_http2_drain(c->conn);
        serve(c);
    }
}

size_t cg_carrier_waiting(const struct cg_loop *loop)
{
    size_t count = 0;

    CG_LINK_EACH (&loop->http2, link, next)
        count += cg_http2_waiting(CG_LINK_OWNER(link, struct carrier, link)->conn);
    CG_LINK_EACH (&loop->leaving, left, after)
        count += cg_http2_waiting(CG_LINK_OWNER(left, struct carrier, link)->conn);
    return count;
}

void cg_carrier_close_all(struct cg_loop *loop)
{
    while (!cg_link_empty(&loop->http2))
        carrier_free(CG_LINK_OWNER(loop->http2.next, struct carrier, link));
    while (!cg_link_empty(&loop->leaving))
        carrier_free(CG_LINK_OWNER(loop->leaving.next, struct carrier, link));
}
