/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "conf_test.h"

#define CORP "[artifactory.corp]\nurl = \"https://a.example/artifactory/\"\ntoken_file = \"SECRET\"\n"
#define STORE "[namespace.a]\nstorage = \"artifactory\"\n"

static void an_instance_and_its_namespace_are_read(void **state)
{
    struct cg_conf *conf = parse_good(URL CORP "cache_size = \"1G\"\nwebhook_secret_file = \"SECRET\"\n" STORE
                                               "artifactory = \"corp\"\nrepository = \"cargo-a-local\"\n");
    const struct cg_conf_artifactory *corp = cg_conf_artifactory(conf, "corp");

    (void)state;
    assert_non_null(corp);
    assert_string_equal(corp->url, "https://a.example/artifactory");
    assert_int_equal(corp->line, 2);
    assert_int_equal(corp->cache_size, 1024 * 1024 * 1024);
    assert_int_equal(corp->sync_interval, 5 * 60 * 1000);
    assert_int_equal(corp->max_connections, 16);
    assert_true(corp->token.len > 0 && corp->webhook_secret.len > 0);
    assert_int_equal(conf->namespaces[0].storage, CG_STORAGE_ARTIFACTORY);
    assert_string_equal(conf->namespaces[0].artifactory, "corp");
    assert_string_equal(conf->namespaces[0].repository, "cargo-a-local");
    assert_null(cg_conf_artifactory(conf, "other"));
    cg_conf_unref(&conf);
}

static void an_instance_needs_url_and_token(void **state)
{
    (void)state;
    expect_problem(URL "[artifactory.corp]\ntoken_file = \"SECRET\"\n", 2, "artifactory.corp.url", "is required");
    expect_problem(URL "[artifactory.corp]\nurl = \"https://a.example\"\n", 2, "artifactory.corp.token_file",
                   "is required");
    expect_problem(URL "[artifactory.corp]\nurl = \"ftp://a.example\"\ntoken_file = \"SECRET\"\n", 3,
                   "artifactory.corp.url", "https://");
    expect_problem(URL "[artifactory.corp]\nurl = \"https://a.example\"\ntoken_file = \"/nonexistent\"\n", 4,
                   "artifactory.corp.token_file", "/nonexistent");
    expect_problem(URL CORP "webhook_secret_file = \"/nonexistent\"\n", 5, "artifactory.corp.webhook_secret_file",
                   "/nonexistent");
    expect_problem(URL CORP "ca_file = \"/nonexistent\"\n", 5, "artifactory.corp.ca_file", "/nonexistent");
    expect_problem(URL "[artifactory.Corp]\nurl = \"https://a.example\"\ntoken_file = \"SECRET\"\n", 2,
                   "artifactory.Corp", "");
    expect_problem(URL CORP "cache = \"1G\"\n", 5, "artifactory.corp.cache", "is unknown");
    expect_problem(URL "artifactory = 1\n", 2, "artifactory", "must be a section");
}

static void a_namespace_names_an_instance_that_exists(void **state)
{
    (void)state;
    expect_problem(URL CORP STORE "repository = \"r\"\n", 5, "namespace.a.artifactory", "is required");
    expect_problem(URL CORP STORE "artifactory = \"corp\"\n", 5, "namespace.a.repository", "is required");
    expect_problem(URL CORP STORE "artifactory = \"korp\"\nrepository = \"r\"\n", 7, "namespace.a.artifactory",
                   "there is no section [artifactory.korp]");
    expect_problem(URL CORP STORE "artifactory = \"corp\"\nrepository = \"a/b\"\n", 8, "namespace.a.repository",
                   "is not the key");
    expect_problem(URL CORP "[namespace.a]\nartifactory = \"corp\"\n", 6, "namespace.a.artifactory",
                   "only for storage = \"artifactory\"");
}

static void a_dump_of_it_is_a_fixpoint(void **state)
{
    struct cg_conf *conf = parse_good(URL CORP STORE "artifactory = \"corp\"\nrepository = \"r\"\n"), *again;
    struct cg_buf first, second;

    (void)state;
    cg_buf_init(&first, OUT_MAX);
    cg_buf_init(&second, OUT_MAX);
    cg_conf_dump(conf, &first);
    assert_non_null(strstr(cg_buf_str(&first), "\n[artifactory.corp]\nurl = \"https://a.example/artifactory\"\n"));
    again = parse_good(cg_buf_str(&first));
    cg_conf_dump(again, &second);
    assert_string_equal(cg_buf_str(&first), cg_buf_str(&second));
    cg_conf_unref(&conf);
    cg_conf_unref(&again);
    cg_buf_free(&first);
    cg_buf_free(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_instance_and_its_namespace_are_read),
        cmocka_unit_test(an_instance_needs_url_and_token),
        cmocka_unit_test(a_namespace_names_an_instance_that_exists),
        cmocka_unit_test(a_dump_of_it_is_a_fixpoint),
    };

    return cmocka_run_group_tests(tests, make_secret, remove_secret);
}
