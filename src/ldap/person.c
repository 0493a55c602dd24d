/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "ldap/person.h"

#include <ldap.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "ldap/escape.h"
#include "ldap/pattern.h"
#include "ldap/result.h"
#include "ldap/state.h"

#define ATTRIBUTES_MAX 32
#define ID_MAX 256
#define NOT_ACTIVE "This account is not active in the directory."

/* Attributes whose values are bytes, not text; everywhere outside this file they are lower-case hex. */
static const char *const BINARY_IDS[] = {"objectGUID", "objectSid", "guid"};

struct cg_ldap_people {
    const struct cg_conf_ldap *conf;
    struct cg_ldap_pool *pool;
    struct cg_ldap_pattern *pattern;
    const char *attributes[ATTRIBUTES_MAX]; /* NULL-terminated */
    size_t count;
};

static bool given(const char *setting)
{
    return setting && setting[0];
}

static void ask_for(struct cg_ldap_people *people, const char *attribute)
{
    CG_ASSERT(people->count < ATTRIBUTES_MAX - 1);
    if (given(attribute))
        people->attributes[people->count++] = attribute;
}

enum cg_err cg_ldap_people_new(const struct cg_conf_ldap *conf, struct cg_ldap_pool *pool,
                               struct cg_ldap_people **people_out, struct cg_error *err)
{
    struct cg_ldap_pattern *pattern = NULL;
    struct cg_ldap_people *people;
    const char *attribute;

    if (cg_ldap_pattern_new(conf->username_pattern, &pattern, err) != CG_OK)
        return cg_error_prefix(err, "ldap.username_pattern");
    people = cg_calloc(1, sizeof(*people));
    people->conf = conf;
    people->pool = pool;
    people->pattern = pattern;
    ask_for(people, conf->id_attribute);
    ask_for(people, conf->username_attribute);
    ask_for(people, conf->display_name_attribute);
    ask_for(people, conf->mail_attribute);
    for (size_t i = 0; (attribute = cg_ldap_state_attribute(conf->account_state, i)); i++)
        ask_for(people, attribute);
    *people_out = people;
    return CG_OK;
}

void cg_ldap_people_free(struct cg_ldap_people **people)
{
    if (!*people)
        return;
    cg_ldap_pattern_free(&(*people)->pattern);
    free(*people);
    *people = NULL;
}

