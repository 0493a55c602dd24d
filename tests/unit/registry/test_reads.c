/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "fake_metadata.h"
#include "fake_storage.h"
#include "fixture.h"

#define OWN_INDEX "sparse+https://crates.corp.example/api/cargo/payments/index/"

static const char rich[] =
    "homepage = \"https://home\"\ndocumentation = \"https://docs\"\nrepository = \"https://git\"\n"
    "keywords = [\"money\", \"core\"]\ncategories = [\"finance\"]\nlinks = \"pay\"\n"
    "rust-version = \"1.70\"\nreadme = \"./docs/README.md\"\n"
    "[dependencies]\nserde = { version = \"1\", optional = true, features = [\"std\"] }\n"
    "[dependencies.alias]\nversion = \"2\"\npackage = \"pay-base\"\nregistry-index = \"" OWN_INDEX
    "\"\n[target.'cfg(unix)'.dev-dependencies]\ncc = \"=1.2.3\"\n"
    "[features]\nplain = []\nnew = [\"dep:serde\"]\n";

static void publish_with_readme(struct fx *f, const char *version, const char *toml, const char *file,
                                const char *content)
{
    char json[128];

    snprintf(json, sizeof(json), "{\"name\":\"Pay_Core\",\"vers\":\"%s\"}", version);
    fx_crate(&f->crate, "Pay_Core", version, toml, file, content);
    fx_frame(&f->body, json, &f->crate);
    fx_ok(f, fx_publish_body(f, "payments", &f->body));
}

/* pay-base 1.0.0, Pay_Core 1.0.0 (rich), 2.0.0-rc.1, 0.9.0 in that order */
static void publish_some(struct fx *f)
{
    fx_ok(f, fx_publish(f, "pay-base", "2.0.0", NULL, NULL));
    publish_with_readme(f, "1.0.0", rich, "docs/README.md", "# Read me\n");
    fx_ok(f, fx_publish(f, "Pay_Core", "2.0.0-rc.1", NULL, NULL));
    fx_ok(f, fx_publish(f, "Pay_Core", "0.9.0", NULL, NULL));
    cg_buf_reset(&f->out);
}

static json_t *member(const json_t *json, const char *key)
{
    json_t *value = json_object_get(json, key);

    if (!value)
        fail_msg("there is no \"%s\"", key);
    return value;
}

static void assert_text(const json_t *json, const char *key, const char *expected)
{
    if (!expected)
        assert_true(json_is_null(member(json, key)));
    else
        assert_string_equal(cg_json_str(json, key), expected);
}

static void assert_is_time(const json_t *json, const char *key)
{
    assert_int_equal(strlen(cg_json_str(json, key)), 20);
    assert_memory_equal(cg_json_str(json, key), "20", 2);
}

static void a_crate_has_crates_ios_shape(void **state)
{
    struct fx *f = *state;
    json_t *json, *crate, *versions;

    publish_some(f);
    fx_ok(f, cg_registry_crate(f->reg, "payments", "pay_core", &f->out, &f->err));
    json = fx_json(f);
    crate = member(json, "crate");
    assert_text(crate, "id", "Pay_Core");
    assert_text(crate, "name", "Pay_Core");
    assert_text(crate, "description", "about Pay_Core");
    assert_text(crate, "homepage", "https://home");
    assert_text(crate, "documentation", "https://docs");
    assert_text(crate, "repository", "https://git");
    assert_text(crate, "max_version", "1.0.0");
    assert_text(crate, "max_stable_version", "1.0.0");
    assert_text(crate, "newest_version", "0.9.0");
    assert_is_time(crate, "created_at");
    assert_is_time(crate, "updated_at");
    assert_int_equal(json_integer_value(member(crate, "downloads")), 0);
    member(crate, "recent_downloads");
    assert_string_equal(json_string_value(json_array_get(member(crate, "keywords"), 1)), "core");
    assert_string_equal(json_string_value(json_array_get(member(crate, "categories"), 0)), "finance");
    assert_text(member(crate, "links"), "reverse_dependencies", "/api/v1/crates/Pay_Core/reverse_dependencies");
    assert_int_equal(json_integer_value(member(crate, "num_versions")), 3);
    assert_true(json_is_false(member(crate, "yanked")));
    versions = member(json, "versions");
    assert_int_equal(json_array_size(versions), 3);
    assert_text(json_array_get(versions, 0), "num", "0.9.0");
    assert_text(json_array_get(versions, 2), "num", "1.0.0");
    for (size_t i = 0; i < 3; i++)
        assert_true(
            json_equal(member(json_array_get(versions, i), "id"), json_array_get(member(crate, "versions"), i)));
    assert_text(json_array_get(member(json, "keywords"), 0), "keyword", "money");
    assert_int_equal(json_array_size(member(json, "categories")), 0);
    json_decref(json);
}

