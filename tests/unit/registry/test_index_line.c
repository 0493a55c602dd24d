/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "registry/index_line.h"
#include "registry/json_scan.h"
#include "registry/manifest.h"

#define CKSUM "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NOW 1795327675 /* 2026-11-22T06:07:55Z */
#define LINE(vers, more) "{\"name\":\"a\",\"vers\":\"" vers "\",\"deps\":[],\"cksum\":\"" CKSUM "\"" more "}"

/* The line of a package with this manifest behind [package]. */
static void assert_line(const char *manifest, const char *wanted)
{
    char text[4096];
    struct cg_package package = {0};
    struct cg_buf line;
    struct cg_error err = {0};
    struct cg_index_entry entry;
    snprintf(text, sizeof text, "[package]\nname = \"Abc\"\nversion = \"1.0.0+b\"\n%s", manifest);
    enum cg_err ret = cg_manifest_parse(text, strlen(text), &package, &err);
    if (ret != CG_OK)
        print_error("%s\n", err.detail);
    assert_int_equal(ret, CG_OK);
    cg_buf_init(&line, 65536);
    cg_index_line_write(&package, CKSUM, NOW, false, &line);
    assert_string_equal(cg_buf_str(&line), wanted);
    assert_int_equal(cg_index_line_read(line.data, line.len, &entry, &err), CG_OK);
    assert_string_equal(entry.version, "1.0.0+b");
    assert_int_equal(entry.pubtime, NOW);
    cg_buf_free(&line);
    cg_package_free(&package);
}

#define HEAD "{\"name\":\"Abc\",\"vers\":\"1.0.0+b\",\"deps\":["
#define MIDDLE "],\"cksum\":\"" CKSUM "\",\"features\":"
#define TAIL ",\"yanked\":false,\"pubtime\":\"2026-11-22T06:07:55Z\""

static void smallest_line_has_every_field_old_clients_need(void **state)
{
    (void)state;
    assert_line("", HEAD MIDDLE "{}" TAIL "}");
}

static void links_and_rust_version_stand_there_only_when_set(void **state)
{
    (void)state;
    assert_line("links = \"z\"\nrust-version = \"1.56\"\n",
                HEAD MIDDLE "{},\"yanked\":false,\"links\":\"z\",\"rust_version\":\"1.56\","
                            "\"pubtime\":\"2026-11-22T06:07:55Z\"}");
}

static void dependencies_keep_alias_and_package_apart(void **state)
{
    (void)state;
    assert_line(
        "[dependencies]\nalias = { package = \"real\", version = \"1\" , registry-index = \"sparse+https://x/\" }\n"
        "same = { package = \"same\", version = \"=1.2.3\", features = [\"f\", \"g\"], optional = true, "
        "default-features = false, public = true }\n",
        HEAD "{\"name\":\"alias\",\"req\":\"^1\",\"features\":[],\"optional\":false,\"default_features\":true,"
             "\"target\":null,\"kind\":\"normal\",\"registry\":\"sparse+https://x/\",\"package\":\"real\"},"
             "{\"name\":\"same\",\"req\":\"=1.2.3\",\"features\":[\"f\",\"g\"],\"optional\":true,"
             "\"default_features\":false,\"target\":null,\"kind\":\"normal\",\"registry\":null,\"package\":null,\"public\":true}" MIDDLE "{}" TAIL "}");
}

static void kinds_and_targets_are_named(void **state)
{
    (void)state;
    assert_line("[target.'cfg( any(unix,windows,) )'.dev-dependencies]\nd = \"1\"\n[build-dependencies]\nb = \"*\"\n",
                HEAD "{\"name\":\"b\",\"req\":\"*\",\"features\":[],\"optional\":false,\"default_features\":true,"
                     "\"target\":null,\"kind\":\"build\",\"registry\":null,\"package\":null},"
                     "{\"name\":\"d\",\"req\":\"^1\",\"features\":[],\"optional\":false,\"default_features\":true,"
                     "\"target\":\"cfg(any(unix, windows))\",\"kind\":\"dev\",\"registry\":null,\"package\":null}" MIDDLE "{}" TAIL "}");
}

