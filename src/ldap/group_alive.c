/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Is there anybody left in a group? Downwards from the group, breadth first,
 * until one person is found who may be used. A group without such a person is
 * only told from one that could not be read to the end: "nobody" is an answer,
 * not knowing is none.
 */
#include "ldap/groups_impl.h"

#include <ldap.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "ldap/escape.h"
#include "ldap/result.h"

#define ATTRIBUTES_MAX (2 * CG_LDAP_MEMBERSHIP_MAX + 4)
#define MEMBERS_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define MEMBER_URL "memberURL"
/* Members by primary group stand in no attribute of it. */
#define PRIMARY_GROUP "primaryGroupToken"
#define PRIMARY_MEMBERS_MAX 100

struct descent {
    struct cg_ldap_groups *groups;
    const struct cg_ldap_groups_question *question;
    int64_t deadline;
    const char *attributes[ATTRIBUTES_MAX];
    struct cg_map *seen; /* members: canonical DNs, and names behind a "=", which no DN begins with */
    char **queue;        /* groups, in the order in which they were found */
    size_t count;
    bool alive;
    bool unknown;        /* something on the way could not be judged ... */
    struct cg_error why; /* ... and what it was */
    struct cg_error err; /* of the step under way */
};

static void list_attributes(struct descent *d)
{
    const struct cg_ldap_membership *m = &d->groups->membership;
    size_t count = 0;

    for (size_t i = 0; m->dns[i]; i++)
        d->attributes[count++] = m->dns[i];
    for (size_t i = 0; m->names[i]; i++)
        d->attributes[count++] = m->names[i];
    d->attributes[count++] = MEMBER_URL;
    if (d->groups->conf->group_source == CG_GROUPS_TOKEN_GROUPS)
        d->attributes[count++] = PRIMARY_GROUP;
}

static bool out_of_time(const struct descent *d)
{
    return cg_clock_mono_ms() >= d->deadline;
}

static bool done(const struct descent *d)
{
    return d->alive || (d->unknown && out_of_time(d));
}

static void not_judged(struct descent *d)
{
    d->unknown = true;
    d->why = d->err;
}

static void cannot_tell(struct descent *d, const char *what, const char *why)
{
    cg_error_hide(&d->err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "%.300s: %s", what, why);
    not_judged(d);
}

/* False when it was there already. */
static bool see(struct descent *d, const char *key)
{
    if (cg_map_get(d->seen, key))
        return false;
    cg_map_put(d->seen, key, d);
    return true;
}

/* What is left of finding a person: `rc` is how that went. Takes the person. */
static void judge(struct descent *d, enum cg_err rc, struct cg_ldap_person *person)
{
    if (rc == CG_OK)
        rc = d->question->judge(d->question->cls, person, d->deadline, &d->err);
    d->alive = d->alive || rc == CG_OK;
    if (rc == CG_ERR_UNAVAILABLE || rc == CG_ERR_INTERNAL)
        not_judged(d);
    cg_ldap_person_free(person);
}

static void look_at_name(struct descent *d, const char *name)
{
    struct cg_ldap_person person = {0};
    char *key = cg_asprintf("=%s", name);

    if (see(d, key) && cg_ldap_username_sendable(name))
        judge(d, cg_ldap_person_by_name(d->groups->people, name, d->deadline, &person, &d->err), &person);
    free(key);
}

static void enqueue(struct descent *d, const char *dn)
{
    d->queue = cg_reallocarray(d->queue, d->count + 1, sizeof(*d->queue));
    d->queue[d->count++] = cg_strdup(dn);
}

/* A person, or else a group; what lies outside of the bases counts as neither. */
static void look_at_dn(struct descent *d, const char *dn)
{
    struct cg_ldap_person person = {0};
    char *key = NULL;
    enum cg_err rc = cg_ldap_dn_canonical(dn, &key, NULL);

    if (rc == CG_OK && see(d, key)) {
        rc = cg_ldap_person_by_dn(d->groups->people, dn, d->deadline, &person, &d->err);
        if ((rc == CG_ERR_ABSENT || rc == CG_ERR_DENIED) &&
            cg_ldap_dn_within(key, d->groups->conf->group_base, CG_SCOPE_SUB))
            enqueue(d, dn);
        judge(d, rc, &person);
    }
    free(key);
}

static void look_at_values(struct descent *d, const struct cg_ldap_entry *entry, char *const *attributes,
                           void (*look)(struct descent *d, const char *value))
{
    for (; *attributes && !done(d); attributes++) {
        const struct cg_ldap_attribute *a = cg_ldap_entry_get(entry, *attributes);

        for (size_t i = 0; a && i < a->count && !done(d); i++)
            if (strlen(a->values[i].bytes) == a->values[i].len)
                look(d, a->values[i].bytes);
    }
}

static bool is_part(const struct cg_ldap_entry *entry)
{
    for (size_t i = 0; i < entry->count; i++)
        if (entry->attributes[i].next > 0)
            return true;
    return false;
}

