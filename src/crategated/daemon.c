/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "crategated/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "api/api.h"
#include "base/file.h"
#include "base/mem.h"
#include "crategate/version.h"
#include "crategated/wiring.h"
#include "log/log.h"

#define QUEUE_PER_WORKER 64
#define WORKERS_PER_CORE 4
#define WORKERS_MIN 8

static unsigned cores(void)
{
    cpu_set_t set;

    /* Those we may run on: a service pinned or confined to one core gets one loop. */
    return sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

struct cg_directory *cg_daemon_directory(struct cg_daemon *daemon)
{
    return atomic_load(&daemon->directory);
}

static struct cg_directory *ask_directory(struct cg_gateway *gw)
{
    return cg_daemon_directory((struct cg_daemon *)gw);
}

enum cg_err cg_daemon_probe(struct cg_directory *dir, struct cg_error *err)
{
    struct cg_error own = {0};
    enum cg_err rc = dir->ops->probe(dir, &own);

    if (rc == CG_ERR_INVALID) {
        if (err)
            *err = own;
        return rc;
    }
    /* A directory that is down is no reason not to run: it is asked again before anybody's groups are believed. */
    if (rc != CG_OK)
        cg_log_error(CG_LOG_WARN, "ldap", NULL, &own, "what the directory can do is not known yet");
    return CG_OK;
}

/* The parts, in the order they start. A part's `stop` is called only if its `start` returned OK. */

static enum cg_err start_conf(struct cg_daemon *d, struct cg_error *err)
{
    struct cg_buf report;
    enum cg_err rc;

    cg_buf_init(&report, 1024 * 1024);
    rc = cg_conf_load(d->conf_file, &d->conf, &report, err);
    if (rc == CG_OK)
        cg_log_setup((enum cg_log_level)d->conf->log_level, (enum cg_log_format)d->conf->log_format);
    else
        cg_daemon_log_lines(CG_LOG_ERROR, "conf", &report);
    cg_buf_free(&report);
    return rc;
}

static void stop_conf(struct cg_daemon *d)
{
    cg_conf_unref(&d->conf);
}

static enum cg_err lock_state(struct cg_daemon *d, const char *path, struct cg_error *err)
{
    d->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (d->lock_fd < 0)
        return cg_file_error(err, errno, "open", path);
    if (flock(d->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return CG_OK;
    close(d->lock_fd);
    return cg_error_set(err, CG_ERR_CONFLICT, "%s is in use by another crategated", d->conf->state_dir);
}

static enum cg_err start_state(struct cg_daemon *d, struct cg_error *err)
{
    char *lock = cg_asprintf("%s/crategated.lock", d->conf->state_dir);
    enum cg_err rc = cg_file_mkdirs(d->conf->state_dir, 0750, err);

    d->spool_dir = cg_asprintf("%s/spool", d->conf->state_dir);
    if (rc == CG_OK)
        rc = cg_file_mkdirs(d->spool_dir, 0700, err);
    if (rc == CG_OK)
        rc = lock_state(d, lock, err);
    if (rc != CG_OK)
        free(d->spool_dir);
    free(lock);
    d->gw.spool_dir = d->spool_dir;
    return rc;
}

static void stop_state(struct cg_daemon *d)
{
    close(d->lock_fd);
    free(d->spool_dir);
}

static enum cg_err start_audit(struct cg_daemon *d, struct cg_error *err)
{
    char *dir = cg_strdup(d->conf->audit_file), *slash = strrchr(dir, '/');
    enum cg_err rc = CG_OK;

    if (slash && slash != dir) {
        *slash = '\0';
        rc = cg_file_mkdirs(dir, 0750, err);
    }
    free(dir);
    if (rc == CG_OK)
        rc = cg_audit_open(d->conf->audit_file, d->conf->state_dir, d->conf->audit_required, &d->gw.audit, err);
    if (rc == CG_OK)
        cg_audit_write(d->gw.audit, &(struct cg_audit_record){.event = CG_AUDIT_START, .detail = CG_VERSION}, NULL);
    return rc;
}

static void stop_audit(struct cg_daemon *d)
{
    cg_audit_write(d->gw.audit, &(struct cg_audit_record){.event = CG_AUDIT_STOP, .detail = CG_VERSION}, NULL);
    cg_audit_close(&d->gw.audit);
}

static enum cg_err start_metadata(struct cg_daemon *d, struct cg_error *err)
{
    return cg_wire_metadata(d->conf, &d->gw.metadata, err);
}

static void stop_metadata(struct cg_daemon *d)
{
    cg_metadata_free(&d->gw.metadata);
}

static enum cg_err start_directory(struct cg_daemon *d, struct cg_error *err)
{
    struct cg_directory *dir = NULL;
    enum cg_err rc = cg_wire_directory(d->conf, &dir, err);

    if (rc == CG_OK)
        rc = cg_daemon_probe(dir, err);
    if (rc == CG_OK)
        atomic_store(&d->directory, dir);
    else
        cg_directory_free(&dir);
    d->gw.directory = ask_directory;
    return rc;
}

static void stop_directory(struct cg_daemon *d)
{
    struct cg_directory *dir = atomic_exchange(&d->directory, NULL);

    cg_directory_free(&dir);
    while (d->retired) {
        struct cg_retired *gone = d->retired;

        d->retired = gone->next;
        cg_directory_free(&gone->dir);
        free(gone);
    }
}

static enum cg_err start_policy(struct cg_daemon *d, struct cg_error *err)
{
    struct cg_policy *policy = NULL;
    enum cg_err rc = cg_policy_new(d->conf, ask_directory(&d->gw), &policy, err);

    if (rc != CG_OK)
        return rc;
    pthread_rwlock_init(&d->gw.policy_lock, NULL);
    pthread_mutex_init(&d->reload_lock, NULL);
    cg_gateway_set_policy(&d->gw, policy);
    /* A directory that is down does not keep the daemon from starting; a name that two groups bear does. */
    rc = cg_maintenance_resolve(d, err);
    if (rc != CG_OK)
        cg_policy_unref(&d->gw.policy);
    else if (cg_policy_incomplete(d->gw.policy))
        cg_log(CG_LOG_WARN, "authz", NULL,
               "the directory does not answer: grants by group name answer 503 until it does");
    return rc;
}

static void stop_policy(struct cg_daemon *d)
{
    cg_policy_unref(&d->gw.policy);
    pthread_rwlock_destroy(&d->gw.policy_lock);
    pthread_mutex_destroy(&d->reload_lock);
}

/* Storages make what they share when they are opened, also by a start that fails later. */
static enum cg_err start_shared(struct cg_daemon *d, struct cg_error *err)
{
    (void)d, (void)err;
    return CG_OK;
}

static void stop_shared(struct cg_daemon *d)
{
    (void)d;
    cg_wire_end();
}

static enum cg_err start_registry(struct cg_daemon *d, struct cg_error *err)
{
    return cg_registry_new(d->conf, d->gw.metadata, cg_wire_storage, &d->gw.registry, err);
}

static void stop_registry(struct cg_daemon *d)
{
    cg_registry_free(&d->gw.registry);
}

static enum cg_err start_authn(struct cg_daemon *d, struct cg_error *err)
{
    enum cg_err rc = cg_authn_new(d->conf, ask_directory(&d->gw), d->gw.metadata, &d->gw.authn, err);

    if (rc == CG_OK)
        cg_authn_set_audit(d->gw.authn, d->gw.audit);
    return rc;
}

static void stop_authn(struct cg_daemon *d)
{
    cg_authn_free(&d->gw.authn);
}

/* As many of the one kind as of the other: who asks the directory mostly sleeps. */
static enum cg_err start_pool(struct cg_daemon *d, struct cg_error *err)
{
    unsigned workers = d->conf->workers ? d->conf->workers : cores() * WORKERS_PER_CORE;

    (void)err;
    if (!d->conf->workers && workers < WORKERS_MIN)
        workers = WORKERS_MIN;
    d->gw.pool = cg_pool_new("worker", workers, (size_t)workers * QUEUE_PER_WORKER);
    d->gw.askers = cg_pool_new("asker", workers, (size_t)workers * QUEUE_PER_WORKER);
    return CG_OK;
}

static void stop_pool(struct cg_daemon *d)
{
    cg_pool_free(&d->gw.askers);
    cg_pool_free(&d->gw.pool);
}

static enum cg_err start_stores(struct cg_daemon *d, struct cg_error *err)
{
    enum cg_err rc;

    d->stores = cg_store_watch_new(&d->gw);
    rc = cg_store_watch_adapt(d->stores, err);
    if (rc != CG_OK)
        cg_store_watch_free(&d->stores);
    return rc;
}

static void stop_stores(struct cg_daemon *d)
{
    cg_store_watch_free(&d->stores);
}

/* From here on the maintenance thread runs, which may put another snapshot into d->conf: the policy's reference is one to
 * the snapshot in force. */
static enum cg_err start_http(struct cg_daemon *d, struct cg_error *err)
{
    struct cg_policy *policy = cg_gateway_policy(&d->gw);
    enum cg_err rc;

    d->gw.routes = cg_api_routes(&d->gw.route_count);
    rc = cg_server_start(&d->gw, cg_policy_conf(policy), cores(), &d->server, err);
    cg_policy_unref(&policy);
    for (size_t i = 0; rc == CG_OK && cg_server_address(d->server, i); i++)
        cg_log(CG_LOG_INFO, "http", NULL, "listening on %s", cg_server_address(d->server, i));
    return rc;
}

static void stop_http(struct cg_daemon *d)
{
    struct cg_policy *policy = cg_gateway_policy(&d->gw);

    d->gw.draining = true;
    cg_server_drain(d->server, cg_policy_conf(policy)->shutdown_timeout);
    cg_policy_unref(&policy);
    cg_server_free(&d->server);
}

static const struct part {
    const char *name;
    enum cg_err (*start)(struct cg_daemon *daemon, struct cg_error *err);
    void (*stop)(struct cg_daemon *daemon);
} parts[] = {
    {"configuration", start_conf, stop_conf},
    {"state directory", start_state, stop_state},
    {"audit trail", start_audit, stop_audit},
    {"database", start_metadata, stop_metadata},
    {"directory", start_directory, stop_directory},
    {"teams", cg_daemon_start_teams, cg_daemon_stop_teams},
    {"policy", start_policy, stop_policy},
    {"shared by storages", start_shared, stop_shared},
    {"registry", start_registry, stop_registry},
    {"authentication", start_authn, stop_authn},
    {"workers", start_pool, stop_pool},
    {"maintenance", cg_maintenance_start, cg_maintenance_stop},
    {"repositories", start_stores, stop_stores},
    {"listeners", start_http, stop_http},
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static void stop_parts(struct cg_daemon *daemon, size_t count)
{
    while (count > 0)
        parts[--count].stop(daemon);
}

static void tell_start(struct cg_daemon *d)
{
    struct cg_policy *policy = cg_gateway_policy(&d->gw);
    const struct cg_conf *conf = cg_policy_conf(policy);

    cg_log(CG_LOG_INFO, "crategated", NULL, "crategate %s serves %zu namespaces as %s", CG_VERSION, conf->namespace_count,
           conf->public_url);
    cg_policy_unref(&policy);
}

enum cg_err cg_daemon_start(struct cg_daemon *daemon, const char *conf_file, struct cg_error *err)
{
    memset(daemon, 0, sizeof(*daemon));
    daemon->conf_file = conf_file;
    for (size_t i = 0; i < PARTS; i++) {
        enum cg_err rc = parts[i].start(daemon, err);

        if (rc != CG_OK) {
            cg_error_prefix(err, "%s", parts[i].name);
            stop_parts(daemon, i);
            return rc;
        }
    }
    tell_start(daemon);
    return CG_OK;
}

void cg_daemon_stop(struct cg_daemon *daemon)
{
    stop_parts(daemon, PARTS);
}
