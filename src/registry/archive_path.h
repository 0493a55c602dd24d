/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Which paths an archive may have: those that unpack to the same tree on every system cargo runs on, case-insensitive
 * ones included. One thread at a time.
 */
#ifndef CG_REGISTRY_ARCHIVE_PATH_H
#define CG_REGISTRY_ARCHIVE_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "crategate/err.h"

struct cg_path_tree;

/* nodes_max: files and folders together. */
struct cg_path_tree *cg_path_tree_new(uint64_t nodes_max);
void cg_path_tree_free(struct cg_path_tree **tree);

/* One path alone, below the root: INVALID (entry-path, path-device, manifest-case). */
enum cg_err cg_archive_path_check(const char *path, struct cg_error *err) CG_CHECK;
/* Adds a checked path. INVALID (path-duplicate, path-case), TOO_LARGE (entry-count). */
enum cg_err cg_path_tree_add(struct cg_path_tree *tree, const char *path, bool is_dir, struct cg_error *err) CG_CHECK;

#endif
