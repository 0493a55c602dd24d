/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What needs no server: filters taken apart, ranges, DNs below bases. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "ldap/escape.h"
#include "ldap/group_filter.h"
#include "ldap/ranges.h"

static void expect_chain(const char *filter, const char *chained)
{
    char *got = cg_ldap_group_filter_in_chain(filter);

    assert_string_equal(got, chained);
    free(got);
}

static void matching_rule_goes_into_each_assertion_of_the_dn(void **state)
{
    (void)state;
    expect_chain("(member={dn})", "(member:1.2.840.113556.1.4.1941:={dn})");
    expect_chain("(|(member={dn})(uniqueMember={dn})(memberUid={username}))",
                 "(|(member:1.2.840.113556.1.4.1941:={dn})(uniqueMember:1.2.840.113556.1.4.1941:={dn})"
                 "(memberUid={username}))");
    expect_chain("(memberUid={username})", "(memberUid={username})");
}

static void rule_that_is_there_already_is_left_alone(void **state)
{
    static const char CHAINED[] = "(member:1.2.840.113556.1.4.1941:={dn})";

    (void)state;
    expect_chain(CHAINED, CHAINED);
    expect_chain("(member~={dn})", "(member~={dn})");
}

static void filter_tells_how_groups_hold_their_members(void **state)
{
    struct cg_ldap_membership m;

    (void)state;
    cg_ldap_group_filter_membership("(|(&(objectClass=group)(member={dn}))(uniqueMember={dn})(MEMBER={dn})"
                                    "(memberUid={username}))",
                                    &m);
    assert_string_equal(m.dns[0], "member");
    assert_string_equal(m.dns[1], "uniqueMember");
    assert_null(m.dns[2]);
    assert_string_equal(m.names[0], "memberUid");
    assert_null(m.names[1]);
    assert_false(m.opaque);
    cg_ldap_membership_free(&m);
    cg_ldap_group_filter_membership("(member:1.2.840.113556.1.4.1941:={dn})", &m);
    assert_string_equal(m.dns[0], "member");
    assert_false(m.opaque);
    cg_ldap_membership_free(&m);
    cg_ldap_group_filter_membership("(member=uid={username},ou=people,dc=example)", &m);
    assert_string_equal(m.dns[0], "member");
    assert_null(m.names[0]);
    assert_false(m.opaque);
    cg_ldap_membership_free(&m);
}

static void filter_that_hides_the_members_is_known_to(void **state)
{
    static const char *const FILTERS[] = {"(cn=team-{username})", "(cn={username}-team)", "(member={dn}x)",
                                          "(description=for {dn})", "({dn}=x)"};
    struct cg_ldap_membership m;

    (void)state;
    for (size_t i = 0; i < sizeof(FILTERS) / sizeof(FILTERS[0]); i++) {
        cg_ldap_group_filter_membership(FILTERS[i], &m);
        assert_true(m.opaque);
        cg_ldap_membership_free(&m);
    }
}

static void ranges_are_taken_apart(void **state)
{
    struct cg_ldap_range r;

    (void)state;
    assert_true(cg_ldap_range_parse("member", &r));
    assert_false(r.ranged);
    assert_int_equal(r.name_len, 6);
    assert_true(cg_ldap_range_parse("member;Range=1500-2999", &r));
    assert_true(r.ranged);
    assert_false(r.last);
    assert_int_equal(r.name_len, 6);
    assert_int_equal(r.low, 1500);
    assert_int_equal(r.high, 2999);
    assert_true(cg_ldap_range_parse("member;range=3000-*", &r));
    assert_true(r.last);
    assert_int_equal(r.low, 3000);
}

