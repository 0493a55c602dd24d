/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The ground of all sources: searching below the bases, and each group once. */
#include "ldap/groups_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "base/str.h"
#include "ldap/escape.h"
#include "ldap/result.h"

/* Where the settings have no filter to read it from. */
static void usual_membership(struct cg_ldap_membership *out)
{
    memset(out, 0, sizeof(*out));
    out->dns[0] = cg_strdup("member");
    out->dns[1] = cg_strdup("uniqueMember");
    out->names[0] = cg_strdup("memberUid");
}

struct cg_ldap_groups *cg_ldap_groups_new(const struct cg_conf_ldap *conf, struct cg_ldap_pool *pool,
                                          struct cg_ldap_people *people)
{
    struct cg_ldap_groups *groups = cg_calloc(1, sizeof(*groups));
    bool in_chain = conf->nested_groups == CG_NESTED_IN_CHAIN;
    unsigned char random[16];

    cg_random(random, sizeof(random));
    cg_hex(random, sizeof(random), groups->nobody);
    groups->conf = conf;
    groups->pool = pool;
    groups->people = people;
    groups->attributes[0] = conf->group_name_attribute;
    groups->filter = in_chain ? cg_ldap_group_filter_in_chain(conf->group_filter) : cg_strdup(conf->group_filter);
    /* Also where an administrator wrote the rule into the filter. */
    groups->chained = conf->group_source == CG_GROUPS_SEARCH && strstr(groups->filter, CG_LDAP_IN_CHAIN) != NULL;
    if (conf->group_source == CG_GROUPS_SEARCH)
        cg_ldap_group_filter_membership(conf->group_filter, &groups->membership);
    else
        usual_membership(&groups->membership);
    return groups;
}

void cg_ldap_groups_free(struct cg_ldap_groups **groups)
{
    if (!*groups)
        return;
    cg_ldap_membership_free(&(*groups)->membership);
    free((*groups)->filter);
    free(*groups);
    *groups = NULL;
}

const char *cg_ldap_group_name(const struct cg_conf_ldap *conf, const struct cg_ldap_entry *entry)
{
    const struct cg_ldap_attribute *a = cg_ldap_entry_get(entry, conf->group_name_attribute);

    for (size_t i = 0; a && a->count > 1 && i < a->count; i++)
        if (strlen(a->values[i].bytes) == a->values[i].len &&
            cg_ldap_dn_names(entry->dn, conf->group_name_attribute, a->values[i].bytes))
            return a->values[i].bytes;
    return cg_ldap_entry_text(entry, conf->group_name_attribute);
}

enum cg_err cg_ldap_group_key(const char *dn, char **key_out, struct cg_error *err)
{
    if (cg_ldap_dn_canonical(dn, key_out, NULL) == CG_OK)
        return CG_OK;
    return cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "the directory's DN \"%.200s\" is none", dn);
}

enum cg_err cg_ldap_groups_search(struct cg_ldap_groups *groups, const struct cg_ldap_search *search, int64_t deadline,
                                  struct cg_ldap_result *found, struct cg_error *err)
{
    enum cg_err rc = cg_ldap_pool_search(groups->pool, search, deadline, found, err);

    /* pitfall 17: a set cut short is no set. */
    if (rc == CG_ERR_TOO_LARGE)
        rc = cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT,
                           "under \"%s\" are more than a search may return (ldap.max_groups, ldap.page_size, the "
                           "server's own limit): what there is is not known",
                           search->base);
    return rc;
}

enum cg_err cg_ldap_walk_see(struct cg_ldap_walk *w, const char *key, bool *new_out, struct cg_error *err)
{
    *new_out = !cg_map_get(w->visited, key);
    if (*new_out)
        cg_map_put(w->visited, key, w);
    if (cg_map_count(w->visited) <= w->groups->conf->max_groups)
        return CG_OK;
    return cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT,
                         "more than %u groups (ldap.max_groups): membership is not known", w->groups->conf->max_groups);
}

/* Adds a group that was found. */
static enum cg_err take(struct cg_ldap_walk *w, const struct cg_ldap_entry *entry, bool *new_out, struct cg_error *err)
{
    const char *name = cg_ldap_group_name(w->groups->conf, entry);
    char *key = NULL;
    enum cg_err rc = cg_ldap_group_key(entry->dn, &key, err);

