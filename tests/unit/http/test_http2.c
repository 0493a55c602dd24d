/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Requests and answers over HTTP/2, with nghttp2's own client at the other end. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "h2_peer.h"
#include "base/mem.h"
#include "crategate/clock.h"

static struct h2 peer;

static void answers_have_what_those_of_http1_have(void **state)
{
    struct h2 *t = &peer;
    struct h2_reply *reply;

    (void)state;
    h2_open(t, 0);
    reply = h2_wait(t, h2_get(t, "/fast"));
    assert_int_equal(reply->status, 200);
    assert_string_equal(reply->body, "anonymous");
    assert_string_equal(h2_header(reply, "content-length"), "9");
    assert_string_equal(h2_header(reply, "content-type"), "text/plain");
    assert_string_equal(h2_header(reply, "cache-control"), "no-store");
    assert_int_equal(strlen(h2_header(reply, "x-request-id")), 32);
    assert_int_equal(strlen(h2_header(reply, "date")), CG_TIME_HTTP_SIZE - 1);
    assert_int_equal(reply->code, NGHTTP2_NO_ERROR);
    h2_close(t);
}

static void a_hundred_streams_are_served_at_once(void **state)
{
    static const char *const paths[] = {"/fast", "/slow", "/either", "/blob", "/file"};
    struct h2 *t = &peer;
    int32_t ids[100];

    (void)state;
    h2_open(t, 1 << 20);
    for (int i = 0; i < 100; i++)
        ids[i] = h2_get(t, paths[i % 5]);
    for (int i = 0; i < 100; i++) {
        struct h2_reply *reply = h2_wait(t, ids[i]);

        assert_int_equal(reply->status, 200);
        if (i % 5 == 4) {
            assert_int_equal(reply->len, FILE_SIZE);
            for (size_t at = 0; at < FILE_SIZE; at += 997)
                assert_int_equal(reply->body[at], fixture_file_byte(at));
        }
    }
    h2_close(t);
}

static void workers_keep_no_other_stream_waiting(void **state)
{
    struct h2 *t = &peer;
    int32_t gate, later;

    (void)state;
    h2_open(t, 0);
    gate = h2_get(t, "/gate");
    later = h2_get(t, "/later");
    assert_int_equal(h2_wait(t, h2_get(t, "/fast"))->status, 200);
    assert_false(h2_reply(t, gate)->closed);
    assert_int_equal(h2_wait(t, later)->status, 200);
    fixture_gate(true);
    assert_int_equal(h2_wait(t, gate)->status, 200);
    h2_close(t);
}

static void head_says_the_length_and_sends_nothing(void **state)
{
    struct h2 *t = &peer;
    struct h2_reply *reply;
    char length[16];

    (void)state;
    h2_open(t, 0);
    reply = h2_wait(t, h2_request(t, "HEAD", "/file", NULL, UINT64_MAX));
    snprintf(length, sizeof(length), "%u", FILE_SIZE);
    assert_int_equal(reply->status, 200);
    assert_string_equal(h2_header(reply, "content-length"), length);
    assert_int_equal(reply->len, 0);
    h2_close(t);
}

static void what_has_not_changed_is_304_without_length(void **state)
{
    struct h2 *t = &peer;
    const char *headers[] = {"if-none-match", NULL, NULL};
    struct h2_reply *reply;

    (void)state;
    h2_open(t, 0);
    headers[1] = t->f.blob->etag;
    reply = h2_wait(t, h2_request(t, "GET", "/blob", headers, UINT64_MAX));
    assert_int_equal(reply->status, 304);
    assert_null(h2_header(reply, "content-length"));
    assert_string_equal(h2_header(reply, "etag"), t->f.blob->etag);
    assert_int_equal(reply->len, 0);
    h2_close(t);
}

static void gzip_is_sent_to_those_who_take_it(void **state)
{
    static const char *const headers[] = {"accept-encoding", "gzip", NULL};
    struct h2 *t = &peer;
    struct h2_reply *reply;

    (void)state;
    h2_open(t, 0);
    reply = h2_wait(t, h2_request(t, "GET", "/blob", headers, UINT64_MAX));
    assert_string_equal(h2_header(reply, "content-encoding"), "gzip");
    assert_int_equal(reply->len, t->f.blob->gzip_len);
    assert_memory_equal(reply->body, t->f.blob->gzip, reply->len);
    h2_close(t);
}

static void ranges_are_sent(void **state)
{
    static const char *const headers[] = {"range", "bytes=100-299999", NULL};
    struct h2 *t = &peer;
    struct h2_reply *reply;

    (void)state;
    h2_open(t, 0);
    reply = h2_wait(t, h2_request(t, "GET", "/file", headers, UINT64_MAX));
    assert_int_equal(reply->status, 206);
    assert_int_equal(reply->len, FILE_SIZE - 100);
    assert_int_equal(reply->body[0], fixture_file_byte(100));
    h2_close(t);
}