static void senseless_ranges_are_refused(void **state)
{
    static const char *const SENSELESS[] = {
        "member;range=",      "member;range=0",    "member;range=0-",           "member;range=-5",
        "member;range=0-x",   "member;range=5-4",  "member;range=0-*x",         "member;range=*-0",
        "member;range= 0-1",  "member;range=0--1", "member;range=0-1;lang-en",  "member;range=0-9999999999",
        "member;range=0x0-1", "member;range=+0-1", "member;range=99999999999-*"};
    struct cg_ldap_range r;

    (void)state;
    for (size_t i = 0; i < sizeof(SENSELESS) / sizeof(SENSELESS[0]); i++)
        assert_false(cg_ldap_range_parse(SENSELESS[i], &r));
}

static bool within(const char *dn, int scope)
{
    char *const bases[] = {(char *)"ou=a, DC=x", (char *)"ou=b\\,c,dc=x", NULL};
    char *key = NULL;
    bool yes;

    assert_int_equal(cg_ldap_dn_canonical(dn, &key, NULL), CG_OK);
    yes = cg_ldap_dn_within(key, bases, scope);
    free(key);
    return yes;
}

static void dns_are_below_bases_by_whole_parts(void **state)
{
    (void)state;
    assert_true(within("cn=1,OU=A,dc=x", CG_SCOPE_SUB));
    assert_true(within("cn=1,cn=2,ou=a,dc=x", CG_SCOPE_SUB));
    assert_true(within("ou=a,dc=x", CG_SCOPE_SUB));
    assert_false(within("cn=1ou=a,dc=x", CG_SCOPE_SUB));
    assert_false(within("cn=1\\,ou=a,dc=x", CG_SCOPE_SUB));
    assert_false(within("cn=1,ou=aa,dc=x", CG_SCOPE_SUB));
    assert_false(within("dc=x", CG_SCOPE_SUB));
    assert_false(within("cn=1,ou=a,dc=x,dc=y", CG_SCOPE_SUB));
    assert_true(within("cn=1,ou=b\\,c,dc=x", CG_SCOPE_SUB));
    assert_true(within("cn=1\\,2,ou=a,dc=x", CG_SCOPE_ONE));
    assert_false(within("cn=1,cn=2,ou=a,dc=x", CG_SCOPE_ONE));
    assert_false(within("ou=a,dc=x", CG_SCOPE_ONE));
    assert_true(within("ou=a,dc=x", CG_SCOPE_BASE));
    assert_false(within("cn=1,ou=a,dc=x", CG_SCOPE_BASE));
    assert_false(cg_ldap_dn_within("ou=a,dc=x", NULL, CG_SCOPE_SUB));
}

static void expect_rdn_value(const char *dn, const char *attribute, const char *value)
{
    char *got = cg_ldap_dn_value(dn, attribute);

    if (value)
        assert_string_equal(got, value);
    else
        assert_null(got);
    free(got);
}

static void first_rdn_gives_its_values_as_they_are_written(void **state)
{
    (void)state;
    expect_rdn_value("CN=Team A\\, North,ou=groups,dc=x", "cn", "Team A, North");
    expect_rdn_value("2.5.4.3=Team,dc=x", "cn", "Team");
    expect_rdn_value("ou=1+cn=Both,dc=x", "cn", "Both");
    expect_rdn_value("ou=groups,cn=x", "cn", NULL);
    expect_rdn_value("cn=a\\00b,dc=x", "cn", NULL);
    expect_rdn_value("no dn", "cn", NULL);
    expect_rdn_value("", "cn", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matching_rule_goes_into_each_assertion_of_the_dn),
        cmocka_unit_test(rule_that_is_there_already_is_left_alone),
        cmocka_unit_test(filter_tells_how_groups_hold_their_members),
        cmocka_unit_test(filter_that_hides_the_members_is_known_to),
        cmocka_unit_test(ranges_are_taken_apart),
        cmocka_unit_test(senseless_ranges_are_refused),
        cmocka_unit_test(dns_are_below_bases_by_whole_parts),
        cmocka_unit_test(first_rdn_gives_its_values_as_they_are_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
