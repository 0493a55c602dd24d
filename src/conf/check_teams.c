/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The teams' section as a whole. */
#include "conf/format.h"
#include "conf/parse.h"

static void check_grants(struct cg_conf_context *ctx, const struct cg_conf_place *place, const char *leaf,
                         const struct cg_conf_grants *grants)
{
    for (size_t i = 0; i < grants->count; i++) {
        struct cg_error err = {0};

        if (cg_conf_check_team_text(grants->items[i].text, &err) != CG_OK)
            cg_conf_problem(ctx, place, leaf, (int)i, "%s", err.detail);
    }
}

void cg_conf_check_teams(struct cg_conf_context *ctx)
{
    const struct cg_conf_namespace *like = &ctx->conf->teams.like;
    struct cg_conf_place place = cg_conf_place(ctx, "teams");

    if (!ctx->conf->ldap.present)
        cg_conf_problem(ctx, &place, NULL, -1, "needs a directory: an [ldap] section");
    check_grants(ctx, &place, "read", &like->read);
    check_grants(ctx, &place, "publish", &like->publish);
    check_grants(ctx, &place, "admin", &like->admin);
    cg_conf_check_anonymous(ctx, &place, "publish", &like->publish);
    cg_conf_check_anonymous(ctx, &place, "admin", &like->admin);
    cg_conf_check_prefix_twice(ctx, &place, like->prefixes);
}
