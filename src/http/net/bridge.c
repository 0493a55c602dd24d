/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/net/bridge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/http1/http1.h"
#include "log/log.h"

/* Who has been told the end and says nothing for so long was not in the middle of anything. */
#define SILENCE_MS 2000

/* What one side has said and the other has not taken yet. */
struct kept {
    char *bytes;
    size_t at, len;
};

struct bridge {
    struct cg_link link; /* first */
    struct cg_gate *gate;
    struct cg_wire *wire;
    struct cg_watch wire_watch, pair_watch;
    struct kept in, out; /* from and to the client */
    bool in_ended, out_ended;
    bool discards;    /* nobody listens to the client any more */
    int64_t moved_ms; /* when the client last took something, or, once that is over, sent something */
    int64_t ended_ms; /* once out_ended */
    uint64_t discarded;
};

enum flow { FLOW_WAITS, FLOW_ENDED, FLOW_BROKEN };

static struct cg_loop *loop_of(const struct bridge *b)
{
    return b->gate->loop;
}

static void bridge_close(struct bridge *b)
{
    struct cg_loop *loop = loop_of(b);

    cg_watch_set(loop->epoll_fd, &b->wire_watch, 0);
    cg_watch_set(loop->epoll_fd, &b->pair_watch, 0);
    close(b->pair_watch.fd);
    cg_wire_free(&b->wire);
    free(b->in.bytes);
    free(b->out.bytes);
    cg_gate_leave(b->gate);
    cg_loop_bury(loop, &b->link);
}

/* What the library has no ears for any more is gone; what it said before that is still to be carried. */
static ssize_t to_server(struct bridge *b, const void *bytes, size_t len)
{
    ssize_t n = send(b->pair_watch.fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n >= 0 || (errno != EPIPE && errno != ECONNRESET))
        return n;
    b->discards = true;
    return (ssize_t)len;
}

static ssize_t to_client(struct bridge *b, const void *bytes, size_t len)
{
    ssize_t n = cg_wire_write(b->wire, bytes, len);

    if (n > 0)
        b->moved_ms = loop_of(b)->now_ms;
    return n;
}

typedef ssize_t write_fn(struct bridge *b, const void *bytes, size_t len);

/* As much as is taken; what is not stays in *len. False: it never will be (errno). */
static bool write_some(struct bridge *b, write_fn *write_to, const char **bytes, size_t *len)
{
    while (*len) {
        ssize_t n = write_to(b, *bytes, *len);

        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
        *bytes += n;
        *len -= (size_t)n;
    }
    return true;
}

/* True when nothing is kept any more, or *ok_out is false. */
static bool flush(struct bridge *b, struct kept *kept, write_fn *write_to, bool *ok_out)
{
    const char *bytes = kept->bytes + kept->at;
    size_t left = kept->len - kept->at;

    *ok_out = true;
    if (!kept->bytes)
        return true;
    *ok_out = write_some(b, write_to, &bytes, &left);
    kept->at = kept->len - left;
    if (left && *ok_out)
        return false;
    free(kept->bytes);
    *kept = (struct kept){0};
    return true;
}

/* Writes a block that was read; keeps what is left of it. */
static bool pass(struct bridge *b, struct kept *kept, write_fn *write_to, const char *bytes, size_t len)
{
    if (!write_some(b, write_to, &bytes, &len))
        return false;
    if (len) {
        kept->bytes = cg_malloc(len);
        memcpy(kept->bytes, bytes, len);
        kept->len = len;
        kept->at = 0;
    }
    return true;
}

static enum flow read_outcome(ssize_t n)
{
    if (n == 0)
        return FLOW_ENDED;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? FLOW_WAITS : FLOW_BROKEN;
}

/* Client to server. The pair's buffer bounds what one call carries. */
static enum flow carry_in(struct bridge *b)
{
    char *block = loop_of(b)->block;
    bool ok;
    ssize_t n;

    if (!flush(b, &b->in, to_server, &ok))
        return FLOW_WAITS;
    if (!ok)
        return FLOW_BROKEN;
    while ((n = cg_wire_read(b->wire, block, CG_LOOP_BLOCK)) > 0) {
        if (b->discards) {
            b->discarded += (uint64_t)n;
            b->moved_ms = loop_of(b)->now_ms;
            if (b->discarded > loop_of(b)->server->linger_bytes)
                return FLOW_BROKEN;
        } else if (!pass(b, &b->in, to_server, block, (size_t)n)) {
            return FLOW_BROKEN;
        }
        /* What else there is epoll tells of: a read that finds nothing would cost as much as one that does. */
        if (b->in.bytes || !cg_wire_pending(b->wire))
            return FLOW_WAITS;
    }
    return read_outcome(n);
}

/* The library closes with bytes of a refused body unread, which the kernel tells after its last ones: an end, too. */
static enum flow pair_outcome(ssize_t n)
{
    return n < 0 && errno == ECONNRESET ? FLOW_ENDED : read_outcome(n);
}

/* Server to client; FLOW_ENDED once all was taken. */
static enum flow carry_out(struct bridge *b)
{
    char *block = loop_of(b)->block;
    bool ok;
    ssize_t n;

