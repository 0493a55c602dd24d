/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A verification at work: what verify.c (one crate) and verify_namespace.c (the whole) share. One thread. */
#ifndef CG_REGISTRY_VERIFY_PRIV_H
#define CG_REGISTRY_VERIFY_PRIV_H

#include "registry/registry_priv.h"

struct cg_verifying {
    struct cg_verify *verify;
    struct cg_namespace *ns;
    uint64_t total;       /* crates, as far as known at the start */
    struct cg_map *told;  /* "NAME VERSION" of versions whose file is known to be gone or another one */
    struct cg_map *saved; /* index name -> struct cg_rows, from before the rows were cleared; NULL: they were not */
    struct cg_error *err;
};

void cg_verify_report(struct cg_verifying *v, bool repaired, const char *fmt, ...) CG_PRINTF(3, 4);
bool cg_verify_stopped(const struct cg_verifying *v);
/* verify_store.c: the storage's other writers, before anything else. */
enum cg_err cg_verify_store(struct cg_verifying *v) CG_CHECK;
/* Index file, archives and rows of one crate. What is found is reported; UNAVAILABLE when it cannot go on. */
enum cg_err cg_verify_crate(struct cg_verifying *v, const char *index_name) CG_CHECK;

#endif
