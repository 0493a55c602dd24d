/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* group_source "member_of": the groups that the entry itself lists, and those that their entries list. */
#include "ldap/groups_impl.h"

#include <ldap.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "ldap/escape.h"
#include "ldap/result.h"

#define MEMBER_OF "memberOf"

/* A group that was named. */
struct named {
    char *dn;  /* as the directory wrote it */
    char *key; /* canonical */
    bool read; /* its entry came */
};

/* All groups so far in the order in which they were found: levels are stretches of the list. */
struct ascent {
    struct cg_ldap_walk *w;
    struct named *list;
    size_t count;
    const char *attributes[3]; /* the name, and where we climb on, memberOf */
};

/* Groups outside of the bases do not count, nor does what they are in. */
static enum cg_err note(struct ascent *a, const char *dn, struct cg_error *err)
{
    bool is_new = false;
    char *key = NULL;
    enum cg_err rc = cg_ldap_group_key(dn, &key, err);

    if (rc == CG_OK && cg_ldap_dn_within(key, a->w->groups->conf->group_base, CG_SCOPE_SUB))
        rc = cg_ldap_walk_see(a->w, key, &is_new, err);
    if (rc != CG_OK || !is_new) {
        free(key);
        return rc;
    }
    a->list = cg_reallocarray(a->list, a->count + 1, sizeof(*a->list));
    a->list[a->count++] = (struct named){.dn = cg_strdup(dn), .key = key};
    return CG_OK;
}

static enum cg_err note_values(struct ascent *a, const struct cg_ldap_entry *entry, struct cg_error *err)
{
    const struct cg_ldap_attribute *values = cg_ldap_entry_get(entry, MEMBER_OF);
    enum cg_err rc = CG_OK;

    for (size_t i = 0; values && i < values->count && rc == CG_OK; i++)
        rc = strlen(values->values[i].bytes) == values->values[i].len
                 ? note(a, values->values[i].bytes, err)
                 : cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "%s: a value of memberOf is no text",
                                 entry->dn);
    return rc;
}

/* An entry that was asked for: the group of the stretch that it is. */
static enum cg_err take(struct ascent *a, const struct cg_ldap_entry *entry, size_t from, size_t to,
                        struct cg_error *err)
{
    const char *name = cg_ldap_group_name(a->w->groups->conf, entry);
    char *key = NULL;
    enum cg_err rc = cg_ldap_group_key(entry->dn, &key, err);

    for (size_t i = from; i < to && rc == CG_OK; i++) {
        if (a->list[i].read || !cg_streq(a->list[i].key, key))
            continue;
        a->list[i].read = true;
        cg_identity_add_group(a->w->who, key, name ? name : key);
        rc = note_values(a, entry, err);
        break;
    }
    free(key);
    return rc;
}

/* As many as a filter holds in one request. The attribute that an entry's own DN can be searched by is not the same
 * everywhere, and some servers have none: read_one makes good what did not come. */
static enum cg_err read_many(struct ascent *a, size_t from, size_t to, struct cg_error *err)
{
    const struct cg_conf_ldap *conf = a->w->groups->conf;
    const char *own_dn = conf->directory_type == CG_DIR_AD ? "distinguishedName" : "entryDN";
    struct cg_ldap_search search = {
        .scope = CG_SCOPE_SUB, .attributes = a->attributes, .max_entries = CG_LDAP_GROUPS_BATCH};
    struct cg_buf filter;
    enum cg_err rc = CG_OK;

    cg_buf_init(&filter, CG_LDAP_FILTER_MAX);
    cg_buf_addstr(&filter, "(|");
    for (size_t i = from; i < to; i++)
        cg_ldap_escape_equal(&filter, own_dn, a->list[i].dn, strlen(a->list[i].dn));
    cg_buf_addch(&filter, ')');
    search.filter = cg_buf_str(&filter);
    for (char **base = conf->group_base; *base && rc == CG_OK && !cg_buf_failed(&filter); base++) {
        struct cg_ldap_result found = {0};

        search.base = *base;
        rc = cg_ldap_groups_search(a->w->groups, &search, a->w->deadline, &found, err);
        for (size_t i = 0; i < found.count && rc == CG_OK; i++)
            rc = take(a, &found.entries[i], from, to, err);
        cg_ldap_result_free(&found);
    }
    cg_buf_free(&filter);
    return rc;
}