static void a_version_has_what_index_and_database_know(void **state)
{
    struct fx *f = *state;
    json_t *json, *version;

    publish_some(f);
    fx_ok(f, cg_registry_version(f->reg, "payments", "PAY_CORE", "1.0.0", &f->out, &f->err));
    json = fx_json(f);
    version = member(json, "version");
    assert_text(version, "crate", "Pay_Core");
    assert_text(version, "num", "1.0.0");
    assert_text(version, "dl_path", "/api/v1/crates/Pay_Core/1.0.0/download");
    assert_text(version, "readme_path", "/api/v1/crates/Pay_Core/1.0.0/readme");
    assert_text(version, "license", "MIT");
    assert_text(version, "lib_links", "pay");
    assert_text(version, "rust_version", "1.70");
    assert_text(member(version, "links"), "dependencies", "/api/v1/crates/Pay_Core/1.0.0/dependencies");
    assert_text(member(version, "published_by"), "login", "paula");
    assert_int_equal(strlen(cg_json_str(version, "checksum")), 64);
    assert_true(json_integer_value(member(version, "crate_size")) > 100);
    assert_true(json_integer_value(member(version, "id")) > 0);
    assert_int_equal(json_object_size(member(version, "features")), 2); /* of both halves of the index line */
    assert_true(json_is_false(member(version, "yanked")));
    assert_is_time(version, "created_at");
    json_decref(json);
    fx_refused(f, cg_registry_version(f->reg, "payments", "pay_core", "3.0.0", &f->out, &f->err), CG_ERR_ABSENT,
               "has no version");
}

static void versions_come_newest_first_with_their_number(void **state)
{
    struct fx *f = *state;
    json_t *json;

    publish_some(f);
    fx_ok(f, cg_registry_versions(f->reg, "payments", "pay_core", &f->out, &f->err));
    json = fx_json(f);
    assert_int_equal(json_array_size(member(json, "versions")), 3);
    assert_text(json_array_get(member(json, "versions"), 1), "num", "2.0.0-rc.1");
    assert_int_equal(json_integer_value(member(member(json, "meta"), "total")), 3);
    json_decref(json);
}

static void dependencies_come_from_the_index_line(void **state)
{
    struct fx *f = *state;
    json_t *json, *list, *dep;

    publish_some(f);
    fx_ok(f, cg_registry_dependencies(f->reg, "payments", "pay_core", "1.0.0", &f->out, &f->err));
    json = fx_json(f);
    list = member(json, "dependencies");
    assert_int_equal(json_array_size(list), 3);
    dep = json_array_get(list, 0);
    assert_text(dep, "crate_id", "serde");
    assert_text(dep, "req", "^1");
    assert_text(dep, "kind", "normal");
    assert_text(dep, "target", NULL);
    assert_true(json_is_true(member(dep, "optional")));
    assert_true(json_is_true(member(dep, "default_features")));
    assert_string_equal(json_string_value(json_array_get(member(dep, "features"), 0)), "std");
    dep = json_array_get(list, 1);
    assert_text(dep, "crate_id", "pay-base"); /* its own name, not the alias */
    dep = json_array_get(list, 2);
    assert_text(dep, "kind", "dev");
    assert_text(dep, "target", "cfg(unix)");
    json_decref(json);
    fx_refused(f, cg_registry_dependencies(f->reg, "payments", "pay_core", "9.9.9", &f->out, &f->err), CG_ERR_ABSENT,
               "");
}

static void reverse_dependencies_name_who_depends_with_the_version(void **state)
{
    struct fx *f = *state;
    json_t *json, *dep, *version;

    publish_some(f);
    fx_ok(f, cg_registry_reverse(f->reg, "payments", "PAY-base", 10, 1, &f->out, &f->err));
    json = fx_json(f);
    assert_int_equal(json_integer_value(member(member(json, "meta"), "total")), 1);
    dep = json_array_get(member(json, "dependencies"), 0);
    version = json_array_get(member(json, "versions"), 0);
    assert_text(dep, "crate_id", "pay-base");
    assert_text(dep, "req", "^2");
    assert_text(version, "crate", "Pay_Core");
    assert_text(version, "num", "1.0.0");
    assert_text(version, "license", "MIT");
    assert_true(json_equal(member(dep, "version_id"), member(version, "id")));
    json_decref(json);
    fx_refused(f, cg_registry_reverse(f->reg, "payments", "pay-none", 10, 1, &f->out, &f->err), CG_ERR_ABSENT, "");
}

