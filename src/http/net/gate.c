/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/net/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log/log.h"
#include "log/metrics.h"

/* The connections that are there already must not wait for all that are to come. */
#define ACCEPTS_A_TURN 64

/* A unix socket is one for all loops: a connection should wake one of them. */
static void listen_on(struct cg_gate *gate, bool on)
{
    cg_watch_set(gate->loop->epoll_fd, &gate->watch, !on ? 0 : gate->local ? EPOLLIN | EPOLLEXCLUSIVE : EPOLLIN);
}

static void enter(struct cg_gate *gate, int fd, struct cg_peer *peer)
{
    gate->open++;
    gate->loop->open++;
    cg_metric_add(CG_METRIC_CONNECTIONS, 1);
    peer->local = gate->local;
    peer->tls = gate->tls;
    cg_arrival_new(gate, fd, peer);
}

void cg_gate_leave(struct cg_gate *gate)
{
    gate->loop->open--;
    cg_metric_add(CG_METRIC_CONNECTIONS, -1);
    if (gate->open-- == gate->loop->server->max_connections)
        cg_gate_open(gate);
}

/* True when the next may be asked for. */
static bool go_on_after(struct cg_gate *gate, int problem)
{
    switch (problem) {
    case EAGAIN:
        return false;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        cg_log(CG_LOG_WARN, "http", NULL, "no new connections for a second: %s", strerror(problem));
        listen_on(gate, false);
        gate->loop->paused = true;
        return false;
    default: /* the connection has failed, not the socket (accept(2)) */
        return true;
    }
}

static void on_ready(struct cg_watch *watch, unsigned events)
{
    struct cg_gate *gate = (struct cg_gate *)watch; /* its first member */
    struct cg_peer peer;

    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN && gate->open < gate->loop->server->max_connections; i++) {
        peer = (struct cg_peer){.len = sizeof(peer.addr)};
        int fd = accept4(watch->fd, (struct sockaddr *)&peer.addr, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0)
            enter(gate, fd, &peer);
        else if (!go_on_after(gate, errno))
            break;
    }
    /* Those beyond the limit wait in the kernel's queue. */
    if (gate->open >= gate->loop->server->max_connections)
        listen_on(gate, false);
}

void cg_gate_init(struct cg_gate *gate, struct cg_loop *loop, const struct cg_listen *listen, int fd)
{
    *gate = (struct cg_gate){
        .watch = {.fd = fd, .ready = on_ready}, .loop = loop, .local = listen->unix_path != NULL, .tls = listen->tls};
    cg_gate_open(gate);
}

void cg_gate_open(struct cg_gate *gate)
{
    if (!gate->shut && gate->open < gate->loop->server->max_connections)
        listen_on(gate, true);
}

void cg_gate_shut(struct cg_gate *gate)
{
    if (gate->shut)
        return;
    gate->shut = true;
    listen_on(gate, false);
    close(gate->watch.fd);
}
