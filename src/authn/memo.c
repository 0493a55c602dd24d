/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "authn/memo.h"

#include <stdlib.h>
#include <string.h>

#include "authn/authn_private.h"
#include "crategate/clock.h"
#include "log/metrics.h"

/* Last uses of tokens and people are noted when somebody is looked up: so that is done once a second all the same. */
#define HOLDS_MS 1000
#define SENT_MAX 512

uint64_t cg_authn_stamp(struct cg_authn *authn)
{
    /* Both only grow, so their sum tells a change of either. A reconfiguration makes every verdict due. */
    return cg_token_table_changes(authn->tokens) + cg_subjects_changes(authn->subjects);
}

bool cg_authn_recall(struct cg_authn *authn, const struct cg_authn_memo *memo, const char *authorization, int64_t now_ms,
                     struct cg_caller *caller_out)
{
    size_t len = memo->sent.len;

    if (!len || memo->stamp != cg_authn_stamp(authn) || strlen(authorization) != len ||
        !cg_secret_equal_bytes(memo->sent.bytes, authorization, len) || now_ms > memo->until_ms)
        return false;
    *caller_out = (struct cg_caller){.who = cg_identity_ref(memo->caller.who), .token = cg_token_ref(memo->caller.token)};
    cg_metric_add(CG_METRIC_TOKEN_HITS, 1);
    return true;
}

/* Monotonic time until which nothing but a change can void the caller; in the past when grace lets them in. */
static int64_t holds_until(struct cg_authn *authn, const struct cg_caller *caller, int64_t now_ms)
{
    int64_t left_s = caller->token->expires_at - cg_clock_wall_s() - 1; /* of a second that has begun, nothing is left */
    int64_t until = now_ms + (left_s < HOLDS_MS / 1000 ? left_s * 1000 : HOLDS_MS), fresh = INT64_MAX;
    char *id = cg_authn_subject_of(caller->token);

    if (id)
        fresh = cg_subjects_fresh_until(authn->subjects, id);
    free(id);
    return fresh < until ? fresh : until;
}

void cg_authn_remember(struct cg_authn *authn, struct cg_authn_memo *memo, const char *authorization, uint64_t stamp,
                       const struct cg_caller *caller)
{
    size_t len = strlen(authorization);
    int64_t now = cg_clock_mono_ms(), until;

    cg_authn_memo_clear(memo);
    if (!caller->token || len > SENT_MAX)
        return;
    until = holds_until(authn, caller, now);
    if (until <= now)
        return;
    cg_secret_set(&memo->sent, authorization, len);
    memo->caller = (struct cg_caller){.who = cg_identity_ref(caller->who), .token = cg_token_ref(caller->token)};
    memo->stamp = stamp;
    memo->until_ms = until;
}

void cg_authn_memo_clear(struct cg_authn_memo *memo)
{
    cg_secret_free(&memo->sent);
    cg_caller_free(&memo->caller);
}
