/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What the index that a crate comes from (imported, or put into the store by another writer) says of its dependencies.
 * There, null means the registry of the line (cargo-protocol.md 3.4), and what
 * was that registry becomes this one. Pure.
 */
#ifndef CG_REGISTRY_ORIGIN_H
#define CG_REGISTRY_ORIGIN_H

#include <jansson.h>
#include <stdbool.h>

#include "registry/package.h"
#include "registry/registry.h"

/* The line parsed, for json_decref(); NULL when there is none or it cannot be read. `origin` may be NULL. */
json_t *cg_origin_line(const struct cg_origin *origin);
/* The line's entry of a dependency that the manifest has; NULL when there is none. Borrowed. */
const json_t *cg_origin_dep(const json_t *line, const struct cg_dep *dep);
/* Is the dependency, as the manifest has it, one of the origin's own registry? Else *url_out is what names its registry
 * (NULL: crates.io): the line's word where it has this dependency, the manifest's otherwise. Borrowed. */
bool cg_origin_own(const struct cg_origin *origin, const json_t *line, const struct cg_dep *dep, const char **url_out);

#endif
