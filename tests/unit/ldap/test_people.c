/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Finding people in the ways that have to be asked for: DN templates, patterns, aliases, mail, lock-outs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ldap/directory_impl.h"
#include "ldap/ldap_directory.h"
#include "log/metrics.h"
#include "rig.h"

#define TEMPLATE "uid={username}," PEOPLE

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

static void reopen(void)
{
    cg_directory_free(&dir);
    dir = rig_directory(&conf);
}

static void use_template(const char *template)
{
    rig_set(&conf.conf.ldap.user_dn_template, template);
    reopen();
}

static int64_t traffic(void)
{
    return cg_metric_get(CG_METRIC_DIRECTORY_BINDS) + cg_metric_get(CG_METRIC_DIRECTORY_SEARCHES) +
           cg_metric_get(CG_METRIC_DIRECTORY_SERVICE_BINDS);
}

static enum cg_err find(const char *name)
{
    struct cg_identity *who = NULL;
    enum cg_err rc = dir->ops->find(dir, name, &who, NULL);

    assert_int_equal(rc == CG_OK, who != NULL);
    cg_identity_unref(&who);
    return rc;
}

static void template_finds_people_and_the_entry_names_them_pitfall_5(void **state)
{
    static const char *const NAMES[] = {"alice", "ALICE", " alice "};
    char *id = rig_id(dir, "alice");

    (void)state;
    use_template(TEMPLATE);
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        struct cg_identity *who = NULL;

        assert_int_equal(rig_login(dir, NAMES[i], "alicepw", &who, NULL), CG_OK);
        assert_string_equal(cg_identity_id(who), id);
        assert_string_equal(cg_identity_name(who), "alice");
        assert_true(cg_identity_in_group(who, "cn=l4," GROUPS));
        cg_identity_unref(&who);
    }
    assert_int_equal(rig_try(dir, "alice", "wrong"), CG_ERR_UNAUTHENTICATED);
    free(id);
}

static void template_cannot_be_left_by_what_is_typed_pitfall_4(void **state)
{
    static const char *const NAMES[] = {
        "alice," PEOPLE, "alice,ou=people", "x+uid=alice", "alice\\2Cou=people",     "alice;ou=people",
        "#616c696365",   "\"alice\"",       "alice=",      "cn=gateway,ou=services", "*",
        "alice\\",       "{username}"};

    (void)state;
    use_template(TEMPLATE);
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        assert_int_equal(find(NAMES[i]), CG_ERR_ABSENT);
        assert_int_equal(rig_try(dir, NAMES[i], "alicepw"), CG_ERR_UNAUTHENTICATED);
    }
}

static void template_takes_names_full_of_dn_syntax_pitfall_4(void **state)
{
    static const char NAME[] = "#a,ou=b+c=\"d\";<e>\\#";
    struct cg_identity *who = NULL;

    (void)state;
    rig_modify(&rig, "dn: uid=\\#a\\,ou\\3Db\\+c\\3D\\\"d\\\"\\;\\<e\\>\\\\\\#," PEOPLE "\nchangetype: add\n"
                     "objectClass: inetOrgPerson\nuid: #a,ou=b+c=\"d\";<e>\\#\ncn: O\nsn: O\nuserPassword: oddpw\n\n");
    use_template(TEMPLATE);
    assert_int_equal(rig_login(dir, NAME, "oddpw", &who, NULL), CG_OK);
    assert_string_equal(cg_identity_name(who), NAME);
    cg_identity_unref(&who);
    assert_int_equal(rig_try(dir, "j\xc3\xbcrgen", "p\xc3\xa4ssw\xc3\xb6rd"), CG_OK);
    assert_int_equal(rig_try(dir, "\xe6\x9d\x8e\xe9\x9b\xb7", "\xe6\x9d\x8e\xe9\x9b\xb7pw"), CG_OK);
}

