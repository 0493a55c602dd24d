/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Groups against real OpenLDAP servers: one with direct memberOf (overlay memberof), one whose memberOf lists nested
 * and dynamic groups (overlay dynlist), which also judges our own climbing. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ldap/ldap_directory.h"
#include "rig.h"

#define BASE "dc=example,dc=test"

static struct rig rig, oracle;
static struct rig_conf conf;
static struct cg_directory *dir;

static void set_text(char **setting, const char *text)
{
    free(*setting);
    *setting = strdup(text);
}

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

/* Settings for the other server. */
static void use_oracle(void)
{
    conf.uri[0] = oracle.ldaps;
    set_text(&conf.conf.ldap.tls_ca_file, oracle.ca);
    reopen();
}

static void use(int source, int nested)
{
    conf.conf.ldap.group_source = source;
    conf.conf.ldap.nested_groups = nested;
    reopen();
}

/* The person's groups, one a line, in order. Caller frees. */
static char *groups_of(const char *name)
{
    struct cg_identity *who = NULL;
    struct cg_error err = {0};
    struct cg_buf out;

    cg_buf_init(&out, 1 << 20);
    cg_buf_addstr(&out, "");
    if (dir->ops->find(dir, name, &who, &err) != CG_OK)
        print_error("%s: %s (%s)\n", name, err.detail, err.internal);
    assert_non_null(who);
    for (size_t i = 0; i < cg_identity_group_count(who); i++)
        cg_buf_addf(&out, "%s\n", cg_identity_group_dn(who, i));
    cg_identity_unref(&who);
    return cg_buf_take(&out);
}

/* People of the seed who may be used. */
static const char *const EVERYBODY[] = {"alice",
                                        "judy",
                                        "lena",
                                        "rita",
                                        "nopass",
                                        "multi",
                                        "o'brien(x)*\\",
                                        "smith",
                                        "tanja",
                                        "j\xc3\xbcrgen",
                                        "\xe6\x9d\x8e\xe9\x9b\xb7",
                                        "paula",
                                        "pete",
                                        "olga",
                                        "trudy"};

static void expect_same_groups(int source_a, int nested_a, int source_b, int nested_b)
{
    for (size_t i = 0; i < sizeof(EVERYBODY) / sizeof(EVERYBODY[0]); i++) {
        char *a, *b;

        use(source_a, nested_a);
        a = groups_of(EVERYBODY[i]);
        use(source_b, nested_b);
        b = groups_of(EVERYBODY[i]);
        assert_string_equal(a, b);
        free(a);
        free(b);
    }
}

static void climbing_agrees_with_the_servers_own_nesting(void **state)
{
    char *groups;

    (void)state;
    use_oracle();
    conf.groups[0] = (char *)BASE;
    set_text(&conf.conf.ldap.group_filter, "(&(objectClass=groupOfNames)(member={dn}))");
    expect_same_groups(CG_GROUPS_SEARCH, CG_NESTED_RECURSIVE, CG_GROUPS_MEMBER_OF, CG_NESTED_OFF);
    expect_same_groups(CG_GROUPS_MEMBER_OF, CG_NESTED_RECURSIVE, CG_GROUPS_MEMBER_OF, CG_NESTED_OFF);
    use(CG_GROUPS_MEMBER_OF, CG_NESTED_OFF);
    groups = groups_of("alice");
    assert_non_null(strstr(groups, "cn=l4,"));
    assert_non_null(strstr(groups, "cn=cyc2,"));
    free(groups);
}

static void dynamic_groups_are_seen_where_the_server_expands_them(void **state)
{
    char *groups;

    (void)state;
    rig_modify(&oracle, "dn: cn=dyn42," GROUPS "\nchangetype: add\nobjectClass: groupOfURLs\ncn: dyn42\n"
                        "memberURL: ldap:///" PEOPLE "??sub?(uid=alice)\n\n");
    use_oracle();
    use(CG_GROUPS_MEMBER_OF, CG_NESTED_OFF);
    groups = groups_of("alice");
    assert_non_null(strstr(groups, "cn=dyn42," GROUPS "\n"));
    free(groups);
    groups = groups_of("paula");
    assert_null(strstr(groups, "dyn42"));
    free(groups);
    assert_int_equal(dir->ops->group_alive(dir, "cn=dyn42," GROUPS, NULL), CG_OK);
    rig_modify(&oracle, "dn: cn=dyn42," GROUPS "\nchangetype: delete\n\n");
}

