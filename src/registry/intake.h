/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A crate on its way in: one pass over the bytes of a body that digests them,
 * copies them to the storage and checks the archive. One thread, a worker.
 */
#ifndef CG_REGISTRY_INTAKE_H
#define CG_REGISTRY_INTAKE_H

#include "base/digest.h"
#include "registry/package.h"
#include "registry/registry_priv.h"

struct cg_intake {
    struct cg_namespace *ns;
    const struct cg_source *body;
    uint64_t offset, size; /* of the crate within the body */
    const char *name, *version;
    uint64_t unpacked_max;
    /* out */
    struct cg_crate_upload *upload; /* written whole, not committed; NULL after a failure */
    char cksum[CG_SHA256_HEX_SIZE];
    struct cg_package package; /* what Cargo.toml says */
};

/* INVALID, TOO_LARGE, UNAVAILABLE. */
enum cg_err cg_intake_run(struct cg_intake *intake, struct cg_error *err) CG_CHECK;
/* Aborts an upload that was not committed. */
void cg_intake_free(struct cg_intake *intake);

#endif
