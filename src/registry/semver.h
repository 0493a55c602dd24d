/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Versions and requirements as the semver crate reads them (cargo-protocol.md 3.5). Pure. */
#ifndef CG_REGISTRY_SEMVER_H
#define CG_REGISTRY_SEMVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "crategate/err.h"

#define CG_VERSION_MAX 150

struct cg_semver {
    uint64_t major, minor, patch;
    char pre[CG_VERSION_MAX + 1];   /* without the '-'; "" when there is none */
    char build[CG_VERSION_MAX + 1]; /* without the '+' */
};

/* INVALID with the reason. At most CG_VERSION_MAX bytes. */
enum cg_err cg_semver_parse(const char *text, struct cg_semver *out, struct cg_error *err) CG_CHECK;
/* SemVer precedence, build ignored: <0, 0, >0. Equal means "the same version" for uniqueness. */
int cg_semver_compare(const struct cg_semver *a, const struct cg_semver *b);

/* Is it a requirement cargo reads? Appends the semver crate's own spelling ("1" -> "^1", ">=1,<2" -> ">=1, <2",
 * "1.x" -> "1.*") to `normal` (may be NULL). INVALID with the reason. */
enum cg_err cg_semver_req(const char *text, struct cg_buf *normal, struct cg_error *err) CG_CHECK;
/* "1.56", "1.56.0", "1": 1-3 numeric components, no operator, pre-release or build. */
bool cg_rust_version_valid(const char *text);

#endif
