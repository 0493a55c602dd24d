/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A hash table from strings (or fixed-size byte keys) to pointers. Open
 * addressing, keyed hash, grows by itself. Keys are copied; values are the
 * caller's, released through the callback given at creation (may be NULL).
 * No locking: the owner decides.
 */
#ifndef CG_BASE_MAP_H
#define CG_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

struct cg_map;

struct cg_map *cg_map_new(void (*free_value)(void *value));
void cg_map_free(struct cg_map **map);
size_t cg_map_count(const struct cg_map *map);

/* NULL when absent. */
void *cg_map_get(const struct cg_map *map, const char *key);
void *cg_map_get_bytes(const struct cg_map *map, const void *key, size_t len);
/* Replaces (and releases) what was there. value must not be NULL. */
void cg_map_put(struct cg_map *map, const char *key, void *value);
void cg_map_put_bytes(struct cg_map *map, const void *key, size_t len, void *value);
/* True when something was removed (and released). */
bool cg_map_remove(struct cg_map *map, const char *key);
bool cg_map_remove_bytes(struct cg_map *map, const void *key, size_t len);
void cg_map_clear(struct cg_map *map);
/* Visits all in no order; the visitor returns true to have the entry removed. It must not change the map. */
void cg_map_each(struct cg_map *map, bool (*visit)(void *cls, const void *key, size_t len, void *value), void *cls);

#endif
