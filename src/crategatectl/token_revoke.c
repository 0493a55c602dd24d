/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* crategatectl token revoke: by number, or all of an owner, a group or a namespace. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "crategatectl/token.h"

static enum cg_err revoke(struct cg_token_session *s, int64_t id, const char *target, struct cg_error *err)
{
    struct cg_audit_record record = {.event = CG_AUDIT_TOKEN_REVOKE, .target = target, .token_id = id};
    struct cg_audit *audit = NULL;
    enum cg_err rc = cg_ctl_audit_begin(s->ctl, &audit, err);

    if (rc == CG_OK)
        rc = cg_authn_token_revoke(s->authn, id, NULL, err);
    cg_ctl_audit_end(s->ctl, &audit, &record, rc == CG_OK ? NULL : err);
    return rc;
}

static int revoke_word(struct cg_token_session *s, const char *word)
{
    struct cg_error err = {0};
    uint64_t id;

    if (cg_parse_u64(word, INT64_MAX, &id) != CG_OK)
        cg_error_set(&err, CG_ERR_INVALID, "an id is a number; `token list` shows them");
    else if (revoke(s, (int64_t)id, word, &err) == CG_OK) {
        printf("token %s is revoked\n", word);
        return CG_CTL_OK;
    }
    return cg_ctl_fail(&err, "token %s", word);
}

static bool revoke_picked(struct cg_token_session *s, const struct cg_token *token, bool dry_run)
{
    struct cg_token_status status;
    struct cg_error err = {0};
    char number[24];
    bool done = true;

    snprintf(number, sizeof(number), "%lld", (long long)token->id);
    cg_authn_token_status(s->authn, token, &status);
    if (!dry_run)
        done = revoke(s, token->id, number, &err) == CG_OK;
    if (done)
        printf("token %s (\"%s\" of %s) %s\n", number, token->name, status.owner_name,
               dry_run ? "would be revoked" : "is revoked");
    else
        cg_ctl_fail(&err, "token %s", number);
    cg_token_status_clear(&status);
    return done;
}

static int revoke_all(struct cg_token_session *s, const struct cg_token_pick *pick)
{
    struct cg_token **tokens = NULL;
    struct cg_error err = {0};
    size_t count, done = 0;

    if (cg_token_pick_all(s, pick, &tokens, &count, &err) != CG_OK)
        return cg_ctl_fail(&err, "nothing was revoked");
    for (size_t i = 0; i < count; i++)
        done += revoke_picked(s, tokens[i], pick->dry_run);
    printf("%zu tokens %s\n", done, pick->dry_run ? "would be revoked" : "are revoked");
    cg_token_picked_free(tokens, count);
    return done == count ? CG_CTL_OK : CG_CTL_FAILED;
}

int cg_token_revoke_command(struct cg_token_session *s, int argc, char **argv)
{
    static const char *const allowed[] = {"user", "group", "namespace", "dry-run", NULL};
    struct cg_token_pick pick = {0};
    bool by_condition;
    int status = CG_CTL_OK;

    if (!cg_token_pick_parse(argc, argv, allowed, &pick))
        return cg_ctl_usage(CG_TOKEN_SYNOPSIS);
    by_condition = pick.user || pick.group || pick.namespace_name;
    if (by_condition == (optind < argc) || (pick.dry_run && !by_condition))
        return cg_ctl_usage(CG_TOKEN_SYNOPSIS);
    if (by_condition)
        return revoke_all(s, &pick);
    for (int i = optind; i < argc; i++)
        if (revoke_word(s, argv[i]) != CG_CTL_OK)
            status = CG_CTL_FAILED;
    return status;
}
