/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Walks over the table of subjects: whom the background has to ask about, forget or write down. */
#include <stdlib.h>
#include <string.h>

#include "authn/subjects_private.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"

#define KEEP_MS 3600000                        /* beyond the longest grace */
#define LONG_AGO_MS (3650 * INT64_C(86400000)) /* longer than any interval or grace */

/* One walk: those that fit go into `ids` until it is full. */
struct walk {
    const struct cg_conf *conf;
    int64_t now_ms, wall_s;
    int64_t keep_ms; /* of sweep */
    char **ids;
    size_t count, max;
};

static bool take(struct walk *walk, const void *key, size_t len)
{
    walk->ids[walk->count++] = cg_strndup(key, len);
    return true;
}

static size_t run(struct cg_subjects *subjects, struct walk *walk, bool change,
                  bool (*visit)(void *, const void *, size_t, void *))
{
    walk->wall_s = cg_subject_wall_s(walk->now_ms);
    if (change)
        pthread_rwlock_wrlock(&subjects->lock);
    else
        pthread_rwlock_rdlock(&subjects->lock);
    cg_map_each(subjects->by_id, visit, walk);
    pthread_rwlock_unlock(&subjects->lock);
    return walk->count;
}

/* Seen gone once, and it is time for the second look; a minute at least between two looks. */
static bool wants_second_look(const struct cg_subject *s, const struct walk *walk)
{
    return s->verdict == CG_VERDICT_GONE && !s->suspended_at &&
           walk->wall_s - s->gone_since >= cg_subject_confirm_s(walk->conf) &&
           walk->now_ms - s->asked_at >= cg_subject_refusal_ms(walk->conf);
}

static bool is_due(const struct cg_subject *s, const struct walk *walk)
{
    int64_t used = atomic_load_explicit(&s->used_at, memory_order_relaxed);

    if (s->failing && walk->now_ms < s->retry_at)
        return false;
    if (s->verdict == CG_VERDICT_GOOD)
        return walk->now_ms >= s->refresh_at && used >= s->asked_at;
    if (s->verdict == CG_VERDICT_NEVER)
        return walk->now_ms - used < CG_SUBJECT_WANTED_MS;
    return wants_second_look(s, walk);
}

static bool collect_due(void *cls, const void *key, size_t len, void *value)
{
    struct walk *walk = cls;

    if (walk->count < walk->max && is_due(value, walk))
        take(walk, key, len);
    return false;
}

size_t cg_subjects_due(struct cg_subjects *subjects, const struct cg_conf *conf, int64_t now_ms, char **ids_out,
                       size_t max)
{
    struct walk walk = {.conf = conf, .now_ms = now_ms, .ids = ids_out, .max = max};

    return run(subjects, &walk, false, collect_due);
}

static bool collect_purgeable(void *cls, const void *key, size_t len, void *value)
{
    struct walk *walk = cls;
    const struct cg_subject *s = value;
    int64_t since = s->gone_since > s->suspended_at ? s->gone_since : s->suspended_at;

    if (walk->count < walk->max && s->verdict == CG_VERDICT_GONE && s->suspended_at &&
        walk->wall_s - since >= walk->conf->ldap.purge_after / 1000)
        take(walk, key, len);
    return false;
}

size_t cg_subjects_purgeable(struct cg_subjects *subjects, const struct cg_conf *conf, char **ids_out, size_t max)
{
    struct walk walk = {.conf = conf, .now_ms = cg_clock_mono_ms(), .ids = ids_out, .max = max};

    return run(subjects, &walk, false, collect_purgeable);
}

/* Whose tokens are suspended is kept in mind until they are purged, or nobody has asked for as long. */
static bool drop_old(void *cls, const void *key, size_t len, void *value)
{
    struct walk *walk = cls;
    const struct cg_subject *s = value;
    int64_t used = atomic_load_explicit(&s->used_at, memory_order_relaxed);
    int64_t keep = walk->keep_ms + (s->suspended_at || s->gone_since ? walk->conf->ldap.purge_after : 0);
    int64_t last = used > s->asked_at ? used : s->asked_at;

    return walk->count < walk->max && last < walk->now_ms - keep && take(walk, key, len);
}

static int64_t longest(const struct cg_conf_ldap *ldap)
{
    int64_t longest = ldap->revalidate_interval;

    if (longest < ldap->stale_if_error_read)
        longest = ldap->stale_if_error_read;
    return longest < ldap->stale_if_error_write ? ldap->stale_if_error_write : longest;
}

