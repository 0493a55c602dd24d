/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Which platform a dependency is for: a target triple or a cfg(...) expression, as cargo reads them. Pure. */
#ifndef CG_REGISTRY_TARGET_H
#define CG_REGISTRY_TARGET_H

#include "base/buf.h"
#include "crategate/err.h"

/* Appends cargo's own spelling to `normal` (may be NULL): one blank around "=" and behind ",", none elsewhere, no comma
 * before ")". Two spellings that mean the same become one. INVALID (dependency-target). */
enum cg_err cg_target_normalise(const char *text, struct cg_buf *normal, struct cg_error *err) CG_CHECK;

#endif
