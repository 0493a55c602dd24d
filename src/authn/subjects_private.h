/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The table of subjects, for the files that work on it. */
#ifndef CG_AUTHN_SUBJECTS_PRIVATE_H
#define CG_AUTHN_SUBJECTS_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "authn/subjects.h"
#include "base/map.h"

#define CG_SUBJECT_REFUSAL_MS 60000 /* who was gone or disabled is asked for again after this time at the latest */
#define CG_SUBJECT_WANTED_MS                                                                                           \
    300000 /* for whom there is no verdict yet: asked for in the background while used within */

struct cg_subject {
    enum cg_verdict verdict;
    struct cg_identity *who; /* as last described; counts only while the verdict is GOOD */
    int64_t asked_at;        /* when the answer in here was asked for */
    int64_t fresh_until;     /* until then nobody needs to ask; 0: due */
    int64_t refresh_at;      /* of GOOD: from then on the background asks */
    bool asking;             /* the background is asking about it */
    bool failing;            /* asked since, and not answered */
    int64_t failed_at;       /* when that became known */
    int64_t retry_at;        /* not asked again before */
    int64_t turned_at;       /* when GOOD became GONE by itself, not in a sweep; 0: it did not */
    int64_t gone_since, suspended_at;
    bool changed; /* since it was last written down */
    _Atomic int64_t used_at;
};

struct cg_subjects {
    pthread_rwlock_t lock; /* the map, all but used_at in the subjects, and guarding */
    struct cg_map *by_id;
    bool guarding;
    _Atomic uint64_t changes;    /* that may end what was said of somebody before; grows under the lock */
    _Atomic int64_t answered_at; /* when the directory last answered anything about anybody */
    _Atomic int64_t failed_at;   /* when it last left a question unanswered; 0: never */
    atomic_bool urgent;
};

/* The wall clock at that moment of the monotonic one. */
int64_t cg_subject_wall_s(int64_t mono_ms);
/* How long after it was first seen that somebody is gone it has to be seen again. */
int64_t cg_subject_confirm_s(const struct cg_conf *conf);
int64_t cg_subject_refusal_ms(const struct cg_conf *conf);
/* When a good verdict should be renewed: 0.75 of the interval, a tenth of that more or less, so that people who came
 * together do not return together. */
int64_t cg_subject_refresh_ms(int64_t interval_ms);

#endif
