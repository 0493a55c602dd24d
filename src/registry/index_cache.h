/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Index files in memory. One cache for the whole registry keeps count of the
 * bytes; one index memory a namespace knows, once it has been listed, every
 * index name of it, whether its file is loaded or not, so that a name that does
 * not exist is answered without the disk. When the bytes exceed the limit, files go by second chance; names
 * stay.
 *
 * Who changes a file stores the new one here once it is durable. Who loads one
 * takes a generation first and stores under it, so that a file read before a
 * change never replaces the changed one.
 *
 * Threading: any thread. cg_index_memory_get takes one of many read locks that
 * writers hold for the length of a pointer's swap, and makes no system call
 * unless it meets one; everything else is for workers. No driver is called in here.
 */
#ifndef CG_REGISTRY_INDEX_CACHE_H
#define CG_REGISTRY_INDEX_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/str.h"
#include "crategate/err.h"

struct cg_index_cache;
struct cg_index_memory;

/* limit: bytes of all files together. */
struct cg_index_cache *cg_index_cache_new(uint64_t limit);
/* After all its memories. */
void cg_index_cache_free(struct cg_index_cache **cache);
void cg_index_cache_set_limit(struct cg_index_cache *cache, uint64_t limit);
uint64_t cg_index_cache_bytes(struct cg_index_cache *cache);

struct cg_index_memory *cg_index_memory_new(struct cg_index_cache *cache);
void cg_index_memory_free(struct cg_index_memory **mem);

/* A reference to the file, ABSENT for an unknown name, AGAIN for one that is not loaded. */
enum cg_err cg_index_memory_get(struct cg_index_memory *mem, const char *index_name,
                                struct cg_blob **blob_out) CG_CHECK;
/* The same; with AGAIN also the generation to store under. */
enum cg_err cg_index_memory_begin(struct cg_index_memory *mem, const char *index_name, struct cg_blob **blob_out,
                                  uint64_t *generation_out) CG_CHECK;
/* Changes with every change of the file, stays when the file is merely read again. False for an unknown name. Takes one
 * read lock, as get does. */
bool cg_index_memory_generation(struct cg_index_memory *mem, const char *index_name, uint64_t *generation_out);
/* Keeps what was loaded (takes its own reference); NULL: there is no such file, the name goes. False when the name has
 * changed, or somebody else has stored it, since the generation was taken: begin again. */
bool cg_index_memory_store(struct cg_index_memory *mem, const char *index_name, uint64_t generation,
                           struct cg_blob *blob);
/* The same file in another form (own reference), where `old` is what is loaded; else nothing. */
void cg_index_memory_replace(struct cg_index_memory *mem, const char *index_name, const struct cg_blob *old,
                             struct cg_blob *blob);
/* A change: the name exists from now on with this file (own reference), or NULL: with one that has to be read first. */
void cg_index_memory_put(struct cg_index_memory *mem, const char *index_name, struct cg_blob *blob);
void cg_index_memory_remove(struct cg_index_memory *mem, const char *index_name);
/* What names there are: begin, each name, end. No file is loaded afterwards, and what was not named is no more. Until the
 * first such listing has ended, a name that is not known is AGAIN, never ABSENT: whoever wants it has to look. Without
 * an end nothing goes, and the next listing begins anew. One listing at a time. */
void cg_index_memory_list_begin(struct cg_index_memory *mem);
void cg_index_memory_list_name(struct cg_index_memory *mem, const char *index_name);
void cg_index_memory_list_end(struct cg_index_memory *mem);
bool cg_index_memory_complete(struct cg_index_memory *mem);
/* What is being loaded of names that are not known yet is to be loaded again. */
void cg_index_memory_doubt(struct cg_index_memory *mem);

/* A known index name that folds to the same as `name`, into out; false when there is none. */
bool cg_index_memory_folded(struct cg_index_memory *mem, const char *name, char out[CG_CRATE_NAME_MAX + 1]);
bool cg_index_memory_has(struct cg_index_memory *mem, const char *index_name);
/* All names, sorted; a fresh NULL-terminated list, cg_strlist_free() it. */
char **cg_index_memory_names(struct cg_index_memory *mem);

#endif
