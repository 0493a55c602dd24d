/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/toml.h"

#define OUT_MAX (8 * 1024 * 1024)

static void expect_json_bytes(const char *text, size_t len, const char *json)
{
    struct cg_error err = {0};
    struct cg_buf out;

    cg_buf_init(&out, OUT_MAX);
    assert_int_equal(cg_toml_to_json(text, len, &out, NULL, NULL, &err), CG_OK);
    assert_string_equal(cg_buf_str(&out), json);
    cg_buf_free(&out);
}

static void expect_json(const char *text, const char *json)
{
    expect_json_bytes(text, strlen(text), json);
}

static void expect_lines(const char *text, const char *lines)
{
    struct cg_error err = {0};
    struct cg_buf out, where;

    cg_buf_init(&out, OUT_MAX);
    cg_buf_init(&where, OUT_MAX);
    assert_int_equal(cg_toml_to_json(text, strlen(text), &out, &where, NULL, &err), CG_OK);
    assert_string_equal(cg_buf_str(&where), lines);
    cg_buf_free(&out);
    cg_buf_free(&where);
}

static void expect_invalid_bytes(const char *text, size_t len, unsigned line, const char *reason)
{
    struct cg_error err = {0};
    struct cg_buf out, where;
    unsigned got = 0;

    cg_buf_init(&out, OUT_MAX);
    cg_buf_init(&where, OUT_MAX);
    assert_int_equal(cg_toml_to_json(text, len, &out, &where, &got, &err), CG_ERR_INVALID);
    assert_int_equal(got, line);
    if (!strstr(err.detail, reason))
        fail_msg("\"%s\" does not say \"%s\"", err.detail, reason);
    cg_buf_free(&out);
    cg_buf_free(&where);
}

static void expect_invalid(const char *text, unsigned line, const char *reason)
{
    expect_invalid_bytes(text, strlen(text), line, reason);
}

static void keys_keep_the_order_of_the_file(void **state)
{
    (void)state;
    expect_json("", "{}");
    expect_json("z = 1\na = 2\n[m]\ny = 3\nb = 4\n[c]\n", "{\"z\":1,\"a\":2,\"m\":{\"y\":3,\"b\":4},\"c\":{}}");
    expect_json("[b.y]\n[b.x]\n[a]\n", "{\"b\":{\"y\":{},\"x\":{}},\"a\":{}}");
    expect_json("t = {z = 1, a = 2}\n", "{\"t\":{\"z\":1,\"a\":2}}");
}

static void values_become_their_json_kin(void **state)
{
    (void)state;
    expect_json("i = -9223372036854775808\nh = 0xff\nf = 1.0\ng = 1e300\n",
                "{\"i\":-9223372036854775808,\"h\":255,\"f\":1.0,\"g\":1e+300}");
    expect_json("a = inf\nb = -inf\nc = nan\nt = true\nf = false\n",
                "{\"a\":\"inf\",\"b\":\"-inf\",\"c\":\"nan\",\"t\":true,\"f\":false}");
    expect_json("a = [1, [2, 3], {x = []}]\n", "{\"a\":[1,[2,3],{\"x\":[]}]}");
    expect_json("[[p]]\nn = 1\n[[p]]\nn = 2\n", "{\"p\":[{\"n\":1},{\"n\":2}]}");
}

static void dates_and_times_become_strings(void **state)
{
    (void)state;
    expect_json("a = 1979-05-27T07:32:00Z\n", "{\"a\":\"1979-05-27T07:32:00Z\"}");
    expect_json("a = 1979-05-27 00:32:00.5-07:30\n", "{\"a\":\"1979-05-27T00:32:00.5-07:30\"}");
    expect_json("a = 1979-05-27T07:32:00.000001\n", "{\"a\":\"1979-05-27T07:32:00.000001\"}");
    expect_json("a = 0979-05-07\nb = 07:02:09\n", "{\"a\":\"0979-05-07\",\"b\":\"07:02:09\"}");
}

