/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A connection of which it is not known yet what it speaks: the handshake of TLS, or a look at the first bytes. */
#include "http/net/loop.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "authz/policy.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "http/address.h"
#include "http/http1/http1.h"
#include "http/net/bridge.h"
#include "log/log.h"

struct arrival {
    struct cg_link link; /* first */
    struct cg_watch watch;
    struct cg_gate *gate;
    struct cg_peer peer;
    struct cg_wire *wire; /* of TLS, NULL for cleartext */
    int64_t since_ms;
};

static struct cg_loop *loop_of(const struct arrival *a)
{
    return a->gate->loop;
}

/* The loop has no more to do with it; whoever gets the descriptor has. */
static void leave(struct arrival *a)
{
    cg_watch_set(loop_of(a)->epoll_fd, &a->watch, 0);
    cg_loop_bury(loop_of(a), &a->link);
}

static void refuse(struct arrival *a)
{
    leave(a);
    if (a->wire)
        cg_wire_free(&a->wire);
    else
        close(a->watch.fd);
    cg_gate_leave(a->gate);
}

/* libmicrohttpd does so by itself. */
static void send_at_once(int fd)
{
    int on = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void to_http1(struct arrival *a)
{
    leave(a);
    cg_http1_adopt(loop_of(a)->http1, a->watch.fd, &a->peer, a->gate);
}

static void to_http2(struct arrival *a, struct cg_wire *wire, const struct cg_http2_upgrade *first)
{
    leave(a);
    cg_carrier_open(a->gate, wire, &a->peer, first);
}

/* TLS */

/* Somebody typed http:// for https://. What they sent is not read, so the socket lingers or they would not see this. */
static void tell_of_tls(struct arrival *a)
{
    static const char answer[] =
        "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 75\r\nConnection: close\r\n\r\n"
        "{\"errors\":[{\"detail\":\"this port speaks TLS: the address begins https://\"}]}";
    struct cg_loop *loop = loop_of(a);
    int fd = cg_wire_fd(a->wire);

    (void)!send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(fd, SHUT_WR);
    cg_linger_add(&loop->linger, fd, loop->server->linger_bytes, loop->now_ms + CG_LINGER_MS);
}

static void after_handshake(struct arrival *a)
{
    struct cg_wire *wire = a->wire;

    send_at_once(a->watch.fd);
    if (cg_tls_chose_http2(wire)) {
        to_http2(a, wire, NULL);
    } else {
        leave(a);
        cg_bridge_open(a->gate, wire, &a->peer);
    }
}

static void handshake(struct arrival *a)
{
    switch (cg_tls_handshake(a->wire)) {
    case CG_HANDSHAKE_DONE:
        after_handshake(a);
        return;
    case CG_HANDSHAKE_WAITS:
        cg_watch_set(loop_of(a)->epoll_fd, &a->watch, cg_wire_read_wants(a->wire));
        return;
    case CG_HANDSHAKE_CLEARTEXT:
        tell_of_tls(a);
        break;
    case CG_HANDSHAKE_FAILED:
        cg_log(CG_LOG_DEBUG, "http", NULL, "no TLS with a client: %s", cg_tls_reason());
        break;
    }
    refuse(a);
}

/* Cleartext */

/* May it have HTTP/2 because a request asks for it? A server that ends takes nothing new, and says so in the answer. A
 * proxy that passes its client's offer on carries bytes from then on and no requests: whatever its client wrote would
 * be taken for the proxy's word (X-Forwarded-For), and would pass its rules. */
static bool may_upgrade(const struct arrival *a)
{
    struct cg_server *server = loop_of(a)->server;
    struct cg_policy *policy = cg_gateway_policy(server->gw);
    bool of_a_proxy = a->peer.local || cg_address_trusted_peer(cg_policy_conf(policy)->trusted_proxies, &a->peer.addr);

    cg_policy_unref(&policy);
    return !of_a_proxy && !atomic_load(&server->draining);
}

/* The request is taken off the socket, and becomes stream 1. */
static void upgrade(struct arrival *a)
{
    static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    struct cg_loop *loop = loop_of(a);
    const size_t head = loop->sniff.head_len, len = sizeof(answer) - 1;
    int fd = a->watch.fd;

    CG_ASSERT(head <= sizeof(loop->block));
    /* What was looked at is there, and nothing was written yet, so neither has to wait. */
    if (recv(fd, loop->block, head, MSG_DONTWAIT) != (ssize_t)head ||
        send(fd, answer, len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)len) {
        refuse(a);
        return;
    }
    send_at_once(fd);
    to_http2(a, cg_wire_new(fd), &loop->sniff.upgrade);
}

static void act_on(struct arrival *a, enum cg_sniffed what, bool last)
{
    switch (what) {
    case CG_SNIFFED_MORE:
        if (last)
            break;
        /* By edges: what has been looked at is still there, and would wake us without end. */
        cg_watch_set(loop_of(a)->epoll_fd, &a->watch, EPOLLIN | EPOLLRDHUP | EPOLLET);
        return;
    case CG_SNIFFED_HTTP2:
        send_at_once(a->watch.fd);
        to_http2(a, cg_wire_new(a->watch.fd), NULL);
        return;
    case CG_SNIFFED_UPGRADE:
        if (!may_upgrade(a))
            break;
        upgrade(a);
        return;
    case CG_SNIFFED_HTTP1:
        break;
    }
    to_http1(a);
}

static void look(struct arrival *a, unsigned events)
{
    struct cg_sniff *sniff = &loop_of(a)->sniff;
    ssize_t n = recv(a->watch.fd, sniff->text, CG_SNIFF_MAX, MSG_PEEK | MSG_DONTWAIT);

    if (n > 0)
        act_on(a, cg_sniff(sniff, (size_t)n), (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
    else if (n < 0 && (errno == EAGAIN || errno == EINTR))
        act_on(a, CG_SNIFFED_MORE, false);
    else
        refuse(a);
}

static void on_ready(struct cg_watch *watch, unsigned events)
{
    struct arrival *a = CG_LINK_OWNER(watch, struct arrival, watch);

    if (a->wire)
        handshake(a);
    else
        look(a, events);
}

static struct cg_wire *wire_of(struct cg_gate *gate, int fd)
{
    struct cg_server *server = gate->loop->server;
    struct cg_tls *tls;
    struct cg_wire *wire;

    pthread_mutex_lock(&server->tls_lock);
    tls = cg_tls_ref(server->tls);
    pthread_mutex_unlock(&server->tls_lock);
    wire = cg_tls_wire_new(tls, fd);
    cg_tls_unref(&tls);
    return wire;
}

void cg_arrival_new(struct cg_gate *gate, int fd, const struct cg_peer *peer)
{
    struct cg_wire *wire = gate->tls ? wire_of(gate, fd) : NULL;
    struct arrival *a;

    if (gate->tls && !wire) {
        cg_gate_leave(gate);
        return;
    }
    a = cg_calloc(1, sizeof(*a));
    a->watch = (struct cg_watch){.fd = fd, .ready = on_ready};
    a->gate = gate;
    a->peer = *peer;
    a->wire = wire;
    a->since_ms = gate->loop->now_ms;
    cg_link_add(&gate->loop->arrivals, &a->link);
    /* Mostly the first bytes are there already. */
    on_ready(&a->watch, 0);
}

/* In their order, so the first is the oldest. */
void cg_arrival_sweep(struct cg_loop *loop)
{
    int64_t limit = loop->now_ms - loop->server->request_timeout_ms;

    while (!cg_link_empty(&loop->arrivals)) {
        struct arrival *a = CG_LINK_OWNER(loop->arrivals.next, struct arrival, link);

        if (a->since_ms > limit)
            return;
        cg_log(CG_LOG_DEBUG, "http", NULL, "a client that does not begin: connection closed");
        refuse(a);
    }
}

void cg_arrival_close_all(struct cg_loop *loop)
{
    while (!cg_link_empty(&loop->arrivals))
        refuse(CG_LINK_OWNER(loop->arrivals.next, struct arrival, link));
}
