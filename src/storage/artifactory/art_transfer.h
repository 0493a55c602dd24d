/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * One crate from Artifactory into a feed: summed on the way, put into the cache
 * when the sum is right, and refused before its last byte when it is not.
 * Threading: one thread's; it blocks until the end.
 */
#ifndef CG_STORAGE_ARTIFACTORY_ART_TRANSFER_H
#define CG_STORAGE_ARTIFACTORY_ART_TRANSFER_H

#include <stdatomic.h>

#include "base/feed.h"
#include "storage/artifactory/art_cache.h"
#include "storage/artifactory/art_client.h"

struct cg_art_transfer {
    struct cg_art_client *client;
    struct cg_art_cache *cache;
    const char *repo, *path;
    const char *cksum;           /* sha256 that it must have; "": any, and it is not kept */
    struct cg_feed *feed;        /* new */
    const atomic_bool *stopping; /* ends it */
};

/* Finishes the feed. Returns what it was finished with. */
enum cg_err cg_art_transfer(const struct cg_art_transfer *transfer);

#endif
