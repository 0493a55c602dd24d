/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/net/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "crategate/clock.h"
#include "http/http1/http1.h"
#include "http/net/bridge.h"

#define SWEEP_MS 1000
#define EVENTS_A_TURN 256

static void on_event(struct cg_watch *watch, unsigned events)
{
    uint64_t count;

    (void)events;
    if (read(watch->fd, &count, sizeof(count)) < 0)
        CG_ASSERT(errno == EAGAIN || errno == EINTR);
}

static void on_http1(struct cg_watch *watch, unsigned events)
{
    (void)events;
    CG_LINK_OWNER(watch, struct cg_loop, http1_watch)->http1_ready = true;
}

static enum cg_err init_descriptors(struct cg_loop *loop, struct cg_error *err)
{
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->event_watch = (struct cg_watch){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .ready = on_event};
    if (loop->epoll_fd < 0 || loop->event_watch.fd < 0)
        return cg_error_set(err, CG_ERR_UNAVAILABLE, "cannot make an event descriptor: %s", strerror(errno));
    cg_watch_set(loop->epoll_fd, &loop->event_watch, EPOLLIN);
    return CG_OK;
}

static void init_gates(struct cg_loop *loop, size_t index)
{
    struct cg_server *server = loop->server;

    loop->gates = cg_calloc(server->listen_count, sizeof(*loop->gates));
    for (; loop->gate_count < server->listen_count; loop->gate_count++) {
        struct cg_listen *listen = &server->listens[loop->gate_count];

        cg_gate_init(&loop->gates[loop->gate_count], loop, listen, cg_listen_take(listen, index));
    }
}

enum cg_err cg_loop_init(struct cg_loop *loop, struct cg_server *server, size_t index, struct cg_error *err)
{
    enum cg_err rc;

    loop->server = server;
    loop->event_watch.fd = -1;
    pthread_mutex_init(&loop->lock, NULL);
    cg_link_init(&loop->arrivals);
    cg_link_init(&loop->bridges);
    cg_link_init(&loop->http2);
    cg_link_init(&loop->leaving);
    cg_link_init(&loop->http2_ready);
    cg_link_init(&loop->buried);
    rc = init_descriptors(loop, err);
    if (rc != CG_OK)
        return rc;
    cg_linger_init(&loop->linger, loop->epoll_fd);
    rc = cg_http1_new(loop, &loop->http1, err);
    if (rc != CG_OK)
        return rc;
    loop->http1_watch = (struct cg_watch){.fd = cg_http1_fd(loop->http1), .ready = on_http1};
    cg_watch_set(loop->epoll_fd, &loop->http1_watch, EPOLLIN);
    init_gates(loop, index);
    return CG_OK;
}

static void free_buried(struct cg_loop *loop)
{
    while (!cg_link_empty(&loop->buried)) {
        struct cg_link *link = loop->buried.next;

        cg_link_remove(link);
        free(link);
    }
}

void cg_loop_bury(struct cg_loop *loop, struct cg_link *link)
{
    cg_link_remove(link);
    cg_link_add(&loop->buried, link);
}

/* Only where no thread has run it, or after that thread has ended. */
void cg_loop_destroy(struct cg_loop *loop)
{
    if (!loop->server)
        return;
    for (size_t i = 0; i < loop->gate_count; i++)
        cg_gate_shut(&loop->gates[i]);
    cg_http1_free(&loop->http1);
    cg_arrival_close_all(loop);
    cg_bridge_close_all(loop);
    cg_carrier_close_all(loop);
    cg_linger_close(&loop->linger);
    free_buried(loop);
    cg_delay_free(&loop->delay);
    if (loop->event_watch.fd >= 0)
        close(loop->event_watch.fd);
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    pthread_mutex_destroy(&loop->lock);
    free(loop->gates);
}

void cg_loop_kick(struct cg_loop *loop)
{
    uint64_t one = 1;

    /* Full means that it is awake already. */
    if (write(loop->event_watch.fd, &one, sizeof(one)) < 0)
        CG_ASSERT(errno == EAGAIN);
}

/* Under the lock to the end: once it is released the loop may be through with what waited, and once nothing waits any
 * more, gone itself. */
void cg_loop_post(struct cg_loop *loop, struct cg_wake *wake)
{
    pthread_mutex_lock(&loop->lock);
    wake->next = loop->posted;
    loop->posted = wake;
    if (!wake->next)
        cg_loop_kick(loop);
    pthread_mutex_unlock(&loop->lock);
}

static void take_posted(struct cg_loop *loop)
{
    struct cg_wake *wake, *next;

    pthread_mutex_lock(&loop->lock);
    wake = loop->posted;
    loop->posted = NULL;
    pthread_mutex_unlock(&loop->lock);
    for (; wake; wake = next) {
        next = wake->next;
        if (wake->due_ms > loop->now_ms)
            cg_delay_push(&loop->delay, wake);
        else
            wake->run(wake);
    }
}