    if (!flush(b, &b->out, to_client, &ok))
        return FLOW_WAITS;
    if (!ok)
        return FLOW_BROKEN;
    while ((n = recv(b->pair_watch.fd, block, CG_LOOP_BLOCK, MSG_DONTWAIT)) > 0) {
        if (!pass(b, &b->out, to_client, block, (size_t)n))
            return FLOW_BROKEN;
        if (b->out.bytes || (size_t)n < CG_LOOP_BLOCK)
            return FLOW_WAITS;
    }
    return pair_outcome(n);
}

static void watch(struct bridge *b)
{
    unsigned wire = 0, pair = 0;

    if (b->in.bytes)
        pair |= EPOLLOUT;
    else if (!b->in_ended)
        wire |= cg_wire_read_wants(b->wire);
    if (b->out.bytes)
        wire |= cg_wire_write_wants(b->wire);
    else if (!b->out_ended)
        pair |= EPOLLIN;
    cg_watch_set(loop_of(b)->epoll_fd, &b->wire_watch, wire);
    cg_watch_set(loop_of(b)->epoll_fd, &b->pair_watch, pair);
}

/* The server has ended; the client is listened to until it has read that, as everywhere (linger.h). */
static void end_out(struct bridge *b)
{
    b->out_ended = true;
    b->discards = true;
    b->moved_ms = b->ended_ms = loop_of(b)->now_ms;
    cg_wire_shutdown(b->wire);
}

static void end_in(struct bridge *b)
{
    b->in_ended = true;
    shutdown(b->pair_watch.fd, SHUT_WR);
}

/* In the directions that may have become possible. */
static void serve(struct bridge *b, bool in_too, bool out_too)
{
    enum flow in = in_too && !b->in_ended ? carry_in(b) : FLOW_WAITS;
    enum flow out = in != FLOW_BROKEN && out_too && !b->out_ended ? carry_out(b) : FLOW_WAITS;

    if (in == FLOW_BROKEN || out == FLOW_BROKEN) {
        bridge_close(b);
        return;
    }
    if (out == FLOW_ENDED)
        end_out(b);
    if (in == FLOW_ENDED)
        end_in(b);
    if (b->in_ended && b->out_ended)
        bridge_close(b);
    else
        watch(b);
}

static void on_wire(struct cg_watch *watched, unsigned events)
{
    struct bridge *b = CG_LINK_OWNER(watched, struct bridge, wire_watch);

    (void)events;
    serve(b, true, b->out.bytes != NULL);
}

static void on_pair(struct cg_watch *watched, unsigned events)
{
    struct bridge *b = CG_LINK_OWNER(watched, struct bridge, pair_watch);

    (void)events;
    serve(b, b->in.bytes != NULL, true);
}

void cg_bridge_open(struct cg_gate *gate, struct cg_wire *wire, const struct cg_peer *peer)
{
    struct bridge *b;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        cg_log(CG_LOG_WARN, "http", NULL, "no sockets for a connection: %s", strerror(errno));
        cg_wire_free(&wire);
        cg_gate_leave(gate);
        return;
    }
    b = cg_calloc(1, sizeof(*b));
    b->gate = gate;
    b->wire = wire;
    b->wire_watch = (struct cg_watch){.fd = cg_wire_fd(wire), .ready = on_wire};
    b->pair_watch = (struct cg_watch){.fd = pair[0], .ready = on_pair};
    cg_link_add(&gate->loop->bridges, &b->link);
    /* When it fails the pair is closed, which is the end that is seen here. */
    cg_http1_adopt(gate->loop->http1, pair[1], peer, NULL);
    serve(b, true, true);
}

/* The library sees to clients that are slow in any other way. */
static bool too_late(const struct bridge *b, int64_t now_ms)
{
    int64_t still_ms = now_ms - b->moved_ms;

    if (b->out_ended)
        return still_ms >= SILENCE_MS || now_ms - b->ended_ms >= CG_LINGER_MS;
    return b->out.bytes && still_ms > loop_of(b)->server->idle_timeout_ms;
}

void cg_bridge_sweep(struct cg_loop *loop)
{
    CG_LINK_EACH (&loop->bridges, link, next) {
        struct bridge *b = CG_LINK_OWNER(link, struct bridge, link);

        if (too_late(b, loop->now_ms))
            bridge_close(b);
    }
}

size_t cg_bridge_carrying(struct cg_loop *loop)
{
    size_t count = 0;

    CG_LINK_EACH (&loop->bridges, link, next) {
        const struct bridge *b = CG_LINK_OWNER(link, struct bridge, link);
        int unread = 0;

        if (!b->out_ended && (b->out.bytes || (ioctl(b->pair_watch.fd, FIONREAD, &unread) == 0 && unread > 0)))
            count++;
    }
    return count;
}

void cg_bridge_close_all(struct cg_loop *loop)
{
    while (!cg_link_empty(&loop->bridges))
        bridge_close(CG_LINK_OWNER(loop->bridges.next, struct bridge, link));
}