static void features_old_clients_cannot_read_are_split_off_with_all_that_need_them(void **state)
{
    (void)state;
    assert_line("[dependencies]\no = { version = \"1\", optional = true }\n[features]\n"
                "top = [\"mid\", \"plain\"]\nplain = []\nmid = [\"low\"]\nlow = [\"dep:o\"]\nweak = [\"o?/f\"]\n"
                "strong = [\"plain\"]\n",
                HEAD "{\"name\":\"o\",\"req\":\"^1\",\"features\":[],\"optional\":true,\"default_features\":true,"
                     "\"target\":null,\"kind\":\"normal\",\"registry\":null,\"package\":null}" MIDDLE "{\"plain\":[],\"strong\":[\"plain\"]},"
                     "\"features2\":{\"top\":[\"mid\",\"plain\"],\"mid\":[\"low\"],\"low\":[\"dep:o\"],"
                     "\"weak\":[\"o?/f\"]}" TAIL ",\"v\":2}");
}

static void features_that_enable_each_other_end_the_split(void **state)
{
    (void)state;
    assert_line("[dependencies]\no = { version = \"1\", optional = true }\n[features]\n"
                "a = [\"b\"]\nb = [\"a\", \"dep:o\"]\nc = [\"c\"]\n",
                HEAD "{\"name\":\"o\",\"req\":\"^1\",\"features\":[],\"optional\":true,\"default_features\":true,"
                     "\"target\":null,\"kind\":\"normal\",\"registry\":null,\"package\":null}" MIDDLE "{\"c\":[\"c\"]},\"features2\":{\"a\":[\"b\"],"
                     "\"b\":[\"a\",\"dep:o\"]}" TAIL ",\"v\":2}");
}

static void artifact_dependencies_raise_the_schema(void **state)
{
    (void)state;
    assert_line("[dependencies]\na = { version = \"1\", artifact = [\"bin\", \"cdylib\"], lib = true, "
                "target = \"x86_64-unknown-none\" }\nb = { version = \"1\", artifact = \"bin:x\" }\n",
                HEAD "{\"name\":\"a\",\"req\":\"^1\",\"features\":[],\"optional\":false,\"default_features\":true,"
                     "\"target\":null,\"kind\":\"normal\",\"registry\":null,\"package\":null,\"artifact\":[\"bin\",\"cdylib\"],"
                     "\"bindep_target\":\"x86_64-unknown-none\",\"lib\":true},"
                     "{\"name\":\"b\",\"req\":\"^1\",\"features\":[],\"optional\":false,\"default_features\":true,"
                     "\"target\":null,\"kind\":\"normal\",\"registry\":null,\"package\":null,\"artifact\":[\"bin:x\"]}" MIDDLE "{}" TAIL ",\"v\":3}");
}

static void paths_follow_the_length_of_the_name(void **state)
{
    static const char *const cases[][2] = {{"a", "1/a"},
                                           {"AB", "2/ab"},
                                           {"Abc", "3/a/abc"},
                                           {"abcd", "ab/cd/abcd"},
                                           {"MyCrate", "my/cr/mycrate"},
                                           {"a-b_c", "a-/b_/a-b_c"}};
    (void)state;
    char path[CG_INDEX_PATH_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cg_index_path(cases[i][0], path);
        assert_string_equal(path, cases[i][1]);
        assert_ptr_equal(cg_index_path_name(path), strrchr(path, '/') + 1);
    }
}

static void other_paths_name_no_crate(void **state)
{
    static const char *const cases[] = {"",      "a",      "1/",          "2/a",         "1/A",          "3/b/abc",
                                        "3/abc", "ab/cd/", "ab/ce/abcd",  "AB/CD/abcd",  "ab/cd/ABCD",   "/1/a",
                                        "./1/a", "1//a",   "ab/cd/abc.d", "config.json", "x/config.json"};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_null(cg_index_path_name(cases[i]));
}

