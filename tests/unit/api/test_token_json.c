/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "api/token_json.h"

static struct cg_token *parse(const char *text)
{
    struct cg_token *token = NULL;
    struct cg_error err = {0};

    assert_int_equal(cg_token_from_json(text, strlen(text), &token, &err), CG_OK);
    return token;
}

static void refuse(const char *text, const char *word)
{
    struct cg_token *token = NULL;
    struct cg_error err = {0};

    assert_int_equal(cg_token_from_json(text, strlen(text), &token, &err), CG_ERR_INVALID);
    assert_null(token);
    assert_non_null(strstr(err.detail, word));
}

static void a_name_alone_is_not_narrowed(void **state)
{
    struct cg_token *token = parse("{\"api_token\":{\"name\":\"ci\",\"crate_scopes\":null}}");

    (void)state;
    assert_string_equal(token->name, "ci");
    assert_int_equal(token->actions, CG_ACTION_ALL);
    assert_null(token->crates);
    assert_null(token->namespaces);
    assert_int_equal(token->expires_at, 0);
    cg_token_unref(&token);
}

static void every_member_is_taken(void **state)
{
    struct cg_token *token = parse("{\"api_token\":{\"name\":\"ci\",\"endpoint_scopes\":[\"yank\",\"publish-new\"],"
                                   "\"crate_scopes\":[\"pay-*\"],\"namespace_scopes\":[\"payments\"],"
                                   "\"expired_at\":\"2027-01-01T00:00:00Z\"}}");

    (void)state;
    assert_int_equal(token->actions, CG_ACTION_YANK | CG_ACTION_PUBLISH_NEW);
    assert_string_equal(token->crates[0], "pay-*");
    assert_string_equal(token->namespaces[0], "payments");
    assert_int_equal(token->expires_at, 1798761600);
    cg_token_unref(&token);
}

static void what_cannot_be_meant_is_refused_by_name(void **state)
{
    (void)state;
    refuse("", "JSON");
    refuse("[]", "api_token");
    refuse("{}", "api_token");
    refuse("{\"api_token\":{\"name\":3}}", "name");
    refuse("{\"api_token\":{\"name\":\"x\",\"endpoint_scopes\":[]}}", "endpoint_scopes");
    refuse("{\"api_token\":{\"name\":\"x\",\"endpoint_scopes\":[\"fly\"]}}", "fly");
    refuse("{\"api_token\":{\"name\":\"x\",\"endpoint_scopes\":[1]}}", "strings");
    refuse("{\"api_token\":{\"name\":\"x\",\"crate_scopes\":[\"*x\"]}}", "*x");
    refuse("{\"api_token\":{\"name\":\"x\",\"crate_scopes\":\"x\"}}", "crate_scopes");
    refuse("{\"api_token\":{\"name\":\"x\",\"namespace_scopes\":[\"No Space\"]}}", "No Space");
    refuse("{\"api_token\":{\"name\":\"x\",\"expired_at\":\"soon\"}}", "expired_at");
}

static void the_secret_is_shown_only_when_given(void **state)
{
    struct cg_token *token = parse("{\"api_token\":{\"name\":\"a\\\"b\",\"endpoint_scopes\":[\"read\",\"yank\"],"
                                   "\"crate_scopes\":[\"a\",\"b*\"]}}");
    struct cg_secret secret = {0};
    struct cg_buf out;

    (void)state;
    token->id = 7;
    cg_buf_init(&out, 4096);
    cg_token_json(&out, token, NULL);
    assert_string_equal(cg_buf_str(&out),
                        "{\"id\":7,\"name\":\"a\\\"b\",\"created_at\":null,\"last_used_at\":null,\"expired_at\":null,"
                        "\"endpoint_scopes\":[\"read\",\"yank\"],\"crate_scopes\":[\"a\",\"b*\"],"
                        "\"namespace_scopes\":null}");
    cg_buf_reset(&out);
    cg_secret_set(&secret, "cgp_x", 5);
    cg_token_json(&out, token, &secret);
    assert_non_null(strstr(cg_buf_str(&out), "\"token\":\"cgp_x\""));
    cg_secret_free(&secret);
    cg_buf_free(&out);
    cg_token_unref(&token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_alone_is_not_narrowed),
        cmocka_unit_test(every_member_is_taken),
        cmocka_unit_test(what_cannot_be_meant_is_refused_by_name),
        cmocka_unit_test(the_secret_is_shown_only_when_given),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
