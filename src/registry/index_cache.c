/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Two kinds of locks. The cache's mutex orders everybody who changes something:
 * entries come, go and get files only under it, and the ring and the byte count
 * belong to it. A shard's lock stands between readers and the swap of one
 * pointer, and is taken inside the mutex.
 */
#include "registry/index_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "crategate/token.h"
#include "log/metrics.h"

#define SHARDS 32

struct shard {
    pthread_rwlock_t lock;
    struct cg_map *entries;
} __attribute__((aligned(64)));

struct entry {
    struct cg_blob *blob; /* NULL: not loaded. Written under the shard's lock */
    uint64_t generation;  /* of the last change; likewise */
    atomic_bool used;     /* since the hand came by */
    struct shard *shard;
    struct entry *prev, *next; /* in the ring of loaded entries; the cache's mutex */
};

struct cg_index_cache {
    pthread_mutex_t lock;
    struct entry *hand; /* some entry of the ring; NULL: it is empty */
    uint64_t bytes, limit;
    uint64_t generation; /* counts all changes, so that a name that comes back is not taken for the one that went */
};

struct cg_index_memory {
    struct cg_index_cache *cache;
    struct cg_map *folded; /* folded name -> index name; the cache's mutex */
    struct shard shards[SHARDS];
};

struct cg_index_cache *cg_index_cache_new(uint64_t limit)
{
    struct cg_index_cache *cache = cg_calloc(1, sizeof(*cache));

    pthread_mutex_init(&cache->lock, NULL);
    cache->limit = limit;
    return cache;
}

void cg_index_cache_free(struct cg_index_cache **cache)
{
    if (!*cache)
        return;
    CG_ASSERT(!(*cache)->hand);
    pthread_mutex_destroy(&(*cache)->lock);
    free(*cache);
    *cache = NULL;
}

static void count_bytes(struct cg_index_cache *cache, int64_t more)
{
    cache->bytes += (uint64_t)more;
    cg_metric_add(CG_METRIC_INDEX_BYTES, more);
}

static void ring_add(struct cg_index_cache *cache, struct entry *entry)
{
    struct entry *hand = cache->hand;

    if (!hand) {
        entry->prev = entry->next = cache->hand = entry;
        return;
    }
    entry->next = hand;
    entry->prev = hand->prev;
    hand->prev->next = entry;
    hand->prev = entry;
}

static void ring_remove(struct cg_index_cache *cache, struct entry *entry)
{
    if (cache->hand == entry)
        cache->hand = entry->next == entry ? NULL : entry->next;
    entry->prev->next = entry->next;
    entry->next->prev = entry->prev;
}

/* Gives the entry another file (reference taken over) or none. The old one is let go of outside the shard's lock. */
static void swap_blob(struct cg_index_cache *cache, struct entry *entry, struct cg_blob *blob, uint64_t generation)
{
    struct cg_blob *old = entry->blob;

    if (old) {
        ring_remove(cache, entry);
        count_bytes(cache, -(int64_t)cg_blob_weight(old));
    }
    pthread_rwlock_wrlock(&entry->shard->lock);
    entry->blob = blob;
    entry->generation = generation;
    pthread_rwlock_unlock(&entry->shard->lock);
    if (blob) {
        ring_add(cache, entry);
        count_bytes(cache, (int64_t)cg_blob_weight(blob));
    }
    cg_blob_unref(&old);
}

/* Second chance: what was read since the hand came by last stays for another round. */
static void evict(struct cg_index_cache *cache)
{
    while (cache->bytes > cache->limit && cache->hand) {
        struct entry *entry = cache->hand;

        cache->hand = entry->next;
        if (!atomic_exchange_explicit(&entry->used, false, memory_order_relaxed))
            swap_blob(cache, entry, NULL, entry->generation);
    }
}

/* A file that alone exceeds the limit would only drive out all others. A new one counts as unread, so that a walk over
 * the whole index drives out nothing but itself. */
static void keep(struct cg_index_cache *cache, struct entry *entry, struct cg_blob *blob, uint64_t generation)
{
    bool fits = blob && cg_blob_weight(blob) <= cache->limit;

    swap_blob(cache, entry, fits ? cg_blob_ref(blob) : NULL, generation);
    evict(cache);
}

void cg_index_cache_set_limit(struct cg_index_cache *cache, uint64_t limit)
{
    pthread_mutex_lock(&cache->lock);
    cache->limit = limit;
    evict(cache);
    pthread_mutex_unlock(&cache->lock);
}

uint64_t cg_index_cache_bytes(struct cg_index_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    uint64_t bytes = cache->bytes;
    pthread_mutex_unlock(&cache->lock);
    return bytes;
}

