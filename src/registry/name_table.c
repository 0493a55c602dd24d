/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Linear probing, at most three quarters full; removal shifts the followers back, as in base/map.c. */
#include "registry/name_table.h"

#include <stdlib.h>

#include "base/mem.h"

#define FIRST 16

static size_t next_slot(const struct cg_name_table *table, size_t slot)
{
    return (slot + 1) & (table->cap - 1);
}

static size_t home_of(const struct cg_name_table *table, uint32_t hash)
{
    return hash & (table->cap - 1);
}

void *cg_name_table_find(const struct cg_name_table *table, uint32_t hash, const char *name, cg_name_is is)
{
    if (!table->count)
        return NULL;
    for (size_t i = home_of(table, hash); table->items[i]; i = next_slot(table, i))
        if (table->hashes[i] == hash && is(table->items[i], name))
            return table->items[i];
    return NULL;
}

static void place(struct cg_name_table *table, uint32_t hash, void *item)
{
    size_t i = home_of(table, hash);

    while (table->items[i])
        i = next_slot(table, i);
    table->hashes[i] = hash;
    table->items[i] = item;
}

static void grow(struct cg_name_table *table)
{
    struct cg_name_table old = *table;

    table->cap = old.cap ? 2 * old.cap : FIRST;
    table->hashes = cg_calloc(table->cap, sizeof(*table->hashes));
    table->items = cg_calloc(table->cap, sizeof(*table->items));
    for (size_t i = 0; i < old.cap; i++)
        if (old.items[i])
            place(table, old.hashes[i], old.items[i]);
    cg_name_table_free(&old);
}

void cg_name_table_add(struct cg_name_table *table, uint32_t hash, void *item)
{
    if (table->count + 1 > table->cap / 4 * 3)
        grow(table);
    place(table, hash, item);
    table->count++;
}

/* Moves back every follower that may stand nearer to its home. */
static void close_gap(struct cg_name_table *table, size_t gap)
{
    const size_t mask = table->cap - 1;

    for (size_t i = next_slot(table, gap); table->items[i]; i = next_slot(table, i)) {
        size_t home = home_of(table, table->hashes[i]);

        if (((i - home) & mask) < ((i - gap) & mask))
            continue; /* its home lies behind the gap */
        table->hashes[gap] = table->hashes[i];
        table->items[gap] = table->items[i];
        gap = i;
    }
    table->items[gap] = NULL;
}

bool cg_name_table_remove(struct cg_name_table *table, uint32_t hash, const void *item)
{
    size_t i;

    if (!table->count)
        return false;
    for (i = home_of(table, hash); table->items[i] != item; i = next_slot(table, i))
        if (!table->items[i])
            return false;
    close_gap(table, i);
    table->count--;
    return true;
}

void cg_name_table_free(struct cg_name_table *table)
{
    free(table->hashes);
    free(table->items);
    *table = (struct cg_name_table){0};
}