/* A group without an entry (any more), or one that the service account may not see: the person's own entry says that
 * it is in it, and nothing says what that is in. */
static enum cg_err take_unread(struct ascent *a, size_t index)
{
    char *name = cg_ldap_dn_value(a->list[index].dn, a->w->groups->conf->group_name_attribute);

    a->list[index].read = true;
    cg_identity_add_group(a->w->who, a->list[index].key, name ? name : a->list[index].key);
    free(name);
    return CG_OK;
}

static enum cg_err read_one(struct ascent *a, size_t index, struct cg_error *err)
{
    struct cg_ldap_search search = {.base = a->list[index].dn,
                                    .scope = CG_SCOPE_BASE,
                                    .filter = "(objectClass=*)",
                                    .attributes = a->attributes,
                                    .max_entries = 1};
    struct cg_ldap_result found = {0};
    enum cg_err rc = cg_ldap_groups_search(a->w->groups, &search, a->w->deadline, &found, err);

    if (found.code == LDAP_NO_SUCH_OBJECT || (rc == CG_OK && found.count == 0))
        rc = take_unread(a, index);
    else if (rc == CG_OK)
        rc = take(a, &found.entries[0], index, index + 1, err);
    if (rc == CG_OK && !a->list[index].read)
        rc = cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "%s: another entry came", a->list[index].dn);
    cg_ldap_result_free(&found);
    return rc;
}

static enum cg_err read_level(struct ascent *a, size_t from, size_t to, struct cg_error *err)
{
    enum cg_err rc = CG_OK;

    for (size_t start = from; start < to && rc == CG_OK; start += CG_LDAP_GROUPS_BATCH) {
        size_t end = start + CG_LDAP_GROUPS_BATCH < to ? start + CG_LDAP_GROUPS_BATCH : to;

        if (end - start > 1)
            rc = read_many(a, start, end, err);
        for (size_t i = start; i < end && rc == CG_OK; i++)
            if (!a->list[i].read)
                rc = read_one(a, i, err);
    }
    return rc;
}

static enum cg_err climb_all(struct ascent *a, struct cg_error *err)
{
    const struct cg_conf_ldap *conf = a->w->groups->conf;
    size_t from = 0;
    enum cg_err rc = CG_OK;

    for (unsigned depth = 0; from < a->count && rc == CG_OK; depth++) {
        size_t to = a->count;

        rc = read_level(a, from, to, err);
        if (rc == CG_OK && depth >= conf->nested_depth && a->count > to)
            rc = cg_ldap_walk_too_deep(a->w, err);
        from = to;
    }
    return rc;
}

/* What the DN does not tell is read. */
static enum cg_err name_all(struct ascent *a, struct cg_error *err)
{
    enum cg_err rc = CG_OK;

    for (size_t i = 0; i < a->count && rc == CG_OK; i++) {
        char *name = cg_ldap_dn_value(a->list[i].dn, a->w->groups->conf->group_name_attribute);

        if (name)
            cg_identity_add_group(a->w->who, a->list[i].key, name);
        else
            rc = read_one(a, i, err);
        free(name);
    }
    return rc;
}

static void ascent_free(struct ascent *a)
{
    for (size_t i = 0; i < a->count; i++) {
        free(a->list[i].dn);
        free(a->list[i].key);
    }
    free(a->list);
}

enum cg_err cg_ldap_groups_by_member_of(struct cg_ldap_walk *w, struct cg_error *err)
{
    /* The matching rule is for searches; here it asks for the same, nested groups. */
    bool climbs = w->groups->conf->nested_groups != CG_NESTED_OFF;
    struct ascent a = {.w = w, .attributes = {w->groups->conf->group_name_attribute, climbs ? MEMBER_OF : NULL}};
    struct cg_ldap_result own = {0};
    enum cg_err rc = cg_ldap_walk_read_person(w, MEMBER_OF, &own, err);

    /* The entry came and has no such attribute: it is in no group. */
    if (rc == CG_OK)
        rc = note_values(&a, &own.entries[0], err);
    if (rc == CG_OK)
        rc = climbs ? climb_all(&a, err) : name_all(&a, err);
    cg_ldap_result_free(&own);
    ascent_free(&a);
    return rc;
}
