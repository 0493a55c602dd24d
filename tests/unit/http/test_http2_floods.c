/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Clients that send what costs them nothing, and frames that are not what they should be. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "h2_peer.h"
#include "crategate/clock.h"
#include "http/http2/conn.h"
#include "http/net/wire_impl.h"

#define END_HEADERS NGHTTP2_FLAG_END_HEADERS
#define END_STREAM NGHTTP2_FLAG_END_STREAM
/* More than any bucket holds, and what it gains meanwhile. */
#define MANY 20000

static struct h2 peer;

/* GET http /fast crates.example, by the static table and literals that are not indexed. */
static const unsigned char get_fast[] = {0x82, 0x86, 0x04, 5,   '/', 'f', 'a', 's', 't', 0x01, 14,  'c', 'r',
                                         'a',  't',  'e',  's', '.', 'e', 'x', 'a', 'm', 'p',  'l', 'e'};
static const unsigned char get_gate[] = {0x82, 0x86, 0x04, 5,   '/', 'g', 'a', 't', 'e', 0x01, 14,  'c', 'r',
                                         'a',  't',  'e',  's', '.', 'e', 'x', 'a', 'm', 'p',  'l', 'e'};
static const unsigned char put_fast[] = {0x02, 3, 'P', 'U', 'T', 0x86, 0x04, 5, '/', 'f', 'a', 's', 't', 0x01, 1, 'c'};
static const unsigned char cancel[] = {0, 0, 0, NGHTTP2_CANCEL};

static struct h2 *begin(void)
{
    h2_open_raw(&peer);
    h2_preface(&peer);
    return &peer;
}

static bool told_off(struct h2 *t)
{
    return h2_raw_goaway(t) != UINT32_MAX;
}

static void expect_goaway(struct h2 *t, uint32_t code)
{
    h2_until(t, told_off);
    assert_int_equal(h2_raw_goaway(t), code);
    close(t->fd);
    t->fd = -1;
    h2_until(t, h2_is_over);
    h2_close(t);
}

static void a_request_in_raw_frames_is_served(void **state)
{
    struct h2 *t = begin();
    size_t data;

    (void)state;
    h2_frame(t, NGHTTP2_HEADERS, END_HEADERS | END_STREAM, 1, get_fast, sizeof(get_fast));
    while ((data = h2_find(t, NGHTTP2_DATA, 0)) == SIZE_MAX)
        h2_turn(t);
    assert_memory_equal(t->in + data + 9, "anonymous", 9);
    h2_close(t);
}

static void rapid_resets_end_the_connection(void **state)
{
    struct h2 *t = begin();

    (void)state;
    for (uint32_t id = 1; id < 2 * MANY && !told_off(t); id += 2)
        if (!h2_frame(t, NGHTTP2_HEADERS, END_HEADERS | END_STREAM, id, get_gate, sizeof(get_gate)) ||
            !h2_frame(t, NGHTTP2_RST_STREAM, 0, id, cancel, sizeof(cancel)))
            break;
    expect_goaway(t, NGHTTP2_ENHANCE_YOUR_CALM);
}

/* The client makes the server reset them: a window cannot be that large. */
static void resets_that_the_client_provokes_count_too(void **state)
{
    static const unsigned char most[4] = {0x7f, 0xff, 0xff, 0xff};
    struct h2 *t = begin();

    (void)state;
    for (uint32_t id = 1; id < 2 * MANY && !told_off(t); id += 2) {
        if (!h2_frame(t, NGHTTP2_HEADERS, END_HEADERS | END_STREAM, id, get_gate, sizeof(get_gate)) ||
            !h2_frame(t, NGHTTP2_WINDOW_UPDATE, 0, id, most, sizeof(most)))
            break;
        h2_turn(t);
    }
    expect_goaway(t, NGHTTP2_ENHANCE_YOUR_CALM);
}

