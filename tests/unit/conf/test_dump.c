/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "conf_test.h"
#include "base/mem.h"

static char *dump(const struct cg_conf *conf)
{
    struct cg_buf out;

    cg_buf_init(&out, OUT_MAX);
    cg_conf_dump(conf, &out);
    return cg_buf_take(&out);
}

static void expect_fixpoint(const char *text)
{
    struct cg_conf *conf = parse_good(text), *again;
    char *first = dump(conf), *second;

    again = parse_good(first);
    second = dump(again);
    assert_string_equal(first, second);
    free(first);
    free(second);
    cg_conf_unref(&conf);
    cg_conf_unref(&again);
}

/* The contract's example without what this version refuses. */
static const char contract_example[] = "public_url      = \"https://crates.corp.example\"\n"
                                       "listen          = [\"127.0.0.1:8080\"]\n"
                                       "tls_certificate = \"\"\n"
                                       "tls_key         = \"\"\n"
                                       "state_dir       = \"/var/lib/crategate\"\n"
                                       "trusted_proxies = []\n"
                                       "max_crate_size  = \"64M\"\n"
                                       "workers         = 0\n"
                                       "[log]\n"
                                       "level  = \"info\"\n"
                                       "format = \"text\"\n"
                                       "[audit]\n"
                                       "file     = \"/var/log/crategate/audit.jsonl\"\n"
                                       "required = true\n"
                                       "[ldap]\n"
                                       "directory_type = \"openldap\"\n"
                                       "uri = [\"ldaps://ldap1.corp.example\", \"ldaps://ldap2.corp.example\"]\n"
                                       "bind_dn = \"cn=crategate,ou=services,dc=corp,dc=example\"\n"
                                       "bind_password_file = \"SECRET\"\n"
                                       "search_base = [\"ou=people,dc=corp,dc=example\"]\n"
                                       "search_filter = \"(&(objectClass=inetOrgPerson)(uid={username}))\"\n"
                                       "group_base = [\"ou=groups,dc=corp,dc=example\"]\n"
                                       "[namespace.payments]\n"
                                       "type     = \"local\"\n"
                                       "storage  = \"filesystem\"\n"
                                       "read     = [\"group:payments\", \"group:auditors\"]\n"
                                       "publish  = [\"group:payments\"]\n"
                                       "admin    = [\"group:payments-leads\", \"user:alice\"]\n"
                                       "prefixes = [\"pay-\"]\n"
                                       "[namespace.platform]\n"
                                       "type = \"local\"\n"
                                       "read = [\"authenticated\"]\n"
                                       "publish = [\"group:platform\"]\n";

static void dump_parses_and_dumps_the_same(void **state)
{
    (void)state;
    expect_fixpoint(URL);
    expect_fixpoint(contract_example);
    expect_fixpoint(URL LDAP "directory_type = \"389ds\"\ngroup_base = [\"o=a\"]\nauth_cache_ttl = \"1500ms\"\n"
                             "negative_cache_ttl = \"0\"\ntls_ca_file = \"SECRET\"\n");
    expect_fixpoint(URL "listen = [\"[::1]:1\", \"unix:/run/x y\"]\nmax_crate_size = \"1234567\"\n"
                        "request_timeout = \"90s\"\nmax_token_days = 12\n[audit]\nfile = \"\"\nrequired = false\n"
                        "[namespace.0]\n[namespace.z]\nread = [\"anonymous\"]\n");
    expect_fixpoint(URL LDAP "directory_type = \"ad\"\nuser_dn_template = \"cn={username},o=x\"\nenabled = false\n"
                             "max_sweep_fraction = 0.125\n");
    expect_fixpoint(URL "[ldap]\nuri = [\"ldapi://\"]\nsearch_base = [\"o=x\"]\nbind_method = \"external\"\n"
                        "group_base = [\"o=y\"]\n" TEAMS "name_prefix = \"rust-\"\nread = [\"group:rust-{team}\"]\n"
                        "prefixes = [\"{team}-\"]\n");
}

static void mapped_groups_stay_where_they_were_written(void **state)
{
    struct cg_conf *conf = parse_good(URL LDAP "group_base = [\"o=y\"]\n"
                                      "[[ldap.group_map]]\ngroup = \"cn=x\"\nnamespace = \"a\"\nrole = \"read\"\n"
                                      "[[ldap.group_map]]\ngroup = \"cn=y\"\nnamespace = \"a\"\nrole = \"owner\"\n"
                                      "[namespace.a]\nread = [\"user:z\"]\n");
    char *text = dump(conf);

    (void)state;
    assert_non_null(strstr(text, "\n[[ldap.group_map]]\ngroup = \"cn=x\"\nnamespace = \"a\"\nrole = \"read\"\n"
                                 "\n[[ldap.group_map]]\ngroup = \"cn=y\"\nnamespace = \"a\"\nrole = \"owner\"\n"));
    assert_non_null(strstr(text, "read = [\"user:z\"]\npublish = []\nadmin = []\n"));
    expect_fixpoint(text);
    free(text);
    cg_conf_unref(&conf);
}