static void foreign_lines_are_read(void **state)
{
    (void)state;
    struct cg_index_entry e;
    const char *line = " {\"vers\":\"2.0.0-rc.1\", \"name\" : \"Foo_bar\", \"deps\":[{\"name\":\"x\",\"odd\":1}],"
                       "\"features\":{\"f\":[]},\"cksum\":\"" CKSUM "\",\"yanked\":true,\"links\":null,\"v\":2,"
                       "\"unknown\":{\"yanked\":false},\"pubtime\":null} ";
    assert_int_equal(cg_index_line_read(line, strlen(line), &e, NULL), CG_OK);
    assert_string_equal(e.name, "Foo_bar");
    assert_string_equal(e.version, "2.0.0-rc.1");
    assert_string_equal(e.semver.pre, "rc.1");
    assert_string_equal(e.cksum, CKSUM);
    assert_true(e.yanked);
    assert_int_equal(e.pubtime, 0);
    assert_ptr_equal(e.line, line);
    line = LINE("1.0.0", ",\"yanked\":null");
    assert_int_equal(cg_index_line_read(line, strlen(line), &e, NULL), CG_OK);
    assert_false(e.yanked);
}

static void lines_that_cargo_could_not_use_are_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "[]",
        "null",
        "{",
        "{}",
        "\xef\xbb\xbf" LINE("1.0.0", ""),
        LINE("1.0.0", "") " x",
        LINE("1.0", ""),
        LINE("v1.0.0", ""),
        LINE("1.0.0", ",\"yanked\":1"),
        LINE("1.0.0", ",\"yanked\":\"true\""),
        LINE("1.0.0", ",\"name\":\"b\""),
        LINE("1.0.0", ",\"pubtime\":1"),
        LINE("1.0.0", ",\"pubtime\":\"\""),
        LINE("1.0.0", ",\"pubtime\":\"2026-11-22T06:07:55+00:00\""),
        LINE("1.0.0", ",\"pubtime\":\"2026-11-22T06:07:5.Z\""),
        "{\"name\":\"a\",\"vers\":\"1.0.0\",\"cksum\":\"" CKSUM "\"}",
        "{\"name\":\"a\",\"vers\":\"1.0.0\",\"deps\":{},\"cksum\":\"" CKSUM "\"}",
        "{\"name\":\"a\",\"vers\":\"1.0.0\",\"deps\":[]}",
        "{\"name\":\"a\",\"vers\":\"1.0.0\",\"deps\":[],\"cksum\":\"00\"}",
        "{\"name\":\"a\",\"vers\":\"1.0.0\",\"deps\":[],\"cksum\":\"A123456789abcdef0123456789abcdef0123456789abcdef"
        "0123456789abcdef\"}",
        "{\"name\":\"a/b\",\"vers\":\"1.0.0\",\"deps\":[],\"cksum\":\"" CKSUM "\"}",
        "{\"vers\":\"1.0.0\",\"deps\":[],\"cksum\":\"" CKSUM "\"}",
        "{\"name\":\"a\",\"deps\":[],\"cksum\":\"" CKSUM "\"}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cg_index_entry e = {.pubtime = 7};
        assert_int_equal(cg_index_line_read(cases[i], strlen(cases[i]), &e, NULL), CG_ERR_INVALID);
        assert_int_equal(e.pubtime, 7);
    }
}

#define FILE_TEXT                                                                                                      \
    LINE("1.0.0", "") "\n\n" LINE("1.1.0+x", ",\"yanked\":false") "\r\nrubbish\n" LINE("2.0.0", ",\"yanked\":true")