static void the_query_and_credentials_arrive(void **state)
{
    static const char *const headers[] = {"authorization", ALICE, NULL};
    struct h2 *t = &peer;

    (void)state;
    h2_open(t, 0);
    assert_string_equal(h2_wait(t, h2_get(t, "/query?q=a%20b"))->body, "a b");
    assert_int_equal(h2_wait(t, h2_get(t, "/closed/read"))->status, 401);
    assert_string_equal(h2_wait(t, h2_request(t, "GET", "/closed/read", headers, UINT64_MAX))->body, "alice");
    h2_close(t);
}

static void two_credentials_are_refused(void **state)
{
    static const char *const headers[] = {"authorization", ALICE, "authorization", BOB, NULL};
    struct h2 *t = &peer;
    struct h2_reply *reply;

    (void)state;
    h2_open(t, 0);
    reply = h2_wait(t, h2_request(t, "GET", "/closed/read", headers, UINT64_MAX));
    assert_int_equal(reply->status, 400);
    assert_non_null(strstr(reply->body, "more than one Authorization"));
    h2_close(t);
}

static void a_host_that_is_not_the_authority_is_refused(void **state)
{
    static const char *const same[] = {"host", "Crates.example", NULL};
    static const char *const other[] = {"host", "elsewhere.example", NULL};
    struct h2 *t = &peer;

    (void)state;
    h2_open(t, 0);
    assert_int_equal(h2_wait(t, h2_request(t, "GET", "/fast", same, UINT64_MAX))->status, 200);
    assert_int_equal(h2_wait(t, h2_request(t, "GET", "/fast", other, UINT64_MAX))->status, 400);
    h2_close(t);
}

static void headers_over_the_limit_are_431_and_the_connection_stays(void **state)
{
    struct h2 *t = &peer;
    char *long_value = cg_malloc(40001);
    const char *headers[] = {"x-long", long_value, NULL};
    struct h2_reply *reply;

    (void)state;
    memset(long_value, 'a', 40000);
    long_value[40000] = '\0';
    h2_open(t, 0);
    reply = h2_wait(t, h2_request(t, "GET", "/fast", headers, UINT64_MAX));
    assert_int_equal(reply->status, 431);
    long_value[30000] = '\0';
    assert_int_equal(h2_wait(t, h2_request(t, "GET", "/fast", headers, UINT64_MAX))->status, 200);
    free(long_value);
    h2_close(t);
}

static void many_small_headers_are_431_too(void **state)
{
    struct h2 *t = &peer;
    const char *headers[111] = {0};
    char *value = cg_malloc(1001);

    (void)state;
    memset(value, 'a', 1000);
    value[1000] = '\0';
    for (int i = 0; i < 110; i += 2) {
        headers[i] = "x-many";
        headers[i + 1] = value;
    }
    h2_open(t, 0);
    assert_int_equal(h2_wait(t, h2_request(t, "GET", "/fast", headers, UINT64_MAX))->status, 431);
    free(value);
    h2_close(t);
}

/* Feeds */

static bool has_some(struct h2 *t)
{
    return h2_reply(t, 1)->len >= 1000;
}

static void append(struct cg_feed *feed, size_t len)
{
    char bytes[1000];
    struct cg_error err = {0};

    memset(bytes, 'f', sizeof(bytes));
    assert_int_equal(cg_feed_append(feed, bytes, len, &err), CG_OK);
}

static void what_still_comes_in_is_sent_as_it_comes(void **state)
{
    struct h2 *t = &peer;
    struct cg_feed *feed;
    struct h2_reply *reply;
    int32_t id;

    (void)state;
    h2_open(t, 0);
    feed = fixture_feed();
    id = h2_get(t, "/feed");
    h2_turn(t);
    cg_feed_begin(feed, 2000);
    append(feed, 1000);
    h2_until(t, has_some);
    assert_false(h2_reply(t, id)->ended);
    append(feed, 1000);
    cg_feed_finish(feed, CG_OK, NULL);
    reply = h2_wait(t, id);
    assert_int_equal(reply->len, 2000);
    assert_int_equal(reply->code, NGHTTP2_NO_ERROR);
    cg_feed_unref(&feed);
    h2_close(t);
}

