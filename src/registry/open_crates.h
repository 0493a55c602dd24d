/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Crates that were sent lately, open or (small ones) in memory, so that the next
 * one who wants them needs neither a worker nor the disk. An entry is good as
 * long as the crate's index file is the one it was opened under (its generation,
 * see index_cache.h): a publish, a yank, a deletion, a quarantine and a namespace
 * that is read again all change that, and nobody has to drop anything. It goes
 * after a minute all the same, so that the store sees what is in use, and a file
 * that somebody has removed by hand is missed.
 *
 * Threading: any thread; locks are held for a look at a table, never over a
 * system call but close.
 */
#ifndef CG_REGISTRY_OPEN_CRATES_H
#define CG_REGISTRY_OPEN_CRATES_H

#include <stdbool.h>
#include <stdint.h>

#include "crategate/storage.h"
#include "crategate/token.h"
#include "registry/registry.h"
#include "registry/semver.h"

struct cg_namespace;
struct cg_open_crates;

/* Which file: the namespace (its object, which stays until the end), the index name and the version as it was asked. */
struct cg_open_key {
    struct cg_namespace *ns;
    const char *index_name, *version;
    uint64_t generation; /* of the index file */
};

/* What a download needs to know of it besides its bytes. */
struct cg_open_facts {
    char etag[CG_ETAG_SIZE + 32]; /* the quoted sha256 */
    char folded[CG_CRATE_NAME_MAX + 1];
    char version[CG_VERSION_MAX + 1]; /* as published */
};

struct cg_open_crates *cg_open_crates_new(void);
void cg_open_crates_free(struct cg_open_crates **open);

/* A file with a blob, a reference. False when it is not here, or not any more. */
bool cg_open_crates_get(struct cg_open_crates *open, const struct cg_open_key *key, struct cg_crate_file *file_out,
                        struct cg_open_facts *facts_out);
/* Keeps what has just been opened; `file` stays the caller's. Reads small ones, so it is for workers. */
void cg_open_crates_put(struct cg_open_crates *open, const struct cg_open_key *key, const struct cg_crate_file *file,
                        const struct cg_open_facts *facts);
/* Lets go of those whose minute is over: what has been deleted shall leave the disk. */
void cg_open_crates_sweep(struct cg_open_crates *open);

#endif
