/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What the index that an imported crate comes from says of its dependencies.
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
/* Is the dependency, as the manifest has it, one of the origin's own registry? Else *url_out is what names its registry
 * (NULL: crates.io): the line's word where it has this dependency, the manifest's otherwise. Borrowed. */
bool cg_origin_own(const struct cg_origin *origin, const json_t *line, const struct cg_dep *dep, const char **url_out);

#endif
