/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Bodies that come in, streams and connections that end in the middle, time-outs, draining, the upgrade. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "h2_peer.h"
#include "crategate/clock.h"
#include "http/http2/conn.h"

static struct h2 peer;

static const char *const as_alice[] = {"authorization", ALICE, NULL};

/* With the settings acknowledged, too. */
static void all_is_said(struct h2 *t)
{
    while (nghttp2_session_want_write(t->client))
        h2_turn(t);
    h2_turn(t);
}

/* Uploads */

static void expect_upload(const struct h2_reply *reply, unsigned long long size)
{
    char body[64];

    snprintf(body, sizeof(body), "{\"size\":%llu,\"sum\":%llu}", size, size * 'x');
    assert_int_equal(reply->status, 200);
    assert_string_equal(reply->body, body);
}

static void uploads_arrive_whole(void **state)
{
    struct h2 *t = &peer;

    (void)state;
    h2_open(t, 0);
    expect_upload(h2_wait(t, h2_request(t, "PUT", "/spool", NULL, 900000)), 900000);
    expect_upload(h2_wait(t, h2_request(t, "PUT", "/closed/new", as_alice, 700000)), 700000);
    expect_upload(h2_wait(t, h2_request(t, "PUT", "/spool", NULL, 0)), 0);
    assert_string_equal(h2_wait(t, h2_request(t, "PUT", "/echo", NULL, 5))->body, "xxxxx");
    h2_close(t);
}

static void a_declared_length_is_held_to(void **state)
{
    static const char *const right[] = {"content-length", "500000", NULL};
    static const char *const wrong[] = {"content-length", "400000", NULL};
    struct h2 *t = &peer;

    (void)state;
    h2_open(t, 0);
    expect_upload(h2_wait(t, h2_request(t, "PUT", "/spool", right, 500000)), 500000);
    assert_int_equal(h2_wait(t, h2_request(t, "PUT", "/spool", wrong, 500000))->code, NGHTTP2_PROTOCOL_ERROR);
    h2_close(t);
}

static void many_uploads_share_a_connection(void **state)
{
    struct h2 *t = &peer;
    int32_t ids[16];

    (void)state;
    h2_open(t, 0);
    for (int i = 0; i < 16; i++)
        ids[i] = h2_request(t, "PUT", "/spool", NULL, 600000);
    for (int i = 0; i < 16; i++)
        expect_upload(h2_wait(t, ids[i]), 600000);
    h2_close(t);
}

static bool four_stand_at_the_gate(struct h2 *t)
{
    return cg_http2_waiting(t->conn) >= 4;
}

static bool upload_is_stuck(struct h2 *t)
{
    return cg_http2_waiting(t->conn) >= 5;
}

/* No worker is free, so nobody takes what is in memory: the client's window closes. */
static void a_full_spool_holds_the_client_back(void **state)
{
    static const char *const length[] = {"content-length", "1000000", NULL};
    struct h2 *t = &peer;
    struct h2_reply *upload;

    (void)state;
    h2_open(t, 0);
    for (int i = 0; i < 4; i++)
        h2_get(t, "/gate");
    h2_until(t, four_stand_at_the_gate);
    upload = h2_reply(t, h2_request(t, "PUT", "/spool", length, 1000000));
    h2_until(t, upload_is_stuck);
    for (int i = 0; i < 30; i++)
        h2_turn(t);
    assert_false(upload->closed);
    assert_int_equal(h2_wait(t, h2_get(t, "/fast"))->status, 200);
    fixture_gate(true);
    expect_upload(h2_wait(t, upload->id), 1000000);
    h2_close(t);
}

static bool is_asked_for_more(struct h2 *t)
{
    return h2_reply(t, 1)->continues > 0;
}

static void a_client_that_asks_is_told_to_go_on(void **state)
{
    static const char *const headers[] = {"expect", "100-continue", "content-length", "5", NULL};
    struct h2 *t = &peer;
    int32_t id;

    (void)state;
    h2_open(t, 0);
    id = h2_request(t, "PUT", "/echo", headers, 5);
    h2_reply(t, id)->stalls = true;
    h2_until(t, is_asked_for_more);
    h2_go_on(t, id);
    assert_string_equal(h2_wait(t, id)->body, "xxxxx");
    assert_int_equal(h2_reply(t, id)->continues, 1);
    id = h2_request(t, "PUT", "/closed/new", headers, 5);
    h2_reply(t, id)->stalls = true;
    assert_int_equal(h2_wait_answer(t, id)->status, 401);
    assert_int_equal(h2_reply(t, id)->continues, 0);
    h2_close(t);
}

/* Refusals */

