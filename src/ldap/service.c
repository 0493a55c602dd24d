/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "ldap/service.h"

#include <ldap.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "crategate/clock.h"
#include "ldap/result.h"
#include "log/log.h"
#include "log/metrics.h"

/* Directories count wrong passwords over half an hour or so, and lock after three or more: never more than two within
 * a quarter of an hour, as for people. The first wait is short, for a password that is changed in the file before it is
 * in the directory, or has not yet come to all of its servers. */
#define FIRST_HOLD_MS (5 * 60 * 1000)
#define HOLD_MS (15 * 60 * 1000)

struct cg_ldap_service {
    const struct cg_conf_ldap *conf;
    pthread_mutex_t lock; /* everything below */
    pthread_cond_t tried;
    struct cg_secret password;
    bool proven;           /* some server took this password */
    bool busy;             /* one that is not proven is being tried */
    unsigned refusals;     /* of this password since it was last taken */
    int64_t refused_until; /* not before that; 0: it was not refused */
};

int64_t cg_ldap_service_hold_ms(unsigned refusals)
{
    return refusals <= 1 ? FIRST_HOLD_MS : HOLD_MS;
}

struct cg_ldap_service *cg_ldap_service_new(const struct cg_conf_ldap *conf)
{
    struct cg_ldap_service *service = cg_calloc(1, sizeof(*service));
    pthread_condattr_t attr;

    service->conf = conf;
    cg_secret_copy(&service->password, &conf->bind_password);
    pthread_mutex_init(&service->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&service->tried, &attr);
    pthread_condattr_destroy(&attr);
    return service;
}

void cg_ldap_service_free(struct cg_ldap_service **service)
{
    if (!*service)
        return;
    cg_secret_free(&(*service)->password);
    pthread_cond_destroy(&(*service)->tried);
    pthread_mutex_destroy(&(*service)->lock);
    free(*service);
    *service = NULL;
}

/* Is there another password in the file by now? With the lock held. */
static bool reread(struct cg_ldap_service *service)
{
    struct cg_secret found = {0};
    struct cg_error err = {0};
    bool changed = false;

    if (cg_secret_read_file(&found, service->conf->bind_password_file, &err) != CG_OK)
        cg_log(CG_LOG_WARN, "ldap", NULL, "bind_password_file=unreadable reason=\"%s\"", err.detail);
    else
        changed = !cg_secret_equal(&found, &service->password);
    if (changed) {
        cg_secret_copy(&service->password, &found);
        service->proven = false;
        service->refusals = 0;
        service->refused_until = 0;
        cg_log(CG_LOG_INFO, "ldap", NULL, "bind_password_file=changed");
    }
    cg_secret_free(&found);
    return changed;
}

/* The password to send now. *alone_out: nobody else may try it meanwhile. */
static enum cg_err take_password(struct cg_ldap_service *service, int64_t deadline, struct cg_secret *password_out,
                                 bool *alone_out, struct cg_error *err)
{
    struct timespec until = {.tv_sec = (time_t)(deadline / 1000), .tv_nsec = (long)(deadline % 1000) * 1000000};
    enum cg_err rc = CG_OK;

    pthread_mutex_lock(&service->lock);
    while (!service->proven && service->busy && rc == CG_OK)
        if (pthread_cond_timedwait(&service->tried, &service->lock, &until) != 0)
            rc = cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT,
                               "the service account's password is being tried on another connection");
    if (rc == CG_OK && service->refused_until > cg_clock_mono_ms() && !reread(service))
        rc = cg_error_hide(err, CG_ERR_UNAUTHENTICATED, CG_LDAP_SILENT,
                           "the service account's password was refused before; it is sent again when "
                           "ldap.bind_password_file changes, after a reload, or in %lld s",
                           (long long)(service->refused_until - cg_clock_mono_ms()) / 1000);
    if (rc == CG_OK) {
        *alone_out = !service->proven;
        service->busy = service->busy || *alone_out;
        cg_secret_copy(password_out, &service->password);
    }
    pthread_mutex_unlock(&service->lock);
    return rc;
}