static void template_obeys_account_state_and_filter(void **state)
{
    (void)state;
    use_template(TEMPLATE);
    assert_int_equal(find("bob"), CG_ERR_DENIED);
    assert_int_equal(find("carol"), CG_ERR_DENIED);
    assert_int_equal(find("pete"), CG_OK);
    rig_set(&conf.conf.ldap.account_filter, "(!(uid=pete))");
    reopen();
    assert_int_equal(find("pete"), CG_ERR_DENIED);
    assert_int_equal(rig_try(dir, "pete", "petepw"), CG_ERR_UNAUTHENTICATED);
}

static void tokens_of_people_found_by_template_follow_the_id(void **state)
{
    char *id = rig_id(dir, "olga");
    struct cg_identity *who = NULL;

    (void)state;
    use_template(TEMPLATE);
    assert_int_equal(dir->ops->revalidate(dir, id, &who, NULL), CG_OK);
    assert_string_equal(cg_identity_name(who), "olga");
    cg_identity_unref(&who);
    free(id);
}

static void refused(char **setting, const char *value, const char *key)
{
    struct cg_directory *other = NULL;
    struct cg_error err = {0};

    rig_set(setting, value);
    assert_int_equal(cg_ldap_directory_new(&conf.conf, &other, &err), CG_ERR_INVALID);
    if (!strstr(err.detail, key))
        fail_msg("%s: %s", value, err.detail);
    assert_null(other);
}

static void templates_that_cannot_work_are_refused_by_name(void **state)
{
    static const char *const BAD[] = {"uid=alice," PEOPLE,
                                      "{username}=x," PEOPLE,
                                      "uid=\\{username}," PEOPLE,
                                      "uid=#{username}," PEOPLE,
                                      "uid=\"{username}\"," PEOPLE,
                                      "{username}",
                                      "uid={username},ou=elsewhere,dc=example,dc=test",
                                      "uid={username}"};

    (void)state;
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
        refused(&conf.conf.ldap.user_dn_template, BAD[i], "ldap.user_dn_template");
    /* Their tokens would be looked for at one level below the base only. */
    conf.conf.ldap.search_scope = CG_SCOPE_ONE;
    refused(&conf.conf.ldap.user_dn_template, "uid={username},ou=guests," PEOPLE, "ldap.search_scope");
}

static void name_that_does_not_match_the_pattern_never_reaches_directory(void **state)
{
    int64_t before;

    (void)state;
    rig_set(&conf.conf.ldap.username_pattern, "^[a-z]{1,5}$");
    reopen();
    before = traffic();
    assert_int_equal(find("multitude"), CG_ERR_ABSENT);
    assert_int_equal(rig_try(dir, "Alice", "alicepw"), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(traffic(), before);
    assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_OK);
}

static void bad_pattern_is_refused_by_name(void **state)
{
    (void)state;
    refused(&conf.conf.ldap.username_pattern, "^(alice$", "ldap.username_pattern");
}

static void mail_comes_from_its_attribute(void **state)
{
    struct cg_identity *who = NULL;

    (void)state;
    assert_int_equal(dir->ops->find(dir, "alice", &who, NULL), CG_OK);
    assert_string_equal(cg_identity_mail(who), "alice@example.test");
    cg_identity_unref(&who);
    assert_int_equal(dir->ops->find(dir, "pete", &who, NULL), CG_OK);
    assert_string_equal(cg_identity_mail(who), "");
    cg_identity_unref(&who);
    rig_set(&conf.conf.ldap.mail_attribute, "");
    reopen();
    assert_int_equal(dir->ops->find(dir, "alice", &who, NULL), CG_OK);
    assert_string_equal(cg_identity_mail(who), "");
    cg_identity_unref(&who);
}

