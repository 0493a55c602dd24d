/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Typed reads from one table of a Cargo.toml, for manifest.c and manifest_deps.c. Each refuses a value of another type
 * by name, and one that is inherited from a workspace, which no consumer of a crate could find. One thread.
 */
#ifndef CG_REGISTRY_MANIFEST_TABLE_H
#define CG_REGISTRY_MANIFEST_TABLE_H

#include <jansson.h>
#include <stdbool.h>

#include "crategate/err.h"
#include "registry/package.h"

struct cg_table {
    const json_t *json;
    const char *name; /* for messages: "package", "dependencies.serde" */
    struct cg_error *err;
};

#define CG_MANIFEST_ITEMS_MAX 5000 /* dependencies, features, values of one; web-sys has 1,600 features */

/* Absent: OK, *out stays. Present: a fresh copy. INVALID (manifest-type, manifest-workspace). */
enum cg_err cg_table_text(const struct cg_table *table, const char *key, char **out) CG_CHECK;
enum cg_err cg_table_bool(const struct cg_table *table, const char *key, bool *out, bool *present_out) CG_CHECK;
/* At most CG_MANIFEST_ITEMS_MAX strings. */
enum cg_err cg_table_list(const struct cg_table *table, const char *key, char ***out) CG_CHECK;
/* A table below this one; *out NULL when absent. Borrowed. */
enum cg_err cg_table_sub(const struct cg_table *table, const char *key, const json_t **out) CG_CHECK;
/* A key with two spellings: which of them is there? NULL: none. INVALID (manifest-key) when both are. */
enum cg_err cg_table_spelling(const struct cg_table *table, const char *key, const char *other,
                              const char **key_out) CG_CHECK;

/* One [dependencies] table (of that kind, for that normalised target or NULL), appended to package->deps. */
enum cg_err cg_manifest_deps(const struct cg_table *table, enum cg_dep_kind kind, const char *target,
                             struct cg_package *package) CG_CHECK;

#endif
