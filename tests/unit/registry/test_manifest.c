/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "registry/features.h"
#include "registry/manifest.h"
#include "registry/target.h"

#define HEAD "[package]\nname = \"a\"\nversion = \"1.0.0\"\n"

static void parse(const char *text, struct cg_package *package)
{
    struct cg_error err = {0};
    enum cg_err ret = cg_manifest_parse(text, strlen(text), package, &err);
    if (ret != CG_OK)
        print_error("%s\n%s\n", text, err.detail);
    assert_int_equal(ret, CG_OK);
}

static void assert_accepted(const char *text)
{
    struct cg_package package;
    parse(text, &package);
    cg_package_free(&package);
}

static void assert_refused(const char *text, const char *rule)
{
    struct cg_package package = {.dep_count = 77};
    struct cg_error err = {0};
    char wanted[64];
    snprintf(wanted, sizeof wanted, "(rule: %s)", rule);
    enum cg_err ret = cg_manifest_parse(text, strlen(text), &package, &err);
    if (ret != CG_ERR_INVALID || !strstr(err.detail, wanted))
        print_error("%s\nwanted %s, got: %s\n", text, wanted, err.detail);
    assert_int_equal(ret, CG_ERR_INVALID);
    assert_non_null(strstr(err.detail, wanted));
    assert_int_equal(package.dep_count, 77);
}

static void package_fields_are_read(void **state)
{
    (void)state;
    struct cg_package p;
    parse("[package]\nname = \"A_b-1\"\nversion = \"1.0.0-rc.1+b\"\nlinks = \"z\"\nrust-version = \"1.56\"\n"
          "description = \"d\\nd\"\nlicense = \"MIT\"\nlicense-file = \"L\"\nreadme = \"R.md\"\nhomepage = \"h\"\n"
          "documentation = \"o\"\nrepository = \"r\"\nauthors = [\"x\", \"y\"]\nkeywords = [\"k\"]\ncategories = []\n"
          "edition = \"2099\"\nunknown = 1\n[package.metadata.x]\nworkspace = true\n[badges]\n[profile.dev]\n[lib]\n",
          &p);
    assert_string_equal(p.name, "A_b-1");
    assert_string_equal(p.version, "1.0.0-rc.1+b");
    assert_string_equal(p.links, "z");
    assert_string_equal(p.rust_version, "1.56");
    assert_string_equal(p.description, "d\nd");
    assert_string_equal(p.license, "MIT");
    assert_string_equal(p.license_file, "L");
    assert_string_equal(p.readme, "R.md");
    assert_string_equal(p.homepage, "h");
    assert_string_equal(p.documentation, "o");
    assert_string_equal(p.repository, "r");
    assert_string_equal(p.authors[1], "y");
    assert_null(p.authors[2]);
    assert_string_equal(p.keywords[0], "k");
    assert_null(p.categories[0]);
    cg_package_free(&p);
    assert_null(p.name);
}

static void what_is_not_given_is_null(void **state)
{
    (void)state;
    struct cg_package p;
    parse(HEAD, &p);
    assert_null(p.links);
    assert_null(p.readme);
    assert_null(p.authors);
    assert_int_equal(p.dep_count, 0);
    assert_int_equal(p.feature_count, 0);
    cg_package_free(&p);
    parse(HEAD "readme = false\n", &p);
    assert_null(p.readme);
    cg_package_free(&p);
    parse(HEAD "readme = true\n", &p);
    assert_string_equal(p.readme, "README.md");
    cg_package_free(&p);
}

static void package_must_be_there_and_valid(void **state)
{
    (void)state;
    char name[200] = "[package]\nversion = \"1.0.0\"\nname = \"";
    assert_refused("", "manifest-package");
    assert_refused("[dependencies]\n", "manifest-package");
    assert_refused("[project]\nname = \"a\"\nversion = \"1.0.0\"\n", "manifest-package");
    assert_refused(HEAD "[project]\nname = \"a\"\n", "manifest-package");
    assert_refused("package = 1\n", "manifest-type");
    assert_refused("[package]\nversion = \"1.0.0\"\n", "package-name");
    assert_refused("[package]\nname = \"1a\"\nversion = \"1.0.0\"\n", "package-name");
    assert_refused("[package]\nname = \"_a\"\nversion = \"1.0.0\"\n", "package-name");
    assert_refused("[package]\nname = \"\xc3\xbcn\xc3\xaf\"\nversion = \"1.0.0\"\n", "package-name");
    memset(name + strlen(name), 'a', 65 - 10);
    strcat(name, "aaaaaaaaaa\"\n");
    assert_refused(name, "package-name");
    assert_refused("[package]\nname = \"a\"\n", "package-version");
    assert_refused("[package]\nname = \"a\"\nversion = \"1.0\"\n", "package-version");
    assert_refused("[package]\nname = \"a\"\nversion = 1\n", "manifest-type");
    assert_refused(HEAD "rust-version = \"1.56-a\"\n", "rust-version");
    assert_refused(HEAD "rust-version = 1.56\n", "manifest-type");
    assert_refused(HEAD "links = []\n", "manifest-type");
    assert_refused(HEAD "readme = 1\n", "manifest-type");
    assert_refused(HEAD "authors = \"me\"\n", "manifest-type");
    assert_refused(HEAD "keywords = [1]\n", "manifest-type");
    assert_refused(HEAD "categories = {}\n", "manifest-type");
}

