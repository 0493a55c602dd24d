/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Groups: whose they are, which there are, who is in one.
 *
 * A person's groups come from one source: a search for the groups that name
 * the person (and then, breadth first, fifty to a request, for those that name
 * a group; or with Active Directory's matching rule in one go), memberOf, or
 * tokenGroups. Whatever is not a complete answer is UNAVAILABLE, never "no
 * groups" (pitfall 17), and a server that ignores what we ask for is found out
 * before its silence is believed.
 *
 * A group is its canonical DN: the same common name elsewhere is another group
 * (pitfall 12). Only groups below group_base count, with every source.
 *
 * Threading: any thread.
 */
#ifndef CG_LDAP_GROUPS_H
#define CG_LDAP_GROUPS_H

#include "crategate/directory.h"
#include "crategate/identity.h"
#include "ldap/person.h"
#include "ldap/pool.h"

struct cg_ldap_groups; /* opaque */

/* May this person be used, and is it in the group that is looked at? OK: yes; UNAVAILABLE: not known; else no. */
typedef enum cg_err (*cg_ldap_groups_judge)(void *cls, const struct cg_ldap_person *person, int64_t deadline,
                                            struct cg_error *err);

/* Borrows all three. */
struct cg_ldap_groups *cg_ldap_groups_new(const struct cg_conf_ldap *conf, struct cg_ldap_pool *pool,
                                          struct cg_ldap_people *people);
void cg_ldap_groups_free(struct cg_ldap_groups **groups);

/* Adds the person's groups to an identity that is not sealed yet. UNAVAILABLE: not known. */
enum cg_err cg_ldap_groups_of(struct cg_ldap_groups *groups, const struct cg_ldap_person *person, int64_t deadline,
                              struct cg_identity *who, struct cg_error *err) CG_CHECK;
/* The one group of that common name. ABSENT, CONFLICT (the detail names them), UNAVAILABLE. Caller frees *dn_out. */
enum cg_err cg_ldap_groups_resolve(struct cg_ldap_groups *groups, const char *name, int64_t deadline, char **dn_out,
                                   struct cg_error *err) CG_CHECK;

/* See cg_directory_ops.each_group; INVALID, UNAVAILABLE (then nothing was visited), or what `visit` returned. */
struct cg_ldap_groups_listing {
    const char *filter;
    cg_directory_group_visit visit;
    void *cls;
};
enum cg_err cg_ldap_groups_each(struct cg_ldap_groups *groups, const struct cg_ldap_groups_listing *listing,
                                int64_t deadline, struct cg_error *err) CG_CHECK;

/* Looks at the members of a group (a canonical DN), then of the groups in it, until `judge` says OK about one. ABSENT:
 * no such group, or it said no about all; UNAVAILABLE. */
struct cg_ldap_groups_question {
    const char *dn;
    cg_ldap_groups_judge judge;
    void *cls;
};
enum cg_err cg_ldap_groups_alive(struct cg_ldap_groups *groups, const struct cg_ldap_groups_question *question,
                                 int64_t deadline, struct cg_error *err) CG_CHECK;

/* Can the server do what the settings ask of it? INVALID with the key, UNAVAILABLE. A good answer is remembered;
 * without one groups_of asks itself. No traffic when there is nothing to prove. */
enum cg_err cg_ldap_groups_probe(struct cg_ldap_groups *groups, int64_t deadline, struct cg_error *err) CG_CHECK;

#endif
