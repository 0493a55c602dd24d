/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/open_crates.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/map.h"
#include "base/mem.h"
#include "crategate/clock.h"

#define SHARDS 8
#define SHARD_SLOTS 64
#define HOLDS_MS 60000
/* Up to here a copy costs less than a descriptor and sendfile. */
#define IN_MEMORY_MAX (32u * 1024u)
/* Of all descriptors that the process may have. */
#define DESCRIPTOR_SHARE 8
#define KEY_SIZE (sizeof(void *) + CG_CRATE_NAME_MAX + 1 + CG_VERSION_MAX)

struct entry {
    struct cg_crate_file file; /* a blob */
    struct cg_open_facts facts;
    uint64_t generation;
    int64_t until_ms;
    atomic_bool used; /* since the hand came by */
    size_t slot;
    size_t key_len;
    char key[KEY_SIZE];
};

struct shard {
    pthread_rwlock_t lock;
    struct cg_map *by_key;
    struct entry *slots[SHARD_SLOTS];
    size_t hand;
} __attribute__((aligned(64)));

struct cg_open_crates {
    struct shard shards[SHARDS];
    size_t slots; /* of each shard that are in use */
};

static void free_entry(void *value)
{
    struct entry *entry = value;

    cg_crate_file_close(&entry->file);
    free(entry);
}

static size_t slots_allowed(void)
{
    struct rlimit limit;
    size_t slots = SHARD_SLOTS;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / DESCRIPTOR_SHARE / SHARDS < slots)
        slots = (size_t)limit.rlim_cur / DESCRIPTOR_SHARE / SHARDS;
    return slots ? slots : 1;
}

struct cg_open_crates *cg_open_crates_new(void)
{
    struct cg_open_crates *open = aligned_alloc(_Alignof(struct cg_open_crates), sizeof(*open));
    pthread_rwlockattr_t attr;

    CG_ASSERT(open);
    memset(open, 0, sizeof(*open));
    open->slots = slots_allowed();
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_rwlock_init(&open->shards[i].lock, &attr);
        open->shards[i].by_key = cg_map_new(free_entry);
    }
    pthread_rwlockattr_destroy(&attr);
    return open;
}

void cg_open_crates_free(struct cg_open_crates **open)
{
    if (!*open)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        cg_map_free(&(*open)->shards[i].by_key);
        pthread_rwlock_destroy(&(*open)->shards[i].lock);
    }
    free(*open);
    *open = NULL;
}

/* False when it is too long to be that of a crate. */
static bool make_key(const struct cg_open_key *key, char out[KEY_SIZE], size_t *len_out)
{
    size_t name_len = strlen(key->index_name), version_len = strlen(key->version);

    if (name_len > CG_CRATE_NAME_MAX || version_len > CG_VERSION_MAX)
        return false;
    memcpy(out, &key->ns, sizeof(key->ns));
    memcpy(out + sizeof(key->ns), key->index_name, name_len + 1); /* with the NUL, which is in neither of them */
    memcpy(out + sizeof(key->ns) + name_len + 1, key->version, version_len);
    *len_out = sizeof(key->ns) + name_len + 1 + version_len;
    return true;
}

static struct shard *shard_of(struct cg_open_crates *open, const char *text, size_t len)
{
    return &open->shards[cg_hash(text, len) >> 61];
}

static bool is_good(const struct entry *entry, const struct cg_open_key *key, int64_t now_ms)
{
    return entry && entry->generation == key->generation && now_ms < entry->until_ms;
}

bool cg_open_crates_get(struct cg_open_crates *open, const struct cg_open_key *key, struct cg_crate_file *file_out,
                        struct cg_open_facts *facts_out)
{
    struct shard *shard;
    struct entry *entry;
    char text[KEY_SIZE];
    size_t len;
    bool found;