static void direct_member_of_is_followed_upwards(void **state)
{
    char *direct;

    (void)state;
    set_text(&conf.conf.ldap.group_filter, "(&(objectClass=groupOfNames)(member={dn}))");
    expect_same_groups(CG_GROUPS_SEARCH, CG_NESTED_RECURSIVE, CG_GROUPS_MEMBER_OF, CG_NESTED_RECURSIVE);
    expect_same_groups(CG_GROUPS_SEARCH, CG_NESTED_OFF, CG_GROUPS_MEMBER_OF, CG_NESTED_OFF);
    use(CG_GROUPS_MEMBER_OF, CG_NESTED_OFF);
    direct = groups_of("alice");
    assert_non_null(strstr(direct, "cn=l1,"));
    assert_null(strstr(direct, "cn=l2,"));
    free(direct);
}

static void member_of_outside_of_the_bases_does_not_count(void **state)
{
    char *groups;

    (void)state;
    use(CG_GROUPS_MEMBER_OF, CG_NESTED_RECURSIVE);
    groups = groups_of("trudy");
    assert_string_equal(groups, "");
    free(groups);
    conf.groups[0] = (char *)"ou=shadowgroups," BASE;
    reopen();
    groups = groups_of("trudy");
    assert_string_equal(groups, "cn=team-a,ou=shadowgroups," BASE "\n");
    free(groups);
}

static void group_that_member_of_names_and_nobody_finds_still_counts(void **state)
{
    char *groups;

    (void)state;
    /* What a replica can show for a while: the value is there and its group is not. */
    rig_modify(&rig, "dn: cn=brief," GROUPS "\nchangetype: add\nobjectClass: groupOfNames\ncn: brief\n"
                     "member: uid=judy," PEOPLE "\n\n");
    use(CG_GROUPS_MEMBER_OF, CG_NESTED_RECURSIVE);
    groups = groups_of("judy");
    assert_string_equal(groups, "cn=brief," GROUPS "\n");
    free(groups);
    rig_modify(&rig, "dn: cn=brief," GROUPS "\nchangetype: delete\n\n");
    groups = groups_of("judy");
    assert_string_equal(groups, "");
    free(groups);
}

static void expect_probe_refuses(const char *key)
{
    struct cg_identity *who = NULL;
    struct cg_error err = {0};

    assert_int_equal(dir->ops->probe(dir, &err), CG_ERR_INVALID);
    assert_non_null(strstr(err.detail, key));
    assert_int_equal(dir->ops->find(dir, "alice", &who, &err), CG_ERR_UNAVAILABLE);
    assert_null(who);
}

static void openldap_knows_neither_the_rule_nor_token_groups(void **state)
{
    (void)state;
    use(CG_GROUPS_SEARCH, CG_NESTED_IN_CHAIN);
    expect_probe_refuses("ldap.nested_groups");
    use(CG_GROUPS_TOKEN_GROUPS, CG_NESTED_OFF);
    expect_probe_refuses("ldap.group_source");
    use(CG_GROUPS_SEARCH, CG_NESTED_RECURSIVE);
    assert_int_equal(dir->ops->probe(dir, NULL), CG_OK);
    use(CG_GROUPS_MEMBER_OF, CG_NESTED_RECURSIVE);
    assert_int_equal(dir->ops->probe(dir, NULL), CG_OK);
}

#define LINES_MAX 64

struct lines {
    char *text[LINES_MAX];
    size_t count;
};

static enum cg_err add_line(void *cls, const char *dn, const char *name)
{
    struct lines *lines = cls;

    assert_true(lines->count < LINES_MAX);
    lines->text[lines->count++] = cg_asprintf("%s=%s\n", name, dn);
    return CG_OK;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "NAME=DN", one a line, sorted: servers list in any order. */
static enum cg_err list(const char *filter, struct cg_buf *out, struct cg_error *err)
{
    struct lines lines = {0};
    enum cg_err rc = dir->ops->each_group(dir, filter, add_line, &lines, err);

