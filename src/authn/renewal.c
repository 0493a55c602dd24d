/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What is asked of the directory in the background: ageing verdicts, the sweep, a last look before tokens are purged.
 */
#include <stdlib.h>

#include "authn/authn_private.h"
#include "authn/rounds.h"
#include "base/mem.h"
#include "crategate/clock.h"
#include "log/log.h"

#define REFRESH_AT_ONCE 256
#define REFRESH_MS 5000
#define PURGE_AT_ONCE 16
#define PURGE_EVERY_MS 60000
#define THREADS_MAX 8

/* One connection of the pool is left to those who wait for an answer. At a quarter of a second a lookup, three threads
 * renew 8,000 people in the three quarters of a 15 minutes' interval. */
unsigned cg_authn_threads(const struct cg_conf *conf)
{
    unsigned threads = conf->ldap.pool_size > 1 ? conf->ldap.pool_size - 1 : 1;

    return threads < THREADS_MAX ? threads : THREADS_MAX;
}

struct renewal {
    const struct cg_authn_view *view;
    char **ids;
};

static bool renew_one(void *cls, size_t i)
{
    const struct renewal *renewal = cls;

    return cg_authn_refresh(renewal->view, renewal->ids[i]);
}

/* Before anybody has to wait for it. The first one without an answer ends the round: the directory is down, and the
 * next round tries somebody else. */
static void renew(const struct cg_authn_view *view)
{
    char *ids[REFRESH_AT_ONCE];
    int64_t now = cg_clock_mono_ms();
    size_t count = cg_subjects_due(view->authn->subjects, view->conf, now, ids, REFRESH_AT_ONCE);
    struct renewal renewal = {.view = view, .ids = ids};
    struct cg_round round = {.count = count,
                             .ask = renew_one,
                             .cls = &renewal,
                             .threads = cg_authn_threads(view->conf),
                             .until_ms = now + REFRESH_MS,
                             .ending = &view->authn->ending};

    cg_round_run(&round);
    for (size_t i = 0; i < count; i++)
        free(ids[i]);
}

/* Asked since `before`: there is nobody, and that is no mass fault. */
static bool is_gone_for_good(const struct cg_authn_view *view, const char *id, int64_t before)
{
    struct cg_subject_state state = {0};
    bool gone = !cg_subjects_guarded(view->authn->subjects) && cg_subjects_get(view->authn->subjects, id, &state) &&
                state.verdict == CG_VERDICT_GONE && state.asked_at >= before;

    cg_subject_state_clear(&state);
    return gone;
}

static void purge_one(struct cg_authn *authn, const char *id)
{
    struct cg_token_event event = {.event = CG_AUDIT_TOKEN_PURGE,
                                   .id = id,
                                   .what = "deleted, because their owner has been gone for ldap.purge_after"};
    struct cg_token **tokens = cg_authn_tokens_of(authn, id, &event.count);

    event.tokens = tokens;
    if (cg_authn_tokens_delete(authn, tokens, event.count)) {
        if (event.count)
            cg_authn_record_tokens(authn, &event);
        cg_subjects_forget(authn->subjects, id);
        cg_authn_subjects_delete(authn, (char *const[]){(char *)(uintptr_t)id}, 1);
    }
    cg_token_list_free(tokens, event.count);
}

static void purge(const struct cg_authn_view *view)
{
    struct cg_authn *authn = view->authn;
    char *ids[PURGE_AT_ONCE];
    int64_t after = view->conf->ldap.purge_after;
    int64_t every = after < PURGE_EVERY_MS ? after : PURGE_EVERY_MS, now = cg_clock_mono_ms();
    bool answered = true;
    size_t count;

    if (now - authn->purged_at < every || cg_subjects_guarded(authn->subjects))
        return;
    authn->purged_at = now;
    count = cg_subjects_purgeable(authn->subjects, view->conf, ids, PURGE_AT_ONCE);
    for (size_t i = 0; i < count; i++) {
        /* A silent directory is not waited for sixteen times. */
        answered = answered && !atomic_load(&authn->ending) && cg_authn_refresh(view, ids[i]);
        if (answered && is_gone_for_good(view, ids[i], now))
            purge_one(authn, ids[i]);
        free(ids[i]);
    }
}

static void sweep(const struct cg_authn_view *view)
{
    cg_sweep_step(view->authn->sweep, view);
}

void cg_authn_look(struct cg_authn *authn)
{
    static void (*const duties[])(const struct cg_authn_view *) = {renew, sweep, purge};

    /* Each with the settings of its moment: a reload's old directory is not kept waiting for all of them. */
    for (size_t i = 0; i < sizeof(duties) / sizeof(duties[0]) && !atomic_load(&authn->ending); i++) {
        struct cg_authn_view view = cg_authn_view_get(authn);

        if (cg_conf_has_directory(view.conf))
            duties[i](&view);
        cg_authn_view_put(&view);
    }
}

void cg_authn_end(struct cg_authn *authn)
{
    atomic_store(&authn->ending, true);
}