    if (!make_key(key, text, &len))
        return false;
    shard = shard_of(open, text, len);
    pthread_rwlock_rdlock(&shard->lock);
    entry = cg_map_get_bytes(shard->by_key, text, len);
    found = is_good(entry, key, cg_clock_mono_ms());
    if (found) {
        if (!atomic_load_explicit(&entry->used, memory_order_relaxed))
            atomic_store_explicit(&entry->used, true, memory_order_relaxed);
        *file_out = entry->file;
        cg_blob_ref(entry->file.blob);
        *facts_out = entry->facts;
    }
    pthread_rwlock_unlock(&shard->lock);
    return found;
}

static struct cg_blob *read_small(const struct cg_crate_file *file)
{
    char bytes[IN_MEMORY_MAX];
    size_t at = 0;
    ssize_t n = 1;

    while (at < file->size && n > 0) {
        do
            n = pread(file->fd, bytes + at, (size_t)file->size - at, (off_t)at);
        while (n < 0 && errno == EINTR);
        at += n > 0 ? (size_t)n : 0;
    }
    return at == file->size ? cg_blob_new(bytes, at, file->mtime, 0) : NULL;
}

static struct cg_blob *share(const struct cg_crate_file *file)
{
    int fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 0);

    return fd >= 0 ? cg_blob_of_file(fd) : NULL;
}

static struct entry *entry_new(const struct cg_open_key *key, const struct cg_crate_file *file,
                               const struct cg_open_facts *facts)
{
    struct entry *entry = cg_calloc(1, sizeof(*entry));

    entry->file = (struct cg_crate_file){.fd = -1, .size = file->size, .mtime = file->mtime};
    entry->facts = *facts;
    entry->generation = key->generation;
    entry->until_ms = cg_clock_mono_ms() + HOLDS_MS;
    if (make_key(key, entry->key, &entry->key_len))
        entry->file.blob = file->size <= IN_MEMORY_MAX ? read_small(file) : share(file);
    if (entry->file.blob)
        return entry;
    free_entry(entry);
    return NULL;
}

static void drop(struct shard *shard, size_t slot)
{
    struct entry *entry = shard->slots[slot];

    shard->slots[slot] = NULL;
    if (entry)
        cg_map_remove_bytes(shard->by_key, entry->key, entry->key_len);
}

/* Second chance, as for index files: what was asked for since the hand came by last stays for another round. */
static size_t free_slot(struct shard *shard, size_t slots)
{
    for (;;) {
        size_t slot = shard->hand;
        struct entry *entry = shard->slots[slot];

        shard->hand = (slot + 1) % slots;
        if (entry && atomic_exchange_explicit(&entry->used, false, memory_order_relaxed))
            continue;
        drop(shard, slot);
        return slot;
    }
}

void cg_open_crates_put(struct cg_open_crates *open, const struct cg_open_key *key, const struct cg_crate_file *file,
                        const struct cg_open_facts *facts)
{
    struct entry *fresh, *old;
    struct shard *shard;

    if (file->fd < 0 || file->feed || (fresh = entry_new(key, file, facts)) == NULL)
        return;
    shard = shard_of(open, fresh->key, fresh->key_len);
    pthread_rwlock_wrlock(&shard->lock);
    old = cg_map_get_bytes(shard->by_key, fresh->key, fresh->key_len);
    if (old)
        drop(shard, old->slot);
    fresh->slot = free_slot(shard, open->slots);
    shard->slots[fresh->slot] = fresh;
    cg_map_put_bytes(shard->by_key, fresh->key, fresh->key_len, fresh);
    pthread_rwlock_unlock(&shard->lock);
}

void cg_open_crates_sweep(struct cg_open_crates *open)
{
    int64_t now_ms = cg_clock_mono_ms();

    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &open->shards[i];

        pthread_rwlock_wrlock(&shard->lock);
        for (size_t slot = 0; slot < open->slots; slot++)
            if (shard->slots[slot] && now_ms >= shard->slots[slot]->until_ms)
                drop(shard, slot);
        pthread_rwlock_unlock(&shard->lock);
    }
}