static void a_dependent_that_the_index_has_no_more_is_left_out(void **state)
{
    struct fx *f = *state;
    json_t *json;

    publish_some(f);
    fx_ok(f, f->st->ops->index_remove(f->st, "pay_core", &f->err));
    fx_ok(f, f->md->ops->generation_bump(f->md, "index", &f->err));
    cg_registry_tick(f->reg);
    fx_ok(f, cg_registry_reverse(f->reg, "payments", "pay-base", 10, 1, &f->out, &f->err));
    json = fx_json(f);
    assert_int_equal(json_array_size(member(json, "dependencies")), 0);
    assert_int_equal(json_array_size(member(json, "versions")), 0);
    json_decref(json);
}

static void downloads_are_told_by_version(void **state)
{
    struct fx *f = *state;
    struct cg_download_count count = {
        .namespace_name = "payments", .crate = "pay-core", .version = "1.0.0", .count = 7};
    json_t *json, *one;

    publish_some(f);
    fx_ok(f, f->md->ops->downloads_add(f->md, &count, 1, &f->err));
    fx_ok(f, cg_registry_downloads(f->reg, "payments", "pay_core", &f->out, &f->err));
    json = fx_json(f);
    assert_int_equal(json_array_size(member(json, "version_downloads")), 1);
    one = json_array_get(member(json, "version_downloads"), 0);
    assert_text(one, "num", "1.0.0");
    assert_int_equal(json_integer_value(member(one, "downloads")), 7);
    assert_true(json_is_array(member(member(json, "meta"), "extra_downloads")));
    json_decref(json);
    fx_ok(f, cg_registry_crate(f->reg, "payments", "pay_core", &f->out, &f->err));
    json = fx_json(f);
    assert_int_equal(json_integer_value(member(member(json, "crate"), "downloads")), 7);
    json_decref(json);
}

static void readmes_come_out_of_the_archive(void **state)
{
    struct fx *f = *state;

    publish_some(f);
    fx_ok(f, cg_registry_readme(f->reg, "payments", "pay_core", "1.0.0", &f->out, &f->err));
    assert_string_equal(cg_buf_str(&f->out), "# Read me\n");
    fx_refused(f, cg_registry_readme(f->reg, "payments", "pay_core", "0.9.0", &f->out, &f->err), CG_ERR_ABSENT,
               "crate `Pay_Core` 0.9.0 has no readme");
    fx_refused(f, cg_registry_readme(f->reg, "payments", "pay_core", "9.9.9", &f->out, &f->err), CG_ERR_ABSENT, "");
    publish_with_readme(f, "3.0.0", "readme = \"gone.md\"\n", NULL, NULL);
    fx_refused(f, cg_registry_readme(f->reg, "payments", "pay_core", "3.0.0", &f->out, &f->err), CG_ERR_ABSENT,
               "has no readme");
    publish_with_readme(f, "3.0.1", "readme = \"./\"\n", NULL, NULL);
    fx_refused(f, cg_registry_readme(f->reg, "payments", "pay_core", "3.0.1", &f->out, &f->err), CG_ERR_ABSENT,
               "has no readme");
}

static void a_readme_of_a_damaged_or_missing_crate_is_told_apart(void **state)
{
    struct fx *f = *state;

    publish_some(f);
    cg_fake_storage_damage(f->st, "Pay_Core", "1.0.0");
    fx_refused(f, cg_registry_readme(f->reg, "payments", "pay_core", "1.0.0", &f->out, &f->err), CG_ERR_UNAVAILABLE,
               "damaged");
    assert_non_null(strstr(f->err.internal, "gzip-member"));
    fx_ok(f, f->st->ops->crate_remove(f->st, "Pay_Core", "1.0.0", &f->err));
    assert_int_equal(cg_registry_readme(f->reg, "payments", "pay_core", "1.0.0", &f->out, &f->err), CG_ERR_ABSENT);
}

