/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What the steps of cg_art_check share: one check of one repository, reported
 * step by step. Nothing of it goes through the circuit breaker or is repeated:
 * whoever looks for a fault wants to see every answer as it is.
 *
 * Threading: one thread.
 */
#ifndef CG_STORAGE_ARTIFACTORY_ART_CHECK_H
#define CG_STORAGE_ARTIFACTORY_ART_CHECK_H

#include "storage/artifactory/art_http.h"

#define CG_ART_DESCRIBED 400
/* One place for all checks, so that they leave one file however many there are; neither below crates/ nor a .crate. */
#define CG_ART_PROBE_PATH ".crategate-check/probe.txt"
#define CG_ART_PROBE_TEXT "crategate check\n"

struct cg_art_check {
    struct cg_art_link *link;
    const char *repo;
    const struct cg_art_checker *how;
    int64_t until; /* monotonic ms: from then on no probe is begun */
    bool bad;      /* a step was */
    bool cargo;    /* package type; false also when it is not known */
    bool deployed; /* the probe file is there, by this check or an earlier one */
};

enum cg_art_mark { CG_ART_BAD = 0, CG_ART_GOOD = 1, CG_ART_KNOW = -1, CG_ART_WARN = -2 };

void cg_art_tell(struct cg_art_check *check, enum cg_art_mark mark, const char *step, const char *fmt, ...)
    CG_PRINTF(4, 5);
/* Tells a failure: our sentence and Artifactory's own words. */
void cg_art_tell_error(struct cg_art_check *check, enum cg_art_mark mark, const char *step, const struct cg_error *err);

/* A request to BASE + `path` (encoded already) without a judgement; fills an initialised answer. */
struct cg_art_try {
    const char *method, *path;
    const char *const *headers; /* may be NULL */
    const char *text;           /* may be NULL */
    bool anonymous;
};
void cg_art_try(struct cg_art_check *check, const struct cg_art_try *attempt, struct cg_art_answer *answer);
/* The same and judged as an answer to `op`. */
enum cg_err cg_art_try_judged(struct cg_art_check *check, enum cg_art_op op, const struct cg_art_try *attempt,
                              struct cg_art_answer *answer, struct cg_error *err) CG_CHECK;
/* "/REPO/PATH" or "/api/storage/REPO/PATH" of the probe file, with `tail` behind; fresh. */
char *cg_art_probe_path(const struct cg_art_check *check, const char *lead, const char *tail);

/* "status 403, "words"" or why there is no answer. */
void cg_art_describe(const struct cg_art_answer *answer, char out[CG_ART_DESCRIBED]);
/* Has it taken longer than an administrator waits? */
bool cg_art_check_late(const struct cg_art_check *check);
/* Sends bytes with a checksum that they do not have, beside the probe file: whoever may deploy is told so. */
void cg_art_try_wrong(struct cg_art_check *check, struct cg_art_answer *answer);

/* art_probes.c: P1 to P12. */
void cg_art_probes(struct cg_art_check *check);
/* art_probe_index.c: P6 and P7, P11, of a Cargo repository. */
void cg_art_probe_index(struct cg_art_check *check);

#endif
