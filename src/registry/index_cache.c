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
#include "registry/name_table.h"

#define SHARDS 32
/* A generation that was taken for a name that nobody knew yet. */
#define UNKNOWN (1ull << 63)

struct shard {
    pthread_rwlock_t lock;
    struct cg_name_table entries;
} __attribute__((aligned(64)));

/* One a crate, so it is small. */
struct entry {
    struct cg_blob *blob;      /* NULL: not loaded. Written under the shard's lock */
    uint64_t generation;       /* of the last change; likewise */
    struct shard *shard;
    struct entry *prev, *next; /* in the ring of loaded entries; the cache's mutex */
    atomic_bool used;          /* since the hand came by */
    uint8_t listing;           /* the last one that had it; the cache's mutex */
    char name[];
};

struct cg_index_cache {
    pthread_mutex_t lock;
    struct entry *hand; /* some entry of the ring; NULL: it is empty */
    uint64_t bytes, limit;
    /* Counts all changes, so that a name that comes back is not taken for the one that went. Written under the mutex. */
    _Atomic uint64_t generation;
};

struct cg_index_memory {
    struct cg_index_cache *cache;
    struct cg_name_table folded; /* the entries by their folded names; the cache's mutex */
    atomic_bool complete;        /* has been listed: a name that is not here does not exist */
    uint8_t listing;             /* the one under way or the last; the cache's mutex */
    uint64_t voided; /* no name that was unknown before this generation is to be believed; the cache's mutex */
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

static uint64_t next_generation(struct cg_index_cache *cache)
{
    return atomic_fetch_add(&cache->generation, 1) + 1;
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

/* One that goes gets a new generation: of those who load a name under one generation, one alone stores. Two could have read
 * what is on the disk before and after a change that has not come here yet, and the older one come last.
 * Second chance: what was read since the hand came by last stays for another round. */
static void evict(struct cg_index_cache *cache)
{
    while (cache->bytes > cache->limit && cache->hand) {
        struct entry *entry = cache->hand;

        cache->hand = entry->next;
        if (!atomic_exchange_explicit(&entry->used, false, memory_order_relaxed))
            swap_blob(cache, entry, NULL, next_generation(cache));
    }
}

/* A file that alone exceeds the limit would only drive out all others. A new one counts as unread, so that a walk over
 * the whole index drives out nothing but itself. */
static void keep(struct cg_index_cache *cache, struct entry *entry, struct cg_blob *blob, uint64_t generation)
{
    bool fits = blob && cg_blob_weight(blob) <= cache->limit;

    swap_blob(cache, entry, fits ? cg_blob_ref(blob) : NULL, fits ? generation : next_generation(cache));
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
    pthread_rwlockattr_init(&attr);
    /* Else a stream of readers would keep a publish waiting. */
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_rwlock_init(&mem->shards[i].lock, &attr);
    }
    pthread_rwlockattr_destroy(&attr);
    return mem;
}

/* Every entry of a shard, also ones that `visit` frees. Nothing is looked up meanwhile. */
static void each_entry(struct shard *shard, void (*visit)(void *cls, struct entry *entry), void *cls)
{
    for (size_t i = 0; i < shard->entries.cap; i++)
        if (shard->entries.items[i])
            visit(cls, shard->entries.items[i]);
}

static void unload_and_free(void *cls, struct entry *entry)
{
    swap_blob(cls, entry, NULL, 0);
    free(entry);
}

void cg_index_memory_free(struct cg_index_memory **mem)
{
    if (!*mem)
        return;
    pthread_mutex_lock(&(*mem)->cache->lock);
    for (size_t i = 0; i < SHARDS; i++) {
        each_entry(&(*mem)->shards[i], unload_and_free, (*mem)->cache);
        cg_name_table_free(&(*mem)->shards[i].entries);
        pthread_rwlock_destroy(&(*mem)->shards[i].lock);
    }
    cg_name_table_free(&(*mem)->folded);
    pthread_mutex_unlock(&(*mem)->cache->lock);
    free(*mem);
    *mem = NULL;
}

static bool is_name(const void *item, const char *name)
{
    return strcmp(((const struct entry *)item)->name, name) == 0;
}

static bool folds_to(const void *item, const char *folded)
{
    char own[CG_CRATE_NAME_MAX + 1];

    cg_crate_name_fold(((const struct entry *)item)->name, own);
    return strcmp(own, folded) == 0;
}

static uint32_t hash_of(const char *name)
{
    return (uint32_t)cg_hash(name, strlen(name));
}

static struct shard *shard_of(struct cg_index_memory *mem, uint64_t hash)
{
    return &mem->shards[hash >> 59];
}

static struct entry *find(struct cg_index_memory *mem, const char *index_name)
{
    uint64_t hash = cg_hash(index_name, strlen(index_name));

