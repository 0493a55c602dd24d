/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A person's groups: one search for those that name the person, then breadth
 * first for those that name a group, fifty to a request. Whatever is not a
 * complete answer is UNAVAILABLE, never "no groups" (pitfall 17).
 *
 * A group is its canonical DN: the same common name elsewhere is another group
 * (pitfall 12).
 */
#ifndef CG_LDAP_GROUPS_H
#define CG_LDAP_GROUPS_H

#include "crategate/identity.h"
#include "ldap/person.h"
#include "ldap/pool.h"

struct cg_ldap_groups; /* opaque */

struct cg_ldap_groups *cg_ldap_groups_new(const struct cg_conf_ldap *conf, struct cg_ldap_pool *pool);
void cg_ldap_groups_free(struct cg_ldap_groups **groups);

/* Adds the person's groups to an identity that is not sealed yet. UNAVAILABLE: not known. */
enum cg_err cg_ldap_groups_of(struct cg_ldap_groups *groups, const struct cg_ldap_person *person, int64_t deadline,
                              struct cg_identity *who, struct cg_error *err) CG_CHECK;
/* The one group of that common name. ABSENT, CONFLICT (the detail names them), UNAVAILABLE. Caller frees *dn_out. */
enum cg_err cg_ldap_groups_resolve(struct cg_ldap_groups *groups, const char *name, int64_t deadline, char **dn_out,
                                   struct cg_error *err) CG_CHECK;

#endif
