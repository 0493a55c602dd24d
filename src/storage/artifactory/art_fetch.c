/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A flight is one fetch and all who wait for it. It is in `flights` from the
 * moment it is queued until it has landed in the cache; one that failed stays
 * for a second, so that a storm of callers does not become one of requests.
 */
#include "storage/artifactory/art_fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/map.h"
#include "base/mem.h"
#include "crategate/clock.h"
#include "log/metrics.h"
#include "storage/artifactory/art_sum.h"
#include "storage/artifactory/art_transfer.h"
#include "storage/filesystem/fs_dir.h"

#define FAILED_MS 1000      /* how long a failure is remembered */
#define QUEUED_MAX_MS 10000 /* cargo waits 30 seconds in all */
#define QUEUE_PER_THREAD 64
#define BUSY_RETRY_S 2

struct flight {
    char *key, *repo, *path;
    char cksum[CG_SHA256_HEX_SIZE];
    struct cg_feed *feed;
    bool shared; /* in the map: its bytes are known beforehand */
    int64_t queued_ms, failed_ms;
    struct flight *next; /* in the queue, then among the failed */
};

struct line {
    struct flight *first, **end;
};

struct cg_art_fetcher {
    struct cg_art_client *client;
    struct cg_art_cache *cache;
    atomic_bool stopping;
    pthread_mutex_t lock; /* all below */
    pthread_cond_t wake;
    struct cg_map *flights; /* key -> struct flight */
    struct line queue, failed;
    size_t queued;
    unsigned max, busy, started;
    bool probe_wanted, probing, draining;
    pthread_t threads[CG_ART_FETCH_MAX];
};

static void line_init(struct line *line)
{
    line->first = NULL;
    line->end = &line->first;
}

static void line_add(struct line *line, struct flight *flight)
{
    flight->next = NULL;
    *line->end = flight;
    line->end = &flight->next;
}

static struct flight *line_take(struct line *line)
{
    struct flight *flight = line->first;

    if (flight)
        line->first = flight->next;
    if (!line->first)
        line->end = &line->first;
    return flight;
}

static void flight_free(struct flight *flight)
{
    cg_feed_unref(&flight->feed);
    free(flight->key);
    free(flight->repo);
    free(flight->path);
    free(flight);
}

/* The fetching threads */

static enum cg_err busy(struct cg_error *err)
{
    cg_error_set(err, CG_ERR_UNAVAILABLE, "too many crates are being fetched from Artifactory; try again");
    if (err)
        err->retry_after_s = BUSY_RETRY_S;
    return CG_ERR_UNAVAILABLE;
}

static enum cg_err run_flight(struct cg_art_fetcher *f, struct flight *flight)
{
    struct cg_art_transfer transfer = {.client = f->client,
                                       .cache = f->cache,
                                       .repo = flight->repo,
                                       .path = flight->path,
                                       .cksum = flight->cksum,
                                       .feed = flight->feed,
                                       .stopping = &f->stopping};
    struct cg_error err = {0};

    if (cg_clock_mono_ms() - flight->queued_ms <= QUEUED_MAX_MS)
        return cg_art_transfer(&transfer);
    cg_feed_finish(flight->feed, busy(&err), &err);
    return CG_ERR_UNAVAILABLE;
}

/* Under the lock. */
static void land(struct cg_art_fetcher *f, struct flight *flight, enum cg_err rc)
{
    if (flight->shared && rc != CG_OK) {
        flight->failed_ms = cg_clock_mono_ms();
        line_add(&f->failed, flight);
        return;
    }
    if (flight->shared)
        cg_map_remove(f->flights, flight->key);
    flight_free(flight);
}

/* Under the lock, which is let go while there is something to do. */
static void work_once(struct cg_art_fetcher *f)
{
    bool probe = f->probe_wanted && !f->probing;
    struct flight *flight = probe ? NULL : line_take(&f->queue);
    enum cg_err rc = CG_OK;

    f->busy++;
    f->queued -= flight != NULL;
    f->probing |= probe;
    pthread_mutex_unlock(&f->lock);
    if (flight)
        rc = run_flight(f, flight);
    else if (probe)
        rc = cg_art_ping(f->client, NULL); /* what it finds the client remembers */
    pthread_mutex_lock(&f->lock);
    f->busy--;
    if (probe)
        f->probing = f->probe_wanted = false;
    if (flight)
        land(f, flight, rc);
}

static bool has_work(const struct cg_art_fetcher *f)
{
    return f->busy < f->max && (f->queue.first || (f->probe_wanted && !f->probing));
}

