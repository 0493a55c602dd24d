/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "http/net/sniff.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define HOST "Host: crates.example\r\n"
#define SETTINGS "HTTP2-Settings: AAMAAABkAAQAAQAAAAIAAAAA\r\n"
#define UPGRADE "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" SETTINGS
#define GET "GET /a?b=c HTTP/1.1\r\n"

static struct cg_sniff sniff;

static enum cg_sniffed sniff_bytes(const char *bytes, size_t len)
{
    assert_true(len <= CG_SNIFF_MAX);
    memset(sniff.text, 'x', sizeof(sniff.text)); /* what an earlier connection has left there */
    memcpy(sniff.text, bytes, len);
    return cg_sniff(&sniff, len);
}

static enum cg_sniffed sniff_text(const char *text)
{
    return sniff_bytes(text, strlen(text));
}

static void the_preface_is_told_as_soon_as_it_is_there(void **state)
{
    (void)state;
    for (size_t len = 1; len < strlen(PREFACE); len++)
        assert_int_equal(sniff_bytes(PREFACE, len), CG_SNIFFED_MORE);
    assert_int_equal(sniff_text(PREFACE), CG_SNIFFED_HTTP2);
    assert_int_equal(sniff_text(PREFACE "and frames"), CG_SNIFFED_HTTP2);
    assert_int_equal(sniff_text("PRI * HTTP/2.0\r\n\r\nSM\r\n\r."), CG_SNIFFED_HTTP1);
    assert_int_equal(sniff_text("PRI / HTTP/1.1\r\n\r\n"), CG_SNIFFED_HTTP1);
}

static void a_request_is_looked_at_when_its_head_is_whole(void **state)
{
    static const char head[] = GET HOST "\r\n";

    (void)state;
    for (size_t len = 1; len < sizeof(head) - 1; len++)
        assert_int_equal(sniff_bytes(head, len), CG_SNIFFED_MORE);
    assert_int_equal(sniff_text(head), CG_SNIFFED_HTTP1);
    assert_int_equal(sniff_text(GET HOST "\r\nbody"), CG_SNIFFED_HTTP1);
}

static void a_head_without_end_is_for_http_1_to_refuse(void **state)
{
    static char bytes[CG_SNIFF_MAX];

    (void)state;
    memset(bytes, 'a', sizeof(bytes));
    assert_int_equal(sniff_bytes(bytes, sizeof(bytes) - 1), CG_SNIFFED_MORE);
    assert_int_equal(sniff_bytes(bytes, sizeof(bytes)), CG_SNIFFED_HTTP1);
}

static void cargos_offer_is_taken_with_all_its_headers(void **state)
{
    static const char text[] =
        GET HOST "User-Agent: cargo/1.95.0\r\n" UPGRADE "Authorization:  cg token \t\r\nEmpty:\r\n\r\n";

    (void)state;
    assert_int_equal(sniff_text(text), CG_SNIFFED_UPGRADE);
    assert_int_equal(sniff.head_len, sizeof(text) - 1);
    assert_string_equal(sniff.upgrade.method, "GET");
    assert_string_equal(sniff.upgrade.target, "/a?b=c");
    assert_string_equal(sniff.upgrade.settings, "AAMAAABkAAQAAQAAAAIAAAAA");
    assert_int_equal(sniff.upgrade.header_count, 4);
    assert_string_equal(sniff.upgrade.headers[0].name, "Host");
    assert_string_equal(sniff.upgrade.headers[0].value, "crates.example");
    assert_string_equal(sniff.upgrade.headers[2].name, "Authorization");
    assert_string_equal(sniff.upgrade.headers[2].value, "cg token");
    assert_string_equal(sniff.upgrade.headers[3].value, "");
    assert_int_equal(sniff.upgrade.extra_len, 0);
}

static void what_follows_the_offer_is_left(void **state)
{
    (void)state;
    assert_int_equal(sniff_text(GET HOST UPGRADE "\r\n" PREFACE), CG_SNIFFED_UPGRADE);
    assert_int_equal(sniff.head_len, strlen(GET HOST UPGRADE "\r\n"));
    assert_int_equal(
        sniff_text(GET HOST "CONNECTION: keep-alive ,http2-settings,  UPGRADE\r\nupgrade: H2C\r\n" SETTINGS "\r\n"),
        CG_SNIFFED_UPGRADE);
}