    return cg_name_table_find(&shard_of(mem, hash)->entries, (uint32_t)hash, index_name, is_name);
}

/* What is known of a name. Only for the holder of a lock. */
static enum cg_err look(struct entry *entry, struct cg_blob **blob_out)
{
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
    uint64_t hash = cg_hash(index_name, strlen(index_name));
    struct shard *shard = shard_of(mem, hash);
    /* Both before the look: what comes in between is then no reason to say that there is nothing. */
    bool complete = atomic_load_explicit(&mem->complete, memory_order_acquire);
    uint64_t now = complete ? 0 : atomic_load(&mem->cache->generation);
    struct entry *entry;
    enum cg_err rc;

    pthread_rwlock_rdlock(&shard->lock);
    entry = cg_name_table_find(&shard->entries, (uint32_t)hash, index_name, is_name);
    if (entry)
        rc = look(entry, blob_out);
    else
        rc = complete ? CG_ERR_ABSENT : CG_ERR_AGAIN;
    if (rc == CG_ERR_AGAIN)
        *generation_out = entry ? entry->generation : now | UNKNOWN;
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
    uint64_t hash = cg_hash(index_name, strlen(index_name));
    struct shard *shard = shard_of(mem, hash);
    const struct entry *entry;

    pthread_rwlock_rdlock(&shard->lock);
    entry = cg_name_table_find(&shard->entries, (uint32_t)hash, index_name, is_name);
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

static struct entry *new_entry(struct cg_index_memory *mem, const char *index_name, struct shard *shard)
{
    size_t size = strlen(index_name) + 1;
    struct entry *entry = cg_calloc(1, sizeof(*entry) + size);

    memcpy(entry->name, index_name, size);
    entry->shard = shard;
    entry->listing = mem->listing;
    entry->generation = next_generation(mem->cache);
    return entry;
}

static struct entry *add_name(struct cg_index_memory *mem, const char *index_name)
{
    uint64_t hash = cg_hash(index_name, strlen(index_name));
    struct shard *shard = shard_of(mem, hash);
    struct entry *entry = cg_name_table_find(&shard->entries, (uint32_t)hash, index_name, is_name);
    char folded[CG_CRATE_NAME_MAX + 1];

    if (entry)
        return entry;
    entry = new_entry(mem, index_name, shard);
    cg_crate_name_fold(index_name, folded);
    if (!cg_name_table_find(&mem->folded, hash_of(folded), folded, folds_to))
        cg_name_table_add(&mem->folded, hash_of(folded), entry);
    pthread_rwlock_wrlock(&shard->lock);
    cg_name_table_add(&shard->entries, (uint32_t)hash, entry);
    pthread_rwlock_unlock(&shard->lock);
    return entry;
}

static void remove_entry(struct cg_index_memory *mem, struct entry *entry)
{
    char folded[CG_CRATE_NAME_MAX + 1];

    swap_blob(mem->cache, entry, NULL, 0);
    mem->voided = next_generation(mem->cache);
    cg_crate_name_fold(entry->name, folded);
    cg_name_table_remove(&mem->folded, hash_of(folded), entry);
    pthread_rwlock_wrlock(&entry->shard->lock);
    cg_name_table_remove(&entry->shard->entries, hash_of(entry->name), entry);
    pthread_rwlock_unlock(&entry->shard->lock);
    free(entry);
}

/* What was read of a name that nobody knew holds as long as nothing has gone since, and no listing has come. */
static bool still_unknown(const struct cg_index_memory *mem, uint64_t generation)
{
    return (generation & UNKNOWN) && !atomic_load(&mem->complete) && mem->voided <= (generation & ~UNKNOWN);
}

static bool store_unknown(struct cg_index_memory *mem, const char *index_name, uint64_t generation,
                          struct cg_blob *blob)
{
    bool same = still_unknown(mem, generation);

    if (same && blob) {
        struct entry *entry = add_name(mem, index_name);

        keep(mem->cache, entry, blob, entry->generation);
    }
    return same;
}

bool cg_index_memory_store(struct cg_index_memory *mem, const char *index_name, uint64_t generation,
                           struct cg_blob *blob)
{
    struct entry *entry;
    bool same;