static void search_marks_the_crate_of_that_very_name(void **state)
{
    struct fx *f = *state;
    struct cg_search search = {.namespace_name = "payments", .query = "PAY_x", .per_page = 10, .page = 1};
    json_t *json;

    fx_ok(f, fx_publish(f, "pay-x", "1.0.0", NULL, NULL));
    fx_ok(f, fx_publish(f, "pay-x2", "1.0.0", NULL, NULL));
    cg_buf_reset(&f->out);
    fx_ok(f, cg_registry_search(f->reg, &search, &f->out, &f->err));
    json = fx_json(f);
    assert_int_equal(json_array_size(member(json, "crates")), 2);
    assert_text(json_array_get(member(json, "crates"), 0), "name", "pay-x");
    assert_true(json_is_true(member(json_array_get(member(json, "crates"), 0), "exact_match")));
    assert_true(json_is_false(member(json_array_get(member(json, "crates"), 1), "exact_match")));
    json_decref(json);
}

static void search_pages_link_to_their_neighbours(void **state)
{
    struct fx *f = *state;
    struct cg_search search = {.namespace_name = "payments", .query = "pay x&", .per_page = 2, .page = 2};
    json_t *json, *meta;

    for (int i = 0; i < 5; i++) {
        char name[32];

        snprintf(name, sizeof(name), "pay-x%d", i);
        fx_ok(f, fx_publish(f, name, "1.0.0", NULL, NULL));
    }
    cg_buf_reset(&f->out);
    fx_ok(f, cg_registry_search(f->reg, &search, &f->out, &f->err));
    json = fx_json(f);
    meta = member(json, "meta");
    assert_int_equal(json_array_size(member(json, "crates")), 2);
    assert_int_equal(json_integer_value(member(meta, "total")), 5);
    assert_text(meta, "next_page", "?q=pay%20x%26&sort=relevance&per_page=2&page=3");
    assert_text(meta, "prev_page", "?q=pay%20x%26&sort=relevance&per_page=2&page=1");
    assert_text(json_array_get(member(json, "crates"), 0), "max_version", "1.0.0");
    json_decref(json);
    search = (struct cg_search){
        .namespace_name = "payments", .query = "", .sort = CG_SORT_ALPHA, .per_page = 100, .page = 1};
    fx_ok(f, cg_registry_search(f->reg, &search, &f->out, &f->err));
    json = fx_json(f);
    assert_text(member(json, "meta"), "next_page", NULL);
    assert_text(member(json, "meta"), "prev_page", NULL);
    assert_text(json_array_get(member(json, "crates"), 4), "name", "pay-x4");
    json_decref(json);
}

static void what_is_empty_is_null(void **state)
{
    struct fx *f = *state;
    json_t *json, *crate;

    fx_crate_raw(&f->crate, "pay-bare-1.0.0-a", "[package]\nname = \"pay-bare\"\nversion = \"1.0.0-a\"\n", NULL, NULL);
    fx_frame(&f->body, "{\"name\":\"pay-bare\",\"vers\":\"1.0.0-a\"}", &f->crate);
    fx_ok(f, fx_publish_body(f, "payments", &f->body));
    cg_buf_reset(&f->out);
    fx_ok(f, cg_registry_crate(f->reg, "payments", "pay-bare", &f->out, &f->err));
    json = fx_json(f);
    crate = member(json, "crate");
    assert_text(crate, "description", NULL);
    assert_text(crate, "max_version", "1.0.0-a");
    assert_text(crate, "max_stable_version", NULL);
    assert_text(json_array_get(member(json, "versions"), 0), "license", NULL);
    json_decref(json);
}

static void an_index_without_database_rows_is_still_answered(void **state)
{
    struct fx *f = *state;
    json_t *json, *version;

    publish_some(f);
    fx_ok(f, f->md->ops->derived_clear(f->md, "payments", &f->err));
    fx_ok(f, cg_registry_crate(f->reg, "payments", "pay_core", &f->out, &f->err));
    json = fx_json(f);
    assert_text(member(json, "crate"), "max_version", "1.0.0");
    assert_text(member(json, "crate"), "description", NULL);
    version = json_array_get(member(json, "versions"), 0);
    assert_true(json_is_null(member(version, "published_by")));
    json_decref(json);
    fx_ok(f, cg_registry_downloads(f->reg, "payments", "pay_core", &f->out, &f->err));
    json = fx_json(f);
    assert_int_equal(json_array_size(member(json, "version_downloads")), 0);
    json_decref(json);
}

typedef enum cg_err (*crate_read)(struct cg_registry *reg, const char *ns, const char *name, struct cg_buf *out,
                                  struct cg_error *err);

