/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Answers whose bytes are still coming in while they are sent. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "fixture.h"
#include "http/net/server.h"
#include "log/log.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define HALF (FILE_SIZE / 2)

static struct fixture fixture;
static struct cg_server *server;
static struct cg_feed *feed;
static bool finished;
static char content[FILE_SIZE];

static int set_up(void **state)
{
    struct cg_error err = {0};

    (void)state;
    fixture_open(&fixture, "", 2, 256);
    if (cg_server_start(&fixture.gw, fixture.conf, 2, &server, &err) != CG_OK)
        return -1;
    for (size_t i = 0; i < FILE_SIZE; i++)
        content[i] = fixture_file_byte(i);
    feed = fixture_feed();
    finished = false;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (!finished) /* a failed test must not leave connections waiting */
        cg_feed_finish(feed, CG_ERR_UNAVAILABLE, NULL);
    cg_feed_unref(&feed);
    cg_server_free(&server);
    fixture_close(&fixture);
    return 0;
}

static void dial(struct client *c)
{
    client_open(c, cg_server_address(server, 0));
}

static void append(size_t from, size_t to)
{
    struct cg_error err = {0};

    assert_int_equal(cg_feed_append(feed, content + from, to - from, &err), CG_OK);
}

static void finish(enum cg_err result)
{
    finished = true;
    cg_feed_finish(feed, result, NULL);
}

static void expect_whole(struct client *c)
{
    struct answer a;

    client_read(c, &a, false);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.len, FILE_SIZE);
    assert_memory_equal(a.body, content, FILE_SIZE);
    answer_clean(&a);
}

/* More requests than workers: none of them is held, so others are served meanwhile. */
static void nobody_is_held_while_the_size_is_not_known(void **state)
{
    struct client waiting[10], other;

    (void)state;
    for (size_t i = 0; i < 10; i++) {
        dial(&waiting[i]);
        client_say(&waiting[i], GET("/feed"));
    }
    assert_true(client_is_silent(&waiting[0], 100));
    dial(&other);
    for (size_t i = 0; i < 5; i++) {
        struct answer a;

        client_say(&other, GET("/slow"));
        client_read(&other, &a, false);
        assert_int_equal(a.status, 200);
        answer_clean(&a);
    }
    cg_feed_begin(feed, FILE_SIZE);
    append(0, FILE_SIZE);
    finish(CG_OK);
    for (size_t i = 0; i < 10; i++) {
        expect_whole(&waiting[i]);
        client_close(&waiting[i]);
    }
    client_close(&other);
}

static void what_never_begins_is_an_error_with_its_status(void **state)
{
    struct client c;
    struct answer a;
    struct cg_error why = {0};

    (void)state;
    dial(&c);
    client_say(&c, GET("/feed"));
    client_is_silent(&c, 50);
    cg_error_set(&why, CG_ERR_UNAVAILABLE, "Artifactory does not answer");
    why.retry_after_s = 9;
    finished = true;
    cg_feed_finish(feed, CG_ERR_UNAVAILABLE, &why);
    client_read(&c, &a, false);
    assert_int_equal(a.status, 503);
    assert_non_null(strstr(a.body, "Artifactory does not answer"));
    assert_string_equal(answer_header(&a, "Retry-After"), "9");
    answer_clean(&a);
    client_say(&c, GET("/fast")); /* the connection goes on */
    client_read(&c, &a, false);
    assert_int_equal(a.status, 200);
    answer_clean(&a);
    client_close(&c);
}

static void bytes_are_sent_as_they_come_and_the_last_when_they_are_good(void **state)
{
    struct client c;
    char first[1024];
    ssize_t n;

    (void)state;
    cg_feed_begin(feed, FILE_SIZE);
    dial(&c);
    client_say(&c, GET("/feed"));
    n = read(c.fd, first, sizeof(first)); /* the head, before there is anything else */
    assert_true(n > 0 && memmem(first, (size_t)n, "Content-Length: 300000\r\n", 24));
    assert_true(client_is_silent(&c, 100));
    append(0, HALF);
    assert_int_equal(read(c.fd, first, sizeof(first)), sizeof(first)); /* before there is a second half */
    assert_memory_equal(first, content, sizeof(first));
    append(HALF, FILE_SIZE);
    finish(CG_OK);
    client_close(&c);
    dial(&c);
    client_say(&c, GET("/feed"));
    expect_whole(&c);
    client_close(&c);
}