/* Nobody is made to wait for the sake of a delay while we stop. */
static void run_due(struct cg_loop *loop)
{
    int64_t until = atomic_load(&loop->server->stopping) ? INT64_MAX : loop->now_ms;
    struct cg_wake *wake;

    while ((wake = cg_delay_pop(&loop->delay, until)) != NULL)
        wake->run(wake);
}

static void run_http1(struct cg_loop *loop)
{
    if (!loop->http1_ready && loop->now_ms < loop->http1_due_ms)
        return;
    loop->http1_ready = false;
    cg_http1_run(loop->http1);
    loop->http1_due_ms = cg_http1_due(loop->http1, loop->now_ms);
}

static void sweep(struct cg_loop *loop)
{
    if (loop->now_ms < loop->sweep_ms)
        return;
    loop->sweep_ms = loop->now_ms + SWEEP_MS / CG_HTTP1_SLICES;
    loop->slice = (loop->slice + 1) % CG_HTTP1_SLICES;
    cg_http1_sweep(loop->http1, loop->slice);
    if (loop->slice != 0)
        return;
    cg_arrival_sweep(loop);
    cg_bridge_sweep(loop);
    cg_carrier_sweep(loop);
    cg_linger_sweep(&loop->linger, loop->now_ms);
    loop->paused = false;
    for (size_t i = 0; i < loop->gate_count; i++)
        cg_gate_open(&loop->gates[i]);
}

static void tell_drain(struct cg_server *server)
{
    pthread_mutex_lock(&server->idle_lock);
    pthread_cond_broadcast(&server->idle);
    pthread_mutex_unlock(&server->idle_lock);
}

static void note_carrying(struct cg_loop *loop)
{
    size_t now = cg_bridge_carrying(loop);

    if (now > loop->carrying)
        atomic_fetch_add(&loop->server->carrying, now - loop->carrying);
    else
        atomic_fetch_sub(&loop->server->carrying, loop->carrying - now);
    loop->carrying = now;
}

/* In this order: between two of the numbers that whoever drains looks at, no answer may seem to be through that is
 * still on its way. */
static void settle(struct cg_loop *loop)
{
    bool draining = atomic_load(&loop->server->draining);

    if (draining)
        note_carrying(loop);
    if (loop->finished)
        atomic_fetch_sub(&loop->server->active, loop->finished);
    loop->finished = 0;
    if (!draining)
        return;
    if (!loop->quiesced) {
        loop->quiesced = true;
        for (size_t i = 0; i < loop->gate_count; i++)
            cg_gate_shut(&loop->gates[i]);
        cg_carrier_drain(loop);
        atomic_fetch_sub(&loop->server->accepting, 1);
    }
    tell_drain(loop->server);
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* How long nothing can happen by itself; -1: for ever. */
static int turn_timeout(const struct cg_loop *loop, int64_t now_ms)
{
    int64_t next = sooner(cg_delay_next(&loop->delay), loop->http1_due_ms);

    if (loop->http1_ready || !cg_link_empty(&loop->http2_ready))
        return 0;
    if (loop->open > 0 || loop->linger.count > 0 || loop->paused || cg_http1_keeps_files(loop->http1))
        next = sooner(next, loop->sweep_ms);
    if (next == INT64_MAX)
        return -1;
    return next <= now_ms ? 0 : (int)sooner(next - now_ms, INT_MAX);
}

static void serve_events(struct cg_loop *loop)
{
    struct epoll_event events[EVENTS_A_TURN];
    int count = epoll_wait(loop->epoll_fd, events, EVENTS_A_TURN, turn_timeout(loop, cg_clock_mono_ms()));

    CG_ASSERT(count >= 0 || errno == EINTR);
    loop->now_ms = cg_clock_mono_ms();
    for (int i = 0; i < count; i++) {
        struct cg_watch *watch = events[i].data.ptr;

        if (watch->events) /* else it has ended by what came before it in this turn */
            watch->ready(watch, events[i].events);
    }
}

static void turn(struct cg_loop *loop)
{
    serve_events(loop);
    take_posted(loop);
    run_due(loop);
    run_http1(loop);
    cg_carrier_turn(loop);
    sweep(loop); /* after the library has seen to all that it had read of those just resumed */
    settle(loop);
    free_buried(loop);
}

static bool is_needed(const struct cg_loop *loop)
{
    /* The library must not be stopped with suspended connections, and workers must not lose theirs. */
    return !atomic_load(&loop->server->stopping) || cg_http1_waiting(loop->http1) > 0 || cg_carrier_waiting(loop) > 0;
}

void *cg_loop_main(void *cls)
{
    struct cg_loop *loop = cls;

    loop->now_ms = cg_clock_mono_ms();
    while (is_needed(loop))
        turn(loop);
    return NULL;
}
