/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The index that Artifactory itself keeps of a Cargo repository
 * (registry-index.md, "Index files"). It comes some time after the crate, and
 * what is in it is Artifactory's word, not ours. Threading: any thread.
 */
#ifndef CG_STORAGE_ARTIFACTORY_ART_INDEX_H
#define CG_STORAGE_ARTIFACTORY_ART_INDEX_H

#include "base/buf.h"
#include "storage/artifactory/art_client.h"

/* "/api/cargo/REPO/index/ab/cd/abcd" of a crate's name in any spelling; fresh, free() it. */
char *cg_art_index_path(const char *repo, const char *name);
/* The file, appended. ABSENT: there is none, or what came instead is none. UNAVAILABLE: no answer. */
enum cg_err cg_art_index_get(struct cg_art_client *client, const struct cg_art_crate *crate, struct cg_buf *out,
                             struct cg_error *err) CG_CHECK;

#endif