static void strings_are_escaped_for_json(void **state)
{
    (void)state;
    expect_json("a = '\"\\'\n", "{\"a\":\"\\\"\\\\\"}");
    expect_json("a = \"\\u0000\\u001f\\u007f\\n\\t\"\n", "{\"a\":\"\\u0000\\u001f\\u007f\\u000a\\u0009\"}");
    expect_json("\"k\\\"\" = \"\xc3\xa4\xe2\x82\xac\xf0\x9f\xa6\x80\"\n",
                "{\"k\\\"\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\xa6\x80\"}");
    expect_json("a = '''\nx''''\nb = \"\"\"y\"\"\"\"\"\n", "{\"a\":\"x'\",\"b\":\"y\\\"\\\"\"}");
}

static void lines_are_given_by_path(void **state)
{
    (void)state;
    expect_lines("", "{}");
    expect_lines("a = 1\n\n[s.t]\nb = [\n 1,\n 2]\n",
                 "{\"a\":1,\"s\":3,\"s\\u001ft\":3,\"s\\u001ft\\u001fb\":4,\"s\\u001ft\\u001fb\\u001f0\":5,"
                 "\"s\\u001ft\\u001fb\\u001f1\":6}");
}

static void a_key_that_could_be_read_as_a_path_is_refused(void **state)
{
    struct cg_error err = {0};
    struct cg_buf out;
    const char *text = "ok = 1\n\"a\\u001fb\" = 1\n";

    (void)state;
    expect_invalid(text, 2, "control character");
    cg_buf_init(&out, OUT_MAX);
    assert_int_equal(cg_toml_to_json(text, strlen(text), &out, NULL, NULL, &err), CG_OK);
    cg_buf_free(&out);
}

static void mistakes_come_with_their_line(void **state)
{
    (void)state;
    expect_invalid("a = 1\nb = \n", 2, "");
    expect_invalid("a = 1\na = 2\n", 2, "redefine");
    expect_invalid("a = 1\n\n[x\n", 3, "");
    expect_invalid("a = \"\xff\"\n", 1, "");
    expect_invalid("a = \"\xed\xa0\x80\"\n", 1, "");
    expect_invalid("a = 'x\n", 1, "");
    expect_invalid("a = 99999999999999999999\n", 1, "");
    expect_invalid_bytes("a = 1\n\0b = 2\n", 13, 2, "");
}

static void only_strings_and_comments_go_beyond_ascii(void **state)
{
    (void)state;
    expect_json("\xef\xbb\xbf# \xc3\xa4 \xe4\xb8\xad\na = '\xc3\xa4'\n\"\xc3\xa4\" = 1\n",
                "{\"a\":\"\xc3\xa4\",\"\xc3\xa4\":1}");
    expect_json("a = \"\"\"b\\\n  \xc3\xa4\xe4\xb8\xad\"\"\"\n", "{\"a\":\"b\xc3\xa4\xe4\xb8\xad\"}");
    expect_invalid("a = 1\n\xc3\xa4 = 1\n", 2, "not ASCII");
    expect_invalid("a\xc2\xa0= 1\n", 1, "not ASCII");
    expect_invalid("a = 1\xe3\x80\x80\n", 1, "not ASCII");
    expect_invalid("\xef\xbb\xbd\x02", 1, "not ASCII");
}

static void no_input_ends_the_program(void **state)
{
    (void)state;
    expect_invalid("[!x]\n", 1, "");
    expect_invalid("[", 1, "");
    expect_invalid("[[", 1, "");
    expect_invalid("[[=]]", 1, "");
    expect_invalid("[\n]", 1, "");
    expect_invalid("a.\n", 1, "");
    expect_invalid("a = {!}", 1, "");
    expect_invalid_bytes("[\0]", 3, 1, "");
}

static void a_reason_has_no_control_characters(void **state)
{
    struct cg_error err = {0};
    struct cg_buf out;

    (void)state;
    cg_buf_init(&out, OUT_MAX);
    assert_int_equal(cg_toml_to_json("a\x1b[2J = 1", 9, &out, NULL, NULL, &err), CG_ERR_INVALID);
    for (const char *p = err.detail; *p; p++)
        assert_true((unsigned char)*p >= ' ');
    cg_buf_free(&out);
}

