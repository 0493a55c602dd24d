/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "authn/keylock.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "crategate/err.h"

/* Somebody is inside, or about to be. Lives as long as that is so. */
struct turn {
    unsigned waiting;  /* the one inside not counted */
    unsigned failures; /* how many left unanswered */
    bool taken;
    pthread_cond_t left;
};

struct cg_keylock {
    pthread_mutex_t mutex;
    struct cg_map *turns;
};

static void free_turn(void *value)
{
    struct turn *turn = value;

    pthread_cond_destroy(&turn->left);
    free(turn);
}

struct cg_keylock *cg_keylock_new(void)
{
    struct cg_keylock *lock = cg_calloc(1, sizeof(*lock));

    pthread_mutex_init(&lock->mutex, NULL);
    lock->turns = cg_map_new(free_turn);
    return lock;
}

void cg_keylock_free(struct cg_keylock **lock)
{
    if (!*lock)
        return;
    CG_ASSERT(cg_map_count((*lock)->turns) == 0);
    cg_map_free(&(*lock)->turns);
    pthread_mutex_destroy(&(*lock)->mutex);
    free(*lock);
    *lock = NULL;
}

static struct turn *turn_of(struct cg_keylock *lock, const char *key)
{
    struct turn *turn = cg_map_get(lock->turns, key);

    if (turn)
        return turn;
    turn = cg_calloc(1, sizeof(*turn));
    pthread_cond_init(&turn->left, NULL);
    cg_map_put(lock->turns, key, turn);
    return turn;
}

enum cg_turn cg_keylock_enter(struct cg_keylock *lock, const char *key)
{
    enum cg_turn how = CG_TURN_FREE;
    struct turn *turn;
    unsigned before;

    pthread_mutex_lock(&lock->mutex);
    turn = turn_of(lock, key);
    before = turn->failures;
    turn->waiting++;
    while (turn->taken) {
        how = CG_TURN_WAITED;
        pthread_cond_wait(&turn->left, &lock->mutex);
    }
    turn->waiting--;
    turn->taken = true;
    if (turn->failures != before)
        how = CG_TURN_UNANSWERED;
    pthread_mutex_unlock(&lock->mutex);
    return how;
}

void cg_keylock_leave(struct cg_keylock *lock, const char *key, bool unanswered)
{
    struct turn *turn;

    pthread_mutex_lock(&lock->mutex);
    turn = cg_map_get(lock->turns, key);
    CG_ASSERT(turn && turn->taken);
    turn->taken = false;
    turn->failures += unanswered;
    if (turn->waiting)
        pthread_cond_signal(&turn->left);
    else
        cg_map_remove(lock->turns, key);
    pthread_mutex_unlock(&lock->mutex);
}