static void what_fails_on_its_way_is_never_complete(void **state)
{
    struct h2 *t = &peer;
    struct cg_feed *feed;
    struct h2_reply *reply;
    int32_t id;

    (void)state;
    h2_open(t, 0);
    feed = fixture_feed();
    cg_feed_begin(feed, 1500);
    append(feed, 1000);
    id = h2_get(t, "/feed");
    h2_until(t, has_some);
    append(feed, 500);
    cg_feed_finish(feed, CG_ERR_UNAVAILABLE, NULL);
    reply = h2_wait(t, id);
    assert_int_equal(reply->status, 200);
    assert_false(reply->ended);
    assert_int_equal(reply->code, NGHTTP2_INTERNAL_ERROR);
    assert_int_equal(h2_wait(t, h2_get(t, "/fast"))->status, 200);
    cg_feed_unref(&feed);
    h2_close(t);
}

static void a_feed_whose_reader_left_ends_with_its_wake(void **state)
{
    struct h2 *t = &peer;
    struct cg_feed *feed;
    int32_t id;

    (void)state;
    h2_open(t, 0);
    feed = fixture_feed();
    cg_feed_begin(feed, 2000);
    append(feed, 1000);
    id = h2_get(t, "/feed");
    h2_until(t, has_some);
    nghttp2_submit_rst_stream(t->client, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    assert_int_equal(h2_wait(t, h2_get(t, "/fast"))->status, 200);
    assert_int_equal(cg_http2_waiting(t->conn), 1);
    append(feed, 1000);
    cg_feed_finish(feed, CG_OK, NULL);
    assert_int_equal(h2_wait(t, h2_get(t, "/slow"))->status, 200);
    assert_int_equal(cg_http2_waiting(t->conn), 0);
    cg_feed_unref(&feed);
    h2_close(t);
}

/* Who goes first */

static bool all_is_stuck(struct h2 *t)
{
    return !(cg_http2_wants(t->conn) & EPOLLIN) || h2_reply(t, 1)->status != 0;
}

/* Bulk answers fill what the client does not read; what is asked for then is ready long before they are. */
static void index_goes_before_bulk(void **state)
{
    struct h2 *t = &peer;
    int32_t bulk[8], index;

    (void)state;
    h2_open(t, 8 << 20);
    nghttp2_session_set_local_window_size(t->client, NGHTTP2_FLAG_NONE, 0, 64 << 20);
    for (int i = 0; i < 8; i++)
        bulk[i] = h2_get(t, "/file");
    h2_until(t, all_is_stuck);
    t->deaf = true;
    for (int i = 0; i < 50; i++)
        h2_turn(t);
    index = h2_get(t, "/blob");
    for (int i = 0; i < 50; i++)
        h2_turn(t);
    t->deaf = false;
    assert_int_equal(h2_wait(t, index)->status, 200);
    assert_int_equal(h2_reply(t, index)->order, 1);
    for (int i = 0; i < 8; i++)
        assert_int_equal(h2_wait(t, bulk[i])->len, FILE_SIZE);
    h2_close(t);
}

/* Eight that are equal end one close behind the other, and not one after the other. */
static void equals_take_turns(void **state)
{
    struct h2 *t = &peer;
    int32_t ids[8];

    (void)state;
    h2_open(t, 8 << 20);
    nghttp2_session_set_local_window_size(t->client, NGHTTP2_FLAG_NONE, 0, 64 << 20);
    for (int i = 0; i < 8; i++)
        ids[i] = h2_get(t, "/file");
    while (h2_reply(t, ids[0])->status == 0)
        h2_turn(t);
    h2_wait(t, ids[0]);
    for (int i = 1; i < 8; i++)
        assert_true(h2_reply(t, ids[i])->len > FILE_SIZE / 2);
    for (int i = 1; i < 8; i++)
        h2_wait(t, ids[i]);
    h2_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_have_what_those_of_http1_have),
        cmocka_unit_test(a_hundred_streams_are_served_at_once),
        cmocka_unit_test(workers_keep_no_other_stream_waiting),
        cmocka_unit_test(head_says_the_length_and_sends_nothing),
        cmocka_unit_test(what_has_not_changed_is_304_without_length),
        cmocka_unit_test(gzip_is_sent_to_those_who_take_it),
        cmocka_unit_test(ranges_are_sent),
        cmocka_unit_test(the_query_and_credentials_arrive),
        cmocka_unit_test(two_credentials_are_refused),
        cmocka_unit_test(a_host_that_is_not_the_authority_is_refused),
        cmocka_unit_test(headers_over_the_limit_are_431_and_the_connection_stays),
        cmocka_unit_test(many_small_headers_are_431_too),
        cmocka_unit_test(what_still_comes_in_is_sent_as_it_comes),
        cmocka_unit_test(what_fails_on_its_way_is_never_complete),
        cmocka_unit_test(a_feed_whose_reader_left_ends_with_its_wake),
        cmocka_unit_test(index_goes_before_bulk),
        cmocka_unit_test(equals_take_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
