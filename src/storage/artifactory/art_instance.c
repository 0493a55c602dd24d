/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "storage/artifactory/art_instance.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "storage/artifactory/art_storage.h"

#define WORKERS_LEAST 8   /* there are where the configuration leaves it to us */
#define PLACE_WAIT_MS 500 /* for one of the places of those who wait */
#define RETRY_S 2

static pthread_mutex_t instances_lock = PTHREAD_MUTEX_INITIALIZER;
static struct cg_art_instance
    *instances; /* under the lock; an instance itself is never moved or freed before the end */

/* Deploys have to find a connection free whatever is being downloaded. */
static unsigned fetch_threads(const struct cg_conf_artifactory *art)
{
    unsigned threads = art->max_connections - art->max_connections / 4;

    return threads < 1 ? 1 : threads > CG_ART_FETCH_MAX ? CG_ART_FETCH_MAX : threads;
}

/* Those who wait on a worker, for whichever instance. */
static struct {
    pthread_once_t once;
    pthread_mutex_t lock; /* all below, and the places and deploys of every instance */
    pthread_cond_t left;  /* on the monotonic clock */
    unsigned workers;
    struct cg_art_places all;
} waiting = {.once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER};

static void set_up_waiting(void)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&waiting.left, &attr);
    pthread_condattr_destroy(&attr);
}

/* A quarter of the workers is always left to others. */
static unsigned places_of_all(void)
{
    unsigned left = waiting.workers / 4 ? waiting.workers / 4 : 1;

    return waiting.workers > left ? waiting.workers - left : 1;
}

/* Where there are several, one that is ill must leave places to the others. */
static unsigned places_of_one(const struct cg_conf *conf)
{
    if (conf->artifactory_count <= 1)
        return places_of_all();
    return waiting.workers / 2 ? waiting.workers / 2 : 1;
}

/* Workers are not more or fewer before the next start. */
static void set_places(const struct cg_conf *conf, struct cg_art_instance *instance)
{
    pthread_mutex_lock(&waiting.lock);
    if (!instances)
        waiting.workers = conf->workers ? conf->workers : WORKERS_LEAST;
    waiting.all.max = places_of_all();
    instance->places.max = places_of_one(conf);
    pthread_mutex_unlock(&waiting.lock);
}

static void instance_free(struct cg_art_instance *instance)
{
    cg_art_fetcher_free(&instance->fetcher);
    cg_art_cache_free(&instance->cache);
    cg_art_client_free(&instance->client);
    cg_map_free(&instance->deploying);
    pthread_mutex_lock(&waiting.lock);
    waiting.all.taken -= instance->places.taken;
    pthread_mutex_unlock(&waiting.lock);
    free(instance->name);
    free(instance);
}

static enum cg_err instance_new(const struct cg_conf *conf, const struct cg_conf_artifactory *art,
                                struct cg_art_instance **instance_out, struct cg_error *err)
{
    char *dir = cg_asprintf("%s/cache/artifactory/%s", conf->state_dir, art->name);
    struct cg_art_instance *instance;
    struct cg_art_cache *cache = NULL;
    enum cg_err rc = cg_art_cache_new(dir, art->cache_size, &cache, err);

    free(dir);
    if (rc != CG_OK)
        return rc;
    instance = cg_calloc(1, sizeof(*instance));
    pthread_once(&waiting.once, set_up_waiting);
    instance->name = cg_strdup(art->name);
    instance->cache = cache;
    instance->client = cg_art_client_new(art);
    instance->fetcher = cg_art_fetcher_new(instance->client, cache, fetch_threads(art));
    instance->deploying = cg_map_new(NULL);
    set_places(conf, instance);
    *instance_out = instance;
    return CG_OK;
}

enum cg_err cg_art_instance_get(const struct cg_conf *conf, const char *name, struct cg_art_instance **instance_out,
                                struct cg_error *err)
{
    const struct cg_conf_artifactory *art = cg_conf_artifactory(conf, name);
    struct cg_art_instance *instance;
    enum cg_err rc = CG_OK;

    CG_ASSERT(art); /* the configuration is checked */
    pthread_mutex_lock(&instances_lock);
    for (instance = instances; instance && !cg_streq(instance->name, name); instance = instance->next)
        continue;
    if (!instance) {
        rc = instance_new(conf, art, &instance, err);
        if (rc == CG_OK) {
            instance->next = instances;
            instances = instance;
        }
    }
    if (rc == CG_OK)
        *instance_out = instance;
    pthread_mutex_unlock(&instances_lock);
    return rc;
}

void cg_art_instances_reconfigure(const struct cg_conf *conf)
{
    pthread_mutex_lock(&instances_lock);
    for (struct cg_art_instance *instance = instances; instance; instance = instance->next) {
        const struct cg_conf_artifactory *art = cg_conf_artifactory(conf, instance->name);

        if (!art) /* nobody uses it any more */
            continue;
        cg_art_client_reconfigure(instance->client, art);
        cg_art_cache_resize(instance->cache, art->cache_size);
        cg_art_fetcher_set_threads(instance->fetcher, fetch_threads(art));
        set_places(conf, instance);
    }
    pthread_mutex_unlock(&instances_lock);
}