static void nul_behind_a_number_is_refused(void **state)
{
    (void)state;
    static const char line[] = "{\"name\":\"a\",\"vers\":\"1.0.0\",\"deps\":[],\"cksum\":\"" CKSUM "\",\"v\":1\0}";
    struct cg_index_entry e;
    assert_int_equal(cg_index_line_read(line, sizeof line - 1, &e, NULL), CG_ERR_INVALID);
}

static enum cg_err count(void *cls, const struct cg_index_entry *entry)
{
    int *left = cls;
    assert_int_equal(entry->line[0], '{');
    assert_int_equal(entry->line[entry->line_len - 1], '}');
    return --*left == 0 ? CG_ERR_CONFLICT : CG_OK;
}

static void each_visits_lines_and_names_the_bad_one(void **state)
{
    (void)state;
    int left = 100;
    struct cg_error err = {0};
    assert_int_equal(cg_index_each(FILE_TEXT, strlen(FILE_TEXT), count, &left, &err), CG_ERR_INVALID);
    assert_int_equal(left, 98);
    assert_non_null(strstr(err.detail, "line 4: "));
    left = 1;
    assert_int_equal(cg_index_each(FILE_TEXT, strlen(FILE_TEXT), count, &left, &err), CG_ERR_CONFLICT);
    assert_int_equal(cg_index_each("", 0, count, &left, &err), CG_OK);
}

static struct cg_semver version(const char *text)
{
    struct cg_semver v;
    assert_int_equal(cg_semver_parse(text, &v, NULL), CG_OK);
    return v;
}

static void find_ignores_build_metadata_and_bad_lines(void **state)
{
    (void)state;
    struct cg_index_entry e;
    struct cg_semver v = version("1.1.0+other");
    assert_int_equal(cg_index_find(FILE_TEXT, strlen(FILE_TEXT), &v, &e, NULL), CG_OK);
    assert_string_equal(e.version, "1.1.0+x");
    v = version("2.0.0");
    assert_int_equal(cg_index_find(FILE_TEXT, strlen(FILE_TEXT), &v, &e, NULL), CG_OK);
    assert_true(e.yanked);
    v = version("2.0.0-a");
    assert_int_equal(cg_index_find(FILE_TEXT, strlen(FILE_TEXT), &v, &e, NULL), CG_ERR_ABSENT);
}

/* Lines are passed over by their letters; one that spells them with escapes still counts. */
static void find_reads_versions_that_are_spelled_with_escapes(void **state)
{
    (void)state;
    static const char text[] = "{\"name\":\"a\",\"v\\u0065rs\":\"\\u0031.2.3\",\"deps\":[],\"cksum\":\""
                               "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}\n";
    struct cg_index_entry e;
    struct cg_semver v = version("1.2.3");
    assert_int_equal(cg_index_find(text, strlen(text), &v, &e, NULL), CG_OK);
    assert_string_equal(e.version, "1.2.3");
    assert_true(cg_index_may_hold(text, strlen(text), &v));
    v = version("1.2.4");
    assert_int_equal(cg_index_find(text, strlen(text), &v, &e, NULL), CG_ERR_ABSENT);
    assert_false(cg_index_may_hold(FILE_TEXT, strlen(FILE_TEXT), &v));
}

static void assert_yanked(const char *text, const char *vers, bool yanked, const char *wanted)
{
    struct cg_buf out;
    bool changed = false;
    struct cg_semver v = version(vers);
    cg_buf_init(&out, 65536);
    assert_int_equal(cg_index_set_yanked(text, strlen(text), &v, yanked, &out, &changed, NULL), CG_OK);
    assert_string_equal(cg_buf_str(&out), wanted);
    assert_int_equal(changed, strcmp(text, wanted) != 0);
    cg_buf_free(&out);
}

