/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "ldap/groups.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "ldap/escape.h"
#include "ldap/result.h"

#define BATCH 50
#define CONFLICT_NAMED_MAX 5

struct cg_ldap_groups {
    const struct cg_conf_ldap *conf;
    struct cg_ldap_pool *pool;
    const char *attributes[2];
    /* Stands for {username} where a group's own groups are asked for: groups have no user name, and a value nobody
     * can know matches nobody. */
    char nobody[33];
};

/* One walk upwards from a person. */
struct walk {
    struct cg_ldap_groups *groups;
    int64_t deadline;
    struct cg_identity *who;
    struct cg_map *visited;      /* canonical DNs; the value says nothing */
    struct cg_ldap_result level; /* the groups found last, each once: the next ones to ask for */
};

struct cg_ldap_groups *cg_ldap_groups_new(const struct cg_conf_ldap *conf, struct cg_ldap_pool *pool)
{
    struct cg_ldap_groups *groups = cg_calloc(1, sizeof(*groups));
    unsigned char random[16];

    cg_random(random, sizeof(random));
    cg_hex(random, sizeof(random), groups->nobody);
    groups->conf = conf;
    groups->pool = pool;
    groups->attributes[0] = conf->group_name_attribute;
    return groups;
}

void cg_ldap_groups_free(struct cg_ldap_groups **groups)
{
    free(*groups);
    *groups = NULL;
}

/* The value that is in the DN where there are several, else the first: for people to read only. */
static const char *group_name(const struct cg_conf_ldap *conf, const struct cg_ldap_entry *entry)
{
    const struct cg_ldap_attribute *a = cg_ldap_entry_get(entry, conf->group_name_attribute);

    for (size_t i = 0; a && a->count > 1 && i < a->count; i++)
        if (strlen(a->values[i].bytes) == a->values[i].len &&
            cg_ldap_dn_names(entry->dn, conf->group_name_attribute, a->values[i].bytes))
            return a->values[i].bytes;
    return cg_ldap_entry_text(entry, conf->group_name_attribute);
}

static enum cg_err too_many(const struct walk *w, struct cg_error *err)
{
    return cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT,
                         "more than %u groups (ldap.max_groups): membership is not known", w->groups->conf->max_groups);
}

/* Notes a group that is new. *new_out: it was. */
static enum cg_err visit(struct walk *w, const struct cg_ldap_entry *entry, bool *new_out, struct cg_error *err)
{
    const char *name = group_name(w->groups->conf, entry);
    char *key = NULL;

    if (cg_ldap_dn_canonical(entry->dn, &key, err) != CG_OK)
        return cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "the directory's DN \"%.200s\" is none",
                             entry->dn);
    *new_out = !cg_map_get(w->visited, key);
    if (*new_out) {
        cg_map_put(w->visited, key, w);
        cg_identity_add_group(w->who, key, name ? name : key);
    }
    free(key);
    return cg_map_count(w->visited) > w->groups->conf->max_groups ? too_many(w, err) : CG_OK;
}

/* Keeps the new ones of `found` in `next`. */
static enum cg_err keep_new(struct walk *w, struct cg_ldap_result *found, struct cg_ldap_result *next,
                            struct cg_error *err)
{
    size_t kept = 0;
    enum cg_err rc = CG_OK;

    for (size_t i = 0; i < found->count; i++) {
        bool is_new = false;

        if (rc == CG_OK)
            rc = visit(w, &found->entries[i], &is_new, err);
        if (is_new)
            found->entries[kept++] = found->entries[i];
        else
            cg_ldap_entry_free(&found->entries[i]);
    }
    found->count = kept;
    cg_ldap_result_append(next, found);
    return rc;
}

static enum cg_err search_all_bases(struct walk *w, const char *filter, struct cg_ldap_result *next,
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
        rc = cg_ldap_pool_search(w->groups->pool, &search, w->deadline, &found, err);
        /* pitfall 17: a set cut short is no set. */
        if (rc == CG_ERR_TOO_LARGE)
            rc = cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT,
                               "the groups under \"%s\" are more than a search may return: membership is not known",
                               *base);
        if (rc == CG_OK)
            rc = keep_new(w, &found, next, err);
        cg_ldap_result_free(&found);
    }
    return rc;
}

static void add_group_filter(const struct walk *w, struct cg_buf *filter, size_t from, size_t to)
{
    cg_buf_addstr(filter, "(|");
    for (size_t i = from; i < to; i++)
        cg_ldap_escape_fill(filter, w->groups->conf->group_filter, w->groups->nobody, w->level.entries[i].dn);
    cg_buf_addch(filter, ')');
}

/* From the groups of this level to those they are in. */
static enum cg_err climb(struct walk *w, struct cg_error *err)
{
    struct cg_ldap_result next = {0};
    enum cg_err rc = CG_OK;
    struct cg_buf filter;

    cg_buf_init(&filter, CG_LDAP_FILTER_MAX);
    for (size_t from = 0; from < w->level.count && rc == CG_OK; from += BATCH) {
        size_t to = from + BATCH < w->level.count ? from + BATCH : w->level.count;

        cg_buf_reset(&filter);
        add_group_filter(w, &filter, from, to);
        rc = cg_buf_failed(&filter)
                 ? cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "the filter for nested groups is too long")
                 : search_all_bases(w, cg_buf_str(&filter), &next, err);
    }
    cg_buf_free(&filter);
    cg_ldap_result_free(&w->level);
    w->level = next;
    return rc;
}

