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

/* With that url in line 3. */
static void expect_bad_url(const char *url, const char *reason)
{
    char *text = cg_asprintf(URL "[artifactory.corp]\nurl = \"%s\"\ntoken_file = \"SECRET\"\n", url);

    expect_problem(text, 3, "artifactory.corp.url", reason);
    free(text);
}

static void a_url_is_the_address_of_an_instance_and_nothing_else(void **state)
{
    (void)state;
    expect_bad_url("", "must not be empty");
    expect_bad_url("a.example/artifactory", "is not a URL");
    expect_bad_url("https:///artifactory", "no valid host");
    expect_bad_url("https://a.example:99999/artifactory", "no valid port");
    expect_bad_url("https://svc:secret@a.example/artifactory", "must not hold a user name or password");
    expect_bad_url("https://token@a.example/artifactory", "must not hold a user name or password");
    expect_bad_url("https://a.example/artifactory?token=1", "no query");
    expect_bad_url("https://a.example/artifactory#x", "no fragment");
    expect_bad_url("https://a.example/x/../artifactory", "empty parts");
    expect_bad_url("https://a.example/arti factory", "no URL has");
}

static void a_credential_is_a_file_of_ours_alone(void **state)
{
    char path[] = "/tmp/crategate-test-token-XXXXXX", *text;
    const struct {
        const char *content;
        mode_t mode;
        const char *reason;
    } bad[] = {{"token\n", 0644, "0600"},
               {"token\n", 0640, "0600"},
               {"", 0600, "empty"},
               {"one\ntwo\n", 0600, "one line"},
               {"tok\xc3\xa9n\n", 0600, "no token"}};
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    text = cg_asprintf(URL "[artifactory.corp]\nurl = \"https://a.example\"\ntoken_file = \"%s\"\n", path);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        write_file(path, bad[i].content, bad[i].mode);
        expect_problem(text, 4, "artifactory.corp.token_file", bad[i].reason);
    }
    unlink(path);
    expect_problem(text, 4, "artifactory.corp.token_file", path);
    free(text);
    expect_problem(URL "[artifactory.corp]\nurl = \"https://a.example\"\ntoken_file = \"/tmp\"\n", 4,
                   "artifactory.corp.token_file", "/tmp");
    expect_problem(URL "[artifactory.corp]\nurl = \"https://a.example\"\ntoken_file = \"rel\"\n", 4,
                   "artifactory.corp.token_file", "absolute");
}

static void a_value_of_an_instance_out_of_its_range_is_refused(void **state)
{
    static const struct {
        const char *key, *value, *reason;
    } bad[] = {{"sync_interval", "\"soon\"", "with a unit"},
               {"sync_interval", "-1", "with a unit"},
               {"cache_size", "\"1K\"", "between 1M and"},
               {"cache_size", "true", "size in quotes"},
               {"connect_timeout", "\"0s\"", "between 100ms and"},
               {"answer_timeout", "\"1h\"", "between 100ms and"},
               {"stall_timeout", "\"x\"", "with a unit"},
               {"max_connections", "0", "between 1 and 256"},
               {"max_connections", "257", "between 1 and 256"},
               {"max_connections", "\"16\"", "without quotes"},
               {"tokens_file", "\"SECRET\"", "did you mean \"token_file\""},
               {"ca_file", "\"ca.pem\"", "absolute path"},
               {"webhook_secret_file", "\"s\"", "absolute path"}};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char *text = cg_asprintf(URL CORP "%s = %s\n", bad[i].key, bad[i].value);
        char *key = cg_asprintf("artifactory.corp.%s", bad[i].key);

        expect_problem(text, 5, key, bad[i].reason);
        free(key);
        free(text);
    }
}

/* In another spelling. */
#define TWIN "[artifactory.twin]\nurl = \"https://A.Example/artifactory\"\ntoken_file = \"SECRET\"\n"
#define IN(ns, where, repo)                                                                                            \
    "[namespace." ns "]\nstorage = \"artifactory\"\nartifactory = \"" where "\"\nrepository = \"" repo "\"\n"

static void a_repository_has_one_namespace(void **state)
{
    (void)state;
    expect_problem(URL CORP IN("a", "corp", "r") IN("b", "corp", "r"), 12, "namespace.b.repository",
                   "is the repository of namespace a (line 8)");
    expect_problem(URL CORP TWIN IN("a", "corp", "r") IN("b", "twin", "r"), 15, "namespace.b.repository",
                   "each needs one of its own");
    expect_good(URL CORP IN("a", "corp", "r") IN("b", "corp", "s"));
    expect_good(URL CORP "[artifactory.other]\nurl = \"https://b.example/artifactory\"\ntoken_file = \"SECRET\"\n" IN(
        "a", "corp", "r") IN("b", "other", "r"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_instance_and_its_namespace_are_read),
        cmocka_unit_test(an_instance_needs_url_and_token),
        cmocka_unit_test(a_namespace_names_an_instance_that_exists),
        cmocka_unit_test(a_url_is_the_address_of_an_instance_and_nothing_else),
        cmocka_unit_test(a_credential_is_a_file_of_ours_alone),
        cmocka_unit_test(a_value_of_an_instance_out_of_its_range_is_refused),
        cmocka_unit_test(a_repository_has_one_namespace),
        cmocka_unit_test(a_dump_of_it_is_a_fixpoint),
    };

    return cmocka_run_group_tests(tests, make_secret, remove_secret);
}
