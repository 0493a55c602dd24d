/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* get: the token that is kept, as long as it is good; and its renewal before it ends. */
#include "credential/action.h"

#include <stdlib.h>

#include "base/mem.h"
#include "credential/note.h"
#include "credential/obtain.h"
#include "credential/remote.h"
#include "credential/reply.h"
#include "crategate/clock.h"

#define RENEW_WAIT_S 60 /* a build that nobody watches goes on */

static const char *registry_of(const struct cg_action_call *call)
{
    return call->request->name ? call->request->name : "NAME";
}

/* The gateway knows the token no more. Its user's name is kept for the next login, and so is a token that another cargo
 * got while the gateway was being asked about this one. */
static void drop_token(const struct cg_action_call *call, const struct cg_login_record *record)
{
    enum cg_err rc = cg_vault_drop_token(call->vault, record, NULL);

    if (rc != CG_OK && rc != CG_ERR_CONFLICT && rc != CG_ERR_ABSENT)
        cg_note("the token that was refused could not be removed; `cargo logout` does");
}

/* ABSENT, with a line for the person who would wonder, when the token is of no use. */
static enum cg_err check_usable(const struct cg_action_call *call, const struct cg_login_record *record,
                                struct cg_error *err)
{
    char date[CG_DATE_SIZE];

    if (!record->token.len)
        return cg_error_set(err, CG_ERR_ABSENT, "there is no token");
    if (!cg_login_record_covers(record, call->target->ns)) {
        cg_note("the login to %s was narrowed to other namespaces than %s", record->base, call->target->ns);
        return cg_error_set(err, CG_ERR_ABSENT, "the token is narrowed");
    }
    if (cg_login_record_expired(record, cg_clock_wall_s())) {
        cg_date(record->expires_at, date);
        cg_note("the login to %s expired on %s; log in again: cargo login --registry %s", record->base, date,
                registry_of(call));
        return cg_error_set(err, CG_ERR_ABSENT, "the token has expired");
    }
    return CG_OK;
}

/* cargo shows a 401 both when it sent no token yet and when it sent this one: the gateway knows which it was. Only a
 * clear no counts. */
static enum cg_err check_accepted(const struct cg_action_call *call, struct cg_login_record *record,
                                  struct cg_error *err)
{
    if (!call->request->challenged || cg_remote_try_token(call->target, &record->token, err) != CG_ERR_UNAUTHENTICATED)
        return CG_OK;
    cg_note("%s", err->detail);
    cg_note("log in again: cargo login --registry %s", registry_of(call));
    drop_token(call, record);
    return cg_error_set(err, CG_ERR_ABSENT, "the token was refused");
}

static void renew_on(struct cg_terminal *terminal, const struct cg_action_call *call, struct cg_login_record *record)
{
    struct cg_login_record fresh = {.base = cg_strdup(record->base), .user = cg_strdup(record->user)}, old;
    struct cg_error err = {0};
    char date[CG_DATE_SIZE], *prompt;
    enum cg_err rc;

    cg_date(record->expires_at, date);
    prompt = cg_asprintf("Your login to %s expires on %s; password for %s to renew it (empty: later): ", record->base,
                         date, record->user);
    cg_wish_copy(&fresh.wish, &record->wish);
    rc = cg_obtain_token(terminal, prompt, RENEW_WAIT_S, &fresh, &err);
    if (rc == CG_OK)
        rc = cg_vault_save(call->vault, &fresh, NULL, &err);
    if (rc == CG_OK) {
        cg_date(fresh.expires_at, date);
        cg_terminal_say(terminal, "Renewed until %s.", date);
        old = *record;
        *record = fresh;
        fresh = old;
        cg_obtain_end(&fresh);
    } else if (rc != CG_ERR_ABSENT && rc != CG_ERR_TIMEOUT) {
        cg_terminal_say(terminal, "Not renewed: %s", err.detail);
    }
    cg_login_record_free(&fresh);
    free(prompt);
}

/* At most once a day, and never in the way: whatever goes wrong, the old token still serves. */
static void renew(const struct cg_action_call *call, struct cg_login_record *record)
{
    struct cg_terminal *terminal = NULL;
    int64_t now = cg_clock_wall_s();
    char date[CG_DATE_SIZE];

    if (call->request->operation != CG_OPERATION_READ || !cg_login_record_ends_soon(record, now) ||
        cg_vault_remind(call->vault, record, now, NULL) != CG_OK)
        return;
    record->reminded_at = now;
    if (cg_terminal_open(&terminal, NULL) == CG_OK) {
        renew_on(terminal, call, record);
    } else {
        cg_date(record->expires_at, date);
        cg_note("the login to %s as %s expires on %s; renew it before: cargo login --registry %s", record->base,
                record->user, date, registry_of(call));
    }
    cg_terminal_close(&terminal);
}

enum cg_err cg_action_get(const struct cg_action_call *call, struct cg_buf *reply, struct cg_error *err)
{
    struct cg_login_record record = {0};
    enum cg_err rc;

    if (call->request->operation == CG_OPERATION_UNKNOWN)
        return cg_error_set(err, CG_ERR_METHOD, "unknown operation");
    rc = cg_vault_load(call->vault, call->target->base, &record, err);
    if (rc == CG_OK)
        rc = check_usable(call, &record, err);
    if (rc == CG_OK)
        rc = check_accepted(call, &record, err);
    if (rc == CG_OK) {
        renew(call, &record);
        cg_reply_token(reply, &record.token, record.expires_at);
    }
    cg_login_record_free(&record);
    return rc;
}
