/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "storage/artifactory/art_breaker.h"

#include <string.h>

#define FIRST_MS 1000

void cg_art_breaker_init(struct cg_art_breaker *breaker, uint64_t seed)
{
    memset(breaker, 0, sizeof(*breaker));
    breaker->dice = seed ? seed : 1;
}

uint64_t cg_art_breaker_roll(struct cg_art_breaker *breaker, uint64_t below)
{
    /* xorshift: good enough to spread waits. */
    breaker->dice ^= breaker->dice << 13;
    breaker->dice ^= breaker->dice >> 7;
    breaker->dice ^= breaker->dice << 17;
    return below ? breaker->dice % below : 0;
}

bool cg_art_breaker_enter(struct cg_art_breaker *breaker, int64_t now, bool *probe_out)
{
    if (breaker->state == CG_ART_CLOSED) {
        *probe_out = false;
        return true;
    }
    if (breaker->state == CG_ART_PROBING || now < breaker->until)
        return false;
    breaker->state = CG_ART_PROBING;
    *probe_out = true;
    return true;
}

/* first, first * factor, ... max: the round's wait, a quarter shorter or longer. */
static int64_t back_off(struct cg_art_breaker *breaker, int64_t first, unsigned factor, unsigned round, int64_t max)
{
    int64_t ms = first;

    while (round-- > 0 && ms < max)
        ms *= factor;
    ms = ms < max ? ms : max;
    return ms * 3 / 4 + (int64_t)cg_art_breaker_roll(breaker, (uint64_t)ms / 2 + 1);
}

/* Never shorter than asked for; up to a tenth longer. */
static int64_t asked(struct cg_art_breaker *breaker, unsigned wait_s, unsigned max_s)
{
    int64_t ms = (wait_s < 1 ? 1 : wait_s > max_s ? (int64_t)max_s : (int64_t)wait_s) * 1000;

    return ms + (int64_t)cg_art_breaker_roll(breaker, (uint64_t)ms / 10 + 1);
}

static int64_t wait_for(struct cg_art_breaker *breaker, enum cg_art_health health, unsigned wait_s)
{
    switch (health) {
    case CG_ART_HOLD:
        return asked(breaker, wait_s, CG_ART_HOLD_MAX_S);
    case CG_ART_LOCKED:
        return asked(breaker, wait_s, CG_ART_LOCK_MAX_S);
    case CG_ART_REFUSED:
        return back_off(breaker, CG_ART_REFUSED_FIRST_MS, 3, breaker->refusals++, CG_ART_REFUSED_MAX_MS);
    case CG_ART_WELL:
    case CG_ART_UNSURE:
    case CG_ART_ILL:
        break;
    }
    return back_off(breaker, FIRST_MS, 2, breaker->rounds++, CG_ART_BREAKER_MAX_MS);
}

static void open_it(struct cg_art_breaker *breaker, enum cg_art_health health, unsigned wait_s, int64_t now)
{
    breaker->until = now + wait_for(breaker, health, wait_s);
    breaker->reason = health;
    breaker->state = CG_ART_OPEN;
    breaker->failures = 0;
}

static void close_it(struct cg_art_breaker *breaker)
{
    breaker->state = CG_ART_CLOSED;
    breaker->failures = breaker->rounds = breaker->refusals = 0;
    breaker->until = 0;
}

static void leave_probe(struct cg_art_breaker *breaker, enum cg_art_health health, unsigned wait_s, int64_t now)
{
    if (breaker->state != CG_ART_PROBING)
        return;
    if (health == CG_ART_WELL)
        close_it(breaker);
    else if (health == CG_ART_UNSURE)
        breaker->state = CG_ART_OPEN; /* and the next one may try at once */
    else
        open_it(breaker, health, wait_s, now);
}

void cg_art_breaker_leave(struct cg_art_breaker *breaker, bool probe, enum cg_art_health health, unsigned wait_s,
                          int64_t now)
{
    if (probe) {
        leave_probe(breaker, health, wait_s, now);
        return;
    }
    /* Whoever went out before it opened tells nothing new. */
    if (breaker->state != CG_ART_CLOSED || health == CG_ART_UNSURE)
        return;
    if (health == CG_ART_WELL)
        breaker->failures = breaker->refusals = 0;
    else if (health != CG_ART_ILL || ++breaker->failures >= CG_ART_BREAKER_FAILURES)
        open_it(breaker, health, wait_s, now);
}

void cg_art_breaker_abandon(struct cg_art_breaker *breaker, int64_t now)
{
    if (breaker->state != CG_ART_PROBING)
        return;
    breaker->state = CG_ART_OPEN;
    breaker->until = now;
}

void cg_art_breaker_renewed(struct cg_art_breaker *breaker, int64_t now)
{
    breaker->refusals = 0;
    if (breaker->state == CG_ART_OPEN && breaker->reason == CG_ART_REFUSED)
        breaker->until = now;
}

unsigned cg_art_breaker_wait_s(const struct cg_art_breaker *breaker, int64_t now)
{
    int64_t ms = breaker->until - now;

    if (breaker->state == CG_ART_CLOSED)
        return 0;
    return ms <= 1000 ? 1 : (unsigned)((ms + 999) / 1000);
}