static void text_that_is_not_toml_is_refused_with_its_line(void **state)
{
    (void)state;
    struct cg_package p;
    struct cg_error err = {0};
    assert_refused("[package\n", "manifest-syntax");
    assert_refused(HEAD "x = \"\xff\"\n", "manifest-syntax");
    assert_refused(HEAD "description = \"a\\u0000b\"\n", "manifest-syntax");
    const char *text = HEAD "x = \n";
    assert_int_equal(cg_manifest_parse(text, strlen(text), &p, &err), CG_ERR_INVALID);
    assert_non_null(strstr(err.detail, "line 4"));
}

static void tables_that_change_others_are_refused(void **state)
{
    (void)state;
    assert_refused(HEAD "[patch.crates-io]\n", "manifest-patch");
    assert_refused(HEAD "[replace]\n", "manifest-patch");
    assert_refused(HEAD "[lints]\nworkspace = true\n", "manifest-workspace");
    assert_refused(HEAD "edition.workspace = true\n", "manifest-workspace");
    assert_refused(HEAD "authors.workspace = true\n", "manifest-workspace");
    assert_refused("[package]\nname = \"a\"\nversion.workspace = true\n", "manifest-workspace");
    assert_refused(HEAD "[dependencies]\nb.workspace = true\n", "manifest-workspace");
    assert_refused(HEAD "[dependencies]\nworkspace = { version.workspace = true }\n", "manifest-workspace");
    assert_accepted(HEAD "[workspace]\n[lints.rust]\nunsafe_code = \"deny\"\n");
}

static void dependencies_are_read_in_cargos_order(void **state)
{
    (void)state;
    struct cg_package p;
    parse(HEAD
          "[target.x86_64-pc-windows-msvc.dependencies]\nw = \"1\"\n"
          "[target.'cfg(unix)'.build_dependencies]\nu = \"1\"\n"
          "[build-dependencies]\nb = \"1.x\"\n[dev_dependencies]\nd = \"~1.2\"\nno-version = { features = [\"x\"] }\n"
          "[dependencies]\nz = \">=1,<2\"\n_n = { version = \"1\", package = \"N\", default_features = false, "
          "optional = true, features = [\"c++17\"], registry-index = \"https://r/\", public = false, unknown = 1 }\n",
          &p);
    static const char *const order[] = {"z", "_n", "d", "b", "w", "u"};
    assert_int_equal(p.dep_count, 6);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(p.deps[i].alias, order[i]);
    assert_string_equal(p.deps[0].req, ">=1, <2");
    assert_string_equal(p.deps[0].package, "z");
    assert_true(p.deps[0].default_features);
    assert_null(p.deps[0].features[0]);
    assert_null(p.deps[0].registry);
    assert_string_equal(p.deps[1].package, "N");
    assert_string_equal(p.deps[1].registry, "https://r/");
    assert_string_equal(p.deps[1].features[0], "c++17");
    assert_false(p.deps[1].default_features);
    assert_true(p.deps[1].optional);
    assert_true(p.deps[1].has_public);
    assert_false(p.deps[1].public_dep);
    assert_int_equal(p.deps[2].kind, CG_DEP_DEV);
    assert_int_equal(p.deps[3].kind, CG_DEP_BUILD);
    assert_string_equal(p.deps[3].req, "1.*");
    assert_string_equal(p.deps[4].target, "x86_64-pc-windows-msvc");
    assert_int_equal(p.deps[5].kind, CG_DEP_BUILD);
    assert_string_equal(p.deps[5].target, "cfg(unix)");
    cg_package_free(&p);
}

