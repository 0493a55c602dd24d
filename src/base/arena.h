/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A request's memory: bump allocation, everything freed in one place. An arena
 * belongs to one request and so to one thread at a time. Allocation never
 * fails but for exceeding the maximum given at creation, which aborts: callers
 * bound what they put in (headers, path and parameters are capped by LIMITS).
 */
#ifndef CG_BASE_ARENA_H
#define CG_BASE_ARENA_H

#include <stddef.h>

struct cg_arena;

struct cg_arena *cg_arena_new(size_t max);
void cg_arena_free(struct cg_arena **arena);
/* Everything in it is gone; one block stays for what comes next. */
void cg_arena_reset(struct cg_arena *arena);
/* Zeroed, aligned for any type. */
void *cg_arena_alloc(struct cg_arena *arena, size_t size) __attribute__((returns_nonnull));
char *cg_arena_strdup(struct cg_arena *arena, const char *text) __attribute__((returns_nonnull));
char *cg_arena_strndup(struct cg_arena *arena, const char *text, size_t len) __attribute__((returns_nonnull));
char *cg_arena_printf(struct cg_arena *arena, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull));

#endif
