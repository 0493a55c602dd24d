/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Texts of [teams], in which {team} stands for a namespace's name. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "conf/format.h"

#define TEAM "{team}"
#define TEXT_MAX (64 * 1024)

enum cg_err cg_conf_check_team_text(const char *value, struct cg_error *err)
{
    for (const char *brace = strpbrk(value, "{}"); brace; brace = strpbrk(brace + strlen(TEAM), "{}"))
        if (!cg_str_starts(brace, TEAM))
            return cg_error_set(err, CG_ERR_INVALID, "\"%s\" has a brace that does not begin " TEAM, value);
    return CG_OK;
}

char *cg_conf_fill_team(const char *text, const char *team)
{
    struct cg_buf out;

    cg_buf_init(&out, TEXT_MAX);
    for (const char *hit; (hit = strstr(text, TEAM)) != NULL; text = hit + strlen(TEAM)) {
        cg_buf_add(&out, text, (size_t)(hit - text));
        cg_buf_addstr(&out, team);
    }
    cg_buf_addstr(&out, text);
    return cg_buf_take(&out);
}

/* The same prefix for every team would reserve the same names for all of them. */
enum cg_err cg_conf_check_team_prefix(const char *value, struct cg_error *err)
{
    enum cg_err rc = cg_conf_check_team_text(value, err);
    char *filled;

    if (rc != CG_OK)
        return rc;
    if (!strstr(value, TEAM))
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" must contain " TEAM ", else all teams reserve the same names",
                            value);
    filled = cg_conf_fill_team(value, "x");
    rc = cg_conf_check_prefix(filled, err);
    free(filled);
    return rc;
}
