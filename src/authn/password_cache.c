/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "authn/password_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/map.h"
#include "base/mem.h"

#define ENTRIES_MAX 10000
#define GOOD_MS 60000   /* no auth_cache_ttl is longer; what is older is forgotten */
#define NAME_MS 3600000 /* how long a name is taken to be the same person's, for counting */

/* All three kinds: a time, and for names the UUID. */
struct entry {
    int64_t time; /* good: when it was proven; bad and names: until when it holds */
    char *id;
};

struct cg_password_cache {
    struct cg_hmac *good_key, *bad_key;
    pthread_mutex_t lock; /* the maps */
    struct cg_map *good, *bad, *names;
};

static void free_entry(void *value)
{
    struct entry *entry = value;

    free(entry->id);
    free(entry);
}

static struct cg_hmac *random_key(void)
{
    unsigned char key[CG_SHA256_SIZE];
    struct cg_hmac *hmac;

    cg_random(key, sizeof(key));
    hmac = cg_hmac_new(key, sizeof(key));
    cg_wipe(key, sizeof(key));
    return hmac;
}

struct cg_password_cache *cg_password_cache_new(void)
{
    struct cg_password_cache *cache = cg_calloc(1, sizeof(*cache));

    pthread_mutex_init(&cache->lock, NULL);
    cache->good_key = random_key();
    cache->bad_key = random_key();
    cache->good = cg_map_new(free_entry);
    cache->bad = cg_map_new(free_entry);
    cache->names = cg_map_new(free_entry);
    return cache;
}

void cg_password_cache_free(struct cg_password_cache **cache)
{
    struct cg_password_cache *c = *cache;

    *cache = NULL;
    if (!c)
        return;
    cg_hmac_free(&c->good_key);
    cg_hmac_free(&c->bad_key);
    cg_map_free(&c->good);
    cg_map_free(&c->bad);
    cg_map_free(&c->names);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* The NUL behind the name keeps "ab" + "c" and "a" + "bc" apart. */
static void digest(const struct cg_hmac *key, const char *whose, const struct cg_secret *password,
                   unsigned char out[CG_SHA256_SIZE])
{
    cg_hmac(key, whose, strlen(whose) + 1, password->bytes, password->len, out);
}

static void put(struct cg_map *map, const void *key, size_t len, int64_t time, const char *id)
{
    struct entry *entry = cg_calloc(1, sizeof(*entry));

    entry->time = time;
    entry->id = id ? cg_strdup(id) : NULL;
    if (cg_map_count(map) >= ENTRIES_MAX)
        cg_map_clear(map);
    cg_map_put_bytes(map, key, len, entry);
}

char *cg_password_cache_id(struct cg_password_cache *cache, const char *folded, int64_t now_ms)
{
    const struct entry *entry;
    char *id = NULL;

    pthread_mutex_lock(&cache->lock);
    entry = cg_map_get(cache->names, folded);
    if (entry && now_ms < entry->time)
        id = cg_strdup(entry->id);
    pthread_mutex_unlock(&cache->lock);
    return id;
}

void cg_password_cache_learn(struct cg_password_cache *cache, const char *folded, const char *id, int64_t now_ms)
{
    pthread_mutex_lock(&cache->lock);
    put(cache->names, folded, strlen(folded), now_ms + NAME_MS, id);
    pthread_mutex_unlock(&cache->lock);
}

bool cg_password_cache_is_good(struct cg_password_cache *cache, const char *id, const struct cg_secret *password,
                               int64_t since_ms)
{
    unsigned char key[CG_SHA256_SIZE];
    const struct entry *entry;
    bool good;

    digest(cache->good_key, id, password, key);
    pthread_mutex_lock(&cache->lock);
    entry = cg_map_get_bytes(cache->good, key, sizeof(key));
    good = entry && entry->time >= since_ms;
    pthread_mutex_unlock(&cache->lock);
    return good;
}

void cg_password_cache_add_good(struct cg_password_cache *cache, const char *id, const struct cg_secret *password,
                                int64_t now_ms)
{
    unsigned char key[CG_SHA256_SIZE];

    digest(cache->good_key, id, password, key);
    pthread_mutex_lock(&cache->lock);
    put(cache->good, key, sizeof(key), now_ms, NULL);
    pthread_mutex_unlock(&cache->lock);
}

bool cg_password_cache_is_bad(struct cg_password_cache *cache, const char *folded, const struct cg_secret *password,
                              int64_t now_ms)
{
    unsigned char key[CG_SHA256_SIZE];
    const struct entry *entry;
    bool bad;

    digest(cache->bad_key, folded, password, key);
    pthread_mutex_lock(&cache->lock);
    entry = cg_map_get_bytes(cache->bad, key, sizeof(key));
    bad = entry && now_ms < entry->time;
    pthread_mutex_unlock(&cache->lock);
    return bad;
}

void cg_password_cache_add_bad(struct cg_password_cache *cache, const char *folded, const struct cg_secret *password,
                               int64_t until_ms)
{
    unsigned char key[CG_SHA256_SIZE];

    digest(cache->bad_key, folded, password, key);
    pthread_mutex_lock(&cache->lock);
    put(cache->bad, key, sizeof(key), until_ms, NULL);
    pthread_mutex_unlock(&cache->lock);
}

void cg_password_cache_clear(struct cg_password_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    cg_map_clear(cache->good);
    cg_map_clear(cache->bad);
    cg_map_clear(cache->names);
    pthread_mutex_unlock(&cache->lock);
}

static bool is_before(void *cls, const void *key, size_t len, void *value)
{
    (void)key, (void)len;
    return ((const struct entry *)value)->time < *(const int64_t *)cls;
}

void cg_password_cache_sweep(struct cg_password_cache *cache, int64_t now_ms)
{
    int64_t proven = now_ms - GOOD_MS;

    pthread_mutex_lock(&cache->lock);
    cg_map_each(cache->good, is_before, &proven);
    cg_map_each(cache->bad, is_before, &now_ms);
    cg_map_each(cache->names, is_before, &now_ms);
    pthread_mutex_unlock(&cache->lock);
}
