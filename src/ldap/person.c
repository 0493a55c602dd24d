/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "ldap/person.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "ldap/escape.h"
#include "ldap/result.h"
#include "ldap/state.h"

#define ATTRIBUTES_MAX 16
#define ID_MAX 256
#define NOT_ACTIVE "This account is not active in the directory."

/* Attributes whose values are bytes, not text; everywhere outside this file they are lower-case hex. */
static const char *const BINARY_IDS[] = {"objectGUID", "objectSid", "guid"};

struct cg_ldap_people {
    const struct cg_conf_ldap *conf;
    struct cg_ldap_pool *pool;
    const char *attributes[ATTRIBUTES_MAX];
};

struct cg_ldap_people *cg_ldap_people_new(const struct cg_conf_ldap *conf, struct cg_ldap_pool *pool)
{
    struct cg_ldap_people *people = cg_calloc(1, sizeof(*people));
    size_t count = 0;

    people->conf = conf;
    people->pool = pool;
    people->attributes[count++] = conf->id_attribute;
    people->attributes[count++] = conf->username_attribute;
    if (conf->display_name_attribute && conf->display_name_attribute[0])
        people->attributes[count++] = conf->display_name_attribute;
    for (size_t i = 0; conf->account_state != CG_STATE_NONE && CG_LDAP_STATE_ATTRIBUTES[i]; i++) {
        CG_ASSERT(count < ATTRIBUTES_MAX - 1);
        people->attributes[count++] = CG_LDAP_STATE_ATTRIBUTES[i];
    }
    return people;
}

void cg_ldap_people_free(struct cg_ldap_people **people)
{
    free(*people);
    *people = NULL;
}

void cg_ldap_person_free(struct cg_ldap_person *person)
{
    cg_ldap_result_free(&person->found);
    free(person->id);
    free(person->name);
    free(person->dn);
    memset(person, 0, sizeof(*person));
}

static bool is_binary(const char *attribute)
{
    for (size_t i = 0; i < sizeof(BINARY_IDS) / sizeof(BINARY_IDS[0]); i++)
        if (cg_streq_nocase(attribute, BINARY_IDS[i]))
            return true;
    return cg_str_ends(attribute, ";binary");
}

/* The entry's id as text; NULL when there is not exactly one usable value. */
static char *id_of(const struct cg_conf_ldap *conf, const struct cg_ldap_entry *entry)
{
    const struct cg_ldap_attribute *a = cg_ldap_entry_get(entry, conf->id_attribute);
    char *id;

    if (!a || a->count != 1 || a->values[0].len == 0 || a->values[0].len > ID_MAX)
        return NULL;
    if (!is_binary(conf->id_attribute))
        return cg_ldap_username_sendable(a->values[0].bytes) && strlen(a->values[0].bytes) == a->values[0].len
                   ? cg_strdup(a->values[0].bytes)
                   : NULL;
    id = cg_malloc(2 * a->values[0].len + 1);
    cg_hex((const unsigned char *)a->values[0].bytes, a->values[0].len, id);
    return id;
}

static bool nameable(const struct cg_ldap_value *value)
{
    return strlen(value->bytes) == value->len && cg_ldap_username_sendable(value->bytes);
}

/* Of several names the one that was typed, or (nothing was typed) the one in the DN: the choice must not depend on
 * the order of the values. NULL: none of them. */
static const char *name_of(const struct cg_conf_ldap *conf, const struct cg_ldap_entry *entry, const char *typed)
{
    const struct cg_ldap_attribute *a = cg_ldap_entry_get(entry, conf->username_attribute);

    if (!a)
        return NULL;
    if (a->count == 1)
        return nameable(&a->values[0]) ? a->values[0].bytes : NULL;
    for (size_t i = 0; i < a->count; i++) {
        const char *value = a->values[i].bytes;

        if (nameable(&a->values[i]) &&
            (typed ? cg_streq_nocase(value, typed) : cg_ldap_dn_names(entry->dn, conf->username_attribute, value)))
            return value;
    }
    return NULL;
}

