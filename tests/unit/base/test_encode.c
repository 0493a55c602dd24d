/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/str.h"

static struct cg_buf out;

static int fresh(void **state)
{
    (void)state;
    cg_buf_init(&out, 4096);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    cg_buf_free(&out);
    return 0;
}

/* RFC 4648 section 10 */
static const char *const vectors[][2] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};
#define VECTORS (sizeof vectors / sizeof vectors[0])

static void base64_goes_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS; i++) {
        cg_buf_reset(&out);
        cg_base64_encode(vectors[i][0], strlen(vectors[i][0]), &out);
        assert_string_equal(cg_buf_str(&out), vectors[i][1]);
        cg_buf_reset(&out);
        assert_int_equal(cg_base64_decode(vectors[i][1], strlen(vectors[i][1]), &out), CG_OK);
        assert_string_equal(cg_buf_str(&out), vectors[i][0]);
    }
    cg_buf_reset(&out);
    cg_base64_encode("\xff\xef\xbe\x00", 4, &out);
    assert_string_equal(cg_buf_str(&out), "/+++AA==");
    cg_buf_reset(&out);
    assert_int_equal(cg_base64_decode("/+++AA==", 8, &out), CG_OK);
    assert_int_equal(out.len, 4);
    assert_memory_equal(out.data, "\xff\xef\xbe\x00", 4);
}

static void base64_padding_is_optional(void **state)
{
    (void)state;
    assert_int_equal(cg_base64_decode("Zm9vYg", 6, &out), CG_OK);
    assert_int_equal(cg_base64_decode("Zm8", 3, &out), CG_OK);
    assert_string_equal(cg_buf_str(&out), "foobfo");
}

static void bad_base64_is_refused_and_adds_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Z", "Zg=", "Zg===", "Z===", "=", "====", "Zm9v=", "Zm 9", "Zm-_", "Zg==Zg==", "Zh==", "Zm9=", "Zm\n9"};
    cg_buf_addstr(&out, "kept");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (cg_base64_decode(bad[i], strlen(bad[i]), &out) != CG_ERR_INVALID)
            fail_msg("\"%s\" was taken", bad[i]);
        assert_string_equal(cg_buf_str(&out), "kept");
    }
    assert_int_equal(cg_base64_decode("Zm\0v", 4, &out), CG_ERR_INVALID);
    cg_buf_free(&out);
    cg_buf_init(&out, 2);
    assert_int_equal(cg_base64_decode("Zm9v", 4, &out), CG_ERR_INVALID);
}

static void percent_is_decoded_once(void **state)
{
    (void)state;
    assert_int_equal(cg_percent_decode("a%2Fb%252f+c%c3%A9", 18, false, &out), CG_OK);
    assert_string_equal(cg_buf_str(&out), "a/b%2f+c\xc3\xa9");
    cg_buf_reset(&out);
    assert_int_equal(cg_percent_decode("a+b%2B", 6, true, &out), CG_OK);
    assert_string_equal(cg_buf_str(&out), "a b+");
    cg_buf_reset(&out);
    assert_int_equal(cg_percent_decode("%41%42", 3, true, &out), CG_OK); /* not beyond the length */
    assert_string_equal(cg_buf_str(&out), "A");
}

static void bad_escapes_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"%", "%4", "a%", "a%g1", "%1g", "%00", "x%00y", "%%41", "% 41"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (cg_percent_decode(bad[i], strlen(bad[i]), false, &out) != CG_ERR_INVALID)
            fail_msg("\"%s\" was taken", bad[i]);
    assert_int_equal(cg_percent_decode("a\0b", 3, false, &out), CG_ERR_INVALID);
    assert_string_equal(cg_buf_str(&out), "");
}

static void only_unreserved_characters_stay(void **state)
{
    (void)state;
    cg_percent_encode("aZ09-._~ /?&%+\xc3\xa9", &out);
    assert_string_equal(cg_buf_str(&out), "aZ09-._~%20%2F%3F%26%25%2B%C3%A9");
}

static void json_strings_are_escaped(void **state)
{
    (void)state;
    cg_json_quote(&out, "a\"b\\c\b\f\n\r\t\x01\x1f\x7f/\xc3\xa9\xf0\x9f\xa6\x80");
    assert_string_equal(cg_buf_str(&out),
                        "\"a\\\"b\\\\c\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f/\xc3\xa9\xf0\x9f\xa6\x80\"");
    cg_buf_reset(&out);
    cg_json_quote(&out, "");
    assert_string_equal(cg_buf_str(&out), "\"\"");
}

static void json_replaces_what_is_not_utf8(void **state)
{
    (void)state;
    cg_json_quote(&out, "a\xff\xc3z\xc3");
    assert_string_equal(cg_buf_str(&out), "\"a\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\"");
    cg_buf_reset(&out);
    cg_json_quote(&out, "\xed\xa0\x80"); /* a surrogate */
    assert_true(cg_is_utf8(out.data, out.len));
}

static void html_is_escaped(void **state)
{
    (void)state;
    cg_html_escape(&out, "<a href=\"x\" b='y'>&amp;</a>");
    assert_string_equal(cg_buf_str(&out), "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;amp;&lt;/a&gt;");
    cg_buf_reset(&out);
    cg_html_escape(&out, "plain");
    assert_string_equal(cg_buf_str(&out), "plain");
}

#define T(name) cmocka_unit_test_setup_teardown(name, fresh, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(base64_goes_both_ways),    T(base64_padding_is_optional),     T(bad_base64_is_refused_and_adds_nothing),
        T(percent_is_decoded_once),  T(bad_escapes_are_refused),        T(only_unreserved_characters_stay),
        T(json_strings_are_escaped), T(json_replaces_what_is_not_utf8), T(html_is_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
