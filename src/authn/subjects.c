/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "authn/subjects.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/map.h"
#include "base/mem.h"
#include "crategate/clock.h"

#define REFUSAL_MS 60000 /* who was gone or disabled is asked for again after this time at the latest */
#define RETRY_AFTER_S 30
#define USED_STEP_MS 1000 /* a use is noted at most this often, to leave the cache line alone */
#define WANTED_MS 300000  /* for whom there is no verdict yet: asked for in the background while used within */
#define KEEP_MS 3600000   /* beyond the longest grace */

enum verdict { NEVER, GOOD, GONE, DISABLED };

struct subject {
    enum verdict verdict;
    struct cg_identity *who; /* of GOOD, else NULL */
    int64_t asked_at;        /* monotonic ms, when the answer in here was asked for */
    int64_t fresh_until;     /* until then nobody needs to ask; 0: due */
    int64_t refresh_at;      /* of GOOD: from then on the background asks */
    bool failing;            /* asked since, and not answered */
    int64_t failed_at;       /* when that became known */
    int64_t retry_at;        /* not asked again before */
    _Atomic int64_t used_at;
};

struct cg_subjects {
    pthread_rwlock_t lock; /* the map and all but used_at in the subjects */
    struct cg_map *by_id;
    _Atomic int64_t answered_at; /* when the directory last answered anything about anybody */
};

static void free_subject(void *value)
{
    struct subject *s = value;

    cg_identity_unref(&s->who);
    free(s);
}

struct cg_subjects *cg_subjects_new(void)
{
    struct cg_subjects *subjects = cg_calloc(1, sizeof(*subjects));
    pthread_rwlockattr_t attr;

    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&subjects->lock, &attr);
    pthread_rwlockattr_destroy(&attr);
    subjects->by_id = cg_map_new(free_subject);
    return subjects;
}

void cg_subjects_free(struct cg_subjects **subjects)
{
    if (!*subjects)
        return;
    cg_map_free(&(*subjects)->by_id);
    pthread_rwlock_destroy(&(*subjects)->lock);
    free(*subjects);
    *subjects = NULL;
}

static enum cg_err refuse(const struct subject *s, const struct cg_subject_question *q, struct cg_error *err)
{
    return cg_error_hide(
        err, CG_ERR_UNAUTHENTICATED,
        "the account of this token's owner is not active in the directory, so the token does not work; "
        "the directory's administrators can tell why",
        "%s is %s", q->id, s->verdict == GONE ? "gone" : "disabled");
}

static enum cg_err unavailable(struct cg_error *err)
{
    cg_error_set(err, CG_ERR_UNAVAILABLE,
                 "the directory does not answer, and its last answer about you is too old to go by; try again later");
    if (err)
        err->retry_after_s = RETRY_AFTER_S;
    return CG_ERR_UNAVAILABLE;
}

static bool has_grace(const struct subject *s, const struct cg_subject_question *q)
{
    int64_t grace = q->writes ? q->conf->ldap.stale_if_error_write : q->conf->ldap.stale_if_error_read;

    return s->verdict == GOOD && q->now_ms - s->asked_at < grace;
}

static enum cg_err accept(const struct subject *s, struct cg_identity **who_out)
{
    *who_out = cg_identity_ref(s->who);
    return CG_OK;
}

static enum cg_err fall_back(const struct subject *s, const struct cg_subject_question *q, struct cg_identity **who_out,
                             struct cg_error *err)
{
    if (s && has_grace(s, q))
        return accept(s, who_out);
    if (s && (s->verdict == GONE || s->verdict == DISABLED)) /* the last answer was no, and no grace is for that */
        return refuse(s, q, err);
    return unavailable(err);
}

/* Nobody need ask the directory now: it did not answer a moment ago, or grace lasts and it has been silent since. */
static bool spared(const struct cg_subjects *subjects, const struct subject *s, const struct cg_subject_question *q)
{
    if (!s->failing)
        return false;
    return q->now_ms < s->retry_at || (has_grace(s, q) && atomic_load(&subjects->answered_at) <= s->failed_at);
}

static enum cg_err judge(const struct cg_subjects *subjects, const struct subject *s,
                         const struct cg_subject_question *q, struct cg_identity **who_out, struct cg_error *err)
{
    if (!s)
        return CG_ERR_AGAIN;
    if (s->verdict != NEVER && q->now_ms <= s->fresh_until)
        return s->verdict == GOOD ? accept(s, who_out) : refuse(s, q, err);
    return spared(subjects, s, q) ? fall_back(s, q, who_out, err) : CG_ERR_AGAIN;
}

static void note_use(struct subject *s, int64_t now_ms)
{
    if (now_ms - atomic_load_explicit(&s->used_at, memory_order_relaxed) >= USED_STEP_MS)
        atomic_store_explicit(&s->used_at, now_ms, memory_order_relaxed);
}

enum cg_err cg_subjects_judge(struct cg_subjects *subjects, const struct cg_subject_question *q,
                              struct cg_identity **who_out, struct cg_error *err)
{
    struct subject *s;
    enum cg_err rc;

    pthread_rwlock_rdlock(&subjects->lock);
    s = cg_map_get(subjects->by_id, q->id);
    if (s)
        note_use(s, q->now_ms);
    rc = judge(subjects, s, q, who_out, err);
    pthread_rwlock_unlock(&subjects->lock);
    return rc;
}

