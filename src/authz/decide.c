/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The decision. Order matters: what depends on whether a namespace exists comes
 * after the question whether the caller may read it, so that no refusal tells.
 */
#include <stdio.h>
#include <string.h>

#include "authz/policy_private.h"
#include "base/str.h"

#define OWNERS_SHOWN 160

/* One question on its way through the rules. */
struct asking {
    const struct cg_policy *policy;
    const struct cg_question *q;
    const struct cg_space *space;
    struct cg_decision *d;
};

static const struct cg_identity *who_of(const struct asking *a)
{
    return a->q->caller->who;
}

static enum cg_identity_kind kind_of(const struct asking *a)
{
    return cg_identity_kind(who_of(a));
}

static const char *base_url(const struct asking *a)
{
    return a->policy->conf->public_url;
}

static bool writes(enum cg_action action)
{
    return (action & ~CG_ACTION_READ) != 0;
}

static const char *verb(enum cg_action action)
{
    if (action & CG_ACTION_PUBLISH)
        return "publish";
    return action & CG_ACTION_YANK ? "yank" : "change owners";
}

static void set_rule(struct cg_decision *d, unsigned line, const char *text)
{
    size_t len = strnlen(text, sizeof(d->rule) - 1);

    d->line = line;
    memcpy(d->rule, text, len);
    d->rule[len] = '\0';
}

static enum cg_err CG_PRINTF(3, 4) refuse(struct asking *a, enum cg_err verdict, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(a->d->reason, sizeof(a->d->reason), fmt, args);
    va_end(args);
    return verdict;
}

/* Does a rule name this person? An unresolved group decides nothing, and is remembered instead. */
static bool names(const struct cg_rule *rule, const struct cg_identity *who, const struct cg_rule **undecided)
{
    if (rule->kind == CG_GRANT_ANONYMOUS)
        return true;
    if (cg_identity_kind(who) != CG_IDENTITY_PERSON)
        return false;
    switch (rule->kind) {
    case CG_GRANT_AUTHENTICATED:
        return true;
    case CG_GRANT_USER:
        return cg_streq_nocase(rule->value, cg_identity_name(who));
    case CG_GRANT_GROUP:
        if (rule->state == CG_RULE_UNRESOLVED && !*undecided)
            *undecided = rule;
        return rule->state == CG_RULE_RESOLVED && cg_identity_in_group(who, rule->dn);
    default: /* CG_GRANT_DN: a person's or a group's */
        return strcmp(rule->dn, cg_identity_dn(who)) == 0 || cg_identity_in_group(who, rule->dn);
    }
}

static bool role_of(const char *name, enum cg_role *role_out)
{
    for (int role = 0; role < CG_ROLE_COUNT; role++) {
        if (strcmp(name, cg_role_name((enum cg_role)role)) == 0) {
            *role_out = (enum cg_role)role;
            return true;
        }
    }
    return false;
}

/* "payments:publish" in the token of a service, whose rights come from there and from nowhere else. */
static const char *service_grant(const struct cg_token *token, const char *ns, enum cg_role least)
{
    size_t len = strlen(ns);
    enum cg_role role;

    for (char *const *g = token ? token->grants : NULL; g && *g; g++)
        if (strncmp(*g, ns, len) == 0 && (*g)[len] == ':' && role_of(*g + len + 1, &role) && role >= least)
            return *g;
    return NULL;
}

/* Has the caller this role or a higher one? The rule that says so goes into the decision. */
static bool holds(struct asking *a, enum cg_role least, const struct cg_rule **undecided)
{
    const struct cg_token *token = a->q->caller->token;
    const char *grant;

    if (kind_of(a) == CG_IDENTITY_SERVICE && (grant = service_grant(token, a->space->conf->name, least)) != NULL) {
        a->d->line = 0;
        snprintf(a->d->rule, sizeof(a->d->rule), "service token %lld: \"%s\"", (long long)token->id, grant);
        return true;
    }
    for (int role = (int)least; role < CG_ROLE_COUNT; role++) {
        const struct cg_rules *list = &a->space->lists[role];

        for (size_t i = 0; i < list->count; i++) {
            if (!names(&list->items[i], who_of(a), undecided))
                continue;
            a->d->line = list->items[i].line;
            memcpy(a->d->rule, list->items[i].text, sizeof(a->d->rule));
            return true;
        }
    }
    return false;
}

static enum cg_err not_known(struct asking *a)
{
    return refuse(a, CG_ERR_UNAVAILABLE,
                  "whether you may %s in namespace \"%s\" depends on a group that the directory has not been able to "
                  "look up yet; try again in a moment",
                  writes(a->q->action) ? verb(a->q->action) : "read", a->q->namespace_name);
}

