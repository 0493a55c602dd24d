/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A request body: the first 256 KiB in memory, the rest in an unlinked file in
 * state_dir/spool, so that a crate is never whole in memory and a crash leaves
 * nothing. The polling thread only fills the memory part (cg_spool_add); when it
 * is full a worker writes it out (cg_spool_flush), while the client waits.
 */
#ifndef CG_HTTP_SPOOL_H
#define CG_HTTP_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crategate/err.h"

struct cg_spool;

/* max: more than this is TOO_LARGE. file_dir NULL: memory only (max at most 256 KiB). */
struct cg_spool *cg_spool_new(uint64_t max, const char *file_dir);
void cg_spool_free(struct cg_spool **spool);
/* Copies what fits; *used_out < len: flush first. Never blocks. TOO_LARGE past max: the bytes are swallowed, the
 * spool remembers it. */
enum cg_err cg_spool_add(struct cg_spool *spool, const void *bytes, size_t len, size_t *used_out) CG_CHECK;
bool cg_spool_full(const struct cg_spool *spool);
/* Writes the memory part to the file. On a worker. */
enum cg_err cg_spool_flush(struct cg_spool *spool, struct cg_error *err) CG_CHECK;
uint64_t cg_spool_size(const struct cg_spool *spool);
enum cg_err cg_spool_read(struct cg_spool *spool, uint64_t offset, void *bytes, size_t len, size_t *got_out,
                          struct cg_error *err) CG_CHECK;
/* The bytes while all of them are in memory, NUL-terminated; NULL otherwise. */
const char *cg_spool_memory(struct cg_spool *spool, size_t *len_out);

#endif
