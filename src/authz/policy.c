/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* From a configuration to a policy: compiling, and looking up the names of groups. */
#include "authz/policy.h"

#include <stdlib.h>
#include <string.h>

#include "authz/policy_private.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"

/* After so many names in a row without an answer, the directory is down and the rest need not wait for it too; after
 * so long, it is too slow for all of them at once. Both are asked for again soon. */
#define UNANSWERED_MAX 3
#define RESOLVE_MS 20000

const char *cg_role_name(enum cg_role role)
{
    static const char *const names[CG_ROLE_COUNT] = {"read", "publish", "admin"};

    return names[role];
}

static void compile_rule(struct cg_rule *rule, const struct cg_conf_grant *grant, const char *list)
{
    char *text = grant->mapped ? cg_asprintf("ldap.group_map (%s) = \"%s\"", list, grant->text)
                               : cg_asprintf("%s = \"%s\"", list, grant->text);

    rule->kind = grant->kind;
    rule->value = grant->value;
    rule->line = grant->line;
    cg_str_printable(text, strlen(text), rule->text, sizeof(rule->text));
    free(text);
}

/* As a reader of the configuration would look for it; fresh. */
static char *list_name(const struct cg_conf_namespace *ns, enum cg_role role)
{
    if (ns->team_dn)
        return cg_asprintf("teams.%s (namespace %s)", cg_role_name(role), ns->name);
    return cg_asprintf("namespace.%s.%s", ns->name, cg_role_name(role));
}

static void compile_list(struct cg_space *space, enum cg_role role, const struct cg_conf_grants *grants)
{
    struct cg_rules *list = &space->lists[role];
    char *name = list_name(space->conf, role);

    cg_str_printable(name, strlen(name), list->name, sizeof(list->name));
    free(name);
    list->count = grants->count;
    list->line = grants->count ? grants->items[0].line : space->conf->line;
    list->items = cg_calloc(grants->count + 1, sizeof(*list->items));
    for (size_t i = 0; i < grants->count; i++) {
        compile_rule(&list->items[i], &grants->items[i], list->name);
        list->items[i].of_team = space->conf->team_dn != NULL;
        space->anonymous_reads |= grants->items[i].kind == CG_GRANT_ANONYMOUS;
    }
}

/* A key that several namespaces front, of whichever instances, names none of them. */
static void note_repository(struct cg_policy *policy, struct cg_space *space)
{
    const char *key = space->conf->repository;

    if (space->conf->storage != CG_STORAGE_ARTIFACTORY || !key || !*key)
        return;
    cg_map_put(policy->by_repository, key, cg_map_get(policy->by_repository, key) ? &policy->shared : space);
}

static struct cg_policy *compile(struct cg_conf *conf)
{
    struct cg_policy *policy = cg_calloc(1, sizeof(*policy));

    atomic_init(&policy->refs, 1);
    policy->conf = cg_conf_ref(conf);
    policy->teams_unknown = cg_conf_teams_unknown(conf);
    policy->count = conf->namespace_count;
    policy->spaces = cg_calloc(policy->count + 1, sizeof(*policy->spaces));
    policy->by_name = cg_map_new(NULL);
    policy->by_repository = cg_map_new(NULL);
    for (size_t i = 0; i < policy->count; i++) {
        struct cg_space *space = &policy->spaces[i];

        space->conf = &conf->namespaces[i];
        compile_list(space, CG_ROLE_READ, &space->conf->read);
        compile_list(space, CG_ROLE_PUBLISH, &space->conf->publish);
        compile_list(space, CG_ROLE_ADMIN, &space->conf->admin);
        cg_map_put(policy->by_name, space->conf->name, space);
        note_repository(policy, space);
    }
    return policy;
}

/* Calls visit for every rule, with the rule in the same place of `old` (NULL: none); stops at the first error. */
static enum cg_err each_rule(struct cg_policy *policy, const struct cg_policy *old,
                             enum cg_err (*visit)(void *cls, struct cg_rule *rule, const struct cg_rule *was),
                             void *cls)
{
    enum cg_err rc = CG_OK;

    for (size_t i = 0; i < policy->count; i++) {
        for (int role = 0; role < CG_ROLE_COUNT; role++) {
            struct cg_rules *list = &policy->spaces[i].lists[role];

            for (size_t j = 0; rc == CG_OK && j < list->count; j++)
                rc = visit(cls, &list->items[j], old ? &old->spaces[i].lists[role].items[j] : NULL);
        }
    }
    return rc;
}

/* What a walk over the rules needs. */
struct pass {
    struct cg_policy *policy;
    struct cg_directory *dir;
    struct cg_map *asked; /* name -> struct lookup: each name is asked about once */
    struct cg_buf *warnings;
    struct cg_error *err;
    bool missing_only;   /* what has an answer keeps it */
    unsigned unanswered; /* in a row */
    int64_t until_ms;    /* monotonic: nothing is asked any more */
};

