/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "authn/token_table.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

#define USED_STEP_S 300

struct entry {
    struct cg_token *token;
    struct cg_identity *service; /* made once, shared by every request; NULL for a person's token */
};

struct list {
    struct cg_token **items;
    size_t count;
    size_t room;
};

struct cg_token_table {
    pthread_rwlock_t lock; /* the map */
    _Atomic uint64_t changes; /* of the map; grows under the lock */
    struct cg_map *by_digest;
    pthread_mutex_t used_lock; /* the list */
    struct list used;
};

static void list_add(struct list *list, struct cg_token *token)
{
    if (list->count == list->room) {
        list->room = list->room ? list->room * 2 : 16;
        list->items = cg_reallocarray(list->items, list->room, sizeof(*list->items));
    }
    list->items[list->count++] = cg_token_ref(token);
}

void cg_token_list_free(struct cg_token **tokens, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cg_token_unref(&tokens[i]);
    free(tokens);
}

static void free_entry(void *value)
{
    struct entry *entry = value;

    cg_token_unref(&entry->token);
    cg_identity_unref(&entry->service);
    free(entry);
}

static struct entry *entry_new(struct cg_token *token)
{
    struct entry *entry = cg_calloc(1, sizeof(*entry));

    entry->token = cg_token_ref(token);
    if (token->kind == CG_TOKEN_SERVICE) {
        entry->service = cg_identity_new(CG_IDENTITY_SERVICE, token->owner_id, token->owner_name, NULL, token->name);
        cg_identity_seal(entry->service);
    }
    return entry;
}

struct cg_token_table *cg_token_table_new(void)
{
    struct cg_token_table *table = cg_calloc(1, sizeof(*table));
    pthread_rwlockattr_t attr;

    /* By default glibc lets readers pass a waiting writer, for ever when there are enough of them. */
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&table->lock, &attr);
    pthread_rwlockattr_destroy(&attr);
    pthread_mutex_init(&table->used_lock, NULL);
    table->by_digest = cg_map_new(free_entry);
    return table;
}

void cg_token_table_free(struct cg_token_table **table)
{
    struct cg_token_table *t = *table;

    *table = NULL;
    if (!t)
        return;
    cg_token_list_free(t->used.items, t->used.count);
    cg_map_free(&t->by_digest);
    pthread_mutex_destroy(&t->used_lock);
    pthread_rwlock_destroy(&t->lock);
    free(t);
}

bool cg_token_table_get(struct cg_token_table *table, const unsigned char digest[CG_TOKEN_DIGEST_SIZE],
                        struct cg_token **token_out, struct cg_identity **service_out)
{
    const struct entry *entry;

    pthread_rwlock_rdlock(&table->lock);
    entry = cg_map_get_bytes(table->by_digest, digest, CG_TOKEN_DIGEST_SIZE);
    if (entry) {
        *token_out = cg_token_ref(entry->token);
        *service_out = entry->service ? cg_identity_ref(entry->service) : NULL;
    }
    pthread_rwlock_unlock(&table->lock);
    return entry != NULL;
}

uint64_t cg_token_table_changes(const struct cg_token_table *table)
{
    return atomic_load_explicit(&table->changes, memory_order_acquire);
}

void cg_token_table_used(struct cg_token_table *table, struct cg_token *token, int64_t now_s)
{
    int64_t last = atomic_load_explicit(&token->last_used_at, memory_order_relaxed);

    /* Of several threads that notice, one wins and queues the token. */
    if (now_s - last < USED_STEP_S || !atomic_compare_exchange_strong(&token->last_used_at, &last, now_s))
        return;
    pthread_mutex_lock(&table->used_lock);
    list_add(&table->used, token);
    pthread_mutex_unlock(&table->used_lock);
}

void cg_token_table_put(struct cg_token_table *table, struct cg_token *token)
{
    struct entry *entry = entry_new(token);

    pthread_rwlock_wrlock(&table->lock);
    cg_map_put_bytes(table->by_digest, token->digest, CG_TOKEN_DIGEST_SIZE, entry);
    atomic_fetch_add(&table->changes, 1);
    pthread_rwlock_unlock(&table->lock);
}