/* *found stays empty when the group is not there. */
static enum cg_err read_group(struct descent *d, const char *dn, bool part, struct cg_ldap_result *found)
{
    struct cg_ldap_search search = {.base = dn,
                                    .scope = CG_SCOPE_BASE,
                                    .filter = "(objectClass=*)",
                                    .attributes = d->attributes,
                                    .max_entries = 1,
                                    .part = part,
                                    .max_bytes = MEMBERS_BYTES_MAX};
    enum cg_err rc = cg_ldap_groups_search(d->groups, &search, d->deadline, found, &d->err);

    return found->code == LDAP_NO_SUCH_OBJECT ? CG_OK : rc;
}

static void look_at_members(struct descent *d, const struct cg_ldap_entry *entry)
{
    look_at_values(d, entry, d->groups->membership.dns, look_at_dn);
    look_at_values(d, entry, d->groups->membership.names, look_at_name);
}

/* tokenGroups counts the primary group, so its members do too. */
static void look_at_primary_members(struct descent *d, const struct cg_ldap_entry *entry)
{
    static const char *const NOTHING[] = {"1.1", NULL};
    const char *token = cg_ldap_entry_text(entry, PRIMARY_GROUP);
    struct cg_ldap_search search = {.scope = CG_SCOPE_SUB, .attributes = NOTHING, .max_entries = PRIMARY_MEMBERS_MAX};
    struct cg_buf filter;

    if (!token)
        return;
    cg_buf_init(&filter, CG_LDAP_FILTER_MAX);
    cg_ldap_escape_equal(&filter, "primaryGroupID", token, strlen(token));
    search.filter = cg_buf_str(&filter);
    for (char **base = d->groups->conf->search_base; base && *base && !done(d); base++) {
        struct cg_ldap_result found = {0};
        enum cg_err rc;

        search.base = *base;
        rc = cg_ldap_pool_search(d->groups->pool, &search, d->deadline, &found, &d->err);
        for (size_t i = 0; i < found.count && !done(d); i++)
            look_at_dn(d, found.entries[i].dn);
        if (rc != CG_OK && !d->alive)
            cannot_tell(d, search.filter, "the people whose primary group it is could not all be looked at");
        cg_ldap_result_free(&found);
    }
    cg_buf_free(&filter);
}

/* What a group is made of besides its lists. A server that expands a memberURL shows the members; one that does not
 * leaves us without. */
static void look_beyond(struct descent *d, const struct cg_ldap_entry *entry)
{
    if (!done(d))
        look_at_primary_members(d, entry);
    if (!d->alive && (d->groups->membership.opaque || cg_ldap_entry_get(entry, MEMBER_URL)))
        cannot_tell(d, entry->dn, "its members cannot be read from it (memberURL, or ldap.group_filter)");
}

/* *there_out: the group exists, as far as is known. True when only the first part of its members was looked at and
 * nobody there will do. */
static bool look_at_group(struct descent *d, const char *dn, bool part, bool *there_out)
{
    struct cg_ldap_result found = {0};
    enum cg_err rc = read_group(d, dn, part, &found);
    const struct cg_ldap_entry *entry = rc == CG_OK && found.count == 1 ? &found.entries[0] : NULL;
    bool more = entry && is_part(entry);

    *there_out = rc != CG_OK || entry;
    if (rc != CG_OK)
        not_judged(d);
    if (entry)
        look_at_members(d, entry);
    if (entry && !more)
        look_beyond(d, entry);
    cg_ldap_result_free(&found);
    return more && !done(d);
}

static bool descend(struct descent *d)
{
    const struct cg_conf_ldap *conf = d->groups->conf;
    size_t level_end = 1;
    unsigned depth = 0;
    bool exists = false;

    enqueue(d, d->question->dn);
    for (size_t i = 0; i < d->count && !done(d); i++) {
        bool there = false;

        if (i == level_end) {
            level_end = d->count;
            depth++;
        }
        if (depth > conf->nested_depth || i > conf->max_groups) {
            cannot_tell(d, d->question->dn, "ldap.nested_depth or ldap.max_groups ended the look at the groups in it");
            break;
        }
        /* The first part of a big group is mostly enough. */
        if (look_at_group(d, d->queue[i], true, &there))
            look_at_group(d, d->queue[i], false, &there);
        exists = exists || (i == 0 && there);
    }
    return exists;
}

enum cg_err cg_ldap_groups_alive(struct cg_ldap_groups *groups, const struct cg_ldap_groups_question *question,
                                 int64_t deadline, struct cg_error *err)
{
    struct descent d = {.groups = groups, .question = question, .deadline = deadline, .seen = cg_map_new(NULL)};
    bool exists;

    list_attributes(&d);
    see(&d, question->dn);
    exists = descend(&d);
    for (size_t i = 0; i < d.count; i++)
        free(d.queue[i]);
    free(d.queue);
    cg_map_free(&d.seen);
    if (d.alive)
        return CG_OK;
    if (d.unknown)
        return cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "%s", d.why.internal);
    if (!exists)
        return cg_error_set(err, CG_ERR_ABSENT, "There is no group %s.", question->dn);
    return cg_error_set(err, CG_ERR_ABSENT, "Nobody in the group %s may be used any more.", question->dn);
}
