/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "crategate/err.h"

/* Enough for an ordinary request, so that it costs one allocation. */
#define ARENA_CHUNK 4000

struct chunk {
    struct chunk *next;
    size_t size;
    size_t used;
    alignas(max_align_t) char bytes[];
};

struct cg_arena {
    struct chunk *chunks; /* the first is the one being filled */
    size_t used;
    size_t max;
};

struct cg_arena *cg_arena_new(size_t max)
{
    struct cg_arena *arena = cg_calloc(1, sizeof *arena);
    arena->max = max;
    return arena;
}

void cg_arena_free(struct cg_arena **arena)
{
    if (!*arena)
        return;
    for (struct chunk *chunk = (*arena)->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(*arena);
    *arena = NULL;
}

void cg_arena_reset(struct cg_arena *arena)
{
    struct chunk *kept = NULL;
    for (struct chunk *chunk = arena->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        if (!kept && chunk->size == ARENA_CHUNK)
            kept = chunk;
        else
            free(chunk);
    }
    if (kept) {
        kept->next = NULL;
        kept->used = 0;
    }
    arena->chunks = kept;
    arena->used = 0;
}

static struct chunk *chunk_new(size_t size)
{
    struct chunk *chunk = cg_malloc(sizeof *chunk + size);
    *chunk = (struct chunk){.size = size};
    return chunk;
}

/* A chunk with room for `size` bytes. One that is for a single big piece goes behind the first, whose rest stays
 * in use. */
static struct chunk *chunk_for(struct cg_arena *arena, size_t size)
{
    struct chunk *first = arena->chunks;
    if (first && size <= first->size - first->used)
        return first;
    if (first && size > ARENA_CHUNK / 4) {
        struct chunk *own = chunk_new(size);
        own->next = first->next;
        first->next = own;
        return own;
    }
    struct chunk *fresh = chunk_new(size > ARENA_CHUNK ? size : ARENA_CHUNK);
    fresh->next = first;
    arena->chunks = fresh;
    return fresh;
}

void *cg_arena_alloc(struct cg_arena *arena, size_t size)
{
    const size_t unit = alignof(max_align_t);
    CG_ASSERT(size <= arena->max - arena->used);
    size = size ? (size + unit - 1) / unit * unit : unit;
    CG_ASSERT(size <= arena->max - arena->used);
    struct chunk *chunk = chunk_for(arena, size);
    void *p = chunk->bytes + chunk->used;
    chunk->used += size;
    arena->used += size;
    return memset(p, 0, size);
}

char *cg_arena_strdup(struct cg_arena *arena, const char *text)
{
    return cg_arena_strndup(arena, text, strlen(text));
}

char *cg_arena_strndup(struct cg_arena *arena, const char *text, size_t len)
{
    len = strnlen(text, len);
    char *copy = cg_arena_alloc(arena, len + 1);
    memcpy(copy, text, len);
    return copy;
}

char *cg_arena_printf(struct cg_arena *arena, const char *fmt, ...)
{
    char first[256]; /* most texts fit, and are formatted once */
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(first, sizeof first, fmt, args);
    CG_ASSERT(n >= 0);
    char *text = cg_arena_alloc(arena, (size_t)n + 1);
    if ((size_t)n < sizeof first)
        memcpy(text, first, (size_t)n);
    else
        vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(args);
    return text;
}
