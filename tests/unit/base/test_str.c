/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/str.h"

static void equality_knows_null_and_ascii_case(void **state)
{
    (void)state;
    assert_true(cg_streq(NULL, NULL));
    assert_false(cg_streq(NULL, ""));
    assert_false(cg_streq("", NULL));
    assert_true(cg_streq("a", "a"));
    assert_false(cg_streq("a", "A"));
    assert_true(cg_streq_nocase("Content-TYPE", "content-type"));
    assert_false(cg_streq_nocase("a", "ab"));
    assert_false(cg_streq_nocase("ab", "a"));
    assert_false(cg_streq_nocase("\xc3\x89", "\xc3\xa9")); /* only ASCII folds */
    assert_false(cg_streq_nocase("@", "`"));
    assert_true(cg_streq_nocase(NULL, NULL));
    assert_false(cg_streq_nocase("", NULL));
}

static void beginnings_and_ends(void **state)
{
    (void)state;
    assert_true(cg_str_starts("Bearer x", "Bearer "));
    assert_true(cg_str_starts("x", ""));
    assert_false(cg_str_starts("Be", "Bearer"));
    assert_true(cg_str_starts_nocase("bEARER x", "Bearer "));
    assert_false(cg_str_starts_nocase("bEA", "Bearer"));
    assert_true(cg_str_ends("a.crate", ".crate"));
    assert_true(cg_str_ends("x", ""));
    assert_false(cg_str_ends("crate", "a.crate"));
}

static void trimming_and_lowering_in_place(void **state)
{
    (void)state;
    char text[] = " \t a b\r\n";
    assert_string_equal(cg_str_trim(text), "a b");
    char blank[] = " \n\t ";
    assert_string_equal(cg_str_trim(blank), "");
    char upper[] = "AZ[az\xc3\x89";
    cg_str_lower(upper);
    assert_string_equal(upper, "az[az\xc3\x89");
}

static void only_well_formed_utf8_passes(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "plain ascii, longer than a word",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf",
                                       "12345678\xc3\xa9"
                                       "12345678"};
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\xaf",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2"
                                      "a",
                                      "\xe0\x9f\xbf",
                                      "\xe2\x82",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf0\x9f\xa6",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "12345678\xff"
                                      "1234567"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(cg_is_utf8(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(cg_is_utf8(bad[i], strlen(bad[i])));
    assert_true(cg_is_utf8("a\0b", 3));
}

static void unprintable_becomes_question_marks(void **state)
{
    (void)state;
    char out[64];
    static const char text[] = "a\nb\x1b[31m\x7f\xff\xc3\xa9\xc2\x9b\0c";
    cg_str_printable(text, sizeof text - 1, out, sizeof out);
    assert_string_equal(out, "a?b?[31m??\xc3\xa9??c");
    char small[5];
    cg_str_printable("ab\xc3\xa9\xc3\xa9", 6, small, sizeof small);
    assert_string_equal(small, "ab\xc3\xa9");
    cg_str_printable("abc\xc3\xa9", 5, small, sizeof small);
    assert_string_equal(small, "abc"); /* not half a character */
    cg_str_printable("abcdef", 6, small, sizeof small);
    assert_string_equal(small, "abcd");
    cg_str_printable("abc", 3, small, 1);
    assert_string_equal(small, "");
}

static void numbers_are_whole_and_bounded(void **state)
{
    (void)state;
    uint64_t n = 7;
    assert_int_equal(cg_parse_u64("0", 10, &n), CG_OK);
    assert_int_equal(n, 0);
    assert_int_equal(cg_parse_u64("18446744073709551615", UINT64_MAX, &n), CG_OK);
    assert_true(n == UINT64_MAX);
    assert_int_equal(cg_parse_u64("007", 10, &n), CG_OK);
    assert_int_equal(n, 7);
    static const char *const bad[] = {
        "", "-1", "+1", " 1", "1 ", "1x", "0x1", "11", "18446744073709551616", "99999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(cg_parse_u64(bad[i], 10, &n), CG_ERR_INVALID);
    assert_int_equal(n, 7);
}

static void durations_go_both_ways(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"0", 0},          {"250ms", 250},
        {"30s", 30000},    {"15m", 900000},
        {"12h", 43200000}, {"90d", INT64_C(7776000000)},
        {"1001ms", 1001},  {"9223372036854775807ms", INT64_MAX},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t ms = -1;
        char text[32];
        assert_int_equal(cg_parse_duration(good[i].text, &ms), CG_OK);
        assert_true(ms == good[i].ms);
        cg_format_duration(ms, text);
        assert_string_equal(text, good[i].text);
    }
    int64_t ms;
    char text[32];
    assert_int_equal(cg_parse_duration("7200s", &ms), CG_OK);
    cg_format_duration(ms, text);
    assert_string_equal(text, "2h");
    assert_int_equal(cg_parse_duration("0h", &ms), CG_OK);
    assert_int_equal(ms, 0);
}

static void bad_durations_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "5",
                                      "s",
                                      "5 s",
                                      "5S",
                                      "5w",
                                      "-5s",
                                      "1h30m",
                                      "1.5h",
                                      "5sec",
                                      "9223372036854775808ms",
                                      "106751991168d",
                                      "99999999999999999999d"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t ms = 42;
        if (cg_parse_duration(bad[i], &ms) != CG_ERR_INVALID || ms != 42)
            fail_msg("\"%s\" was taken", bad[i]);
    }
}

static void sizes_are_binary_and_go_both_ways(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"0", 0},
        {"1", 1},
        {"1000", 1000},
        {"1K", 1024},
        {"64M", 67108864},
        {"10G", UINT64_C(10737418240)},
        {"3T", UINT64_C(3298534883328)},
        {"16777215T", UINT64_MAX - ((UINT64_C(1) << 40) - 1)},
        {"18446744073709551615", UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint64_t bytes = 7;
        char text[32];
        assert_int_equal(cg_parse_size(good[i].text, &bytes), CG_OK);
        assert_true(bytes == good[i].bytes);
        cg_format_size(bytes, text);
        assert_string_equal(text, good[i].text);
    }
    static const char *const bad[] = {
        "", "M", "64MB", "64 M", "64m", "-1", "1.5G", "16777216T", "18446744073709551616"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t bytes = 42;
        if (cg_parse_size(bad[i], &bytes) != CG_ERR_INVALID || bytes != 42)
            fail_msg("\"%s\" was taken", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_knows_null_and_ascii_case),
        cmocka_unit_test(beginnings_and_ends),
        cmocka_unit_test(trimming_and_lowering_in_place),
        cmocka_unit_test(only_well_formed_utf8_passes),
        cmocka_unit_test(unprintable_becomes_question_marks),
        cmocka_unit_test(numbers_are_whole_and_bounded),
        cmocka_unit_test(durations_go_both_ways),
        cmocka_unit_test(bad_durations_are_refused),
        cmocka_unit_test(sizes_are_binary_and_go_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