static enum cg_err undecidable(struct asking *a, const struct cg_rule *rule)
{
    set_rule(a->d, rule->line, rule->text);
    return not_known(a);
}

/* While nobody has told which teams there are, a name may be a team's, whoever asks: but not for anonymous callers,
 * unless teams are open to them. */
static bool may_be_a_team(const struct asking *a)
{
    const struct cg_conf_grants *read = &a->policy->conf->teams.like.read;

    if (!a->policy->teams_unknown)
        return false;
    if (kind_of(a) != CG_IDENTITY_ANONYMOUS)
        return true;
    for (size_t i = 0; i < read->count; i++)
        if (read->items[i].kind == CG_GRANT_ANONYMOUS)
            return true;
    return false;
}

/* One sentence, whether the namespace is not there or not theirs: the one about a group while there are names or teams
 * that nobody has resolved, since a namespace where that is open must not be told from one that is not there. Only the
 * rule, which the caller never sees, tells. */
static enum cg_err hide(struct asking *a)
{
    if (a->space)
        set_rule(a->d, a->space->lists[CG_ROLE_READ].line, a->space->lists[CG_ROLE_READ].name);
    else
        set_rule(a->d, 0, "no such namespace");
    if (may_be_a_team(a) || (a->policy->incomplete && kind_of(a) == CG_IDENTITY_PERSON))
        return not_known(a);
    if (kind_of(a) == CG_IDENTITY_ANONYMOUS)
        return refuse(a, CG_ERR_UNAUTHENTICATED,
                      "namespace \"%.80s\" is not open to anonymous callers, or does not exist: get a token at %s/me "
                      "and give it to `cargo login`",
                      a->q->namespace_name, base_url(a));
    return refuse(a, CG_ERR_DENIED,
                  "namespace \"%.80s\" does not exist, or %s may not read it; ask the registry's administrators for a "
                  "grant",
                  a->q->namespace_name, cg_identity_name(who_of(a)));
}

static enum cg_err may_read(struct asking *a)
{
    const struct cg_rule *undecided = NULL;

    if (holds(a, CG_ROLE_READ, &undecided))
        return CG_OK;
    return undecided ? undecidable(a, undecided) : hide(a);
}

