/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * How other threads make a loop go on with something: whatever waits in a loop
 * has one of these in it and posts it. No allocation, so it cannot fail.
 *
 * Threading: cg_loop_post() on any thread, at most once until `run` was called;
 * `run` on the loop's thread, at `due_ms` (monotonic) or at once.
 */
#ifndef CG_HTTP_NET_WAKE_H
#define CG_HTTP_NET_WAKE_H

#include <stdint.h>

struct cg_loop;

struct cg_wake {
    struct cg_wake *next; /* the loop's */
    void (*run)(struct cg_wake *wake);
    int64_t due_ms; /* not before; 0: at once. While the server stops nobody is made to wait for it */
};

void cg_loop_post(struct cg_loop *loop, struct cg_wake *wake);

#endif