static void *run_thread(void *cls)
{
    struct cg_art_fetcher *f = cls;

    pthread_mutex_lock(&f->lock);
    while (!atomic_load(&f->stopping)) {
        if (has_work(f)) {
            work_once(f);
            continue;
        }
        pthread_cond_wait(&f->wake, &f->lock);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

/* Under the lock. False when the system has none. */
static bool start_thread(struct cg_art_fetcher *f)
{
    sigset_t all, before;
    char name[16];
    bool started;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    started = pthread_create(&f->threads[f->started], NULL, run_thread, f) == 0;
    if (started) {
        snprintf(name, sizeof(name), "fetch-%u", f->started % 1000);
        pthread_setname_np(f->threads[f->started++], name);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

/* Under the lock. One more when all are at work; where there is none to be had the queue waits for those. */
static void wake_thread(struct cg_art_fetcher *f)
{
    if (f->queued + f->probe_wanted <= f->started - f->busy || f->started >= f->max || !start_thread(f))
        pthread_cond_signal(&f->wake);
}

/* Asking for a crate */

/* Under the lock. */
static void forget_failures(struct cg_art_fetcher *f)
{
    int64_t since = cg_clock_mono_ms() - FAILED_MS;

    while (f->failed.first && f->failed.first->failed_ms <= since) {
        struct flight *flight = line_take(&f->failed);

        cg_map_remove(f->flights, flight->key);
        flight_free(flight);
    }
}

/* Under the lock. */
static enum cg_err take_off(struct cg_art_fetcher *f, struct flight *flight, struct cg_error *err)
{
    enum cg_err rc;
    int fd = -1;

    if (f->draining)
        return cg_art_stopped(err);
    if (f->queued >= (size_t)f->max * QUEUE_PER_THREAD || (f->started == 0 && !start_thread(f)))
        return busy(err);
    rc = cg_art_cache_temp(f->cache, &fd, err);
    if (rc != CG_OK)
        return rc;
    flight->feed = cg_feed_new(fd);
    flight->queued_ms = cg_clock_mono_ms();
    if (flight->shared)
        cg_map_put(f->flights, flight->key, flight);
    line_add(&f->queue, flight);
    f->queued++;
    wake_thread(f);
    return CG_OK;
}

static struct flight *flight_new(const char *repo, const char *path, const char *cksum)
{
    struct flight *flight = cg_calloc(1, sizeof(*flight));

    flight->key = cg_asprintf("%s %s/%s", cksum, repo, path);
    flight->repo = cg_strdup(repo);
    flight->path = cg_strdup(path);
    flight->shared = *cksum != '\0';
    strcpy(flight->cksum, cksum);
    return flight;
}

/* A place on the one that flies already, or it has just landed, or a new one. */
static enum cg_err board(struct cg_art_fetcher *f, struct flight *fresh, struct cg_crate_file *file_out,
                         struct cg_error *err)
{
    struct flight *flight;
    enum cg_err rc = CG_ERR_ABSENT;

    pthread_mutex_lock(&f->lock);
    forget_failures(f);
    flight = fresh->shared ? cg_map_get(f->flights, fresh->key) : NULL;
    if (!flight && fresh->shared)
        rc = cg_art_cache_open(f->cache, fresh->cksum, file_out, NULL);
    if (flight && flight->failed_ms) {
        rc = cg_feed_wait(flight->feed, err); /* it has ended */
    } else if (flight) {
        *file_out = (struct cg_crate_file){.fd = -1, .feed = cg_feed_ref(flight->feed)};
        rc = CG_OK;
    } else if (rc != CG_OK && (rc = take_off(f, fresh, err)) == CG_OK) {
        *file_out = (struct cg_crate_file){.fd = -1, .feed = cg_feed_ref(fresh->feed)};
        fresh = NULL;
    }
    pthread_mutex_unlock(&f->lock);
    if (fresh)
        flight_free(fresh);
    return rc;
}

enum cg_err cg_art_fetch_begin(struct cg_art_fetcher *fetcher, const char *repo, const char *path, const char *cksum,
                               struct cg_crate_file *file_out, struct cg_error *err)
{
    CG_ASSERT(!*cksum || cg_art_is_sum(cksum));
    if (*cksum && cg_art_cache_open(fetcher->cache, cksum, file_out, NULL) == CG_OK) {
        cg_metric_add(CG_METRIC_ARTIFACTORY_CACHE_HITS, 1);
        return CG_OK;
    }
    cg_metric_add(CG_METRIC_ARTIFACTORY_CACHE_MISSES, 1);
    return board(fetcher, flight_new(repo, path, cksum), file_out, err);
}

/* Waiting for it */

struct begin_waiter {
    struct cg_feed_waiter waiter; /* first */
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool done;
};

static void on_begun(struct cg_feed_waiter *waiter)
{
    struct begin_waiter *w = (struct begin_waiter *)waiter;

    pthread_mutex_lock(&w->lock);
    w->done = true;
    pthread_cond_signal(&w->woken);
    pthread_mutex_unlock(&w->lock);
}

static enum cg_err wait_begun(struct cg_feed *feed, uint64_t *size_out, struct cg_error *err)
{
    struct begin_waiter w = {.waiter = {.wake = on_begun}};
    enum cg_err rc;

    pthread_mutex_init(&w.lock, NULL);
    pthread_cond_init(&w.woken, NULL);
    rc = cg_feed_begun(feed, &w.waiter, size_out, err);
    if (rc == CG_ERR_AGAIN) {
        pthread_mutex_lock(&w.lock);
        while (!w.done)
            pthread_cond_wait(&w.woken, &w.lock);
        pthread_mutex_unlock(&w.lock);
        rc = cg_feed_begun(feed, NULL, size_out, err);
    }
    pthread_cond_destroy(&w.woken);
    pthread_mutex_destroy(&w.lock);
    return rc;
}

/* A descriptor of its own, as a duplicate would share its offset with others. */
static enum cg_err open_again(struct cg_feed *feed, int *fd_out, struct cg_error *err)
{
    char proc[32];
    int fd;

    snprintf(proc, sizeof(proc), "/proc/self/fd/%d", cg_feed_fd(feed));
    fd = open(proc, O_RDONLY | O_CLOEXEC);
    if (fd < 0) /* a file without a name that never had one to be found by */
        fd = fcntl(cg_feed_fd(feed), F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return cg_fs_broken(err, errno, "open", "a crate that has come in");
    *fd_out = fd;
    return CG_OK;
}

static enum cg_err wait_whole(struct cg_crate_file *file, struct cg_error *err)
{
    enum cg_err rc = cg_feed_wait(file->feed, err);

    if (rc == CG_OK)
        rc = cg_feed_begun(file->feed, NULL, &file->size, err);
    if (rc == CG_OK)
        rc = open_again(file->feed, &file->fd, err);
    cg_feed_unref(&file->feed);
    file->mtime = cg_clock_wall_s();
    return rc;
}

enum cg_err cg_art_fetch(struct cg_art_fetcher *fetcher, const char *repo, const char *path, const char *cksum,
                         bool whole, struct cg_crate_file *file_out, struct cg_error *err)
{
    struct cg_crate_file file = {.fd = -1};
    enum cg_err rc = cg_art_fetch_begin(fetcher, repo, path, cksum, &file, err);

    if (rc == CG_OK && file.feed)
        rc = whole ? wait_whole(&file, err) : wait_begun(file.feed, &file.size, err);
    if (rc == CG_OK)
        *file_out = file;
    else
        cg_crate_file_close(&file);
    return rc;
}

/* Its life */

struct cg_art_fetcher *cg_art_fetcher_new(struct cg_art_client *client, struct cg_art_cache *cache, unsigned threads)
{
    struct cg_art_fetcher *f = cg_calloc(1, sizeof(*f));

    CG_ASSERT(threads >= 1 && threads <= CG_ART_FETCH_MAX);
    f->client = client;
    f->cache = cache;
    f->max = threads;
    f->flights = cg_map_new(NULL);
    line_init(&f->queue);
    line_init(&f->failed);
    atomic_init(&f->stopping, false);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->wake, NULL);
    return f;
}

void cg_art_fetcher_set_threads(struct cg_art_fetcher *fetcher, unsigned threads)
{
    CG_ASSERT(threads >= 1 && threads <= CG_ART_FETCH_MAX);
    pthread_mutex_lock(&fetcher->lock);
    fetcher->max = threads;
    pthread_cond_broadcast(&fetcher->wake);
    pthread_mutex_unlock(&fetcher->lock);
}

void cg_art_fetcher_probe(struct cg_art_fetcher *fetcher)
{
    pthread_mutex_lock(&fetcher->lock);
    if (!fetcher->probe_wanted && !fetcher->draining) {
        fetcher->probe_wanted = true;
        wake_thread(fetcher);
    }
    pthread_mutex_unlock(&fetcher->lock);
}

void cg_art_fetcher_tidy(struct cg_art_fetcher *fetcher)
{
    pthread_mutex_lock(&fetcher->lock);
    forget_failures(fetcher);
    pthread_mutex_unlock(&fetcher->lock);
}

static void free_line(struct line *line, bool fly)
{
    struct cg_error err = {0};
    enum cg_err rc = cg_art_stopped(&err);
    struct flight *flight;

    while ((flight = line_take(line)) != NULL) {
        if (fly)
            cg_feed_finish(flight->feed, rc, &err);
        flight_free(flight);
    }
}

void cg_art_fetcher_drain(struct cg_art_fetcher *fetcher)
{
    struct line grounded;
    struct flight *flight;

    line_init(&grounded);
    pthread_mutex_lock(&fetcher->lock);
    fetcher->draining = true;
    fetcher->queued = 0;
    while ((flight = line_take(&fetcher->queue)) != NULL) {
        if (flight->shared)
            cg_map_remove(fetcher->flights, flight->key);
        line_add(&grounded, flight);
    }
    pthread_mutex_unlock(&fetcher->lock);
    free_line(&grounded, true);
}

void cg_art_fetcher_free(struct cg_art_fetcher **fetcher)
{
    struct cg_art_fetcher *f = *fetcher;

    *fetcher = NULL;
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    atomic_store(&f->stopping, true);
    pthread_cond_broadcast(&f->wake);
    pthread_mutex_unlock(&f->lock);
    for (unsigned i = 0; i < f->started; i++)
        pthread_join(f->threads[i], NULL);
    free_line(&f->queue, true);
    free_line(&f->failed, false);
    cg_map_free(&f->flights);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->wake);
    free(f);
}