    qsort(lines.text, lines.count, sizeof(lines.text[0]), compare_lines);
    cg_buf_reset(out);
    for (size_t i = 0; i < lines.count; i++) {
        cg_buf_addstr(out, lines.text[i]);
        free(lines.text[i]);
    }
    return rc;
}

static void groups_that_match_a_filter_are_listed_once_each(void **state)
{
    struct cg_error err = {0};
    struct cg_buf out;

    (void)state;
    cg_buf_init(&out, 1 << 20);
    assert_int_equal(list("(cn=team-*)", &out, &err), CG_OK);
    assert_non_null(strstr(cg_buf_str(&out), "team-a=cn=team-a," GROUPS "\n"));
    assert_non_null(strstr(cg_buf_str(&out), "team-b=cn=team-b," GROUPS "\n"));
    assert_non_null(strstr(cg_buf_str(&out), "team-c=cn=team-c," GROUPS "\n"));
    assert_null(strstr(cg_buf_str(&out), "payments"));
    assert_null(strstr(cg_buf_str(&out), "shadowgroups"));
    assert_int_equal(list("(cn=R,D + \"Q\")", &out, &err), CG_OK);
    assert_int_equal(strncmp(cg_buf_str(&out), "R,D + \"Q\"=cn=r\\2Cd", 18), 0);
    assert_int_equal(list("(cn=nothing-*)", &out, &err), CG_OK);
    assert_string_equal(cg_buf_str(&out), "");
    cg_buf_free(&out);
}

static void pages_of_every_size_list_the_same_groups(void **state)
{
    static const unsigned SIZES[] = {1, 3, 0};
    struct cg_error err = {0};
    struct cg_buf all, paged;

    (void)state;
    cg_buf_init(&all, 1 << 20);
    cg_buf_init(&paged, 1 << 20);
    assert_int_equal(list("(objectClass=*)", &all, &err), CG_OK);
    assert_true(all.len > 500);
    for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++) {
        conf.conf.ldap.page_size = SIZES[i];
        reopen();
        assert_int_equal(list("(objectClass=*)", &paged, &err), CG_OK);
        assert_string_equal(cg_buf_str(&all), cg_buf_str(&paged));
    }
    cg_buf_free(&all);
    cg_buf_free(&paged);
}

static void filters_that_are_none_are_refused(void **state)
{
    static const char *const BAD[] = {"cn=x",          "(cn=x",           "",           "(cn=x))(",
                                      "(member={dn})", "(cn={username})", "(cn={team})"};
    struct cg_error err = {0};
    struct cg_buf out;

    (void)state;
    cg_buf_init(&out, 1024);
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
        assert_int_equal(list(BAD[i], &out, &err), CG_ERR_INVALID);
    cg_buf_free(&out);
}

static void groups_without_a_name_are_left_out(void **state)
{
    struct cg_error err = {0};
    struct cg_buf out;

    (void)state;
    rig_modify(&rig, "dn: cn=platform," GROUPS "\nchangetype: modify\nadd: description\ndescription: The platform\n\n");
    cg_buf_init(&out, 1 << 20);
    set_text(&conf.conf.ldap.group_name_attribute, "description");
    reopen();
    assert_int_equal(list("(objectClass=groupOfNames)", &out, &err), CG_OK);
    assert_string_equal(cg_buf_str(&out), "The platform=cn=platform," GROUPS "\n");
    cg_buf_free(&out);
}

static enum cg_err stop_at_once(void *cls, const char *dn, const char *name)
{
    (void)dn, (void)name;
    ++*(int *)cls;
    return CG_ERR_CONFLICT;
}

static void visitor_that_refuses_ends_the_list(void **state)
{
    int visits = 0;

    (void)state;
    assert_int_equal(dir->ops->each_group(dir, "(cn=*)", stop_at_once, &visits, NULL), CG_ERR_CONFLICT);
    assert_int_equal(visits, 1);
}

static enum cg_err alive(const char *dn)
{
    struct cg_error err = {0};
    char *key = NULL;
    enum cg_err rc;

    assert_int_equal(dir->ops->canonical_dn(dir, dn, &key, NULL), CG_OK);
    rc = dir->ops->group_alive(dir, key, &err);
    free(key);
    return rc;
}

static void groups_with_somebody_in_them_are_alive(void **state)
{
    (void)state;
    assert_int_equal(alive("cn=payments," GROUPS), CG_OK);
    assert_int_equal(alive("cn=team-b," GROUPS), CG_OK); /* uniqueMember */
    assert_int_equal(alive("cn=team-c," GROUPS), CG_OK); /* memberUid */
    assert_int_equal(alive("cn=l4," GROUPS), CG_OK);     /* only through three other groups */
    assert_int_equal(alive("cn=cyc2," GROUPS), CG_OK);
    assert_int_equal(alive("cn=R\\,D \\+ \\\"Q\\\"," GROUPS), CG_OK);
    use(CG_GROUPS_MEMBER_OF, CG_NESTED_RECURSIVE);
    assert_int_equal(alive("cn=l4," GROUPS), CG_OK);
}

