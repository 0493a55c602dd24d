/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A file that one thread still fills while others already send it: bytes from
 * another server on their way through. The last byte is held back until the
 * writer says that the whole is what it should be, so nobody ever has received
 * a file completely that is not.
 *
 * It begins when its size is known; until then nobody can say whether there
 * will be anything to send, so callers wait for that first (cg_feed_begun).
 *
 * Reference-counted; the descriptor is closed with the last reference.
 * Threading: append and finish are one thread's; everything else may be called
 * from any thread and never blocks on the writer.
 */
#ifndef CG_BASE_FEED_H
#define CG_BASE_FEED_H

#include <stddef.h>
#include <stdint.h>

#include "crategate/err.h"

struct cg_feed;

/* Somebody who waits for more bytes. Lives with its owner, untouched until `wake` has been called: exactly once, on the
 * writer's thread, outside of the feed's lock. */
struct cg_feed_waiter {
    void (*wake)(struct cg_feed_waiter *waiter);
    uint64_t offset;
    struct cg_feed_waiter *next;
};

/* Takes the descriptor, which is open for reading and writing. One reference. */
struct cg_feed *cg_feed_new(int fd);
struct cg_feed *cg_feed_ref(struct cg_feed *feed);
void cg_feed_unref(struct cg_feed **feed);

/* How many bytes it will have in the end; once, before the first of them. */
void cg_feed_begin(struct cg_feed *feed, uint64_t size);
/* The next bytes. INVALID: more than `size`; UNAVAILABLE: they could not be written. */
enum cg_err cg_feed_append(struct cg_feed *feed, const void *bytes, size_t len, struct cg_error *err) CG_CHECK;
/* The end, once: with OK it has begun, all bytes were appended and are good. Anything else, of which `why` is copied
 * (NULL: none), fails all readers. */
void cg_feed_finish(struct cg_feed *feed, enum cg_err result, const struct cg_error *why);

/* OK: its size is known. AGAIN: not yet, and `waiter` (may be NULL) is registered to be woken when it is, or when it
 * never will be. Else what it was finished with, before it had begun. */
enum cg_err cg_feed_begun(struct cg_feed *feed, struct cg_feed_waiter *waiter, uint64_t *size_out,
                          struct cg_error *err) CG_CHECK;
/* What it was finished with; blocks until then. */
enum cg_err cg_feed_wait(struct cg_feed *feed, struct cg_error *err) CG_CHECK;

int cg_feed_fd(const struct cg_feed *feed);
/* How many bytes there are to send from `offset` on: OK with *len_out > 0; AGAIN: none yet, and `waiter` (may be NULL)
 * is registered; UNAVAILABLE: there will be none, the writer failed. It has begun, and `offset` is below its size. */
enum cg_err cg_feed_ready(struct cg_feed *feed, uint64_t offset, struct cg_feed_waiter *waiter,
                          uint64_t *len_out) CG_CHECK;

#endif
