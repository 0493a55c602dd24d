/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "registry/semver.h"

/* Undoes \t, \n and \\ in place. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (*from == '\\') {
            from++;
            *to++ = (char)(*from == 't' ? '\t' : *from == 'n' ? '\n' : *from);
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

static void print_version(const struct cg_semver *v, char *out, size_t size)
{
    snprintf(out, size, "%" PRIu64 ".%" PRIu64 ".%" PRIu64 "%s%s%s%s", v->major, v->minor, v->patch, *v->pre ? "-" : "",
             v->pre, *v->build ? "+" : "", v->build);
}

static void check_version(const char *text, const char *wanted)
{
    struct cg_semver v;
    struct cg_error err = {0};
    char shown[500];
    if (strcmp(wanted, "!") == 0) {
        assert_int_equal(cg_semver_parse(text, &v, &err), CG_ERR_INVALID);
        assert_non_null(strstr(err.detail, "is not a version: "));
        return;
    }
    assert_int_equal(cg_semver_parse(text, &v, &err), CG_OK);
    print_version(&v, shown, sizeof shown);
    assert_string_equal(shown, wanted);
}

static void check_requirement(const char *text, const char *wanted)
{
    struct cg_buf normal;
    struct cg_error err = {0};
    bool refused = strcmp(wanted, "!") == 0;
    cg_buf_init(&normal, 4096);
    assert_int_equal(cg_semver_req(text, &normal, &err), refused ? CG_ERR_INVALID : CG_OK);
    assert_string_equal(cg_buf_str(&normal), refused ? "" : wanted);
    if (refused)
        assert_non_null(strstr(err.detail, "is not a version requirement: "));
    cg_buf_free(&normal);
}

static void check_order(const char *a, const char *b, const char *wanted)
{
    struct cg_semver x, y;
    assert_int_equal(cg_semver_parse(a, &x, NULL), CG_OK);
    assert_int_equal(cg_semver_parse(b, &y, NULL), CG_OK);
    int order = cg_semver_compare(&x, &y);
    assert_string_equal(order < 0 ? "<" : order > 0 ? ">" : "=", wanted);
}

/* One line of the table. A failure shows the line first. */
static void check_case(char *line)
{
    char *field[4] = {line};
    for (size_t i = 1; i < 4 && field[i - 1]; i++) {
        field[i] = strchr(field[i - 1], '\t');
        if (field[i])
            *field[i]++ = '\0';
    }
    unescape(field[1]);
    if (*line == 'V')
        check_version(field[1], field[2]);
    else if (*line == 'R')
        check_requirement(field[1], field[2]);
    else
        check_order(field[1], field[2], field[3]);
}

static void answers_are_those_of_the_semver_crate(void **state)
{
    (void)state;
    struct cg_buf text;
    char *rest = NULL;
    size_t cases = 0;
    cg_buf_init(&text, 1024 * 1024);
    assert_int_equal(cg_file_read(CG_SRCDIR "/tests/unit/registry/semver_cases.txt", &text, NULL), CG_OK);
    for (char *line = strtok_r(text.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (*line == '#')
            continue;
        check_case(line);
        cases++;
    }
    assert_true(cases > 1500);
    cg_buf_free(&text);
}

static void limits_hold(void **state)
{
    (void)state;
    struct cg_semver v;
    char text[2000] = "1.0.0-";
    memset(text + 6, 'a', CG_VERSION_MAX - 6);
    assert_int_equal(cg_semver_parse(text, &v, NULL), CG_OK);
    assert_int_equal(strlen(v.pre), CG_VERSION_MAX - 6);
    text[CG_VERSION_MAX] = 'a';
    assert_int_equal(cg_semver_parse(text, &v, NULL), CG_ERR_INVALID);
    memset(text, ' ', 1200);
    text[1200] = '1';
    assert_int_equal(cg_semver_req(text, NULL, NULL), CG_ERR_INVALID);
    assert_int_equal(cg_semver_req("1", NULL, NULL), CG_OK);
}

static void output_stays_as_it_was_on_error(void **state)
{
    (void)state;
    struct cg_semver v = {.major = 7};
    struct cg_buf normal;
    cg_buf_init(&normal, 100);
    cg_buf_addstr(&normal, "kept");
    assert_int_equal(cg_semver_parse("1.2.x", &v, NULL), CG_ERR_INVALID);
    assert_int_equal(v.major, 7);
    assert_int_equal(cg_semver_req("1, 2, x", &normal, NULL), CG_ERR_INVALID);
    assert_string_equal(cg_buf_str(&normal), "kept");
    cg_buf_free(&normal);
}

static void rust_versions_are_numbers_with_dots(void **state)
{
    (void)state;
    static const char *const good[] = {"1", "1.56", "1.56.0", "0.0.0", "18446744073709551615.1"};
    static const char *const bad[] = {"",         "1.",      ".1",    "1.56.0.0", "1.56-a",
                                      "1.56.0+b", "^1.56",   "01.56", "1.x",      "1.*",
                                      " 1.56",    "1.56 ",   "v1.56", ">=1",      "1,2",
                                      "1.5a",     "1.56.0-", "1..56", "1.56.0.",  "18446744073709551616"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(cg_rust_version_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(cg_rust_version_valid(bad[i]));
}

static void refusals_say_what_is_wrong(void **state)
{
    (void)state;
    struct cg_semver v;
    struct cg_error err = {0};
    assert_int_equal(cg_semver_parse("1.02.3", &v, &err), CG_ERR_INVALID);
    assert_string_equal(err.detail, "\"1.02.3\" is not a version: minor number: it has a leading zero");
    assert_int_equal(cg_semver_req(">=1 <2", NULL, &err), CG_ERR_INVALID);
    assert_string_equal(err.detail,
                        "\">=1 <2\" is not a version requirement: comparator: a comma is expected after it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_the_semver_crate),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(output_stays_as_it_was_on_error),
        cmocka_unit_test(rust_versions_are_numbers_with_dots),
        cmocka_unit_test(refusals_say_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
