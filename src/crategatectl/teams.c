/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The teams' namespaces, for every command: crategatectl must know what the daemon knows. */
#include "crategated/teams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crategatectl/ctl.h"
#include "crategated/wiring.h"

static void take_conf(struct cg_ctl *ctl, struct cg_team_look *look)
{
    cg_conf_unref(&ctl->conf);
    ctl->conf = cg_conf_ref(look->conf);
}

/* Before the daemon's first start, or where its memory may not be read. */
static enum cg_err ask_directory(struct cg_ctl *ctl, struct cg_team_look *look, struct cg_error *err)
{
    struct cg_directory *dir = NULL;
    enum cg_err rc = cg_ctl_become_owner(ctl->conf, err); /* looking at crates on disk opens their storage */

    look->read_only = true;
    if (rc == CG_OK)
        rc = cg_wiring_directory(ctl->conf, &dir, err);
    if (rc == CG_OK)
        rc = cg_teams_look(ctl->conf, dir, look, err);
    if (rc == CG_OK && cg_conf_teams_unknown(look->conf))
        rc = cg_error_set(err, CG_ERR_UNAVAILABLE, "%s", cg_buf_str(&look->problems));
    cg_directory_free(&dir);
    return rc;
}

void cg_ctl_add_teams(struct cg_ctl *ctl)
{
    struct cg_team_look look = {0};
    struct cg_error err = {0};
    enum cg_err rc;

    if (!ctl->conf->teams.present)
        return;
    rc = cg_teams_recall(ctl->conf, false, &look, &err);
    if (rc != CG_OK || cg_conf_teams_unknown(look.conf)) {
        cg_team_look_free(&look);
        look = (struct cg_team_look){0};
        rc = ask_directory(ctl, &look, &err);
    }
    if (rc == CG_OK)
        take_conf(ctl, &look);
    else
        fprintf(stderr, "crategatectl: which teams there are is not known: %s\n", err.detail);
    cg_team_look_free(&look);
}

void cg_ctl_add_gone_teams(struct cg_ctl *ctl)
{
    struct cg_team_look look = {0};

    if (!ctl->conf->teams.present)
        return;
    if (cg_teams_recall(ctl->conf, true, &look, NULL) == CG_OK && !cg_conf_teams_unknown(look.conf))
        take_conf(ctl, &look);
    cg_team_look_free(&look);
}

static int tell_problems(struct cg_buf *problems)
{
    char *text = cg_buf_take(problems), *save = NULL;
    int failures = 0;

    for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
        cg_ctl_step(false, "teams", line);
        failures++;
    }
    free(text);
    return failures;
}

int cg_ctl_check_teams(struct cg_ctl *ctl, struct cg_directory *dir)
{
    struct cg_team_look look = {.read_only = true};
    struct cg_error err = {0};
    char text[96];
    int failures = 1;

    if (!ctl->conf->teams.present)
        return 0;
    if (cg_teams_look(ctl->conf, dir, &look, &err) != CG_OK) {
        cg_ctl_step(false, "teams", err.detail);
    } else {
        failures = tell_problems(&look.problems);
        snprintf(text, sizeof(text), "%zu groups are namespaces",
                 look.conf->namespace_count - cg_conf_base(look.conf)->namespace_count);
        if (look.answered)
            cg_ctl_step(true, "teams", text);
        take_conf(ctl, &look);
    }
    cg_team_look_free(&look);
    return failures;
}