    if (rc == CG_OK)
        rc = cg_ldap_walk_see(w, key, new_out, err);
    if (rc == CG_OK && *new_out)
        cg_identity_add_group(w->who, key, name ? name : key);
    free(key);
    return rc;
}

/* Adds all, and keeps the new ones of `found` in `next`. */
static enum cg_err take_all(struct cg_ldap_walk *w, struct cg_ldap_result *found, struct cg_ldap_result *next,
                            struct cg_error *err)
{
    size_t kept = 0;
    enum cg_err rc = CG_OK;

    for (size_t i = 0; i < found->count; i++) {
        bool is_new = false;

        if (rc == CG_OK)
            rc = take(w, &found->entries[i], &is_new, err);
        if (is_new && next)
            found->entries[kept++] = found->entries[i];
        else
            cg_ldap_entry_free(&found->entries[i]);
    }
    found->count = kept;
    if (next)
        cg_ldap_result_append(next, found);
    return rc;
}

enum cg_err cg_ldap_walk_search(struct cg_ldap_walk *w, const char *filter, struct cg_ldap_result *next,
                                struct cg_error *err)
{
    struct cg_ldap_search search = {.scope = CG_SCOPE_SUB,
                                    .filter = filter,
                                    .attributes = w->groups->attributes,
                                    .max_entries = w->groups->conf->max_groups,
                                    .paged = true};
    enum cg_err rc = CG_OK;

    for (char **base = w->groups->conf->group_base; base && *base && rc == CG_OK; base++) {
        struct cg_ldap_result found = {0};

        search.base = *base;
        rc = cg_ldap_groups_search(w->groups, &search, w->deadline, &found, err);
        if (rc == CG_OK)
            rc = take_all(w, &found, next, err);
        cg_ldap_result_free(&found);
    }
    return rc;
}

enum cg_err cg_ldap_walk_read_person(struct cg_ldap_walk *w, const char *attribute, struct cg_ldap_result *found,
                                     struct cg_error *err)
{
    /* By its name: the attribute may be an operational or a computed one, which "all attributes" leaves out. */
    const char *const attributes[] = {attribute, NULL};
    struct cg_ldap_search search = {.base = w->person->entry->dn,
                                    .scope = CG_SCOPE_BASE,
                                    .filter = "(objectClass=*)",
                                    .attributes = attributes,
                                    .max_entries = 1};
    enum cg_err rc = cg_ldap_groups_search(w->groups, &search, w->deadline, found, err);

    if (rc == CG_OK && found->count != 1)
        rc = cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT,
                           "%s: the entry did not come when its %s was asked for", search.base, attribute);
    return rc;
}

enum cg_err cg_ldap_walk_too_deep(const struct cg_ldap_walk *w, struct cg_error *err)
{
    return cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT,
                         "groups are nested deeper than %u (ldap.nested_depth): membership is not known",
                         w->groups->conf->nested_depth);
}

static enum cg_err from_source(struct cg_ldap_walk *w, struct cg_error *err)
{
    switch (w->groups->conf->group_source) {
    case CG_GROUPS_SEARCH:
        return cg_ldap_groups_by_search(w, err);
    case CG_GROUPS_MEMBER_OF:
        return cg_ldap_groups_by_member_of(w, err);
    case CG_GROUPS_TOKEN_GROUPS:
        return cg_ldap_groups_by_token(w, err);
    default: /* none */
        return CG_OK;
    }
}

enum cg_err cg_ldap_groups_of(struct cg_ldap_groups *groups, const struct cg_ldap_person *person, int64_t deadline,
                              struct cg_identity *who, struct cg_error *err)
{
    struct cg_ldap_walk w = {.groups = groups, .person = person, .deadline = deadline, .who = who};
    enum cg_err rc;

    if (!groups->conf->group_base || !groups->conf->group_base[0])
        return CG_OK; /* no group counts */
    w.visited = cg_map_new(NULL);
    rc = from_source(&w, err);
    cg_map_free(&w.visited);
    return rc;
}
