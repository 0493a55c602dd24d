/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Answers whose bytes are still coming in while they are sent. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "fixture.h"
#include "http/http1/server.h"
#include "log/log.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define HALF (FILE_SIZE / 2)

static struct fixture fixture;
static struct cg_http1 *server;
static struct cg_feed *feed;
static bool finished;
static char content[FILE_SIZE];

static int set_up(void **state)
{
    struct cg_error err = {0};

    (void)state;
    fixture_open(&fixture, "", 2, 256);
    if (cg_http1_start(&fixture.gw, fixture.conf, 2, &server, &err) != CG_OK)
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
        cg_feed_finish(feed, CG_ERR_UNAVAILABLE);
    cg_feed_unref(&feed);
    cg_http1_free(&server);
    fixture_close(&fixture);
    return 0;
}

static void dial(struct client *c)
{
    client_open(c, cg_http1_address(server, 0));
}

static void append(size_t from, size_t to)
{
    struct cg_error err = {0};

    assert_int_equal(cg_feed_append(feed, content + from, to - from, &err), CG_OK);
}

static void finish(enum cg_err result)
{
    finished = true;
    cg_feed_finish(feed, result);
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

static void bytes_are_sent_as_they_come_and_the_last_when_they_are_good(void **state)
{
    struct client c;
    char first[1024];
    ssize_t n;

    (void)state;
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
    dial(&c);
    client_say(&c, GET("/feed"));
    append(0, HALF);
    client_is_silent(&c, 50);
    append(HALF, FILE_SIZE);
    finish(CG_OK);
    cg_http1_drain(server, 5000);
    expect_whole(&c);
    client_close(&c);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(bytes_are_sent_as_they_come_and_the_last_when_they_are_good),
        T(many_wait_for_one_feed_and_each_gets_all),
        T(a_feed_that_fails_ends_the_connection_before_its_end),
        T(clients_that_leave_harm_nobody),
        T(a_range_waits_for_its_own_bytes_only),
        T(stopping_waits_for_a_feed_under_way),
    };

    cg_log_setup(CG_LOG_ERROR, CG_LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
