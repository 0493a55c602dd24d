/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "ldap/servers.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "crategate/clock.h"
#include "ldap/result.h"
#include "ldap/service.h"
#include "log/log.h"

struct server {
    const char *uri;
    int64_t down_until;    /* monotonic; 0: up */
    int64_t refused_until; /* no service bind before that */
};

struct cg_ldap_servers {
    const struct cg_ldap_link *link;
    pthread_mutex_t lock; /* down_until, refused_until */
    size_t count;
    struct server server[];
};

struct cg_ldap_servers *cg_ldap_servers_new(const struct cg_ldap_link *link)
{
    struct cg_ldap_servers *servers;
    size_t count = 0;

    while (link->conf->uri[count])
        count++;
    servers = cg_calloc(1, sizeof(*servers) + count * sizeof(servers->server[0]));
    servers->link = link;
    servers->count = count;
    for (size_t i = 0; i < count; i++)
        servers->server[i].uri = link->conf->uri[i];
    pthread_mutex_init(&servers->lock, NULL);
    return servers;
}

void cg_ldap_servers_free(struct cg_ldap_servers **servers)
{
    if (!*servers)
        return;
    pthread_mutex_destroy(&(*servers)->lock);
    free(*servers);
    *servers = NULL;
}

static bool usable(struct cg_ldap_servers *servers, size_t index)
{
    bool up;

    pthread_mutex_lock(&servers->lock);
    up = servers->server[index].down_until <= cg_clock_mono_ms();
    pthread_mutex_unlock(&servers->lock);
    return up;
}

bool cg_ldap_servers_better_than(struct cg_ldap_servers *servers, size_t index)
{
    int64_t now = cg_clock_mono_ms();
    bool better = false;

    pthread_mutex_lock(&servers->lock);
    for (size_t i = 0; i < index; i++)
        better = better || (servers->server[i].down_until <= now && servers->server[i].refused_until <= now);
    pthread_mutex_unlock(&servers->lock);
    return better;
}

void cg_ldap_servers_failed(struct cg_ldap_servers *servers, size_t index, const struct cg_error *why)
{
    struct server *s = &servers->server[index];
    bool was_up;

    pthread_mutex_lock(&servers->lock);
    was_up = s->down_until == 0;
    s->down_until = cg_clock_mono_ms() + servers->link->conf->server_retry_after;
    pthread_mutex_unlock(&servers->lock);
    if (was_up)
        cg_log(CG_LOG_WARN, "ldap", NULL, "server=%s state=down retry_after_ms=%lld reason=\"%s\"", s->uri,
               (long long)servers->link->conf->server_retry_after, why ? why->internal : "");
}

static void answered(struct cg_ldap_servers *servers, size_t index)
{
    struct server *s = &servers->server[index];
    bool was_down;

    pthread_mutex_lock(&servers->lock);
    was_down = s->down_until != 0;
    s->down_until = 0;
    pthread_mutex_unlock(&servers->lock);
    if (was_down)
        cg_log(CG_LOG_INFO, "ldap", NULL, "server=%s state=up", s->uri);
}

static enum cg_err not_asked_again(struct cg_ldap_servers *servers, size_t index, struct cg_error *err)
{
    struct server *s = &servers->server[index];
    int64_t left;

    pthread_mutex_lock(&servers->lock);
    left = s->refused_until - cg_clock_mono_ms();
    pthread_mutex_unlock(&servers->lock);
    if (left <= 0)
        return CG_OK;
    return cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT,
                         "%s refused the service account; it is asked again in %lld ms", s->uri, (long long)left);
}

static enum cg_err refused(struct cg_ldap_servers *servers, size_t index, struct cg_error *err)
{
    pthread_mutex_lock(&servers->lock);
    servers->server[index].refused_until = cg_clock_mono_ms() + servers->link->conf->server_retry_after;
    pthread_mutex_unlock(&servers->lock);
    cg_log(CG_LOG_ERROR, "ldap", NULL, "server=%s state=refusing reason=\"%s\"", servers->server[index].uri,
           err->internal);
    err->code = CG_ERR_UNAVAILABLE; /* our fault, and no verdict about a person */
    return CG_ERR_UNAVAILABLE;
}

static enum cg_err open_one(struct cg_ldap_servers *servers, size_t index, bool service, int64_t deadline,
                            struct cg_ldap_conn **conn_out, struct cg_error *err)
{
    struct cg_ldap_conn *conn = NULL;
    enum cg_err rc = service ? not_asked_again(servers, index, err) : CG_OK;

    if (rc != CG_OK)
        return rc;
    rc = cg_ldap_conn_dial(servers->link, servers->server[index].uri, deadline, &conn, err);
    if (rc == CG_OK && service)
        rc = cg_ldap_service_bind(servers->link->service, conn, deadline, err);
    if (rc == CG_OK) {
        answered(servers, index);
        *conn_out = conn;
        return CG_OK;
    }
    cg_ldap_conn_close(&conn);
    if (rc == CG_ERR_UNAUTHENTICATED)
        return refused(servers, index, err);
    cg_ldap_servers_failed(servers, index, err);
    return rc;
}

enum cg_err cg_ldap_servers_open(struct cg_ldap_servers *servers, bool service, int64_t deadline,
                                 struct cg_ldap_conn **conn_out, size_t *index_out, struct cg_error *err)
{
    struct cg_error last = {0};
    enum cg_err rc = CG_ERR_UNAVAILABLE;
    bool tried[32] = {false};

    CG_ASSERT(servers->count <= sizeof(tried) / sizeof(tried[0]));
    /* First round: those that are not known to be down. Second: the others, if nothing else is left. */
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < servers->count && rc != CG_OK; i++) {
            if (tried[i] || (round == 0 && !usable(servers, i)))
                continue;
            if (cg_clock_mono_ms() >= deadline)
                break; /* what was not asked has not failed */
            tried[i] = true;
            rc = open_one(servers, i, service, deadline, conn_out, &last);
            if (rc == CG_OK)
                *index_out = i;
        }
    }
    if (rc != CG_OK && last.code == CG_OK)
        cg_error_hide(&last, rc, CG_LDAP_SILENT, "no time left to ask a server");
    if (rc != CG_OK && err)
        *err = last;
    return rc;
}
