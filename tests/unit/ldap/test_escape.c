/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <ldap.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "ldap/escape.h"

static void expect_filled(const char *pattern, const char *username, const char *dn, const char *expected)
{
    struct cg_buf out;

    cg_buf_init(&out, 4096);
    cg_ldap_escape_fill(&out, pattern, username, dn);
    assert_false(cg_buf_failed(&out));
    assert_string_equal(cg_buf_str(&out), expected);
    cg_buf_free(&out);
}

static void filter_injection_is_escaped_pitfall_3(void **state)
{
    (void)state;
    expect_filled("(uid={username})", "a*)(uid=*", "", "(uid=a\\2A\\29\\28uid=\\2A)");
    expect_filled("(uid={username})", "\\", "", "(uid=\\5C)");
    expect_filled("(cn={username})", "J\xc3\xbcrgen", "", "(cn=J\\C3\\BCrgen)");
}

static void value_with_a_placeholder_is_not_expanded_again_pitfall_3(void **state)
{
    (void)state;
    expect_filled("(&(uid={username})(member={dn}))", "{dn}", "cn=x", "(&(uid={dn})(member=cn=x))");
    expect_filled("(|(a={username})(b={username}))", "{username}", "", "(|(a={username})(b={username}))");
}

static void empty_value_is_empty_and_not_null_pitfall_3(void **state)
{
    (void)state;
    expect_filled("(uid={username})", "", "", "(uid=)");
}

static void bytes_are_escaped_with_their_length(void **state)
{
    struct cg_buf out;

    (void)state;
    cg_buf_init(&out, 100);
    cg_ldap_escape_equal(&out, "objectGUID", "\0(\xff", 3);
    assert_string_equal(cg_buf_str(&out), "(objectGUID=\\00\\28\\FF)");
    cg_buf_free(&out);
}

static void too_long_a_filter_fails_instead_of_being_cut(void **state)
{
    struct cg_buf out;

    (void)state;
    cg_buf_init(&out, 8);
    cg_ldap_escape_fill(&out, "(uid={username})", "alice", "");
    assert_true(cg_buf_failed(&out));
    cg_buf_free(&out);
}

static void only_filters_with_known_placeholders_pass(void **state)
{
    struct cg_error err = {0};

    (void)state;
    assert_int_equal(cg_ldap_escape_check("(uid={username})", &err), CG_OK);
    assert_int_equal(cg_ldap_escape_check("(|(member={dn})(!(memberUid={username})))", &err), CG_OK);
    assert_int_equal(cg_ldap_escape_check("(member:1.2.840.113556.1.4.1941:={dn})", &err), CG_OK);
    assert_int_equal(cg_ldap_escape_check("", &err), CG_ERR_INVALID);
    assert_int_equal(cg_ldap_escape_check("uid={username}", &err), CG_ERR_INVALID);
    assert_int_equal(cg_ldap_escape_check("(uid={username}", &err), CG_ERR_INVALID);
    assert_int_equal(cg_ldap_escape_check("(&(uid={username})", &err), CG_ERR_INVALID);
    assert_int_equal(cg_ldap_escape_check("(uid={user})", &err), CG_ERR_INVALID);
    assert_non_null(strstr(err.detail, "{user}"));
    assert_int_equal(cg_ldap_escape_check("(uid=%s){}", &err), CG_ERR_INVALID);
}

static void odd_user_names_are_not_sendable_pitfall_2(void **state)
{
    char longest[CG_LDAP_USERNAME_MAX + 2];

    (void)state;
    assert_true(cg_ldap_username_sendable("alice"));
    assert_true(cg_ldap_username_sendable("o'brien(x)*\\"));
    assert_true(cg_ldap_username_sendable("\xe6\x9d\x8e\xe9\x9b\xb7"));
    assert_false(cg_ldap_username_sendable(""));
    assert_false(cg_ldap_username_sendable("   "));
    assert_false(cg_ldap_username_sendable("a\nb"));
    assert_false(cg_ldap_username_sendable("a\x7f"));
    assert_false(cg_ldap_username_sendable("a\xc2\x85"));
    assert_false(cg_ldap_username_sendable("a\xff"));
    assert_false(cg_ldap_username_sendable("a\xc3"));
    memset(longest, 'a', sizeof(longest));
    longest[CG_LDAP_USERNAME_MAX] = '\0';
    assert_true(cg_ldap_username_sendable(longest));
    longest[CG_LDAP_USERNAME_MAX] = 'a';
    longest[CG_LDAP_USERNAME_MAX + 1] = '\0';
    assert_false(cg_ldap_username_sendable(longest));
}

