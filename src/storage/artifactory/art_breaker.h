/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The circuit breaker before one Artifactory instance, as a state machine on a
 * clock that it is given: closed (everybody passes), open (nobody passes until
 * a time), probing (one has passed and is to find out). Waits double with each
 * failed probe and are spread, so that gateways do not come back in step.
 *
 * Threading: none; its owner locks.
 */
#ifndef CG_STORAGE_ARTIFACTORY_ART_BREAKER_H
#define CG_STORAGE_ARTIFACTORY_ART_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define CG_ART_BREAKER_FAILURES 5     /* in a row until it opens */
#define CG_ART_BREAKER_MAX_MS 30000   /* longest wait between probes of an instance that is down */
#define CG_ART_HOLD_MAX_S 60          /* Retry-After is honoured up to here */
#define CG_ART_LOCK_MAX_S 3600        /* a lock-out of our account is waited for up to here */
#define CG_ART_REFUSED_FIRST_MS 10000 /* credential refused: the wait is three times as long each time */
#define CG_ART_REFUSED_MAX_MS 900000

/* What one request has shown of the instance. */
enum cg_art_health {
    CG_ART_WELL,   /* it answers as it should, also with a refusal */
    CG_ART_UNSURE, /* nothing: our own side ended it */
    CG_ART_ILL,    /* no answer, an error of its own, or nonsense */
    CG_ART_HOLD,   /* it asks to be left alone for a time */
    CG_ART_LOCKED, /* our account is locked out for a time (F2) */
    CG_ART_REFUSED /* our credential is not taken (F1) */
};

struct cg_art_breaker {
    enum { CG_ART_CLOSED, CG_ART_OPEN, CG_ART_PROBING } state;
    enum cg_art_health reason; /* of the last opening */
    unsigned failures;         /* in a row, while closed */
    unsigned rounds;           /* openings without a success since */
    unsigned refusals;         /* the same, of the credential */
    int64_t until;             /* no probe before that, monotonic ms */
    uint64_t dice;
};

void cg_art_breaker_init(struct cg_art_breaker *breaker, uint64_t seed);
/* May a request go out now? True: it must be followed by one leave with the same *probe_out. */
bool cg_art_breaker_enter(struct cg_art_breaker *breaker, int64_t now, bool *probe_out);
/* `wait_s`: asked for by HOLD and LOCKED. */
void cg_art_breaker_leave(struct cg_art_breaker *breaker, bool probe, enum cg_art_health health, unsigned wait_s,
                          int64_t now);
/* Whoever is finding out finds out about something else: its settings are not in force any more. It does not leave. */
void cg_art_breaker_abandon(struct cg_art_breaker *breaker, int64_t now);
/* There is another credential: if the old one was refused, the new one may be tried at once. */
void cg_art_breaker_renewed(struct cg_art_breaker *breaker, int64_t now);
/* Whole seconds until the next probe may go out, at least 1 unless it is closed. */
unsigned cg_art_breaker_wait_s(const struct cg_art_breaker *breaker, int64_t now);
/* A number in [0, below): for waits of others that are to be spread too. */
uint64_t cg_art_breaker_roll(struct cg_art_breaker *breaker, uint64_t below);

#endif
