/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "authn/throttle.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/map.h"
#include "base/mem.h"

#define COUNTERS_MAX 16384

/* The times of the last failures, oldest first, never more than the limit. */
struct counter {
    size_t count;
    size_t room;
    int64_t *times;
};

struct cg_throttle {
    pthread_mutex_t lock;
    struct cg_map *counters;
};

static void free_counter(void *value)
{
    struct counter *c = value;

    free(c->times);
    free(c);
}

struct cg_throttle *cg_throttle_new(void)
{
    struct cg_throttle *t = cg_calloc(1, sizeof(*t));

    pthread_mutex_init(&t->lock, NULL);
    t->counters = cg_map_new(free_counter);
    return t;
}

void cg_throttle_free(struct cg_throttle **throttle)
{
    if (!*throttle)
        return;
    cg_map_free(&(*throttle)->counters);
    pthread_mutex_destroy(&(*throttle)->lock);
    free(*throttle);
    *throttle = NULL;
}

/* When the next try is allowed. */
static int64_t allowed_at(const struct counter *c, struct cg_throttle_limit limit)
{
    return c && c->count >= limit.max ? c->times[c->count - limit.max] + limit.window_ms : 0;
}

unsigned cg_throttle_wait_s(struct cg_throttle *throttle, const char *key, struct cg_throttle_limit limit,
                            int64_t now_ms)
{
    int64_t at;

    pthread_mutex_lock(&throttle->lock);
    at = allowed_at(cg_map_get(throttle->counters, key), limit);
    pthread_mutex_unlock(&throttle->lock);
    return at > now_ms ? (unsigned)((at - now_ms + 999) / 1000) : 0;
}

static int64_t last_of(const struct counter *c)
{
    return c->times[c->count - 1];
}

static bool is_older(void *cls, const void *key, size_t len, void *value)
{
    (void)key, (void)len;
    return last_of(value) < *(const int64_t *)cls;
}

struct oldest {
    char *key;
    int64_t time;
};

static bool find_oldest(void *cls, const void *key, size_t len, void *value)
{
    struct oldest *oldest = cls;

    if (!oldest->key || last_of(value) < oldest->time) {
        free(oldest->key);
        *oldest = (struct oldest){.key = cg_strndup(key, len), .time = last_of(value)};
    }
    return false;
}

static void make_room(struct cg_throttle *t, int64_t older_than_ms)
{
    struct oldest oldest = {0};

    cg_map_each(t->counters, is_older, &older_than_ms);
    if (cg_map_count(t->counters) < COUNTERS_MAX)
        return;
    cg_map_each(t->counters, find_oldest, &oldest);
    cg_map_remove(t->counters, oldest.key);
    free(oldest.key);
}

static void add_time(struct counter *c, unsigned max, int64_t now_ms)
{
    size_t drop = c->count >= max ? c->count - max + 1 : 0;

    if (drop) {
        memmove(c->times, c->times + drop, (c->count - drop) * sizeof(*c->times));
        c->count -= drop;
    }
    if (c->count == c->room) {
        c->room = c->room ? c->room * 2 : 4;
        c->times = cg_reallocarray(c->times, c->room, sizeof(*c->times));
    }
    c->times[c->count++] = now_ms;
}

void cg_throttle_fail(struct cg_throttle *throttle, const char *key, struct cg_throttle_limit limit, int64_t now_ms)
{
    struct counter *c;

    pthread_mutex_lock(&throttle->lock);
    c = cg_map_get(throttle->counters, key);
    if (!c) {
        if (cg_map_count(throttle->counters) >= COUNTERS_MAX)
            make_room(throttle, now_ms - limit.window_ms);
        c = cg_calloc(1, sizeof(*c));
        cg_map_put(throttle->counters, key, c);
    }
    add_time(c, limit.max, now_ms);
    pthread_mutex_unlock(&throttle->lock);
}

void cg_throttle_sweep(struct cg_throttle *throttle, int64_t older_than_ms)
{
    pthread_mutex_lock(&throttle->lock);
    cg_map_each(throttle->counters, is_older, &older_than_ms);
    pthread_mutex_unlock(&throttle->lock);
}

size_t cg_throttle_count(struct cg_throttle *throttle)
{
    size_t count;

    pthread_mutex_lock(&throttle->lock);
    count = cg_map_count(throttle->counters);
    pthread_mutex_unlock(&throttle->lock);
    return count;
}

struct cg_pace {
    pthread_mutex_t lock;
    int64_t second; /* that is counted */
    unsigned count;
};

struct cg_pace *cg_pace_new(void)
{
    struct cg_pace *pace = cg_calloc(1, sizeof(*pace));

    pthread_mutex_init(&pace->lock, NULL);
    return pace;
}

void cg_pace_free(struct cg_pace **pace)
{
    if (!*pace)
        return;
    pthread_mutex_destroy(&(*pace)->lock);
    free(*pace);
    *pace = NULL;
}

bool cg_pace_take(struct cg_pace *pace, unsigned max, int64_t now_ms)
{
    bool go;

    pthread_mutex_lock(&pace->lock);
    if (now_ms / 1000 != pace->second) {
        pace->second = now_ms / 1000;
        pace->count = 0;
    }
    go = max == 0 || pace->count < max;
    pace->count += go;
    pthread_mutex_unlock(&pace->lock);
    return go;
}

void cg_login_name_fold(const char *name, char out[CG_LOGIN_NAME_MAX + 1])
{
    size_t at = 0;
    bool blank = false;

    for (; *name; name++) {
        if (*name == ' ') {
            blank = at > 0;
            continue;
        }
        if (blank && at < CG_LOGIN_NAME_MAX)
            out[at++] = ' ';
        blank = false;
        if (at < CG_LOGIN_NAME_MAX)
            out[at++] = *name >= 'A' && *name <= 'Z' ? (char)(*name - 'A' + 'a') : *name;
    }
    out[at] = '\0';
}

void cg_address_key(const char *address, char out[CG_ADDRESS_KEY_SIZE])
{
    struct in6_addr six;
    char hex[2 * 8 + 1];

    if (inet_pton(AF_INET6, address, &six) != 1) {
        snprintf(out, CG_ADDRESS_KEY_SIZE, "%s", address);
    } else if (IN6_IS_ADDR_V4MAPPED(&six)) {
        inet_ntop(AF_INET, &six.s6_addr[12], out, CG_ADDRESS_KEY_SIZE);
    } else {
        cg_hex(six.s6_addr, 8, hex);
        snprintf(out, CG_ADDRESS_KEY_SIZE, "%s/64", hex);
    }
}
