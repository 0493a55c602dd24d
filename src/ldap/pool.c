/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "ldap/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/digest.h"
#include "base/mem.h"
#include "crategate/clock.h"
#include "ldap/result.h"

/* A pooled connection. */
struct handle {
    struct cg_ldap_conn *conn;
    size_t server;
    int64_t expires_ms; /* its lifetime's end, jittered so that not all end at once */
    int64_t used_ms;
    struct handle *next;
};

struct cg_ldap_pool {
    const struct cg_conf_ldap *conf;
    struct cg_ldap_servers *servers;
    pthread_mutex_t lock; /* idle, open; the servers' own lock is taken inside it */
    pthread_cond_t freed;
    struct handle *idle; /* the last used first */
    unsigned open;       /* idle ones, lent ones and those being dialled */
};

struct cg_ldap_pool *cg_ldap_pool_new(const struct cg_conf_ldap *conf, struct cg_ldap_servers *servers)
{
    struct cg_ldap_pool *pool = cg_calloc(1, sizeof(*pool));
    pthread_condattr_t attr;

    pool->conf = conf;
    pool->servers = servers;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->freed, &attr);
    pthread_condattr_destroy(&attr);
    return pool;
}

static void close_handle(struct handle *h)
{
    cg_ldap_conn_close(&h->conn);
    free(h);
}

static void close_list(struct handle *list)
{
    while (list) {
        struct handle *h = list;

        list = h->next;
        close_handle(h);
    }
}

void cg_ldap_pool_free(struct cg_ldap_pool **pool)
{
    if (!*pool)
        return;
    close_list((*pool)->idle);
    pthread_cond_destroy(&(*pool)->freed);
    pthread_mutex_destroy(&(*pool)->lock);
    free(*pool);
    *pool = NULL;
}

int64_t cg_ldap_pool_jittered(int64_t lifetime)
{
    uint32_t random;

    cg_random(&random, sizeof(random));
    return lifetime - lifetime / 10 * (random % 1000) / 1000;
}

static bool stale(struct cg_ldap_pool *pool, const struct handle *h, int64_t now)
{
    return now >= h->expires_ms || now - h->used_ms >= pool->conf->pool_idle_timeout ||
           cg_ldap_servers_better_than(pool->servers, h->server);
}

/* Takes the stale ones out of the idle list; the caller closes them without the lock. */
static struct handle *take_stale(struct cg_ldap_pool *pool)
{
    struct handle *out = NULL;
    int64_t now = cg_clock_mono_ms();

    for (struct handle **at = &pool->idle; *at;) {
        struct handle *h = *at;

        if (!stale(pool, h, now)) {
            at = &h->next;
            continue;
        }
        *at = h->next;
        h->next = out;
        out = h;
        pool->open--;
    }
    return out;
}

/* An idle handle, or NULL with room made for a new one; UNAVAILABLE when neither comes free in time. */
static enum cg_err reserve(struct cg_ldap_pool *pool, int64_t deadline, struct handle **idle_out, struct cg_error *err)
{
    struct timespec until = {.tv_sec = (time_t)(deadline / 1000), .tv_nsec = (long)(deadline % 1000) * 1000000};
    struct handle *old;
    enum cg_err rc = CG_OK;

    pthread_mutex_lock(&pool->lock);
    old = take_stale(pool);
    while (!pool->idle && pool->open >= pool->conf->pool_size && rc == CG_OK)
        if (pthread_cond_timedwait(&pool->freed, &pool->lock, &until) != 0)
            rc = cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT,
                               "all %u connections (ldap.pool_size) are in use", pool->conf->pool_size);
    if (rc == CG_OK) {
        *idle_out = pool->idle;
        if (pool->idle)
            pool->idle = pool->idle->next;
        else
            pool->open++;
    }
    pthread_mutex_unlock(&pool->lock);
    close_list(old);
    return rc;
}

static void forget(struct cg_ldap_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->open--;
    pthread_cond_signal(&pool->freed);
    pthread_mutex_unlock(&pool->lock);
}