static void yanking_changes_one_value_and_no_other_byte(void **state)
{
    (void)state;
    assert_yanked(
        FILE_TEXT, "1.1.0", true,
        LINE("1.0.0", "") "\n\n" LINE("1.1.0+x", ",\"yanked\":true") "\r\nrubbish\n" LINE("2.0.0", ",\"yanked\":true"));
    assert_yanked(FILE_TEXT, "1.0.0", true,
                  LINE("1.0.0", ",\"yanked\":true") "\n\n" LINE("1.1.0+x", ",\"yanked\":false") "\r\nrubbish\n" LINE(
                      "2.0.0", ",\"yanked\":true"));
    assert_yanked(FILE_TEXT, "2.0.0", true, FILE_TEXT);
    assert_yanked(FILE_TEXT, "1.0.0", false, FILE_TEXT);
    assert_yanked(LINE("1.0.0", ", \"o\":{\"yanked\":[true,\"}\\\"\"]}, \"yanked\" : null , \"z\":1.50") "\n", "1.0.0",
                  true, LINE("1.0.0", ", \"o\":{\"yanked\":[true,\"}\\\"\"]}, \"yanked\" : true , \"z\":1.50") "\n");
    assert_yanked(LINE("1.0.0", ",\"y\\u0061nked\":true") "\n", "1.0.0", false,
                  LINE("1.0.0", ",\"y\\u0061nked\":false") "\n");
}

static void every_line_of_the_version_is_yanked(void **state)
{
    (void)state; /* clients differ in which of two they take */
    assert_yanked(LINE("1.0.0", ",\"yanked\":false") "\n" LINE("1.0.0+b", ",\"yanked\":false") "\n", "1.0.0", true,
                  LINE("1.0.0", ",\"yanked\":true") "\n" LINE("1.0.0+b", ",\"yanked\":true") "\n");
}

static void yanking_an_unknown_version_is_absent(void **state)
{
    (void)state;
    struct cg_buf out;
    bool changed = true;
    struct cg_semver v = version("9.0.0");
    cg_buf_init(&out, 65536);
    assert_int_equal(cg_index_set_yanked(FILE_TEXT, strlen(FILE_TEXT), &v, true, &out, &changed, NULL), CG_ERR_ABSENT);
    assert_true(changed);
    assert_int_equal(out.len, 0);
    cg_buf_free(&out);
}

static void scan_finds_only_members_of_the_top(void **state)
{
    (void)state;
    size_t start, end;
    assert_false(cg_json_scan_member("{}", 2, "a", &start, &end));
    assert_false(cg_json_scan_member("{\"b\":{\"a\":1}}", 13, "a", &start, &end));
    assert_true(cg_json_scan_member("{ \"b\":[1,2], \"a\": -1.5e3 }", 26, "a", &start, &end));
    assert_int_equal(start, 18);
    assert_int_equal(end, 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smallest_line_has_every_field_old_clients_need),
        cmocka_unit_test(links_and_rust_version_stand_there_only_when_set),
        cmocka_unit_test(dependencies_keep_alias_and_package_apart),
        cmocka_unit_test(kinds_and_targets_are_named),
        cmocka_unit_test(features_old_clients_cannot_read_are_split_off_with_all_that_need_them),
        cmocka_unit_test(features_that_enable_each_other_end_the_split),
        cmocka_unit_test(artifact_dependencies_raise_the_schema),
        cmocka_unit_test(paths_follow_the_length_of_the_name),
        cmocka_unit_test(other_paths_name_no_crate),
        cmocka_unit_test(foreign_lines_are_read),
        cmocka_unit_test(lines_that_cargo_could_not_use_are_refused),
        cmocka_unit_test(nul_behind_a_number_is_refused),
        cmocka_unit_test(each_visits_lines_and_names_the_bad_one),
        cmocka_unit_test(find_ignores_build_metadata_and_bad_lines),
        cmocka_unit_test(find_reads_versions_that_are_spelled_with_escapes),
        cmocka_unit_test(yanking_changes_one_value_and_no_other_byte),
        cmocka_unit_test(every_line_of_the_version_is_yanked),
        cmocka_unit_test(yanking_an_unknown_version_is_absent),
        cmocka_unit_test(scan_finds_only_members_of_the_top),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
