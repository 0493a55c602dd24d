/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/str.h"

static char name_of_64[] = "a234567890123456789012345678901234567890123456789012345678901234";

static void crate_names_follow_cargo(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "serde", "serde_json", "A-b_9", "x--"};
    static const char *const bad[] = {"",    "1a",          "_a",  "-a", "a.b",    "a b",
                                      "a/b", "caf\xc3\xa9", "a\n", "a*", "../etc", "nul\\"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(cg_crate_name_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(cg_crate_name_valid(bad[i]));
    char too_long[66];
    snprintf(too_long, sizeof too_long, "%sx", name_of_64);
    assert_true(cg_crate_name_valid(name_of_64));
    assert_false(cg_crate_name_valid(too_long));
}

static void folding_makes_spellings_one(void **state)
{
    (void)state;
    char out[CG_CRATE_NAME_MAX + 1];
    cg_crate_name_fold("Serde_JSON-x", out);
    assert_string_equal(out, "serde-json-x");
    char too_long[200];
    memset(too_long, 'A', sizeof too_long - 1);
    too_long[sizeof too_long - 1] = '\0';
    cg_crate_name_fold(too_long, out);
    assert_int_equal(strlen(out), CG_CRATE_NAME_MAX);
    cg_crate_name_fold("", out);
    assert_string_equal(out, "");
}

static void namespaces_are_lower_case_labels(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "0", "payments", "crates-io", "9-"};
    static const char *const bad[] = {"", "-a", "A", "a_b", "a.b", "a/b", "a b", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(cg_namespace_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(cg_namespace_valid(bad[i]));
    assert_false(cg_namespace_valid(name_of_64));
    assert_true(cg_namespace_valid(name_of_64 + 1));
}

static void patterns_match_whole_names_or_beginnings(void **state)
{
    (void)state;
    assert_true(cg_crate_pattern_match("*", "anything"));
    assert_true(cg_crate_pattern_match("pay-*", "pay-core"));
    assert_true(cg_crate_pattern_match("pay-*", "pay-"));
    assert_false(cg_crate_pattern_match("pay-*", "pay"));
    assert_false(cg_crate_pattern_match("pay-*", "xpay-core"));
    assert_true(cg_crate_pattern_match("pay", "pay"));
    assert_false(cg_crate_pattern_match("pay", "pay-core"));
    assert_false(cg_crate_pattern_match("pay-core", "pay"));
    assert_false(cg_crate_pattern_match("", "pay"));
}

static void only_one_star_at_the_end_is_a_pattern(void **state)
{
    (void)state;
    static const char *const good[] = {"*", "a", "a*", "pay-*", "Pay_*"};
    static const char *const bad[] = {"", "**", "a**", "*a", "a*b", "-*", "1*", "a.*", "a b"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(cg_crate_pattern_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(cg_crate_pattern_valid(bad[i]));
    char long_one[67];
    snprintf(long_one, sizeof long_one, "%sx*", name_of_64);
    assert_false(cg_crate_pattern_valid(long_one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crate_names_follow_cargo),
        cmocka_unit_test(folding_makes_spellings_one),
        cmocka_unit_test(namespaces_are_lower_case_labels),
        cmocka_unit_test(patterns_match_whole_names_or_beginnings),
        cmocka_unit_test(only_one_star_at_the_end_is_a_pattern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
