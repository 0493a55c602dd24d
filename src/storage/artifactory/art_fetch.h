/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Crates on their way from Artifactory: one GET upstream however many wait for
 * it. The bytes go into a feed (base/feed.h), from which all callers are served
 * while they come, are summed on the way, and end in the cache when the sum is
 * what the index says. Otherwise the feed fails before its last byte.
 *
 * A fetch goes on when its callers leave: the next one finds it in the cache.
 * Threads of its own, at most max_connections of the instance, started when
 * needed: an ill instance must not hold the workers that all namespaces share.
 *
 * Threading: any thread.
 */
#ifndef CG_STORAGE_ARTIFACTORY_ART_FETCH_H
#define CG_STORAGE_ARTIFACTORY_ART_FETCH_H

#include "storage/artifactory/art_cache.h"
#include "storage/artifactory/art_client.h"

#define CG_ART_FETCH_MAX 256

struct cg_art_fetcher;

/* Both outlive it. `threads` is 1 to CG_ART_FETCH_MAX. */
struct cg_art_fetcher *cg_art_fetcher_new(struct cg_art_client *client, struct cg_art_cache *cache, unsigned threads);
/* The process ends: what waits for its turn fails at once, and nothing new is begun, but what is in the cache is given
 * out. The client is drained before (cg_art_client_drain). */
void cg_art_fetcher_drain(struct cg_art_fetcher *fetcher);
/* What is under way ends with its next byte, or with the wait for its answer. */
void cg_art_fetcher_free(struct cg_art_fetcher **fetcher);
/* From now on as many at once. */
void cg_art_fetcher_set_threads(struct cg_art_fetcher *fetcher, unsigned threads);
/* Now and then: gives back the disk space of what did not come whole. */
void cg_art_fetcher_tidy(struct cg_art_fetcher *fetcher);
/* Has one of its threads ask whether the instance is back; at once, and not twice at a time. */
void cg_art_fetcher_probe(struct cg_art_fetcher *fetcher);

/*
 * From the cache, or a feed that may not have begun yet: never waits for Artifactory. A fetch that failed less than a
 * second ago is not tried again, but has the same error. UNAVAILABLE: also when too much is asked for at once. `cksum`
 * as below.
 */
enum cg_err cg_art_fetch_begin(struct cg_art_fetcher *fetcher, const char *repo, const char *path, const char *cksum,
                               struct cg_crate_file *file_out, struct cg_error *err) CG_CHECK;

/* From the cache, or from Artifactory: waits until the transfer has begun (its size is known), so that what cannot be
 * had at all is an error with a status and not a broken answer: ABSENT, UNAVAILABLE, DENIED. `cksum` (hex) "" means:
 * not known yet (another writer's crate, on its way to be indexed); it is then not kept under any name and file_out's
 * bytes are whatever Artifactory has. `whole`: waits for the end and gives a descriptor, never a feed. */
enum cg_err cg_art_fetch(struct cg_art_fetcher *fetcher, const char *repo, const char *path, const char *cksum,
                         bool whole, struct cg_crate_file *file_out, struct cg_error *err) CG_CHECK;

#endif
