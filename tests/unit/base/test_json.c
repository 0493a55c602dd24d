/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static json_t *parse(const char *text)
{
    json_t *value = NULL;
    assert_int_equal(cg_json_parse(text, strlen(text), &value, NULL), CG_OK);
    return value;
}

static void a_document_goes_through_in_order(void **state)
{
    (void)state;
    static const char text[] = "{\"z\":1,\"a\":[true,null,\"\xc3\xa9\"],\"m\":{}}";
    json_t *value = parse(text);
    char *dump = cg_json_dump(value);
    assert_string_equal(dump, text);
    free(dump);
    json_decref(value);
    json_t *scalar = parse(" \"x\" ");
    dump = cg_json_dump(scalar);
    assert_string_equal(dump, "\"x\"");
    free(dump);
    json_decref(scalar);
}

static void bad_documents_are_refused_with_line_and_reason(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    "{",       "{\"a\":1,\"a\":2}", "{} {}",    "{\"a\":1}x",
                                      "'a'", "[1,]",    "\"\\u0000\"",       "\"\xff\"", "01",
                                      "nul", "[1e999]", "{\"a\":\"\n\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        json_t *value = (json_t *)(void *)&value;
        json_t *before = value;
        struct cg_error err = {0};
        if (cg_json_parse(bad[i], strlen(bad[i]), &value, &err) != CG_ERR_INVALID)
            fail_msg("%s was taken", bad[i]);
        assert_ptr_equal(value, before);
        assert_non_null(strstr(err.detail, "JSON"));
    }
    struct cg_error err = {0};
    json_t *value = NULL;
    assert_int_equal(cg_json_parse("{\n\n\"a\" 1}", 10, &value, &err), CG_ERR_INVALID);
    assert_non_null(strstr(err.detail, "line 3"));
}

static void nesting_has_a_limit(void **state)
{
    (void)state;
    const size_t depth = 100000;
    char *text = malloc(depth);
    json_t *value = NULL;
    memset(text, '[', depth);
    assert_int_equal(cg_json_parse(text, depth, &value, NULL), CG_ERR_INVALID);
    free(text);
}

static void strings_are_told_from_other_types(void **state)
{
    (void)state;
    json_t *object = parse("{\"s\":\"text\",\"n\":null,\"i\":1}");
    struct cg_error err = {0};
    const char *out = "untouched";
    assert_string_equal(cg_json_str(object, "s"), "text");
    assert_null(cg_json_str(object, "i"));
    assert_null(cg_json_str(object, "n"));
    assert_null(cg_json_str(object, "none"));
    assert_int_equal(cg_json_get_str(object, "i", &out, &err), CG_ERR_INVALID);
    assert_string_equal(err.detail, "\"i\" must be a string");
    assert_string_equal(out, "untouched");
    assert_int_equal(cg_json_get_str(object, "s", &out, &err), CG_OK);
    assert_string_equal(out, "text");
    assert_int_equal(cg_json_get_str(object, "n", &out, &err), CG_OK);
    assert_null(out);
    assert_int_equal(cg_json_get_str(object, "none", &out, &err), CG_OK);
    json_object_set_new(object, "nul", json_stringn("a\0b", 3));
    assert_int_equal(cg_json_get_str(object, "nul", &out, &err), CG_ERR_INVALID);
    json_decref(object);
}

static void a_nul_byte_is_no_end(void **state)
{
    json_t *value = NULL;
    struct cg_error err = {0};

    (void)state;
    assert_int_equal(cg_json_parse("1\0", 2, &value, &err), CG_ERR_INVALID);
    assert_null(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_goes_through_in_order),
        cmocka_unit_test(bad_documents_are_refused_with_line_and_reason),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(a_nul_byte_is_no_end),
        cmocka_unit_test(strings_are_told_from_other_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
