/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A bounded pool of worker threads. A job never fails: what can go wrong lives
 * inside the job's own data. A full queue refuses at once (the caller answers
 * 503); nothing here ever blocks the thread that submits.
 */
#ifndef CG_BASE_POOL_H
#define CG_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>

struct cg_pool;

struct cg_job {
    void (*run)(struct cg_job *job); /* on a worker; afterwards the pool touches the job no more */
    struct cg_job *next;             /* the pool's own while queued */
};

/* Starts `threads` workers (>= 1) named NAME-0...; signals are blocked in them. */
struct cg_pool *cg_pool_new(const char *name, unsigned threads, size_t queue_max);
/* False when the queue is full or the pool is stopping; the job is untouched then. */
bool cg_pool_submit(struct cg_pool *pool, struct cg_job *job) __attribute__((warn_unused_result));
size_t cg_pool_queued(const struct cg_pool *pool);
size_t cg_pool_busy(const struct cg_pool *pool);
unsigned cg_pool_threads(const struct cg_pool *pool);
/* Runs what is queued to its end, then joins. */
void cg_pool_free(struct cg_pool **pool);

#endif