static void without_nesting_nested_people_keep_no_group_alive(void **state)
{
    (void)state;
    use(CG_GROUPS_SEARCH, CG_NESTED_OFF);
    assert_int_equal(alive("cn=l1," GROUPS), CG_OK);
    assert_int_equal(alive("cn=l4," GROUPS), CG_ERR_ABSENT);
}

static void groups_of_nobody_usable_are_dead(void **state)
{
    (void)state;
    rig_modify(&rig, "dn: cn=left," GROUPS "\nchangetype: add\nobjectClass: groupOfNames\ncn: left\n"
                     "member: uid=bob," PEOPLE "\nmember: uid=hugo," PEOPLE "\n"
                     "member: uid=never-was," PEOPLE "\nmember: cn=gateway,ou=services," BASE "\n\n"
                     "dn: cn=ring1," GROUPS "\nchangetype: add\nobjectClass: groupOfNames\ncn: ring1\n"
                     "member: cn=ring2," GROUPS "\nmember: cn=left," GROUPS "\n\n"
                     "dn: cn=ring2," GROUPS "\nchangetype: add\nobjectClass: groupOfNames\ncn: ring2\n"
                     "member: cn=ring1," GROUPS "\n\n"
                     "dn: cn=names," GROUPS "\nchangetype: add\nobjectClass: posixGroup\ncn: names\ngidNumber: 77\n"
                     "memberUid: bob\nmemberUid: never-was\nmemberUid: *\nmemberUid: dup\n\n");
    assert_int_equal(alive("cn=left," GROUPS), CG_ERR_ABSENT);
    assert_int_equal(alive("cn=ring1," GROUPS), CG_ERR_ABSENT);
    assert_int_equal(alive("cn=ring2," GROUPS), CG_ERR_ABSENT);
    assert_int_equal(alive("cn=names," GROUPS), CG_ERR_ABSENT);
    assert_int_equal(alive("cn=no-such-group," GROUPS), CG_ERR_ABSENT);
    /* Groups elsewhere are nobody's, whoever is in them. */
    assert_int_equal(alive("cn=team-a,ou=shadowgroups," BASE), CG_ERR_ABSENT);
    rig_modify(&rig, "dn: cn=ring1," GROUPS "\nchangetype: modify\nadd: member\nmember: uid=olga," PEOPLE "\n\n");
    assert_int_equal(alive("cn=ring2," GROUPS), CG_OK);
    assert_int_equal(alive("cn=left," GROUPS), CG_ERR_ABSENT);
}

static void who_may_not_use_the_registry_keeps_no_group_alive(void **state)
{
    (void)state;
    set_text(&conf.conf.ldap.required_group, "cn=payments," GROUPS);
    reopen();
    assert_int_equal(alive("cn=payments-leads," GROUPS), CG_OK);
    assert_int_equal(alive("cn=platform," GROUPS), CG_ERR_ABSENT);
    set_text(&conf.conf.ldap.required_group, "");
    set_text(&conf.conf.ldap.account_filter, "(!(uid=pete))");
    reopen();
    assert_int_equal(alive("cn=platform," GROUPS), CG_ERR_ABSENT);
}

static void required_group_that_nobody_can_be_in_is_refused(void **state)
{
    struct cg_directory *other = NULL;
    struct cg_error err = {0};

    (void)state;
    set_text(&conf.conf.ldap.required_group, "cn=team-a,ou=shadowgroups," BASE);
    assert_int_equal(cg_ldap_directory_new(&conf.conf, &other, &err), CG_ERR_INVALID);
    assert_non_null(strstr(err.detail, "ldap.required_group"));
    set_text(&conf.conf.ldap.required_group, "cn=payments," GROUPS);
    conf.conf.ldap.group_source = CG_GROUPS_NONE;
    assert_int_equal(cg_ldap_directory_new(&conf.conf, &other, &err), CG_ERR_INVALID);
    assert_null(other);
}

