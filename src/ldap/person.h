/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * People: finding exactly one entry, naming it, judging it. All over the
 * service account's connections.
 *
 * A person is the entry's id and nothing else; the name is the directory's
 * value, never what was typed (pitfall 5). Neither mail nor display name ever
 * identifies anybody: people may edit those themselves (pitfall 13).
 */
#ifndef CG_LDAP_PERSON_H
#define CG_LDAP_PERSON_H

#include "ldap/conn.h"
#include "ldap/pool.h"

struct cg_ldap_person {
    struct cg_ldap_result found; /* exactly one entry */
    const struct cg_ldap_entry *entry;
    char *id;
    char *name;
    char *dn; /* canonical */
};

struct cg_ldap_people; /* opaque: which names to take, which attributes to ask for */

/* INVALID: the settings' username_pattern is none. */
enum cg_err cg_ldap_people_new(const struct cg_conf_ldap *conf, struct cg_ldap_pool *pool,
                               struct cg_ldap_people **people_out, struct cg_error *err) CG_CHECK;
void cg_ldap_people_free(struct cg_ldap_people **people);

/* Is this a name that the directory may be asked for at all? No network. */
bool cg_ldap_people_take(const struct cg_ldap_people *people, const char *username);
/* The person of that name, by user_dn_template or search_filter. ABSENT, CONFLICT (several), UNAVAILABLE. */
enum cg_err cg_ldap_person_by_name(struct cg_ldap_people *people, const char *username, int64_t deadline,
                                   struct cg_ldap_person *person_out, struct cg_error *err) CG_CHECK;
/* The person of that id. ABSENT, DENIED (does not match search_filter any more), UNAVAILABLE. */
enum cg_err cg_ldap_person_by_id(struct cg_ldap_people *people, const char *id, int64_t deadline,
                                 struct cg_ldap_person *person_out, struct cg_error *err) CG_CHECK;
/* The person whose entry that is (a group's member names it so). ABSENT: no such entry, not one that search_base and
 * search_scope reach, or without a user name; DENIED: does not match search_filter; UNAVAILABLE. */
enum cg_err cg_ldap_person_by_dn(struct cg_ldap_people *people, const char *dn, int64_t deadline,
                                 struct cg_ldap_person *person_out, struct cg_error *err) CG_CHECK;
/* Account state and account_filter; a lock by wrong passwords is no matter here. DENIED with the reason in
 * err->internal. */
enum cg_err cg_ldap_person_usable(struct cg_ldap_people *people, const struct cg_ldap_person *person, int64_t deadline,
                                  struct cg_error *err) CG_CHECK;
/* For what needs no password: DENIED when wrong passwords have locked the account and the settings say that this
 * blocks tokens (locked_by_failures_blocks_tokens). */
enum cg_err cg_ldap_person_unlocked(const struct cg_ldap_people *people, const struct cg_ldap_person *person,
                                    struct cg_error *err) CG_CHECK;
/* The first value of mail_attribute; NULL when there is none. Borrowed. */
const char *cg_ldap_person_mail(const struct cg_ldap_people *people, const struct cg_ldap_person *person);
void cg_ldap_person_free(struct cg_ldap_person *person); /* leaves it empty */

#endif
