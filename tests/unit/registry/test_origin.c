/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A publish of what another registry had: its dependencies, its time, its yank. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "fixture.h"
#include "registry/registry_url.h"

#define OLD "sparse+https://old.example/index/"
#define WITH_REGISTRY(url) "[dependencies.core]\nversion = \"1\"\nregistry-index = \"" url "\"\n"

static enum cg_err import(struct fx *f, const char *toml, const struct cg_origin *origin)
{
    struct cg_source source;

    fx_crate(&f->crate, "pay-core", "1.0.0", toml, NULL, NULL);
    fx_frame(&f->body, "{\"name\":\"pay-core\",\"vers\":\"1.0.0\"}", &f->crate);
    source = fx_source(&f->body);
    f->change = (struct cg_change){.policy = f->policy, .caller = &f->caller, .ns = "payments", .origin = origin};
    f->err = (struct cg_error){0};
    cg_buf_reset(&f->out);
    return cg_registry_publish(f->reg, &f->change, &source, &f->out, &f->err);
}

static json_t *line(struct fx *f)
{
    char *text = fx_stored_index(f, "pay-core");
    json_t *json = NULL;

    assert_non_null(text);
    assert_int_equal(cg_json_parse(text, strlen(text), &json, NULL), CG_OK);
    free(text);
    return json;
}

/* wanted NULL: this registry. */
static void assert_registry(struct fx *f, const char *wanted)
{
    json_t *json = line(f);
    const char *is = cg_json_str(json_array_get(json_object_get(json, "deps"), 0), "registry");

    if (wanted)
        assert_string_equal(is, wanted);
    else
        assert_null(is);
    json_decref(json);
}

static void its_own_registry_becomes_this_one(void **state)
{
    const struct cg_origin origin = {.index = OLD};

    fx_ok(*state, import(*state, WITH_REGISTRY("sparse+https://OLD.example:443/index"), &origin));
    assert_registry(*state, NULL);
}

static void null_in_its_line_means_its_own_registry(void **state)
{
    const struct cg_origin origin = {.index = OLD,
                                     .line = "{\"deps\":[{\"name\":\"core\",\"kind\":\"normal\",\"registry\":null}]}"};

    fx_ok(*state, import(*state, WITH_REGISTRY("sparse+https://older.example/i/"), &origin));
    assert_registry(*state, NULL);
}

static void another_registry_in_its_line_is_that_one(void **state)
{
    const struct cg_origin origin = {
        .index = OLD,
        .line = "{\"deps\":[{\"name\":\"core\",\"registry\":\"https://github.com/rust-lang/crates.io-index\"}]}"};

    fx_ok(*state, import(*state, WITH_REGISTRY(OLD), &origin));
    assert_registry(*state, CG_CRATES_IO_INDEX);
}

static void a_line_that_does_not_have_the_dependency_leaves_it_to_the_manifest(void **state)
{
    static const char *const lines[] = {"{\"deps\":[{\"name\":\"core\",\"kind\":\"dev\"}]}",
                                        "{\"deps\":[{\"name\":\"core\",\"target\":\"cfg(unix)\"}]}",
                                        "{\"deps\":[{\"name\":\"other\"}]}",
                                        "{\"deps\":7}",
                                        "no json",
                                        NULL};
    struct fx *f = *state;

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        const struct cg_origin origin = {.index = OLD, .line = lines[i]};

        fx_refused(f, import(f, WITH_REGISTRY("sparse+https://elsewhere.example/"), &origin), CG_ERR_DENIED,
                   "dependency-registry");
    }
}

static void targets_are_compared_by_what_they_mean(void **state)
{
    const struct cg_origin origin = {
        .index = OLD,
        .line = "{\"deps\":[{\"name\":\"core\",\"target\":\"cfg(all( unix,foo=\\\"a\\\" ))\",\"registry\":null}]}"};

    fx_ok(*state, import(*state,
                         "[target.'cfg(all(unix, foo = \"a\"))'.dependencies.core]\nversion = \"1\"\n"
                         "registry-index = \"sparse+https://elsewhere.example/\"\n",
                         &origin));
    assert_registry(*state, NULL);
}

static void what_was_crates_io_itself_has_its_dependencies_here(void **state)
{
    const struct cg_origin origin = {.index = "sparse+https://index.crates.io/"};

    fx_ok(*state, import(*state, "[dependencies]\ncore = \"1\"\n", &origin));
    assert_registry(*state, NULL);
}

static void no_registry_as_origin_changes_no_dependency(void **state)
{
    const struct cg_origin origin = {.yanked = true};

    fx_ok(*state, import(*state, "[dependencies]\ncore = \"1\"\n", &origin));
    assert_registry(*state, CG_CRATES_IO_INDEX);
}

static void time_and_yank_are_in_its_first_line(void **state)
{
    const struct cg_origin origin = {.index = OLD, .pubtime = 1700000000, .yanked = true};
    json_t *json;

    fx_ok(*state, import(*state, NULL, &origin));
    json = line(*state);
    assert_string_equal(cg_json_str(json, "pubtime"), "2023-11-14T22:13:20Z");
    assert_true(json_is_true(json_object_get(json, "yanked")));
    json_decref(json);
}

static void a_repeat_does_not_touch_the_flag(void **state)
{
    struct cg_origin origin = {.index = OLD, .yanked = false};
    struct fx *f = *state;
    json_t *json;

    fx_ok(f, import(f, NULL, &origin));
    origin.yanked = true;
    fx_ok(f, import(f, NULL, &origin));
    assert_true(f->change.unchanged);
    json = line(f);
    assert_true(json_is_false(json_object_get(json, "yanked")));
    json_decref(json);
}

static void one_index_has_many_spellings(void **state)
{
    (void)state;
    assert_true(cg_registry_url_same(OLD, "sparse+HTTPS://old.example:443/index"));
    assert_true(cg_registry_url_same("https://git.example/i", "registry+https://git.example/i.git/"));
    assert_true(cg_registry_url_same("sparse+https://index.crates.io/", NULL));
    assert_false(cg_registry_url_same(OLD, NULL));
    assert_false(cg_registry_url_same(OLD, "https://old.example/index/"));
    assert_false(cg_registry_url_same("git@host:i.git", "git@host:i.git"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(its_own_registry_becomes_this_one, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(null_in_its_line_means_its_own_registry, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(another_registry_in_its_line_is_that_one, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_line_that_does_not_have_the_dependency_leaves_it_to_the_manifest, fx_setup,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(targets_are_compared_by_what_they_mean, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(what_was_crates_io_itself_has_its_dependencies_here, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(no_registry_as_origin_changes_no_dependency, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(time_and_yank_are_in_its_first_line, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_repeat_does_not_touch_the_flag, fx_setup, fx_teardown),
        cmocka_unit_test(one_index_has_many_spellings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
