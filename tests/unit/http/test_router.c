/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/str.h"
#include "http/router.h"

static const struct cg_route routes[] = {
    {.methods = CG_GET, .pattern = "/"},
    {.methods = CG_GET, .pattern = "/api/cargo/{ns}/index/config.json"},
    {.methods = CG_GET, .pattern = "/api/cargo/{ns}/index/{*path}"},
    {.methods = CG_GET, .pattern = "/api/cargo/{ns}/api/v1/crates"},
    {.methods = CG_PUT, .pattern = "/api/cargo/{ns}/api/v1/crates/new"},
    {.methods = CG_GET, .pattern = "/api/cargo/{ns}/api/v1/crates/{crate}"},
    {.methods = CG_GET, .pattern = "/api/cargo/{ns}/api/v1/crates/{crate}/owners"},
    {.methods = CG_PUT | CG_DELETE, .pattern = "/api/cargo/{ns}/api/v1/crates/{crate}/owners"},
    {.methods = CG_GET, .pattern = "/api/cargo/{ns}/api/v1/crates/{crate}/{version}/download"},
    {.methods = CG_GET, .pattern = "/{ns}/crates/{crate}/{file}"},
    {.methods = CG_POST, .pattern = "/me"},
    {.methods = CG_PUT, .pattern = "/{ns}/crates/{*path}[;properties]"},
};
#define COUNT (sizeof(routes) / sizeof(routes[0]))

struct state {
    struct cg_arena *arena;
    struct cg_route_match match;
    struct cg_error err;
};

static int set_up(void **statep)
{
    static struct state state;

    state = (struct state){.arena = cg_arena_new(1024 * 1024)};
    *statep = &state;
    return 0;
}

static int tear_down(void **statep)
{
    struct state *state = *statep;

    cg_arena_free(&state->arena);
    return 0;
}

static enum cg_err ask(struct state *state, const char *base, enum cg_method method, const char *target)
{
    state->match = (struct cg_route_match){0};
    state->err = (struct cg_error){0};
    return cg_router_match(routes, COUNT, base, method, target, state->arena, &state->match, &state->err);
}

static void finds(struct state *state, const char *base, const char *target, size_t row)
{
    assert_int_equal(ask(state, base, CG_GET, target), CG_OK);
    assert_ptr_equal(state->match.route, &routes[row]);
}

static void the_three_spellings_of_the_base_are_one(void **statep)
{
    struct state *state = *statep;

    finds(state, "", "/api/cargo/pay/index/config.json", 1);
    finds(state, "", "/artifactory/api/cargo/pay/index/config.json", 1);
    finds(state, "/crates/v1", "/crates/v1/api/cargo/pay/index/config.json", 1);
    finds(state, "/crates/v1", "/artifactory/api/cargo/pay/index/config.json", 1);
    finds(state, "/crates/v1", "/api/cargo/pay/index/config.json", 1);
    assert_string_equal(state->match.path, "/api/cargo/pay/index/config.json");
    finds(state, "/artifactory", "/artifactory/api/cargo/pay/index/config.json", 1);
}

static void the_base_itself_is_the_root(void **statep)
{
    struct state *state = *statep;

    finds(state, "", "/", 0);
    finds(state, "/artifactory", "/artifactory", 0);
    finds(state, "/artifactory", "/artifactory/", 0);
    finds(state, "/a/b", "/a/b", 0);
}

static void the_base_ends_at_a_segment(void **statep)
{
    struct state *state = *statep;

    assert_int_equal(ask(state, "/reg", CG_GET, "/registry/api/cargo/pay/index/config.json"), CG_ERR_ABSENT);
    assert_int_equal(ask(state, "", CG_GET, "/artifactoryapi/cargo/pay/index/config.json"), CG_ERR_ABSENT);
}