void cg_art_instances_tick(void)
{
    pthread_mutex_lock(&instances_lock);
    for (struct cg_art_instance *instance = instances; instance; instance = instance->next) {
        cg_art_fetcher_tidy(instance->fetcher);
        if (cg_art_client_down(instance->client, NULL))
            cg_art_fetcher_probe(instance->fetcher);
    }
    pthread_mutex_unlock(&instances_lock);
}

void cg_art_instances_drain(void)
{
    pthread_mutex_lock(&instances_lock);
    for (struct cg_art_instance *instance = instances; instance; instance = instance->next) {
        cg_art_client_drain(instance->client);
        cg_art_fetcher_drain(instance->fetcher);
    }
    pthread_mutex_unlock(&instances_lock);
}

void cg_art_instances_stop(void)
{
    pthread_mutex_lock(&instances_lock);
    for (struct cg_art_instance *instance = instances; instance; instance = instance->next)
        cg_art_client_stop(instance->client);
    pthread_mutex_unlock(&instances_lock);
}

void cg_art_instances_free(void)
{
    pthread_mutex_lock(&instances_lock);
    while (instances) {
        struct cg_art_instance *gone = instances;

        instances = gone->next;
        instance_free(gone);
    }
    pthread_mutex_unlock(&instances_lock);
}

/* Waiting */

static struct timespec when(int64_t mono_ms)
{
    return (struct timespec){.tv_sec = (time_t)(mono_ms / 1000), .tv_nsec = (long)(mono_ms % 1000) * 1000000};
}

static enum cg_err too_many(const struct cg_art_instance *instance, struct cg_error *err)
{
    cg_error_set(err, CG_ERR_UNAVAILABLE, "too many requests wait for Artifactory \"%s\" at the moment; try again",
                 instance->name);
    if (err)
        err->retry_after_s = RETRY_S;
    return CG_ERR_UNAVAILABLE;
}

/* Under the lock, from here on. */

static bool is_full(const struct cg_art_places *places)
{
    return places->taken >= places->max;
}

static void move(struct cg_art_places *places, unsigned came, unsigned left)
{
    places->taken += came - left;
    places->moved_ms = cg_clock_mono_ms();
}

/* A busy instance soon has a place. Where nobody has come or gone for a while it is an ill one, and whoever waited for a
 * place would only hold one more worker up. */
static int64_t worth_until(const struct cg_art_instance *instance, int64_t arrived)
{
    const struct cg_art_places *full = is_full(&instance->places) ? &instance->places : &waiting.all;

    return (full->moved_ms < arrived ? full->moved_ms : arrived) + PLACE_WAIT_MS;
}

/* False when there is none in time. */
static bool wait_for_place(struct cg_art_instance *instance)
{
    int64_t arrived = cg_clock_mono_ms();

    while (is_full(&instance->places) || is_full(&waiting.all)) {
        int64_t until = worth_until(instance, arrived);
        struct timespec end = when(until);

        if (cg_clock_mono_ms() >= until)
            return false;
        (void)pthread_cond_timedwait(&waiting.left, &waiting.lock, &end);
    }
    return true;
}

/* The same for a path that somebody else deploys to. */
static bool wait_for_path(struct cg_art_instance *instance, const char *place, int64_t deadline)
{
    struct timespec until = when(deadline);

    while (cg_map_get(instance->deploying, place))
        if (pthread_cond_timedwait(&waiting.left, &waiting.lock, &until) != 0)
            return !cg_map_get(instance->deploying, place);
    return true;
}

static void take_place(struct cg_art_instance *instance)
{
    move(&instance->places, 1, 0);
    move(&waiting.all, 1, 0);
}

static void give_back(struct cg_art_instance *instance)
{
    move(&instance->places, 0, 1);
    move(&waiting.all, 0, 1);
    pthread_cond_broadcast(&waiting.left);
}

enum cg_err cg_art_instance_enter(struct cg_art_instance *instance, const char *place, int64_t deadline,
                                  struct cg_error *err)
{
    bool entered;

    pthread_mutex_lock(&waiting.lock);
    entered = wait_for_place(instance);
    if (entered) {
        take_place(instance);
        entered = !place || wait_for_path(instance, place, deadline);
        if (!entered)
            give_back(instance);
    }
    if (entered && place)
        cg_map_put(instance->deploying, place, instance);
    pthread_mutex_unlock(&waiting.lock);
    return entered ? CG_OK : too_many(instance, err);
}

void cg_art_instance_leave(struct cg_art_instance *instance, const char *place)
{
    pthread_mutex_lock(&waiting.lock);
    if (place)
        cg_map_remove(instance->deploying, place);
    give_back(instance);
    pthread_mutex_unlock(&waiting.lock);
}