    pthread_mutex_lock(&mem->cache->lock);
    entry = find(mem, index_name);
    same = entry ? entry->generation == generation && !entry->blob : store_unknown(mem, index_name, generation, blob);
    if (entry && same && blob)
        keep(mem->cache, entry, blob, generation);
    else if (entry && same)
        remove_entry(mem, entry);
    pthread_mutex_unlock(&mem->cache->lock);
    return same;
}

void cg_index_memory_replace(struct cg_index_memory *mem, const char *index_name, const struct cg_blob *old,
                             struct cg_blob *blob)
{
    struct entry *entry;

    pthread_mutex_lock(&mem->cache->lock);
    entry = find(mem, index_name);
    if (entry && entry->blob == old)
        keep(mem->cache, entry, blob, entry->generation);
    pthread_mutex_unlock(&mem->cache->lock);
}

void cg_index_memory_put(struct cg_index_memory *mem, const char *index_name, struct cg_blob *blob)
{
    pthread_mutex_lock(&mem->cache->lock);
    struct entry *entry = add_name(mem, index_name);
    keep(mem->cache, entry, blob, next_generation(mem->cache));
    pthread_mutex_unlock(&mem->cache->lock);
}

void cg_index_memory_remove(struct cg_index_memory *mem, const char *index_name)
{
    struct entry *entry;

    pthread_mutex_lock(&mem->cache->lock);
    entry = find(mem, index_name);
    if (entry)
        remove_entry(mem, entry);
    pthread_mutex_unlock(&mem->cache->lock);
}

void cg_index_memory_doubt(struct cg_index_memory *mem)
{
    pthread_mutex_lock(&mem->cache->lock);
    mem->voided = next_generation(mem->cache);
    pthread_mutex_unlock(&mem->cache->lock);
}

void cg_index_memory_list_begin(struct cg_index_memory *mem)
{
    pthread_mutex_lock(&mem->cache->lock);
    mem->listing++;
    pthread_mutex_unlock(&mem->cache->lock);
}

void cg_index_memory_list_name(struct cg_index_memory *mem, const char *index_name)
{
    struct entry *entry;

    pthread_mutex_lock(&mem->cache->lock);
    entry = find(mem, index_name);
    if (entry)
        swap_blob(mem->cache, entry, NULL, next_generation(mem->cache));
    else
        entry = add_name(mem, index_name);
    entry->listing = mem->listing;
    pthread_mutex_unlock(&mem->cache->lock);
}

struct gone {
    uint8_t listing;
    struct entry **items;
    size_t count;
};

static void take_gone(void *cls, struct entry *entry)
{
    struct gone *gone = cls;

    if (entry->listing == gone->listing)
        return;
    gone->items = cg_reallocarray(gone->items, gone->count + 1, sizeof(*gone->items));
    gone->items[gone->count++] = entry;
}

void cg_index_memory_list_end(struct cg_index_memory *mem)
{
    struct gone gone = {0};

    pthread_mutex_lock(&mem->cache->lock);
    gone.listing = mem->listing;
    for (size_t i = 0; i < SHARDS; i++)
        each_entry(&mem->shards[i], take_gone, &gone);
    for (size_t i = 0; i < gone.count; i++)
        remove_entry(mem, gone.items[i]);
    atomic_store_explicit(&mem->complete, true, memory_order_release);
    pthread_mutex_unlock(&mem->cache->lock);
    free(gone.items);
}

bool cg_index_memory_complete(struct cg_index_memory *mem)
{
    return atomic_load_explicit(&mem->complete, memory_order_acquire);
}

bool cg_index_memory_folded(struct cg_index_memory *mem, const char *name, char out[CG_CRATE_NAME_MAX + 1])
{
    char folded[CG_CRATE_NAME_MAX + 1];
    const struct entry *entry;

    cg_crate_name_fold(name, folded);
    pthread_mutex_lock(&mem->cache->lock);
    entry = cg_name_table_find(&mem->folded, hash_of(folded), folded, folds_to);
    if (entry)
        strcpy(out, entry->name);
    pthread_mutex_unlock(&mem->cache->lock);
    return entry != NULL;
}

struct listing {
    char **names;
    size_t count;
};

static void list_one(void *cls, struct entry *entry)
{
    struct listing *list = cls;

    list->names[list->count++] = cg_strdup(entry->name);
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
        total += mem->shards[i].entries.count;
    list.names = cg_calloc(total + 1, sizeof(*list.names));
    for (size_t i = 0; i < SHARDS; i++)
        each_entry(&mem->shards[i], list_one, &list);
    pthread_mutex_unlock(&mem->cache->lock);
    qsort(list.names, list.count, sizeof(*list.names), by_name);
    return list.names;
}