static void a_refusal_does_not_wait_for_the_body(void **state)
{
    struct h2 *t = &peer;
    struct h2_reply *reply;

    (void)state;
    h2_open(t, 0);
    reply = h2_wait_answer(t, h2_request(t, "PUT", "/closed/new", NULL, 50000000));
    assert_int_equal(reply->status, 401);
    assert_true(reply->ended);
    all_is_said(t);
    assert_false(reply->closed);
    cg_http2_check_pace(t->conn, cg_clock_mono_ms() + 2500);
    h2_wait(t, reply->id);
    assert_int_equal(reply->code, NGHTTP2_NO_ERROR);
    assert_true(reply->upload_at <= 65535);
    assert_int_equal(fixture_changes(), 0);
    assert_int_equal(h2_wait(t, h2_get(t, "/fast"))->status, 200);
    h2_close(t);
}

static void too_much_is_refused_when_it_is_too_much(void **state)
{
    static const char *const length[] = {"content-length", "50000000", NULL};
    struct h2 *t = &peer;
    struct h2_reply *reply;

    (void)state;
    h2_open(t, 0);
    reply = h2_wait_answer(t, h2_request(t, "PUT", "/spool", length, 50000000));
    assert_int_equal(reply->status, 413);
    assert_true(reply->upload_at <= 65535);
    reply = h2_wait_answer(t, h2_request(t, "PUT", "/spool", NULL, 50000000));
    assert_int_equal(reply->status, 413);
    assert_true(reply->upload_at < 8000000);
    reply = h2_wait_answer(t, h2_request(t, "PUT", "/echo", NULL, 200000));
    assert_int_equal(reply->status, 413);
    assert_int_equal(h2_wait(t, h2_get(t, "/fast"))->status, 200);
    h2_close(t);
}

/* Refused uploads give back what they took of the connection's window. */
static void refusals_leave_room_for_others(void **state)
{
    struct h2 *t = &peer;

    (void)state;
    h2_open(t, 0);
    for (int i = 0; i < 40; i++)
        assert_int_equal(h2_wait_answer(t, h2_request(t, "PUT", "/closed/new", NULL, 60000))->status, 401);
    expect_upload(h2_wait(t, h2_request(t, "PUT", "/spool", NULL, 300000)), 300000);
    h2_close(t);
}

/* Ends in the middle */