/* Fills the person from its one entry. */
static enum cg_err identify(const struct cg_conf_ldap *conf, struct cg_ldap_person *person, const char *typed,
                            struct cg_error *err)
{
    const struct cg_ldap_entry *entry = &person->found.entries[0];
    const char *name = name_of(conf, entry, typed);
    char *id;

    if (!name && cg_ldap_entry_get(entry, conf->username_attribute))
        return cg_error_hide(err, typed ? CG_ERR_CONFLICT : CG_ERR_DENIED, "This account has no single user name.",
                             "%s: none of the values of %s is the one to take", entry->dn, conf->username_attribute);
    id = id_of(conf, entry);
    person->entry = entry;
    person->id = id;
    person->name = cg_strdup(name);
    if (!name || !id)
        return cg_error_hide(
            err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "%s: the service account sees no usable %s (ldap.%s)", entry->dn,
            name ? conf->id_attribute : conf->username_attribute, name ? "id_attribute" : "username_attribute");
    if (cg_ldap_dn_canonical(entry->dn, &person->dn, err) != CG_OK)
        return cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "the directory's DN \"%.200s\" is none",
                             entry->dn);
    return CG_OK;
}

static bool seen(const struct cg_ldap_result *found, const struct cg_ldap_entry *entry)
{
    for (size_t i = 0; i < found->count; i++)
        if (cg_streq(found->entries[i].dn, entry->dn))
            return true;
    return false;
}

/* One entry reached through two overlapping bases is one entry. */
static void merge(struct cg_ldap_result *found, struct cg_ldap_result *more)
{
    if (found->count == 0) {
        cg_ldap_result_append(found, more);
        return;
    }
    for (size_t i = 0; i < more->count;) {
        if (seen(found, &more->entries[i])) {
            cg_ldap_entry_free(&more->entries[i]);
            more->entries[i] = more->entries[--more->count];
        } else {
            i++;
        }
    }
    cg_ldap_result_append(found, more);
}

/* Exactly one entry in all bases. */
static enum cg_err find_one(struct cg_ldap_people *people, const char *filter, int64_t deadline,
                            struct cg_ldap_result *found, struct cg_error *err)
{
    struct cg_ldap_search search = {.scope = people->conf->search_scope,
                                    .filter = filter,
                                    .attributes = people->attributes,
                                    .max_entries = 1,
                                    .usability = people->conf->account_state == CG_STATE_AUTO ||
                                                 people->conf->account_state == CG_STATE_PPOLICY};
    enum cg_err rc = CG_OK;

    for (char **base = people->conf->search_base; *base && rc == CG_OK; base++) {
        struct cg_ldap_result more = {0};

        search.base = *base;
        rc = cg_ldap_pool_search(people->pool, &search, deadline, &more, err);
        /* pitfall 17: too many, and yet not one: that limit is none of ours, and says nothing about the person. */
        if (rc == CG_ERR_TOO_LARGE && more.count == 0)
            rc = CG_ERR_UNAVAILABLE;
        merge(found, &more);
    }
    if (rc == CG_ERR_TOO_LARGE || (rc == CG_OK && found->count > 1))
        return cg_error_hide(err, CG_ERR_CONFLICT, "More than one person matches this name.",
                             "more than one entry matches %.400s", filter);
    if (rc == CG_OK && found->count == 0)
        return cg_error_hide(err, CG_ERR_ABSENT, "There is no such person in the directory.", "nothing matches %.400s",
                             filter);
    return rc;
}

enum cg_err cg_ldap_person_by_name(struct cg_ldap_people *people, const char *username, int64_t deadline,
                                   struct cg_ldap_person *person_out, struct cg_error *err)
{
    struct cg_ldap_person person = {0};
    struct cg_buf filter;
    enum cg_err rc;

