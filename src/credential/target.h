/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Whose registry an index URL names. Ours look like
 * sparse+BASE/api/cargo/NAMESPACE/index/ with any BASE, a path included; one
 * login serves every namespace of a BASE. Pure, thread safe.
 */
#ifndef CG_CREDENTIAL_TARGET_H
#define CG_CREDENTIAL_TARGET_H

#include "crategate/err.h"

struct cg_target {
    char *base; /* scheme and host in lower case, without the default port, without a slash at the end */
    char *ns;
};

/* INVALID: no registry of this kind. DENIED: one of ours, but its passwords and tokens would go over a network in the
 * clear. Free with cg_target_free. */
enum cg_err cg_target_parse(const char *index_url, struct cg_target *target_out, struct cg_error *err) CG_CHECK;
void cg_target_free(struct cg_target *target); /* safe on a zeroed one and twice */

#endif
