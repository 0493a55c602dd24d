/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Asking the directory again about somebody it already vouched for (ldap.md section 3; pitfall 16). */
#include "authn/authn_private.h"

#include "crategate/clock.h"
#include "log/log.h"

/* `who` is a reference when the answer is OK. */
static enum cg_err ask(const struct cg_authn_view *view, const struct cg_subject_question *q, struct cg_identity **who)
{
    struct cg_error said = {0};
    enum cg_err rc = view->dir->ops->revalidate(view->dir, q->id, who, &said);

    cg_subjects_record(view->authn->subjects, q, rc, *who, cg_authn_view_current(view));
    if (rc != CG_OK)
        cg_log_error(rc == CG_ERR_ABSENT || rc == CG_ERR_DENIED ? CG_LOG_INFO : CG_LOG_WARN, "authn", NULL, &said,
                     "person %s was looked up again", q->id);
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
    struct cg_subject_question q = {.conf = view->conf, .id = id, .now_ms = 0};
    struct cg_identity *who = NULL;
    enum cg_err rc;

    cg_keylock_enter(view->authn->asking, id);
    q.now_ms = cg_clock_mono_ms();
    rc = ask(view, &q, &who);
    cg_keylock_leave(view->authn->asking, id, false);
    cg_identity_unref(&who);
    return rc == CG_OK || rc == CG_ERR_ABSENT || rc == CG_ERR_DENIED;
}