static void workers_are_not_filled_by_streams_that_are_given_up(void **state)
{
    struct h2 *t = begin();

    (void)state;
    for (uint32_t id = 1; id < 2 * 350; id += 2) {
        h2_frame(t, NGHTTP2_HEADERS, END_HEADERS | END_STREAM, id, get_gate, sizeof(get_gate));
        h2_frame(t, NGHTTP2_RST_STREAM, 0, id, cancel, sizeof(cancel));
        if (id % 50 == 1)
            h2_turn(t);
    }
    for (int i = 0; i < 10; i++)
        h2_turn(t);
    assert_true(cg_http2_waiting(t->conn) <= 256);
    assert_false(told_off(t));
    h2_close(t);
}

static bool is_idle(struct h2 *t)
{
    return atomic_load(&t->active) == 0;
}

/* "304" and the like: many index files that have not changed, asked for over one connection. */
static void answers_without_a_body_are_no_flood(void **state)
{
    /* GET http /blob crates.example, if-none-match: * */
    static const unsigned char get[] = {0x82, 0x86, 0x04, 5,   '/', 'b', 'l', 'o', 'b', 0x01, 14, 'c',  'r',  'a', 't',
                                        'e',  's',  '.',  'e', 'x', 'a', 'm', 'p', 'l', 'e',  0x0f, 0x1a, 1,  '*'};
    struct h2 *t = begin();

    (void)state;
    for (uint32_t id = 1; id < 2 * 6000; id += 2) {
        assert_true(h2_frame(t, NGHTTP2_HEADERS, END_HEADERS | END_STREAM, id, get, sizeof(get)));
        h2_turn(t);
        if (id % 200 == 1)
            h2_until(t, is_idle);
    }
    h2_until(t, is_idle);
    assert_false(told_off(t));
    h2_close(t);
}

static ssize_t read_nothing(struct cg_wire *wire, void *out, size_t max)
{
    (void)wire, (void)out, (void)max;
    errno = EAGAIN;
    return -1;
}

static ssize_t write_nothing(struct cg_wire *wire, const void *bytes, size_t len)
{
    (void)wire, (void)bytes, (void)len;
    errno = EAGAIN;
    return -1;
}

static ssize_t write_all(struct cg_wire *wire, const void *bytes, size_t len)
{
    (void)wire, (void)bytes;
    return (ssize_t)len;
}

static bool always_pending(const struct cg_wire *wire)
{
    (void)wire;
    return true;
}

/* TLS has bytes that it read already, and too much waits to be sent for them to be looked at. */
static void what_is_not_to_be_read_yet_costs_no_turns(void **state)
{
    static const uint8_t opaque[8] = "pingping";
    struct h2 *t = begin();
    const struct cg_wire_ops *kept = t->conn->wire->ops;
    struct cg_wire_ops stuck = *kept;

    (void)state;
    stuck.read = read_nothing;
    stuck.write = write_nothing;
    stuck.pending = always_pending;
    t->conn->wire->ops = &stuck;
    for (size_t i = 0; i < CG_HTTP2_OUT / (9 + sizeof(opaque)) + cg_http2_limits.queue; i++)
        assert_int_equal(nghttp2_submit_ping(t->conn->session, NGHTTP2_FLAG_NONE, opaque), 0);
    assert_true(cg_http2_serve(t->conn, cg_clock_mono_ms()));
    t->loop.again = false;
    assert_true(cg_http2_serve(t->conn, cg_clock_mono_ms()));
    assert_false(t->loop.again);
    stuck.write = write_all;
    assert_true(cg_http2_serve(t->conn, cg_clock_mono_ms()));
    assert_true(t->loop.again); /* there is room again */
    t->conn->wire->ops = kept;
    h2_close(t);
}

static void expect_calm(struct h2 *t, unsigned char type, unsigned char flags, uint32_t id, const void *payload,
                        size_t len)
{
    for (int i = 0; i < MANY && !told_off(t); i++)
        if (!h2_frame(t, type, flags, id, payload, len))
            break;
    expect_goaway(t, NGHTTP2_ENHANCE_YOUR_CALM);
}

