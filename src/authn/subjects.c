/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "authn/subjects.h"

#include <stdlib.h>
#include <string.h>

#include "authn/subjects_private.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "log/metrics.h"

#define RETRY_AFTER_S 30
#define USED_STEP_MS 1000 /* a use is noted at most this often, to leave the cache line alone */
#define CONFIRM_S 300
#define LIMIT_MIN 5

static void free_subject(void *value)
{
    struct cg_subject *s = value;

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

int64_t cg_subject_wall_s(int64_t mono_ms)
{
    return cg_clock_wall_s() - (cg_clock_mono_ms() - mono_ms) / 1000;
}

int64_t cg_subject_confirm_s(const struct cg_conf *conf)
{
    int64_t interval = conf->ldap.revalidate_interval / 1000;

    return interval < CONFIRM_S ? interval : CONFIRM_S;
}

int64_t cg_subject_refusal_ms(const struct cg_conf *conf)
{
    int64_t interval = conf->ldap.revalidate_interval;

    return interval < CG_SUBJECT_REFUSAL_MS ? interval : CG_SUBJECT_REFUSAL_MS;
}

int64_t cg_subject_refresh_ms(int64_t interval_ms)
{
    uint16_t random;

    cg_random(&random, sizeof(random));
    return interval_ms * 3 / 4 * (900 + random % 201) / 1000;
}

static enum cg_err refuse(const struct cg_subject *s, const struct cg_subject_question *q, struct cg_error *err)
{
    const char *state = s->verdict == CG_VERDICT_GONE ? "gone" : "disabled";

    if (cg_str_starts(q->id, CG_SUBJECT_GROUP))
        return cg_error_hide(err, CG_ERR_UNAUTHENTICATED,
                             "the group that owns this service's token has no active member in the directory, so the "
                             "token does not work; the registry's administrators can tell which group it is",
                             "%s is %s", q->id, state);
    return cg_error_hide(
        err, CG_ERR_UNAUTHENTICATED,
        "the account of this token's owner is not active in the directory, so the token does not work; "
        "the directory's administrators can tell why",
        "%s is %s", q->id, state);
}

static enum cg_err unavailable(struct cg_error *err)
{
    cg_error_set(err, CG_ERR_UNAVAILABLE,
                 "the directory does not answer, and its last answer about you is too old to go by; try again later");
    if (err)
        err->retry_after_s = RETRY_AFTER_S;
    return CG_ERR_UNAVAILABLE;
}

static bool has_grace(const struct cg_subject *s, const struct cg_subject_question *q)
{
    int64_t grace = q->writes ? q->conf->ldap.stale_if_error_write : q->conf->ldap.stale_if_error_read;

    return s->verdict == CG_VERDICT_GOOD && q->now_ms - s->asked_at < grace;
}

static enum cg_err accept(const struct cg_subject *s, struct cg_identity **who_out)
{
    *who_out = cg_identity_ref(s->who);
    return CG_OK;
}

static enum cg_err fall_back(const struct cg_subject *s, const struct cg_subject_question *q,
                             struct cg_identity **who_out, struct cg_error *err)
{
    if (s && has_grace(s, q))
        return accept(s, who_out);
    if (s && (s->verdict == CG_VERDICT_GONE ||
              s->verdict == CG_VERDICT_DISABLED)) /* the last answer was no, and no grace is for that */
        return refuse(s, q, err);
    return unavailable(err);
}

/* Has nothing been heard of the directory since it left a question unanswered: this one, or anybody's? */
static bool is_silent(const struct cg_subjects *subjects, const struct cg_subject *s)
{
    int64_t answered_at = atomic_load(&subjects->answered_at), failed_at = atomic_load(&subjects->failed_at);

    return (s->failing && answered_at <= s->failed_at) || (failed_at && answered_at <= failed_at);
}

/* Nobody need ask the directory now: it left this one unanswered a moment ago; or grace lasts, and the background is
 * asking about this one already (under these settings) or can be left to find out when the directory is back. */
static bool spared(const struct cg_subjects *subjects, const struct cg_subject *s, const struct cg_subject_question *q)
{
    if (s->failing && q->now_ms < s->retry_at)
        return true;
    return has_grace(s, q) && ((s->asking && s->fresh_until) || is_silent(subjects, s));
}

static enum cg_err judge(const struct cg_subjects *subjects, const struct cg_subject *s,
                         const struct cg_subject_question *q, struct cg_identity **who_out, struct cg_error *err)
{
    if (!s)
        return CG_ERR_AGAIN;
    if (s->verdict != CG_VERDICT_NEVER && q->now_ms <= s->fresh_until)
        return s->verdict == CG_VERDICT_GOOD ? accept(s, who_out) : refuse(s, q, err);
    return spared(subjects, s, q) ? fall_back(s, q, who_out, err) : CG_ERR_AGAIN;
}

static void note_use(struct cg_subject *s, int64_t now_ms)
{
    if (now_ms - atomic_load_explicit(&s->used_at, memory_order_relaxed) >= USED_STEP_MS)
        atomic_store_explicit(&s->used_at, now_ms, memory_order_relaxed);
}

enum cg_err cg_subjects_judge(struct cg_subjects *subjects, const struct cg_subject_question *q,
                              struct cg_identity **who_out, struct cg_error *err)
{
    struct cg_subject *s;
    enum cg_err rc;

    pthread_rwlock_rdlock(&subjects->lock);
    s = cg_map_get(subjects->by_id, q->id);
    if (s)
        note_use(s, q->now_ms);
    rc = judge(subjects, s, q, who_out, err);
    pthread_rwlock_unlock(&subjects->lock);
    return rc;
}

int64_t cg_subjects_fresh_until(struct cg_subjects *subjects, const char *id)
{
    const struct cg_subject *s;
    int64_t until;

    pthread_rwlock_rdlock(&subjects->lock);
    s = cg_map_get(subjects->by_id, id);
    until = s && s->verdict == CG_VERDICT_GOOD ? s->fresh_until : 0;
    pthread_rwlock_unlock(&subjects->lock);
    return until;
}

uint64_t cg_subjects_changes(const struct cg_subjects *subjects)
{
    return atomic_load_explicit(&subjects->changes, memory_order_acquire);
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

static struct cg_subject *subject_of(struct cg_subjects *subjects, const struct cg_subject_question *q)
{
    struct cg_subject *s = cg_map_get(subjects->by_id, q->id);

    if (s)
        return s;
    s = cg_calloc(1, sizeof(*s));
    s->asked_at = INT64_MIN;
    atomic_init(&s->used_at, q->background ? INT64_MIN / 2 : q->now_ms);
    cg_map_put(subjects->by_id, q->id, s);
    return s;
}

/* Gone is believed when it was seen twice, some time apart; disabled at once. */
static enum cg_subject_change settle(struct cg_subject *s, const struct cg_subject_question *q, bool believed)
{
    int64_t now = cg_subject_wall_s(q->now_ms);
    bool suspend = s->verdict == CG_VERDICT_DISABLED;

    if (s->verdict == CG_VERDICT_GOOD) {
        bool was = s->suspended_at != 0;

        s->gone_since = s->suspended_at = 0;
        return was ? CG_SUBJECT_RESUMED : CG_SUBJECT_SAME;
    }
    if (s->verdict == CG_VERDICT_GONE) {
        if (s->gone_since == 0 || s->gone_since > now)
            s->gone_since = now;
        suspend = believed && now - s->gone_since >= cg_subject_confirm_s(q->conf);
    } else {
        s->gone_since = 0;
    }
    if (!suspend || s->suspended_at)
        return CG_SUBJECT_SAME;
    s->suspended_at = now;
    return CG_SUBJECT_SUSPENDED;
}

static void set_answer(struct cg_subject *s, const struct cg_subject_question *q, enum cg_verdict verdict,
                       struct cg_identity *who, bool current)
{
    int64_t holds = verdict == CG_VERDICT_GOOD ? q->conf->ldap.revalidate_interval : cg_subject_refusal_ms(q->conf);

    if (who) {
        cg_identity_unref(&s->who);
        s->who = cg_identity_ref(who);
    }
    if (verdict != CG_VERDICT_GONE || q->swept)
        s->turned_at = 0;
    else if (s->verdict == CG_VERDICT_GOOD)
        s->turned_at = q->now_ms;
    s->verdict = verdict;
    s->asked_at = q->now_ms;
    s->fresh_until = current ? q->now_ms + holds : 0;
    s->refresh_at = current ? q->now_ms + cg_subject_refresh_ms(holds) : 0;
    s->failing = false;
    s->changed = true;
}

static void set_failure(struct cg_subject *s, const struct cg_subject_question *q, int64_t now_ms)
{
    s->failing = true;
    s->failed_at = now_ms;
    s->retry_at = now_ms + q->conf->ldap.server_retry_after;
}

size_t cg_subjects_limit(const struct cg_conf *conf, size_t people)
{
    size_t part = (size_t)(conf->ldap.max_sweep_fraction * (double)people);

    return part > LIMIT_MIN ? part : LIMIT_MIN;
}

struct turned {
    int64_t since_ms;
    size_t people, gone;
};

static bool count_turned(void *cls, const void *key, size_t len, void *value)
{
    struct turned *turned = cls;
    const struct cg_subject *s = value;

    (void)key, (void)len;
    turned->people += s->verdict != CG_VERDICT_NEVER;
    turned->gone += s->turned_at && s->turned_at >= turned->since_ms;
    return false;
}

/* Is somebody's absence one too many? Counted only when a good verdict is about to end, which is rare. */
static bool guard(struct cg_subjects *subjects, const struct cg_subject *s, const struct cg_subject_question *q,
                  enum cg_subject_change *change)
{
    struct turned turned = {.since_ms = q->now_ms - q->conf->ldap.revalidate_interval};

    if (q->swept || !cg_conf_has_directory(q->conf)) /* who takes the directory away means it */
        return false;
    if (subjects->guarding || s->verdict != CG_VERDICT_GOOD)
        return subjects->guarding;
    cg_map_each(subjects->by_id, count_turned, &turned);
    if (turned.gone < cg_subjects_limit(q->conf, turned.people))
        return false;
    subjects->guarding = true;
    cg_metric_set(CG_METRIC_GONE_GUARD, 1);
    *change = CG_SUBJECT_GUARDED;
    return true;
}

/* By name and in rights. */
static bool is_same(const struct cg_identity *before, const struct cg_identity *now)
{
    size_t count = cg_identity_group_count(now);

    if (!before || strcmp(cg_identity_name(before), cg_identity_name(now)) != 0 ||
        cg_identity_group_count(before) != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (strcmp(cg_identity_group_dn(before, i), cg_identity_group_dn(now, i)) != 0)
            return false;
    return true;
}

static enum cg_verdict verdict_of(enum cg_err said)
{
    if (said == CG_OK)
        return CG_VERDICT_GOOD;
    return said == CG_ERR_ABSENT ? CG_VERDICT_GONE : CG_VERDICT_DISABLED;
}

static enum cg_subject_change take_answer(struct cg_subjects *subjects, const struct cg_subject_question *q,
                                          enum cg_err said, struct cg_identity *who, bool current)
{
    struct cg_subject *s = subject_of(subjects, q);
    enum cg_verdict verdict = verdict_of(said);
    enum cg_subject_change change = CG_SUBJECT_SAME;
    bool guarded;

    if (q->now_ms < s->asked_at)
        return CG_SUBJECT_SAME;
    guarded = verdict == CG_VERDICT_GONE && guard(subjects, s, q, &change);
    if (guarded && s->verdict == CG_VERDICT_GOOD) {
        set_failure(s, q, cg_clock_mono_ms());
        return change;
    }
    if (verdict != s->verdict || (who && !is_same(s->who, who))) {
        atomic_store(&subjects->urgent, true);
        atomic_fetch_add(&subjects->changes, 1);
    }
    set_answer(s, q, verdict, who, current);
    change = settle(s, q, !guarded);
    if (change != CG_SUBJECT_SAME)
        atomic_store(&subjects->urgent, true);
    return change;
}

enum cg_subject_change cg_subjects_record(struct cg_subjects *subjects, const struct cg_subject_question *q,
                                          enum cg_err said, struct cg_identity *who, bool current)
{
    enum cg_subject_change change = CG_SUBJECT_SAME;
    int64_t now = cg_clock_mono_ms();
    struct cg_subject *s;

    pthread_rwlock_wrlock(&subjects->lock);
    s = subject_of(subjects, q);
    s->asking = false;
    if (said == CG_OK || said == CG_ERR_ABSENT || said == CG_ERR_DENIED) {
        change = take_answer(subjects, q, said, who, current);
        atomic_store(&subjects->answered_at, now);
    } else {
        if (q->now_ms >= s->asked_at)
            set_failure(s, q, now);
        atomic_store(&subjects->failed_at, now);
    }
    pthread_rwlock_unlock(&subjects->lock);
    return change;
}

void cg_subjects_asking(struct cg_subjects *subjects, const char *id)
{
    struct cg_subject *s;

    pthread_rwlock_wrlock(&subjects->lock);
    s = cg_map_get(subjects->by_id, id);
    if (s)
        s->asking = true;
    pthread_rwlock_unlock(&subjects->lock);
}

bool cg_subjects_asked_since(struct cg_subjects *subjects, const char *id, int64_t since_ms)
{
    const struct cg_subject *s;
    bool asked;

    pthread_rwlock_rdlock(&subjects->lock);
    s = cg_map_get(subjects->by_id, id);
    asked = s && s->asked_at >= since_ms;
    pthread_rwlock_unlock(&subjects->lock);
    return asked;
}

static bool expire(void *cls, const void *key, size_t len, void *value)
{
    struct cg_subject *s = value;

    (void)cls, (void)key, (void)len;
    s->fresh_until = s->refresh_at = s->retry_at = 0;
    s->failing = false;
    s->changed = true;
    return false;
}

void cg_subjects_expire_all(struct cg_subjects *subjects)
{
    pthread_rwlock_wrlock(&subjects->lock);
    cg_map_each(subjects->by_id, expire, NULL);
    atomic_fetch_add(&subjects->changes, 1);
    atomic_store(&subjects->failed_at, 0); /* the directory of the new settings has not failed yet */
    pthread_rwlock_unlock(&subjects->lock);
    cg_subjects_set_guard(subjects, false);
}

void cg_subjects_set_guard(struct cg_subjects *subjects, bool on)
{
    pthread_rwlock_wrlock(&subjects->lock);
    subjects->guarding = on;
    pthread_rwlock_unlock(&subjects->lock);
    cg_metric_set(CG_METRIC_GONE_GUARD, on);
}

bool cg_subjects_guarded(struct cg_subjects *subjects)
{
    bool on;

    pthread_rwlock_rdlock(&subjects->lock);
    on = subjects->guarding;
    pthread_rwlock_unlock(&subjects->lock);
    return on;
}