static void expect_same(const char *a, const char *b)
{
    char *left = NULL, *right = NULL;

    assert_int_equal(cg_ldap_dn_canonical(a, &left, NULL), CG_OK);
    assert_int_equal(cg_ldap_dn_canonical(b, &right, NULL), CG_OK);
    assert_string_equal(left, right);
    free(left);
    free(right);
}

static void expect_different(const char *a, const char *b)
{
    char *left = NULL, *right = NULL;

    assert_int_equal(cg_ldap_dn_canonical(a, &left, NULL), CG_OK);
    assert_int_equal(cg_ldap_dn_canonical(b, &right, NULL), CG_OK);
    assert_string_not_equal(left, right);
    free(left);
    free(right);
}

static void spellings_of_one_dn_are_one_key_pitfall_14(void **state)
{
    (void)state;
    expect_same("CN=Team-A, OU=Groups,DC=Example,DC=Test", "cn=team-a,ou=groups,dc=example,dc=test");
    expect_same("cn=Smith\\2C John,dc=x", "cn=smith\\, john,dc=x");
    expect_same("cn=a\\3Db,dc=x", "cn=a=b,dc=x");
    expect_same("2.5.4.3=x,2.5.4.11=y,0.9.2342.19200300.100.1.25=z", "cn=x,ou=y,dc=z");
    expect_same("0.9.2342.19200300.100.1.1=a,2.5.4.10=b", "uid=a,o=b");
    expect_same("userid=a,organizationalUnitName=b", "uid=a,ou=b");
    expect_same("cn=x+uid=y,dc=z", "UID=Y+CN=X,dc=z");
    expect_same("cn=two  blanks,dc=x", "cn=two blanks,dc=x");
    expect_same("cn=\\20edge\\20,dc=x", "cn=edge,dc=x");
    expect_same("cn=\xc3\xa9quipe,dc=x", "cn=\\C3\\A9quipe,dc=x");
}

static void same_name_elsewhere_is_another_key_pitfall_12(void **state)
{
    (void)state;
    expect_different("cn=team-a,ou=groups,dc=x", "cn=team-a,ou=shadowgroups,dc=x");
    expect_different("cn=a\\,ou=b,dc=x", "cn=a,ou=b,dc=x");
    expect_different("cn=a\\+b,dc=x", "cn=a+sn=b,dc=x");
    expect_different("cn=ab,dc=x", "cn=a b,dc=x");
}

static void canonical_key_is_a_fixpoint(void **state)
{
    static const char *const DNS[] = {
        "cn=Smith\\, John \\+ \\\"Co\\\" \\<x\\>\\; \\#1=2,ou=p",
        "cn=O'Brien (test)*\\\\,ou=p",
        "cn=\\20\\20x\\20,dc=y",
        "cn=#04024869,dc=x",
        "uid=\xe6\x9d\x8e+cn=\\#a,dc=x",
        "cn=nul\\00byte,dc=x",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(DNS) / sizeof(DNS[0]); i++) {
        char *once = NULL, *twice = NULL;

        assert_int_equal(cg_ldap_dn_canonical(DNS[i], &once, NULL), CG_OK);
        assert_int_equal(cg_ldap_dn_canonical(once, &twice, NULL), CG_OK);
        assert_string_equal(once, twice);
        free(once);
        free(twice);
    }
}

static void what_is_no_dn_is_invalid(void **state)
{
    static const char *const WRONG[] = {"",           "alice",  "cn=a;dc=b,", "cn=\"a, b\",dc=x", "<SID=S-1-5>",
                                        "cn=a,,dc=b", "=x,dc=y"};
    char *key = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++)
        assert_int_equal(cg_ldap_dn_canonical(WRONG[i], &key, NULL), CG_ERR_INVALID);
    assert_null(key);
}

static void over_long_dn_is_invalid(void **state)
{
    char *dn = malloc(CG_LDAP_DN_MAX + 100), *key = NULL;

    (void)state;
    assert_non_null(dn);
    memset(dn, 'a', CG_LDAP_DN_MAX + 50);
    memcpy(dn, "cn=", 3);
    dn[CG_LDAP_DN_MAX + 50] = '\0';
    assert_int_equal(cg_ldap_dn_canonical(dn, &key, NULL), CG_ERR_INVALID);
    free(dn);
}

static void value_of_the_first_rdn_is_recognised(void **state)
{
    (void)state;
    assert_true(cg_ldap_dn_names("uid=Multi,ou=people", "uid", "multi"));
    assert_true(cg_ldap_dn_names("cn=X+uid=multi,ou=people", "UID", "multi"));
    assert_false(cg_ldap_dn_names("uid=multi,ou=people", "uid", "other"));
    assert_false(cg_ldap_dn_names("cn=x,uid=multi", "uid", "multi"));
    assert_false(cg_ldap_dn_names("not a dn", "uid", "multi"));
}

