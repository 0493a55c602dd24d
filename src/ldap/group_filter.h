/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What group_filter says about how groups name their members. Text only; pure, thread safe. */
#ifndef CG_LDAP_GROUP_FILTER_H
#define CG_LDAP_GROUP_FILTER_H

#include <stdbool.h>
#include <stddef.h>

/* LDAP_MATCHING_RULE_IN_CHAIN: Active Directory follows nested groups itself. */
#define CG_LDAP_IN_CHAIN "1.2.840.113556.1.4.1941"
#define CG_LDAP_MEMBERSHIP_MAX 8

/* The attributes in which a group holds its members, as DNs and as user names. */
struct cg_ldap_membership {
    char *dns[CG_LDAP_MEMBERSHIP_MAX + 1]; /* NULL-terminated */
    char *names[CG_LDAP_MEMBERSHIP_MAX + 1];
    bool opaque; /* members are written in another way: reading a group does not tell who is in it */
};

/* The filter with the matching rule in every assertion "ATTRIBUTE={dn}" that has none yet. Caller frees. */
char *cg_ldap_group_filter_in_chain(const char *filter);
/* Caller frees with cg_ldap_membership_free. */
void cg_ldap_group_filter_membership(const char *filter, struct cg_ldap_membership *out);
void cg_ldap_membership_free(struct cg_ldap_membership *membership);

#endif