struct cg_index_memory *cg_index_memory_new(struct cg_index_cache *cache)
{
    struct cg_index_memory *mem = aligned_alloc(_Alignof(struct cg_index_memory), sizeof(*mem));
    pthread_rwlockattr_t attr;

    CG_ASSERT(mem);
    memset(mem, 0, sizeof(*mem));
    mem->cache = cache;
    mem->folded = cg_map_new(free);
    pthread_rwlockattr_init(&attr);
    /* Else a stream of readers would keep a publish waiting. */
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_rwlock_init(&mem->shards[i].lock, &attr);
        mem->shards[i].entries = cg_map_new(free);
    }
    pthread_rwlockattr_destroy(&attr);
    return mem;
}

static bool unload(void *cls, const void *key, size_t len, void *value)
{
    struct cg_index_memory *mem = cls;

    (void)key, (void)len;
    swap_blob(mem->cache, value, NULL, 0);
    return false;
}

void cg_index_memory_free(struct cg_index_memory **mem)
{
    if (!*mem)
        return;
    pthread_mutex_lock(&(*mem)->cache->lock);
    for (size_t i = 0; i < SHARDS; i++) {
        cg_map_each((*mem)->shards[i].entries, unload, *mem);
        cg_map_free(&(*mem)->shards[i].entries);
        pthread_rwlock_destroy(&(*mem)->shards[i].lock);
    }
    cg_map_free(&(*mem)->folded);
    pthread_mutex_unlock(&(*mem)->cache->lock);
    free(*mem);
    *mem = NULL;
}

static struct shard *shard_of(struct cg_index_memory *mem, const char *index_name)
{
    return &mem->shards[cg_hash(index_name, strlen(index_name)) >> 59];
}

/* What is known of a name. Only for the holder of a lock. */
static enum cg_err look(struct entry *entry, struct cg_blob **blob_out)
{
    if (!entry)
        return CG_ERR_ABSENT;
    if (!entry->blob)
        return CG_ERR_AGAIN;
    /* Read first: a store by every reader would send the cache line around. */
    if (!atomic_load_explicit(&entry->used, memory_order_relaxed))
        atomic_store_explicit(&entry->used, true, memory_order_relaxed);
    *blob_out = cg_blob_ref(entry->blob);
    return CG_OK;
}

enum cg_err cg_index_memory_begin(struct cg_index_memory *mem, const char *index_name, struct cg_blob **blob_out,
                                  uint64_t *generation_out)
{
    struct shard *shard = shard_of(mem, index_name);
    struct entry *entry;
    enum cg_err rc;

    pthread_rwlock_rdlock(&shard->lock);
    entry = cg_map_get(shard->entries, index_name);
    rc = look(entry, blob_out);
    if (rc == CG_ERR_AGAIN)
        *generation_out = entry->generation;
    pthread_rwlock_unlock(&shard->lock);
    return rc;
}

enum cg_err cg_index_memory_get(struct cg_index_memory *mem, const char *index_name, struct cg_blob **blob_out)
{
    uint64_t generation;

    return cg_index_memory_begin(mem, index_name, blob_out, &generation);
}

bool cg_index_memory_generation(struct cg_index_memory *mem, const char *index_name, uint64_t *generation_out)
{
    struct shard *shard = shard_of(mem, index_name);
    const struct entry *entry;

    pthread_rwlock_rdlock(&shard->lock);
    entry = cg_map_get(shard->entries, index_name);
    if (entry)
        *generation_out = entry->generation;
    pthread_rwlock_unlock(&shard->lock);
    return entry != NULL;
}

bool cg_index_memory_has(struct cg_index_memory *mem, const char *index_name)
{
    struct cg_blob *blob = NULL;
    enum cg_err rc = cg_index_memory_get(mem, index_name, &blob);

    cg_blob_unref(&blob);
    return rc != CG_ERR_ABSENT;
}

/* The functions below run under the cache's mutex, so that reading a shard's map needs no lock of its own. */

static struct entry *add_name(struct cg_index_memory *mem, const char *index_name)
{
    struct shard *shard = shard_of(mem, index_name);
    struct entry *entry = cg_map_get(shard->entries, index_name);
    char folded[CG_CRATE_NAME_MAX + 1];

    if (entry)
        return entry;
    entry = cg_calloc(1, sizeof(*entry));
    entry->shard = shard;
    entry->generation = ++mem->cache->generation;
    cg_crate_name_fold(index_name, folded);
    if (!cg_map_get(mem->folded, folded))
        cg_map_put(mem->folded, folded, cg_strdup(index_name));
    pthread_rwlock_wrlock(&shard->lock);
    cg_map_put(shard->entries, index_name, entry);
    pthread_rwlock_unlock(&shard->lock);
    return entry;
}

