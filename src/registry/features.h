/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What cargo demands of the features of a package (cargo-protocol.md 3.2, 8.2), and their split for old clients. Pure.
 */
#ifndef CG_REGISTRY_FEATURES_H
#define CG_REGISTRY_FEATURES_H

#include <stdbool.h>

#include "crategate/err.h"
#include "registry/package.h"

/* XID_Start, '_' or a digit first, then XID_Continue, '-', '+', '.'. */
bool cg_feature_name_valid(const char *name);
/* Names, values and what they refer to, against the package's own dependencies. INVALID (feature-name, feature-value,
 * feature-optional). */
enum cg_err cg_features_check(const struct cg_package *package, struct cg_error *err) CG_CHECK;
/* Which features only a cargo since 1.60 can read: those with "dep:" or "?/", and those that enable one of them. A
 * fresh array of feature_count flags, NULL when there are none. */
bool *cg_features_new_syntax(const struct cg_package *package);

#endif
