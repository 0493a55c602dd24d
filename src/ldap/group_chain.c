/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Does the server know what the settings rely on? A matching rule that a server
 * does not know is no error everywhere: OpenLDAP answers success and nothing,
 * which reads as "no groups" (389 Directory Server at least answers 12). So the
 * rule is tried on a group and a member that are known to match.
 */
#include "ldap/groups_impl.h"

#include <ldap.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "ldap/escape.h"
#include "ldap/result.h"

/* In supportedCapabilities of the root entry: this is Active Directory, or behaves like it. */
#define CAPABILITY_AD "1.2.840.113556.1.4.800"
#define SAMPLES 5

static const char *const NOTHING[] = {"1.1", NULL};

/* A group and one of its members. */
struct sample {
    const char *attribute;
    char *group, *member;
};

static void sample_free(struct sample *sample)
{
    free(sample->group);
    free(sample->member);
}

/* A few entries of a base, in any number: more than we want is no fault here. */
static enum cg_err peek(struct cg_ldap_groups *groups, const struct cg_ldap_search *search, int64_t deadline,
                        struct cg_ldap_result *found, struct cg_error *err)
{
    enum cg_err rc = cg_ldap_pool_search(groups->pool, search, deadline, found, err);

    return rc == CG_ERR_TOO_LARGE ? CG_OK : rc;
}

static enum cg_err is_active_directory(struct cg_ldap_groups *groups, int64_t deadline, bool *yes_out,
                                       struct cg_error *err)
{
    static const char *const CAPABILITIES[] = {"supportedCapabilities", NULL};
    struct cg_ldap_search search = {
        .base = "", .scope = CG_SCOPE_BASE, .filter = "(objectClass=*)", .attributes = CAPABILITIES, .max_entries = 1};
    struct cg_ldap_result found = {0};
    const struct cg_ldap_attribute *a;
    bool yes = false;
    enum cg_err rc = peek(groups, &search, deadline, &found, err);

    a = rc == CG_OK && found.count ? cg_ldap_entry_get(&found.entries[0], CAPABILITIES[0]) : NULL;
    for (size_t i = 0; a && i < a->count; i++)
        yes = yes || cg_streq(a->values[i].bytes, CAPABILITY_AD);
    cg_ldap_result_free(&found);
    if (rc == CG_OK)
        *yes_out = yes;
    return rc;
}

/* The first of these entries that shows a member. */
static void take_sample(const struct cg_ldap_result *found, const char *attribute, struct sample *sample)
{
    for (size_t i = 0; i < found->count && !sample->group; i++) {
        const char *member = cg_ldap_entry_text(&found->entries[i], attribute);

        if (!member)
            continue;
        *sample = (struct sample){
            .attribute = attribute, .group = cg_strdup(found->entries[i].dn), .member = cg_strdup(member)};
    }
}

/* sample->group stays NULL when no group shows a member. */
static enum cg_err find_sample(struct cg_ldap_groups *groups, int64_t deadline, struct sample *sample,
                               struct cg_error *err)
{
    enum cg_err rc = CG_OK;

    for (char **name = groups->membership.dns; *name && rc == CG_OK && !sample->group; name++) {
        char *filter = cg_asprintf("(%s=*)", *name);
        const char *const attributes[] = {*name, NULL};
        struct cg_ldap_search search = {
            .scope = CG_SCOPE_SUB, .filter = filter, .attributes = attributes, .max_entries = SAMPLES, .part = true};

        for (char **base = groups->conf->group_base; base && *base && rc == CG_OK && !sample->group; base++) {
            struct cg_ldap_result found = {0};

            search.base = *base;
            rc = peek(groups, &search, deadline, &found, err);
            if (rc == CG_OK)
                take_sample(&found, *name, sample);
            cg_ldap_result_free(&found);
        }
        free(filter);
    }
    return rc;
}

/* Asks the group for its member, with the rule or without. */
static enum cg_err ask(struct cg_ldap_groups *groups, const struct sample *sample, const char *rule, int64_t deadline,
                       struct cg_ldap_result *found, struct cg_error *err)
{
    struct cg_ldap_search search = {
        .base = sample->group, .scope = CG_SCOPE_BASE, .attributes = NOTHING, .max_entries = 1};
    struct cg_buf filter;
    enum cg_err rc;

    cg_buf_init(&filter, CG_LDAP_FILTER_MAX);
    cg_buf_addf(&filter, "(%s%s=", sample->attribute, rule);
    cg_ldap_escape_value(&filter, sample->member, strlen(sample->member));
    cg_buf_addch(&filter, ')');
    search.filter = cg_buf_str(&filter);
    rc = peek(groups, &search, deadline, found, err);
    cg_buf_free(&filter);
    return rc;
}

static enum cg_err unknown_rule(const struct cg_ldap_groups *groups, struct cg_error *err)
{
    return cg_error_set(err, CG_ERR_INVALID,
                        "%s: this directory does not know Active Directory's matching rule (" CG_LDAP_IN_CHAIN
                        ") and would show people without their groups; use nested_groups = \"recursive\"%s",
                        groups->conf->nested_groups == CG_NESTED_IN_CHAIN ? "ldap.nested_groups = \"in_chain\""
                                                                          : "ldap.group_filter",
                        groups->conf->nested_groups == CG_NESTED_IN_CHAIN ? "" : " and a filter without the rule");
}