static bool listed(char *const *list, const char *name)
{
    for (; list && *list; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

static bool outside_namespaces(const struct cg_token *token, const char *ns)
{
    return token && token->namespaces && !listed(token->namespaces, ns);
}

/* Asked first: the answer is the same for every name outside the token's list, so it tells nothing. */
static enum cg_err check_token_namespace(struct asking *a)
{
    if (!outside_namespaces(a->q->caller->token, a->q->namespace_name))
        return CG_OK;
    set_rule(a->d, 0, "token scope: namespaces");
    return refuse(a, CG_ERR_DENIED,
                  "this token (\"%.100s\") is narrowed to other namespaces than \"%.80s\"; make another at %s/me",
                  a->q->caller->token->name, a->q->namespace_name, base_url(a));
}

/* PUBLISH is both bits while nobody knows which it will be, so one of them is enough. */
static enum cg_err check_token_action(struct asking *a)
{
    const struct cg_token *token = a->q->caller->token;

    if (!token || (token->actions & (unsigned)a->q->action & ~(unsigned)CG_ACTION_READ))
        return CG_OK;
    set_rule(a->d, 0, "token scope: actions");
    return refuse(a, CG_ERR_DENIED, "this token (\"%.100s\") is narrowed to actions without %s; make another at %s/me",
                  token->name, cg_action_name(a->q->action), base_url(a));
}

static enum cg_err check_token_crate(struct asking *a, const char *folded)
{
    const struct cg_token *token = a->q->caller->token;

    if (!token || !token->crates || !a->q->crate)
        return CG_OK;
    for (char *const *pattern = token->crates; *pattern; pattern++)
        if (cg_crate_pattern_match(*pattern, folded))
            return CG_OK;
    set_rule(a->d, 0, "token scope: crates");
    return refuse(a, CG_ERR_DENIED,
                  "this token (\"%.100s\") is narrowed to crates that do not include \"%s\"; make another at %s/me",
                  token->name, a->q->crate, base_url(a));
}

static bool owns(const struct cg_identity *who, const struct cg_owner *owner)
{
    if (cg_identity_kind(who) != CG_IDENTITY_PERSON)
        return false;
    if (owner->kind == CG_OWNER_GROUP)
        return cg_identity_in_group(who, owner->subject);
    return strcmp(owner->subject, cg_identity_id(who)) == 0; /* pitfall 15: the UUID, never the name */
}

static void show_owners(const struct cg_question *q, char out[OWNERS_SHOWN])
{
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < q->owner_count && at < OWNERS_SHOWN - 1; i++) {
        int n = snprintf(out + at, OWNERS_SHOWN - at, "%s%s", i ? ", " : "", q->owners[i].login);

        at += n > 0 ? (size_t)n : 0;
    }
}

/* The crate has owners: they and the namespace's admins, nobody else. */
static enum cg_err check_owners(struct asking *a)
{
    const struct cg_rule *undecided = NULL;
    char text[CG_RULE_TEXT], shown[OWNERS_SHOWN];

    if (holds(a, CG_ROLE_ADMIN, &undecided))
        return CG_OK;
    snprintf(text, sizeof(text), "owners of %s", a->q->crate ? a->q->crate : "the crate");
    for (size_t i = 0; i < a->q->owner_count; i++) {
        if (owns(who_of(a), &a->q->owners[i])) {
            set_rule(a->d, 0, text);
            return CG_OK;
        }
    }
    if (undecided)
        return undecidable(a, undecided);
    set_rule(a->d, 0, text);
    show_owners(a->q, shown);
    return refuse(
        a, CG_ERR_DENIED,
        "crate \"%s\" has owners of its own (%s): only they and the administrators of namespace \"%s\" may %s",
        a->q->crate ? a->q->crate : "?", shown, a->q->namespace_name, verb(a->q->action));
}

static enum cg_err check_publisher(struct asking *a)
{
    const struct cg_rules *list = &a->space->lists[CG_ROLE_PUBLISH];
    const struct cg_rule *undecided = NULL;

    if (holds(a, CG_ROLE_PUBLISH, &undecided))
        return CG_OK;
    if (undecided)
        return undecidable(a, undecided);
    if (a->q->owners_unknown) /* perhaps an owner: the rule stays the one that lets them read */
        return CG_OK;
    set_rule(a->d, list->line, list->name);
    return refuse(
        a, CG_ERR_DENIED,
        "%s may read namespace \"%s\" but not %s in it: %s (line %u of the registry's configuration) does not "
        "grant it; ask the namespace's administrators",
        cg_identity_name(who_of(a)), a->q->namespace_name, verb(a->q->action), list->name, list->line);
}

/* The prefix by which another namespace than `ns` reserves the name. */
static const struct cg_space *find_reserver(const struct cg_policy *policy, const char *ns, const char *folded,
                                            const char **prefix_out)
{
    char start[CG_CRATE_NAME_MAX + 1];

    for (size_t i = 0; i < policy->count; i++) {
        const struct cg_conf_namespace *other = policy->spaces[i].conf;

        if (strcmp(other->name, ns) == 0)
            continue;
        for (char *const *prefix = other->prefixes; prefix && *prefix; prefix++) {
            cg_crate_name_fold(*prefix, start);
            if (cg_str_starts(folded, start)) {
                *prefix_out = *prefix;
                return &policy->spaces[i];
            }
        }
    }
    return NULL;
}

/* The other namespace is named only to who may read it. */
static enum cg_err check_reserved(struct asking *a, const char *folded)
{
    const struct cg_rule *undecided = NULL;
    const char *prefix = NULL;
    const struct cg_space *other;
    struct cg_decision ignored;
    struct asking there = {.policy = a->policy, .q = a->q, .d = &ignored};
    bool visible;

    if (!(a->q->action & CG_ACTION_PUBLISH) || !a->q->crate)
        return CG_OK;
    other = find_reserver(a->policy, a->q->namespace_name, folded, &prefix);
    if (!other)
        return CG_OK;
    there.space = other;
    visible = !outside_namespaces(a->q->caller->token, other->conf->name) && holds(&there, CG_ROLE_READ, &undecided);
    a->d->line = other->conf->line;
    snprintf(a->d->rule, sizeof(a->d->rule),
             other->conf->team_dn ? "teams.prefixes (namespace %s) = \"%s\"" : "namespace.%s.prefixes = \"%s\"",
             other->conf->name, prefix);
    if (!visible) /* neither whose nor how much of the name: a team's prefix may be its name */
        return refuse(a, CG_ERR_DENIED,
                      "the crate name \"%s\" is reserved by the registry's configuration; choose another name",
                      a->q->crate);
    return refuse(a, CG_ERR_DENIED,
                  "crate names that begin with \"%s\" are reserved to namespace \"%s\" by the registry's configuration; "
                  "choose another name or publish there",
                  prefix, other->conf->name);
}

static enum cg_err may_write(struct asking *a)
{
    char folded[CG_CRATE_NAME_MAX + 1];
    enum cg_err rc;

    if (kind_of(a) == CG_IDENTITY_ANONYMOUS) {
        set_rule(a->d, a->space->lists[CG_ROLE_PUBLISH].line, a->space->lists[CG_ROLE_PUBLISH].name);
        return refuse(a, CG_ERR_UNAUTHENTICATED,
                      "to %s you have to log in: get a token at %s/me and give it to "
                      "`cargo login`",
                      verb(a->q->action), base_url(a));
    }
    cg_crate_name_fold(a->q->crate ? a->q->crate : "", folded);
    rc = check_token_action(a);
    if (rc == CG_OK)
        rc = check_token_crate(a, folded);
    if (rc == CG_OK)
        rc = a->q->owner_count ? check_owners(a) : check_publisher(a);
    if (rc == CG_OK)
        rc = check_reserved(a, folded);
    return rc;
}

enum cg_err cg_policy_decide(const struct cg_policy *policy, const struct cg_question *question,
                             struct cg_decision *decision)
{
    struct asking a = {.policy = policy, .q = question, .d = decision};
    enum cg_err rc;

    decision->line = 0;
    decision->rule[0] = decision->reason[0] = '\0';
    a.space = cg_map_get(policy->by_name, question->namespace_name);
    rc = check_token_namespace(&a);
    if (rc == CG_OK)
        rc = a.space ? may_read(&a) : hide(&a);
    if (rc == CG_OK && writes(question->action))
        rc = may_write(&a);
    decision->verdict = rc;
    return rc;
}

static enum cg_err may_administer(struct asking *a)
{
    const struct cg_rules *list = &a->space->lists[CG_ROLE_ADMIN];
    const struct cg_token *token = a->q->caller->token;
    const struct cg_rule *undecided = NULL;

    if (token && (token->actions != CG_ACTION_ALL || token->crates)) {
        set_rule(a->d, 0, "token scope: actions");
        return refuse(a, CG_ERR_DENIED, "this token (\"%.100s\") is narrowed, and administration is not in what is left",
                      token->name);
    }
    if (holds(a, CG_ROLE_ADMIN, &undecided))
        return CG_OK;
    if (undecided)
        return undecidable(a, undecided);
    set_rule(a->d, list->line, list->name);
    return refuse(a, CG_ERR_DENIED, "this is for the administrators of namespace \"%s\", and %s is none",
                  a->q->namespace_name, cg_identity_name(who_of(a)));
}

enum cg_err cg_policy_decide_admin(const struct cg_policy *policy, const struct cg_question *question,
                                   struct cg_decision *decision)
{
    struct cg_question read = *question;
    struct asking a = {.policy = policy, .q = question, .d = decision};
    enum cg_err rc;

    read.action = CG_ACTION_READ;
    rc = cg_policy_decide(policy, &read, decision);
    if (rc != CG_OK)
        return rc;
    a.space = cg_map_get(policy->by_name, question->namespace_name);
    rc = may_administer(&a);
    decision->verdict = rc;
    return rc;
}

const char *cg_policy_reserved_by(const struct cg_policy *policy, const char *namespace_name, const char *crate)
{
    char folded[CG_CRATE_NAME_MAX + 1];
    const char *prefix = NULL;
    const struct cg_space *other;

    cg_crate_name_fold(crate, folded);
    other = find_reserver(policy, namespace_name, folded, &prefix);
    return other ? other->conf->name : NULL;
}

static void add_role(struct asking *a, struct cg_buf *out)
{
    const struct cg_rule *undecided = NULL;
    const char *ns = a->space->conf->name;

    for (int role = CG_ROLE_ADMIN; role >= CG_ROLE_READ; role--) {
        if (!holds(a, (enum cg_role)role, &undecided))
            continue;
        cg_buf_addf(out, "%s: %s (", ns, cg_role_name((enum cg_role)role));
        if (a->d->line)
            cg_buf_addf(out, "line %u: ", a->d->line);
        cg_buf_addf(out, "%s)\n", a->d->rule);
        break;
    }
    if (undecided)
        cg_buf_addf(out, "%s: not all known (line %u: %s: the directory has not looked the group up yet)\n", ns,
                    undecided->line, undecided->text);
}

void cg_policy_roles(const struct cg_policy *policy, const struct cg_caller *caller, struct cg_buf *out)
{
    struct cg_question q = {.caller = caller};
    struct cg_decision d;
    struct asking a = {.policy = policy, .q = &q, .d = &d};

    for (size_t i = 0; i < policy->count; i++) {
        a.space = &policy->spaces[i];
        if (!outside_namespaces(caller->token, a.space->conf->name))
            add_role(&a, out);
    }
}
