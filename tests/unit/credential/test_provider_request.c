/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "credential/provider_request.h"

#define REGISTRY "\"registry\":{\"index-url\":\"sparse+https://h/\",\"name\":\"r\"}"

static enum cg_err parse(const char *text, struct cg_provider_request *request, struct cg_error *err)
{
    return cg_provider_request_parse(text, strlen(text), request, err);
}

static void a_get_has_its_operation_registry_and_words(void **state)
{
    struct cg_provider_request request = {0};

    (void)state;
    assert_int_equal(
        parse("{\"v\":1,\"kind\":\"get\",\"operation\":\"publish\",\"name\":\"c\",\"vers\":\"1.0.0\",\"cksum\":\"0\","
              "\"args\":[\"--user\",\"a\"]," REGISTRY "}",
              &request, NULL),
        CG_OK);
    assert_int_equal(request.kind, CG_REQUEST_GET);
    assert_int_equal(request.operation, CG_OPERATION_CHANGE);
    assert_string_equal(request.index_url, "sparse+https://h/");
    assert_string_equal(request.name, "r");
    assert_string_equal(request.args[1], "a");
    assert_false(request.challenged);
    cg_provider_request_free(&request);
    cg_provider_request_free(&request);
}

static void a_login_may_bring_a_token(void **state)
{
    struct cg_provider_request request = {0};

    (void)state;
    assert_int_equal(
        parse("{\"v\":1,\"kind\":\"login\",\"token\":\"t0k\",\"login-url\":\"x\"," REGISTRY "}", &request, NULL),
        CG_OK);
    assert_int_equal(request.kind, CG_REQUEST_LOGIN);
    assert_string_equal((char *)request.token.bytes, "t0k");
    cg_provider_request_free(&request);
    assert_int_equal(parse("{\"v\":1,\"kind\":\"login\",\"token\":null," REGISTRY "}", &request, NULL), CG_OK);
    assert_int_equal(request.token.len, 0);
    cg_provider_request_free(&request);
}

static void every_operation_has_its_place(void **state)
{
    static const struct {
        const char *word;
        enum cg_request_operation operation;
    } cases[] = {{"read", CG_OPERATION_READ},     {"publish", CG_OPERATION_CHANGE}, {"yank", CG_OPERATION_CHANGE},
                 {"unyank", CG_OPERATION_CHANGE}, {"owners", CG_OPERATION_CHANGE},  {"Read", CG_OPERATION_UNKNOWN},
                 {"", CG_OPERATION_UNKNOWN}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cg_provider_request request = {0};
        char text[200];

        snprintf(text, sizeof(text), "{\"v\":1,\"kind\":\"get\",\"operation\":\"%s\"," REGISTRY "}", cases[i].word);
        assert_int_equal(parse(text, &request, NULL), CG_OK);
        assert_int_equal(request.operation, cases[i].operation);
        cg_provider_request_free(&request);
    }
}

static void a_challenge_is_seen_in_any_case(void **state)
{
    struct cg_provider_request request = {0};

    (void)state;
    assert_int_equal(
        parse("{\"v\":1,\"kind\":\"get\",\"operation\":\"read\",\"registry\":{\"index-url\":\"u\",\"headers\":"
              "[\"Date: x\",7,\"www-authenticate: Cargo\"]}}",
              &request, NULL),
        CG_OK);
    assert_true(request.challenged);
    assert_null(request.name);
    cg_provider_request_free(&request);
}

static void a_kind_of_tomorrow_is_no_error(void **state)
{
    struct cg_provider_request request = {0};

    (void)state;
    assert_int_equal(parse("{\"v\":1,\"kind\":\"rotate\",\"registry\":7}", &request, NULL), CG_OK);
    assert_int_equal(request.kind, CG_REQUEST_UNKNOWN);
    assert_null(request.index_url);
}

static void what_is_malformed_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "null",
        "7",
        "[]",
        "{}",
        "{\"v\":1}",
        "{\"v\":2,\"kind\":\"get\"}",
        "{\"v\":\"1\",\"kind\":\"get\"}",
        "{\"v\":1,\"kind\":7}",
        "{\"v\":1,\"kind\":\"get\"}",
        "{\"v\":1,\"kind\":\"get\",\"registry\":{}}",
        "{\"v\":1,\"kind\":\"get\",\"registry\":{\"index-url\":7}}",
        "{\"v\":1,\"v\":1,\"kind\":\"get\"," REGISTRY "}",
        "{\"v\":1,\"kind\":\"get\",\"operation\":7," REGISTRY "}",
        "{\"v\":1,\"kind\":\"get\",\"args\":{}," REGISTRY "}",
        "{\"v\":1,\"kind\":\"get\",\"args\":[7]," REGISTRY "}",
        "{\"v\":1,\"kind\":\"get\",\"args\":[\"a\\u0000b\"]," REGISTRY "}",
        "{\"v\":1,\"kind\":\"login\",\"token\":\"a\\u0000b\"," REGISTRY "}",
        "{\"v\":1,\"kind\":\"get\"," REGISTRY "} x",
        "{\"v\":1,\"kind\":\"get\"," REGISTRY,
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct cg_provider_request request = {0};
        struct cg_error err = {0};

        if (parse(wrong[i], &request, &err) != CG_ERR_INVALID)
            fail_msg("taken: %s", wrong[i]);
        assert_true(err.detail[0]);
        assert_null(request.index_url);
        assert_null(request.args);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_get_has_its_operation_registry_and_words),
        cmocka_unit_test(a_login_may_bring_a_token),
        cmocka_unit_test(every_operation_has_its_place),
        cmocka_unit_test(a_challenge_is_seen_in_any_case),
        cmocka_unit_test(a_kind_of_tomorrow_is_no_error),
        cmocka_unit_test(what_is_malformed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
