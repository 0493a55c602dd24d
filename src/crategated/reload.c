/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* SIGHUP, and teams that come or go: everything new is made first; only when all of it is good does it take the old
 * one's place. */
#include "crategated/daemon.h"

#include <stdlib.h>

#include "base/mem.h"
#include "crategate/clock.h"
#include "crategated/wiring.h"
#include "http/net/tls.h"
#include "log/log.h"

/* How long a request may still use a directory object it got before the reload, beyond its login deadline. */
#define RETIRE_GRACE_MS 60000

/* What is to take the place of what is in force. */
struct fresh {
    struct cg_conf *conf;
    struct cg_directory *dir; /* NULL: the one in force stays */
    struct cg_policy *policy;
    struct cg_tls *tls; /* NULL: cleartext */
};

static void fresh_free(struct fresh *fresh)
{
    cg_tls_unref(&fresh->tls);
    cg_policy_unref(&fresh->policy);
    cg_directory_free(&fresh->dir);
    cg_conf_unref(&fresh->conf);
}

/* When the directory stays, the names that it was asked about keep their answers. */
static enum cg_err make_policy(struct cg_daemon *d, struct fresh *fresh, struct cg_error *err)
{
    struct cg_policy *old = cg_gateway_policy(&d->gw), *unresolved = NULL;
    struct cg_directory *dir = fresh->dir ? fresh->dir : cg_daemon_directory(d);
    enum cg_err rc = cg_policy_new(fresh->conf, dir, &unresolved, err);

    if (rc == CG_OK) {
        cg_policy_inherit(unresolved, old);
        rc = fresh->dir ? cg_policy_resolve(unresolved, dir, &fresh->policy, NULL, err)
                        : cg_policy_resolve_missing(unresolved, dir, &fresh->policy, NULL, err);
    }
    cg_policy_unref(&unresolved);
    cg_policy_unref(&old);
    return rc;
}

/* Puts the snapshot with teams in the place of `*conf`. */
static enum cg_err add_teams(struct cg_daemon *d, struct cg_conf **conf, struct cg_directory *dir, struct cg_error *err)
{
    struct cg_team_look look = {0};
    enum cg_err rc;

    if (!(*conf)->teams.present)
        return CG_OK;
    rc = cg_daemon_look_at_teams(d, *conf, dir, &look, err);
    if (rc == CG_OK) {
        cg_conf_unref(conf);
        *conf = cg_conf_ref(look.conf);
    }
    cg_team_look_free(&look);
    return rc;
}

/* The last two that can fail, and what the first has changed is taken back when the second does. */
static enum cg_err change_files(struct cg_daemon *d, const struct cg_conf *fresh, struct cg_error *err)
{
    struct cg_error undoing = {0};
    enum cg_err rc = cg_registry_reconfigure(d->gw.registry, fresh, err);

    if (rc != CG_OK)
        return rc;
    rc = cg_audit_reopen(d->gw.audit, fresh->audit_file, fresh->audit_required, err);
    if (rc != CG_OK && cg_registry_reconfigure(d->gw.registry, d->conf, &undoing) != CG_OK)
        cg_log_error(CG_LOG_ERROR, "conf", NULL, &undoing, "the namespaces could not be set back");
    return rc;
}

static enum cg_err make_fresh(struct cg_daemon *d, struct fresh *fresh, struct cg_buf *report, struct cg_error *err)
{
    enum cg_err rc = cg_conf_load(d->conf_file, &fresh->conf, report, err);

    if (rc == CG_OK)
        rc = cg_wire_directory(fresh->conf, &fresh->dir, err);
    if (rc == CG_OK)
        rc = cg_daemon_probe(fresh->dir, err);
    if (rc == CG_OK)
        rc = cg_wire_tls(fresh->conf, &fresh->tls, err);
    if (rc == CG_OK)
        rc = add_teams(d, &fresh->conf, fresh->dir, err);
    if (rc == CG_OK)
        rc = make_policy(d, fresh, err);
    return rc == CG_OK ? change_files(d, fresh->conf, err) : rc;
}

static void retire(struct cg_daemon *d, struct cg_directory *dir)
{
    struct cg_retired *gone = cg_calloc(1, sizeof(*gone));

    gone->dir = dir;
    gone->free_at_ms = cg_clock_mono_ms() + d->conf->ldap.login_timeout + RETIRE_GRACE_MS;
    gone->next = d->retired;
    d->retired = gone;
}