static void parameters_are_filled_in_the_patterns_order(void **statep)
{
    struct state *state = *statep;

    finds(state, "", "/api/cargo/pay/api/v1/crates/serde/1.0.0+x/download", 8);
    assert_string_equal(state->match.params[0], "pay");
    assert_string_equal(state->match.params[1], "serde");
    assert_string_equal(state->match.params[2], "1.0.0+x");
    assert_null(state->match.params[3]);
    assert_string_equal(state->match.ns, "pay");
    assert_string_equal(state->match.crate, "serde");
    finds(state, "", "/api/cargo/pay/index/se/rd/serde", 2);
    assert_string_equal(state->match.params[1], "se/rd/serde");
    assert_null(state->match.crate);
    finds(state, "", "/", 0);
    assert_null(state->match.ns);
}

static void percent_encoding_is_decoded_exactly_once(void **statep)
{
    struct state *state = *statep;

    finds(state, "", "/api/cargo/p%61y/api/v1/crates/a%2Bb", 5);
    assert_string_equal(state->match.ns, "pay");
    assert_string_equal(state->match.crate, "a+b");
    finds(state, "", "/api/cargo/p%2561y/api/v1/crates/%c3%a9", 5);
    assert_string_equal(state->match.ns, "p%61y");
    assert_string_equal(state->match.crate, "\xc3\xa9");
    finds(state, "", "/%61rtifactory/%61pi/cargo/pay/index/config.json", 1);
    finds(state, "", "/api/cargo/pay/api/v1/crates/a+b", 5);
    assert_string_equal(state->match.crate, "a+b");
    finds(state, "", "/api/cargo/pay/api/v1/crates/..%2e", 5);
    assert_string_equal(state->match.crate, "...");
}

static void unsafe_addresses_are_invalid(void **statep)
{
    static const char *const bad[] = {
        "",
        "*",
        "api",
        "//",
        "//api/cargo/pay/index/config.json",
        "/api//cargo",
        "/api/cargo/pay/index/",
        "/api/./cargo",
        "/api/../cargo",
        "/..",
        "/.",
        "/api/cargo/pay/..",
        "/%2e%2e/etc",
        "/.%2E/etc",
        "/api/%2e/x",
        "/api/cargo/pay/index/a%2fb",
        "/api/cargo/pay/index/a%2Fb",
        "/api/cargo/%2f/index/a",
        "/a%00b",
        "/a%0ab",
        "/a%0d%0ab",
        "/a\x01"
        "b",
        "/a b",
        "/a\x7f",
        "/a%7f",
        "/%c2%85",
        "/%",
        "/%4",
        "/%zz",
        "/%4g",
        "/%ff",
        "/%c3",
        "/%c0%af",
        "/%ed%a0%80",
        "/\xff",
    };
    struct state *state = *statep;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (ask(state, "", CG_GET, bad[i]) != CG_ERR_INVALID)
            fail_msg("accepted: %s", bad[i]);
        assert_true(state->err.detail[0] != '\0');
        assert_null(state->match.route);
    }
}

static void dots_within_a_segment_are_plain_text(void **statep)
{
    struct state *state = *statep;

    finds(state, "", "/api/cargo/pay/api/v1/crates/...", 5);
    finds(state, "", "/api/cargo/pay/api/v1/crates/.a", 5);
    finds(state, "", "/api/cargo/pay/api/v1/crates/a..", 5);
}

static void unknown_addresses_are_absent(void **statep)
{
    static const char *const unknown[] = {"/api",
                                          "/api/cargo/pay",
                                          "/api/cargo/pay/index",
                                          "/API/cargo/pay/index/config.json",
                                          "/api/cargo/pay/api/v1/crates/a/b/c",
                                          "/livez",
                                          "/artifactory/artifactory/me"};
    struct state *state = *statep;

    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        assert_int_equal(ask(state, "", CG_GET, unknown[i]), CG_ERR_ABSENT);
}

static void a_method_that_is_not_known_lists_those_that_are(void **statep)
{
    struct state *state = *statep;

    assert_int_equal(ask(state, "", CG_POST, "/api/cargo/pay/api/v1/crates/serde/owners"), CG_ERR_METHOD);
    assert_string_equal(state->match.allow, "GET, HEAD, PUT, DELETE");
    assert_non_null(strstr(state->err.detail, "GET, HEAD, PUT, DELETE"));
    assert_int_equal(ask(state, "", CG_OTHER_METHOD, "/me"), CG_ERR_METHOD);
    assert_string_equal(state->match.allow, "POST");
    assert_int_equal(ask(state, "", CG_DELETE, "/artifactory/me"), CG_ERR_METHOD);
    /* "new" is also a crate's name. */
    assert_int_equal(ask(state, "", CG_DELETE, "/api/cargo/pay/api/v1/crates/new"), CG_ERR_METHOD);
    assert_string_equal(state->match.allow, "GET, HEAD, PUT");
}