static enum cg_err canonicalise(void *cls, struct cg_rule *rule, const struct cg_rule *was)
{
    struct pass *pass = cls;
    enum cg_err rc = CG_OK;

    (void)was;
    if (rule->kind == CG_GRANT_GROUP)
        pass->policy->incomplete = true;
    if (rule->kind != CG_GRANT_DN)
        return CG_OK;
    CG_ASSERT(pass->dir != NULL);
    rc = pass->dir->ops->canonical_dn(pass->dir, rule->value, &rule->dn, pass->err);
    if (rc != CG_OK)
        cg_error_prefix(pass->err, "%s:%u: %s", pass->policy->conf->file, rule->line, rule->text);
    return rc;
}

enum cg_err cg_policy_new(struct cg_conf *conf, struct cg_directory *dir, struct cg_policy **policy_out,
                          struct cg_error *err)
{
    struct cg_policy *policy = compile(conf);
    struct pass pass = {.policy = policy, .dir = dir, .err = err};
    enum cg_err rc = each_rule(policy, NULL, canonicalise, &pass);

    if (rc == CG_OK)
        *policy_out = policy;
    else
        cg_policy_unref(&policy);
    return rc;
}

/* The directory's answer to one name. */
struct lookup {
    enum cg_err rc;
    char *dn;
    struct cg_error err;
};

static void free_lookup(void *value)
{
    struct lookup *lookup = value;

    free(lookup->dn);
    free(lookup);
}

static const struct lookup *look_up(struct pass *pass, const char *name)
{
    struct lookup *lookup = cg_map_get(pass->asked, name);

    if (lookup)
        return lookup;
    lookup = cg_calloc(1, sizeof(*lookup));
    lookup->rc = CG_ERR_UNAVAILABLE;
    if (pass->unanswered < UNANSWERED_MAX && cg_clock_mono_ms() < pass->until_ms)
        lookup->rc = pass->dir->ops->resolve_group(pass->dir, name, &lookup->dn, &lookup->err);
    pass->unanswered = lookup->rc == CG_ERR_UNAVAILABLE ? pass->unanswered + 1 : 0;
    cg_map_put(pass->asked, name, lookup);
    return lookup;
}

static void warn_absent(struct pass *pass, const struct cg_rule *rule)
{
    if (pass->warnings && !rule->of_team)
        cg_buf_addf(pass->warnings, "%s:%u: %s: the directory has no such group, so this grant is for nobody\n",
                    pass->policy->conf->file, rule->line, rule->text);
}

static void copy_answer(struct cg_rule *rule, const struct cg_rule *from)
{
    rule->state = from->state;
    rule->dn = from->dn ? cg_strdup(from->dn) : NULL;
    rule->why = from->why ? cg_strdup(from->why) : NULL;
}

/* Pitfall 12: a name that two entries bear is refused, never resolved to one of them. */
static enum cg_err refuse_rule(struct pass *pass, struct cg_rule *rule, const struct lookup *found)
{
    if (!rule->of_team)
        return cg_error_set(pass->err, found->rc, "%s:%u: %s: %s", pass->policy->conf->file, rule->line, rule->text,
                            found->err.detail);
    rule->state = CG_RULE_AMBIGUOUS;
    rule->why = cg_strdup(found->err.detail);
    return CG_OK;
}

static enum cg_err resolve_rule(void *cls, struct cg_rule *rule, const struct cg_rule *was)
{
    struct pass *pass = cls;
    const struct lookup *found;

    if (rule->kind != CG_GRANT_GROUP || (pass->missing_only && was->state != CG_RULE_UNRESOLVED)) {
        copy_answer(rule, was);
        return CG_OK;
    }
    found = look_up(pass, rule->value);
    switch (found->rc) {
    case CG_OK:
        rule->state = CG_RULE_RESOLVED;
        rule->dn = cg_strdup(found->dn);
        return CG_OK;
    case CG_ERR_ABSENT:
        rule->state = CG_RULE_ABSENT;
        warn_absent(pass, rule);
        return CG_OK;
    case CG_ERR_UNAVAILABLE:
        copy_answer(rule, was);
        pass->policy->incomplete |= rule->state == CG_RULE_UNRESOLVED;
        return CG_OK;
    default:
        return refuse_rule(pass, rule, found);
    }
}

static enum cg_err run_pass(struct pass *pass, struct cg_policy *old, struct cg_policy **policy_out)
{
    enum cg_err rc;

    pass->policy = compile(old->conf);
    pass->until_ms = cg_clock_mono_ms() + RESOLVE_MS;
    pass->asked = cg_map_new(free_lookup);
    rc = each_rule(pass->policy, old, resolve_rule, pass);
    cg_map_free(&pass->asked);
    if (rc == CG_OK)
        *policy_out = pass->policy;
    else
        cg_policy_unref(&pass->policy);
    return rc;
}

