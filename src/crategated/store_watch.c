/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "crategated/store_watch.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/digest.h"
#include "base/map.h"
#include "base/mem.h"
#include "crategate/clock.h"
#include "log/log.h"
#include "registry/sync.h"

/* The first look comes so soon after the start, at random, so that instances and restarts do not come all at once. */
#define FIRST_MS 3000
/* Nobody asks twice for a look, so one that was asked for and came to nothing is made again, whatever the interval. */
#define OWED_MS 30000
/* How often it is looked whose turn it is. A shorter sync_interval makes it more often, down to the least. */
#define PAUSE_MS 1000
#define PAUSE_LEAST_MS 100

#define SETTLE_MS 500 /* on one namespace's rows, before the next one has its turn */
#define SETTLE_AGAIN_MS 10000

/* When a namespace's next look is due. */
struct turn {
    int64_t due_ms;      /* monotonic */
    int64_t interval_ms; /* as it was configured at the last turn */
    char *failed;        /* why the last one came to nothing; NULL: it did not */
    bool owed;           /* it was asked for, and came to nothing */
    int64_t settle_ms;   /* monotonic: no attempt before that to make rows fit */
};

struct instance {
    struct cg_store_watch *watch;
    char *name;
    pthread_t thread;
    struct cg_map *turns; /* namespace -> struct turn; the thread's own, as is */
    int64_t pause_ms;
    struct instance *next;
};

struct cg_store_watch {
    struct cg_gateway *gw;
    struct instance *instances;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    atomic_bool stopping;
};

/* About `ms`: a tenth more or less. */
static int64_t jittered(int64_t ms)
{
    uint32_t random;

    cg_random(&random, sizeof(random));
    return ms - ms / 10 + (int64_t)(random % (uint64_t)(ms / 5 + 1));
}

static int64_t first_due(int64_t interval_ms)
{
    int64_t most = interval_ms > 0 && interval_ms < FIRST_MS ? interval_ms : FIRST_MS;
    uint32_t random;

    cg_random(&random, sizeof(random));
    return cg_clock_mono_ms() + (int64_t)random % most;
}

/* What a look found */

static const struct {
    enum cg_audit_event event;
    enum cg_log_level level;
    enum cg_err outcome;
    const char *text;
} kinds[CG_SYNC_EVENTS] = {
    [CG_SYNC_ADOPTED] = {CG_AUDIT_CRATE_ADOPT, CG_LOG_INFO, CG_OK, "was taken in"},
    [CG_SYNC_REFUSED] = {CG_AUDIT_CRATE_ADOPT, CG_LOG_WARN, CG_ERR_UNPROCESSABLE, "is not taken in"},
    [CG_SYNC_CHANGED] = {CG_AUDIT_CRATE_QUARANTINE, CG_LOG_ERROR, CG_OK, "is not given out any more"},
    [CG_SYNC_VANISHED] = {CG_AUDIT_CRATE_QUARANTINE, CG_LOG_ERROR, CG_OK, "is not given out any more"},
    [CG_SYNC_RELEASED] = {CG_AUDIT_CRATE_RELEASE, CG_LOG_INFO, CG_OK, "is given out again"},
    [CG_SYNC_YANKED] = {CG_AUDIT_CRATE_YANK, CG_LOG_INFO, CG_OK, "was yanked"},
    [CG_SYNC_UNYANKED] = {CG_AUDIT_CRATE_YANK, CG_LOG_INFO, CG_OK, "was unyanked"},
    [CG_SYNC_NOTED] = {CG_AUDIT_NONE, CG_LOG_DEBUG, CG_OK, "has its yank noted"},
};

static void tell(void *cls, const char *ns, const struct cg_sync_news *news)
{
    struct instance *instance = cls;
    struct cg_audit_record record = {.event = kinds[news->event].event,
                                     .actor = *news->publisher ? news->publisher : "-",
                                     .namespace_name = ns,
                                     .crate = news->name,
                                     .version = news->version,
                                     .target = instance->name,
                                     .outcome = kinds[news->event].outcome,
                                     .detail = news->detail};
    struct cg_error err = {0};

    if (!news->done) /* told before */
        return;
    cg_log(kinds[news->event].level, "store", NULL, "namespace=%s crate=%s version=%s %s: %s", ns, news->name,
           news->version, kinds[news->event].text, news->detail);
    if (record.event != CG_AUDIT_NONE && cg_audit_write(instance->watch->gw->audit, &record, &err) != CG_OK)
        cg_log_error(CG_LOG_ERROR, "audit", NULL, &err, "the record of a %s was lost", cg_audit_event_name(record.event));
}

