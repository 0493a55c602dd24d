/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Verified crates on local disk, named by their sha256, at most so many bytes
 * of them; the least recently used go first. Whoever puts one in has summed it.
 * What another process has put in (crategatectl, this daemon before a restart
 * or a loss of power) is summed again before it is first given out, so nothing
 * here needs flushing. A cache only: losing it loses nothing.
 *
 *   DIR/ab/abcdef....crate
 *
 * Threading: any thread; opening touches the disk.
 */
#ifndef CG_STORAGE_ARTIFACTORY_ART_CACHE_H
#define CG_STORAGE_ARTIFACTORY_ART_CACHE_H

#include <stdint.h>

#include "crategate/storage.h"

struct cg_art_cache;

/* Makes the directory (0700), reads what is in it, removes what does not belong. UNAVAILABLE. */
enum cg_err cg_art_cache_new(const char *dir, uint64_t max_bytes, struct cg_art_cache **cache_out,
                             struct cg_error *err) CG_CHECK;
void cg_art_cache_free(struct cg_art_cache **cache);
/* A new limit; evicts at once. */
void cg_art_cache_resize(struct cg_art_cache *cache, uint64_t max_bytes);
/* ABSENT: it is not in here. It is the most recently used from now on. An evicted file stays readable while open. */
enum cg_err cg_art_cache_open(struct cg_art_cache *cache, const char *sha256, struct cg_crate_file *file_out,
                              struct cg_error *err) CG_CHECK;
/* A fresh file without a name, to be filled. */
enum cg_err cg_art_cache_temp(struct cg_art_cache *cache, int *fd_out, struct cg_error *err) CG_CHECK;
/* Puts a file that was made so, and verified by the caller, in. Does not take fd. What is larger than the whole limit
 * is not kept, which is OK. */
enum cg_err cg_art_cache_keep(struct cg_art_cache *cache, const char *sha256, int fd, uint64_t size,
                              struct cg_error *err) CG_CHECK;
/* Drops one, if it is there. */
void cg_art_cache_drop(struct cg_art_cache *cache, const char *sha256);
uint64_t cg_art_cache_bytes(struct cg_art_cache *cache);

#endif