enum cg_err cg_policy_resolve(struct cg_policy *old, struct cg_directory *dir, struct cg_policy **policy_out,
                              struct cg_buf *warnings, struct cg_error *err)
{
    struct pass pass = {.dir = dir, .warnings = warnings, .err = err};

    return run_pass(&pass, old, policy_out);
}

enum cg_err cg_policy_resolve_missing(struct cg_policy *old, struct cg_directory *dir, struct cg_policy **policy_out,
                                      struct cg_buf *warnings, struct cg_error *err)
{
    struct pass pass = {.dir = dir, .warnings = warnings, .err = err, .missing_only = true};

    return run_pass(&pass, old, policy_out);
}

static enum cg_err tell_ambiguous(void *cls, struct cg_rule *rule, const struct cg_rule *was)
{
    struct pass *pass = cls;

    (void)was;
    if (rule->state == CG_RULE_AMBIGUOUS)
        cg_buf_addf(pass->warnings, "%s:%u: %s: %s This grant gives nothing.\n", pass->policy->conf->file, rule->line,
                    rule->text, rule->why);
    return CG_OK;
}

void cg_policy_ambiguous(struct cg_policy *policy, struct cg_buf *out)
{
    struct pass pass = {.policy = policy, .warnings = out};

    CG_ASSERT(each_rule(policy, NULL, tell_ambiguous, &pass) == CG_OK);
}

static enum cg_err note_answer(void *cls, struct cg_rule *rule, const struct cg_rule *was)
{
    (void)was;
    if (rule->kind == CG_GRANT_GROUP && rule->state != CG_RULE_UNRESOLVED)
        cg_map_put((struct cg_map *)cls, rule->value, rule);
    return CG_OK;
}

static enum cg_err take_answer(void *cls, struct cg_rule *rule, const struct cg_rule *was)
{
    const struct cg_rule *known = rule->kind == CG_GRANT_GROUP ? cg_map_get((struct cg_map *)cls, rule->value) : NULL;

    (void)was;
    if (known)
        copy_answer(rule, known);
    return CG_OK;
}

static bool same_list(char *const *a, char *const *b)
{
    for (; a && *a && b && *b && strcmp(*a, *b) == 0; a++, b++)
        continue;
    return !(a && *a) && !(b && *b);
}

/* Would both ask the same servers for a name in the same places? */
static bool same_names(const struct cg_conf_ldap *a, const struct cg_conf_ldap *b)
{
    return same_list(a->uri, b->uri) && same_list(a->group_base, b->group_base) &&
           cg_streq(a->group_name_attribute, b->group_name_attribute);
}

void cg_policy_inherit(struct cg_policy *fresh, struct cg_policy *old)
{
    struct cg_map *known;

    if (!same_names(&fresh->conf->ldap, &old->conf->ldap))
        return;
    known = cg_map_new(NULL);
    CG_ASSERT(each_rule(old, NULL, note_answer, known) == CG_OK);
    CG_ASSERT(each_rule(fresh, NULL, take_answer, known) == CG_OK);
    cg_map_free(&known);
}

bool cg_policy_incomplete(const struct cg_policy *policy)
{
    return policy->incomplete;
}

struct cg_policy *cg_policy_ref(struct cg_policy *policy)
{
    atomic_fetch_add_explicit(&policy->refs, 1, memory_order_relaxed);
    return policy;
}

static void free_space(struct cg_space *space)
{
    for (int role = 0; role < CG_ROLE_COUNT; role++) {
        for (size_t i = 0; i < space->lists[role].count; i++) {
            free(space->lists[role].items[i].dn);
            free(space->lists[role].items[i].why);
        }
        free(space->lists[role].items);
    }
}

void cg_policy_unref(struct cg_policy **policy)
{
    struct cg_policy *p = *policy;

    *policy = NULL;
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < p->count; i++)
        free_space(&p->spaces[i]);
    free(p->spaces);
    cg_map_free(&p->by_name);
    cg_map_free(&p->by_repository);
    cg_conf_unref(&p->conf);
    free(p);
}

const struct cg_conf *cg_policy_conf(const struct cg_policy *policy)
{
    return policy->conf;
}

const char *cg_policy_namespace_meant(const struct cg_policy *policy, const char *name)
{
    const struct cg_space *space = NULL;

    if (!cg_map_get(policy->by_name, name))
        space = cg_map_get(policy->by_repository, name);
    return space && space != &policy->shared ? space->conf->name : name;
}

bool cg_policy_has_namespace(const struct cg_policy *policy, const char *namespace_name)
{
    return cg_map_get(policy->by_name, namespace_name) != NULL;
}

bool cg_policy_anonymous_reads(const struct cg_policy *policy, const char *namespace_name)
{
    const struct cg_space *space = cg_map_get(policy->by_name, namespace_name);

    return space && space->anonymous_reads;
}
