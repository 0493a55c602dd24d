/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The daemon's looks at the teams: at start, with every reload, and whenever group names are looked up again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "crategated/daemon.h"
#include "log/log.h"

/* Problems last for days; each is told when it comes, not at every look. */
static void tell_problems(struct cg_daemon *d, struct cg_team_look *look)
{
    char *before = d->team_problems;

    d->team_problems = cg_strdup(cg_buf_str(&look->problems));
    if (!cg_streq(d->team_problems, before))
        cg_daemon_log_lines(CG_LOG_ERROR, "teams", &look->problems);
    free(before);
}

static void tell_doubt(struct cg_daemon *d, const struct cg_team_look *look)
{
    char detail[256];
    struct cg_audit_record record = {
        .event = CG_AUDIT_SWEEP, .outcome = CG_ERR_UNAVAILABLE, .target = "teams", .detail = detail};

    if (look->doubted && look->doubted != d->teams_doubted) {
        snprintf(detail, sizeof(detail),
                 "the groups of %zu teams would be gone at once, which is not believed: their namespaces stay "
                 "(ldap.max_sweep_fraction)",
                 look->doubted);
        cg_log(CG_LOG_ERROR, "teams", NULL, "%s", detail);
        cg_audit_write(d->gw.audit, &record, NULL);
    }
    d->teams_doubted = look->doubted;
}

enum cg_err cg_daemon_look_at_teams(struct cg_daemon *d, struct cg_conf *conf, struct cg_directory *dir,
                                    struct cg_team_look *look, struct cg_error *err)
{
    enum cg_err rc = cg_teams_look(conf, dir, look, err);

    /* Remembered before it is in force: a crate is never older than the record of whose it is. */
    if (rc == CG_OK && look->changed)
        rc = cg_team_list_save(conf->state_dir, &look->list, err);
    cg_team_list_unlock(&look->lock_fd);
    if (rc != CG_OK)
        return rc;
    d->teams_answered = look->answered;
    tell_problems(d, look);
    tell_doubt(d, look);
    return CG_OK;
}

/* What came and what went */

struct telling {
    struct cg_daemon *d;
    const char *problems;
    enum cg_audit_event event;
};

/* The line of the problems that is about a group; "" when there is none. Cut into `out`. */
static void find_reason(const char *problems, const char *dn, char out[256])
{
    char *start = cg_asprintf("group \"%s\" makes no namespace: ", dn);
    const char *hit = strstr(problems, start);

    snprintf(out, 256, "%.*s", hit ? (int)strcspn(hit, "\n") : 0, hit ? hit : "");
    free(start);
}

static void tell_one(void *cls, const struct cg_conf_namespace *ns)
{
    const struct telling *t = cls;
    bool gone = t->event == CG_AUDIT_TEAM_VANISH;
    char reason[256] = "";
    struct cg_audit_record record = {.event = t->event, .namespace_name = ns->name, .target = ns->team_dn};

    if (gone)
        find_reason(t->problems, ns->team_dn, reason);
    if (gone && !*reason)
        snprintf(reason, sizeof(reason), "the directory no longer has its group");
    record.detail = gone ? reason : NULL;
    cg_audit_write(t->d->gw.audit, &record, NULL);
    if (gone)
        cg_log(CG_LOG_WARN, "teams", NULL, "namespace=%s is gone, its crates stay on disk: %s (%s)", ns->name, reason,
               ns->team_dn);
    else
        cg_log(CG_LOG_INFO, "teams", NULL, "namespace=%s is that of group \"%s\"", ns->name, ns->team_dn);
}

void cg_daemon_tell_teams(struct cg_daemon *d, const struct cg_conf *before, const struct cg_conf *now)
{
    struct telling t = {.d = d, .problems = d->team_problems ? d->team_problems : ""};

    t.event = CG_AUDIT_TEAM_VANISH;
    cg_teams_only_in(before, now, tell_one, &t);
    t.event = CG_AUDIT_TEAM_APPEAR;
    cg_teams_only_in(now, before, tell_one, &t);
}

/* At start, after the directory and before the policy: what is new is what the last run did not know. */
enum cg_err cg_daemon_start_teams(struct cg_daemon *d, struct cg_error *err)
{
    struct cg_team_look before = {0}, look = {0};
    enum cg_err rc;

    if (!d->conf->teams.present)
        return CG_OK;
    rc = cg_teams_recall(d->conf, false, &before, err);
    if (rc == CG_OK)
        rc = cg_daemon_look_at_teams(d, d->conf, cg_daemon_directory(d), &look, err);
    if (rc == CG_OK) {
        cg_conf_unref(&d->conf);
        d->conf = cg_conf_ref(look.conf);
        cg_daemon_tell_teams(d, before.conf, d->conf);
    }
    if (rc == CG_OK && cg_conf_teams_unknown(d->conf))
        cg_log(CG_LOG_WARN, "teams", NULL, "which teams there are is not known: their namespaces answer 503 until the "
                                           "directory tells");
    cg_team_look_free(&before);
    cg_team_look_free(&look);
    return rc;
}

void cg_daemon_stop_teams(struct cg_daemon *d)
{
    free(d->team_problems);
    d->team_problems = NULL;
}
