/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What a policy says, for administrators. */
#include "authz/policy_private.h"

static void tell_rule(const struct cg_rule *rule, struct cg_buf *out)
{
    cg_buf_addf(out, "line %u: %s", rule->line, rule->text);
    if (rule->kind == CG_GRANT_GROUP) {
        switch (rule->state) {
        case CG_RULE_RESOLVED:
            cg_buf_addf(out, " (that is %s)", rule->dn);
            break;
        case CG_RULE_ABSENT:
            cg_buf_addstr(out, " (the directory has no such group)");
            break;
        case CG_RULE_AMBIGUOUS:
            cg_buf_addf(out, " (gives nothing: %s)", rule->why);
            break;
        case CG_RULE_UNRESOLVED:
            cg_buf_addstr(out, " (the directory has not looked it up yet)");
            break;
        }
    }
    cg_buf_addch(out, '\n');
}

/* With owners of its own, a crate is changed by them and the administrators; else by publishers. */
static enum cg_role least_role(const struct cg_question *q)
{
    if ((q->action & ~CG_ACTION_READ) == 0)
        return CG_ROLE_READ;
    return q->owner_count ? CG_ROLE_ADMIN : CG_ROLE_PUBLISH;
}

void cg_policy_ways(const struct cg_policy *policy, const struct cg_question *question, struct cg_buf *out)
{
    const struct cg_space *space = cg_map_get(policy->by_name, question->namespace_name);

    for (int role = space ? (int)least_role(question) : CG_ROLE_COUNT; role < CG_ROLE_COUNT; role++)
        for (size_t i = 0; i < space->lists[role].count; i++)
            tell_rule(&space->lists[role].items[i], out);
}