/* Policy and namespaces, whoever made them new; the snapshot that was in force goes. */
static void put_in_force(struct cg_daemon *d, struct fresh *fresh)
{
    struct cg_conf *before = d->conf;

    cg_gateway_set_policy(&d->gw, fresh->policy);
    fresh->policy = NULL;
    d->conf = fresh->conf;
    fresh->conf = NULL;
    cg_daemon_tell_teams(d, before, d->conf);
    cg_conf_unref(&before);
}

static void watch_stores(struct cg_daemon *d)
{
    struct cg_error err = {0};

    if (cg_store_watch_adapt(d->stores, &err) != CG_OK)
        cg_log_error(CG_LOG_ERROR, "conf", NULL, &err, "a repository that is new is not looked at");
}

static void use_certificate(struct cg_daemon *d, const struct fresh *fresh)
{
    if (!cg_server_set_tls(d->server, fresh->tls))
        cg_log(CG_LOG_WARN, "conf", NULL, "whether tls_certificate is used at all is settled at the start: restart for that");
}

static void put_reload_in_force(struct cg_daemon *d, struct fresh *fresh)
{
    struct cg_buf restart;

    cg_buf_init(&restart, 65536);
    cg_conf_restart_needed(d->conf, fresh->conf, &restart);
    if (restart.len)
        cg_log(CG_LOG_WARN, "conf", NULL, "these settings take effect at the next start only: %s", cg_buf_str(&restart));
    cg_buf_free(&restart);

    cg_log_setup((enum cg_log_level)fresh->conf->log_level, (enum cg_log_format)fresh->conf->log_format);
    cg_authn_reconfigure(d->gw.authn, fresh->conf, fresh->dir);
    cg_wire_reconfigure(fresh->conf);
    use_certificate(d, fresh);
    retire(d, atomic_exchange(&d->directory, fresh->dir));
    fresh->dir = NULL;
    put_in_force(d, fresh);
    watch_stores(d);
    d->resolve_at_ms = 0;
}

static void record(struct cg_daemon *d, enum cg_err rc, const char *detail)
{
    struct cg_audit_record audit = {.event = CG_AUDIT_RELOAD, .outcome = rc, .detail = detail, .target = d->conf_file};

    cg_audit_write(d->gw.audit, &audit, NULL);
}

void cg_daemon_reload(struct cg_daemon *daemon)
{
    struct fresh fresh = {0};
    struct cg_error err = {0};
    struct cg_buf report;
    enum cg_err rc;

    cg_notify("RELOADING=1");
    cg_buf_init(&report, 1024 * 1024);
    pthread_mutex_lock(&daemon->reload_lock);
    rc = make_fresh(daemon, &fresh, &report, &err);
    if (rc == CG_OK) {
        put_reload_in_force(daemon, &fresh);
        cg_log(CG_LOG_INFO, "conf", NULL, "%s was reloaded", daemon->conf_file);
    } else {
        cg_log(CG_LOG_ERROR, "conf", NULL, "%s is not good, the configuration in force stays%s%s", daemon->conf_file,
               report.len ? "" : ": ", report.len ? "" : err.detail);
        cg_daemon_log_lines(CG_LOG_ERROR, "conf", &report);
        daemon->resolve_at_ms = 0; /* what it noted of the teams (teams.json) was by the other configuration's question */
    }
    record(daemon, rc, rc == CG_OK ? NULL : err.detail);
    pthread_mutex_unlock(&daemon->reload_lock);
    fresh_free(&fresh);
    cg_buf_free(&report);
    cg_notify("READY=1");
}

enum cg_err cg_daemon_renew_teams(struct cg_daemon *daemon, struct cg_error *err)
{
    struct fresh fresh = {.conf = cg_conf_ref(daemon->conf)};
    enum cg_err rc = add_teams(daemon, &fresh.conf, cg_daemon_directory(daemon), err);

    if (rc == CG_OK && !cg_teams_same(fresh.conf, daemon->conf)) {
        rc = make_policy(daemon, &fresh, err);
        if (rc == CG_OK)
            rc = cg_registry_reconfigure(daemon->gw.registry, fresh.conf, err);
        if (rc == CG_OK)
            put_in_force(daemon, &fresh);
    }
    fresh_free(&fresh);
    return rc;
}