struct wanted {
    const char *owner_id; /* NULL: any */
    int64_t id;           /* 0: any */
    struct list found;
};

static bool collect(void *cls, const void *key, size_t len, void *value)
{
    struct wanted *wanted = cls;
    struct cg_token *token = ((struct entry *)value)->token;

    (void)key, (void)len;
    if ((!wanted->owner_id || strcmp(wanted->owner_id, token->owner_id) == 0) &&
        (!wanted->id || wanted->id == token->id))
        list_add(&wanted->found, token);
    return false;
}

static void find_all(struct cg_token_table *table, struct wanted *wanted)
{
    pthread_rwlock_rdlock(&table->lock);
    cg_map_each(table->by_digest, collect, wanted);
    pthread_rwlock_unlock(&table->lock);
}

bool cg_token_table_remove(struct cg_token_table *table, int64_t id)
{
    struct wanted wanted = {.id = id};

    find_all(table, &wanted);
    pthread_rwlock_wrlock(&table->lock);
    for (size_t i = 0; i < wanted.found.count; i++)
        cg_map_remove_bytes(table->by_digest, wanted.found.items[i]->digest, CG_TOKEN_DIGEST_SIZE);
    atomic_fetch_add(&table->changes, 1);
    pthread_rwlock_unlock(&table->lock);
    cg_token_list_free(wanted.found.items, wanted.found.count);
    return wanted.found.count > 0;
}

/* The object that stands for this token from now on. */
static struct cg_token *keep_known(struct cg_map *known, struct cg_token *token)
{
    struct entry *entry = cg_map_get_bytes(known, token->digest, CG_TOKEN_DIGEST_SIZE);
    int64_t seen = atomic_load(&token->last_used_at), last;

    if (!entry || entry->token->id != token->id)
        return token;
    last = atomic_load(&entry->token->last_used_at);
    while (last < seen && !atomic_compare_exchange_weak(&entry->token->last_used_at, &last, seen))
        continue;
    return entry->token;
}

void cg_token_table_replace(struct cg_token_table *table, struct cg_token *const *tokens, size_t count)
{
    struct cg_map *fresh = cg_map_new(free_entry), *old = table->by_digest;

    /* All the work before the exchange: readers wait for two pointers, however many tokens there are. */
    for (size_t i = 0; i < count; i++)
        cg_map_put_bytes(fresh, tokens[i]->digest, CG_TOKEN_DIGEST_SIZE, entry_new(keep_known(old, tokens[i])));
    pthread_rwlock_wrlock(&table->lock);
    table->by_digest = fresh;
    atomic_fetch_add(&table->changes, 1);
    pthread_rwlock_unlock(&table->lock);
    cg_map_free(&old);
}

static int by_id(const void *a, const void *b)
{
    int64_t x = (*(struct cg_token *const *)a)->id, y = (*(struct cg_token *const *)b)->id;

    return (x > y) - (x < y);
}

struct cg_token **cg_token_table_list(struct cg_token_table *table, const char *owner_id, size_t *count_out)
{
    struct wanted wanted = {.owner_id = owner_id};

    find_all(table, &wanted);
    if (wanted.found.count)
        qsort(wanted.found.items, wanted.found.count, sizeof(*wanted.found.items), by_id);
    *count_out = wanted.found.count;
    return wanted.found.items;
}

struct cg_token **cg_token_table_take_used(struct cg_token_table *table, size_t *count_out)
{
    struct list taken;

    pthread_mutex_lock(&table->used_lock);
    taken = table->used;
    table->used = (struct list){0};
    pthread_mutex_unlock(&table->used_lock);
    *count_out = taken.count;
    return taken.items;
}

void cg_token_table_give_back_used(struct cg_token_table *table, struct cg_token *const *tokens, size_t count)
{
    pthread_mutex_lock(&table->used_lock);
    for (size_t i = 0; i < count; i++)
        list_add(&table->used, tokens[i]);
    pthread_mutex_unlock(&table->used_lock);
}
