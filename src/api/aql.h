/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The part of Artifactory's query language that its clients search repositories
 * with: items.find(CRITERIA) and behind it include, sort, offset and limit.
 *
 * Criteria are JSON objects, several side by side are all to be met; "$or" and
 * "$and" take lists of objects, whose members, as jf writes them, are one list
 * of alternatives or conditions. A member is a field (repo, path, name, type,
 * sha256, or "@" and the name of a property) and a text, which stands for
 * {"$eq": text}, or $eq, $ne, $match, $nmatch, the latter two with * and ?. Keys
 * may occur twice. Without a word on the type, files are meant.
 *
 * Pure; any thread.
 */
#ifndef CG_API_AQL_H
#define CG_API_AQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crategate/err.h"

struct cg_aql;

/* INVALID: a detail that begins with "Failed to parse query" for what is no query, or one that names what is not
 * understood here. */
enum cg_err cg_aql_parse(const char *text, size_t len, struct cg_aql **aql_out, struct cg_error *err) CG_CHECK;
void cg_aql_free(struct cg_aql **aql);

/* What an item has to be compared with. A text that is NULL is not known yet. */
struct cg_aql_item {
    const char *repo, *repo_alias; /* the alias is as good a name; NULL: there is none */
    const char *path, *name;       /* "crates/demo", "demo-1.0.0.crate" */
    bool path_folded;              /* the path is in lower case, and the real one may not be */
    bool type_known, folder;
    const char *sha256; /* "" for a folder */
    /* The value of a property, NULL: the item has none of that name. */
    const char *(*property)(const struct cg_aql_item *item, const char *name);
    void *cls; /* for `property`, which is NULL as long as they are not known */
};

enum cg_aql_answer { CG_AQL_NO, CG_AQL_MAYBE, CG_AQL_YES };
/* MAYBE only where something is not known. */
enum cg_aql_answer cg_aql_ask(const struct cg_aql *aql, const struct cg_aql_item *item);

/* What of an item is to be shown, and what can be sorted by. name, is it in an answer that asks for nothing special? */
#define CG_AQL_FIELDS(X)                                                                                               \
    X(REPO, "repo", 1)                                                                                                 \
    X(PATH, "path", 1)                                                                                                 \
    X(NAME, "name", 1)                                                                                                 \
    X(TYPE, "type", 1)                                                                                                 \
    X(SIZE, "size", 1)                                                                                                 \
    X(CREATED, "created", 1)                                                                                           \
    X(CREATED_BY, "created_by", 1)                                                                                     \
    X(MODIFIED, "modified", 1)                                                                                         \
    X(MODIFIED_BY, "modified_by", 1)                                                                                   \
    X(UPDATED, "updated", 1)                                                                                           \
    X(SHA256, "sha256", 0)                                                                                             \
    X(ACTUAL_SHA1, "actual_sha1", 0)                                                                                   \
    X(ACTUAL_MD5, "actual_md5", 0)                                                                                     \
    X(PROPERTY, "property", 0)

enum cg_aql_field {
#define X(id, name, shown) CG_AQL_##id,
    CG_AQL_FIELDS(X)
#undef X
        CG_AQL_FIELD_COUNT
};

/* As an answer has it; static. */
const char *cg_aql_field_name(enum cg_aql_field field);
bool cg_aql_shows(const struct cg_aql *aql, enum cg_aql_field field);
/* The n-th field to sort by; false when there is none. */
bool cg_aql_sort(const struct cg_aql *aql, size_t n, enum cg_aql_field *field_out, bool *descending_out);
uint64_t cg_aql_offset(const struct cg_aql *aql);
/* Of how many items it may be asked before it keeps a thread too long: a short query of millions. */
uint64_t cg_aql_asks_max(const struct cg_aql *aql);
/* False when all are wanted. */
bool cg_aql_limit(const struct cg_aql *aql, uint64_t *limit_out);

#endif
