/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Which groups there are: by name, and all that match a filter. */
#include "ldap/groups_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ldap/escape.h"
#include "ldap/result.h"
#include "log/log.h"

#define CONFLICT_NAMED_MAX 5
#define LISTED_MAX 100000
#define LISTED_BYTES_MAX ((size_t)128 * 1024 * 1024)

/* The groups that match under all bases, the same one perhaps twice. */
static enum cg_err find_all(struct cg_ldap_groups *groups, struct cg_ldap_search *search, int64_t deadline,
                            struct cg_ldap_result *found, struct cg_error *err)
{
    enum cg_err rc = CG_OK;

    search->scope = CG_SCOPE_SUB;
    search->attributes = groups->attributes;
    search->paged = true;
    for (char **base = groups->conf->group_base; base && *base && rc == CG_OK; base++) {
        search->base = *base;
        rc = cg_ldap_groups_search(groups, search, deadline, found, err);
    }
    return rc;
}

static enum cg_err find_named(struct cg_ldap_groups *groups, const char *name, int64_t deadline,
                              struct cg_ldap_result *found, struct cg_error *err)
{
    struct cg_ldap_search search = {.max_entries = groups->conf->max_groups};
    struct cg_buf filter;
    enum cg_err rc;

    cg_buf_init(&filter, CG_LDAP_FILTER_MAX);
    cg_ldap_escape_equal(&filter, groups->conf->group_name_attribute, name, strlen(name));
    search.filter = cg_buf_str(&filter);
    rc = find_all(groups, &search, deadline, found, err);
    cg_buf_free(&filter);
    return rc;
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

struct listed {
    char *dn, *name;
};

/* The list of each_group, complete before anybody sees it. */
struct list {
    struct listed *items;
    size_t count, nameless;
    struct cg_map *seen; /* canonical DNs */
};

static enum cg_err list_one(struct list *list, const struct cg_conf_ldap *conf, const struct cg_ldap_entry *entry,
                            struct cg_error *err)
{
    const char *name = cg_ldap_group_name(conf, entry);
    char *key = NULL;
    enum cg_err rc;

    if (!name) {
        if (list->nameless++ == 0)
            cg_log(CG_LOG_WARN, "ldap", NULL, "group=\"%.300s\" skipped: it has no %s (ldap.group_name_attribute)",
                   entry->dn, conf->group_name_attribute);
        return CG_OK;
    }
    rc = cg_ldap_group_key(entry->dn, &key, err);
    if (rc != CG_OK || cg_map_get(list->seen, key)) {
        free(key);
        return rc;
    }
    cg_map_put(list->seen, key, list);
    list->items[list->count++] = (struct listed){.dn = key, .name = cg_strdup(name)};
    return CG_OK;
}

static enum cg_err make_list(struct cg_ldap_groups *groups, const char *filter, int64_t deadline, struct list *list,
                             struct cg_error *err)
{
    struct cg_ldap_search search = {.filter = filter, .max_entries = LISTED_MAX, .max_bytes = LISTED_BYTES_MAX};
    struct cg_ldap_result found = {0};
    enum cg_err rc = find_all(groups, &search, deadline, &found, err);

    if (rc == CG_OK && found.count > 0)
        list->items = cg_calloc(found.count, sizeof(*list->items));
    for (size_t i = 0; i < found.count && rc == CG_OK; i++)
        rc = list_one(list, groups->conf, &found.entries[i], err);
    if (rc == CG_OK && list->count > LISTED_MAX)
        rc = cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "more than %d groups match %.300s", LISTED_MAX,
                           filter);
    if (list->nameless > 1)
        cg_log(CG_LOG_WARN, "ldap", NULL, "groups_skipped=%zu: without a name", list->nameless);
    cg_ldap_result_free(&found);
    return rc;
}

static enum cg_err check_listing(const char *filter, struct cg_error *err)
{
    if (strstr(filter, "{dn}") || strstr(filter, "{username}"))
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\": a filter for groups in general has no placeholders", filter);
    return cg_ldap_escape_check(filter, err);
}

enum cg_err cg_ldap_groups_each(struct cg_ldap_groups *groups, const struct cg_ldap_groups_listing *listing,
                                int64_t deadline, struct cg_error *err)
{
    struct list list = {0};
    char *filter;
    enum cg_err rc = check_listing(listing->filter, err);

    if (rc != CG_OK)
        return rc;
    list.seen = cg_map_new(NULL);
    filter = cg_asprintf("(&(objectClass=*)%s)", listing->filter);
    rc = make_list(groups, filter, deadline, &list, err);
    for (size_t i = 0; i < list.count && rc == CG_OK; i++)
        rc = listing->visit(listing->cls, list.items[i].dn, list.items[i].name);
    for (size_t i = 0; i < list.count; i++) {
        free(list.items[i].dn);
        free(list.items[i].name);
    }
    free(list.items);
    free(filter);
    cg_map_free(&list.seen);
    return rc;
}
