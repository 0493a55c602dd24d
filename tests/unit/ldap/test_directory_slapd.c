/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The LDAP driver against a real OpenLDAP server: people, names, account states, groups. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ldap/directory_impl.h"
#include "ldap/ldap_directory.h"
#include "log/metrics.h"
#include "rig.h"

static struct rig rig;
static struct rig_conf conf;
static struct cg_directory *dir;

static int set_up(void **state)
{
    (void)state;
    rig_conf(&conf, &rig, rig.ldaps, NULL);
    dir = rig_directory(&conf);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cg_directory_free(&dir);
    rig_conf_free(&conf);
    return 0;
}

/* Another directory with settings changed by the test. */
static void reopen(void)
{
    cg_directory_free(&dir);
    dir = rig_directory(&conf);
}

static void set_text(char **setting, const char *text)
{
    free(*setting);
    *setting = strdup(text);
}

static int64_t traffic(void)
{
    return cg_metric_get(CG_METRIC_DIRECTORY_BINDS) + cg_metric_get(CG_METRIC_DIRECTORY_SEARCHES) +
           cg_metric_get(CG_METRIC_DIRECTORY_SERVICE_BINDS);
}

static enum cg_err login_bytes(const char *user, const char *password, size_t len, struct cg_error *err)
{
    struct cg_identity *who = NULL;
    struct cg_secret secret = {0};
    enum cg_err rc;

    cg_secret_set(&secret, password, len);
    rc = dir->ops->login(dir, user, &secret, &who, err);
    cg_secret_free(&secret);
    cg_identity_unref(&who);
    return rc;
}

static void right_password_gives_the_whole_identity(void **state)
{
    struct cg_identity *who = NULL;
    struct cg_error err = {0};

    (void)state;
    assert_int_equal(rig_login(dir, "alice", "alicepw", &who, &err), CG_OK);
    assert_string_equal(cg_identity_name(who), "alice");
    assert_string_equal(cg_identity_dn(who), "uid=alice," PEOPLE);
    assert_string_equal(cg_identity_display_name(who), "Alice Example");
    assert_int_equal(strlen(cg_identity_id(who)), 36);
    assert_true(cg_identity_in_group(who, "cn=payments," GROUPS));
    assert_true(cg_identity_in_group(who, "cn=payments-leads," GROUPS));
    assert_false(cg_identity_in_group(who, "cn=platform," GROUPS));
    cg_identity_unref(&who);
}

