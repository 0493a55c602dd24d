/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A query as aql_parse.c reads it and aql.c answers it. */
#ifndef CG_API_AQL_PRIVATE_H
#define CG_API_AQL_PRIVATE_H

#include "api/aql.h"
#include "base/arena.h"

#define CG_AQL_SORTS 8

enum cg_aql_kind { CG_AQL_ALL_OF, CG_AQL_ANY_OF, CG_AQL_TEST };
enum cg_aql_operator { CG_AQL_EQ, CG_AQL_NE, CG_AQL_MATCH, CG_AQL_NMATCH };
enum cg_aql_subject {
    CG_AQL_ON_REPO,
    CG_AQL_ON_PATH,
    CG_AQL_ON_NAME,
    CG_AQL_ON_TYPE,
    CG_AQL_ON_SHA256,
    CG_AQL_ON_PROPERTY
};

struct cg_aql_node {
    enum cg_aql_kind kind;
    enum cg_aql_subject subject; /* of a test, like all that follows but for the children */
    enum cg_aql_operator op;
    const char *property;
    const char *value;
    struct cg_aql_node *first, *last, *next; /* children; a group without any is met */
};

struct cg_aql {
    struct cg_arena *arena;
    struct cg_aql_node *root;
    bool on_type;   /* some criterion is about the type */
    unsigned shown; /* bits by enum cg_aql_field */
    struct {
        enum cg_aql_field field;
        bool descending;
    } sorts[CG_AQL_SORTS];
    size_t sort_count;
    uint64_t offset, limit;
    uint64_t cost; /* of asking it about one item: criteria, and some for the length of their texts */
    bool limited;
};

#endif