    cg_buf_init(&filter, CG_LDAP_FILTER_MAX);
    cg_ldap_escape_fill(&filter, people->conf->search_filter, username, "");
    rc = find_one(people, cg_buf_str(&filter), deadline, &person.found, err);
    if (rc == CG_OK)
        rc = identify(people->conf, &person, username, err);
    cg_buf_free(&filter);
    if (rc == CG_OK)
        *person_out = person;
    else
        cg_ldap_person_free(&person);
    return rc;
}

/* Does the entry (still) match this filter? DENIED with `why` when not. */
static enum cg_err matches(struct cg_ldap_people *people, const struct cg_ldap_person *person, const char *pattern,
                           int64_t deadline, struct cg_error *err)
{
    static const char *const NOTHING[] = {"1.1", NULL};
    struct cg_ldap_search search = {
        .base = person->entry->dn, .scope = CG_SCOPE_BASE, .attributes = NOTHING, .max_entries = 1};
    struct cg_ldap_result found = {0};
    struct cg_buf filter;
    enum cg_err rc;

    cg_buf_init(&filter, CG_LDAP_FILTER_MAX);
    cg_ldap_escape_fill(&filter, pattern, person->name, person->entry->dn);
    search.filter = cg_buf_str(&filter);
    rc = cg_ldap_pool_search(people->pool, &search, deadline, &found, err);
    if (rc == CG_ERR_TOO_LARGE)
        rc = CG_ERR_UNAVAILABLE;
    if (rc == CG_OK && found.count == 0)
        rc =
            cg_error_hide(err, CG_ERR_DENIED, NOT_ACTIVE, "%s does not match %.400s", person->entry->dn, search.filter);
    cg_ldap_result_free(&found);
    cg_buf_free(&filter);
    return rc;
}

static void add_id_filter(const struct cg_conf_ldap *conf, const char *id, struct cg_buf *filter)
{
    unsigned char bytes[ID_MAX];
    size_t len = strlen(id) / 2;

    if (is_binary(conf->id_attribute) && len <= sizeof(bytes) && cg_unhex(id, bytes, len) == CG_OK)
        cg_ldap_escape_equal(filter, conf->id_attribute, bytes, len);
    else
        cg_ldap_escape_equal(filter, conf->id_attribute, id, strlen(id));
}

enum cg_err cg_ldap_person_by_id(struct cg_ldap_people *people, const char *id, int64_t deadline,
                                 struct cg_ldap_person *person_out, struct cg_error *err)
{
    struct cg_ldap_person person = {0};
    struct cg_buf filter;
    enum cg_err rc;

    if (!cg_ldap_username_sendable(id))
        return cg_error_hide(err, CG_ERR_ABSENT, "There is no such person in the directory.", "not an id");
    cg_buf_init(&filter, CG_LDAP_FILTER_MAX);
    add_id_filter(people->conf, id, &filter);
    rc = find_one(people, cg_buf_str(&filter), deadline, &person.found, err);
    if (rc == CG_ERR_CONFLICT)
        rc = cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "%s (ldap.id_attribute) is not unique: %.300s",
                           people->conf->id_attribute, cg_buf_str(&filter));
    if (rc == CG_OK)
        rc = identify(people->conf, &person, NULL, err);
    /* The filter may say more than the name, "not those who left" for instance; it holds for tokens too. */
    if (rc == CG_OK)
        rc = matches(people, &person, people->conf->search_filter, deadline, err);
    cg_buf_free(&filter);
    if (rc == CG_OK)
        *person_out = person;
    else
        cg_ldap_person_free(&person);
    return rc;
}

enum cg_err cg_ldap_person_usable(struct cg_ldap_people *people, const struct cg_ldap_person *person, int64_t deadline,
                                  struct cg_error *err)
{
    const char *why = cg_ldap_state_refusal(person->entry, people->conf->account_state, cg_clock_wall_s());

    if (why)
        return cg_error_hide(err, CG_ERR_DENIED, NOT_ACTIVE, "%s: %s", person->entry->dn, why);
    if (people->conf->account_filter && people->conf->account_filter[0])
        return matches(people, person, people->conf->account_filter, deadline, err);
    return CG_OK;
}