static void many_wait_for_one_feed_and_each_gets_all(void **state)
{
    static struct client clients[100];

    (void)state;
    cg_feed_begin(feed, FILE_SIZE);
    for (size_t i = 0; i < 100; i++) {
        dial(&clients[i]);
        client_say(&clients[i], GET("/feed"));
    }
    for (size_t at = 0; at < FILE_SIZE; at += 10000)
        append(at, at + 10000);
    finish(CG_OK);
    for (size_t i = 0; i < 100; i++) {
        expect_whole(&clients[i]);
        client_say(&clients[i], GET("/feed")); /* the connection goes on */
    }
    for (size_t i = 0; i < 100; i++) {
        expect_whole(&clients[i]);
        client_close(&clients[i]);
    }
}

static void a_feed_that_fails_ends_the_connection_before_its_end(void **state)
{
    struct client c;
    char bytes[4096];
    size_t got = 0;
    ssize_t n;

    (void)state;
    cg_feed_begin(feed, FILE_SIZE);
    dial(&c);
    client_say(&c, GET("/feed"));
    append(0, FILE_SIZE);
    finish(CG_ERR_UNAVAILABLE);
    while ((n = read(c.fd, bytes, sizeof(bytes))) > 0)
        got += (size_t)n;
    assert_true(got < FILE_SIZE + 100); /* head and all, the last byte is missing */
    client_close(&c);
}

static void clients_that_leave_harm_nobody(void **state)
{
    struct client gone, stays;

    (void)state;
    cg_feed_begin(feed, FILE_SIZE);
    dial(&gone);
    client_say(&gone, GET("/feed"));
    dial(&stays);
    client_say(&stays, GET("/feed"));
    append(0, 1000);
    client_close(&gone);
    append(1000, FILE_SIZE);
    finish(CG_OK);
    expect_whole(&stays);
    client_close(&stays);
}

static void a_range_waits_for_its_own_bytes_only(void **state)
{
    struct client c;
    struct answer a;

    (void)state;
    cg_feed_begin(feed, FILE_SIZE);
    dial(&c);
    client_say(&c, "GET /feed HTTP/1.1\r\nHost: localhost\r\nRange: bytes=100-199\r\n\r\n");
    append(0, HALF);
    client_read(&c, &a, false);
    assert_int_equal(a.status, 206);
    assert_int_equal(a.len, 100);
    assert_memory_equal(a.body, content + 100, 100);
    answer_clean(&a);
    finish(CG_ERR_UNAVAILABLE);
    client_close(&c);
}

static void stopping_waits_for_a_feed_under_way(void **state)
{
    struct client c;

    (void)state;
    cg_feed_begin(feed, FILE_SIZE);
    dial(&c);
    client_say(&c, GET("/feed"));
    append(0, HALF);
    client_is_silent(&c, 50);
    append(HALF, FILE_SIZE);
    finish(CG_OK);
    cg_server_drain(server, 5000);
    expect_whole(&c);
    client_close(&c);
}

static void *stop(void *cls)
{
    cg_server_free(cls);
    return NULL;
}

/* Behind the time that a drain gives: as soon as something moves, whoever would wait for more is cut off. */
static void a_feed_that_trickles_does_not_keep_the_server_from_ending(void **state)
{
    struct timespec until;
    struct client c;
    pthread_t thread;
    int rc = ETIMEDOUT;

    (void)state;
    cg_feed_begin(feed, FILE_SIZE);
    dial(&c);
    client_say(&c, GET("/feed"));
    append(0, 1000);
    usleep(50 * 1000);
    assert_int_equal(pthread_create(&thread, NULL, stop, &server), 0);
    for (size_t at = 1000; at < 6000 && rc != 0; at += 1000) {
        append(at, at + 1000);
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec++;
        rc = pthread_timedjoin_np(thread, NULL, &until);
    }
    if (rc != 0) {
        finish(CG_ERR_UNAVAILABLE);
        pthread_join(thread, NULL);
    }
    client_close(&c);
    assert_int_equal(rc, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(nobody_is_held_while_the_size_is_not_known),
        T(what_never_begins_is_an_error_with_its_status),
        T(bytes_are_sent_as_they_come_and_the_last_when_they_are_good),
        T(many_wait_for_one_feed_and_each_gets_all),
        T(a_feed_that_fails_ends_the_connection_before_its_end),
        T(clients_that_leave_harm_nobody),
        T(a_range_waits_for_its_own_bytes_only),
        T(stopping_waits_for_a_feed_under_way),
        T(a_feed_that_trickles_does_not_keep_the_server_from_ending),
    };

    cg_log_setup(CG_LOG_ERROR, CG_LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
