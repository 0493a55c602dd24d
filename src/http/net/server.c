/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/net/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "conf/conf.h"
#include "crategate/clock.h"
#include "http/net/loop.h"
#include "log/log.h"

/* A refused upload is read up to four times the largest that is allowed. */
#define LINGER_FACTOR 4
#define FRAME_OVERHEAD (1024u * 1024u + 8)
#define DAY_S (24 * 3600)
#define DAYS_BEFORE 30 /* an expiry is worth a warning */

static void read_conf(struct cg_server *server, const struct cg_conf *conf)
{
    server->max_connections = conf->max_connections;
    server->request_timeout_ms = conf->request_timeout;
    server->idle_timeout_ms = conf->idle_timeout;
    server->idle_s = (unsigned)((conf->idle_timeout + 999) / 1000);
    server->linger_bytes = LINGER_FACTOR * (conf->max_crate_size + FRAME_OVERHEAD);
    server->http2 = (struct cg_http2_settings){
        .gw = server->gw,
        .request_timeout_ms = server->request_timeout_ms,
        .idle_timeout_ms = server->idle_timeout_ms,
        .active = &server->active,
        .draining = &server->draining,
        .stopping = &server->stopping,
    };
}

static void tell_certificate(const struct cg_tls *tls)
{
    int64_t left_s = tls ? cg_tls_not_after(tls) - cg_clock_wall_s() : INT64_MAX;

    if (left_s < 0)
        cg_log(CG_LOG_WARN, "http", NULL, "the certificate in tls_certificate has expired");
    else if (left_s < DAYS_BEFORE * DAY_S)
        cg_log(CG_LOG_WARN, "http", NULL, "the certificate in tls_certificate expires in %d days", (int)(left_s / DAY_S));
}

static enum cg_err read_tls(struct cg_server *server, const struct cg_conf *conf, struct cg_error *err)
{
    enum cg_err rc = CG_OK;

    if (*conf->tls_certificate)
        rc = cg_tls_new(conf->tls_certificate, conf->tls_key, &server->tls, err);
    tell_certificate(server->tls);
    return rc;
}

static enum cg_err open_listens(struct cg_server *server, const struct cg_conf *conf, struct cg_error *err)
{
    size_t count = 0;

    while (conf->listen && conf->listen[count])
        count++;
    server->listens = cg_calloc(count + 1, sizeof(*server->listens));
    for (; server->listen_count < count; server->listen_count++) {
        struct cg_listen *listen = &server->listens[server->listen_count];
        enum cg_err rc =
            cg_listen_open(conf->listen[server->listen_count], server->loop_count, server->tls != NULL, listen, err);

        if (rc != CG_OK)
            return rc;
    }
    return CG_OK;
}

static enum cg_err start_thread(struct cg_loop *loop, size_t index, struct cg_error *err)
{
    char name[16];
    int rc = pthread_create(&loop->thread, NULL, cg_loop_main, loop);

    if (rc != 0)
        return cg_error_set(err, CG_ERR_UNAVAILABLE, "cannot start a thread: %s", strerror(rc));
    snprintf(name, sizeof(name), "http-%u", (unsigned)index);
    pthread_setname_np(loop->thread, name);
    return CG_OK;
}

/* All loops are made before one runs: a connection that came to a loop that then fails would be lost. */
static enum cg_err start_loops(struct cg_server *server, struct cg_error *err)
{
    enum cg_err rc = CG_OK;
    sigset_t all, before;

    server->loops = cg_calloc(server->loop_count, sizeof(*server->loops));
    for (size_t i = 0; rc == CG_OK && i < server->loop_count; i++)
        rc = cg_loop_init(&server->loops[i], server, i, err);
    /* Signals belong to the main thread; SIGPIPE, blocked, is the error of a write and nothing else. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (size_t i = 0; rc == CG_OK && i < server->loop_count; i++) {
        rc = start_thread(&server->loops[i], i, err);
        if (rc == CG_OK)
            server->started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static void init_idle(struct cg_server *server)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&server->idle_lock, NULL);
    pthread_mutex_init(&server->tls_lock, NULL);
    pthread_cond_init(&server->idle, &attr);
    pthread_condattr_destroy(&attr);
}

enum cg_err cg_server_start(struct cg_gateway *gw, const struct cg_conf *conf, unsigned loops,
                            struct cg_server **server_out, struct cg_error *err)
{
    struct cg_server *server = cg_calloc(1, sizeof(*server));
    enum cg_err rc;

    server->gw = gw;
    server->loop_count = loops ? loops : 1;
    atomic_init(&server->accepting, server->loop_count);
    init_idle(server);
    read_conf(server, conf);
    rc = read_tls(server, conf, err);
    if (rc == CG_OK)
        rc = open_listens(server, conf, err);
    if (rc == CG_OK)
        rc = start_loops(server, err);
    if (rc == CG_OK)
        *server_out = server;
    else
        cg_server_free(&server);
    return rc;
}

const char *cg_server_address(const struct cg_server *server, size_t i)
{
    return i < server->listen_count ? server->listens[i].address : NULL;
}

bool cg_server_set_tls(struct cg_server *server, struct cg_tls *tls)
{
    struct cg_tls *old = NULL;
    bool fits;

    pthread_mutex_lock(&server->tls_lock);
    fits = (tls != NULL) == (server->tls != NULL);
    if (fits) {
        old = server->tls;
        server->tls = cg_tls_ref(tls);
    }
    pthread_mutex_unlock(&server->tls_lock);
    cg_tls_unref(&old);
    if (fits)
        tell_certificate(tls);
    return fits;
}

static void kick_all(struct cg_server *server)
{
    for (size_t i = 0; i < server->started; i++)
        cg_loop_kick(&server->loops[i]);
}

static bool busy(struct cg_server *server)
{
    return atomic_load(&server->accepting) > 0 || atomic_load(&server->active) > 0 ||
           atomic_load(&server->carrying) > 0;
}

void cg_server_drain(struct cg_server *server, int64_t timeout_ms)
{
    int64_t until = cg_clock_mono_ms() + timeout_ms;
    struct timespec deadline = {.tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000};
    int rc = 0;

    atomic_store(&server->draining, true);
    kick_all(server);
    pthread_mutex_lock(&server->idle_lock);
    while (busy(server) && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&server->idle, &server->idle_lock, &deadline);
    pthread_mutex_unlock(&server->idle_lock);
}

void cg_server_free(struct cg_server **serverp)
{
    struct cg_server *server = *serverp;

    if (!server)
        return;
    atomic_store(&server->draining, true);
    atomic_store(&server->stopping, true);
    kick_all(server);
    for (size_t i = 0; i < server->started; i++)
        pthread_join(server->loops[i].thread, NULL);
    for (size_t i = 0; server->loops && i < server->loop_count; i++)
        cg_loop_destroy(&server->loops[i]);
    for (size_t i = 0; i < server->listen_count; i++)
        cg_listen_close(&server->listens[i]);
    pthread_cond_destroy(&server->idle);
    pthread_mutex_destroy(&server->idle_lock);
    pthread_mutex_destroy(&server->tls_lock);
    cg_tls_unref(&server->tls);
    free(server->loops);
    free(server->listens);
    free(server);
    *serverp = NULL;
}
