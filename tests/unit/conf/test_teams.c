/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "conf_test.h"

#define TEAMS_SECTION                                                                                                  \
    "[teams]\ngroup_filter = \"(cn=rust-*)\"\nname_prefix = \"rust-\"\nread = [\"group:rust-{team}\", \"authenticated\"]\n" \
    "admin = [\"dn:cn=rust-{team}-leads,ou={team},o=x\"]\nprefixes = [\"{team}-\"]\n"
#define CONF URL LDAP "group_base = [\"o=groups\"]\n" TEAMS_SECTION "[namespace.platform]\nprefixes = [\"plat-\"]\n"

#define GROUP(name) {"rust-" name, "cn=rust-" name ",o=groups"}
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* The derived snapshot; its problems are `problems`. */
static struct cg_conf *derive(struct cg_conf *base, const struct cg_conf_team *teams, size_t count,
                              const char *problems)
{
    struct cg_conf *conf = NULL;
    struct cg_buf out;

    cg_buf_init(&out, OUT_MAX);
    assert_int_equal(cg_conf_with_teams(base, teams, count, &out, &conf), CG_OK);
    assert_string_equal(cg_buf_str(&out), problems);
    cg_buf_free(&out);
    return conf;
}

static void a_team_becomes_a_namespace_with_its_name_filled_in(void **state)
{
    const struct cg_conf_team teams[] = {GROUP("billing"), GROUP("Core")};
    struct cg_conf *base = parse_good(CONF), *conf = derive(base, teams, COUNT(teams), "");
    const struct cg_conf_namespace *ns = cg_conf_namespace(conf, "billing");

    (void)state;
    assert_int_equal(conf->namespace_count, 3);
    assert_non_null(cg_conf_namespace(conf, "platform"));
    assert_non_null(cg_conf_namespace(conf, "core"));
    assert_non_null(ns);
    assert_string_equal(ns->team_dn, "cn=rust-billing,o=groups");
    assert_int_equal(ns->line, conf->teams.line);
    assert_string_equal(ns->read.items[0].text, "group:rust-billing");
    assert_string_equal(ns->read.items[0].value, "rust-billing");
    assert_int_equal(ns->read.items[0].line, base->teams.like.read.items[0].line);
    assert_string_equal(ns->admin.items[0].value, "cn=rust-billing-leads,ou=billing,o=x");
    assert_string_equal(ns->prefixes[0], "billing-");
    assert_null(cg_conf_namespace(conf, "platform")->team_dn);
    cg_conf_unref(&conf);
    cg_conf_unref(&base);
}

static void snapshot_outlives_the_callers_reference_to_its_base(void **state)
{
    const struct cg_conf_team teams[] = {GROUP("billing")};
    struct cg_conf *base = parse_good(CONF), *conf = derive(base, teams, 1, ""), *next;

    (void)state;
    assert_ptr_equal(cg_conf_base(conf), base);
    assert_ptr_equal(conf->ldap.uri, base->ldap.uri);
    cg_conf_unref(&base);
    assert_string_equal(conf->ldap.uri[0], "ldaps://ldap1.corp.example");
    /* From one with teams comes one with others, not with more. */
    next = derive(conf, NULL, 0, "");
    cg_conf_unref(&conf);
    assert_int_equal(next->namespace_count, 1);
    assert_string_equal(next->namespaces[0].name, "platform");
    cg_conf_unref(&next);
}

static void teams_are_unknown_until_somebody_told(void **state)
{
    struct cg_conf *base = parse_good(CONF), *conf = derive(base, NULL, 0, ""), *plain = parse_good(URL), *none = NULL;

    (void)state;
    assert_true(cg_conf_teams_unknown(base));
    assert_false(cg_conf_teams_unknown(conf));
    assert_false(cg_conf_teams_unknown(plain));
    assert_int_equal(cg_conf_with_teams(plain, NULL, 0, NULL, &none), CG_ERR_INVALID);
    assert_null(none);
    cg_conf_unref(&plain);
    cg_conf_unref(&conf);
    cg_conf_unref(&base);
}

