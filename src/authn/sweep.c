/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Every sync_interval everybody who has a live token is looked up, also those
 * who do not use it. Good news is taken at once; who seems gone or disabled is
 * only noted, and when all have been asked about, either all of it is believed
 * or, when it would newly suspend too many, nothing (Gitea's guard: a base
 * emptied by mistake never means that everybody left). A few people a second,
 * so that nothing else has to wait.
 */
#include "authn/sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authn/authn_private.h"
#include "authn/rounds.h"
#include "base/map.h"
#include "base/mem.h"
#include "crategate/clock.h"
#include "log/log.h"
#include "log/metrics.h"

#define FIRST_MS 60000      /* after the start, at the latest */
#define STEPS_PER_SWEEP 0.1 /* the share of the interval that a sweep takes, a step a second */
#define STEP_MIN 8
#define STEP_MAX 256
#define STEP_MS 5000
#define SILENCES_MAX 3 /* in a row: the directory is down, and not only one person's entry odd */
#define TEXT_MAX 400

struct finding {
    char *id;
    enum cg_err said; /* ABSENT and DENIED wait for the end */
    int64_t asked_at;
};

struct cg_sweep {
    int64_t due_at;
    /* Of the one under way: */
    struct finding *findings; /* NULL: none */
    size_t count, next;
    int64_t started_at;
    unsigned epoch;
    atomic_uint silences;
};

struct cg_sweep *cg_sweep_new(const struct cg_conf *conf)
{
    struct cg_sweep *sweep = cg_calloc(1, sizeof(*sweep));
    int64_t first = conf->ldap.sync_interval < FIRST_MS ? conf->ldap.sync_interval : FIRST_MS;

    sweep->due_at = cg_clock_mono_ms() + first;
    return sweep;
}

static void drop(struct cg_sweep *sweep)
{
    for (size_t i = 0; i < sweep->count; i++)
        free(sweep->findings[i].id);
    free(sweep->findings);
    sweep->findings = NULL;
    sweep->count = sweep->next = 0;
}

void cg_sweep_free(struct cg_sweep **sweep)
{
    if (!*sweep)
        return;
    drop(*sweep);
    free(*sweep);
    *sweep = NULL;
}

void cg_sweep_hurry(struct cg_sweep *sweep)
{
    sweep->due_at = cg_clock_mono_ms();
}

bool cg_sweep_under_way(const struct cg_sweep *sweep)
{
    return sweep->findings != NULL;
}

/* Beginning */

static bool add_finding(void *cls, const void *key, size_t len, void *value)
{
    struct cg_sweep *sweep = cls;

    (void)value;
    sweep->findings[sweep->count++].id = cg_strndup(key, len);
    return false;
}

static struct cg_map *owners_of_live_tokens(const struct cg_authn_view *view)
{
    struct cg_map *owners = cg_map_new(NULL);
    int64_t now = cg_clock_wall_s();
    size_t count;
    struct cg_token **tokens = cg_token_table_list(view->authn->tokens, NULL, &count);

    for (size_t i = 0; i < count; i++) {
        char *id = cg_authn_subject_of(tokens[i]);

        if (id && cg_authn_token_life(view->conf, tokens[i], now, NULL) == CG_TOKEN_WORKS)
            cg_map_put(owners, id, owners);
        free(id);
    }
    cg_token_list_free(tokens, count);
    return owners;
}

static void begin(struct cg_sweep *sweep, const struct cg_authn_view *view)
{
    struct cg_map *owners = owners_of_live_tokens(view);

    drop(sweep);
    sweep->findings = cg_calloc(cg_map_count(owners) + 1, sizeof(*sweep->findings));
    cg_map_each(owners, add_finding, sweep);
    cg_map_free(&owners);
    sweep->started_at = cg_clock_mono_ms();
    sweep->epoch = view->epoch;
    atomic_store(&sweep->silences, 0);
}

/* Asking */

struct step {
    const struct cg_authn_view *view;
    struct cg_sweep *sweep;
    size_t first;
};

static void note(const struct step *step, struct finding *finding, enum cg_err said, struct cg_identity *who)
{
    struct cg_subject_question q = {
        .conf = step->view->conf, .id = finding->id, .background = true, .swept = true, .now_ms = finding->asked_at};

    finding->said = said;
    if (said == CG_ERR_ABSENT || said == CG_ERR_DENIED)
        return;
    cg_authn_take_answer(step->view, &q, said, who);
}

static bool look_at_one(void *cls, size_t i)
{
    const struct step *step = cls;
    struct cg_authn *authn = step->view->authn;
    struct finding *finding = &step->sweep->findings[step->first + i];
    struct cg_identity *who = NULL;
    enum cg_err rc = CG_OK;

    cg_keylock_enter(authn->asking, finding->id);
    if (!cg_subjects_asked_since(authn->subjects, finding->id, step->sweep->started_at + 1)) {
        finding->asked_at = cg_clock_mono_ms();
        rc = cg_authn_ask(step->view, finding->id, &who, NULL);
        note(step, finding, rc, who);
    }
    cg_keylock_leave(authn->asking, finding->id, false);
    cg_identity_unref(&who);
    if (rc == CG_OK || rc == CG_ERR_ABSENT || rc == CG_ERR_DENIED)
        atomic_store(&step->sweep->silences, 0);
    else
        atomic_fetch_add(&step->sweep->silences, 1);
    return atomic_load(&step->sweep->silences) < SILENCES_MAX;
}

