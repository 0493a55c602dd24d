/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Linear probing in a power of two of slots, at most three quarters full.
 * Removal shifts the followers back instead of leaving a tombstone, so that a
 * table with much coming and going does not silt up.
 */
#include "base/map.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "crategate/err.h"

#define MAP_FIRST 16

struct slot {
    uint64_t hash;
    size_t len;
    char *key;   /* NUL-terminated beyond len */
    void *value; /* NULL: the slot is free */
};

struct cg_map {
    struct slot *slots;
    size_t cap; /* 0 or a power of two */
    size_t count;
    void (*free_value)(void *value);
};

struct cg_map *cg_map_new(void (*free_value)(void *value))
{
    struct cg_map *map = cg_calloc(1, sizeof *map);
    map->free_value = free_value;
    return map;
}

static void release(struct cg_map *map, void *value)
{
    if (map->free_value)
        map->free_value(value);
}

void cg_map_clear(struct cg_map *map)
{
    for (size_t i = 0; i < map->cap; i++) {
        if (!map->slots[i].value)
            continue;
        free(map->slots[i].key);
        release(map, map->slots[i].value);
    }
    free(map->slots);
    map->slots = NULL;
    map->cap = map->count = 0;
}

void cg_map_free(struct cg_map **map)
{
    if (!*map)
        return;
    cg_map_clear(*map);
    free(*map);
    *map = NULL;
}

size_t cg_map_count(const struct cg_map *map)
{
    return map->count;
}

/* The key's slot, or the free one where it would go. There is always a free one. */
static struct slot *find(const struct cg_map *map, uint64_t hash, const void *key, size_t len)
{
    for (size_t i = hash & (map->cap - 1);; i = (i + 1) & (map->cap - 1)) {
        struct slot *slot = &map->slots[i];
        if (!slot->value || (slot->hash == hash && slot->len == len && memcmp(slot->key, key, len) == 0))
            return slot;
    }
}

static void resize(struct cg_map *map, size_t cap)
{
    struct slot *old = map->slots;
    size_t old_cap = map->cap;
    map->slots = cg_calloc(cap, sizeof *map->slots);
    map->cap = cap;
    for (size_t i = 0; i < old_cap; i++)
        if (old[i].value)
            *find(map, old[i].hash, old[i].key, old[i].len) = old[i];
    free(old);
}

void *cg_map_get_bytes(const struct cg_map *map, const void *key, size_t len)
{
    return map->count ? find(map, cg_hash(key, len), key, len)->value : NULL;
}

void *cg_map_get(const struct cg_map *map, const char *key)
{
    return cg_map_get_bytes(map, key, strlen(key));
}

void cg_map_put_bytes(struct cg_map *map, const void *key, size_t len, void *value)
{
    CG_ASSERT(value);
    if (map->count + 1 > map->cap / 4 * 3)
        resize(map, map->cap ? map->cap * 2 : MAP_FIRST);
    uint64_t hash = cg_hash(key, len);
    struct slot *slot = find(map, hash, key, len);
    void *old = slot->value;
    if (!old) {
        char *copy = cg_malloc(len + 1);
        if (len)
            memcpy(copy, key, len);
        copy[len] = '\0';
        *slot = (struct slot){.hash = hash, .len = len, .key = copy};
        map->count++;
    }
    slot->value = value;
    if (old)
        release(map, old); /* last: it may look into the map */
}

void cg_map_put(struct cg_map *map, const char *key, void *value)
{
    cg_map_put_bytes(map, key, strlen(key), value);
}

/* Frees the slot and moves back every follower that may stand nearer to its home. */
static void close_gap(struct cg_map *map, size_t gap)
{
    const size_t mask = map->cap - 1;
    for (size_t i = (gap + 1) & mask; map->slots[i].value; i = (i + 1) & mask) {
        size_t home = map->slots[i].hash & mask;
        if (((i - home) & mask) < ((i - gap) & mask))
            continue; /* its home lies behind the gap */
        map->slots[gap] = map->slots[i];
        gap = i;
    }
    map->slots[gap] = (struct slot){0};
}

bool cg_map_remove_bytes(struct cg_map *map, const void *key, size_t len)
{
    if (!map->count)
        return false;
    struct slot *slot = find(map, cg_hash(key, len), key, len);
    if (!slot->value)
        return false;
    struct slot gone = *slot;
    close_gap(map, (size_t)(slot - map->slots));
    map->count--;
    free(gone.key); /* `key` may be this very one: not used any more */
    release(map, gone.value);
    return true;
}

bool cg_map_remove(struct cg_map *map, const char *key)
{
    return cg_map_remove_bytes(map, key, strlen(key));
}

/* Takes the marked entries out and packs the rest into a table of fitting size. */
static void sweep(struct cg_map *map, const char *doomed)
{
    for (size_t i = 0; i < map->cap; i++) {
        if (!doomed[i])
            continue;
        free(map->slots[i].key);
        release(map, map->slots[i].value);
        map->slots[i] = (struct slot){0};
        map->count--;
    }
    size_t cap = MAP_FIRST;
    while (map->count + 1 > cap / 4 * 3)
        cap *= 2;
    resize(map, cap);
}

void cg_map_each(struct cg_map *map, bool (*visit)(void *cls, const void *key, size_t len, void *value), void *cls)
{
    /* Removal waits for the end: shifting slots during the walk would skip some and show others twice. */
    char *doomed = NULL;
    for (size_t i = 0; i < map->cap; i++) {
        struct slot *slot = &map->slots[i];
        if (!slot->value || !visit(cls, slot->key, slot->len, slot->value))
            continue;
        if (!doomed)
            doomed = cg_calloc(map->cap, 1);
        doomed[i] = 1;
    }
    if (doomed)
        sweep(map, doomed);
    free(doomed);
}
