/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* logout: ends the token at the gateway, and forgets it here whatever the gateway says. */
#include "credential/action.h"

#include "credential/note.h"
#include "credential/remote.h"
#include "credential/reply.h"
#include "crategate/clock.h"

static void tell_it_lives(const struct cg_login_record *record, const char *why)
{
    char date[CG_DATE_SIZE];

    cg_date(record->expires_at, date);
    cg_note("the token is removed here, but could not be ended at the gateway: %s", why);
    cg_note("it still exists until %s; end it at %s/me, or with: curl --user %s -X DELETE %s/api/v1/me/tokens/%lld",
            date, record->base, record->user, record->base, (long long)record->id);
}

static void end_token(const struct cg_login_record *record)
{
    struct cg_error err = {0};

    if (!record->token.len || cg_login_record_expired(record, cg_clock_wall_s()))
        return;
    if (!cg_login_record_is_ours(record))
        cg_note("the token was given by hand and may be in use elsewhere, so it is only removed here; end it at %s/me",
                record->base);
    else if (cg_remote_revoke(record->base, &record->token, &err) != CG_OK && err.code != CG_ERR_UNAUTHENTICATED)
        tell_it_lives(record, err.detail);
}

enum cg_err cg_action_logout(const struct cg_action_call *call, struct cg_buf *reply, struct cg_error *err)
{
    struct cg_login_record record = {0};
    enum cg_err known = cg_vault_load(call->vault, call->target->base, &record, err), rc = known;

    /* What cannot be read is taken away all the same. */
    if (known != CG_ERR_ABSENT)
        rc = cg_vault_remove(call->vault, call->target->base, err);
    if (rc == CG_OK && known == CG_OK)
        end_token(&record);
    if (rc == CG_OK)
        cg_reply_done(reply, "logout");
    cg_login_record_free(&record);
    return rc;
}