static enum cg_err acquire(struct cg_ldap_pool *pool, int64_t deadline, struct handle **handle_out, bool *fresh_out,
                           struct cg_error *err)
{
    struct handle *h = NULL;
    struct cg_ldap_conn *conn = NULL;
    size_t server = 0;
    enum cg_err rc = reserve(pool, deadline, &h, err);

    if (rc != CG_OK)
        return rc;
    *fresh_out = !h;
    if (!h) {
        rc = cg_ldap_servers_open(pool->servers, true, deadline, &conn, &server, err);
        if (rc != CG_OK) {
            forget(pool);
            return rc;
        }
        h = cg_calloc(1, sizeof(*h));
        h->conn = conn;
        h->server = server;
        h->expires_ms = cg_clock_mono_ms() + cg_ldap_pool_jittered(pool->conf->pool_max_lifetime);
    }
    *handle_out = h;
    return CG_OK;
}

static void release(struct cg_ldap_pool *pool, struct handle *h)
{
    if (cg_ldap_conn_dead(h->conn)) {
        close_handle(h);
        forget(pool);
        return;
    }
    h->used_ms = cg_clock_mono_ms();
    pthread_mutex_lock(&pool->lock);
    h->next = pool->idle;
    pool->idle = h;
    pthread_cond_signal(&pool->freed);
    pthread_mutex_unlock(&pool->lock);
}

/* One connection of a server died: the idle ones beside it most likely did too (it was restarted). */
static void drop_idle(struct cg_ldap_pool *pool, size_t server)
{
    struct handle *out = NULL;

    pthread_mutex_lock(&pool->lock);
    for (struct handle **at = &pool->idle; *at;) {
        struct handle *h = *at;

        if (h->server != server) {
            at = &h->next;
            continue;
        }
        *at = h->next;
        h->next = out;
        out = h;
        pool->open--;
    }
    pthread_cond_broadcast(&pool->freed);
    pthread_mutex_unlock(&pool->lock);
    close_list(out);
}

/* One try; err is not NULL. *again_out: it failed because of the connection, and another one may do better. */
static enum cg_err try_search(struct cg_ldap_pool *pool, const struct cg_ldap_search *search, int64_t deadline,
                              struct cg_ldap_result *result, bool *again_out, struct cg_error *err)
{
    struct cg_ldap_result found = {0};
    struct handle *h = NULL;
    bool fresh = false;
    int64_t start = cg_clock_mono_ms();
    enum cg_err rc = acquire(pool, deadline, &h, &fresh, err);

    *again_out = false;
    if (rc != CG_OK)
        return rc;
    rc = cg_ldap_conn_search(h->conn, search, deadline, &found, err);
    if (rc == CG_ERR_UNAVAILABLE && cg_ldap_conn_broken(h->conn)) {
        *again_out = true;
        /* An old connection that is simply gone says nothing about its server; silence does. */
        if (fresh || cg_clock_mono_ms() - start >= pool->conf->operation_timeout)
            cg_ldap_servers_failed(pool->servers, h->server, err);
        drop_idle(pool, h->server);
    }
    release(pool, h);
    result->code = found.code;
    if (rc == CG_OK || rc == CG_ERR_TOO_LARGE)
        cg_ldap_result_append(result, &found);
    cg_ldap_result_free(&found);
    return rc;
}

enum cg_err cg_ldap_pool_search(struct cg_ldap_pool *pool, const struct cg_ldap_search *search, int64_t deadline,
                                struct cg_ldap_result *result, struct cg_error *err)
{
    struct cg_error own = {0};
    bool again;
    enum cg_err rc = try_search(pool, search, deadline, result, &again, &own);

    if (again && cg_clock_mono_ms() < deadline)
        rc = try_search(pool, search, deadline, result, &again, &own);
    if (rc != CG_OK && err)
        *err = own;
    return rc;
}

unsigned cg_ldap_pool_open(struct cg_ldap_pool *pool)
{
    unsigned open;

    pthread_mutex_lock(&pool->lock);
    open = pool->open;
    pthread_mutex_unlock(&pool->lock);
    return open;
}
