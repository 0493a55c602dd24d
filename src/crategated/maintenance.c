/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What has to be done now and then, once a second and never on a thread that
 * somebody waits for. One thread works on disk and database: last uses, download
 * counts, other processes' changes. Another one asks the directory: ageing
 * verdicts, the sweep over token owners, names of groups. A directory that is
 * slow or silent so delays nothing but its own news.
 */
#include "crategated/daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crategate/clock.h"
#include "crategated/wiring.h"
#include "log/log.h"

void cg_daemon_log_lines(enum cg_log_level level, const char *area, struct cg_buf *lines)
{
    char *save = NULL;
    char *text = cg_buf_take(lines);

    for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save))
        cg_log(level, area, NULL, "%s", line);
    free(text);
}

enum cg_err cg_maintenance_resolve(struct cg_daemon *daemon, struct cg_error *err)
{
    struct cg_policy *old = cg_gateway_policy(&daemon->gw), *fresh = NULL;
    const struct cg_conf *conf = cg_policy_conf(old);
    struct cg_buf warnings, ambiguous;
    enum cg_err rc;

    cg_buf_init(&warnings, 1024 * 1024);
    cg_buf_init(&ambiguous, 1024 * 1024);
    rc = cg_policy_resolve(old, cg_daemon_directory(daemon), &fresh, &warnings, err);
    if (rc == CG_OK) {
        bool known = !cg_policy_incomplete(fresh) && (daemon->teams_answered || !conf->teams.present);

        daemon->resolve_at_ms =
            cg_clock_mono_ms() + (known ? conf->ldap.revalidate_interval : conf->ldap.server_retry_after);
        cg_policy_ambiguous(fresh, &ambiguous);
        cg_gateway_set_policy(&daemon->gw, fresh);
        cg_daemon_log_lines(CG_LOG_WARN, "authz", &warnings);
        cg_daemon_log_lines(CG_LOG_ERROR, "authz", &ambiguous);
    }
    cg_buf_free(&ambiguous);
    cg_buf_free(&warnings);
    cg_policy_unref(&old);
    return rc;
}

static void resolve_when_due(struct cg_daemon *daemon)
{
    struct cg_error err = {0};
    enum cg_err rc;

    if (cg_clock_mono_ms() < daemon->resolve_at_ms)
        return;
    rc = cg_daemon_renew_teams(daemon, &err);
    if (rc == CG_OK)
        rc = cg_maintenance_resolve(daemon, &err);
    if (rc != CG_OK) {
        /* The names resolved before stay in force; somebody has to look at the directory. */
        daemon->resolve_at_ms = cg_clock_mono_ms() + 60 * 1000;
        cg_log_error(CG_LOG_ERROR, "authz", NULL, &err, "teams and group names were not looked up again");
    }
}

static void free_retired(struct cg_daemon *daemon)
{
    for (struct cg_retired **at = &daemon->retired; *at;) {
        struct cg_retired *gone = *at;

        if (gone->free_at_ms > cg_clock_mono_ms()) {
            at = &gone->next;
            continue;
        }
        *at = gone->next;
        cg_directory_free(&gone->dir);
        free(gone);
    }
}

/* A reload under way is not waited for: it may be waiting for the directory itself. */
static void tend_policy(struct cg_daemon *daemon)
{
    if (pthread_mutex_trylock(&daemon->reload_lock) != 0)
        return;
    resolve_when_due(daemon);
    free_retired(daemon);
    pthread_mutex_unlock(&daemon->reload_lock);
}

/* False when it is time to end. */
static bool wait_a_second(struct cg_daemon *daemon)
{
    struct timespec until;
    bool go_on;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    pthread_mutex_lock(&daemon->wait_lock);
    while (!daemon->stopping && pthread_cond_timedwait(&daemon->wait_cond, &daemon->wait_lock, &until) != ETIMEDOUT)
        continue;
    go_on = !daemon->stopping;
    pthread_mutex_unlock(&daemon->wait_lock);
    return go_on;
}

static void *run_maintenance(void *cls)
{
    struct cg_daemon *daemon = cls;

    while (wait_a_second(daemon)) {
        cg_authn_tick(daemon->gw.authn);
        cg_notify("WATCHDOG=1");
        cg_registry_tick(daemon->gw.registry);
        cg_wiring_tick();
        cg_notify("WATCHDOG=1");
    }
    return NULL;
}

static void *run_renewal(void *cls)
{
    struct cg_daemon *daemon = cls;

    while (wait_a_second(daemon)) {
        cg_authn_look(daemon->gw.authn);
        tend_policy(daemon);
    }
    return NULL;
}

static bool start_thread(pthread_t *thread, const char *name, void *(*run)(void *), struct cg_daemon *daemon)
{
    if (pthread_create(thread, NULL, run, daemon) != 0)
        return false;
    pthread_setname_np(*thread, name);
    return true;
}

/* One that runs learns of the end within a second at the latest, and sooner unless it waits for the directory. */
static void end_threads(struct cg_daemon *daemon)
{
    cg_authn_end(daemon->gw.authn);
    pthread_mutex_lock(&daemon->wait_lock);
    daemon->stopping = true;
    pthread_cond_broadcast(&daemon->wait_cond);
    pthread_mutex_unlock(&daemon->wait_lock);
}

static void free_waiting(struct cg_daemon *daemon)
{
    pthread_cond_destroy(&daemon->wait_cond);
    pthread_mutex_destroy(&daemon->wait_lock);
}

enum cg_err cg_maintenance_start(struct cg_daemon *daemon, struct cg_error *err)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&daemon->wait_lock, NULL);
    pthread_cond_init(&daemon->wait_cond, &attr);
    pthread_condattr_destroy(&attr);
    daemon->stopping = false;
    if (!start_thread(&daemon->maintenance, "maintenance", run_maintenance, daemon)) {
        free_waiting(daemon);
        return cg_error_set(err, CG_ERR_UNAVAILABLE, "the maintenance thread could not be started");
    }
    if (!start_thread(&daemon->renewal, "renewal", run_renewal, daemon)) {
        end_threads(daemon);
        pthread_join(daemon->maintenance, NULL);
        free_waiting(daemon);
        return cg_error_set(err, CG_ERR_UNAVAILABLE, "the thread that renews verdicts could not be started");
    }
    return CG_OK;
}

void cg_maintenance_stop(struct cg_daemon *daemon)
{
    end_threads(daemon);
    pthread_join(daemon->maintenance, NULL);
    pthread_join(daemon->renewal, NULL);
    free_waiting(daemon);
}