static void reset(struct h2 *t, int32_t id)
{
    nghttp2_submit_rst_stream(t->client, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    h2_wait(t, id);
    assert_int_equal(h2_wait(t, h2_get(t, "/fast"))->status, 200);
}

static bool answer_begins(struct h2 *t)
{
    return h2_reply(t, 1)->len > 0;
}

static bool one_waits(struct h2 *t)
{
    return cg_http2_waiting(t->conn) == 1;
}

static void a_stream_may_be_given_up_at_any_time(void **state)
{
    static const char *const length[] = {"content-length", "1000000", NULL};
    struct h2 *t = &peer;
    int32_t id;

    (void)state;
    h2_open(t, 0);
    id = h2_get(t, "/file"); /* while the answer comes: the window holds a part of it */
    h2_until(t, answer_begins);
    reset(t, id);
    id = h2_request(t, "PUT", "/spool", length, 1000000); /* while the body comes */
    h2_turn(t);
    reset(t, id);
    id = h2_get(t, "/gate"); /* while a worker has it */
    h2_turn(t);
    fixture_gate_wait(1);
    reset(t, id);
    h2_until(t, one_waits); /* a worker may still be writing what was uploaded */
    assert_int_equal(atomic_load(&t->active), 1);
    fixture_gate(true);
    while (cg_http2_waiting(t->conn) > 0)
        h2_turn(t);
    assert_int_equal(atomic_load(&t->active), 0);
    id = h2_get(t, "/later"); /* while it is delayed */
    h2_turn(t);
    reset(t, id);
    h2_close(t);
}

static void a_connection_may_end_at_any_time(void **state)
{
    struct h2 *t = &peer;

    (void)state;
    h2_open(t, 0);
    h2_get(t, "/gate");
    h2_get(t, "/file");
    h2_request(t, "PUT", "/spool", NULL, 1000000);
    h2_turn(t);
    fixture_gate_wait(1);
    close(t->fd);
    t->fd = -1;
    h2_until(t, h2_is_over);
    while (cg_http2_waiting(t->conn) > 1)
        h2_turn(t);
    assert_non_null(t->conn); /* it lingers for the one at the gate */
    h2_close(t);
}

/* Time */

static void expect_goaway(struct h2 *t, uint32_t code)
{
    h2_until(t, h2_is_over);
    assert_true(t->goaway);
    assert_int_equal(t->goaway_code, code);
}

static void an_idle_connection_is_closed(void **state)
{
    struct h2 *t = &peer;

    (void)state;
    h2_open(t, 0);
    assert_int_equal(h2_wait(t, h2_get(t, "/fast"))->status, 200);
    all_is_said(t);
    assert_true(cg_http2_check_pace(t->conn, cg_clock_mono_ms() + 50000));
    h2_turn(t);
    assert_false(t->goaway);
    cg_http2_check_pace(t->conn, cg_clock_mono_ms() + 70000);
    expect_goaway(t, NGHTTP2_NO_ERROR);
    h2_close(t);
}

static void a_connection_with_work_is_not_idle(void **state)
{
    struct h2 *t = &peer;
    int32_t id;

    (void)state;
    h2_open(t, 0);
    id = h2_get(t, "/gate");
    h2_turn(t);
    fixture_gate_wait(1);
    all_is_said(t);
    assert_true(cg_http2_check_pace(t->conn, cg_clock_mono_ms() + 90000));
    fixture_gate(true);
    assert_int_equal(h2_wait(t, id)->status, 200);
    h2_close(t);
}

static void settings_must_be_acknowledged(void **state)
{
    struct h2 *t = &peer;

    (void)state;
    h2_open_raw(t);
    h2_preface(t);
    h2_turn(t);
    cg_http2_check_pace(t->conn, cg_clock_mono_ms() + 31000);
    while (h2_raw_goaway(t) == UINT32_MAX)
        h2_turn(t);
    assert_int_equal(h2_raw_goaway(t), NGHTTP2_SETTINGS_TIMEOUT);
    h2_close(t);
}

static bool body_has_come(struct h2 *t)
{
    return h2_reply(t, 1)->upload_at == 20000 && !nghttp2_session_want_write(t->client);
}

static void a_body_must_come_at_some_pace(void **state)
{
    struct h2 *t = &peer;
    struct h2_reply *reply;

    (void)state;
    h2_open(t, 0);
    reply = h2_reply(t, h2_request(t, "PUT", "/spool", NULL, 50000));
    reply->stalls = true;
    reply->stall_at = 20000;
    h2_until(t, body_has_come);
    all_is_said(t);
    cg_http2_check_pace(t->conn, cg_clock_mono_ms() + 15000);
    h2_turn(t);
    assert_false(reply->closed);
    cg_http2_check_pace(t->conn, cg_clock_mono_ms() + 35000);
    h2_wait(t, reply->id);
    assert_int_equal(reply->code, NGHTTP2_CANCEL);
    assert_int_equal(h2_wait(t, h2_get(t, "/fast"))->status, 200);
    h2_close(t);
}

static bool window_is_used_up(struct h2 *t)
{
    return h2_reply(t, 1)->len == 65535;
}

static void an_answer_must_be_taken_at_some_pace(void **state)
{
    struct h2 *t = &peer;
    int32_t id;

    (void)state;
    h2_open(t, H2_SHUT);
    nghttp2_session_set_local_window_size(t->client, NGHTTP2_FLAG_NONE, 0, 1 << 20);
    id = h2_get(t, "/file");
    h2_until(t, window_is_used_up);
    all_is_said(t);
    cg_http2_check_pace(t->conn, cg_clock_mono_ms() + 50000);
    h2_turn(t);
    assert_false(h2_reply(t, id)->closed);
    cg_http2_check_pace(t->conn, cg_clock_mono_ms() + 61000);
    assert_int_equal(h2_wait(t, id)->code, NGHTTP2_CANCEL);
    assert_int_equal(h2_wait(t, h2_get(t, "/fast"))->status, 200);
    h2_close(t);
}

/* Index goes first, and a slow line may be busy with it, or with others' turns, for long. */
static void an_answer_may_wait_for_its_turn(void **state)
{
    struct h2 *t = &peer;
    struct h2_reply *reply;
    int64_t later;
    int32_t id;

    (void)state;
    h2_open(t, 1 << 20); /* the connection's is small, and used up by others */
    assert_int_equal(h2_wait(t, h2_get(t, "/fast"))->status, 200);
    all_is_said(t);
    t->deaf = true;
    id = h2_get(t, "/file");
    all_is_said(t);
    later = cg_clock_mono_ms() + 80000;
    t->conn->moved_ms = t->conn->data_ms = later;
    cg_http2_check_pace(t->conn, later);
    t->deaf = false;
    reply = h2_wait(t, id);
    assert_int_equal(reply->code, NGHTTP2_NO_ERROR);
    assert_int_equal(reply->len, FILE_SIZE);
    h2_close(t);
}

static bool output_is_stuck(struct h2 *t)
{
    return atomic_load(&t->active) == 2; /* the request, and what is kept of its answer */
}

static void a_client_that_reads_nothing_is_cut_off(void **state)
{
    struct h2 *t = &peer;

    (void)state;
    h2_open(t, 1 << 20);
    nghttp2_session_set_local_window_size(t->client, NGHTTP2_FLAG_NONE, 0, 1 << 20);
    assert_int_equal(h2_wait(t, h2_get(t, "/fast"))->status, 200);
    all_is_said(t);
    t->deaf = true;
    h2_get(t, "/file");
    h2_until(t, output_is_stuck);
    assert_true(cg_http2_check_pace(t->conn, cg_clock_mono_ms() + 50000));
    assert_false(cg_http2_check_pace(t->conn, cg_clock_mono_ms() + 61000));
    assert_int_equal(atomic_load(&t->active), 0);
    h2_close(t);
}

/* Draining */

static void an_idle_connection_is_drained_at_once(void **state)
{
    struct h2 *t = &peer;

    (void)state;
    h2_open(t, 0);
    assert_int_equal(h2_wait(t, h2_get(t, "/fast"))->status, 200);
    cg_http2_drain(t->conn);
    expect_goaway(t, NGHTTP2_NO_ERROR);
    assert_int_equal(t->goaway_last, 1);
    h2_close(t);
}

static bool told_twice(struct h2 *t)
{
    return t->goaways == 2;
}

static void what_is_under_way_ends_well_when_draining(void **state)
{
    struct h2 *t = &peer;
    int32_t id, crossing;

    (void)state;
    h2_open(t, 0);
    id = h2_get(t, "/gate");
    h2_turn(t);
    fixture_gate_wait(1);
    crossing = h2_get(t, "/fast"); /* sent before the client can know */
    atomic_store(&t->draining, true);
    h2_until(t, told_twice);
    assert_int_equal(t->goaway_last, crossing);
    assert_int_equal(h2_wait(t, crossing)->status, 200);
    assert_false(h2_is_over(t));
    fixture_gate(true);
    assert_int_equal(h2_wait(t, id)->status, 200);
    h2_until(t, h2_is_over);
    h2_close(t);
}

/* The upgrade */

static const struct cg_header upgrade_headers[] = {
    {"Host", "crates.example"}, {"Authorization", ALICE}, {"Accept-Encoding", "gzip"}};

static void the_request_of_an_upgrade_is_stream_one(void **state)
{
    struct cg_http2_upgrade first = {.method = "GET",
                                     .target = "http://crates.example/closed/read?x=1",
                                     .settings = "AAMAAABkAAQAAP__",
                                     .headers = upgrade_headers,
                                     .header_count = 3};
    struct h2 *t = &peer;
    size_t data;

    (void)state;
    h2_open_upgrade(t, &first);
    assert_non_null(t->conn);
    h2_preface(t);
    while ((data = h2_find(t, NGHTTP2_DATA, 0)) == SIZE_MAX)
        h2_turn(t);
    assert_int_equal(h2_find(t, NGHTTP2_SETTINGS, 0), 0); /* comes first */
    assert_int_equal(t->in[data + 8], 1);
    assert_memory_equal(t->in + data + 9, "alice", 5);
    h2_close(t);
}

static void an_upgrade_with_unreadable_settings_is_none(void **state)
{
    struct cg_http2_upgrade first = {
        .method = "GET", .target = "/fast", .settings = "AAMAAABkAAQ", .headers = upgrade_headers, .header_count = 1};
    struct h2 *t = &peer;

    (void)state;
    h2_open_upgrade(t, &first);
    assert_null(t->conn);
    h2_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uploads_arrive_whole),
        cmocka_unit_test(a_declared_length_is_held_to),
        cmocka_unit_test(many_uploads_share_a_connection),
        cmocka_unit_test(a_full_spool_holds_the_client_back),
        cmocka_unit_test(a_client_that_asks_is_told_to_go_on),
        cmocka_unit_test(a_refusal_does_not_wait_for_the_body),
        cmocka_unit_test(too_much_is_refused_when_it_is_too_much),
        cmocka_unit_test(refusals_leave_room_for_others),
        cmocka_unit_test(a_stream_may_be_given_up_at_any_time),
        cmocka_unit_test(a_connection_may_end_at_any_time),
        cmocka_unit_test(an_idle_connection_is_closed),
        cmocka_unit_test(a_connection_with_work_is_not_idle),
        cmocka_unit_test(settings_must_be_acknowledged),
        cmocka_unit_test(a_body_must_come_at_some_pace),
        cmocka_unit_test(an_answer_must_be_taken_at_some_pace),
        cmocka_unit_test(an_answer_may_wait_for_its_turn),
        cmocka_unit_test(a_client_that_reads_nothing_is_cut_off),
        cmocka_unit_test(an_idle_connection_is_drained_at_once),
        cmocka_unit_test(what_is_under_way_ends_well_when_draining),
        cmocka_unit_test(the_request_of_an_upgrade_is_stream_one),
        cmocka_unit_test(an_upgrade_with_unreadable_settings_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
