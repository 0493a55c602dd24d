/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "crategate/err.h"

struct cg_pool {
    pthread_mutex_t lock; /* of the queue and `stopping`; held for a few instructions, never while a job runs */
    pthread_cond_t wake;
    struct cg_job *head;
    struct cg_job **tail;
    bool stopping;
    size_t queue_max;
    atomic_size_t queued; /* changed under the lock, read by anybody */
    atomic_size_t busy;
    unsigned thread_count;
    pthread_t threads[];
};

/* Waits for a job; NULL when the pool stops and nothing is left. */
static struct cg_job *take(struct cg_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (!pool->head && !pool->stopping)
        pthread_cond_wait(&pool->wake, &pool->lock);
    struct cg_job *job = pool->head;
    if (job) {
        pool->head = job->next;
        if (!pool->head)
            pool->tail = &pool->head;
        job->next = NULL;
        atomic_fetch_sub(&pool->queued, 1);
        atomic_fetch_add(&pool->busy, 1);
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *work(void *cls)
{
    struct cg_pool *pool = cls;
    struct cg_job *job;
    while ((job = take(pool))) {
        job->run(job); /* the job may be freed by now */
        atomic_fetch_sub(&pool->busy, 1);
    }
    return NULL;
}

/* Blocked before the thread exists, so that there is no moment in which a signal could choose it. */
static void start_threads(struct cg_pool *pool, const char *name)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (unsigned i = 0; i < pool->thread_count; i++) {
        char label[16]; /* the kernel's limit */
        snprintf(label, sizeof label, "%.10s-%u", name, i % 1000);
        CG_ASSERT(pthread_create(&pool->threads[i], NULL, work, pool) == 0);
        pthread_setname_np(pool->threads[i], label);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct cg_pool *cg_pool_new(const char *name, unsigned threads, size_t queue_max)
{
    CG_ASSERT(threads >= 1);
    struct cg_pool *pool = cg_calloc(1, sizeof *pool + threads * sizeof pool->threads[0]);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->tail = &pool->head;
    pool->queue_max = queue_max;
    pool->thread_count = threads;
    start_threads(pool, name);
    return pool;
}

bool cg_pool_submit(struct cg_pool *pool, struct cg_job *job)
{
    bool taken = false;
    pthread_mutex_lock(&pool->lock);
    if (!pool->stopping && atomic_load(&pool->queued) < pool->queue_max) {
        job->next = NULL;
        *pool->tail = job;
        pool->tail = &job->next;
        atomic_fetch_add(&pool->queued, 1);
        taken = true;
    }
    pthread_mutex_unlock(&pool->lock);
    if (taken)
        pthread_cond_signal(&pool->wake);
    return taken;
}

size_t cg_pool_queued(const struct cg_pool *pool)
{
    return atomic_load(&pool->queued);
}

size_t cg_pool_busy(const struct cg_pool *pool)
{
    return atomic_load(&pool->busy);
}

unsigned cg_pool_threads(const struct cg_pool *pool)
{
    return pool->thread_count;
}

void cg_pool_free(struct cg_pool **pool)
{
    struct cg_pool *p = *pool;
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_mutex_unlock(&p->lock);
    pthread_cond_broadcast(&p->wake);
    for (unsigned i = 0; i < p->thread_count; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p);
    *pool = NULL;
}