enum cg_err cg_subjects_fall_back(struct cg_subjects *subjects, const struct cg_subject_question *q,
                                  struct cg_identity **who_out, struct cg_error *err)
{
    enum cg_err rc;

    pthread_rwlock_rdlock(&subjects->lock);
    rc = fall_back(cg_map_get(subjects->by_id, q->id), q, who_out, err);
    pthread_rwlock_unlock(&subjects->lock);
    return rc;
}

static struct subject *subject_of(struct cg_subjects *subjects, const struct cg_subject_question *q)
{
    struct subject *s = cg_map_get(subjects->by_id, q->id);

    if (s)
        return s;
    s = cg_calloc(1, sizeof(*s));
    atomic_init(&s->used_at, q->now_ms);
    cg_map_put(subjects->by_id, q->id, s);
    return s;
}

/* 0.75 of the interval, a tenth of that more or less, so that people who came together do not return together. */
static int64_t refresh_after(int64_t interval)
{
    uint16_t random;

    cg_random(&random, sizeof(random));
    return interval * 3 / 4 * (900 + random % 201) / 1000;
}

static void set_answer(struct subject *s, const struct cg_subject_question *q, enum verdict verdict,
                       struct cg_identity *who, bool current)
{
    int64_t holds = q->conf->ldap.revalidate_interval;

    if (verdict != GOOD && holds > REFUSAL_MS)
        holds = REFUSAL_MS;
    cg_identity_unref(&s->who);
    s->who = who ? cg_identity_ref(who) : NULL;
    s->verdict = verdict;
    s->asked_at = q->now_ms;
    s->fresh_until = current ? q->now_ms + holds : 0;
    s->refresh_at = current ? q->now_ms + refresh_after(holds) : 0;
    s->failing = false;
}

static void set_failure(struct subject *s, const struct cg_subject_question *q, int64_t now_ms)
{
    s->failing = true;
    s->failed_at = now_ms;
    s->retry_at = now_ms + q->conf->ldap.server_retry_after;
}

void cg_subjects_record(struct cg_subjects *subjects, const struct cg_subject_question *q, enum cg_err said,
                        struct cg_identity *who, bool current)
{
    int64_t now = cg_clock_mono_ms();
    struct subject *s;

    pthread_rwlock_wrlock(&subjects->lock);
    s = subject_of(subjects, q);
    if (said == CG_OK || said == CG_ERR_ABSENT || said == CG_ERR_DENIED) {
        enum verdict verdict = said == CG_OK ? GOOD : said == CG_ERR_ABSENT ? GONE : DISABLED;

        if (q->now_ms >= s->asked_at)
            set_answer(s, q, verdict, who, current);
        atomic_store(&subjects->answered_at, now);
    } else if (q->now_ms >= s->asked_at) {
        set_failure(s, q, now);
    }
    pthread_rwlock_unlock(&subjects->lock);
}

struct due {
    int64_t now_ms;
    char **ids;
    size_t count, max;
};

static bool is_due(const struct subject *s, int64_t now_ms)
{
    int64_t used = atomic_load_explicit(&s->used_at, memory_order_relaxed);

    if (s->failing && now_ms < s->retry_at)
        return false;
    if (s->verdict == GOOD)
        return now_ms >= s->refresh_at && used >= s->asked_at;
    return s->verdict == NEVER && now_ms - used < WANTED_MS;
}

static bool collect_due(void *cls, const void *key, size_t len, void *value)
{
    struct due *due = cls;

    if (due->count < due->max && is_due(value, due->now_ms))
        due->ids[due->count++] = cg_strndup(key, len);
    return false;
}

size_t cg_subjects_due(struct cg_subjects *subjects, int64_t now_ms, char **ids_out, size_t max)
{
    struct due due = {.now_ms = now_ms, .ids = ids_out, .max = max};

    pthread_rwlock_rdlock(&subjects->lock);
    cg_map_each(subjects->by_id, collect_due, &due);
    pthread_rwlock_unlock(&subjects->lock);
    return due.count;
}

static bool expire(void *cls, const void *key, size_t len, void *value)
{
    struct subject *s = value;

    (void)cls, (void)key, (void)len;
    s->fresh_until = s->refresh_at = s->retry_at = 0;
    s->failing = false;
    return false;
}

void cg_subjects_expire_all(struct cg_subjects *subjects)
{
    pthread_rwlock_wrlock(&subjects->lock);
    cg_map_each(subjects->by_id, expire, NULL);
    pthread_rwlock_unlock(&subjects->lock);
}

static bool is_old(void *cls, const void *key, size_t len, void *value)
{
    const struct subject *s = value;
    int64_t used = atomic_load_explicit(&s->used_at, memory_order_relaxed);

    (void)key, (void)len;
    return (used > s->asked_at ? used : s->asked_at) < *(const int64_t *)cls;
}

void cg_subjects_sweep(struct cg_subjects *subjects, const struct cg_conf *conf, int64_t now_ms)
{
    int64_t keep = conf->ldap.revalidate_interval;
    int64_t oldest;

    if (keep < conf->ldap.stale_if_error_read)
        keep = conf->ldap.stale_if_error_read;
    if (keep < conf->ldap.stale_if_error_write)
        keep = conf->ldap.stale_if_error_write;
    oldest = now_ms - keep - KEEP_MS;
    pthread_rwlock_wrlock(&subjects->lock);
    cg_map_each(subjects->by_id, is_old, &oldest);
    pthread_rwlock_unlock(&subjects->lock);
}