static void pings_without_end_end_the_connection(void **state)
{
    static const unsigned char opaque[8] = "pingping";

    (void)state;
    expect_calm(begin(), NGHTTP2_PING, 0, 0, opaque, sizeof(opaque));
}

static void pings_that_nobody_reads_the_answers_of_do(void **state)
{
    static const unsigned char opaque[8] = "pingping";
    struct h2 *t = begin();

    (void)state;
    t->deaf = true;
    for (int i = 0; i < 1500; i++)
        if (!h2_frame(t, NGHTTP2_PING, 0, 0, opaque, sizeof(opaque)))
            break;
    t->deaf = false;
    for (int i = 0; i < MANY && !told_off(t); i++)
        if (!h2_frame(t, NGHTTP2_PING, 0, 0, opaque, sizeof(opaque)))
            break;
    expect_goaway(t, NGHTTP2_ENHANCE_YOUR_CALM);
}

static void settings_without_end_do(void **state)
{
    (void)state;
    expect_calm(begin(), NGHTTP2_SETTINGS, 0, 0, NULL, 0);
}

static void a_settings_frame_with_too_many_entries_does(void **state)
{
    static unsigned char entries[6 * 100];
    struct h2 *t = begin();

    (void)state;
    for (size_t i = 0; i < sizeof(entries); i += 6)
        entries[i + 1] = NGHTTP2_SETTINGS_ENABLE_PUSH;
    h2_frame(t, NGHTTP2_SETTINGS, 0, 0, entries, sizeof(entries));
    expect_goaway(t, NGHTTP2_ENHANCE_YOUR_CALM);
}

static void priorities_without_end_do(void **state)
{
    static const unsigned char priority[5] = {0, 0, 0, 0, 15};

    (void)state;
    expect_calm(begin(), NGHTTP2_PRIORITY, 0, 3, priority, sizeof(priority));
}

static void window_updates_without_end_do(void **state)
{
    static const unsigned char one[4] = {0, 0, 0, 1};

    (void)state;
    expect_calm(begin(), NGHTTP2_WINDOW_UPDATE, 0, 0, one, sizeof(one));
}

static void frames_of_unknown_types_do(void **state)
{
    (void)state;
    expect_calm(begin(), 0xbe, 0, 0, "?", 1);
}

static struct h2 *begin_upload(void)
{
    /* PUT /spool */
    static const unsigned char put[] = {0x02, 3,   'P', 'U', 'T', 0x86, 0x04, 6,  '/',
                                        's',  'p', 'o', 'o', 'l', 0x01, 1,    'c'};
    struct h2 *t = begin();

    h2_frame(t, NGHTTP2_HEADERS, END_HEADERS, 1, put, sizeof(put));
    return t;
}

static void empty_data_without_end_does(void **state)
{
    (void)state;
    expect_calm(begin_upload(), NGHTTP2_DATA, 0, 1, NULL, 0);
}

static void data_that_is_only_padding_does(void **state)
{
    static const unsigned char padding[10] = {9};

    (void)state;
    expect_calm(begin_upload(), NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, padding, sizeof(padding));
}

/* We have refused it, so what was on its way is read, but only so much. */
static void data_for_a_stream_that_was_refused_does(void **state)
{
    static const unsigned char bytes[16384];
    struct h2 *t = begin();

    (void)state;
    h2_frame(t, NGHTTP2_HEADERS, END_HEADERS, 1, put_fast, sizeof(put_fast));
    while (h2_find(t, NGHTTP2_DATA, 0) == SIZE_MAX)
        h2_turn(t);
    cg_http2_check_pace(t->conn, cg_clock_mono_ms() + 2500);
    while (h2_find(t, NGHTTP2_RST_STREAM, 0) == SIZE_MAX)
        h2_turn(t);
    for (int i = 0; i < MANY && !told_off(t); i++) {
        h2_frame(t, NGHTTP2_DATA, 0, 1, bytes, sizeof(bytes));
        h2_turn(t); /* so that the connection's window is open again */
        if (i == 100)
            assert_false(told_off(t));
    }
    expect_goaway(t, NGHTTP2_ENHANCE_YOUR_CALM);
}

