/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Asking the directory again about somebody it already vouched for (ldap.md section 3; pitfall 16). */
#include <stdlib.h>
#include <string.h>

#include "authn/authn_private.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "log/log.h"

#define NAMES_MAX 512

/* A group is alive as long as somebody in it is; who that is does not matter. */
static enum cg_err ask_group(struct cg_directory *dir, const char *id, struct cg_identity **who_out,
                             struct cg_error *err)
{
    const char *dn = id + strlen(CG_SUBJECT_GROUP);
    enum cg_err rc = dir->ops->group_alive(dir, dn, err);

    if (rc == CG_OK) {
        *who_out = cg_identity_new(CG_IDENTITY_SERVICE, id, dn, dn, NULL);
        cg_identity_seal(*who_out);
    }
    return rc;
}

enum cg_err cg_authn_ask(const struct cg_authn_view *view, const char *id, struct cg_identity **who_out,
                         struct cg_error *err)
{
    if (cg_str_starts(id, CG_SUBJECT_GROUP))
        return ask_group(view->dir, id, who_out, err);
    return view->dir->ops->revalidate(view->dir, id, who_out, err);
}

static char *names_of(struct cg_token *const *tokens, size_t count)
{
    struct cg_buf names;
    char *text;

    cg_buf_init(&names, NAMES_MAX);
    for (size_t i = 0; i < count && names.len < NAMES_MAX / 2; i++)
        cg_buf_addf(&names, "%s%.100s", i ? ", " : "", tokens[i]->name);
    if (cg_buf_failed(&names))
        cg_buf_reset(&names);
    text = cg_strdup(cg_buf_str(&names));
    cg_buf_free(&names);
    return text;
}

void cg_authn_record_tokens(struct cg_authn *authn, const struct cg_token_event *event)
{
    struct cg_subject_state state = {0};
    const char *name = event->count ? event->tokens[0]->owner_name : "";
    char *names = names_of(event->tokens, event->count);
    bool known = cg_subjects_get(authn->subjects, event->id, &state);

    if (known && state.who)
        name = cg_identity_name(state.who);
    cg_log(CG_LOG_INFO, "authn", NULL, "%zu tokens of %s (%s): %s: %s", event->count, name, event->id, event->what,
           names);
    if (authn->audit) {
        struct cg_audit_record record = {
            .event = event->event, .actor = name, .actor_id = event->id, .target = names, .detail = event->what};

        cg_audit_write(authn->audit, &record, NULL);
    }
    cg_subject_state_clear(&state);
    free(names);
}

static const char *reason_of(enum cg_subject_change change, enum cg_err said)
{
    if (change == CG_SUBJECT_RESUMED)
        return "the directory has their owner again";
    return said == CG_ERR_DENIED ? "the directory says that their owner's account must not be used"
                                 : "their owner is not in the directory any more, seen twice";
}

static void tell_of_guard(const char *id)
{
    cg_log(CG_LOG_ERROR, "authn", NULL,
           "more people than ldap.max_sweep_fraction allows turned out to be gone within revalidate_interval (%s was "
           "the last): that is taken for a fault of the directory or of search_base, and tokens go on as in an outage. "
           "If they really left, raise max_sweep_fraction and reload",
           id);
}

void cg_authn_note(struct cg_authn *authn, const char *id, enum cg_subject_change change, enum cg_err said)
{
    struct cg_token_event event = {.id = id, .what = reason_of(change, said)};
    struct cg_token **tokens;

    if (change == CG_SUBJECT_SAME)
        return;
    if (change == CG_SUBJECT_GUARDED) {
        tell_of_guard(id);
        return;
    }
    event.event = change == CG_SUBJECT_RESUMED ? CG_AUDIT_TOKEN_RESUME : CG_AUDIT_TOKEN_SUSPEND;
    tokens = cg_authn_tokens_of(authn, id, &event.count);
    event.tokens = tokens;
    if (event.count)
        cg_authn_record_tokens(authn, &event);
    cg_token_list_free(tokens, event.count);
}

void cg_authn_take_answer(const struct cg_authn_view *view, const struct cg_subject_question *q, enum cg_err said,
                          struct cg_identity *who)
{
    enum cg_subject_change change =
        cg_subjects_record(view->authn->subjects, q, said, who, cg_authn_view_current(view));

    cg_authn_note(view->authn, q->id, change, said);
}

/* `who` is a reference when the answer is OK. */
static enum cg_err ask(const struct cg_authn_view *view, const struct cg_subject_question *q, struct cg_identity **who)
{
    struct cg_error said = {0};
    enum cg_err rc = cg_authn_ask(view, q->id, who, &said);

    cg_authn_take_answer(view, q, rc, *who);
    if (rc != CG_OK)
        cg_log_error(rc == CG_ERR_ABSENT || rc == CG_ERR_DENIED ? CG_LOG_INFO : CG_LOG_WARN, "authn", NULL, &said,
                     "%s was looked up again", q->id);
    return rc;
}

enum cg_err cg_authn_revalidate(const struct cg_authn_view *view, const char *id, bool writes,
                                struct cg_identity **who_out, struct cg_error *err)
{
    struct cg_authn *authn = view->authn;
    struct cg_subject_question q = {.conf = view->conf, .id = id, .writes = writes, .now_ms = cg_clock_mono_ms()};
    struct cg_identity *who = NULL;
    enum cg_err rc;

    cg_keylock_enter(authn->asking, id);
    /* As of when we came: an answer that somebody fetched while we waited is as good as our own. */
    rc = cg_subjects_judge(authn->subjects, &q, who_out, err);
    if (rc == CG_ERR_AGAIN) {
        q.now_ms = cg_clock_mono_ms();
        rc = ask(view, &q, &who);
        if (rc == CG_OK)
            *who_out = who;
        else
            rc = cg_subjects_fall_back(authn->subjects, &q, who_out, err);
    }
    cg_keylock_leave(authn->asking, id, false);
    return rc;
}

bool cg_authn_refresh(const struct cg_authn_view *view, const char *id)
{
    struct cg_subject_question q = {.conf = view->conf, .id = id, .background = true, .now_ms = cg_clock_mono_ms()};
    struct cg_identity *who = NULL;
    enum cg_err rc = CG_OK;

    cg_keylock_enter(view->authn->asking, id);
    if (!cg_subjects_asked_since(view->authn->subjects, id, q.now_ms + 1)) {
        cg_subjects_asking(view->authn->subjects, id);
        q.now_ms = cg_clock_mono_ms();
        rc = ask(view, &q, &who);
    }
    cg_keylock_leave(view->authn->asking, id, false);
    cg_identity_unref(&who);
    return rc == CG_OK || rc == CG_ERR_ABSENT || rc == CG_ERR_DENIED;
}
