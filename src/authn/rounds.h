/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A round of questions to the directory for which nobody waits: the first one
 * alone, because the directory may be down; when it was answered, the rest by a
 * few threads at once that live as long as the round. Blocking.
 */
#ifndef CG_AUTHN_ROUNDS_H
#define CG_AUTHN_ROUNDS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cg_round {
    size_t count;
    bool (*ask)(void *cls, size_t i); /* from several threads at once; false ends the round */
    void *cls;
    unsigned threads;          /* at most so many at once, 1 or more */
    int64_t until_ms;          /* monotonic; what is not begun by then is left */
    const atomic_bool *ending; /* true: the same */
};

/* How many were asked, which are the first ones: when that is less than `count`, the round ended early. */
size_t cg_round_run(const struct cg_round *round);

#endif
