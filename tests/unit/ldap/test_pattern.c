/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "crategate/clock.h"
#include "ldap/pattern.h"

static bool matches(const char *text, const char *name)
{
    struct cg_ldap_pattern *pattern = NULL;
    struct cg_error err = {0};
    bool yes;

    assert_int_equal(cg_ldap_pattern_new(text, &pattern, &err), CG_OK);
    yes = cg_ldap_pattern_matches(pattern, name);
    cg_ldap_pattern_free(&pattern);
    assert_null(pattern);
    return yes;
}

static void default_takes_names_of_all_scripts(void **state)
{
    static const char DEFAULT[] = "^[^\\x00-\\x1f]{1,128}$";

    (void)state;
    assert_true(matches(DEFAULT, "alice"));
    assert_true(matches(DEFAULT, "\xe6\x9d\x8e\xe9\x9b\xb7"));
    assert_false(matches(DEFAULT, ""));
    assert_false(matches(DEFAULT, "ali\nce"));
}

static void characters_are_counted_and_not_bytes(void **state)
{
    (void)state;
    assert_true(matches("^.{2}$", "\xe6\x9d\x8e\xe9\x9b\xb7"));
    assert_false(matches("^.{6}$", "\xe6\x9d\x8e\xe9\x9b\xb7"));
}

static void end_is_the_end_and_not_before_a_line_feed(void **state)
{
    (void)state;
    assert_true(matches("^alice$", "alice"));
    assert_false(matches("^alice$", "alice\n"));
}

static void bytes_that_are_no_text_match_nothing(void **state)
{
    (void)state;
    assert_false(matches(".*", "\xff\xfe"));
}

static void expression_that_explodes_refuses_the_name_and_soon(void **state)
{
    char name[257];
    int64_t start = cg_clock_mono_ms();

    (void)state;
    memset(name, 'a', sizeof(name));
    name[255] = '!';
    name[256] = '\0';
    assert_false(matches("^(a+)+$", name));
    assert_false(matches("^(?:a|aa)+$", name));
    assert_in_range(cg_clock_mono_ms() - start, 0, 1000);
}

static void bad_expression_is_refused_with_its_place(void **state)
{
    static const char *const BAD[] = {"^(alice$", "[a-", "a{2,1}", "\\C", "(?<n>x)(?<n>y)"};
    struct cg_ldap_pattern *pattern = NULL;
    struct cg_error err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        assert_int_equal(cg_ldap_pattern_new(BAD[i], &pattern, &err), CG_ERR_INVALID);
        assert_non_null(strstr(err.detail, "at character"));
        assert_null(pattern);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_takes_names_of_all_scripts),
        cmocka_unit_test(characters_are_counted_and_not_bytes),
        cmocka_unit_test(end_is_the_end_and_not_before_a_line_feed),
        cmocka_unit_test(bytes_that_are_no_text_match_nothing),
        cmocka_unit_test(expression_that_explodes_refuses_the_name_and_soon),
        cmocka_unit_test(bad_expression_is_refused_with_its_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