/* An instance that is down is told of with and without the repository before the colon. */
static const char *reason_in(const char *detail)
{
    const char *colon = strrchr(detail, ':');

    return colon ? colon : detail;
}

/* Told when it begins, when it is for another reason, and when it ends. */
static void tell_outcome(struct turn *turn, const char *ns, enum cg_err rc, const struct cg_error *err)
{
    if (rc != CG_OK && (!turn->failed || strcmp(turn->failed, reason_in(err->detail)) != 0))
        cg_log_error(CG_LOG_ERROR, "store", NULL, err, "namespace=%s: the look at its repository came to nothing", ns);
    if (rc == CG_OK && turn->failed)
        cg_log(CG_LOG_INFO, "store", NULL, "namespace=%s: its repository can be looked at again", ns);
    free(turn->failed);
    turn->failed = rc == CG_OK ? NULL : cg_strdup(reason_in(err->detail));
}

/* Looking */

static bool is_stopping(void *cls)
{
    return ((const struct instance *)cls)->watch->stopping;
}

static void look(struct instance *instance, const struct cg_conf *conf, const char *ns, struct turn *turn)
{
    struct cg_gateway *gw = instance->watch->gw;
    struct cg_sync_report report = {.stopped = is_stopping, .tell = tell, .cls = instance};
    struct cg_error err = {0};
    /* What could not be recorded is not done. */
    enum cg_err rc = cg_audit_reserve(gw->audit, &err);

    if (rc == CG_OK)
        rc = cg_registry_sync(gw->registry, conf, ns, &report, &err);
    if (!instance->watch->stopping)
        tell_outcome(turn, ns, rc, &err);
}

static void free_turn(void *value)
{
    struct turn *turn = value;

    free(turn->failed);
    free(turn);
}

static struct turn *turn_of(struct instance *instance, const char *ns, int64_t interval_ms)
{
    struct turn *turn = cg_map_get(instance->turns, ns);

    if (!turn) {
        turn = cg_calloc(1, sizeof(*turn));
        turn->due_ms = first_due(interval_ms);
        cg_map_put(instance->turns, ns, turn);
    }
    return turn;
}

/* A reload that makes the interval shorter does not wait for the end of the long one. */
static bool is_due(struct turn *turn, int64_t interval_ms)
{
    int64_t now = cg_clock_mono_ms();

    if (interval_ms < turn->interval_ms && now + interval_ms < turn->due_ms)
        turn->due_ms = now + jittered(interval_ms);
    turn->interval_ms = interval_ms;
    return (interval_ms > 0 || turn->owed) && now >= turn->due_ms;
}

/* A crate that cannot be had is not asked for every second. */
static void settle(struct cg_registry *reg, const char *ns, struct turn *turn)
{
    int64_t now = cg_clock_mono_ms();
    struct cg_error err = {0};

    if (now < turn->settle_ms || cg_registry_settle(reg, ns, now + SETTLE_MS, &err) == CG_OK)
        return;
    cg_log_error(CG_LOG_DEBUG, "store", NULL, &err, "namespace=%s: rows of the database wait for a crate", ns);
    turn->settle_ms = cg_clock_mono_ms() + SETTLE_AGAIN_MS;
}

static void tend(struct instance *instance, const struct cg_conf *conf, const char *ns, int64_t interval_ms)
{
    struct cg_registry *reg = instance->watch->gw->registry;
    struct turn *turn = turn_of(instance, ns, interval_ms);
    bool wanted = cg_registry_sync_wanted(reg, ns), due = is_due(turn, interval_ms);

    if (!cg_registry_syncs(reg, ns))
        return;
    if (cg_registry_sync_marks(reg, ns, NULL) != CG_OK)
        cg_log(CG_LOG_DEBUG, "store", NULL, "namespace=%s: yanks wait to be noted in its repository", ns);
    settle(reg, ns, turn);
    if (!wanted && !due)
        return;
    look(instance, conf, ns, turn);
    turn->owed = turn->failed && (wanted || turn->owed);
    if (turn->owed && (interval_ms <= 0 || interval_ms > OWED_MS))
        interval_ms = OWED_MS;
    turn->due_ms = cg_clock_mono_ms() + jittered(interval_ms);
}