static void dependencies_of_the_authors_machine_are_refused(void **state)
{
    static const char *const keys[] = {"git = \"https://x/\"", "path = \"../b\"",  "branch = \"m\"", "tag = \"t\"",
                                       "rev = \"r\"",          "registry = \"n\"", "base = \"b\""};
    (void)state;
    char text[300];
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        snprintf(text, sizeof text, HEAD "[dependencies]\nb = { version = \"1\", %s }\n", keys[i]);
        assert_refused(text, "dependency-source");
        snprintf(text, sizeof text, HEAD "[target.'cfg(unix)'.dev-dependencies]\nb = { version = \"1\", %s }\n",
                 keys[i]);
        assert_refused(text, "dependency-source");
    }
}

static void bad_dependencies_are_refused(void **state)
{
    static const char *const cases[][2] = {
        {"b = 1", "manifest-type"},
        {"b = [\"1\"]", "manifest-type"},
        {"b = { version = 1 }", "manifest-type"},
        {"b = { version = \"1\", features = \"x\" }", "manifest-type"},
        {"b = { version = \"1\", optional = \"yes\" }", "manifest-type"},
        {"b = { version = \"1\", public = 1 }", "manifest-type"},
        {"b = { version = \"1\", default-features = 0 }", "manifest-type"},
        {"b = { version = \"1\", package = 1 }", "manifest-type"},
        {"b = { version = \"1\", registry-index = 1 }", "manifest-type"},
        {"b = { version = \"1\", default-features = true, default_features = false }", "manifest-key"},
        {"b = {}", "dependency-version"},
        {"b = { features = [\"x\"] }", "dependency-version"},
        {"b = \"\"", "dependency-version"},
        {"b = \"1 - 2\"", "dependency-version"},
        {"b = { version = \"latest\" }", "dependency-version"},
        {"1b = \"1\"", "dependency-name"},
        {"-b = \"1\"", "dependency-name"},
        {"\"\" = \"1\"", "dependency-name"},
        {"\"b c\" = \"1\"", "dependency-name"},
        {"\"_b.c\" = \"1\"", "dependency-name"},
        {"\"\xc3\xbcn\xc3\xaf\" = \"1\"", "dependency-name"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa = \"1\"", "dependency-name"},
        {"_b = \"1\"", "dependency-name"}, /* an alias, but no crate */
        {"b = { version = \"1\", package = \"c/d\" }", "dependency-name"},
        {"b = { version = \"1\", features = [\"\"] }", "dependency-feature"},
        {"b = { version = \"1\", features = [\"x/y\"] }", "dependency-feature"},
        {"b = { version = \"1\", features = [\"dep:x\"] }", "dependency-feature"},
        {"b = { version = \"1\", lib = true }", "dependency-artifact"},
        {"b = { version = \"1\", target = \"x\" }", "dependency-artifact"},
        {"b = { version = \"1\", artifact = [] }", "dependency-artifact"},
        {"b = { version = \"1\", artifact = \"exe\" }", "dependency-artifact"},
        {"b = { version = \"1\", artifact = \"bin:\" }", "dependency-artifact"},
        {"b = { version = \"1\", artifact = \"bin\", target = \"cfg(unix)\" }", "dependency-artifact"},
        {"b = { version = \"1\", artifact = \"bin\", target = \"a b\" }", "dependency-artifact"},
        {"b = { version = \"1\", artifact = 1 }", "manifest-type"},
        {"b = { version = \"1\", artifact = \"bin\", lib = 1 }", "manifest-type"},
        {"b = { version = \"1\", artifact = \"bin\", target = 1 }", "manifest-type"},
    };
    (void)state;
    char text[400];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text, HEAD "[dependencies]\n%s\n", cases[i][0]);
        assert_refused(text, cases[i][1]);
    }
}

static void tables_of_another_type_are_refused(void **state)
{
    (void)state;
    assert_refused("dependencies = 1\n" HEAD, "manifest-type");
    assert_refused("target = 1\n" HEAD, "manifest-type");
    assert_refused("target.x = 1\n" HEAD, "manifest-type");
    assert_refused("features = 1\n" HEAD, "manifest-type");
    assert_refused("features.x = 1\n" HEAD, "manifest-type");
    assert_refused("dev-dependencies = {}\ndev_dependencies = {}\n" HEAD, "manifest-key");
    assert_refused(HEAD "[target.'cfg(unix)']\nbuild-dependencies = {}\nbuild_dependencies = {}\n", "manifest-key");
    assert_refused(HEAD "[target.'cfg(unix'.dependencies]\nb = \"1\"\n", "dependency-target");
    assert_refused(HEAD "[dev-dependencies]\nb = { version = \"1\", optional = true }\n", "dependency-optional");
    assert_refused(HEAD "[dev-dependencies]\nb = { optional = true }\n", "dependency-optional");
}