static void reads_tell_absent_from_unavailable(void **state)
{
    static const crate_read reads[] = {cg_registry_crate, cg_registry_versions, cg_registry_downloads};
    struct fx *f = *state;

    publish_some(f);
    for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
        fx_refused(f, reads[i](f->reg, "payments", "pay-none", &f->out, &f->err), CG_ERR_ABSENT, "`pay-none`");
        fx_refused(f, reads[i](f->reg, "payments", "\x1b[m", &f->out, &f->err), CG_ERR_ABSENT, "`?[m`");
        fx_refused(f, reads[i](f->reg, "nowhere", "pay_core", &f->out, &f->err), CG_ERR_ABSENT, "no namespace");
        cg_fake_metadata_set_broken(f->md, "crate_get");
        fx_refused(f, reads[i](f->reg, "payments", "pay_core", &f->out, &f->err), CG_ERR_UNAVAILABLE, "");
        cg_fake_metadata_set_broken(f->md, NULL);
    }
    cg_fake_metadata_set_broken(f->md, "version_each");
    fx_refused(f, cg_registry_version(f->reg, "payments", "pay_core", "1.0.0", &f->out, &f->err), CG_ERR_UNAVAILABLE,
               "");
    fx_refused(f, cg_registry_reverse(f->reg, "payments", "pay-base", 10, 1, &f->out, &f->err), CG_ERR_UNAVAILABLE, "");
    cg_fake_metadata_set_broken(f->md, "reverse");
    fx_refused(f, cg_registry_reverse(f->reg, "payments", "pay-base", 10, 1, &f->out, &f->err), CG_ERR_UNAVAILABLE, "");
    struct cg_search search = {.namespace_name = "payments", .query = "", .per_page = 10, .page = 1};
    cg_fake_metadata_set_broken(f->md, "search");
    fx_refused(f, cg_registry_search(f->reg, &search, &f->out, &f->err), CG_ERR_UNAVAILABLE, "");
}

static void lines_nobody_can_read_are_passed_over(void **state)
{
    struct fx *f = *state;
    struct cg_buf text;
    char *line;
    json_t *json;

    fx_ok(f, fx_publish(f, "pay-core", "1.0.0", NULL, NULL));
    line = fx_stored_index(f, "pay-core");
    cg_buf_init(&text, 1u << 20);
    cg_buf_addf(&text, "garbage\n\n%.*s\r\n{\"vers\":\"1.0.0\"}\n", (int)strlen(line) - 1, line);
    free(line);
    fx_ok(f, f->st->ops->index_write(f->st, "pay-core", cg_buf_str(&text), text.len, &f->err));
    fx_ok(f, f->st->ops->index_write(f->st, "pay-junk", "garbage\n", 8, &f->err));
    cg_buf_free(&text);
    fx_ok(f, f->md->ops->generation_bump(f->md, "index", &f->err));
    cg_registry_tick(f->reg);
    cg_buf_reset(&f->out);
    fx_ok(f, cg_registry_versions(f->reg, "payments", "pay-core", &f->out, &f->err));
    json = fx_json(f);
    assert_int_equal(json_array_size(member(json, "versions")), 1);
    json_decref(json);
    fx_refused(f, cg_registry_crate(f->reg, "payments", "pay-junk", &f->out, &f->err), CG_ERR_ABSENT, "`pay-junk`");
}

static void answers_need_their_room(void **state)
{
    struct fx *f = *state;

    publish_some(f);
    cg_buf_free(&f->out);
    cg_buf_init(&f->out, 5);
    fx_refused(f, cg_registry_crate(f->reg, "payments", "pay_core", &f->out, &f->err), CG_ERR_INTERNAL, "larger");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_crate_has_crates_ios_shape, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(a_version_has_what_index_and_database_know, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(versions_come_newest_first_with_their_number, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(dependencies_come_from_the_index_line, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(reverse_dependencies_name_who_depends_with_the_version, fx_setup_real,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(a_dependent_that_the_index_has_no_more_is_left_out, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(downloads_are_told_by_version, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(readmes_come_out_of_the_archive, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(a_readme_of_a_damaged_or_missing_crate_is_told_apart, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(search_marks_the_crate_of_that_very_name, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(search_pages_link_to_their_neighbours, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(what_is_empty_is_null, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(an_index_without_database_rows_is_still_answered, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(reads_tell_absent_from_unavailable, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(lines_nobody_can_read_are_passed_over, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(answers_need_their_room, fx_setup, fx_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