static void wrong_password_and_unknown_name_are_one_answer_pitfall_9(void **state)
{
    struct cg_error wrong = {0}, unknown = {0}, locked = {0}, disabled = {0}, empty = {0};

    (void)state;
    assert_int_equal(login_bytes("rita", "wrong", 5, &wrong), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(login_bytes("nobody-here", "wrong", 5, &unknown), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(login_bytes("carol", "carolpw", 7, &locked), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(login_bytes("bob", "bobpw", 5, &disabled), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(login_bytes("alice", "", 0, &empty), CG_ERR_UNAUTHENTICATED);
    assert_string_equal(wrong.detail, unknown.detail);
    assert_string_equal(wrong.detail, locked.detail);
    assert_string_equal(wrong.detail, disabled.detail);
    assert_string_equal(wrong.detail, empty.detail);
    assert_string_not_equal(wrong.internal, unknown.internal);
    assert_string_not_equal(locked.internal, disabled.internal);
}

static void empty_password_never_reaches_directory_pitfall_1(void **state)
{
    int64_t before = traffic();
    struct cg_error err = {0};

    (void)state;
    assert_int_equal(login_bytes("alice", "", 0, &err), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(login_bytes("nopass", "", 0, &err), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(traffic(), before);
}

static void password_with_nul_never_reaches_directory_pitfall_2(void **state)
{
    int64_t before = traffic();
    struct cg_error err = {0};

    (void)state;
    assert_int_equal(login_bytes("alice", "\0alicepw", 8, &err), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(login_bytes("alice", "alicepw\0", 8, &err), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(traffic(), before);
}

static void odd_user_names_never_reach_directory_pitfall_2(void **state)
{
    static const char *const NAMES[] = {"", " ", "ali\nce", "alice\x7f", "al\xff", "al\xc2\x9b", "a\tb"};
    int64_t before = traffic();
    struct cg_identity *who = NULL;
    char longest[300];

    (void)state;
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        assert_int_equal(rig_try(dir, NAMES[i], "alicepw"), CG_ERR_UNAUTHENTICATED);
        assert_int_equal(dir->ops->find(dir, NAMES[i], &who, NULL), CG_ERR_ABSENT);
        assert_int_equal(dir->ops->revalidate(dir, NAMES[i], &who, NULL), CG_ERR_ABSENT);
    }
    memset(longest, 'a', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(rig_try(dir, longest, "alicepw"), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(traffic(), before);
}

static void injected_filters_match_nobody_pitfall_3(void **state)
{
    static const char *const NAMES[] = {"*",        "a*",   "alice)(uid=*", "*)(uid=*))(|(uid=*", "alice)", "(alice",
                                        "al\\69ce", "{dn}", "{username}",   "alice*)(cn=",        "\\2a"};
    struct cg_identity *who = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        assert_int_equal(dir->ops->find(dir, NAMES[i], &who, NULL), CG_ERR_ABSENT);
        assert_int_equal(rig_try(dir, NAMES[i], "alicepw"), CG_ERR_UNAUTHENTICATED);
    }
    assert_null(who);
}

static void names_full_of_dn_syntax_are_only_names_pitfall_4(void **state)
{
    struct cg_identity *who = NULL;

    (void)state;
    assert_int_equal(dir->ops->find(dir, "alice,ou=people", &who, NULL), CG_ERR_ABSENT);
    assert_int_equal(dir->ops->find(dir, "uid=alice," PEOPLE, &who, NULL), CG_ERR_ABSENT);
    assert_int_equal(rig_try(dir, "alice," PEOPLE, "alicepw"), CG_ERR_UNAUTHENTICATED);
}

static void spellings_of_a_name_are_one_person_pitfall_5(void **state)
{
    static const char *const NAMES[] = {"ALICE", " alice ", "\xef\xbd\x81lice", "Alice"};
    char *id = rig_id(dir, "alice");

    (void)state;
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        struct cg_identity *who = NULL;

        assert_int_equal(rig_login(dir, NAMES[i], "alicepw", &who, NULL), CG_OK);
        assert_string_equal(cg_identity_id(who), id);
        assert_string_equal(cg_identity_name(who), "alice");
        cg_identity_unref(&who);
    }
    free(id);
}

static void names_beyond_ascii_and_odd_dns_log_in(void **state)
{
    static const struct {
        const char *name, *password;
    } PEOPLE_HERE[] = {{"j\xc3\xbcrgen", "p\xc3\xa4ssw\xc3\xb6rd"},
                       {"\xe6\x9d\x8e\xe9\x9b\xb7", "\xe6\x9d\x8e\xe9\x9b\xb7pw"},
                       {"o'brien(x)*\\", "obrienpw"},
                       {"smith", "smithpw"},
                       {"tanja", "tanjapw"}};

    (void)state;
    for (size_t i = 0; i < sizeof(PEOPLE_HERE) / sizeof(PEOPLE_HERE[0]); i++) {
        struct cg_identity *who = NULL;

        assert_int_equal(rig_login(dir, PEOPLE_HERE[i].name, PEOPLE_HERE[i].password, &who, NULL), CG_OK);
        assert_string_equal(cg_identity_name(who), PEOPLE_HERE[i].name);
        assert_true(cg_identity_group_count(who) >= 1);
        cg_identity_unref(&who);
    }
}

/* name, may it be found without a password?, does its right password log in? */
static void every_account_state_is_heeded(void **state)
{
    static const struct {
        const char *name;
        enum cg_err find;
        enum cg_err login;
    } ACCOUNTS[] = {
        {"alice", CG_OK, CG_OK},
        {"bob", CG_ERR_DENIED, CG_ERR_UNAUTHENTICATED},
        {"carol", CG_ERR_DENIED, CG_ERR_UNAUTHENTICATED},
        {"dave", CG_ERR_DENIED, CG_ERR_UNAUTHENTICATED},
        {"erin", CG_ERR_DENIED, CG_ERR_UNAUTHENTICATED},
        {"gina", CG_ERR_DENIED, CG_ERR_UNAUTHENTICATED},
        {"hugo", CG_ERR_DENIED, CG_ERR_UNAUTHENTICATED},
        {"ivan", CG_ERR_DENIED, CG_ERR_UNAUTHENTICATED},
        {"judy", CG_OK, CG_OK},
        {"nopass", CG_OK, CG_ERR_UNAUTHENTICATED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(ACCOUNTS) / sizeof(ACCOUNTS[0]); i++) {
        struct cg_identity *who = NULL;
        struct cg_error err = {0};
        char password[32];

        snprintf(password, sizeof(password), "%spw", ACCOUNTS[i].name);
        assert_int_equal(dir->ops->find(dir, ACCOUNTS[i].name, &who, &err), ACCOUNTS[i].find);
        cg_identity_unref(&who);
        assert_int_equal(rig_try(dir, ACCOUNTS[i].name, password), ACCOUNTS[i].login);
    }
}

static void bind_that_must_change_the_password_is_no_login_pitfall_21(void **state)
{
    struct cg_error err = {0};

    (void)state;
    /* Nothing is read from the entry: only the bind's own control is left to say so. */
    conf.conf.ldap.account_state = CG_STATE_NONE;
    reopen();
    assert_int_equal(login_bytes("dave", "davepw", 6, &err), CG_ERR_UNAUTHENTICATED);
    assert_non_null(strstr(err.internal, "must be changed"));
    assert_int_equal(login_bytes("gina", "ginapw", 6, &err), CG_OK);
}

static void grace_logins_are_logins_until_used_up(void **state)
{
    (void)state;
    assert_int_equal(rig_try(dir, "faye", "fayepw"), CG_OK);
    assert_int_equal(rig_try(dir, "faye", "fayepw"), CG_OK);
    assert_int_equal(rig_try(dir, "faye", "fayepw"), CG_ERR_UNAUTHENTICATED);
}

static void wrong_password_costs_one_bind_and_lock_out_stops_no_token_pitfall_11(void **state)
{
    char *id = rig_id(dir, "lena");
    struct cg_identity *who = NULL;
    int64_t before = cg_metric_get(CG_METRIC_DIRECTORY_BINDS);

    (void)state;
    assert_int_equal(rig_try(dir, "lena", "wrong"), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(cg_metric_get(CG_METRIC_DIRECTORY_BINDS), before + 1);
    assert_int_equal(rig_try(dir, "lena", "lenapw"), CG_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(rig_try(dir, "lena", "wrong"), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(rig_try(dir, "lena", "lenapw"), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(dir->ops->revalidate(dir, id, &who, NULL), CG_OK);
    cg_identity_unref(&who);
    free(id);
}

static void old_password_is_refused_at_once_pitfall_10(void **state)
{
    (void)state;
    assert_int_equal(rig_try(dir, "rita", "ritapw"), CG_OK);
    rig_modify(&rig, "dn: uid=rita," PEOPLE "\nchangetype: modify\nreplace: userPassword\nuserPassword: newpw\n\n");
    assert_int_equal(rig_try(dir, "rita", "ritapw"), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(rig_try(dir, "rita", "newpw"), CG_OK);
}

static void attributes_people_edit_identify_nobody_pitfall_13(void **state)
{
    struct cg_identity *who = NULL;

    (void)state;
    rig_modify(&rig, "dn: uid=rita," PEOPLE "\nchangetype: modify\nreplace: mail\nmail: alice\n-\n"
                     "replace: displayName\ndisplayName: alice\n\n");
    assert_int_equal(dir->ops->find(dir, "rita", &who, NULL), CG_OK);
    assert_string_equal(cg_identity_name(who), "rita");
    assert_false(cg_identity_in_group(who, "cn=payments," GROUPS));
    cg_identity_unref(&who);
    assert_int_equal(dir->ops->find(dir, "alice@example.test", &who, NULL), CG_ERR_ABSENT);
}

static void wrong_service_password_is_unavailable_and_no_anonymous_search_pitfall_6(void **state)
{
    struct cg_identity *who = NULL;
    struct cg_error err = {0};
    int64_t before = cg_metric_get(CG_METRIC_DIRECTORY_SERVICE_BINDS);

    (void)state;
    cg_secret_set(&conf.conf.ldap.bind_password, "wrong", 5);
    reopen();
    assert_int_equal(dir->ops->find(dir, "alice", &who, &err), CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(err.internal, "service account"));
    assert_null(strstr(err.detail, "service account"));
    assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_ERR_UNAVAILABLE);
    assert_int_equal(dir->ops->ping(dir, &err), CG_ERR_UNAVAILABLE);
    /* One wrong bind, not three: the directory would lock the account. */
    assert_int_equal(cg_metric_get(CG_METRIC_DIRECTORY_SERVICE_BINDS), before + 1);
}

static void referral_objects_are_not_followed_pitfall_8(void **state)
{
    struct cg_identity *who = NULL;
    char *dn = NULL;

    (void)state;
    /* Both bases hold one that leads to a closed port: following it would fail or wait. */
    assert_int_equal(dir->ops->find(dir, "alice", &who, NULL), CG_OK);
    cg_identity_unref(&who);
    assert_int_equal(dir->ops->resolve_group(dir, "elsewhere", &dn, NULL), CG_ERR_ABSENT);
}

static void one_name_for_two_people_is_a_conflict_and_no_login(void **state)
{
    struct cg_identity *who = NULL;
    struct cg_error err = {0};

    (void)state;
    assert_int_equal(dir->ops->find(dir, "dup", &who, &err), CG_ERR_CONFLICT);
    assert_int_equal(rig_try(dir, "dup", "duppw"), CG_ERR_UNAUTHENTICATED);
}

static void entry_under_two_bases_is_one_person(void **state)
{
    struct cg_identity *who = NULL;

    (void)state;
    conf.people[1] = (char *)"dc=example,dc=test";
    reopen();
    assert_int_equal(dir->ops->find(dir, "alice", &who, NULL), CG_OK);
    cg_identity_unref(&who);
}

static void of_several_names_the_typed_one_counts_and_in_tokens_the_one_in_the_dn(void **state)
{
    struct cg_identity *who = NULL;
    char *id;

    (void)state;
    assert_int_equal(rig_login(dir, "Multitude", "multipw", &who, NULL), CG_OK);
    assert_string_equal(cg_identity_name(who), "multitude");
    id = strdup(cg_identity_id(who));
    cg_identity_unref(&who);
    assert_int_equal(dir->ops->revalidate(dir, id, &who, NULL), CG_OK);
    assert_string_equal(cg_identity_name(who), "multi");
    cg_identity_unref(&who);
    free(id);
    /* Matches by the server's rules, equals none of the values by ours: refused rather than guessed. */
    assert_int_equal(dir->ops->find(dir, " multi ", &who, NULL), CG_ERR_CONFLICT);
}

static void groups_of_all_three_kinds_nested_and_in_cycles_are_found(void **state)
{
    static const char *const IN[] = {"team-a", "team-b",   "team-c",        "l1", "l2", "l3", "l4", "cyc1",
                                     "cyc2",   "payments", "payments-leads"};
    struct cg_identity *who = NULL;
    char dn[128];

    (void)state;
    assert_int_equal(dir->ops->find(dir, "alice", &who, NULL), CG_OK);
    assert_int_equal(cg_identity_group_count(who), sizeof(IN) / sizeof(IN[0]));
    for (size_t i = 0; i < sizeof(IN) / sizeof(IN[0]); i++) {
        snprintf(dn, sizeof(dn), "cn=%s," GROUPS, IN[i]);
        assert_true(cg_identity_in_group(who, dn));
    }
    cg_identity_unref(&who);
}

static void nesting_can_be_turned_off(void **state)
{
    struct cg_identity *who = NULL;

    (void)state;
    conf.conf.ldap.nested_groups = CG_NESTED_OFF;
    reopen();
    assert_int_equal(dir->ops->find(dir, "alice", &who, NULL), CG_OK);
    assert_true(cg_identity_in_group(who, "cn=l1," GROUPS));
    assert_false(cg_identity_in_group(who, "cn=l2," GROUPS));
    cg_identity_unref(&who);
}

static void person_without_groups_has_none(void **state)
{
    struct cg_identity *who = NULL;

    (void)state;
    assert_int_equal(dir->ops->find(dir, "trudy", &who, NULL), CG_OK);
    assert_int_equal(cg_identity_group_count(who), 0);
    cg_identity_unref(&who);
}

static void same_group_name_elsewhere_is_another_group_pitfall_12(void **state)
{
    struct cg_identity *who = NULL;

    (void)state;
    conf.groups[0] = (char *)"dc=example,dc=test";
    reopen();
    assert_int_equal(dir->ops->find(dir, "trudy", &who, NULL), CG_OK);
    assert_true(cg_identity_in_group(who, "cn=team-a,ou=shadowgroups,dc=example,dc=test"));
    assert_false(cg_identity_in_group(who, "cn=team-a," GROUPS));
    cg_identity_unref(&who);
}

static void ambiguous_group_name_is_a_conflict_that_names_all_pitfall_12(void **state)
{
    struct cg_error err = {0};
    char *dn = NULL;

    (void)state;
    assert_int_equal(dir->ops->resolve_group(dir, "team-a", &dn, &err), CG_OK);
    assert_string_equal(dn, "cn=team-a," GROUPS);
    free(dn);
    dn = NULL;
    conf.groups[0] = (char *)"dc=example,dc=test";
    reopen();
    assert_int_equal(dir->ops->resolve_group(dir, "team-a", &dn, &err), CG_ERR_CONFLICT);
    assert_non_null(strstr(err.detail, "cn=team-a," GROUPS));
    assert_non_null(strstr(err.detail, "cn=team-a,ou=shadowgroups,dc=example,dc=test"));
    assert_null(dn);
}

static void group_names_resolve_to_what_identities_hold_pitfall_14(void **state)
{
    struct cg_identity *who = NULL;
    char *dn = NULL;

    (void)state;
    assert_int_equal(dir->ops->find(dir, "smith", &who, NULL), CG_OK);
    assert_int_equal(dir->ops->resolve_group(dir, "R,D + \"Q\"", &dn, NULL), CG_OK);
    assert_true(cg_identity_in_group(who, dn));
    free(dn);
    cg_identity_unref(&who);
    assert_int_equal(dir->ops->find(dir, "\xe6\x9d\x8e\xe9\x9b\xb7", &who, NULL), CG_OK);
    assert_int_equal(dir->ops->canonical_dn(dir, "CN=\xc3\xa9quipe-\xc3\xa9, OU=Groups,DC=example,DC=test", &dn, NULL),
                     CG_OK);
    assert_true(cg_identity_in_group(who, dn));
    free(dn);
    cg_identity_unref(&who);
}

static void unknown_group_is_absent(void **state)
{
    char *dn = NULL;

    (void)state;
    assert_int_equal(dir->ops->resolve_group(dir, "no-such-group", &dn, NULL), CG_ERR_ABSENT);
    assert_int_equal(dir->ops->resolve_group(dir, "*", &dn, NULL), CG_ERR_ABSENT);
    assert_int_equal(dir->ops->resolve_group(dir, "", &dn, NULL), CG_ERR_ABSENT);
}

static void group_limits_make_membership_unknown_not_empty_pitfall_17(void **state)
{
    struct cg_identity *who = NULL;
    struct cg_error err = {0};

    (void)state;
    conf.conf.ldap.max_groups = 5;
    reopen();
    assert_int_equal(dir->ops->find(dir, "alice", &who, &err), CG_ERR_UNAVAILABLE);
    assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_ERR_UNAVAILABLE);
    assert_int_equal(dir->ops->find(dir, "pete", &who, &err), CG_OK);
    cg_identity_unref(&who);
    conf.conf.ldap.max_groups = 1000;
    conf.conf.ldap.nested_depth = 2;
    reopen();
    assert_int_equal(dir->ops->find(dir, "alice", &who, &err), CG_ERR_UNAVAILABLE);
    conf.conf.ldap.nested_depth = 3; /* l1 is direct, then l2, l3, l4 */
    reopen();
    assert_int_equal(dir->ops->find(dir, "alice", &who, &err), CG_OK);
    cg_identity_unref(&who);
}

static void missing_bases_are_unavailable_not_absent_pitfall_17(void **state)
{
    struct cg_identity *who = NULL;
    struct cg_error err = {0};

    (void)state;
    conf.groups[0] = (char *)"ou=nowhere,dc=example,dc=test";
    reopen();
    assert_int_equal(dir->ops->find(dir, "alice", &who, &err), CG_ERR_UNAVAILABLE);
    conf.groups[0] = (char *)GROUPS;
    conf.people[0] = (char *)"ou=nowhere,dc=example,dc=test";
    reopen();
    assert_int_equal(dir->ops->find(dir, "alice", &who, &err), CG_ERR_UNAVAILABLE);
}

static void searches_never_run_as_the_person_pitfall_19(void **state)
{
    struct cg_ldap_directory *d = (struct cg_ldap_directory *)dir;

    (void)state;
    /* alice may read nothing but herself: with her own identity there would be no groups, and after a login the
     * service connection would be hers. */
    for (int i = 0; i < 3; i++) {
        struct cg_identity *who = NULL;

        assert_int_equal(rig_login(dir, "alice", "alicepw", &who, NULL), CG_OK);
        assert_true(cg_identity_group_count(who) > 5);
        cg_identity_unref(&who);
    }
    assert_int_equal(cg_ldap_pool_open(d->pool), 1);
}

static void required_group_lets_members_in_only(void **state)
{
    struct cg_identity *who = NULL;
    struct cg_error err = {0};

    (void)state;
    set_text(&conf.conf.ldap.required_group, "CN=Payments, ou=groups,dc=example,dc=test");
    reopen();
    assert_int_equal(rig_try(dir, "paula", "paulapw"), CG_OK);
    assert_int_equal(rig_try(dir, "pete", "petepw"), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(dir->ops->find(dir, "pete", &who, &err), CG_ERR_DENIED);
    assert_non_null(strstr(err.internal, "required_group"));
}

static void account_filter_must_match_at_every_check(void **state)
{
    struct cg_identity *who = NULL;
    char *id = rig_id(dir, "pete");

    (void)state;
    set_text(&conf.conf.ldap.account_filter, "(!(uid=pete))");
    reopen();
    assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_OK);
    assert_int_equal(rig_try(dir, "pete", "petepw"), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(dir->ops->find(dir, "pete", &who, NULL), CG_ERR_DENIED);
    assert_int_equal(dir->ops->revalidate(dir, id, &who, NULL), CG_ERR_DENIED);
    free(id);
}

static void token_follows_the_entry_and_not_the_name_pitfall_15(void **state)
{
    char *id = rig_id(dir, "rita");
    struct cg_identity *who = NULL;

    (void)state;
    rig_modify(&rig, "dn: uid=rita," PEOPLE "\nchangetype: modrdn\nnewrdn: uid=rosa\ndeleteoldrdn: 1\n\n");
    assert_int_equal(dir->ops->revalidate(dir, id, &who, NULL), CG_OK);
    assert_string_equal(cg_identity_name(who), "rosa");
    cg_identity_unref(&who);
    rig_modify(&rig, "dn: uid=rosa," PEOPLE "\nchangetype: delete\n\n"
                     "dn: uid=rita," PEOPLE "\nchangetype: add\nobjectClass: inetOrgPerson\nuid: rita\ncn: R\nsn: R\n"
                     "userPassword: ritapw\n\n");
    assert_int_equal(dir->ops->revalidate(dir, id, &who, NULL), CG_ERR_ABSENT);
    assert_int_equal(dir->ops->find(dir, "rita", &who, NULL), CG_OK);
    assert_string_not_equal(cg_identity_id(who), id);
    cg_identity_unref(&who);
    free(id);
}

static void token_is_worth_what_the_search_filter_says(void **state)
{
    char *id = rig_id(dir, "olga");
    struct cg_identity *who = NULL;

    (void)state;
    set_text(&conf.conf.ldap.search_filter, "(&(objectClass=inetOrgPerson)(uid={username})(!(displayName=Olga*)))");
    reopen();
    assert_int_equal(dir->ops->revalidate(dir, id, &who, NULL), CG_ERR_DENIED);
    assert_int_equal(dir->ops->revalidate(dir, "not-an-id", &who, NULL), CG_ERR_ABSENT);
    assert_int_equal(dir->ops->revalidate(dir, "00000000-0000-0000-0000-000000000000", &who, NULL), CG_ERR_ABSENT);
    free(id);
}

static void binary_ids_are_hex_and_lead_back(void **state)
{
    struct cg_identity *who = NULL;

    (void)state;
    rig_modify(&rig, "dn: uid=judy," PEOPLE "\nchangetype: modify\nreplace: objectGUID\nobjectGUID:: AP8oKSpc\n\n");
    set_text(&conf.conf.ldap.id_attribute, "objectGUID");
    reopen();
    assert_int_equal(rig_login(dir, "judy", "judypw", &who, NULL), CG_OK);
    assert_string_equal(cg_identity_id(who), "00ff28292a5c");
    cg_identity_unref(&who);
    assert_int_equal(dir->ops->revalidate(dir, "00ff28292a5c", &who, NULL), CG_OK);
    assert_string_equal(cg_identity_name(who), "judy");
    cg_identity_unref(&who);
    /* Somebody without the attribute is nobody we could recognise again. */
    assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_ERR_UNAVAILABLE);
}

static void start_tls_and_local_socket_work(void **state)
{
    (void)state;
    conf.uri[0] = rig.url;
    reopen();
    assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_OK);
    conf.uri[0] = rig.ldapi;
    reopen();
    assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_OK);
    conf.uri[0] = rig.url;
    conf.conf.ldap.start_tls = CG_START_TLS_NEVER;
    conf.conf.ldap.allow_plaintext = true;
    reopen();
    assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_OK);
}

/* One of several people at once. */
static void *log_in_often(void *cls)
{
    static const char *const NAMES[] = {"alice", "paula", "pete", "olga"};
    size_t me = (size_t)cls;
    size_t failed = 0;

    for (size_t i = 0; i < 20; i++) {
        const char *name = NAMES[(me + i) % 4];
        struct cg_identity *who = NULL;
        char password[32];

        snprintf(password, sizeof(password), "%spw", name);
        if (rig_login(dir, name, password, &who, NULL) != CG_OK || strcmp(cg_identity_name(who), name) != 0)
            failed++;
        cg_identity_unref(&who);
    }
    return (void *)failed;
}

static void many_threads_share_a_small_pool(void **state)
{
    struct cg_ldap_directory *d;
    pthread_t threads[8];

    (void)state;
    conf.conf.ldap.pool_size = 2;
    reopen();
    d = (struct cg_ldap_directory *)dir;
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_in_often, (void *)i), 0);
    for (size_t i = 0; i < 8; i++) {
        void *failed = NULL;

        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_in_range(cg_ldap_pool_open(d->pool), 1, 2);
}

static void old_and_idle_connections_are_replaced(void **state)
{
    int64_t before;

    (void)state;
    conf.conf.ldap.pool_idle_timeout = 1;
    reopen();
    assert_int_equal(dir->ops->ping(dir, NULL), CG_OK);
    before = cg_metric_get(CG_METRIC_DIRECTORY_SERVICE_BINDS);
    usleep(20000);
    assert_int_equal(dir->ops->ping(dir, NULL), CG_OK);
    assert_int_equal(cg_metric_get(CG_METRIC_DIRECTORY_SERVICE_BINDS), before + 1);
    conf.conf.ldap.pool_idle_timeout = 300000;
    reopen();
    assert_int_equal(dir->ops->ping(dir, NULL), CG_OK);
    before = cg_metric_get(CG_METRIC_DIRECTORY_SERVICE_BINDS);
    assert_int_equal(dir->ops->ping(dir, NULL), CG_OK);
    assert_int_equal(cg_metric_get(CG_METRIC_DIRECTORY_SERVICE_BINDS), before);
}

static void connection_past_its_lifetime_is_replaced_though_it_is_in_use(void **state)
{
    int64_t before;

    (void)state;
    conf.conf.ldap.pool_max_lifetime = 100;
    reopen();
    assert_int_equal(dir->ops->ping(dir, NULL), CG_OK);
    before = cg_metric_get(CG_METRIC_DIRECTORY_SERVICE_BINDS);
    for (int i = 0; i < 6; i++) {
        usleep(20000);
        assert_int_equal(dir->ops->ping(dir, NULL), CG_OK);
    }
    assert_in_range(cg_metric_get(CG_METRIC_DIRECTORY_SERVICE_BINDS) - before, 1, 2);
}

static void lifetimes_differ_by_up_to_a_tenth(void **state)
{
    int64_t least = INT64_MAX, most = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        int64_t time = cg_ldap_pool_jittered(900000);

        least = time < least ? time : least;
        most = time > most ? time : most;
    }
    assert_in_range(least, 810000, 819000);
    assert_in_range(most, 891000, 900000);
}

static void remember(void *cls, int ok, const char *step, const char *text)
{
    cg_buf_addf(cls, "%s %s: %s\n", ok ? "ok" : "FAIL", step, text);
}

static void diagnosis_tells_every_step(void **state)
{
    struct cg_secret password = {0};
    struct cg_identity *who = NULL;
    struct cg_error err = {0};
    struct cg_buf out;

    (void)state;
    cg_buf_init(&out, 65536);
    cg_secret_set(&password, "alicepw", 7);
    assert_int_equal(dir->ops->diagnose(dir, "alice", &password, remember, &out, &who, &err), CG_OK);
    assert_string_equal(cg_identity_name(who), "alice");
    assert_non_null(strstr(cg_buf_str(&out), "ok server: ldaps://127.0.0.1:"));
    assert_non_null(strstr(cg_buf_str(&out), "ok tls: TLS"));
    assert_non_null(strstr(cg_buf_str(&out), "ok service bind: as cn=gateway"));
    assert_non_null(strstr(cg_buf_str(&out), "ok who am I: dn:cn=gateway"));
    assert_non_null(strstr(cg_buf_str(&out), "(uid=alice)"));
    assert_non_null(strstr(cg_buf_str(&out), "ok find: uid=alice," PEOPLE));
    assert_non_null(strstr(cg_buf_str(&out), "ok group: cn=l4," GROUPS));
    assert_non_null(strstr(cg_buf_str(&out), "ok login: "));
    assert_null(strstr(cg_buf_str(&out), "FAIL"));
    assert_null(strstr(cg_buf_str(&out), "alicepw"));
    cg_identity_unref(&who);
    cg_secret_free(&password);
    cg_buf_free(&out);
}

static void diagnosis_says_what_is_wrong(void **state)
{
    struct cg_identity *who = NULL;
    struct cg_error err = {0};
    struct cg_buf out;

    (void)state;
    cg_buf_init(&out, 65536);
    assert_int_equal(dir->ops->diagnose(dir, "hugo", NULL, remember, &out, &who, &err), CG_ERR_DENIED);
    assert_non_null(strstr(cg_buf_str(&out), "FAIL account: "));
    assert_non_null(strstr(cg_buf_str(&out), "nsAccountLock"));
    cg_buf_reset(&out);
    assert_int_equal(dir->ops->diagnose(dir, "nobody", NULL, remember, &out, &who, &err), CG_ERR_ABSENT);
    assert_non_null(strstr(cg_buf_str(&out), "search_base"));
    cg_secret_set(&conf.conf.ldap.bind_password, "wrong", 5);
    reopen();
    cg_buf_reset(&out);
    assert_int_equal(dir->ops->diagnose(dir, NULL, NULL, remember, &out, NULL, &err), CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(cg_buf_str(&out), "FAIL service bind: "));
    assert_null(who);
    cg_buf_free(&out);
}

static void bad_settings_are_refused_by_name(void **state)
{
    struct cg_conf_ldap *l = &conf.conf.ldap;
    struct cg_directory *other = NULL;
    struct cg_error err = {0};

    (void)state;
#define REFUSED_BY(change, undo, name)                                                                                 \
    do {                                                                                                               \
        change;                                                                                                        \
        assert_int_equal(cg_ldap_directory_new(&conf.conf, &other, &err), CG_ERR_INVALID);                             \
        assert_non_null(strstr(err.detail, name));                                                                     \
        undo;                                                                                                          \
    } while (0)
    REFUSED_BY(cg_secret_free(&l->bind_password), cg_secret_set(&l->bind_password, "gwpw", 4), "bind_password_file");
    REFUSED_BY(conf.uri[0] = (char *)"http://x", conf.uri[0] = rig.ldaps, "ldap.uri");
    REFUSED_BY(conf.uri[0] = (char *)"ldap://a ldap://b", conf.uri[0] = rig.ldaps, "ldap.uri");
    REFUSED_BY(conf.uri[0] = NULL, conf.uri[0] = rig.ldaps, "ldap.uri");
    REFUSED_BY((l->start_tls = CG_START_TLS_NEVER, conf.uri[0] = rig.url), conf.uri[0] = rig.ldaps, "start_tls");
    REFUSED_BY((l->allow_plaintext = true, conf.uri[0] = (char *)"ldap://ldap.example.test"), conf.uri[0] = rig.ldaps,
               "start_tls");
    l->start_tls = CG_START_TLS_REQUIRED;
    REFUSED_BY(set_text(&l->tls_ca_file, "/nonexistent/ca.pem"), set_text(&l->tls_ca_file, rig.ca), "tls_ca_file");
    REFUSED_BY(set_text(&l->tls_ca_file, "/dev/null"), set_text(&l->tls_ca_file, rig.ca), "tls_ca_file");
    REFUSED_BY(conf.people[0] = (char *)"people", conf.people[0] = (char *)PEOPLE, "search_base");
    REFUSED_BY(conf.groups[0] = (char *)"groups", conf.groups[0] = (char *)GROUPS, "group_base");
    REFUSED_BY(set_text(&l->required_group, "payments"), set_text(&l->required_group, ""), "required_group");
    REFUSED_BY(set_text(&l->search_filter, "(uid=alice)"), set_text(&l->search_filter, "(uid={username})"),
               "search_filter");
    REFUSED_BY(set_text(&l->group_filter, "(cn=*)"), set_text(&l->group_filter, "(member={dn})"), "group_filter");
    REFUSED_BY(set_text(&l->id_attribute, "a)(b"), set_text(&l->id_attribute, "entryUUID"), "id_attribute");
    REFUSED_BY(set_text(&l->bind_dn, ""), set_text(&l->bind_dn, "cn=x"), "bind_dn");
#undef REFUSED_BY
    assert_null(other);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(right_password_gives_the_whole_identity),
        T(wrong_password_and_unknown_name_are_one_answer_pitfall_9),
        T(empty_password_never_reaches_directory_pitfall_1),
        T(password_with_nul_never_reaches_directory_pitfall_2),
        T(odd_user_names_never_reach_directory_pitfall_2),
        T(injected_filters_match_nobody_pitfall_3),
        T(names_full_of_dn_syntax_are_only_names_pitfall_4),
        T(spellings_of_a_name_are_one_person_pitfall_5),
        T(names_beyond_ascii_and_odd_dns_log_in),
        T(every_account_state_is_heeded),
        T(bind_that_must_change_the_password_is_no_login_pitfall_21),
        T(grace_logins_are_logins_until_used_up),
        T(wrong_password_costs_one_bind_and_lock_out_stops_no_token_pitfall_11),
        T(old_password_is_refused_at_once_pitfall_10),
        T(attributes_people_edit_identify_nobody_pitfall_13),
        T(wrong_service_password_is_unavailable_and_no_anonymous_search_pitfall_6),
        T(referral_objects_are_not_followed_pitfall_8),
        T(one_name_for_two_people_is_a_conflict_and_no_login),
        T(entry_under_two_bases_is_one_person),
        T(of_several_names_the_typed_one_counts_and_in_tokens_the_one_in_the_dn),
        T(groups_of_all_three_kinds_nested_and_in_cycles_are_found),
        T(nesting_can_be_turned_off),
        T(person_without_groups_has_none),
        T(same_group_name_elsewhere_is_another_group_pitfall_12),
        T(ambiguous_group_name_is_a_conflict_that_names_all_pitfall_12),
        T(group_names_resolve_to_what_identities_hold_pitfall_14),
        T(unknown_group_is_absent),
        T(group_limits_make_membership_unknown_not_empty_pitfall_17),
        T(missing_bases_are_unavailable_not_absent_pitfall_17),
        T(searches_never_run_as_the_person_pitfall_19),
        T(required_group_lets_members_in_only),
        T(account_filter_must_match_at_every_check),
        T(token_follows_the_entry_and_not_the_name_pitfall_15),
        T(token_is_worth_what_the_search_filter_says),
        T(binary_ids_are_hex_and_lead_back),
        T(start_tls_and_local_socket_work),
        T(many_threads_share_a_small_pool),
        T(old_and_idle_connections_are_replaced),
        T(connection_past_its_lifetime_is_replaced_though_it_is_in_use),
        T(lifetimes_differ_by_up_to_a_tenth),
        T(diagnosis_tells_every_step),
        T(diagnosis_says_what_is_wrong),
        T(bad_settings_are_refused_by_name),
    };
    int failed;

    if (!rig_start(&rig, "")) {
        puts("SKIP: slapd is not installed");
        return 77;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    rig_stop(&rig);
    return failed;
}
