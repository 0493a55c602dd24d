/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/http1/loop.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "crategate/clock.h"
#include "log/log.h"

/* performance.md: the library clears it after each request; this holds headers with a token of 12 KB. */
#define CONNECTION_MEMORY (16u * 1024u)
#define SWEEP_MS 1000

/* What the library complains of is mostly what clients do. */
CG_PRINTF(2, 0) static void log_library(void *cls, const char *fmt, va_list args)
{
    char line[512];

    (void)cls;
    vsnprintf(line, sizeof(line), fmt, args);
    line[strcspn(line, "\n")] = '\0';
    cg_log(CG_LOG_DEBUG, "http", NULL, "libmicrohttpd: %s", line);
}

/* The router decodes, once. */
static size_t leave_escaped(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls, (void)mhd;
    return strlen(text);
}

static struct MHD_Daemon *start_daemon(struct cg_http1_loop *loop, int listen_fd)
{
    const struct cg_http1 *server = loop->server;

    /* No thread of the library's own: its epoll loop stalls for good once 128 connections are ready. */
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, cg_conn_handle, loop,
        MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL, MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_LIMIT,
        server->max_connections, MHD_OPTION_CONNECTION_TIMEOUT, server->idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY,
        /* 1 would be stricter, but the library then answers a missing Host with two heads and no JSON. */
        MHD_OPTION_STRICT_FOR_CLIENT, 0,
        /* Without it files are read and copied instead of sent (0.2 of the speed). */
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, cg_conn_begin, loop, MHD_OPTION_NOTIFY_CONNECTION, cg_conn_notify, loop,
        MHD_OPTION_NOTIFY_COMPLETED, cg_conn_completed, loop, MHD_OPTION_END);
}

enum cg_err cg_loop_init(struct cg_http1_loop *loop, struct cg_http1 *server, size_t index, struct cg_error *err)
{
    size_t count = server->listen_count;

    loop->server = server;
    pthread_mutex_init(&loop->lock, NULL);
    loop->daemons = cg_calloc(count, sizeof(*loop->daemons));
    loop->listen_fds = cg_calloc(count, sizeof(*loop->listen_fds));
    loop->fds = cg_calloc(count + 1 + CG_LINGER_MAX, sizeof(*loop->fds));
    loop->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->event_fd < 0)
        return cg_error_set(err, CG_ERR_UNAVAILABLE, "cannot make an event descriptor: %s", strerror(errno));
    for (; loop->daemon_count < count; loop->daemon_count++) {
        int fd = cg_listen_take(&server->listens[loop->daemon_count], index);
        struct MHD_Daemon *daemon = start_daemon(loop, fd);

        if (!daemon) {
            close(fd);
            return cg_error_set(err, CG_ERR_UNAVAILABLE, "libmicrohttpd does not start on %s",
                                server->listens[loop->daemon_count].address);
        }
        loop->daemons[loop->daemon_count] = daemon;
        loop->listen_fds[loop->daemon_count] = fd;
    }
    return CG_OK;
}

/* Only where no thread has run it, or after that thread has ended. */
void cg_loop_destroy(struct cg_http1_loop *loop)
{
    if (!loop->server)
        return;
    for (size_t i = 0; i < loop->daemon_count; i++)
        MHD_stop_daemon(loop->daemons[i]); /* closes its listening socket, unless quiesced */
    cg_ready_free_all(&loop->ready);
    cg_linger_close(&loop->linger);
    cg_delay_free(&loop->delay);
    if (loop->event_fd >= 0)
        close(loop->event_fd);
    pthread_mutex_destroy(&loop->lock);
    free(loop->daemons);
    free(loop->listen_fds);
    free(loop->fds);
}

void cg_loop_kick(struct cg_http1_loop *loop)
{
    uint64_t one = 1;

    /* Full means that it is awake already. */
    if (write(loop->event_fd, &one, sizeof(one)) < 0)
        CG_ASSERT(errno == EAGAIN);
}

static void clear_event(const struct cg_http1_loop *loop)
{
    uint64_t count;

    if (read(loop->event_fd, &count, sizeof(count)) < 0)
        CG_ASSERT(errno == EAGAIN || errno == EINTR);
}

