/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Compressed forms of large index files on disk, so that a file which comes back
 * into memory need not be compressed again. They are beside the index, not in
 * it: whatever serves the index's folder never sees one. Each names the bytes it
 * was made of and its own sum, so that one that is stale, torn or somebody
 * else's is made anew and never served; nothing has to be flushed or removed.
 * Threading: workers and the maintenance thread.
 */
#ifndef CG_REGISTRY_READY_H
#define CG_REGISTRY_READY_H

#include "base/blob.h"
#include "registry/registry_priv.h"

/* From here on (bytes) compressing takes milliseconds, and a second file pays. */
#define CG_READY_MIN (64u * 1024)

/* Gives a blob that nobody else has yet its compressed form: the stored one, or one that is made and stored. */
void cg_ready_attach(struct cg_namespace *ns, const char *index_name, struct cg_blob *blob);

#endif
