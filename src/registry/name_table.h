/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A set of items that know their own names, found by the hash of one. It keeps
 * twelve bytes a slot and no key, where base/map.h keeps a copy of each: with
 * some hundred thousand names that is most of what a gateway at rest needs.
 * Threading: none of its own; reading while nobody changes it is safe.
 */
#ifndef CG_REGISTRY_NAME_TABLE_H
#define CG_REGISTRY_NAME_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero: an empty one. */
struct cg_name_table {
    uint32_t *hashes;
    void **items; /* NULL: the slot is free */
    size_t cap;   /* 0 or a power of two */
    size_t count;
};

/* Has the item that name? */
typedef bool (*cg_name_is)(const void *item, const char *name);

/* NULL when there is none. */
void *cg_name_table_find(const struct cg_name_table *table, uint32_t hash, const char *name, cg_name_is is);
/* The item, borrowed, must not be in it. */
void cg_name_table_add(struct cg_name_table *table, uint32_t hash, void *item);
/* False when it was not in it. */
bool cg_name_table_remove(struct cg_name_table *table, uint32_t hash, const void *item);
/* The items are the caller's. */
void cg_name_table_free(struct cg_name_table *table);

#endif
