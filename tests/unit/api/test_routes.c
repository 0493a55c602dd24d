/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "api/api.h"
#include "base/file.h"

static const struct cg_route *table;
static size_t count;

static int setup(void **state)
{
    (void)state;
    table = cg_api_routes(&count);
    return 0;
}

/* What only sends people to /me, whether or not there is such a namespace. */
static bool is_page(const struct cg_route *route)
{
    return strcmp(route->pattern, "/api/cargo/{ns}/me") == 0 || strcmp(route->pattern, "/api/cargo/{ns}") == 0 ||
           strcmp(route->pattern, "/api/cargo/{ns}/") == 0;
}

static void every_route_in_a_namespace_asks_for_a_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < count; i++) {
        bool in_namespace = strstr(table[i].pattern, "{ns}") != NULL;
        bool page = is_page(&table[i]);

        assert_true(table[i].fast || table[i].slow);
        assert_true((in_namespace && !page) == (table[i].action != CG_ACTION_NONE));
        if (in_namespace && !page)
            assert_int_not_equal(table[i].auth, CG_AUTH_NONE);
    }
}

/* What Artifactory's clients post or put without changing anything. */
static bool changes_nothing(const struct cg_route *route)
{
    static const char *const patterns[] = {
        "/api/search/aql",       "/api/system/usage",   "/api/storage/{ns}/{*path}",
        "/access/api/v1/tokens", "/api/security/token", "/api/v1/hooks/artifactory"}; /* the hook only says: look */

    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
        if (strcmp(route->pattern, patterns[i]) == 0)
            return true;
    return false;
}

static void every_change_is_recorded_and_runs_on_a_worker(void **state)
{
    (void)state;
    for (size_t i = 0; i < count; i++) {
        bool changes = (table[i].methods & (CG_PUT | CG_DELETE | CG_POST)) != 0 && !changes_nothing(&table[i]);

        assert_true(changes == (table[i].event != CG_AUDIT_NONE));
        if (changes) {
            assert_true(cg_audit_event_is_change(table[i].event));
            assert_null(table[i].fast);
        }
    }
}

static void cargos_addresses_answer_in_cargos_shape(void **state)
{
    (void)state;
    for (size_t i = 0; i < count; i++) {
        const char *pattern = table[i].pattern;
        bool artifactory = strncmp(pattern, "/{ns}/crates/", 13) == 0 || strncmp(pattern, "/api/storage/", 13) == 0 ||
                           strncmp(pattern, "/api/s", 6) == 0 || strncmp(pattern, "/access/", 8) == 0 ||
                           strncmp(pattern, "/api/repositories", 17) == 0 ||
                           strncmp(pattern, "/api/v1/system/", 15) == 0 ||
                           strncmp(pattern, "/api/v1/uploads/", 16) == 0 || strncmp(pattern, "/router/", 8) == 0;

        assert_int_equal(table[i].style, artifactory ? CG_STYLE_ARTIFACTORY : CG_STYLE_CARGO);
    }
}

/* They ask the directory, in whatever shape they answer. */
static void no_health_check_keeps_a_worker_waiting(void **state)
{
    (void)state;
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i].pattern, "/readyz") == 0 || strstr(table[i].pattern, "/readiness") ||
            strstr(table[i].pattern, "/health"))
            assert_true(table[i].asks_directory);
}

static void reads_take_no_body(void **state)
{
    (void)state;
    for (size_t i = 0; i < count; i++)
        if (table[i].methods & CG_GET)
            assert_int_equal(table[i].body, CG_BODY_NONE);
}

static void the_documented_interface_is_this_one(void **state)
{
    struct cg_buf want, have;
    struct cg_error err = {0};

    (void)state;
    cg_buf_init(&want, 1 << 20);
    cg_buf_init(&have, 1 << 20);
    cg_api_write_docs(&want);
    assert_int_equal(cg_file_read(CG_SRCDIR "/docs/http-api.md", &have, &err), CG_OK);
    assert_string_equal(cg_buf_str(&want), cg_buf_str(&have));
    cg_buf_free(&want);
    cg_buf_free(&have);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_in_a_namespace_asks_for_a_right),
        cmocka_unit_test(every_change_is_recorded_and_runs_on_a_worker),
        cmocka_unit_test(cargos_addresses_answer_in_cargos_shape),
        cmocka_unit_test(no_health_check_keeps_a_worker_waiting),
        cmocka_unit_test(reads_take_no_body),
        cmocka_unit_test(the_documented_interface_is_this_one),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
