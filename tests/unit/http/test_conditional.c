/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "http/conditional.h"

#define DATE 1763791675 /* Sat, 22 Nov 2025 06:07:55 GMT */
#define HTTP_DATE "Sat, 22 Nov 2025 06:07:55 GMT"
#define LATER "Sat, 22 Nov 2025 06:07:56 GMT"
#define EARLIER "Sat, 22 Nov 2025 06:07:54 GMT"

static const struct cg_validators have = {.etag = "\"abc\"", .alt_etag = "\"abc-gz\"", .mtime = DATE};

static bool unchanged(const char *none_match, const char *since)
{
    return cg_conditional_not_modified(none_match, since, &have);
}

static void either_tag_matches_strong_or_weak_alone_or_listed(void **state)
{
    static const char *const matching[] = {"\"abc\"",     "\"abc-gz\"",     "W/\"abc\"",
                                           "*",           "\"x\", \"abc\"", "\"x\",W/\"abc-gz\" , \"y\"",
                                           "  \"abc\"  ", ", ,\"abc\"",     "\"a,b\", \"abc\""};

    (void)state;
    for (size_t i = 0; i < sizeof(matching) / sizeof(matching[0]); i++)
        if (!unchanged(matching[i], NULL))
            fail_msg("no match: %s", matching[i]);
}

static void other_tags_do_not_match(void **state)
{
    static const char *const other[] = {"",          "\"\"", "\"ab\"", "\"abcd\"", "abc", "\"x\", \"y\"", "\"x,\"abc\"",
                                        "w/\"abc\"", "W/",   "\"abc",  "\"*\""};

    (void)state;
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
        if (unchanged(other[i], NULL))
            fail_msg("match: %s", other[i]);
}

static void a_date_counts_only_without_a_tag(void **state)
{
    (void)state;
    assert_true(unchanged(NULL, HTTP_DATE));
    assert_true(unchanged(NULL, LATER));
    assert_false(unchanged(NULL, EARLIER));
    assert_false(unchanged("\"x\"", LATER));
    assert_true(unchanged("\"abc\"", EARLIER));
    assert_false(unchanged(NULL, NULL));
    assert_false(unchanged(NULL, "yesterday"));
    assert_false(cg_conditional_not_modified(NULL, LATER, &(struct cg_validators){.etag = "\"a\""}));
}

static void gzip_is_sent_where_it_is_accepted(void **state)
{
    static const char *const yes[] = {
        "gzip",       "deflate, gzip",     "GZIP",         "gzip;q=0.5", "br;q=1.0, gzip;q=0.001", "*",
        "gzip ; q=1", "identity, *;q=0.1", "gzip;q=1.000", "br,gzip"};
    static const char *const no[] = {
        "",        "identity",    "br, deflate", "gzip;q=0",    "gzip;q=0.000",   "*;q=0",   "x-gzip",
        "gzipped", "gzip; q=0.0", "gzip;q=0, *", "*, gzip;q=0", "gzip ;Q=0 , br", "deflate,"};

    (void)state;
    assert_false(cg_conditional_accepts_gzip(NULL));
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        if (!cg_conditional_accepts_gzip(yes[i]))
            fail_msg("not accepted: %s", yes[i]);
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        if (cg_conditional_accepts_gzip(no[i]))
            fail_msg("accepted: %s", no[i]);
}

static void is_part(const char *text, uint64_t first, uint64_t len)
{
    struct cg_range range = {0};

    if (cg_conditional_range(text, 1000, &range) != CG_OK)
        fail_msg("no range: %s", text);
    assert_int_equal(range.first, first);
    assert_int_equal(range.len, len);
}

static void one_range_is_a_part(void **state)
{
    (void)state;
    is_part("bytes=0-0", 0, 1);
    is_part("bytes=0-499", 0, 500);
    is_part("bytes=500-", 500, 500);
    is_part("bytes=-1", 999, 1);
    is_part("bytes=-2000", 0, 1000);
    is_part("bytes=999-5000", 999, 1);
    is_part("bytes=0-99999999999999999999999", 0, 1000);
    is_part("bytes=-99999999999999999999999", 0, 1000);
    is_part("BYTES= 1-2 ", 1, 2);
}

static void what_is_not_understood_is_the_whole(void **state)
{
    static const char *const whole[] = {"bytes=0-1,5-6", "bytes=5-1", "bytes=",    "bytes=-",
                                        "bytes=a-b",     "lines=0-1", "0-1",       "bytes=1",
                                        "bytes=1-2x",    "bytes=--1", "bytes 0-1", ""};
    struct cg_range range;

    (void)state;
    assert_int_equal(cg_conditional_range(NULL, 1000, &range), CG_ERR_ABSENT);
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
        if (cg_conditional_range(whole[i], 1000, &range) != CG_ERR_ABSENT)
            fail_msg("taken: %s", whole[i]);
}

static void a_range_outside_is_not_satisfiable(void **state)
{
    struct cg_range range;

    (void)state;
    assert_int_equal(cg_conditional_range("bytes=1000-", 1000, &range), CG_ERR_RANGE);
    assert_int_equal(cg_conditional_range("bytes=99999999999999999999999-", 1000, &range), CG_ERR_RANGE);
    assert_int_equal(cg_conditional_range("bytes=-0", 1000, &range), CG_ERR_RANGE);
    assert_int_equal(cg_conditional_range("bytes=0-", 0, &range), CG_ERR_RANGE);
    assert_int_equal(cg_conditional_range("bytes=-5", 0, &range), CG_ERR_RANGE);
}

static void if_range_wants_the_very_same_bytes(void **state)
{
    (void)state;
    assert_true(cg_conditional_if_range(NULL, &have));
    assert_true(cg_conditional_if_range("\"abc\"", &have));
    assert_false(cg_conditional_if_range("\"abc-gz\"", &have));
    assert_false(cg_conditional_if_range("W/\"abc\"", &have));
    assert_true(cg_conditional_if_range(HTTP_DATE, &have));
    assert_false(cg_conditional_if_range(LATER, &have));
    assert_false(cg_conditional_if_range("abc", &have));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(either_tag_matches_strong_or_weak_alone_or_listed),
        cmocka_unit_test(other_tags_do_not_match),
        cmocka_unit_test(a_date_counts_only_without_a_tag),
        cmocka_unit_test(gzip_is_sent_where_it_is_accepted),
        cmocka_unit_test(one_range_is_a_part),
        cmocka_unit_test(what_is_not_understood_is_the_whole),
        cmocka_unit_test(a_range_outside_is_not_satisfiable),
        cmocka_unit_test(if_range_wants_the_very_same_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