/* [features] over one optional and one ordinary dependency. */
static void assert_features(const char *features, const char *rule)
{
    char text[600];
    snprintf(text, sizeof text,
             HEAD "[dependencies]\nopt = { version = \"1\", optional = true }\nord = \"1\"\n[features]\n%s\n",
             features);
    if (rule)
        assert_refused(text, rule);
    else
        assert_accepted(text);
}

static void feature_values_follow_cargos_rules(void **state)
{
    (void)state;
    assert_features("", NULL);
    assert_features("a = [\"b\", \"opt\"]\nb = []", NULL);
    assert_features("a = [\"dep:opt\"]", NULL);
    assert_features("a = [\"opt/x\", \"ord/x\", \"opt?/y\"]", NULL);
    assert_features("opt = [\"dep:opt\"]\na = [\"opt\"]", NULL);
    assert_features("ord = []", NULL);
    assert_features("a = [\"none\"]", "feature-value");
    assert_features("a = [\"\"]", "feature-value");
    assert_features("a = [\"ord\"]", "feature-value");
    assert_features("a = [\"dep:opt\"]\nb = [\"opt\"]", "feature-value");
    assert_features("a = [\"dep:none\"]", "feature-value");
    assert_features("a = [\"dep:\"]", "feature-value");
    assert_features("a = [\"dep:ord\"]", "feature-value");
    assert_features("a = [\"dep:opt/x\"]", "feature-value");
    assert_features("a = [\"none/x\"]", "feature-value");
    assert_features("a = [\"none?/x\"]", "feature-value");
    assert_features("a = [\"ord?/x\"]", "feature-value");
    assert_features("a = [\"opt/x/y\"]", "feature-value");
    assert_features("a = [\"opt/\"]", "feature-value");
    assert_features("a = [\"/x\"]", "feature-value");
    assert_features("a = [\"opt/dep:x\"]", "feature-value");
    assert_features("opt = []", "feature-optional");
    assert_features("opt = [\"opt/x\"]", NULL); /* uses the dependency, so it is reachable */
}