bool cg_ldap_people_take(const struct cg_ldap_people *people, const char *username)
{
    return cg_ldap_username_sendable(username) && cg_ldap_pattern_matches(people->pattern, username);
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

static struct cg_ldap_search search_for_people(const struct cg_ldap_people *people, const char *filter)
{
    return (struct cg_ldap_search){.scope = people->conf->search_scope,
                                   .filter = filter,
                                   .attributes = people->attributes,
                                   .max_entries = 1,
                                   .usability = cg_ldap_state_asks_usability(people->conf->account_state)};
}

static enum cg_err nobody(const char *what, struct cg_error *err)
{
    return cg_error_hide(err, CG_ERR_ABSENT, "There is no such person in the directory.", "nothing matches %.400s",
                         what);
}

/* Exactly one entry in all bases. */
static enum cg_err find_one(struct cg_ldap_people *people, const char *filter, int64_t deadline,
                            struct cg_ldap_result *found, struct cg_error *err)
{
    struct cg_ldap_search search = search_for_people(people, filter);
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
        return nobody(filter, err);
    return rc;
}

static enum cg_err find_by_filter(struct cg_ldap_people *people, const char *username, int64_t deadline,
                                  struct cg_ldap_result *found, struct cg_error *err)
{
    struct cg_buf filter;
    enum cg_err rc;

    cg_buf_init(&filter, CG_LDAP_FILTER_MAX);
    cg_ldap_escape_fill(&filter, people->conf->search_filter, username, "");
    rc = find_one(people, cg_buf_str(&filter), deadline, found, err);
    cg_buf_free(&filter);
    return rc;
}

/* Reads the entry that the name leads to: id, name and state come from there, whatever was typed. */
static enum cg_err find_by_template(struct cg_ldap_people *people, const char *username, int64_t deadline,
                                    struct cg_ldap_result *found, struct cg_error *err)
{
    struct cg_ldap_search search = search_for_people(people, "(objectClass=*)");
    struct cg_buf dn;
    enum cg_err rc;

    cg_buf_init(&dn, CG_LDAP_DN_MAX);
    cg_ldap_escape_fill_dn(&dn, people->conf->user_dn_template, username);
    search.base = cg_buf_str(&dn);
    search.scope = CG_SCOPE_BASE;
    search.may_be_missing = true;
    rc = cg_buf_failed(&dn) ? nobody("a DN that long", err)
                            : cg_ldap_pool_search(people->pool, &search, deadline, found, err);
    if (rc == CG_ERR_TOO_LARGE)
        rc = CG_ERR_UNAVAILABLE; /* more than one entry for one DN */
    if (rc == CG_OK && found->count == 0)
        rc = nobody(search.base, err);
    cg_buf_free(&dn);
    return rc;
}

enum cg_err cg_ldap_person_by_name(struct cg_ldap_people *people, const char *username, int64_t deadline,
                                   struct cg_ldap_person *person_out, struct cg_error *err)
{
    struct cg_ldap_person person = {0};
    enum cg_err rc = given(people->conf->user_dn_template)
                         ? find_by_template(people, username, deadline, &person.found, err)
                         : find_by_filter(people, username, deadline, &person.found, err);

    if (rc == CG_OK)
        rc = identify(people->conf, &person, username, err);
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
    if (rc == CG_OK && !given(people->conf->user_dn_template))
        rc = matches(people, &person, people->conf->search_filter, deadline, err);
    cg_buf_free(&filter);
    if (rc == CG_OK)
        *person_out = person;
    else
        cg_ldap_person_free(&person);
    return rc;
}

static enum cg_err no_person(const char *dn, struct cg_error *err)
{
    return cg_error_hide(err, CG_ERR_ABSENT, "There is no such person in the directory.", "%.400s is nobody", dn);
}

/* The entry itself; that there is none is an answer, any other failure is not. */
static enum cg_err read_dn(struct cg_ldap_people *people, const char *dn, int64_t deadline,
                           struct cg_ldap_result *found, struct cg_error *err)
{
    struct cg_ldap_search search = {.base = dn,
                                    .scope = CG_SCOPE_BASE,
                                    .filter = "(objectClass=*)",
                                    .attributes = people->attributes,
                                    .max_entries = 1,
                                    .usability = cg_ldap_state_asks_usability(people->conf->account_state)};
    enum cg_err rc = cg_ldap_pool_search(people->pool, &search, deadline, found, err);

    if (found->code == LDAP_NO_SUCH_OBJECT || (rc == CG_OK && found->count == 0) ||
        (rc == CG_OK && !cg_ldap_entry_get(&found->entries[0], people->conf->username_attribute)))
        return no_person(dn, err);
    return rc == CG_ERR_TOO_LARGE ? CG_ERR_UNAVAILABLE : rc;
}

enum cg_err cg_ldap_person_by_dn(struct cg_ldap_people *people, const char *dn, int64_t deadline,
                                 struct cg_ldap_person *person_out, struct cg_error *err)
{
    struct cg_ldap_person person = {0};
    char *key = NULL;
    enum cg_err rc = CG_OK;

    if (cg_ldap_dn_canonical(dn, &key, NULL) != CG_OK ||
        !cg_ldap_dn_within(key, people->conf->search_base, people->conf->search_scope))
        rc = no_person(dn, err);
    free(key);
    if (rc == CG_OK)
        rc = read_dn(people, dn, deadline, &person.found, err);
    if (rc == CG_OK)
        rc = identify(people->conf, &person, NULL, err);
    if (rc == CG_OK && !given(people->conf->user_dn_template))
        rc = matches(people, &person, people->conf->search_filter, deadline, err);
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
    if (given(people->conf->account_filter))
        return matches(people, person, people->conf->account_filter, deadline, err);
    return CG_OK;
}

enum cg_err cg_ldap_person_unlocked(const struct cg_ldap_people *people, const struct cg_ldap_person *person,
                                    struct cg_error *err)
{
    if (people->conf->locked_by_failures_blocks_tokens &&
        cg_ldap_state_locked_out(person->entry, people->conf->account_state, cg_clock_wall_s()))
        return cg_error_hide(err, CG_ERR_DENIED, NOT_ACTIVE,
                             "%s: locked by wrong passwords, and ldap.locked_by_failures_blocks_tokens is true",
                             person->entry->dn);
    return CG_OK;
}

const char *cg_ldap_person_mail(const struct cg_ldap_people *people, const struct cg_ldap_person *person)
{
    return given(people->conf->mail_attribute) ? cg_ldap_entry_text(person->entry, people->conf->mail_attribute) : NULL;
}