static size_t step_size(const struct cg_sweep *sweep, const struct cg_conf *conf)
{
    double steps = (double)conf->ldap.sync_interval / 1000 * STEPS_PER_SWEEP;
    size_t size = steps >= 1 ? (size_t)((double)sweep->count / steps) + 1 : sweep->count, left;

    size = size < STEP_MIN ? STEP_MIN : size > STEP_MAX ? STEP_MAX : size;
    left = sweep->count - sweep->next;
    return size < left ? size : left;
}

/* Ending */

static void end(struct cg_sweep *sweep, const struct cg_authn_view *view, enum cg_err outcome, const char *text)
{
    enum cg_log_level level = outcome == CG_OK                ? CG_LOG_INFO
                              : outcome == CG_ERR_UNAVAILABLE ? CG_LOG_WARN
                                                              : CG_LOG_ERROR;

    cg_log(level, "authn", NULL, "%s", text);
    if (view->authn->audit)
        cg_audit_write(view->authn->audit,
                       &(struct cg_audit_record){.event = CG_AUDIT_SWEEP, .outcome = outcome, .detail = text}, NULL);
    cg_metric_add(outcome == CG_OK ? CG_METRIC_SWEEPS : CG_METRIC_SWEEP_ABORTED, 1);
    drop(sweep);
    sweep->due_at = cg_clock_mono_ms() + view->conf->ldap.sync_interval;
}

static bool is_newly_out(const struct cg_authn_view *view, const struct finding *finding)
{
    struct cg_subject_state state = {0};
    bool out;

    if (finding->said != CG_ERR_ABSENT && finding->said != CG_ERR_DENIED)
        return false;
    out = !cg_subjects_get(view->authn->subjects, finding->id, &state) || state.verdict == CG_VERDICT_GOOD;
    cg_subject_state_clear(&state);
    return out;
}

static void believe(struct cg_sweep *sweep, const struct cg_authn_view *view)
{
    for (size_t i = 0; i < sweep->count; i++) {
        const struct finding *f = &sweep->findings[i];
        struct cg_subject_question q = {
            .conf = view->conf, .id = f->id, .background = true, .swept = true, .now_ms = f->asked_at};

        if (f->said == CG_ERR_ABSENT || f->said == CG_ERR_DENIED)
            cg_authn_take_answer(view, &q, f->said, NULL);
    }
    cg_subjects_set_guard(view->authn->subjects, false);
}

static void judge(struct cg_sweep *sweep, const struct cg_authn_view *view)
{
    size_t out = 0, limit = cg_subjects_limit(view->conf, sweep->count);
    char text[TEXT_MAX];

    for (size_t i = 0; i < sweep->count; i++)
        out += is_newly_out(view, &sweep->findings[i]);
    if (out > limit) {
        cg_subjects_set_guard(view->authn->subjects, true);
        snprintf(text, sizeof(text),
                 "of %zu owners of tokens %zu seem to have left at once, which is more than %zu "
                 "(ldap.max_sweep_fraction): nothing was changed. Look at the directory and at search_base; if they "
                 "really left, raise max_sweep_fraction and reload",
                 sweep->count, out, limit);
        end(sweep, view, CG_ERR_CONFLICT, text);
        return;
    }
    believe(sweep, view);
    snprintf(text, sizeof(text), "%zu owners of tokens were looked up, %zu of them newly gone or disabled",
             sweep->count, out);
    end(sweep, view, CG_OK, text);
}

static void give_up(struct cg_sweep *sweep, const struct cg_authn_view *view)
{
    char text[TEXT_MAX];

    snprintf(
        text, sizeof(text),
        "the directory stopped answering after %zu of %zu owners of tokens; nobody was suspended, and all are looked "
        "up again later",
        sweep->next, sweep->count);
    end(sweep, view, CG_ERR_UNAVAILABLE, text);
}

static bool is_time(struct cg_sweep *sweep, const struct cg_authn_view *view)
{
    /* What another configuration has heard is another directory's word. */
    if (sweep->findings && sweep->epoch != view->epoch) {
        drop(sweep);
        sweep->due_at = cg_clock_mono_ms();
    }
    return sweep->findings || (view->conf->ldap.sync_interval > 0 && cg_clock_mono_ms() >= sweep->due_at);
}

void cg_sweep_step(struct cg_sweep *sweep, const struct cg_authn_view *view)
{
    struct step step = {.view = view, .sweep = sweep};
    struct cg_round round = {.ask = look_at_one,
                             .cls = &step,
                             .threads = cg_authn_threads(view->conf),
                             .until_ms = cg_clock_mono_ms() + STEP_MS,
                             .ending = &view->authn->ending};

    if (!is_time(sweep, view))
        return;
    if (!sweep->findings)
        begin(sweep, view);
    step.first = sweep->next;
    round.count = step_size(sweep, view->conf);
    sweep->next += cg_round_run(&round);
    if (atomic_load(&sweep->silences) >= SILENCES_MAX)
        give_up(sweep, view);
    else if (sweep->next == sweep->count)
        judge(sweep, view);
}
