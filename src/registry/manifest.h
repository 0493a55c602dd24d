/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The packaged Cargo.toml (cargo-protocol.md 7.1, 7.3): text -> package, or a
 * refusal that names the rule. Pure; any thread.
 *
 * INVALID: does not parse, no [package], [patch], workspace inheritance, bad
 * names, versions, requirements, features, targets; anything that would make
 * the index entry invalid for some cargo (sections 3.2, 8.2).
 */
#ifndef CG_REGISTRY_MANIFEST_H
#define CG_REGISTRY_MANIFEST_H

#include "crategate/err.h"
#include "registry/package.h"

#include <stddef.h>

enum cg_err cg_manifest_parse(const char *text, size_t len, struct cg_package *out, struct cg_error *err) CG_CHECK;

#endif