static void the_method_chooses_among_routes_of_one_pattern(void **statep)
{
    struct state *state = *statep;

    finds(state, "", "/api/cargo/pay/api/v1/crates/serde/owners", 6);
    assert_int_equal(ask(state, "", CG_PUT, "/api/cargo/pay/api/v1/crates/serde/owners"), CG_OK);
    assert_ptr_equal(state->match.route, &routes[7]);
    assert_int_equal(ask(state, "", CG_PUT, "/api/cargo/pay/api/v1/crates/new"), CG_OK);
    assert_ptr_equal(state->match.route, &routes[4]);
    finds(state, "", "/api/cargo/pay/api/v1/crates/new", 5);
}

static void get_implies_head(void **statep)
{
    struct state *state = *statep;

    assert_int_equal(ask(state, "", CG_HEAD, "/api/cargo/pay/index/config.json"), CG_OK);
    assert_int_equal(ask(state, "", CG_HEAD, "/me"), CG_ERR_METHOD);
}

static void a_namespace_named_like_the_context_path_is_reachable(void **statep)
{
    struct state *state = *statep;

    finds(state, "", "/artifactory/crates/serde/serde-1.0.0.crate", 9);
    assert_string_equal(state->match.ns, "artifactory");
    finds(state, "", "/artifactory/pay/crates/serde/serde-1.0.0.crate", 9);
    assert_string_equal(state->match.ns, "pay");
}

static void properties_behind_the_path_are_for_routes_that_take_them(void **statep)
{
    struct state *state = *statep;
    static const char deploy[] = "/artifactory/pay/crates/a/a-1.0.0.crate;build.name=x;url=http%3A%2F%2Fy%2F..%2Fz";

    assert_int_equal(ask(state, "", CG_PUT, deploy), CG_OK);
    assert_ptr_equal(state->match.route, &routes[11]);
    assert_string_equal(state->match.params[1], "a/a-1.0.0.crate");
    assert_string_equal(state->match.path, "/pay/crates/a/a-1.0.0.crate");
    assert_int_equal(ask(state, "", CG_PUT, "/pay/crates/a/a-1.0.0.crate"), CG_OK);
    assert_ptr_equal(state->match.route, &routes[11]);
    /* An encoded one is a character of the name. */
    assert_int_equal(ask(state, "", CG_PUT, "/pay/crates/a/a-1.0.0.crate%3Bx"), CG_OK);
    assert_string_equal(state->match.params[1], "a/a-1.0.0.crate;x");
    assert_int_equal(ask(state, "", CG_GET, "/api/cargo/pay/index/config.json;x=y"), CG_ERR_ABSENT);
    assert_int_equal(ask(state, "", CG_PUT, "/pay/crates/a;x=y/a-1.0.0.crate"), CG_ERR_INVALID);
    assert_int_equal(ask(state, "", CG_PUT, "/pay/crates/a/a-1.0.0.crate;x=/../../b"), CG_ERR_INVALID);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(the_three_spellings_of_the_base_are_one),
        T(the_base_itself_is_the_root),
        T(the_base_ends_at_a_segment),
        T(parameters_are_filled_in_the_patterns_order),
        T(percent_encoding_is_decoded_exactly_once),
        T(unsafe_addresses_are_invalid),
        T(dots_within_a_segment_are_plain_text),
        T(unknown_addresses_are_absent),
        T(properties_behind_the_path_are_for_routes_that_take_them),
        T(a_method_that_is_not_known_lists_those_that_are),
        T(the_method_chooses_among_routes_of_one_pattern),
        T(get_implies_head),
        T(a_namespace_named_like_the_context_path_is_reachable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
