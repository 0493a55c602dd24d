/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "credential/obtain.h"

#include "credential/note.h"
#include "credential/remote.h"
#include "crategate/clock.h"

#define TRIES 3
#define DAYS 30 /* short-lived: whoever uses it is asked again in time */
#define DAY_S 86400

/* A life that nobody asked for may be longer than the gateway allows; then its own default is. */
static enum cg_err make(struct cg_login_record *record, const struct cg_secret *password, struct cg_error *err)
{
    unsigned days = record->wish.days ? record->wish.days : DAYS;
    enum cg_err rc = cg_remote_make_token(record, password, cg_clock_wall_s() + (int64_t)days * DAY_S, err);

    if (rc == CG_ERR_INVALID && !record->wish.days)
        rc = cg_remote_make_token(record, password, 0, err);
    return rc;
}

enum cg_err cg_obtain_token(struct cg_terminal *terminal, const char *prompt, int timeout_s,
                            struct cg_login_record *record, struct cg_error *err)
{
    struct cg_secret password = {0};
    enum cg_err rc = CG_ERR_UNAUTHENTICATED;

    for (int i = 0; rc == CG_ERR_UNAUTHENTICATED && i < TRIES; i++) {
        if (i)
            cg_terminal_say(terminal, "%s", err->detail);
        rc = cg_terminal_ask_secret(terminal, prompt, timeout_s, &password, err);
        if (rc == CG_OK && !password.len) /* some directories take an empty one for "nobody", and say yes */
            rc = cg_error_set(err, CG_ERR_ABSENT, "no password was entered");
        if (rc == CG_OK)
            rc = make(record, &password, err);
        cg_secret_free(&password);
    }
    return rc;
}

void cg_obtain_end(const struct cg_login_record *record)
{
    struct cg_error err = {0};

    if (!cg_login_record_is_ours(record))
        return;
    if (cg_remote_revoke(record->base, &record->token, &err) != CG_OK && err.code != CG_ERR_UNAUTHENTICATED)
        cg_note("the earlier token could not be ended and lives on until its expiry: %s", err.detail);
}
