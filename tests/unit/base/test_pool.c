/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/pool.h"

struct numbered {
    struct cg_job job; /* first */
    int number;
};

static atomic_int ran;
static int order[100];

static void note(struct cg_job *job)
{
    struct numbered *mine = (struct numbered *)(void *)job;
    order[atomic_fetch_add(&ran, 1)] = mine->number;
    free(mine);
}

static struct cg_job *numbered(int n)
{
    struct numbered *mine = cg_calloc(1, sizeof *mine);
    mine->job.run = note;
    mine->number = n;
    return &mine->job;
}

static void jobs_run_in_the_order_they_came(void **state)
{
    (void)state;
    atomic_store(&ran, 0);
    struct cg_pool *pool = cg_pool_new("test", 1, 100);
    for (int i = 0; i < 100; i++)
        assert_true(cg_pool_submit(pool, numbered(i)));
    cg_pool_free(&pool);
    assert_null(pool);
    cg_pool_free(&pool);
    assert_int_equal(atomic_load(&ran), 100); /* all that was queued */
    for (int i = 0; i < 100; i++)
        assert_int_equal(order[i], i);
}

struct gate {
    struct cg_job job; /* first */
    sem_t entered, open;
};

static void wait_at_gate(struct cg_job *job)
{
    struct gate *gate = (struct gate *)(void *)job;
    sem_post(&gate->entered);
    sem_wait(&gate->open);
}

static void gate_init(struct gate *gate)
{
    gate->job = (struct cg_job){.run = wait_at_gate};
    sem_init(&gate->entered, 0, 0);
    sem_init(&gate->open, 0, 0);
}

static void a_full_queue_refuses_at_once(void **state)
{
    (void)state;
    struct gate gate;
    gate_init(&gate);
    atomic_store(&ran, 0);
    struct cg_pool *pool = cg_pool_new("test", 1, 2);
    assert_true(cg_pool_submit(pool, &gate.job));
    sem_wait(&gate.entered); /* the only worker is busy */
    assert_int_equal(cg_pool_busy(pool), 1);
    assert_true(cg_pool_submit(pool, numbered(0)));
    assert_true(cg_pool_submit(pool, numbered(1)));
    assert_int_equal(cg_pool_queued(pool), 2);
    struct cg_job *refused = numbered(2);
    refused->next = (struct cg_job *)0x10;
    assert_false(cg_pool_submit(pool, refused));
    assert_ptr_equal(refused->next, (struct cg_job *)0x10); /* untouched */
    sem_post(&gate.open);
    while (atomic_load(&ran) < 2)
        usleep(1000);
    assert_true(cg_pool_submit(pool, refused));
    cg_pool_free(&pool);
    assert_int_equal(atomic_load(&ran), 3);
}

static void no_room_for_waiting_still_refuses_only_when_full(void **state)
{
    (void)state;
    struct cg_pool *pool = cg_pool_new("test", 1, 0);
    struct cg_job *job = numbered(0);
    assert_false(cg_pool_submit(pool, job));
    free(job);
    cg_pool_free(&pool);
}

struct sight {
    struct cg_job job; /* first */
    sem_t done;
    char name[16];
    bool blocked;
};

static void look(struct cg_job *job)
{
    struct sight *sight = (struct sight *)(void *)job;
    sigset_t mask;
    pthread_getname_np(pthread_self(), sight->name, sizeof sight->name);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    sight->blocked = sigismember(&mask, SIGTERM) && sigismember(&mask, SIGHUP) && sigismember(&mask, SIGPIPE);
    sem_post(&sight->done);
}

static void workers_have_names_and_take_no_signals(void **state)
{
    (void)state;
    struct sight sight = {.job = {.run = look}};
    sem_init(&sight.done, 0, 0);
    struct cg_pool *pool = cg_pool_new("a-very-long-name", 1, 1);
    assert_true(cg_pool_submit(pool, &sight.job));
    sem_wait(&sight.done);
    assert_string_equal(sight.name, "a-very-lon-0");
    assert_true(sight.blocked);
    sigset_t mine;
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    assert_false(sigismember(&mine, SIGTERM)); /* ours is as before */
    assert_int_equal(cg_pool_threads(pool), 1);
    cg_pool_free(&pool);
}

static void all_workers_work_at_once(void **state)
{
    (void)state;
    struct gate gates[4];
    struct cg_pool *pool = cg_pool_new("test", 4, 4);
    for (int i = 0; i < 4; i++) {
        gate_init(&gates[i]);
        assert_true(cg_pool_submit(pool, &gates[i].job));
    }
    for (int i = 0; i < 4; i++)
        sem_wait(&gates[i].entered); /* returns only when all four are inside */
    assert_int_equal(cg_pool_busy(pool), 4);
    for (int i = 0; i < 4; i++)
        sem_post(&gates[i].open);
    cg_pool_free(&pool);
}

static atomic_int counted;

static void count(struct cg_job *job)
{
    atomic_fetch_add(&counted, 1);
    free(job);
}

static void *submit_many(void *cls)
{
    intptr_t taken = 0;
    for (int i = 0; i < 5000; i++) {
        struct cg_job *job = cg_calloc(1, sizeof *job);
        job->run = count;
        if (cg_pool_submit(cls, job))
            taken++;
        else
            free(job);
    }
    return (void *)taken;
}

static void every_accepted_job_runs_exactly_once(void **state)
{
    (void)state;
    atomic_store(&counted, 0);
    struct cg_pool *pool = cg_pool_new("test", 3, 64);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, submit_many, pool), 0);
    intptr_t taken = 0;
    for (int i = 0; i < 4; i++) {
        void *part;
        pthread_join(threads[i], &part);
        taken += (intptr_t)part;
    }
    cg_pool_free(&pool);
    assert_true(taken > 0);
    assert_int_equal(atomic_load(&counted), taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_run_in_the_order_they_came),
        cmocka_unit_test(a_full_queue_refuses_at_once),
        cmocka_unit_test(no_room_for_waiting_still_refuses_only_when_full),
        cmocka_unit_test(workers_have_names_and_take_no_signals),
        cmocka_unit_test(all_workers_work_at_once),
        cmocka_unit_test(every_accepted_job_runs_exactly_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
