/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "conf_test.h"

static void smallest_configuration_has_all_defaults(void **state)
{
    struct cg_conf *conf = parse_good(URL);

    (void)state;
    assert_string_equal(conf->file, "t");
    assert_string_equal(conf->public_url, "https://crates.corp.example");
    assert_string_equal(conf->listen[0], "127.0.0.1:8080");
    assert_null(conf->listen[1]);
    assert_string_equal(conf->state_dir, "/var/lib/crategate");
    assert_null(conf->trusted_proxies[0]);
    assert_int_equal(conf->max_crate_size, 64 << 20);
    assert_int_equal(conf->max_unpacked_size, 512 << 20);
    assert_int_equal(conf->index_cache_size, 256 << 20);
    assert_int_equal(conf->workers, 0);
    assert_int_equal(conf->max_connections, 4096);
    assert_int_equal(conf->request_timeout, 60000);
    assert_int_equal(conf->idle_timeout, 75000);
    assert_int_equal(conf->shutdown_timeout, 30000);
    assert_int_equal(conf->max_token_days, 365);
    assert_int_equal(conf->default_token_days, 90);
    assert_int_equal(conf->log_level, CG_LOG_INFO);
    assert_int_equal(conf->log_format, CG_LOG_TEXT);
    assert_string_equal(conf->audit_file, "/var/log/crategate/audit.jsonl");
    assert_true(conf->audit_required);
    assert_false(conf->ldap.present);
    assert_int_equal(conf->namespace_count, 0);
    cg_conf_unref(&conf);
    assert_null(conf);
}

static void directory_has_all_defaults(void **state)
{
    struct cg_conf *conf = parse_good(URL LDAP);
    const struct cg_conf_ldap *ldap = &conf->ldap;

    (void)state;
    assert_true(ldap->present);
    assert_int_equal(ldap->directory_type, CG_DIR_OPENLDAP);
    assert_string_equal(ldap->uri[0], "ldaps://ldap1.corp.example");
    assert_int_equal(ldap->start_tls, CG_START_TLS_REQUIRED);
    assert_false(ldap->allow_plaintext);
    assert_string_equal(ldap->tls_ca_file, "");
    assert_int_equal(ldap->tls_min_version, CG_TLS_1_2);
    assert_int_equal(ldap->connect_timeout, 3000);
    assert_int_equal(ldap->operation_timeout, 5000);
    assert_int_equal(ldap->login_timeout, 10000);
    assert_int_equal(ldap->server_retry_after, 30000);
    assert_int_equal(ldap->pool_size, 4);
    assert_int_equal(ldap->pool_idle_timeout, 300000);
    assert_int_equal(ldap->pool_max_lifetime, 900000);
    assert_int_equal(ldap->search_scope, CG_SCOPE_SUB);
    assert_string_equal(ldap->search_filter, "(&(objectClass=inetOrgPerson)(uid={username}))");
    assert_string_equal(ldap->username_attribute, "uid");
    assert_string_equal(ldap->id_attribute, "entryUUID");
    assert_string_equal(ldap->display_name_attribute, "displayName");
    assert_int_equal(ldap->account_state, CG_STATE_AUTO);
    assert_string_equal(ldap->account_filter, "");
    assert_null(ldap->group_base[0]);
    assert_string_equal(ldap->group_filter, "(|(member={dn})(uniqueMember={dn})(memberUid={username}))");
    assert_string_equal(ldap->group_name_attribute, "cn");
    assert_int_equal(ldap->nested_groups, CG_NESTED_RECURSIVE);
    assert_int_equal(ldap->nested_depth, 10);
    assert_int_equal(ldap->max_groups, 1000);
    assert_int_equal(ldap->revalidate_interval, 900000);
    assert_int_equal(ldap->stale_if_error_read, 12 * 3600000);
    assert_int_equal(ldap->stale_if_error_write, 900000);
    assert_int_equal(ldap->basic_auth, CG_BASIC_LOGIN);
    assert_int_equal(ldap->auth_cache_ttl, 60000);
    assert_int_equal(ldap->negative_cache_ttl, 300000);
    assert_int_equal(ldap->max_failures_per_user, 3);
    assert_int_equal(ldap->max_failures_per_address, 30);
    assert_int_equal(ldap->failure_window, 900000);
    cg_conf_unref(&conf);
}

static void service_password_is_read_at_load(void **state)
{
    struct cg_conf *conf = parse_good(URL LDAP);

    (void)state;
    assert_int_equal(conf->ldap.bind_password.len, strlen("sesame-open-7351"));
    assert_memory_equal(conf->ldap.bind_password.bytes, "sesame-open-7351", conf->ldap.bind_password.len);
    cg_conf_unref(&conf);
}

