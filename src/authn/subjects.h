/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What the directory last said of each owner of tokens, and how long that holds
 * (pitfall 16: a token is worth what its owner is worth now). A person is keyed
 * on the entry's UUID (pitfall 15), a group that owns a service's tokens on
 * "group:" and its DN; both are called subjects here.
 *
 * A good verdict holds for revalidate_interval. Then the directory is asked
 * again; when it does not answer, the last good verdict serves for
 * stale_if_error_read or _write counted from when it was asked for, and only if
 * it is the last one: somebody gone or disabled is never let in again by an
 * outage. While it does not answer, requests are answered from here at once and
 * only the background goes on asking.
 *
 * A refusal stops access at once and holds a minute at most. Beyond that, the
 * tokens of somebody disabled are suspended at once, those of somebody gone when
 * that was seen twice some minutes apart; a good verdict resumes them.
 *
 * The mass guard: when more people turn from good to gone within one
 * revalidate_interval than cg_subjects_limit, that is taken for a fault of the
 * directory (a base emptied by mistake) and not for their leaving. From then on
 * "gone" counts as no answer, so that grace applies, until a sweep passes
 * (sweep.c) or the configuration is reloaded. "Disabled" is never guarded.
 *
 * Times are monotonic milliseconds, but gone_since and suspended_at, which
 * people see and which outlive the process: wall seconds.
 *
 * Threading: any thread; nothing here waits for more than a few stores.
 */
#ifndef CG_AUTHN_SUBJECTS_H
#define CG_AUTHN_SUBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "crategate/err.h"
#include "crategate/identity.h"

#define CG_SUBJECT_GROUP "group:" /* the beginning of a group's key */

struct cg_subjects;

/* Numbers as stored in the database. */
enum cg_verdict { CG_VERDICT_NEVER = 0, CG_VERDICT_GOOD = 1, CG_VERDICT_GONE = 2, CG_VERDICT_DISABLED = 3 };

/* What an answer has changed. */
enum cg_subject_change {
    CG_SUBJECT_SAME,
    CG_SUBJECT_SUSPENDED,
    CG_SUBJECT_RESUMED,
    CG_SUBJECT_GUARDED /* the mass guard has just come on */
};

struct cg_subjects *cg_subjects_new(void);
void cg_subjects_free(struct cg_subjects **subjects);

/* Whose verdict is wanted, for what, and as of when. */
struct cg_subject_question {
    const struct cg_conf *conf;
    const char *id;
    bool writes;
    bool background; /* record: no request was waiting, so the subject is not in use for it */
    bool swept;      /* record: a sweep has looked at all answers together, so the mass guard need not */
    int64_t now_ms;
};

/* OK (a reference), UNAUTHENTICATED, UNAVAILABLE, or AGAIN: the directory has to be asked. */
enum cg_err cg_subjects_judge(struct cg_subjects *subjects, const struct cg_subject_question *q,
                              struct cg_identity **who_out, struct cg_error *err) CG_CHECK;
/* Until when a good verdict holds without anybody being asked; 0: there is none. */
int64_t cg_subjects_fresh_until(struct cg_subjects *subjects, const char *id);
/* Grows whenever a verdict, a name or groups change, or every verdict becomes due; not when a good verdict is renewed. */
uint64_t cg_subjects_changes(const struct cg_subjects *subjects);
/* The directory was asked and did not answer: what serves instead. Never AGAIN. */
enum cg_err cg_subjects_fall_back(struct cg_subjects *subjects, const struct cg_subject_question *q,
                                  struct cg_identity **who_out, struct cg_error *err) CG_CHECK;

/* What the directory said: OK with `who`, ABSENT, DENIED, or anything else, which is no answer. q->now_ms is when it
 * was asked; an answer older than one already here is dropped. `current` false: the configuration has changed since, so
 * that the answer is kept, but due to be asked for again. */
enum cg_subject_change cg_subjects_record(struct cg_subjects *subjects, const struct cg_subject_question *q,
                                          enum cg_err said, struct cg_identity *who, bool current);
/* The background asks about this one from now on; record ends it. While grace lasts, no request waits for it. */
void cg_subjects_asking(struct cg_subjects *subjects, const char *id);
/* Was an answer asked for at this time or later? */
bool cg_subjects_asked_since(struct cg_subjects *subjects, const char *id, int64_t since_ms);
/* Every verdict is due; grace is still counted from when it was asked for. The mass guard goes off. */
void cg_subjects_expire_all(struct cg_subjects *subjects);

/* How many out of so many may be found gone (or, in a sweep, disabled) before that is not believed. */
size_t cg_subjects_limit(const struct cg_conf *conf, size_t people);
void cg_subjects_set_guard(struct cg_subjects *subjects, bool on);
bool cg_subjects_guarded(struct cg_subjects *subjects);

/* subject_rounds.c: what the background has to do. All give ids (free() each) of at most `max` subjects. */

/* Those in use whose verdict should be renewed, and those whose absence should be looked at a second time. */
size_t cg_subjects_due(struct cg_subjects *subjects, const struct cg_conf *conf, int64_t now_ms, char **ids_out,
                       size_t max);
/* Those who are gone and were suspended purge_after ago. */
size_t cg_subjects_purgeable(struct cg_subjects *subjects, const struct cg_conf *conf, char **ids_out, size_t max);
/* Forgets those nobody has used or asked about for longer than any grace; they are the ones given. */
size_t cg_subjects_sweep(struct cg_subjects *subjects, const struct cg_conf *conf, int64_t now_ms, char **ids_out,
                         size_t max);
void cg_subjects_forget(struct cg_subjects *subjects, const char *id);

/* A subject from outside of the table. */
struct cg_subject_state {
    char *id;
    enum cg_verdict verdict;
    struct cg_identity *who; /* as the directory last described them, whatever it says now; NULL: it never did */
    int64_t asked_at;        /* monotonic ms */
    bool due;                /* the configuration has changed since */
    int64_t gone_since;      /* wall s, 0: not gone */
    int64_t suspended_at;    /* wall s, 0: not suspended */
};

void cg_subject_state_clear(struct cg_subject_state *state);
/* False when nothing was ever heard of them. */
bool cg_subjects_get(struct cg_subjects *subjects, const char *id, struct cg_subject_state *state_out);
/* Those that changed since they were last taken; give them back when writing them down failed. */
size_t cg_subjects_take_changed(struct cg_subjects *subjects, struct cg_subject_state *states_out, size_t max);
void cg_subjects_give_back(struct cg_subjects *subjects, const struct cg_subject_state *states, size_t count);
/* Is there a change that should be written down soon: of the verdict, the name or the groups, not only of its age? */
bool cg_subjects_urgent(struct cg_subjects *subjects);
/* Puts in what was written down by an earlier process; takes its own reference of `who`. */
void cg_subjects_restore(struct cg_subjects *subjects, const struct cg_conf *conf,
                         const struct cg_subject_state *state);

#endif