/* `count` times `unit` between `before` and `after`. */
static char *repeat(const char *before, const char *unit, size_t count, const char *after)
{
    struct cg_buf out;

    cg_buf_init(&out, OUT_MAX);
    cg_buf_addstr(&out, before);
    for (size_t i = 0; i < count; i++)
        cg_buf_addstr(&out, unit);
    cg_buf_addstr(&out, after);
    return cg_buf_take(&out);
}

static void expect_repeated_invalid(const char *before, const char *unit, const char *after, unsigned line)
{
    char *text = repeat(before, unit, 200000, after);

    expect_invalid(text, line, "");
    free(text);
}

static void nesting_without_end_is_refused(void **state)
{
    (void)state;
    expect_repeated_invalid("x = 1\n", "a.", "a = 1\n", 2);
    expect_repeated_invalid("[", "a.", "a]\n", 1);
    expect_repeated_invalid("\n\n[[", "a.", "a]]\n", 3);
    expect_repeated_invalid("x = {", "a . ", "a = 1}\n", 1);
    expect_repeated_invalid("", "'a'.", "a = 1\n", 1);
    expect_repeated_invalid("", "\"\\\"\".", "a = 1\n", 1);
    expect_repeated_invalid("x = ", "[", "\n", 1);
    expect_repeated_invalid("x = ", "{a=", "1\n", 1);
    /* Behind what only looks like an open string. */
    expect_repeated_invalid("x = [\"\"\"y\"\"\"\", {", "a.", "a = 1}]\n", 1);
    expect_repeated_invalid("x = '''\n'''''\n", "a.", "a = 1\n", 3);
    expect_repeated_invalid("x = \"\\\\\"\n# \"\n", "a.", "a = 1\n", 3);
}

static void many_dots_that_are_no_keys_are_fine(void **state)
{
    char *text = repeat("x = [", "1.5, ", 1000, "]\n");
    struct cg_error err = {0};
    struct cg_buf out;

    (void)state;
    cg_buf_init(&out, OUT_MAX);
    assert_int_equal(cg_toml_to_json(text, strlen(text), &out, NULL, NULL, &err), CG_OK);
    free(text);
    cg_buf_reset(&out);
    text = repeat("x = '", "a.", 1000, "' # a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a\ny = '''\na.\n'''");
    assert_int_equal(cg_toml_to_json(text, strlen(text), &out, NULL, NULL, &err), CG_OK);
    free(text);
    cg_buf_free(&out);
    expect_json("a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q = 1",
                "{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":{\"g\":{\"h\":{\"i\":{\"j\":{\"k\":{\"l\":{\"m\":{\"n\":{"
                "\"o\":{\"p\":{\"q\":1}}}}}}}}}}}}}}}}}");
}

static void what_does_not_fit_is_too_large(void **state)
{
    struct cg_error err = {0};
    struct cg_buf out;

    (void)state;
    cg_buf_init(&out, 10);
    assert_int_equal(cg_toml_to_json("a = 'bbbbbbbbbb'", 16, &out, NULL, NULL, &err), CG_ERR_TOO_LARGE);
    cg_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_keep_the_order_of_the_file),
        cmocka_unit_test(values_become_their_json_kin),
        cmocka_unit_test(dates_and_times_become_strings),
        cmocka_unit_test(strings_are_escaped_for_json),
        cmocka_unit_test(lines_are_given_by_path),
        cmocka_unit_test(a_key_that_could_be_read_as_a_path_is_refused),
        cmocka_unit_test(mistakes_come_with_their_line),
        cmocka_unit_test(only_strings_and_comments_go_beyond_ascii),
        cmocka_unit_test(no_input_ends_the_program),
        cmocka_unit_test(a_reason_has_no_control_characters),
        cmocka_unit_test(nesting_without_end_is_refused),
        cmocka_unit_test(many_dots_that_are_no_keys_are_fine),
        cmocka_unit_test(what_does_not_fit_is_too_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