/* Whatever is put into a DN comes out again as one value, and nothing else changes. */
static void dn_values_come_back_whole_pitfall_4(void **state)
{
    static const char *const VALUES[] = {"alice",
                                         " x ",
                                         "#x",
                                         "a#b",
                                         "a=b",
                                         "a,b+c;d",
                                         "\"<>\\",
                                         "\\2C",
                                         " ",
                                         "  ",
                                         "\xc3\xbc",
                                         "a\x01"
                                         "b"};

    (void)state;
    for (size_t i = 0; i < sizeof(VALUES) / sizeof(VALUES[0]); i++) {
        LDAPDN parsed = NULL;
        struct cg_buf dn;

        cg_buf_init(&dn, 1000);
        cg_ldap_escape_fill_dn(&dn, "uid={username},ou=x", VALUES[i]);
        assert_int_equal(ldap_str2dn(cg_buf_str(&dn), &parsed, LDAP_DN_FORMAT_LDAPV3), LDAP_SUCCESS);
        assert_int_equal(parsed[0][0]->la_value.bv_len, strlen(VALUES[i]));
        assert_memory_equal(parsed[0][0]->la_value.bv_val, VALUES[i], strlen(VALUES[i]));
        assert_null(parsed[0][1]);
        assert_non_null(parsed[1]);
        assert_null(parsed[2]);
        ldap_dnfree(parsed);
        cg_buf_free(&dn);
    }
}

/* Active Directory wants '=' and every '#' escaped too. */
static void dn_values_are_escaped_for_every_server(void **state)
{
    struct cg_buf out;

    (void)state;
    cg_buf_init(&out, 1000);
    cg_ldap_escape_dn_value(&out, "a=b#c,d e");
    assert_string_equal(cg_buf_str(&out), "a\\3Db\\23c\\2Cd e");
    cg_buf_free(&out);
}

static void name_with_a_placeholder_in_it_is_not_expanded_again(void **state)
{
    struct cg_buf out;

    (void)state;
    cg_buf_init(&out, 1000);
    cg_ldap_escape_fill_dn(&out, "cn={username},ou={username}", "{username}");
    assert_string_equal(cg_buf_str(&out), "cn={username},ou={username}");
    cg_buf_free(&out);
}

static void dn_below_a_base_is_told_from_one_that_only_ends_like_it(void **state)
{
    char *bases[] = {(char *)"ou=A, dc=b", NULL};

    (void)state;
    assert_true(cg_ldap_dn_within("uid=x,ou=a,dc=b", bases, CG_SCOPE_SUB));
    assert_true(cg_ldap_dn_within("ou=a,dc=b", bases, CG_SCOPE_SUB));
    assert_false(cg_ldap_dn_within("uid=x,ou=aa,dc=b", bases, CG_SCOPE_SUB));
    assert_false(cg_ldap_dn_within("uid=x\\2Cou=a,dc=b", bases, CG_SCOPE_SUB));
    assert_false(cg_ldap_dn_within("dc=b", bases, CG_SCOPE_SUB));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dn_values_come_back_whole_pitfall_4),
        cmocka_unit_test(dn_values_are_escaped_for_every_server),
        cmocka_unit_test(name_with_a_placeholder_in_it_is_not_expanded_again),
        cmocka_unit_test(dn_below_a_base_is_told_from_one_that_only_ends_like_it),
        cmocka_unit_test(filter_injection_is_escaped_pitfall_3),
        cmocka_unit_test(value_with_a_placeholder_is_not_expanded_again_pitfall_3),
        cmocka_unit_test(empty_value_is_empty_and_not_null_pitfall_3),
        cmocka_unit_test(bytes_are_escaped_with_their_length),
        cmocka_unit_test(too_long_a_filter_fails_instead_of_being_cut),
        cmocka_unit_test(only_filters_with_known_placeholders_pass),
        cmocka_unit_test(odd_user_names_are_not_sendable_pitfall_2),
        cmocka_unit_test(spellings_of_one_dn_are_one_key_pitfall_14),
        cmocka_unit_test(same_name_elsewhere_is_another_key_pitfall_12),
        cmocka_unit_test(canonical_key_is_a_fixpoint),
        cmocka_unit_test(what_is_no_dn_is_invalid),
        cmocka_unit_test(over_long_dn_is_invalid),
        cmocka_unit_test(value_of_the_first_rdn_is_recognised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