/* Learns from a bind's end. True: there is another password to try at once. */
static bool learn(struct cg_ldap_service *service, const struct cg_secret *password, bool alone, enum cg_err rc,
                  int result)
{
    bool again = false;

    pthread_mutex_lock(&service->lock);
    if (alone)
        service->busy = false;
    if (!cg_secret_equal(password, &service->password)) {
        again = result == LDAP_INVALID_CREDENTIALS; /* somebody else has read the file again */
    } else if (rc == CG_OK) {
        service->proven = true;
        service->refusals = 0;
        service->refused_until = 0;
    } else if (result == LDAP_INVALID_CREDENTIALS) {
        service->proven = false;
        service->refused_until = cg_clock_mono_ms() + cg_ldap_service_hold_ms(++service->refusals);
        again = reread(service);
    }
    pthread_cond_broadcast(&service->tried);
    pthread_mutex_unlock(&service->lock);
    return again;
}

static enum cg_err refused(const struct cg_error *why, enum cg_err rc, struct cg_error *err)
{
    if (rc == CG_ERR_UNAUTHENTICATED)
        return cg_error_hide(err, rc, CG_LDAP_SILENT,
                             "the directory refuses the service account (ldap.bind_dn, "
                             "ldap.bind_password_file): %s",
                             why->internal);
    return cg_error_hide(err, rc, CG_LDAP_SILENT, "%s", why->internal);
}

static enum cg_err bind_simple(struct cg_ldap_service *service, struct cg_ldap_conn *conn, int64_t deadline,
                               struct cg_error *err)
{
    struct cg_secret password = {0};
    struct cg_ldap_bind_note note;
    struct cg_error own = {0};
    bool again = true;
    enum cg_err rc = CG_OK;

    /* pitfall 6: without this bind a search would be an anonymous one, and its empty answer "nobody". */
    for (int i = 0; i < 2 && again; i++) {
        bool alone = false;

        again = false;
        rc = take_password(service, deadline, &password, &alone, &own);
        if (rc != CG_OK)
            break;
        cg_metric_add(CG_METRIC_DIRECTORY_SERVICE_BINDS, 1);
        rc = cg_ldap_conn_bind(conn, service->conf->bind_dn, &password, deadline, &note, &own);
        again = learn(service, &password, alone, rc, note.result);
    }
    cg_secret_free(&password);
    return rc == CG_OK ? CG_OK : refused(&own, rc, err);
}

static enum cg_err bind_external(struct cg_ldap_conn *conn, int64_t deadline, struct cg_error *err)
{
    struct cg_ldap_bind_note note;
    struct cg_error own = {0};
    enum cg_err rc;

    cg_metric_add(CG_METRIC_DIRECTORY_SERVICE_BINDS, 1);
    rc = cg_ldap_conn_bind_external(conn, deadline, &note, &own);
    if (rc == CG_OK)
        rc = cg_ldap_conn_not_anonymous(conn, deadline, &own);
    if (rc == CG_OK)
        return CG_OK;
    if (rc == CG_ERR_UNAUTHENTICATED)
        return cg_error_hide(err, rc, CG_LDAP_SILENT,
                             "the directory does not take us by the certificate of ldap.tls_cert_file, or over a local "
                             "socket by our user id (ldap.bind_method external): %s",
                             own.internal);
    return cg_error_hide(err, rc, CG_LDAP_SILENT, "%s", own.internal);
}

enum cg_err cg_ldap_service_bind(struct cg_ldap_service *service, struct cg_ldap_conn *conn, int64_t deadline,
                                 struct cg_error *err)
{
    switch (service->conf->bind_method) {
    case CG_BIND_EXTERNAL:
        return bind_external(conn, deadline, err);
    case CG_BIND_ANONYMOUS:
        return CG_OK;
    default:
        return bind_simple(service, conn, deadline, err);
    }
}