static void directory_type_chooses_attributes(void **state)
{
    struct cg_conf *conf = parse_good(URL LDAP "directory_type = \"389ds\"\n");

    (void)state;
    assert_string_equal(conf->ldap.search_filter, "(&(objectClass=person)(uid={username}))");
    assert_string_equal(conf->ldap.id_attribute, "nsUniqueId");
    cg_conf_unref(&conf);
    conf = parse_good(URL LDAP "directory_type = \"posix\"\nid_attribute = \"uidNumber\"\n");
    assert_string_equal(conf->ldap.search_filter, "(&(objectClass=posixAccount)(uid={username}))");
    assert_string_equal(conf->ldap.id_attribute, "uidNumber");
    cg_conf_unref(&conf);
}

static void namespaces_come_in_order_with_their_grants_and_lines(void **state)
{
    struct cg_conf *conf = parse_good(URL LDAP "group_base = [\"ou=groups,dc=corp,dc=example\"]\n"
                                               "[namespace.zeta]\n"
                                               "read = [\"authenticated\", \"anonymous\"]\n"
                                               "publish = [\"group:Rust: core\",\n"
                                               "  \"dn:cn=a\\\\, b,dc=x\"]\n"
                                               "admin = [\"user:alice\"]\n"
                                               "[namespace.alpha]\n"
                                               "prefixes = [\"al-\", \"Al2_\"]\n"
                                               "required_fields = [\"license\"]\n"
                                               "allowed_registries = [\"sparse+https://x.example/i/\"]\n");
    const struct cg_conf_namespace *ns = &conf->namespaces[0];

    (void)state;
    assert_int_equal(conf->namespace_count, 2);
    assert_string_equal(ns->name, "zeta");
    assert_int_equal(ns->line, 8);
    assert_int_equal(ns->type, CG_TYPE_LOCAL);
    assert_int_equal(ns->storage, CG_STORAGE_FILESYSTEM);
    assert_int_equal(ns->read.count, 2);
    assert_int_equal(ns->read.items[0].kind, CG_GRANT_AUTHENTICATED);
    assert_string_equal(ns->read.items[0].value, "");
    assert_int_equal(ns->read.items[1].kind, CG_GRANT_ANONYMOUS);
    assert_int_equal(ns->publish.items[0].kind, CG_GRANT_GROUP);
    assert_string_equal(ns->publish.items[0].value, "Rust: core");
    assert_string_equal(ns->publish.items[0].text, "group:Rust: core");
    assert_int_equal(ns->publish.items[0].line, 10);
    assert_int_equal(ns->publish.items[1].kind, CG_GRANT_DN);
    assert_string_equal(ns->publish.items[1].value, "cn=a\\, b,dc=x");
    assert_int_equal(ns->publish.items[1].line, 11);
    assert_int_equal(ns->admin.items[0].kind, CG_GRANT_USER);
    ns = cg_conf_namespace(conf, "alpha");
    assert_ptr_equal(ns, &conf->namespaces[1]);
    assert_string_equal(ns->prefixes[1], "Al2_");
    assert_string_equal(ns->required_fields[0], "license");
    assert_string_equal(ns->allowed_registries[0], "sparse+https://x.example/i/");
    assert_null(ns->allowed_registries[1]);
    assert_null(cg_conf_namespace(conf, "beta"));
    cg_conf_unref(&conf);
}

static void times_sizes_and_words_are_understood(void **state)
{
    struct cg_conf *conf = parse_good(URL "request_timeout = \"90s\"\nmax_crate_size = \"10M\"\nworkers = 8\n"
                                          "[log]\nlevel = \"debug\"\nformat = \"json\"\n[audit]\nrequired = false\n");

    (void)state;
    assert_int_equal(conf->request_timeout, 90000);
    assert_int_equal(conf->max_crate_size, 10 << 20);
    assert_int_equal(conf->workers, 8);
    assert_int_equal(conf->log_level, CG_LOG_DEBUG);
    assert_int_equal(conf->log_format, CG_LOG_JSON);
    assert_false(conf->audit_required);
    cg_conf_unref(&conf);
}

static void default_life_of_tokens_stays_below_the_longest(void **state)
{
    struct cg_conf *conf = parse_good(URL "max_token_days = 30\n");

    (void)state;
    assert_int_equal(conf->default_token_days, 30);
    cg_conf_unref(&conf);
}