static void odd_strings_survive_the_dump(void **state)
{
    (void)state;
    expect_fixpoint(URL
                    "state_dir = \"/x\\\"y\\\\z\\n\\u007f\\u0085\\u00e9\\U0001F980 #'\"\n"
                    "listen = ['unix:/a\"b\\c']\n" LDAP "account_filter = '(cn=\\28\"\\\\)'\n"
                    "group_base = [\"o=\\u00fc\\\\,x\"]\n"
                    "[namespace.a]\nread = [\"group:a \\\"b\\\" [c] = {d} # \\\\\", \"user:o'\", \"user:\\u00e9\"]\n");
}

static void dump_has_effective_values_in_order(void **state)
{
    struct cg_conf *conf =
        parse_good("max_crate_size = \"1024K\"\n" URL "[namespace.b]\nread = [\"anonymous\"]\n[namespace.a]\n"
                   "[log]\nformat = \"json\"\n");
    char *text = dump(conf);

    (void)state;
    assert_string_equal(text, "public_url = \"https://crates.corp.example\"\n"
                              "listen = [\"127.0.0.1:8080\"]\n"
                              "tls_certificate = \"\"\n"
                              "tls_key = \"\"\n"
                              "state_dir = \"/var/lib/crategate\"\n"
                              "trusted_proxies = []\n"
                              "max_crate_size = \"1M\"\n"
                              "max_unpacked_size = \"512M\"\n"
                              "index_cache_size = \"256M\"\n"
                              "workers = 0\n"
                              "max_connections = 4096\n"
                              "request_timeout = \"1m\"\n"
                              "idle_timeout = \"75s\"\n"
                              "shutdown_timeout = \"30s\"\n"
                              "max_token_days = 365\n"
                              "default_token_days = 90\n"
                              "unused_token_days = 90\n"
                              "\n[log]\n"
                              "level = \"info\"\n"
                              "format = \"json\"\n"
                              "\n[audit]\n"
                              "file = \"/var/log/crategate/audit.jsonl\"\n"
                              "required = true\n"
                              "\n[namespace.b]\n"
                              "type = \"local\"\n"
                              "storage = \"filesystem\"\n"
                              "artifactory = \"\"\n"
                              "repository = \"\"\n"
                              "read = [\"anonymous\"]\n"
                              "publish = []\n"
                              "admin = []\n"
                              "prefixes = []\n"
                              "required_fields = []\n"
                              "allowed_registries = []\n"
                              "\n[namespace.a]\n"
                              "type = \"local\"\n"
                              "storage = \"filesystem\"\n"
                              "artifactory = \"\"\n"
                              "repository = \"\"\n"
                              "read = []\n"
                              "publish = []\n"
                              "admin = []\n"
                              "prefixes = []\n"
                              "required_fields = []\n"
                              "allowed_registries = []\n");
    free(text);
    cg_conf_unref(&conf);
}

static void dump_never_holds_the_secret(void **state)
{
    struct cg_conf *conf = parse_good(contract_example);
    char *text = dump(conf);

    (void)state;
    assert_non_null(strstr(text, secret_path));
    assert_null(strstr(text, "sesame-open-7351"));
    free(text);
    cg_conf_unref(&conf);
}

static void expect_restart(const char *before, const char *after, const char *keys)
{
    struct cg_conf *old_conf = parse_good(before), *new_conf = parse_good(after);
    struct cg_buf out;

    cg_buf_init(&out, OUT_MAX);
    cg_conf_restart_needed(old_conf, new_conf, &out);
    assert_string_equal(cg_buf_str(&out), keys);
    cg_buf_free(&out);
    cg_conf_unref(&old_conf);
    cg_conf_unref(&new_conf);
}

static void namespace_that_moves_needs_a_restart(void **state)
{
    char *corp = cg_asprintf(URL "[artifactory.corp]\nurl = \"https://a.example/artifactory\"\ntoken_file = \"%s\"\n"
                             "[namespace.a]\nstorage = \"artifactory\"\nartifactory = \"corp\"\n"
                             "repository = \"local\"\n[namespace.new]\n",
                             secret_path);

    (void)state;
    expect_restart(URL "[namespace.a]\n[namespace.gone]\n", corp, "namespace.a.storage\n");
    expect_restart(corp, corp, "");
    free(corp);
}

static void keys_that_need_a_restart_are_named(void **state)
{
    (void)state;
    expect_restart(URL, URL, "");
    expect_restart(URL, URL "listen = [\"127.0.0.1:8080\"]\n", "");
    expect_restart(URL, URL "workers = 3\nlisten = [\"127.0.0.1:8081\"]\nstate_dir = \"/srv/crates\"\n",
                   "listen\nstate_dir\nworkers\n");
    expect_restart(URL, URL "[log]\nlevel = \"debug\"\n[audit]\nfile = \"/tmp/a\"\n[namespace.a]\n", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dump_parses_and_dumps_the_same),     cmocka_unit_test(odd_strings_survive_the_dump),
        cmocka_unit_test(dump_has_effective_values_in_order), cmocka_unit_test(dump_never_holds_the_secret),
        cmocka_unit_test(mapped_groups_stay_where_they_were_written),
        cmocka_unit_test(keys_that_need_a_restart_are_named), cmocka_unit_test(namespace_that_moves_needs_a_restart),
    };

    return cmocka_run_group_tests(tests, make_secret, remove_secret);
}