static void a_header_block_without_end_does(void **state)
{
    struct h2 *t = begin();

    (void)state;
    h2_frame(t, NGHTTP2_HEADERS, 0, 1, get_fast, sizeof(get_fast));
    expect_calm(t, NGHTTP2_CONTINUATION, 0, 1, NULL, 0);
}

/* 4 KB in the table, and then a reference of one byte, again and again: what is decoded is not kept. */
static void a_header_bomb_is_refused(void **state)
{
    static unsigned char block[16000];
    struct h2 *t = begin();
    size_t at = sizeof(get_fast), rst;

    (void)state;
    memcpy(block, get_fast, sizeof(get_fast));
    block[at++] = 0x40; /* literal, indexed, new name */
    block[at++] = 1;
    block[at++] = 'x';
    block[at++] = 0x7f; /* 127 + ... = 4000 */
    block[at++] = 0x80 | ((4000 - 127) & 0x7f);
    block[at++] = (4000 - 127) >> 7;
    memset(block + at, 'a', 4000);
    at += 4000;
    memset(block + at, 0x80 | 62, sizeof(block) - at);
    h2_frame(t, NGHTTP2_HEADERS, END_HEADERS | END_STREAM, 1, block, sizeof(block));
    while ((rst = h2_find(t, NGHTTP2_RST_STREAM, 0)) == SIZE_MAX)
        h2_turn(t);
    h2_frame(t, NGHTTP2_HEADERS, END_HEADERS | END_STREAM, 3, get_fast, sizeof(get_fast));
    while (h2_find(t, NGHTTP2_DATA, 0) == SIZE_MAX)
        h2_turn(t);
    h2_close(t);
}

/* Not what it should be */

static void whoever_speaks_something_else_is_told(void **state)
{
    (void)state;
    h2_open_raw(&peer);
    h2_raw(&peer, "GET / HTTP/1.1\r\nHost: crates.example\r\n\r\n", 41);
    expect_goaway(&peer, NGHTTP2_PROTOCOL_ERROR);
}

static void a_frame_that_is_too_long_is_an_error(void **state)
{
    static const unsigned char bytes[20000];
    struct h2 *t = begin();

    (void)state;
    h2_frame(t, NGHTTP2_HEADERS, END_HEADERS, 1, bytes, sizeof(bytes));
    expect_goaway(t, NGHTTP2_FRAME_SIZE_ERROR);
}

static void a_stream_that_depends_on_itself_is_an_error(void **state)
{
    static const unsigned char priority[5] = {0, 0, 0, 3, 15};
    struct h2 *t = begin();

    (void)state;
    h2_frame(t, NGHTTP2_PRIORITY, 0, 3, priority, sizeof(priority));
    expect_goaway(t, NGHTTP2_PROTOCOL_ERROR);
}

/* Whether by an answered request, by giving it up, or by passing its number over. */
static void nothing_comes_on_a_stream_that_the_client_has_ended(void **state)
{
    struct h2 *t = begin();

    (void)state;
    h2_frame(t, NGHTTP2_HEADERS, END_HEADERS | END_STREAM, 1, get_fast, sizeof(get_fast));
    while (h2_find(t, NGHTTP2_DATA, 0) == SIZE_MAX)
        h2_turn(t);
    h2_frame(t, NGHTTP2_DATA, 0, 1, "late", 4);
    expect_goaway(t, NGHTTP2_STREAM_CLOSED);
    t = begin();
    h2_frame(t, NGHTTP2_HEADERS, END_HEADERS, 1, get_gate, sizeof(get_gate));
    h2_frame(t, NGHTTP2_RST_STREAM, 0, 1, cancel, sizeof(cancel));
    h2_frame(t, NGHTTP2_DATA, 0, 1, "late", 4);
    expect_goaway(t, NGHTTP2_STREAM_CLOSED);
    t = begin();
    h2_frame(t, NGHTTP2_HEADERS, END_HEADERS | END_STREAM, 5, get_fast, sizeof(get_fast));
    h2_frame(t, NGHTTP2_HEADERS, END_HEADERS | END_STREAM, 3, get_fast, sizeof(get_fast));
    expect_goaway(t, NGHTTP2_STREAM_CLOSED);
}