static void forget_folded(struct cg_index_memory *mem, const char *index_name)
{
    char folded[CG_CRATE_NAME_MAX + 1];

    cg_crate_name_fold(index_name, folded);
    if (cg_streq(cg_map_get(mem->folded, folded), index_name))
        cg_map_remove(mem->folded, folded);
}

static void remove_name(struct cg_index_memory *mem, const char *index_name)
{
    struct shard *shard = shard_of(mem, index_name);
    struct entry *entry = cg_map_get(shard->entries, index_name);

    if (!entry)
        return;
    swap_blob(mem->cache, entry, NULL, 0);
    forget_folded(mem, index_name);
    pthread_rwlock_wrlock(&shard->lock);
    cg_map_remove(shard->entries, index_name);
    pthread_rwlock_unlock(&shard->lock);
}

bool cg_index_memory_store(struct cg_index_memory *mem, const char *index_name, uint64_t generation,
                           struct cg_blob *blob)
{
    struct entry *entry;
    bool same;

    pthread_mutex_lock(&mem->cache->lock);
    entry = cg_map_get(shard_of(mem, index_name)->entries, index_name);
    same = entry && entry->generation == generation;
    if (same && blob)
        keep(mem->cache, entry, blob, generation);
    else if (same)
        remove_name(mem, index_name);
    pthread_mutex_unlock(&mem->cache->lock);
    return same;
}

void cg_index_memory_put(struct cg_index_memory *mem, const char *index_name, struct cg_blob *blob)
{
    pthread_mutex_lock(&mem->cache->lock);
    struct entry *entry = add_name(mem, index_name);
    keep(mem->cache, entry, blob, ++mem->cache->generation);
    pthread_mutex_unlock(&mem->cache->lock);
}

void cg_index_memory_remove(struct cg_index_memory *mem, const char *index_name)
{
    pthread_mutex_lock(&mem->cache->lock);
    remove_name(mem, index_name);
    pthread_mutex_unlock(&mem->cache->lock);
}

struct reset {
    struct cg_index_memory *mem;
    struct cg_map *names;
};

static bool unload_or_remove(void *cls, const void *key, size_t len, void *value)
{
    struct reset *reset = cls;
    struct entry *entry = value;
    struct cg_blob *old = entry->blob;

    /* The shard's lock is held: no swap_blob. */
    if (old) {
        ring_remove(reset->mem->cache, entry);
        count_bytes(reset->mem->cache, -(int64_t)cg_blob_weight(old));
    }
    entry->blob = NULL;
    entry->generation = ++reset->mem->cache->generation;
    cg_blob_unref(&old);
    if (cg_map_get_bytes(reset->names, key, len))
        return false;
    forget_folded(reset->mem, key);
    return true;
}

static bool add_one(void *cls, const void *key, size_t len, void *value)
{
    (void)len, (void)value;
    add_name(cls, key);
    return false;
}

void cg_index_memory_reset(struct cg_index_memory *mem, struct cg_map *names)
{
    struct reset reset = {.mem = mem, .names = names};

    pthread_mutex_lock(&mem->cache->lock);
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_rwlock_wrlock(&mem->shards[i].lock);
        cg_map_each(mem->shards[i].entries, unload_or_remove, &reset);
        pthread_rwlock_unlock(&mem->shards[i].lock);
    }
    cg_map_each(names, add_one, mem);
    pthread_mutex_unlock(&mem->cache->lock);
}

bool cg_index_memory_folded(struct cg_index_memory *mem, const char *name, char out[CG_CRATE_NAME_MAX + 1])
{
    char folded[CG_CRATE_NAME_MAX + 1];
    const char *index_name;

    cg_crate_name_fold(name, folded);
    pthread_mutex_lock(&mem->cache->lock);
    index_name = cg_map_get(mem->folded, folded);
    if (index_name)
        memcpy(out, index_name, strlen(index_name) + 1);
    pthread_mutex_unlock(&mem->cache->lock);
    return index_name != NULL;
}

struct listing {
    char **names;
    size_t count;
};

static bool list_one(void *cls, const void *key, size_t len, void *value)
{
    struct listing *list = cls;

    (void)value;
    list->names[list->count++] = cg_strndup(key, len);
    return false;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **cg_index_memory_names(struct cg_index_memory *mem)
{
    struct listing list = {0};
    size_t total = 0;

    pthread_mutex_lock(&mem->cache->lock);
    for (size_t i = 0; i < SHARDS; i++)
        total += cg_map_count(mem->shards[i].entries);
    list.names = cg_calloc(total + 1, sizeof(*list.names));
    for (size_t i = 0; i < SHARDS; i++)
        cg_map_each(mem->shards[i].entries, list_one, &list);
    pthread_mutex_unlock(&mem->cache->lock);
    qsort(list.names, list.count, sizeof(*list.names), by_name);
    return list.names;
}