static enum cg_err try_sample(struct cg_ldap_groups *groups, const struct sample *sample, int64_t deadline,
                              struct cg_error *err)
{
    struct cg_ldap_result chained = {0}, plain = {0};
    enum cg_err rc = ask(groups, sample, ":" CG_LDAP_IN_CHAIN ":", deadline, &chained, err);
    bool matched = rc == CG_OK && chained.count == 1;

    if (chained.code == LDAP_UNAVAILABLE_CRITICAL_EXTENSION || chained.code == LDAP_INAPPROPRIATE_MATCHING) {
        rc = unknown_rule(groups, err);
    } else if (rc == CG_OK && !matched) {
        /* Is it the rule, or has the member left meanwhile? */
        rc = ask(groups, sample, "", deadline, &plain, err);
        if (rc == CG_OK && plain.count == 1)
            rc = unknown_rule(groups, err);
        else if (rc == CG_OK)
            rc = cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT,
                               "the matching rule of nested groups could not be tried: %.300s changed meanwhile",
                               sample->group);
    }
    cg_ldap_result_free(&chained);
    cg_ldap_result_free(&plain);
    return rc;
}

static enum cg_err prove_chain(struct cg_ldap_groups *groups, int64_t deadline, struct cg_error *err)
{
    struct sample sample = {0};
    bool active_directory = false;
    enum cg_err rc = find_sample(groups, deadline, &sample, err);

    if (rc == CG_OK && sample.group) {
        rc = try_sample(groups, &sample, deadline, err);
    } else if (rc == CG_OK) {
        rc = is_active_directory(groups, deadline, &active_directory, err);
        if (rc == CG_OK && !active_directory)
            rc = unknown_rule(groups, err);
    }
    sample_free(&sample);
    return rc;
}

/* Anybody at all: the attribute is computed for the entry that is asked, and cannot be searched for. */
static enum cg_err find_anybody(struct cg_ldap_groups *groups, int64_t deadline, char **dn_out, struct cg_error *err)
{
    char *filter = cg_asprintf("(%s=*)", groups->conf->username_attribute);
    struct cg_ldap_search search = {
        .scope = CG_SCOPE_SUB, .filter = filter, .attributes = NOTHING, .max_entries = SAMPLES};
    struct cg_ldap_result found = {0};
    enum cg_err rc = CG_OK;

    for (char **base = groups->conf->search_base; base && *base && rc == CG_OK && found.count == 0; base++) {
        search.base = *base;
        rc = peek(groups, &search, deadline, &found, err);
    }
    if (rc == CG_OK && found.count > 0)
        *dn_out = cg_strdup(found.entries[0].dn);
    cg_ldap_result_free(&found);
    free(filter);
    return rc;
}

static enum cg_err shows_tokens(struct cg_ldap_groups *groups, const char *dn, int64_t deadline, struct cg_error *err)
{
    static const char *const TOKENS[] = {"tokenGroups", NULL};
    struct cg_ldap_search search = {
        .base = dn, .scope = CG_SCOPE_BASE, .filter = "(objectClass=*)", .attributes = TOKENS, .max_entries = 1};
    struct cg_ldap_result found = {0};
    enum cg_err rc = peek(groups, &search, deadline, &found, err);

    if (rc == CG_OK && (found.count == 0 || !cg_ldap_entry_get(&found.entries[0], TOKENS[0])))
        rc = CG_ERR_INVALID;
    cg_ldap_result_free(&found);
    return rc;
}

static enum cg_err prove_tokens(struct cg_ldap_groups *groups, int64_t deadline, struct cg_error *err)
{
    bool active_directory = false;
    char *dn = NULL;
    enum cg_err rc = is_active_directory(groups, deadline, &active_directory, err);

    if (rc != CG_OK || active_directory)
        return rc;
    rc = find_anybody(groups, deadline, &dn, err);
    if (rc == CG_OK)
        rc = dn ? shows_tokens(groups, dn, deadline, err) : CG_ERR_INVALID;
    free(dn);
    if (rc == CG_ERR_INVALID)
        cg_error_set(err, CG_ERR_INVALID,
                     "ldap.group_source = \"token_groups\": this directory is no Active Directory and shows no "
                     "tokenGroups; use \"search\" or \"member_of\"");
    return rc;
}

static enum cg_err prove(struct cg_ldap_groups *groups, int64_t deadline, struct cg_error *err)
{
    enum cg_err rc;

    if (groups->proven)
        return CG_OK;
    rc = groups->chained ? prove_chain(groups, deadline, err) : prove_tokens(groups, deadline, err);
    if (rc == CG_OK)
        groups->proven = true;
    return rc;
}

enum cg_err cg_ldap_groups_probe(struct cg_ldap_groups *groups, int64_t deadline, struct cg_error *err)
{
    const struct cg_conf_ldap *conf = groups->conf;

    if (conf->group_source == CG_GROUPS_SEARCH && conf->nested_groups == CG_NESTED_IN_CHAIN && !groups->chained)
        return cg_error_set(err, CG_ERR_INVALID,
                            "ldap.nested_groups = \"in_chain\" needs an assertion \"={dn}\" in ldap.group_filter; "
                            "use \"off\" for groups that list user names");
    return groups->chained || conf->group_source == CG_GROUPS_TOKEN_GROUPS ? prove(groups, deadline, err) : CG_OK;
}

enum cg_err cg_ldap_groups_need_chain(struct cg_ldap_groups *groups, int64_t deadline, struct cg_error *err)
{
    struct cg_error own = {0};
    enum cg_err rc = prove(groups, deadline, &own);

    if (rc == CG_ERR_INVALID)
        return cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "%s", own.detail);
    if (rc != CG_OK && err)
        *err = own;
    return rc;
}
