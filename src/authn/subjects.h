/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What the directory last said of each person, and how long that holds
 * (pitfall 16: a token is worth what its owner is worth now). Keyed on the
 * entry's UUID (pitfall 15). In memory only: after a restart nobody has a
 * verdict, and with the directory down nobody gets one.
 *
 * A good verdict holds for revalidate_interval. Then the directory is asked
 * again; when it does not answer, the last good verdict serves for
 * stale_if_error_read or _write counted from when it was asked for, and only if
 * it is the last one: somebody gone or disabled is never let in again by an
 * outage. While it does not answer, requests are answered from here at once and
 * only the maintenance thread goes on asking.
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

struct cg_subjects;

struct cg_subjects *cg_subjects_new(void);
void cg_subjects_free(struct cg_subjects **subjects);

/* Whose verdict is wanted, for what, and as of when. */
struct cg_subject_question {
    const struct cg_conf *conf;
    const char *id;
    bool writes;
    int64_t now_ms;
};

/* OK (a reference), UNAUTHENTICATED, UNAVAILABLE, or AGAIN: the directory has to be asked. */
enum cg_err cg_subjects_judge(struct cg_subjects *subjects, const struct cg_subject_question *q,
                              struct cg_identity **who_out, struct cg_error *err) CG_CHECK;
/* The directory was asked and did not answer: what serves instead. Never AGAIN. */
enum cg_err cg_subjects_fall_back(struct cg_subjects *subjects, const struct cg_subject_question *q,
                                  struct cg_identity **who_out, struct cg_error *err) CG_CHECK;

/* What the directory said: OK with `who`, ABSENT, DENIED, or anything else, which is no answer. q->now_ms is when it
 * was asked; an answer older than one already here is dropped. `current` false: the configuration has changed since, so
 * that the answer is kept, but due to be asked for again. */
void cg_subjects_record(struct cg_subjects *subjects, const struct cg_subject_question *q, enum cg_err said,
                        struct cg_identity *who, bool current);
/* Ids (free() each) of people in use whose verdict should be renewed, at most `max`; how many. */
size_t cg_subjects_due(struct cg_subjects *subjects, int64_t now_ms, char **ids_out, size_t max);
/* Every verdict is due; grace is still counted from when it was asked for. */
void cg_subjects_expire_all(struct cg_subjects *subjects);
/* Forgets whom nobody has used for longer than any grace. */
void cg_subjects_sweep(struct cg_subjects *subjects, const struct cg_conf *conf, int64_t now_ms);

#endif
