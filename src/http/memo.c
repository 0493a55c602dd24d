/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/memo.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define NS_MAX 64

struct cg_memo {
    struct cg_authn_memo authn;
    /* A right to read, when there is a policy. */
    struct cg_policy *policy;
    struct cg_caller caller;
    char ns[NS_MAX];
    unsigned line;
    char rule[sizeof(((struct cg_decision *)0)->rule)];
};

struct cg_memo *cg_memo_new(void)
{
    return cg_calloc(1, sizeof(struct cg_memo));
}

static void forget_read(struct cg_memo *memo)
{
    cg_policy_unref(&memo->policy);
    cg_caller_free(&memo->caller);
}

void cg_memo_free(struct cg_memo **memo)
{
    if (!*memo)
        return;
    cg_authn_memo_clear(&(*memo)->authn);
    forget_read(*memo);
    free(*memo);
    *memo = NULL;
}

struct cg_authn_memo *cg_memo_authn(struct cg_memo *memo)
{
    return &memo->authn;
}

bool cg_memo_may_read(const struct cg_memo *memo, struct cg_request *req)
{
    struct cg_decision *decision = &req->decision;

    if (memo->policy != req->policy || memo->caller.who != req->authn.caller.who ||
        memo->caller.token != req->authn.caller.token || strcmp(memo->ns, req->ns) != 0)
        return false;
    decision->verdict = CG_OK;
    decision->line = memo->line;
    memcpy(decision->rule, memo->rule, sizeof(decision->rule));
    decision->reason[0] = '\0';
    return true;
}

void cg_memo_note_read(struct cg_memo *memo, const struct cg_request *req)
{
    const struct cg_caller *caller = &req->authn.caller;
    size_t len = strlen(req->ns);

    forget_read(memo);
    if (len >= NS_MAX || !caller->token)
        return;
    memo->policy = cg_policy_ref(req->policy);
    memo->caller = (struct cg_caller){.who = cg_identity_ref(caller->who), .token = cg_token_ref(caller->token)};
    memcpy(memo->ns, req->ns, len + 1);
    memo->line = req->decision.line;
    memcpy(memo->rule, req->decision.rule, sizeof(memo->rule));
}