size_t cg_subjects_sweep(struct cg_subjects *subjects, const struct cg_conf *conf, int64_t now_ms, char **ids_out,
                         size_t max)
{
    struct walk walk = {
        .conf = conf, .now_ms = now_ms, .keep_ms = longest(&conf->ldap) + KEEP_MS, .ids = ids_out, .max = max};

    return run(subjects, &walk, true, drop_old);
}

void cg_subjects_forget(struct cg_subjects *subjects, const char *id)
{
    pthread_rwlock_wrlock(&subjects->lock);
    cg_map_remove(subjects->by_id, id);
    atomic_fetch_add(&subjects->changes, 1);
    pthread_rwlock_unlock(&subjects->lock);
}

/* Seen from outside */

void cg_subject_state_clear(struct cg_subject_state *state)
{
    free(state->id);
    cg_identity_unref(&state->who);
    memset(state, 0, sizeof(*state));
}

static struct cg_subject_state state_of(const struct cg_subject *s, const char *id, size_t len)
{
    return (struct cg_subject_state){.id = cg_strndup(id, len),
                                     .verdict = s->verdict,
                                     .who = s->who ? cg_identity_ref(s->who) : NULL,
                                     .asked_at = s->asked_at,
                                     .due = s->fresh_until == 0,
                                     .gone_since = s->gone_since,
                                     .suspended_at = s->suspended_at};
}

bool cg_subjects_get(struct cg_subjects *subjects, const char *id, struct cg_subject_state *state_out)
{
    const struct cg_subject *s;
    bool known;

    pthread_rwlock_rdlock(&subjects->lock);
    s = cg_map_get(subjects->by_id, id);
    known = s && s->verdict != CG_VERDICT_NEVER;
    if (known)
        *state_out = state_of(s, id, strlen(id));
    pthread_rwlock_unlock(&subjects->lock);
    return known;
}

struct changed {
    struct cg_subject_state *states;
    size_t count, max;
};

static bool take_changed(void *cls, const void *key, size_t len, void *value)
{
    struct changed *changed = cls;
    struct cg_subject *s = value;

    if (changed->count < changed->max && s->changed && s->verdict != CG_VERDICT_NEVER) {
        changed->states[changed->count++] = state_of(s, key, len);
        s->changed = false;
    }
    return false;
}

size_t cg_subjects_take_changed(struct cg_subjects *subjects, struct cg_subject_state *states_out, size_t max)
{
    struct changed changed = {.states = states_out, .max = max};

    atomic_store(&subjects->urgent, false);
    pthread_rwlock_wrlock(&subjects->lock);
    cg_map_each(subjects->by_id, take_changed, &changed);
    pthread_rwlock_unlock(&subjects->lock);
    return changed.count;
}

void cg_subjects_give_back(struct cg_subjects *subjects, const struct cg_subject_state *states, size_t count)
{
    pthread_rwlock_wrlock(&subjects->lock);
    for (size_t i = 0; i < count; i++) {
        struct cg_subject *s = cg_map_get(subjects->by_id, states[i].id);

        if (s)
            s->changed = true;
    }
    pthread_rwlock_unlock(&subjects->lock);
}

bool cg_subjects_urgent(struct cg_subjects *subjects)
{
    return atomic_load(&subjects->urgent);
}

static struct cg_subject *revive(const struct cg_conf *conf, const struct cg_subject_state *state)
{
    bool good = state->verdict == CG_VERDICT_GOOD;
    int64_t holds = good ? conf->ldap.revalidate_interval : cg_subject_refusal_ms(conf);
    struct cg_subject *s = cg_calloc(1, sizeof(*s));

    s->verdict = state->verdict;
    s->who = state->who ? cg_identity_ref(state->who) : NULL;
    s->asked_at = state->asked_at;
    s->fresh_until = state->due ? 0 : state->asked_at + holds;
    s->refresh_at = state->due ? 0 : state->asked_at + cg_subject_refresh_ms(holds);
    s->gone_since = state->gone_since;
    s->suspended_at = state->suspended_at;
    atomic_init(&s->used_at, state->asked_at - 1); /* not in use until somebody uses it */
    return s;
}

void cg_subjects_restore(struct cg_subjects *subjects, const struct cg_conf *conf, const struct cg_subject_state *state)
{
    struct cg_subject_state past = *state;
    struct cg_subject *s;

    /* A clock that was set back says nothing about age: then the verdict is too old for everything. */
    if (past.asked_at > cg_clock_mono_ms())
        past.asked_at = cg_clock_mono_ms() - LONG_AGO_MS;
    s = revive(conf, &past);
    pthread_rwlock_wrlock(&subjects->lock);
    cg_map_put(subjects->by_id, past.id, s);
    atomic_fetch_add(&subjects->changes, 1);
    pthread_rwlock_unlock(&subjects->lock);
}