static int64_t pause_for(int64_t interval_ms)
{
    if (interval_ms <= 0 || interval_ms > PAUSE_MS)
        return PAUSE_MS;
    return interval_ms > PAUSE_LEAST_MS ? interval_ms : PAUSE_LEAST_MS;
}

static void tend_all(struct instance *instance)
{
    struct cg_policy *policy = cg_gateway_policy(instance->watch->gw);
    const struct cg_conf *conf = cg_policy_conf(policy);
    const struct cg_conf_artifactory *settings = cg_conf_artifactory(conf, instance->name);

    instance->pause_ms = settings ? pause_for(settings->sync_interval) : PAUSE_MS;
    for (size_t i = 0; settings && i < conf->namespace_count && !instance->watch->stopping; i++) {
        const struct cg_conf_namespace *ns = &conf->namespaces[i];

        if (ns->storage == CG_STORAGE_ARTIFACTORY && strcmp(ns->artifactory, instance->name) == 0)
            tend(instance, conf, ns->name, settings->sync_interval);
    }
    cg_policy_unref(&policy);
}

/* False when it is time to end. */
static bool wait_for_a_turn(const struct instance *instance)
{
    struct cg_store_watch *watch = instance->watch;
    struct timespec until;
    bool go_on;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (instance->pause_ms % 1000) * 1000000;
    until.tv_sec += instance->pause_ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&watch->lock);
    while (!watch->stopping && pthread_cond_timedwait(&watch->cond, &watch->lock, &until) != ETIMEDOUT)
        continue;
    go_on = !watch->stopping;
    pthread_mutex_unlock(&watch->lock);
    return go_on;
}

static void *run(void *cls)
{
    struct instance *instance = cls;

    while (wait_for_a_turn(instance))
        tend_all(instance);
    return NULL;
}

/* Threads */

static bool has_thread(const struct cg_store_watch *watch, const char *name)
{
    const struct instance *at = watch->instances;

    while (at && strcmp(at->name, name) != 0)
        at = at->next;
    return at != NULL;
}

static void free_instance(struct instance *instance)
{
    cg_map_free(&instance->turns);
    free(instance->name);
    free(instance);
}

static enum cg_err start(struct cg_store_watch *watch, const char *name, struct cg_error *err)
{
    struct instance *instance = cg_calloc(1, sizeof(*instance));

    instance->watch = watch;
    instance->name = cg_strdup(name);
    instance->turns = cg_map_new(free_turn);
    instance->pause_ms = PAUSE_LEAST_MS;
    if (pthread_create(&instance->thread, NULL, run, instance) != 0) {
        free_instance(instance);
        return cg_error_set(err, CG_ERR_UNAVAILABLE, "the thread that looks at Artifactory \"%s\" could not be started",
                            name);
    }
    pthread_setname_np(instance->thread, "store");
    instance->next = watch->instances;
    watch->instances = instance;
    return CG_OK;
}

struct cg_store_watch *cg_store_watch_new(struct cg_gateway *gw)
{
    struct cg_store_watch *watch = cg_calloc(1, sizeof(*watch));
    pthread_condattr_t attr;

    watch->gw = gw;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&watch->lock, NULL);
    pthread_cond_init(&watch->cond, &attr);
    pthread_condattr_destroy(&attr);
    return watch;
}

enum cg_err cg_store_watch_adapt(struct cg_store_watch *watch, struct cg_error *err)
{
    struct cg_policy *policy = cg_gateway_policy(watch->gw);
    const struct cg_conf *conf = cg_policy_conf(policy);
    enum cg_err rc = CG_OK;

    for (size_t i = 0; rc == CG_OK && i < conf->artifactory_count; i++)
        if (!has_thread(watch, conf->artifactories[i].name))
            rc = start(watch, conf->artifactories[i].name, err);
    cg_policy_unref(&policy);
    return rc;
}

void cg_store_watch_stop(struct cg_store_watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    watch->stopping = true;
    pthread_cond_broadcast(&watch->cond);
    pthread_mutex_unlock(&watch->lock);
}

void cg_store_watch_free(struct cg_store_watch **watch)
{
    struct cg_store_watch *w = *watch;

    if (!w)
        return;
    cg_store_watch_stop(w);
    while (w->instances) {
        struct instance *gone = w->instances;

        w->instances = gone->next;
        pthread_join(gone->thread, NULL);
        free_instance(gone);
    }
    pthread_cond_destroy(&w->cond);
    pthread_mutex_destroy(&w->lock);
    free(w);
    *watch = NULL;
}
