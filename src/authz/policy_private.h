/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A compiled policy, as policy.c builds it and decide.c reads it. Immutable once published. */
#ifndef CG_AUTHZ_POLICY_PRIVATE_H
#define CG_AUTHZ_POLICY_PRIVATE_H

#include <stdatomic.h>

#include "authz/policy.h"
#include "base/map.h"

#define CG_RULE_TEXT 256

/* Each implies those before it. */
enum cg_role { CG_ROLE_READ, CG_ROLE_PUBLISH, CG_ROLE_ADMIN, CG_ROLE_COUNT };

/* "read", "publish", "admin" */
const char *cg_role_name(enum cg_role role);

/* What is known of the group that a grant names. */
enum cg_rule_state { CG_RULE_UNRESOLVED, CG_RULE_ABSENT, CG_RULE_AMBIGUOUS, CG_RULE_RESOLVED };

/* One grant. Its text is made once, so that a decision copies and never formats. */
struct cg_rule {
    enum cg_grant_kind kind;
    enum cg_rule_state state; /* of CG_GRANT_GROUP */
    const char *value;        /* the configuration's */
    char *dn;                 /* canonical; of CG_GRANT_DN and resolved CG_GRANT_GROUP, else NULL */
    char *why;                /* of an ambiguous one: what the directory says of the name; else NULL */
    bool of_team;             /* a name that two groups bear takes this grant out, and stops nothing else */
    unsigned line;
    char text[CG_RULE_TEXT]; /* namespace.payments.publish = "group:payments"; of a team and of a mapped group see
                              * list_name() and compile_rule() */
};

/* One of the three lists of a namespace. */
struct cg_rules {
    struct cg_rule *items;
    size_t count;
    unsigned line;           /* of the list, or of the section when the list is empty */
    char name[CG_RULE_TEXT]; /* namespace.payments.publish */
};

struct cg_space {
    const struct cg_conf_namespace *conf;
    struct cg_rules lists[CG_ROLE_COUNT];
    bool anonymous_reads;
};

struct cg_policy {
    atomic_uint refs;
    struct cg_conf *conf;
    struct cg_space *spaces; /* in the configuration's order */
    size_t count;
    struct cg_map *by_name;
    struct cg_map *by_repository; /* key of a repository in Artifactory -> the one space that fronts it, or &shared */
    struct cg_space shared;       /* stands for "several" in there */
    bool incomplete;
    bool teams_unknown; /* cg_conf_teams_unknown() */
};

#endif