static void aliases_are_followed_only_when_asked_for(void **state)
{
    (void)state;
    rig_modify(&rig, "dn: ou=aliases,dc=example,dc=test\nchangetype: add\nobjectClass: organizationalUnit\n\n"
                     "dn: uid=pete,ou=aliases,dc=example,dc=test\nchangetype: add\nobjectClass: alias\n"
                     "objectClass: extensibleObject\nuid: pete\naliasedObjectName: uid=pete," PEOPLE "\n\n");
    conf.people[0] = (char *)"ou=aliases,dc=example,dc=test";
    conf.people[1] = NULL;
    reopen();
    assert_int_equal(find("pete"), CG_ERR_ABSENT);
    conf.conf.ldap.dereference_aliases = CG_DEREF_FINDING; /* of the base only */
    reopen();
    assert_int_equal(find("pete"), CG_ERR_ABSENT);
    conf.conf.ldap.dereference_aliases = CG_DEREF_SEARCHING;
    reopen();
    assert_int_equal(find("pete"), CG_OK);
    conf.conf.ldap.dereference_aliases = CG_DEREF_ALWAYS;
    reopen();
    assert_int_equal(find("pete"), CG_OK);
}

static void lock_out_stops_tokens_only_when_asked_for(void **state)
{
    struct cg_identity *who = NULL;
    struct cg_error err = {0};
    char *id = rig_id(dir, "lena");

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(rig_try(dir, "lena", "wrong"), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(find("lena"), CG_OK);
    conf.conf.ldap.locked_by_failures_blocks_tokens = true;
    reopen();
    assert_int_equal(find("lena"), CG_ERR_DENIED);
    assert_int_equal(dir->ops->revalidate(dir, id, &who, &err), CG_ERR_DENIED);
    assert_non_null(strstr(err.internal, "locked by wrong passwords"));
    assert_int_equal(find("alice"), CG_OK);
    rig_modify(&rig, "dn: uid=lena," PEOPLE "\nchangetype: modify\ndelete: pwdAccountLockedTime\n\n");
    assert_int_equal(find("lena"), CG_OK);
    free(id);
}

static void remember(void *cls, int ok, const char *step, const char *text)
{
    cg_buf_addf(cls, "%s %s: %s\n", ok ? "ok" : "FAIL", step, text);
}

static void diagnosis_tells_template_mail_vendor_and_pattern(void **state)
{
    struct cg_identity *who = NULL;
    struct cg_error err = {0};
    struct cg_buf out;

    (void)state;
    cg_buf_init(&out, 65536);
    rig_set(&conf.conf.ldap.username_pattern, "^[a-z]+$");
    conf.conf.ldap.directory_type = CG_DIR_AD;
    use_template(TEMPLATE);
    assert_int_equal(dir->ops->diagnose(dir, "alice", NULL, remember, &out, &who, &err), CG_OK);
    assert_non_null(strstr(cg_buf_str(&out), "ok vendor: OpenLDAP"));
    assert_non_null(strstr(cg_buf_str(&out), "ok directory type: ldap.directory_type is \"ad\""));
    assert_non_null(strstr(cg_buf_str(&out), "ok search: the entry uid=alice," PEOPLE));
    assert_non_null(strstr(cg_buf_str(&out), "ok mail: alice@example.test"));
    cg_identity_unref(&who);
    cg_buf_reset(&out);
    assert_int_equal(dir->ops->diagnose(dir, "Alice", NULL, remember, &out, &who, &err), CG_ERR_ABSENT);
    assert_non_null(strstr(cg_buf_str(&out), "username_pattern"));
    cg_buf_reset(&out);
    assert_int_equal(dir->ops->diagnose(dir, "nobody", NULL, remember, &out, &who, &err), CG_ERR_ABSENT);
    assert_non_null(strstr(cg_buf_str(&out), "Check ldap.user_dn_template"));
    cg_buf_free(&out);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(template_finds_people_and_the_entry_names_them_pitfall_5),
        T(template_cannot_be_left_by_what_is_typed_pitfall_4),
        T(template_takes_names_full_of_dn_syntax_pitfall_4),
        T(template_obeys_account_state_and_filter),
        T(tokens_of_people_found_by_template_follow_the_id),
        T(templates_that_cannot_work_are_refused_by_name),
        T(name_that_does_not_match_the_pattern_never_reaches_directory),
        T(bad_pattern_is_refused_by_name),
        T(mail_comes_from_its_attribute),
        T(aliases_are_followed_only_when_asked_for),
        T(lock_out_stops_tokens_only_when_asked_for),
        T(diagnosis_tells_template_mail_vendor_and_pattern),
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