static void feature_names_follow_cargos_rules(void **state)
{
    static const char *const good[] = {
        "c++17",     "128bit",          "_foo", "feat-name", "foo.bar", "\xc3\xbcn\xc3\xaf", "\xe6\x97\xa5\xe6\x9c\xac",
        "a\xcc\x81", "\xf0\x9d\x94\x98"};
    static const char *const bad[] = {"",          "+foo",
                                      "-foo",      ".foo",
                                      "dep:bar",   "foo/bar",
                                      "foo:bar",   "foo?",
                                      "?foo",      "\xe2\x92\xb6\xe2\x92\xb7",
                                      "a\xc2\xbc", "\xcc\x81",
                                      "a b",       "a\xff",
                                      "\xff",      "a\xf0\x9f\x98\x80"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(cg_feature_name_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(cg_feature_name_valid(bad[i]));
    assert_features("\"a b\" = []", "feature-name");
    assert_features("\"dep:opt\" = []", "feature-name");
}

static void aliases_shared_by_several_dependencies_count_together(void **state)
{
    (void)state;
    assert_accepted(HEAD "[dependencies]\nb = \"1\"\n[target.'cfg(unix)'.dependencies]\n"
                         "b = { version = \"1\", optional = true }\n[features]\nf = [\"dep:b\"]\n");
    assert_accepted(HEAD "[dev-dependencies]\nb = \"1\"\n[features]\nf = [\"b/x\"]\n");
    assert_refused(HEAD "[dev-dependencies]\nb = { }\n[features]\nf = [\"b/x\"]\n", "feature-value");
}

/* `count` items of a table or list. */
static void assert_limit(const char *start, const char *item, const char *end, bool over)
{
    struct cg_buf text;
    cg_buf_init(&text, 1024 * 1024);
    cg_buf_addstr(&text, start);
    for (int i = 0; i < 5000 + over; i++) {
        char line[64];
        snprintf(line, sizeof line, "%s%d", item, i);
        cg_buf_addstr(&text, line);
        cg_buf_addstr(&text, end);
    }
    if (*item == '"')
        cg_buf_addstr(&text, "]\n");
    if (over)
        assert_refused(cg_buf_str(&text), "manifest-limit");
    else
        assert_accepted(cg_buf_str(&text));
    cg_buf_free(&text);
}

static void counts_are_capped(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        assert_limit(HEAD "[dependencies]\n", "d", " = \"1\"\n", over);
        assert_limit(HEAD "[features]\n", "f", " = []\n", over);
        assert_limit(HEAD "keywords = [", "\"k", "\",", over);
        assert_limit(HEAD "[dependencies]\nx = \"1\"\n[features]\nf = [", "\"x/k", "\",", over);
    }
}

static void assert_target(const char *text, const char *wanted)
{
    struct cg_buf out;
    struct cg_error err = {0};
    cg_buf_init(&out, 65536);
    enum cg_err ret = cg_target_normalise(text, &out, &err);
    assert_int_equal(ret, wanted ? CG_OK : CG_ERR_INVALID);
    assert_string_equal(cg_buf_str(&out), wanted ? wanted : "");
    if (!wanted)
        assert_non_null(strstr(err.detail, "(rule: dependency-target)"));
    cg_buf_free(&out);
}

static void targets_get_cargos_spelling(void **state)
{
    (void)state;
    assert_target("x86_64-unknown-linux-gnu", "x86_64-unknown-linux-gnu");
    assert_target("thumbv8m.main-none-eabi", "thumbv8m.main-none-eabi");
    assert_target("cfg(unix)", "cfg(unix)");
    assert_target("cfg( target_os=\"linux\" )", "cfg(target_os = \"linux\")");
    assert_target("cfg(all())", "cfg(all())");
    assert_target("cfg(any(unix,windows,))", "cfg(any(unix, windows))");
    assert_target("cfg(not( all(a , any(b,c = \"d e,\"), not(true))))",
                  "cfg(not(all(a, any(b, c = \"d e,\"), not(true))))");
    assert_target("cfg(r#true)", "cfg(r#true)");
    assert_target("cfg(false)", "cfg(false)");
    assert_target("cfg(r)", "cfg(r)");
    assert_target("cfg(x = \"\xc3\xbc\")", "cfg(x = \"\xc3\xbc\")");
}

static void what_cargo_could_not_parse_is_no_target(void **state)
{
    static const char *const cases[] = {
        "",           "a b",           "cfg(",         "cfg()",          "cfg(unix",   "cfg(unix) ",    " cfg(unix)",
        "cfg(all)",   "cfg(all(a b))", "cfg(all(,))",  "cfg(all(a,,b))", "cfg(all(a)", "cfg(not())",    "cfg(not(a,b))",
        "cfg(not a)", "cfg(a = b)",    "cfg(a = \"b)", "cfg(a =)",       "cfg(a) b)",  "cfg(\"a\")",    "cfg(1a)",
        "cfg(a-b)",   "cfg(\ta)",      "cfg(a,b)",     "cfg(r#)",        "cfg(r#1)",   "cfg(\xc3\xbc)", "Cfg(unix)",
        "cfg(any)",   "cfg(not(a)",    "x/y",          "\xc3\xbc"};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_target(cases[i], NULL);
}

static void targets_are_bounded_in_depth_and_length(void **state)
{
    (void)state;
    static char text[20000];
    strcpy(text, "cfg(");
    for (int i = 0; i < 5000 / 4; i++)
        strcat(text, "not(");
    strcat(text, ")");
    assert_target(text, NULL);
    memset(text, 'a', sizeof text - 1);
    assert_target(text, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(package_fields_are_read),
        cmocka_unit_test(what_is_not_given_is_null),
        cmocka_unit_test(package_must_be_there_and_valid),
        cmocka_unit_test(text_that_is_not_toml_is_refused_with_its_line),
        cmocka_unit_test(tables_that_change_others_are_refused),
        cmocka_unit_test(dependencies_are_read_in_cargos_order),
        cmocka_unit_test(dependencies_of_the_authors_machine_are_refused),
        cmocka_unit_test(bad_dependencies_are_refused),
        cmocka_unit_test(tables_of_another_type_are_refused),
        cmocka_unit_test(feature_values_follow_cargos_rules),
        cmocka_unit_test(feature_names_follow_cargos_rules),
        cmocka_unit_test(aliases_shared_by_several_dependencies_count_together),
        cmocka_unit_test(counts_are_capped),
        cmocka_unit_test(targets_get_cargos_spelling),
        cmocka_unit_test(what_cargo_could_not_parse_is_no_target),
        cmocka_unit_test(targets_are_bounded_in_depth_and_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