static void take_woken(struct cg_http1_loop *loop)
{
    struct cg_http1_conn *conn, *next;

    pthread_mutex_lock(&loop->lock);
    conn = loop->woken;
    loop->woken = NULL;
    pthread_mutex_unlock(&loop->lock);
    for (; conn; conn = next) {
        next = conn->woken_next;
        if (conn->req->resume_at_ms > loop->now_ms)
            cg_delay_push(&loop->delay, conn, conn->req->resume_at_ms);
        else
            cg_conn_resume(conn);
    }
}

/* Nobody is made to wait for the sake of a delay while we stop. */
static void resume_due(struct cg_http1_loop *loop)
{
    int64_t until = atomic_load(&loop->server->stopping) ? INT64_MAX : loop->now_ms;
    struct cg_http1_conn *conn;

    while ((conn = cg_delay_pop(&loop->delay, until)) != NULL)
        cg_conn_resume(conn);
}

static void sweep(struct cg_http1_loop *loop)
{
    if (loop->now_ms < loop->sweep_ms)
        return;
    loop->sweep_ms = loop->now_ms + SWEEP_MS;
    for (struct cg_http1_conn *conn = loop->conns, *next; conn; conn = next) {
        next = conn->next;
        cg_conn_check_pace(conn);
    }
}

static void quiesce(struct cg_http1_loop *loop)
{
    if (loop->quiesced)
        return;
    loop->quiesced = true;
    for (size_t i = 0; i < loop->daemon_count; i++) {
        MHD_quiesce_daemon(loop->daemons[i]);
        close(loop->listen_fds[i]);
    }
    atomic_fetch_sub(&loop->server->accepting, 1);
}

static void tell_drain(struct cg_http1 *server)
{
    pthread_mutex_lock(&server->idle_lock);
    pthread_cond_broadcast(&server->idle);
    pthread_mutex_unlock(&server->idle_lock);
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* How long nothing can happen by itself; -1: for ever. */
static int poll_timeout(struct cg_http1_loop *loop, int64_t now_ms)
{
    int64_t next = sooner(cg_delay_next(&loop->delay), cg_linger_next(&loop->linger));
    MHD_UNSIGNED_LONG_LONG ms;

    if (loop->conns)
        next = sooner(next, loop->sweep_ms);
    for (size_t i = 0; i < loop->daemon_count; i++)
        if (MHD_get_timeout(loop->daemons[i], &ms) == MHD_YES)
            next = sooner(next, now_ms + (int64_t)(ms < INT_MAX ? ms : INT_MAX));
    if (next == INT64_MAX)
        return -1;
    return next <= now_ms ? 0 : (int)sooner(next - now_ms, INT_MAX);
}

static void wait_for_events(struct cg_http1_loop *loop)
{
    size_t events = loop->daemon_count + 1;

    cg_linger_watch(&loop->linger, loop->fds + events);
    if (poll(loop->fds, events + loop->linger.count, poll_timeout(loop, cg_clock_mono_ms())) < 0) {
        CG_ASSERT(errno == EINTR || errno == ENOMEM);
        for (size_t i = 0; i < events + loop->linger.count; i++)
            loop->fds[i].revents = 0;
    }
}

static void turn(struct cg_http1_loop *loop)
{
    wait_for_events(loop);
    loop->now_ms = cg_clock_mono_ms();
    cg_linger_serve(&loop->linger, loop->fds + loop->daemon_count + 1, loop->now_ms);
    if (loop->fds[loop->daemon_count].revents)
        clear_event(loop);
    take_woken(loop);
    resume_due(loop);
    if (atomic_load(&loop->server->draining))
        quiesce(loop);
    for (size_t i = 0; i < loop->daemon_count; i++)
        MHD_run(loop->daemons[i]);
    sweep(loop); /* after the library has seen to all that it had read of those just resumed */
    if (loop->quiesced)
        tell_drain(loop->server);
}

void *cg_loop_main(void *cls)
{
    struct cg_http1_loop *loop = cls;

    for (size_t i = 0; i < loop->daemon_count; i++)
        loop->fds[i] = (struct pollfd){.fd = MHD_get_daemon_info(loop->daemons[i], MHD_DAEMON_INFO_EPOLL_FD)->listen_fd,
                                       .events = POLLIN};
    loop->fds[loop->daemon_count] = (struct pollfd){.fd = loop->event_fd, .events = POLLIN};
    /* The library must not be stopped with suspended connections, and workers must not lose theirs. */
    while (!atomic_load(&loop->server->stopping) || loop->waiting > 0)
        turn(loop);
    return NULL;
}