static void what_cannot_be_a_namespace_is_left_out_and_told(void **state)
{
    const struct cg_conf_team teams[] = {
        {"java-billing", "cn=java-billing,o=groups"}, GROUP("a_b"), GROUP("api"), GROUP("platform"), GROUP("good")};
    struct cg_conf *base = parse_good(CONF);
    struct cg_conf *conf =
        derive(base, teams, COUNT(teams),
               "group \"cn=java-billing,o=groups\" makes no namespace: its name does not begin with \"rust-\" "
               "(teams.name_prefix)\n"
               "group \"cn=rust-a_b,o=groups\" makes no namespace: \"a_b\" cannot be a namespace's name: a namespace's "
               "name has lower-case letters, digits and \"-\", begins with a letter or digit and has at most 63 characters\n"
               "group \"cn=rust-api,o=groups\" makes no namespace: \"api\" cannot be a namespace's name: a namespace "
               "cannot have this name, addresses of the gateway use it\n"
               "group \"cn=rust-platform,o=groups\" makes no namespace: the configuration has a namespace \"platform\" "
               "of its own\n");

    (void)state;
    assert_int_equal(conf->namespace_count, 2);
    assert_null(cg_conf_namespace(conf, "platform")->team_dn);
    cg_conf_unref(&conf);
    cg_conf_unref(&base);
}

static void two_groups_of_one_name_make_no_namespace_and_both_are_named(void **state)
{
    const struct cg_conf_team teams[] = {{"rust-a", "cn=rust-a,ou=1"},
                                         {"Rust-A", "cn=rust-a,ou=2"},
                                         {"rust-b", "cn=rust-b,ou=1"},
                                         {"rust-b", "cn=rust-b,ou=1"}};
    struct cg_conf *base = parse_good(CONF);
    struct cg_conf *conf = derive(base, teams, COUNT(teams),
                                  "group \"cn=rust-a,ou=1\" makes no namespace: group \"cn=rust-a,ou=2\" would make a "
                                  "namespace \"a\" too, so neither does\n"
                                  "group \"cn=rust-a,ou=2\" makes no namespace: group \"cn=rust-a,ou=1\" would make a "
                                  "namespace \"a\" too, so neither does\n");

    (void)state;
    assert_null(cg_conf_namespace(conf, "a"));
    assert_non_null(cg_conf_namespace(conf, "b"));
    assert_int_equal(conf->namespace_count, 2);
    cg_conf_unref(&conf);
    cg_conf_unref(&base);
}

static void a_prefix_that_another_namespace_has_keeps_the_later_team_out(void **state)
{
    const struct cg_conf_team teams[] = {GROUP("plat"), GROUP("pay"), GROUP("pay-core"), GROUP("2fast")};
    struct cg_conf *base = parse_good(CONF);
    struct cg_conf *conf =
        derive(base, teams, COUNT(teams),
               "group \"cn=rust-plat,o=groups\" makes no namespace: its prefixes and those of namespace \"platform\" "
               "reserve the same names\n"
               "group \"cn=rust-pay-core,o=groups\" makes no namespace: its prefixes and those of namespace \"pay\" "
               "reserve the same names\n"
               "group \"cn=rust-2fast,o=groups\" makes no namespace: \"2fast-\" cannot begin a crate's name (a letter, "
               "then letters, digits, - and _)\n");

    (void)state;
    assert_int_equal(conf->namespace_count, 2);
    assert_non_null(cg_conf_namespace(conf, "pay"));
    cg_conf_unref(&conf);
    cg_conf_unref(&base);
}

static void dump_of_a_snapshot_with_teams_is_its_bases(void **state)
{
    const struct cg_conf_team teams[] = {GROUP("billing")};
    struct cg_conf *base = parse_good(CONF), *conf = derive(base, teams, 1, "");
    struct cg_buf one, other;

    (void)state;
    cg_buf_init(&one, OUT_MAX);
    cg_buf_init(&other, OUT_MAX);
    cg_conf_dump(base, &one);
    cg_conf_dump(conf, &other);
    assert_string_equal(cg_buf_str(&one), cg_buf_str(&other));
    cg_buf_free(&one);
    cg_buf_free(&other);
    cg_conf_unref(&conf);
    cg_conf_unref(&base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_team_becomes_a_namespace_with_its_name_filled_in),
        cmocka_unit_test(snapshot_outlives_the_callers_reference_to_its_base),
        cmocka_unit_test(teams_are_unknown_until_somebody_told),
        cmocka_unit_test(what_cannot_be_a_namespace_is_left_out_and_told),
        cmocka_unit_test(two_groups_of_one_name_make_no_namespace_and_both_are_named),
        cmocka_unit_test(a_prefix_that_another_namespace_has_keeps_the_later_team_out),
        cmocka_unit_test(dump_of_a_snapshot_with_teams_is_its_bases),
    };

    return cmocka_run_group_tests(tests, make_secret, remove_secret);
}
