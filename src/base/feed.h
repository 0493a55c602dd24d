/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A file that one thread still fills while others already send it: bytes from
 * another server on their way through. The last byte is held back until the
 * writer says that the whole is what it should be, so nobody ever has received
 * a file completely that is not.
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

/* Of `size` bytes in the end. Takes the descriptor, which is open for reading and writing. One reference. */
struct cg_feed *cg_feed_new(int fd, uint64_t size);
struct cg_feed *cg_feed_ref(struct cg_feed *feed);
void cg_feed_unref(struct cg_feed **feed);

/* The next bytes. INVALID: more than `size`; UNAVAILABLE: they could not be written. */
enum cg_err cg_feed_append(struct cg_feed *feed, const void *bytes, size_t len, struct cg_error *err) CG_CHECK;
/* The end, once: with OK all `size` bytes were appended and are good. Anything else fails all readers. */
void cg_feed_finish(struct cg_feed *feed, enum cg_err result);

int cg_feed_fd(const struct cg_feed *feed);
uint64_t cg_feed_size(const struct cg_feed *feed);
/* How many bytes there are to send from `offset` on: OK with *len_out > 0; AGAIN: none yet, and `waiter` (may be NULL)
 * is registered; UNAVAILABLE: there will be none, the writer failed. `offset` is below size. */
enum cg_err cg_feed_ready(struct cg_feed *feed, uint64_t offset, struct cg_feed_waiter *waiter,
                          uint64_t *len_out) CG_CHECK;

#endif