static void headers_that_cannot_be_decoded_are_an_error(void **state)
{
    static const unsigned char index[] = {0xff, 0xff, 0xff, 0xff, 0x0f};
    struct h2 *t = begin();

    (void)state;
    h2_frame(t, NGHTTP2_HEADERS, END_HEADERS | END_STREAM, 1, index, sizeof(index));
    expect_goaway(t, NGHTTP2_COMPRESSION_ERROR);
}

/* Frames may be cut anywhere. */
static void bytes_may_come_one_by_one(void **state)
{
    static const unsigned char head[] = {0, 0, sizeof(get_fast), NGHTTP2_HEADERS, END_HEADERS | END_STREAM, 0, 0, 0, 1};
    static const unsigned char priority[] = {0, 0, 5, NGHTTP2_PRIORITY, 0, 0, 0, 0, 3, 0, 0, 0, 1, 15};
    struct h2 *t = begin();

    (void)state;
    for (size_t i = 0; i < sizeof(priority); i++) {
        h2_raw(t, priority + i, 1);
        h2_turn(t);
    }
    for (size_t i = 0; i < sizeof(head); i++) {
        h2_raw(t, head + i, 1);
        h2_turn(t);
    }
    for (size_t i = 0; i < sizeof(get_fast); i++) {
        h2_raw(t, get_fast + i, 1);
        h2_turn(t);
    }
    while (h2_find(t, NGHTTP2_DATA, 0) == SIZE_MAX)
        h2_turn(t);
    h2_close(t);
}

static void headers_must_come_at_some_pace(void **state)
{
    struct h2 *t = begin();

    (void)state;
    h2_frame(t, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, NULL, 0);
    h2_frame(t, NGHTTP2_HEADERS, 0, 1, get_fast, sizeof(get_fast));
    h2_turn(t);
    assert_true(cg_http2_check_pace(t->conn, cg_clock_mono_ms() + 20000));
    cg_http2_check_pace(t->conn, cg_clock_mono_ms() + 31000);
    expect_goaway(t, NGHTTP2_ENHANCE_YOUR_CALM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_in_raw_frames_is_served),
        cmocka_unit_test(rapid_resets_end_the_connection),
        cmocka_unit_test(resets_that_the_client_provokes_count_too),
        cmocka_unit_test(workers_are_not_filled_by_streams_that_are_given_up),
        cmocka_unit_test(answers_without_a_body_are_no_flood),
        cmocka_unit_test(what_is_not_to_be_read_yet_costs_no_turns),
        cmocka_unit_test(pings_without_end_end_the_connection),
        cmocka_unit_test(pings_that_nobody_reads_the_answers_of_do),
        cmocka_unit_test(settings_without_end_do),
        cmocka_unit_test(a_settings_frame_with_too_many_entries_does),
        cmocka_unit_test(priorities_without_end_do),
        cmocka_unit_test(window_updates_without_end_do),
        cmocka_unit_test(frames_of_unknown_types_do),
        cmocka_unit_test(empty_data_without_end_does),
        cmocka_unit_test(data_that_is_only_padding_does),
        cmocka_unit_test(data_for_a_stream_that_was_refused_does),
        cmocka_unit_test(nothing_comes_on_a_stream_that_the_client_has_ended),
        cmocka_unit_test(a_header_block_without_end_does),
        cmocka_unit_test(a_header_bomb_is_refused),
        cmocka_unit_test(whoever_speaks_something_else_is_told),
        cmocka_unit_test(a_frame_that_is_too_long_is_an_error),
        cmocka_unit_test(a_stream_that_depends_on_itself_is_an_error),
        cmocka_unit_test(headers_that_cannot_be_decoded_are_an_error),
        cmocka_unit_test(bytes_may_come_one_by_one),
        cmocka_unit_test(headers_must_come_at_some_pace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
