/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What the files of the Artifactory driver of storage.h share. */
#ifndef CG_STORAGE_ARTIFACTORY_ART_PRIVATE_H
#define CG_STORAGE_ARTIFACTORY_ART_PRIVATE_H

#include "crategate/storage.h"
#include "storage/artifactory/art_instance.h"

struct cg_art_storage {
    struct cg_storage base;
    struct cg_storage *disk; /* index, lock, config.json */
    struct cg_art_instance *instance;
    char *ns, *repo;
};

static inline struct cg_art_storage *cg_art(struct cg_storage *st)
{
    return (struct cg_art_storage *)st;
}

/* "crates/NAME/NAME-VERSION.crate" */
void cg_art_crate_path(const char *name, const char *version, char out[CG_ART_PATH_MAX]);

/* art_upload.c */
enum cg_err cg_art_crate_begin(struct cg_storage *st, struct cg_crate_upload **up_out, struct cg_error *err) CG_CHECK;
enum cg_err cg_art_crate_write(struct cg_storage *st, struct cg_crate_upload *up, const void *bytes, size_t len,
                               struct cg_error *err) CG_CHECK;
enum cg_err cg_art_crate_stage(struct cg_storage *st, struct cg_crate_upload *up, const char *name, const char *version,
                               const struct cg_crate_facts *facts, struct cg_error *err) CG_CHECK;
enum cg_err cg_art_crate_commit(struct cg_storage *st, struct cg_crate_upload **up, const char *name,
                                const char *version, bool replace, struct cg_error *err) CG_CHECK;
void cg_art_crate_abort(struct cg_storage *st, struct cg_crate_upload **up);

#endif
