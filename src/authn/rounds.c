/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "authn/rounds.h"

#include <pthread.h>

#include "crategate/clock.h"

#define THREADS_MAX 8
#define PER_THREAD 4 /* fewer questions are not worth another thread */

struct run {
    const struct cg_round *round;
    atomic_size_t next;
    atomic_bool end;
};

/* Whoever takes a number also asks, so those that were asked are the first ones. */
static void *work(void *cls)
{
    struct run *run = cls;
    const struct cg_round *round = run->round;

    while (!atomic_load(&run->end) && !atomic_load(round->ending) && cg_clock_mono_ms() < round->until_ms) {
        size_t i = atomic_fetch_add(&run->next, 1);

        if (i >= round->count)
            break;
        if (!round->ask(round->cls, i))
            atomic_store(&run->end, true);
    }
    return NULL;
}

static size_t helpers_for(const struct cg_round *round)
{
    size_t helpers = round->count / PER_THREAD;

    if (helpers > THREADS_MAX - 1)
        helpers = THREADS_MAX - 1;
    return helpers < round->threads ? helpers : round->threads - 1;
}

size_t cg_round_run(const struct cg_round *round)
{
    struct run run = {.round = round, .next = 1};
    pthread_t helpers[THREADS_MAX];
    size_t started = 0, next;

    if (round->count == 0 || atomic_load(round->ending))
        return 0;
    if (!round->ask(round->cls, 0))
        return 1;
    while (started < helpers_for(round) && pthread_create(&helpers[started], NULL, work, &run) == 0)
        started++;
    work(&run);
    for (size_t i = 0; i < started; i++)
        pthread_join(helpers[i], NULL);
    next = atomic_load(&run.next);
    return next < round->count ? next : round->count;
}