static void slash_at_the_end_of_public_url_is_dropped(void **state)
{
    struct cg_conf *conf = parse_good("public_url = \"https://x.example/artifactory//\"\n");

    (void)state;
    assert_string_equal(conf->public_url, "https://x.example/artifactory");
    cg_conf_unref(&conf);
    conf = parse_good("public_url = \"http://[::1]:8080/\"\n");
    assert_string_equal(conf->public_url, "http://[::1]:8080");
    cg_conf_unref(&conf);
}

static void a_reference_keeps_the_snapshot(void **state)
{
    struct cg_conf *conf = parse_good(URL), *other = cg_conf_ref(conf);

    (void)state;
    cg_conf_unref(&conf);
    assert_null(conf);
    assert_string_equal(other->public_url, "https://crates.corp.example");
    cg_conf_unref(&other);
}

static void wrong_types_are_told_with_the_right_one(void **state)
{
    (void)state;
    expect_bad("public_url = 5\n"
               "listen = \"127.0.0.1:8080\"\n"
               "trusted_proxies = [\"10.0.0.0/8\", 7]\n"
               "max_crate_size = 64\n"
               "workers = \"8\"\n"
               "request_timeout = 60\n"
               "max_connections = 1.5\n"
               "[log]\n"
               "level = true\n"
               "[audit]\n"
               "required = \"yes\"\n"
               "[namespace.a]\n"
               "read = \"anonymous\"\n"
               "publish = [[]]\n",
               "t:1: public_url: must be a string in quotes\n"
               "t:2: listen: must be a list of strings: [\"...\"]\n"
               "t:3: trusted_proxies: must be a string in quotes\n"
               "t:4: max_crate_size: must be a size in quotes: \"512K\", \"64M\", \"2G\"\n"
               "t:5: workers: must be a whole number, without quotes\n"
               "t:6: request_timeout: must be a time with a unit, in quotes: \"500ms\", \"30s\", \"15m\", \"12h\", "
               "\"7d\"\n"
               "t:7: max_connections: must be a whole number, without quotes\n"
               "t:9: log.level: must be a string in quotes\n"
               "t:11: audit.required: must be true or false, without quotes\n"
               "t:13: namespace.a.read: must be a list of strings: [\"...\"]\n"
               "t:14: namespace.a.publish: must be a string in quotes\n");
}

static void values_out_of_range_are_refused(void **state)
{
    (void)state;
    expect_problem(URL "workers = -1\n", 2, "workers", "-1 is not between 0 and 1024");
    expect_problem(URL "max_token_days = 0\n", 2, "max_token_days", "0 is not between 1 and 3650");
    expect_problem(URL "max_token_days = 3651\n", 2, "max_token_days", "3651 is not between");
    expect_problem(URL "max_connections = 9223372036854775807\n", 2, "max_connections", "is not between");
    expect_problem(URL "request_timeout = \"0\"\n", 2, "request_timeout", "\"0\" is not between 1s and 1h");
    expect_problem(URL "request_timeout = \"-5s\"\n", 2, "request_timeout", "must be a time");
    expect_problem(URL "max_crate_size = \"-1\"\n", 2, "max_crate_size", "must be a size");
    expect_problem(URL "max_crate_size = \"3G\"\n", 2, "max_crate_size", "is not between 1K and 2G");
    expect_problem(URL LDAP "auth_cache_ttl = \"61s\"\n", 7, "ldap.auth_cache_ttl", "is not between 0");
    expect_problem(URL LDAP "max_failures_per_user = 0\n", 7, "ldap.max_failures_per_user", "is not between 1");
    expect_problem(URL LDAP "stale_if_error_read = \"-1h\"\n", 7, "ldap.stale_if_error_read", "must be a time");
    expect_problem(URL LDAP "revalidate_interval = \"0\"\n", 7, "ldap.revalidate_interval", "is not between 1s");
}

static void nul_in_a_value_is_refused(void **state)
{
    (void)state;
    expect_problem("public_url = \"https://x.example\\u0000y\"\n", 1, "public_url", "NUL");
    expect_problem(URL "request_timeout = \"5s\\u0000\"\n", 2, "request_timeout", "must be a time");
    expect_problem(URL "[namespace.a]\nread = [\"anonymous\\u0000\"]\n", 3, "namespace.a.read", "NUL");
}

static void syntax_errors_come_with_their_line(void **state)
{
    (void)state;
    expect_problem(URL "listen = \n", 2, "TOML", "");
    expect_problem(URL "workers = 1\nworkers = 2\n", 3, "TOML", "redefine");
    expect_problem("\xff", 1, "TOML", "");
    expect_problem(URL "\"a\\u0000b\" = 1\n", 1, "TOML", "NUL");
}