static void an_offer_with_any_doubt_is_none(void **state)
{
    static const char *const heads[] = {
        "GET /a HTTP/1.0\r\n" HOST UPGRADE "\r\n",
        "GET  /a HTTP/1.1\r\n" HOST UPGRADE "\r\n",
        "GET http://crates.example/a HTTP/1.1\r\n" HOST UPGRADE "\r\n",
        "G(T /a HTTP/1.1\r\n" HOST UPGRADE "\r\n",
        GET UPGRADE "\r\n", /* no Host */
        GET HOST HOST UPGRADE "\r\n",
        GET HOST UPGRADE SETTINGS "\r\n",
        GET HOST UPGRADE "Upgrade: h2c\r\n\r\n",
        GET HOST UPGRADE "Content-Length: 3\r\n\r\nabc",
        GET HOST UPGRADE "Content-Length: 0\r\n\r\n",
        GET HOST UPGRADE "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        GET HOST UPGRADE "Expect: 100-continue\r\n\r\n",
        GET HOST "Connection: Upgrade\r\nUpgrade: h2c\r\n" SETTINGS "\r\n",
        GET HOST "Connection: HTTP2-Settings\r\nUpgrade: h2c\r\n" SETTINGS "\r\n",
        GET HOST "Connection: Upgraded, HTTP2-Settings\r\nUpgrade: h2c\r\n" SETTINGS "\r\n",
        GET HOST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c, websocket\r\n" SETTINGS "\r\n",
        GET HOST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: websocket\r\n" SETTINGS "\r\n",
        GET HOST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
        GET HOST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk=\r\n\r\n",
        GET HOST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAA\r\n\r\n",
        GET HOST UPGRADE " folded\r\n\r\n",
        GET HOST UPGRADE "Odd : x\r\n\r\n",
        GET HOST UPGRADE "No colon\r\n\r\n",
        GET HOST UPGRADE "Bare: a\nb\r\n\r\n",
        GET HOST UPGRADE "Bare: a\rb\r\n\r\n",
        GET HOST UPGRADE ": nameless\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
        if (sniff_text(heads[i]) != CG_SNIFFED_HTTP1)
            fail_msg("taken: %s", heads[i]);
}

static void a_nul_and_too_many_headers_are_left_to_http_1(void **state)
{
    static const char nul[] = GET HOST UPGRADE "A: \0\r\n\r\n";
    char many[CG_SNIFF_MAX];
    size_t len = strlen(GET HOST UPGRADE);

    (void)state;
    assert_int_equal(sniff_bytes(nul, sizeof(nul) - 1), CG_SNIFFED_HTTP1);
    memcpy(many, GET HOST UPGRADE, len);
    for (int i = 0; i < CG_SNIFF_HEADERS - 1; i++, len += 6)
        memcpy(many + len, "A: b\r\n", 6);
    memcpy(many + len, "\r\n", 2);
    assert_int_equal(sniff_bytes(many, len + 2), CG_SNIFFED_UPGRADE);
    memcpy(many + len, "A: b\r\n\r\n", 8);
    assert_int_equal(sniff_bytes(many, len + 8), CG_SNIFFED_HTTP1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_preface_is_told_as_soon_as_it_is_there),
        cmocka_unit_test(a_request_is_looked_at_when_its_head_is_whole),
        cmocka_unit_test(a_head_without_end_is_for_http_1_to_refuse),
        cmocka_unit_test(cargos_offer_is_taken_with_all_its_headers),
        cmocka_unit_test(what_follows_the_offer_is_left),
        cmocka_unit_test(an_offer_with_any_doubt_is_none),
        cmocka_unit_test(a_nul_and_too_many_headers_are_left_to_http_1),
    };

    return cmocka_run_group_tests_name("sniff", tests, NULL, NULL);
}
