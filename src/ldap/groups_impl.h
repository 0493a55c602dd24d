/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What the files of groups (groups.c, group_*.c) share; nobody else includes it. */
#ifndef CG_LDAP_GROUPS_IMPL_H
#define CG_LDAP_GROUPS_IMPL_H

#include <stdatomic.h>

#include "base/map.h"
#include "ldap/group_filter.h"
#include "ldap/groups.h"

#define CG_LDAP_GROUPS_BATCH 50

struct cg_ldap_groups {
    const struct cg_conf_ldap *conf;
    struct cg_ldap_pool *pool;
    struct cg_ldap_people *people;
    const char *attributes[2];
    char *filter; /* group_filter, with the matching rule where nested_groups says so */
    bool chained; /* the filter has the rule: a server that does not know it answers "no groups" */
    atomic_bool proven;
    struct cg_ldap_membership membership; /* how groups hold their members */
    /* Stands for {username} where a group's own groups are asked for: groups have no user name, and a value nobody
     * can know matches nobody. */
    char nobody[33];
};

/* One walk from a person to its groups. */
struct cg_ldap_walk {
    struct cg_ldap_groups *groups;
    const struct cg_ldap_person *person;
    int64_t deadline;
    struct cg_identity *who;
    struct cg_map *visited; /* canonical DNs; the value says nothing */
};

/* The name of a group's entry: the value that is in the DN where there are several, else the first; NULL: none. */
const char *cg_ldap_group_name(const struct cg_conf_ldap *conf, const struct cg_ldap_entry *entry);
/* The canonical form of a DN that the directory sent; UNAVAILABLE when it is none. */
enum cg_err cg_ldap_group_key(const char *dn, char **key_out, struct cg_error *err) CG_CHECK;
/* One search in which anything but a complete answer is UNAVAILABLE. */
enum cg_err cg_ldap_groups_search(struct cg_ldap_groups *groups, const struct cg_ldap_search *search, int64_t deadline,
                                  struct cg_ldap_result *found, struct cg_error *err) CG_CHECK;
/* Notes that a group was seen. UNAVAILABLE beyond max_groups. *new_out: it had not been. */
enum cg_err cg_ldap_walk_see(struct cg_ldap_walk *walk, const char *key, bool *new_out, struct cg_error *err) CG_CHECK;
/* Searches all bases, adds the groups that are new to the identity and, when `next` is not NULL, to it. */
enum cg_err cg_ldap_walk_search(struct cg_ldap_walk *walk, const char *filter, struct cg_ldap_result *next,
                                struct cg_error *err) CG_CHECK;
/* Reads one attribute of the person's entry. UNAVAILABLE when the entry is not there any more. */
enum cg_err cg_ldap_walk_read_person(struct cg_ldap_walk *walk, const char *attribute, struct cg_ldap_result *found,
                                     struct cg_error *err) CG_CHECK;
enum cg_err cg_ldap_walk_too_deep(const struct cg_ldap_walk *walk, struct cg_error *err);

/* The sources. */
enum cg_err cg_ldap_groups_by_search(struct cg_ldap_walk *walk, struct cg_error *err) CG_CHECK;
enum cg_err cg_ldap_groups_by_member_of(struct cg_ldap_walk *walk, struct cg_error *err) CG_CHECK;
enum cg_err cg_ldap_groups_by_token(struct cg_ldap_walk *walk, struct cg_error *err) CG_CHECK;
/* The probe, once: OK at once when it was good before. UNAVAILABLE: the server is not known to know the rule. */
enum cg_err cg_ldap_groups_need_chain(struct cg_ldap_groups *groups, int64_t deadline, struct cg_error *err) CG_CHECK;

#endif
