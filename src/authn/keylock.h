/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * One at a time for each key: the directory is asked about one person by one
 * thread, however many requests wait for the answer. Whoever waited learns
 * whether the one before got no answer, and need not try the same again.
 * Blocking; any thread. A thread holds at most one key.
 */
#ifndef CG_AUTHN_KEYLOCK_H
#define CG_AUTHN_KEYLOCK_H

#include <stdbool.h>

struct cg_keylock;

enum cg_turn {
    CG_TURN_FREE,       /* nobody was inside */
    CG_TURN_WAITED,     /* somebody was */
    CG_TURN_UNANSWERED, /* somebody was, and left without an answer */
};

struct cg_keylock *cg_keylock_new(void);
/* Nobody may be inside. */
void cg_keylock_free(struct cg_keylock **lock);
/* Waits for its turn; whatever it returns, leave must follow. */
enum cg_turn cg_keylock_enter(struct cg_keylock *lock, const char *key);
void cg_keylock_leave(struct cg_keylock *lock, const char *key, bool unanswered);

#endif