/* One level more than allowed is asked for, to know that nothing is there. */
static enum cg_err climb_all(struct walk *w, struct cg_error *err)
{
    const struct cg_conf_ldap *conf = w->groups->conf;
    enum cg_err rc = CG_OK;

    if (conf->nested_groups == CG_NESTED_OFF || !strstr(conf->group_filter, "{dn}"))
        return CG_OK;
    for (unsigned depth = 0; w->level.count > 0 && rc == CG_OK; depth++) {
        rc = climb(w, err);
        if (rc == CG_OK && depth >= conf->nested_depth && w->level.count > 0)
            rc = cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT,
                               "groups are nested deeper than %u (ldap.nested_depth): membership is not known",
                               conf->nested_depth);
    }
    return rc;
}

enum cg_err cg_ldap_groups_of(struct cg_ldap_groups *groups, const struct cg_ldap_person *person, int64_t deadline,
                              struct cg_identity *who, struct cg_error *err)
{
    struct walk w = {.groups = groups, .deadline = deadline, .who = who, .visited = cg_map_new(NULL)};
    struct cg_buf filter;
    enum cg_err rc;

    cg_buf_init(&filter, CG_LDAP_FILTER_MAX);
    cg_ldap_escape_fill(&filter, groups->conf->group_filter, person->name, person->entry->dn);
    rc = cg_buf_failed(&filter) ? cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "the group filter is too long")
                                : search_all_bases(&w, cg_buf_str(&filter), &w.level, err);
    if (rc == CG_OK)
        rc = climb_all(&w, err);
    cg_buf_free(&filter);
    cg_ldap_result_free(&w.level);
    cg_map_free(&w.visited);
    return rc;
}

/* The groups of that name under all bases, each DN once. */
static enum cg_err find_named(struct cg_ldap_groups *groups, const char *name, int64_t deadline,
                              struct cg_ldap_result *found, struct cg_error *err)
{
    struct cg_ldap_search search = {
        .scope = CG_SCOPE_SUB, .attributes = groups->attributes, .max_entries = groups->conf->max_groups};
    struct cg_buf filter;
    enum cg_err rc = CG_OK;

    cg_buf_init(&filter, CG_LDAP_FILTER_MAX);
    cg_ldap_escape_equal(&filter, groups->conf->group_name_attribute, name, strlen(name));
    search.filter = cg_buf_str(&filter);
    for (char **base = groups->conf->group_base; base && *base && rc == CG_OK; base++) {
        search.base = *base;
        rc = cg_ldap_pool_search(groups->pool, &search, deadline, found, err);
    }
    cg_buf_free(&filter);
    return rc == CG_ERR_TOO_LARGE ? CG_ERR_UNAVAILABLE : rc;
}

/* Distinct canonical DNs, the first few of them listed. */
static enum cg_err count_distinct(const struct cg_ldap_result *found, size_t *count_out, char **first_out,
                                  struct cg_buf *list)
{
    struct cg_map *keys = cg_map_new(NULL);
    char *key = NULL;
    enum cg_err rc = CG_OK;

    for (size_t i = 0; i < found->count && rc == CG_OK; i++) {
        rc = cg_ldap_dn_canonical(found->entries[i].dn, &key, NULL);
        if (rc != CG_OK || cg_map_get(keys, key)) {
            free(key);
            key = NULL;
            continue;
        }
        cg_map_put(keys, key, keys);
        if (cg_map_count(keys) <= CONFLICT_NAMED_MAX)
            cg_buf_addf(list, "%s\"%s\"", cg_map_count(keys) > 1 ? ", " : "", key);
        if (!*first_out)
            *first_out = key;
        else
            free(key);
        key = NULL;
    }
    *count_out = cg_map_count(keys);
    cg_map_free(&keys);
    return rc;
}

enum cg_err cg_ldap_groups_resolve(struct cg_ldap_groups *groups, const char *name, int64_t deadline, char **dn_out,
                                   struct cg_error *err)
{
    struct cg_ldap_result found = {0};
    struct cg_buf list;
    char *first = NULL;
    size_t count = 0;
    enum cg_err rc;

    if (!cg_ldap_username_sendable(name))
        return cg_error_set(err, CG_ERR_ABSENT, "There is no group of that name.");
    cg_buf_init(&list, CG_ERROR_DETAIL_MAX);
    rc = find_named(groups, name, deadline, &found, err);
    if (rc == CG_OK && count_distinct(&found, &count, &first, &list) != CG_OK)
        rc = cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "a DN of the directory is none");
    else if (rc == CG_OK && count == 0)
        rc = cg_error_set(err, CG_ERR_ABSENT, "There is no group called \"%s\" under ldap.group_base.", name);
    else if (rc == CG_OK && count > 1)
        /* pitfall 12: a name that means two groups grants to neither. */
        rc = cg_error_set(err, CG_ERR_CONFLICT, "%zu groups are called \"%s\": %s. Name one by its DN (dn:...).", count,
                          name, cg_buf_str(&list));
    if (rc == CG_OK) {
        *dn_out = first;
        first = NULL;
    }
    free(first);
    cg_buf_free(&list);
    cg_ldap_result_free(&found);
    return rc;
}