static void people_and_groups_under_one_base_are_told_apart(void **state)
{
    (void)state;
    conf.people[0] = (char *)BASE;
    conf.people[1] = NULL;
    conf.groups[0] = (char *)BASE;
    reopen();
    assert_int_equal(alive("cn=l4," GROUPS), CG_OK);
    assert_int_equal(alive("cn=team-a,ou=shadowgroups," BASE), CG_OK); /* trudy */
}

static void limits_on_the_way_down_are_unknown_not_dead(void **state)
{
    (void)state;
    conf.conf.ldap.nested_depth = 2;
    reopen();
    assert_int_equal(alive("cn=l4," GROUPS), CG_ERR_UNAVAILABLE);
    /* alice's own groups are too deep to tell, and those of paula are not. */
    assert_int_equal(alive("cn=payments-leads," GROUPS), CG_ERR_UNAVAILABLE);
    assert_int_equal(alive("cn=payments," GROUPS), CG_OK);
}

static void directory_that_is_gone_says_nothing_about_groups(void **state)
{
    struct cg_error err = {0};
    int visits = 0;

    (void)state;
    assert_int_equal(alive("cn=payments," GROUPS), CG_OK);
    rig_halt(&rig);
    assert_int_equal(alive("cn=payments," GROUPS), CG_ERR_UNAVAILABLE);
    assert_int_equal(alive("cn=no-such-group," GROUPS), CG_ERR_UNAVAILABLE);
    assert_int_equal(dir->ops->each_group(dir, "(cn=*)", stop_at_once, &visits, &err), CG_ERR_UNAVAILABLE);
    assert_int_equal(visits, 0);
    use(CG_GROUPS_SEARCH, CG_NESTED_IN_CHAIN);
    assert_int_equal(dir->ops->probe(dir, &err), CG_ERR_UNAVAILABLE);
    rig_again(&rig);
    assert_int_equal(dir->ops->probe(dir, &err), CG_ERR_INVALID);
}

static void size_limit_of_the_server_is_unknown_not_few_pitfall_17(void **state)
{
    struct rig small;
    struct cg_error err = {0};
    int visits = 0;

    (void)state;
    assert_true(rig_start(&small, "SIZELIMIT=5"));
    conf.uri[0] = small.ldaps;
    set_text(&conf.conf.ldap.tls_ca_file, small.ca);
    conf.conf.ldap.page_size = 3;
    reopen();
    /* OpenLDAP counts all pages together. */
    assert_int_equal(dir->ops->each_group(dir, "(cn=*)", stop_at_once, &visits, &err), CG_ERR_UNAVAILABLE);
    assert_int_equal(visits, 0);
    assert_non_null(strstr(err.internal, "more than a search may return"));
    cg_directory_free(&dir);
    dir = NULL;
    rig_stop(&small);
    conf.uri[0] = rig.ldaps;
    set_text(&conf.conf.ldap.tls_ca_file, rig.ca);
    dir = rig_directory(&conf);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(climbing_agrees_with_the_servers_own_nesting),
        T(dynamic_groups_are_seen_where_the_server_expands_them),
        T(direct_member_of_is_followed_upwards),
        T(member_of_outside_of_the_bases_does_not_count),
        T(group_that_member_of_names_and_nobody_finds_still_counts),
        T(openldap_knows_neither_the_rule_nor_token_groups),
        T(groups_that_match_a_filter_are_listed_once_each),
        T(pages_of_every_size_list_the_same_groups),
        T(filters_that_are_none_are_refused),
        T(groups_without_a_name_are_left_out),
        T(visitor_that_refuses_ends_the_list),
        T(groups_with_somebody_in_them_are_alive),
        T(without_nesting_nested_people_keep_no_group_alive),
        T(groups_of_nobody_usable_are_dead),
        T(who_may_not_use_the_registry_keeps_no_group_alive),
        T(required_group_that_nobody_can_be_in_is_refused),
        T(people_and_groups_under_one_base_are_told_apart),
        T(limits_on_the_way_down_are_unknown_not_dead),
        T(directory_that_is_gone_says_nothing_about_groups),
        T(size_limit_of_the_server_is_unknown_not_few_pitfall_17),
    };
    int failed;

    if (!rig_start(&rig, "") || !rig_start(&oracle, "MEMBEROF=dynlist")) {
        puts("SKIP: slapd is not installed");
        return 77;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    rig_stop(&rig);
    rig_stop(&oracle);
    return failed;
}
