/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/feed.h"
#include "base/mem.h"

static struct cg_feed *feed_of(uint64_t size)
{
    int fd = memfd_create("feed", MFD_CLOEXEC);

    assert_true(fd >= 0);
    return cg_feed_new(fd, size);
}

struct counted {
    struct cg_feed_waiter waiter; /* first */
    unsigned woken;
};

static void count(struct cg_feed_waiter *waiter)
{
    ((struct counted *)waiter)->woken++;
}

static void append(struct cg_feed *feed, const char *text)
{
    struct cg_error err = {0};

    assert_int_equal(cg_feed_append(feed, text, strlen(text), &err), CG_OK);
}

static void the_last_byte_waits_until_the_whole_is_good(void **state)
{
    struct cg_feed *feed = feed_of(5);
    uint64_t len = 0;

    (void)state;
    assert_int_equal(cg_feed_ready(feed, 0, NULL, &len), CG_ERR_AGAIN);
    append(feed, "abc");
    assert_int_equal(cg_feed_ready(feed, 1, NULL, &len), CG_OK);
    assert_int_equal(len, 2);
    append(feed, "de");
    assert_int_equal(cg_feed_ready(feed, 3, NULL, &len), CG_OK);
    assert_int_equal(len, 1);
    assert_int_equal(cg_feed_ready(feed, 4, NULL, &len), CG_ERR_AGAIN);
    cg_feed_finish(feed, CG_OK);
    assert_int_equal(cg_feed_ready(feed, 4, NULL, &len), CG_OK);
    assert_int_equal(len, 1);
    cg_feed_unref(&feed);
    assert_null(feed);
}

static void a_waiter_is_woken_once_and_only_for_what_it_waits_for(void **state)
{
    struct cg_feed *feed = feed_of(10);
    struct counted early = {.waiter.wake = count}, late = {.waiter.wake = count};
    uint64_t len;

    (void)state;
    assert_int_equal(cg_feed_ready(feed, 0, &early.waiter, &len), CG_ERR_AGAIN);
    assert_int_equal(cg_feed_ready(feed, 7, &late.waiter, &len), CG_ERR_AGAIN);
    append(feed, "abc");
    assert_int_equal(early.woken, 1);
    assert_int_equal(late.woken, 0);
    append(feed, "defgh");
    assert_int_equal(early.woken, 1);
    assert_int_equal(late.woken, 1);
    cg_feed_finish(feed, CG_ERR_UNAVAILABLE);
    cg_feed_unref(&feed);
}

static void a_failure_wakes_and_fails_everybody(void **state)
{
    struct cg_feed *feed = feed_of(10);
    struct counted waiting = {.waiter.wake = count};
    uint64_t len;

    (void)state;
    append(feed, "abc");
    assert_int_equal(cg_feed_ready(feed, 3, &waiting.waiter, &len), CG_ERR_AGAIN);
    cg_feed_finish(feed, CG_ERR_UNAVAILABLE);
    assert_int_equal(waiting.woken, 1);
    assert_int_equal(cg_feed_ready(feed, 0, NULL, &len), CG_ERR_UNAVAILABLE);
    cg_feed_unref(&feed);
}

static void more_than_announced_is_refused(void **state)
{
    struct cg_feed *feed = feed_of(4);
    struct cg_error err = {0};

    (void)state;
    append(feed, "abc");
    assert_int_equal(cg_feed_append(feed, "de", 2, &err), CG_ERR_INVALID);
    assert_non_null(strstr(err.detail, "4 bytes"));
    append(feed, "d");
    cg_feed_finish(feed, CG_OK);
    cg_feed_unref(&feed);
}

static void a_file_that_cannot_be_written_is_unavailable(void **state)
{
    struct cg_feed *feed = cg_feed_new(open("/dev/null", O_RDONLY | O_CLOEXEC), 4);
    struct cg_error err = {0};

    (void)state;
    assert_int_equal(cg_feed_append(feed, "abc", 3, &err), CG_ERR_UNAVAILABLE);
    assert_string_not_equal(err.internal, "");
    cg_feed_finish(feed, CG_ERR_UNAVAILABLE);
    cg_feed_unref(&feed);
}

/* Many readers, one writer. */

#define SIZE 300000
#define READERS 8

struct reader {
    struct cg_feed_waiter waiter; /* first */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    int woken;
    struct cg_feed *feed;
    uint64_t sum;
};

static void wake_reader(struct cg_feed_waiter *waiter)
{
    struct reader *r = (struct reader *)waiter;

    pthread_mutex_lock(&r->lock);
    r->woken = 1;
    pthread_cond_signal(&r->cond);
    pthread_mutex_unlock(&r->lock);
}

static void wait_woken(struct reader *r)
{
    pthread_mutex_lock(&r->lock);
    while (!r->woken)
        pthread_cond_wait(&r->cond, &r->lock);
    r->woken = 0;
    pthread_mutex_unlock(&r->lock);
}

static void *read_all(void *cls)
{
    struct reader *r = cls;
    unsigned char bytes[4096];
    uint64_t at = 0;

    while (at < SIZE) {
        uint64_t len = 0;
        ssize_t n;

        if (cg_feed_ready(r->feed, at, &r->waiter, &len) == CG_ERR_AGAIN) {
            wait_woken(r);
            continue;
        }
        n = pread(cg_feed_fd(r->feed), bytes, len < sizeof(bytes) ? len : sizeof(bytes), (off_t)at);
        for (ssize_t i = 0; i < n; i++)
            r->sum += bytes[i];
        at += (uint64_t)n;
    }
    return NULL;
}

static void readers_beside_the_writer_get_every_byte(void **state)
{
    static unsigned char all[SIZE];
    struct reader readers[READERS] = {0};
    struct cg_feed *feed = feed_of(SIZE);
    struct cg_error err = {0};
    uint64_t sum = 0;

    (void)state;
    for (size_t i = 0; i < SIZE; i++)
        sum += all[i] = (unsigned char)(i * 7 + i / 251);
    for (size_t i = 0; i < READERS; i++) {
        readers[i].waiter.wake = wake_reader;
        readers[i].feed = cg_feed_ref(feed);
        pthread_mutex_init(&readers[i].lock, NULL);
        pthread_cond_init(&readers[i].cond, NULL);
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_all, &readers[i]), 0);
    }
    for (size_t at = 0; at < SIZE; at += 1000)
        assert_int_equal(cg_feed_append(feed, all + at, 1000, &err), CG_OK);
    cg_feed_finish(feed, CG_OK);
    for (size_t i = 0; i < READERS; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_int_equal(readers[i].sum, sum);
        cg_feed_unref(&readers[i].feed);
        pthread_cond_destroy(&readers[i].cond);
        pthread_mutex_destroy(&readers[i].lock);
    }
    assert_int_equal(cg_feed_size(feed), SIZE);
    cg_feed_unref(&feed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_byte_waits_until_the_whole_is_good),
        cmocka_unit_test(a_waiter_is_woken_once_and_only_for_what_it_waits_for),
        cmocka_unit_test(a_failure_wakes_and_fails_everybody),
        cmocka_unit_test(more_than_announced_is_refused),
        cmocka_unit_test(a_file_that_cannot_be_written_is_unavailable),
        cmocka_unit_test(readers_beside_the_writer_get_every_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