static void every_problem_is_reported(void **state)
{
    (void)state;
    expect_bad(
        "[namespace.a]\nread = [\"me\", \"anonymous\", \"user:\"]\n\n[log]\nlevel = \"loud\"\n",
        "t:1: public_url: is required, for example public_url = \"https://crates.corp.example\"\n"
        "t:2: namespace.a.read: \"me\" is not a grant: user:NAME, group:NAME, dn:DN, authenticated or anonymous\n"
        "t:2: namespace.a.read: the grant names nobody\n"
        "t:5: log.level: \"loud\" must be one of \"error\", \"warn\", \"info\", \"debug\"\n");
}

static void the_number_of_reported_problems_is_bounded(void **state)
{
    struct cg_conf *conf = NULL;
    struct cg_buf text, report;

    (void)state;
    cg_buf_init(&text, OUT_MAX);
    cg_buf_init(&report, OUT_MAX);
    for (int i = 0; i < 300; i++)
        cg_buf_addf(&text, "zzzzzzzz%d = 1\n", i);
    assert_int_equal(cg_conf_parse("t", cg_buf_str(&text), text.len, &conf, &report, NULL), CG_ERR_INVALID);
    assert_non_null(strstr(cg_buf_str(&report), "t: 101 more problems\n"));
    cg_buf_free(&text);
    cg_buf_free(&report);
}

static void report_has_no_control_characters(void **state)
{
    struct cg_conf *conf = NULL;
    struct cg_error err = {0};
    const char *text = URL "\"\\u001b[2J\" = 1\nlisten = [\"\\u001b]0;x\\u0007\"]\n";
    struct cg_buf report;

    (void)state;
    cg_buf_init(&report, OUT_MAX);
    assert_int_equal(cg_conf_parse("t", text, strlen(text), &conf, &report, &err), CG_ERR_INVALID);
    for (size_t i = 0; i < report.len; i++)
        assert_true(report.data[i] == '\n' || (unsigned char)report.data[i] >= ' ');
    cg_buf_free(&report);
}

static void a_file_is_loaded_by_name(void **state)
{
    char path[] = "/tmp/crategate-test-conf-XXXXXX";
    struct cg_conf *conf = NULL;
    struct cg_error err = {0};
    struct cg_buf report;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    write_file(path, URL, 0644);
    cg_buf_init(&report, OUT_MAX);
    assert_int_equal(cg_conf_load(path, &conf, &report, &err), CG_OK);
    assert_string_equal(conf->file, path);
    cg_conf_unref(&conf);
    write_file(path, URL "x1234 = 1\n", 0644);
    assert_int_equal(cg_conf_load(path, &conf, &report, &err), CG_ERR_INVALID);
    assert_memory_equal(cg_buf_str(&report), path, strlen(path));
    assert_non_null(strstr(cg_buf_str(&report), ":2: x1234: is unknown\n"));
    unlink(path);
    cg_buf_reset(&report);
    assert_int_equal(cg_conf_load(path, &conf, &report, &err), CG_ERR_ABSENT);
    assert_non_null(strstr(cg_buf_str(&report), path));
    assert_non_null(strstr(err.detail, path));
    assert_null(conf);
    cg_buf_free(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smallest_configuration_has_all_defaults),
        cmocka_unit_test(directory_has_all_defaults),
        cmocka_unit_test(service_password_is_read_at_load),
        cmocka_unit_test(directory_type_chooses_attributes),
        cmocka_unit_test(namespaces_come_in_order_with_their_grants_and_lines),
        cmocka_unit_test(times_sizes_and_words_are_understood),
        cmocka_unit_test(default_life_of_tokens_stays_below_the_longest),
        cmocka_unit_test(slash_at_the_end_of_public_url_is_dropped),
        cmocka_unit_test(a_reference_keeps_the_snapshot),
        cmocka_unit_test(wrong_types_are_told_with_the_right_one),
        cmocka_unit_test(values_out_of_range_are_refused),
        cmocka_unit_test(nul_in_a_value_is_refused),
        cmocka_unit_test(syntax_errors_come_with_their_line),
        cmocka_unit_test(every_problem_is_reported),
        cmocka_unit_test(the_number_of_reported_problems_is_bounded),
        cmocka_unit_test(report_has_no_control_characters),
        cmocka_unit_test(a_file_is_loaded_by_name),
    };

    return cmocka_run_group_tests(tests, make_secret, remove_secret);
}
