/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Groups against a directory that answers like Active Directory, and against what one should never answer. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ad.h"
#include "log/metrics.h"
#include "rig.h"

#define AD_PEOPLE "OU=People,DC=corp,DC=test"
#define AD_GROUPS "OU=Groups,DC=corp,DC=test"
#define ALICE "CN=Alice," AD_PEOPLE
#define BOB "CN=Bob," AD_PEOPLE

static struct ad ad;
static struct rig_conf conf;
static struct cg_directory *dir;

static void set_text(char **setting, const char *text)
{
    free(*setting);
    *setting = strdup(text);
}

/* Ends in `rid`, in the domain S-1-5-21-1-2-3, or in the built-in one. */
static size_t make_sid(unsigned rid, bool builtin, unsigned char out[28])
{
    static const unsigned char DOMAIN[24] = {1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0};
    static const unsigned char BUILTIN[12] = {1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0};
    size_t len = builtin ? sizeof(BUILTIN) : sizeof(DOMAIN);

    memcpy(out, builtin ? BUILTIN : DOMAIN, len);
    for (unsigned i = 0; i < 4; i++)
        out[len + i] = (unsigned char)(rid >> (8 * i));
    return len + 4;
}

static void add_person(const char *dn, const char *name, unsigned number)
{
    unsigned char guid[16] = {0};

    memcpy(guid, &number, sizeof(number));
    guid[15] = 1;
    ad_put(&ad, dn, "objectClass", "user");
    ad_put(&ad, dn, "sAMAccountName", name);
    ad_put_bytes(&ad, dn, "objectGUID", guid, sizeof(guid));
    ad_put(&ad, dn, "userAccountControl", "512");
    ad_put(&ad, dn, "primaryGroupID", "513");
}

static void add_group(const char *name, unsigned rid, const char *member)
{
    unsigned char sid[28];
    char dn[128], token[16];

    snprintf(dn, sizeof(dn), "CN=%s," AD_GROUPS, name);
    snprintf(token, sizeof(token), "%u", rid);
    ad_put(&ad, dn, "objectClass", "group");
    ad_put(&ad, dn, "cn", name);
    ad_put(&ad, dn, "sAMAccountName", name);
    ad_put(&ad, dn, "primaryGroupToken", token);
    ad_put_bytes(&ad, dn, "objectSid", sid, make_sid(rid, false, sid));
    if (member)
        ad_put(&ad, dn, "member", member);
}

static void add_token(const char *person, unsigned rid, bool builtin)
{
    unsigned char sid[28];
    size_t len = make_sid(rid, builtin, sid);

    ad_put_bytes(&ad, person, "tokenGroups", sid, len);
}

/* alice is in Team, Team in Division, Division in Company and back; everybody's primary group is Domain Users. */
static void populate(void)
{
    ad_put(&ad, "DC=corp,DC=test", "objectClass", "domain");
    ad_put(&ad, AD_PEOPLE, "objectClass", "organizationalUnit");
    ad_put(&ad, AD_GROUPS, "objectClass", "organizationalUnit");
    add_person(ALICE, "alice", 1);
    add_person(BOB, "bob", 2);
    add_group("Team", 1001, ALICE);
    add_group("Division", 1002, "CN=Team," AD_GROUPS);
    add_group("Company", 1003, "CN=Division," AD_GROUPS);
    ad_put(&ad, "CN=Team," AD_GROUPS, "member", "CN=Company," AD_GROUPS);
    add_group("Domain Users", 513, NULL);
    for (unsigned rid = 1001; rid <= 1003; rid++)
        add_token(ALICE, rid, false);
    add_token(ALICE, 513, false);
    add_token(ALICE, 545, true);
    add_token(BOB, 513, false);
}

static void configure(void)
{
    struct cg_conf_ldap *ldap = &conf.conf.ldap;
    struct rig none = {0};

    rig_conf(&conf, &none, ad.peer.url, NULL);
    conf.people[0] = (char *)AD_PEOPLE;
    conf.people[1] = NULL;
    conf.groups[0] = (char *)AD_GROUPS;
    ldap->start_tls = CG_START_TLS_NEVER;
    ldap->allow_plaintext = true;
    ldap->directory_type = CG_DIR_AD;
    ldap->nested_groups = CG_NESTED_IN_CHAIN;
    set_text(&ldap->search_filter, "(&(objectClass=user)(sAMAccountName={username}))");
    set_text(&ldap->username_attribute, "sAMAccountName");
    set_text(&ldap->id_attribute, "objectGUID");
    set_text(&ldap->group_filter, "(&(objectClass=group)(member={dn}))");
}

static int set_up(void **state)
{
    (void)state;
    ad_init(&ad);
    populate();
    return 0;
}

/* The entries and faults are as the test wants them: now they are served. */
static void start(void)
{
    ad_start(&ad);
    configure();
    dir = rig_directory(&conf);
}

static int tear_down(void **state)
{
    (void)state;
    cg_directory_free(&dir);
    rig_conf_free(&conf);
    ad_stop(&ad);
    return 0;
}

static void reopen(void)
{
    cg_directory_free(&dir);
    dir = rig_directory(&conf);
}

static struct cg_identity *found(const char *name)
{
    struct cg_identity *who = NULL;
    struct cg_error err = {0};

    if (dir->ops->find(dir, name, &who, &err) != CG_OK)
        print_error("%s: %s (%s)\n", name, err.detail, err.internal);
    assert_non_null(who);
    return who;
}

static bool is_in(const struct cg_identity *who, const char *group)
{
    char dn[128], *key = NULL;
    bool yes;

    snprintf(dn, sizeof(dn), "CN=%s," AD_GROUPS, group);
    assert_int_equal(dir->ops->canonical_dn(dir, dn, &key, NULL), CG_OK);
    yes = cg_identity_in_group(who, key);
    free(key);
    return yes;
}

/* Exactly these groups. */
static void expect_groups(const char *name, const char *const *groups)
{
    struct cg_identity *who = found(name);
    size_t count = 0;

    for (; groups[count]; count++)
        assert_true(is_in(who, groups[count]));
    assert_int_equal(cg_identity_group_count(who), count);
    cg_identity_unref(&who);
}

/* "No groups" must never come of it. */
static void expect_unknown(const char *name, const char *why)
{
    struct cg_identity *who = NULL;
    struct cg_error err = {0};

    assert_int_equal(dir->ops->find(dir, name, &who, &err), CG_ERR_UNAVAILABLE);
    if (!strstr(err.internal, why))
        print_error("not \"%s\": %s\n", why, err.internal);
    assert_non_null(strstr(err.internal, why));
    assert_null(strstr(err.detail, why));
    assert_null(who);
}

static const char *const NESTED[] = {"Team", "Division", "Company", NULL};

static void matching_rule_finds_nested_groups_in_one_search(void **state)
{
    int64_t before;

    (void)state;
    start();
    assert_int_equal(dir->ops->probe(dir, NULL), CG_OK);
    before = ad.chain_searches;
    expect_groups("alice", NESTED);
    assert_int_equal(ad.chain_searches, before + 1);
    expect_groups("bob", (const char *const[]){NULL});
}

static void rule_is_proven_once_even_without_a_probe_at_start(void **state)
{
    (void)state;
    start();
    expect_groups("alice", NESTED);
    assert_int_equal(ad.chain_searches, 2);
    expect_groups("alice", NESTED);
    assert_int_equal(ad.chain_searches, 3);
}

static void server_that_ignores_the_rule_is_found_out(void **state)
{
    struct cg_error err = {0};

    (void)state;
    ad.chain = AD_CHAIN_IGNORED;
    start();
    assert_int_equal(dir->ops->probe(dir, &err), CG_ERR_INVALID);
    assert_non_null(strstr(err.detail, "ldap.nested_groups"));
    assert_non_null(strstr(err.detail, "\"recursive\""));
    /* Also when the daemon started while the directory was down, and nobody probed. */
    reopen();
    expect_unknown("alice", "matching rule");
    conf.conf.ldap.nested_groups = CG_NESTED_RECURSIVE;
    reopen();
    assert_int_equal(dir->ops->probe(dir, &err), CG_OK);
    expect_groups("alice", NESTED);
}

static void server_that_refuses_the_rule_is_found_out(void **state)
{
    struct cg_error err = {0};

    (void)state;
    ad.chain = AD_CHAIN_REFUSED;
    start();
    assert_int_equal(dir->ops->probe(dir, &err), CG_ERR_INVALID);
    assert_non_null(strstr(err.detail, "ldap.nested_groups"));
    expect_unknown("alice", "matching rule");
}

static void rule_written_into_the_filter_is_proven_too(void **state)
{
    struct cg_error err = {0};

    (void)state;
    ad.chain = AD_CHAIN_IGNORED;
    start();
    conf.conf.ldap.nested_groups = CG_NESTED_OFF;
    set_text(&conf.conf.ldap.group_filter, "(member:1.2.840.113556.1.4.1941:={dn})");
    reopen();
    assert_int_equal(dir->ops->probe(dir, &err), CG_ERR_INVALID);
    assert_non_null(strstr(err.detail, "ldap.group_filter"));
    expect_unknown("alice", "matching rule");
}

static void without_members_to_try_the_root_entry_decides(void **state)
{
    struct cg_error err = {0};

    (void)state;
    ad_put(&ad, "OU=Empty,DC=corp,DC=test", "objectClass", "organizationalUnit");
    start();
    conf.groups[0] = (char *)"OU=Empty,DC=corp,DC=test";
    reopen();
    assert_int_equal(dir->ops->probe(dir, &err), CG_OK);
    ad.no_capabilities = true;
    reopen();
    assert_int_equal(dir->ops->probe(dir, &err), CG_ERR_INVALID);
    expect_unknown("alice", "matching rule");
}

static void in_chain_without_a_dn_in_the_filter_is_refused_by_name(void **state)
{
    struct cg_error err = {0};

    (void)state;
    start();
    set_text(&conf.conf.ldap.group_filter, "(memberUid={username})");
    reopen();
    assert_int_equal(dir->ops->probe(dir, &err), CG_ERR_INVALID);
    assert_non_null(strstr(err.detail, "ldap.nested_groups"));
}

static void probe_of_a_silent_server_is_unavailable(void **state)
{
    struct cg_error err = {0};
    int64_t before;

    (void)state;
    ad.fail_base = AD_GROUPS;
    ad.fail_code = LDAP_BUSY;
    ad.fail_bare = true;
    start();
    assert_int_equal(dir->ops->probe(dir, &err), CG_ERR_UNAVAILABLE);
    expect_unknown("alice", "busy");
    conf.uri[0] = (char *)"ldap://127.0.0.1:1";
    reopen();
    assert_int_equal(dir->ops->probe(dir, &err), CG_ERR_UNAVAILABLE);
    /* With nothing to prove nobody is asked. */
    conf.conf.ldap.nested_groups = CG_NESTED_RECURSIVE;
    reopen();
    before = cg_metric_get(CG_METRIC_DIRECTORY_ERRORS);
    assert_int_equal(dir->ops->probe(dir, &err), CG_OK);
    assert_int_equal(cg_metric_get(CG_METRIC_DIRECTORY_ERRORS), before);
}

/* alice in so many groups more, each naming her in `padding` bytes more. */
static void add_many_groups(unsigned count, size_t padding)
{
    char *name = calloc(1, padding + 16);

    for (unsigned i = 0; i < count; i++) {
        int len = snprintf(name, 16, "many%u", i);
        char dn[8192];

        memset(name + len, 'x', padding);
        name[(size_t)len + padding] = '\0';
        snprintf(dn, sizeof(dn), "CN=%s," AD_GROUPS, name);
        ad_put(&ad, dn, "objectClass", "group");
        ad_put(&ad, dn, "cn", name);
        ad_put(&ad, dn, "member", ALICE);
    }
    free(name);
}

static void use_member_of(int nested)
{
    conf.conf.ldap.group_source = CG_GROUPS_MEMBER_OF;
    conf.conf.ldap.nested_groups = nested;
    conf.conf.ldap.max_groups = 10000;
    reopen();
}

static void member_of_beyond_one_range_is_read_to_its_end(void **state)
{
    struct cg_identity *who;

    (void)state;
    add_many_groups(3199, 0); /* and Team */
    start();
    use_member_of(CG_NESTED_OFF);
    who = found("alice");
    assert_int_equal(cg_identity_group_count(who), 3200);
    assert_true(is_in(who, "many0"));
    assert_true(is_in(who, "many3198"));
    assert_true(is_in(who, "Team"));
    assert_int_equal(ad.range_reads, 3);
    cg_identity_unref(&who);
}

static void whole_number_of_ranges_ends_where_it_should(void **state)
{
    struct cg_identity *who;

    (void)state;
    add_many_groups(2999, 0);
    start();
    use_member_of(CG_NESTED_OFF);
    who = found("alice");
    assert_int_equal(cg_identity_group_count(who), 3000);
    assert_int_equal(ad.range_reads, 2);
    cg_identity_unref(&who);
}

static void unsound_ranges_are_unknown_not_few_pitfall_17(void **state)
{
    (void)state;
    add_many_groups(3199, 0);
    ad.range_fault = AD_RANGE_GAP;
    start();
    use_member_of(CG_NESTED_OFF);
    for (int fault = AD_RANGE_GAP; fault < AD_RANGE_FAULTS; fault++) {
        ad.range_fault = (enum ad_range_fault)fault;
        reopen();
        expect_unknown("alice", "range");
    }
}

static void too_many_values_are_unknown_pitfall_18(void **state)
{
    (void)state;
    add_many_groups(3199, 1500);
    ad.range_max = 500; /* no single answer is too big, all of them are */
    start();
    use_member_of(CG_NESTED_OFF);
    expect_unknown("alice", "too many values");
}

static void member_of_is_followed_upwards(void **state)
{
    (void)state;
    start();
    use_member_of(CG_NESTED_RECURSIVE);
    expect_groups("alice", NESTED);
    /* The matching rule is for searches: what is meant is the same. */
    use_member_of(CG_NESTED_IN_CHAIN);
    expect_groups("alice", NESTED);
    use_member_of(CG_NESTED_OFF);
    expect_groups("alice", (const char *const[]){"Team", NULL});
    expect_groups("bob", (const char *const[]){NULL});
}

static void member_of_keeps_depth_and_number_pitfall_17(void **state)
{
    (void)state;
    start();
    use_member_of(CG_NESTED_RECURSIVE);
    conf.conf.ldap.nested_depth = 1;
    reopen();
    expect_unknown("alice", "nested_depth");
    conf.conf.ldap.nested_depth = 2; /* Team is direct, then Division, Company */
    reopen();
    expect_groups("alice", NESTED);
    conf.conf.ldap.max_groups = 2;
    reopen();
    expect_unknown("alice", "max_groups");
}

/* Where entries cannot be searched for by their own DN, each is read. */
static void member_of_needs_no_dn_attribute(void **state)
{
    (void)state;
    ad_put(&ad, "CN=Other," AD_GROUPS, "objectClass", "group");
    ad_put(&ad, "CN=Other," AD_GROUPS, "cn", "Other");
    ad_put(&ad, "CN=Other," AD_GROUPS, "member", ALICE);
    start();
    conf.conf.ldap.directory_type = CG_DIR_OPENLDAP; /* entryDN, which this server does not have */
    use_member_of(CG_NESTED_RECURSIVE);
    expect_groups("alice", (const char *const[]){"Team", "Division", "Company", "Other", NULL});
}

static void groups_are_named_by_the_attribute_of_the_settings(void **state)
{
    struct cg_identity *who;

    (void)state;
    ad_put(&ad, "CN=Team," AD_GROUPS, "displayName", "The team");
    start();
    set_text(&conf.conf.ldap.group_name_attribute, "displayName");
    use_member_of(CG_NESTED_OFF);
    who = found("alice");
    assert_string_equal(cg_identity_group_name(who, 0), "The team");
    cg_identity_unref(&who);
    set_text(&conf.conf.ldap.group_name_attribute, "cn");
    reopen();
    who = found("alice");
    assert_string_equal(cg_identity_group_name(who, 0), "Team");
    cg_identity_unref(&who);
}

static void use_tokens(void)
{
    conf.conf.ldap.group_source = CG_GROUPS_TOKEN_GROUPS;
    reopen();
}

static void token_groups_are_resolved_below_the_bases(void **state)
{
    (void)state;
    start();
    use_tokens();
    assert_int_equal(dir->ops->probe(dir, NULL), CG_OK);
    /* The built-in group is none of ours. */
    expect_groups("alice", (const char *const[]){"Team", "Division", "Company", "Domain Users", NULL});
    expect_groups("bob", (const char *const[]){"Domain Users", NULL});
}

static void hundreds_of_token_groups_take_several_searches(void **state)
{
    struct cg_identity *who;
    char name[16];

    (void)state;
    for (unsigned i = 0; i < 130; i++) {
        snprintf(name, sizeof(name), "g%u", i);
        add_group(name, 5000 + i, NULL);
        add_token(ALICE, 5000 + i, false);
    }
    start();
    use_tokens();
    who = found("alice");
    assert_int_equal(cg_identity_group_count(who), 134);
    assert_true(is_in(who, "g129"));
    cg_identity_unref(&who);
    conf.conf.ldap.max_groups = 100;
    reopen();
    expect_unknown("alice", "max_groups");
}

static void person_without_token_groups_is_unknown_not_groupless(void **state)
{
    struct cg_error err = {0};

    (void)state;
    ad.no_capabilities = true;
    add_person("CN=Aaron," AD_PEOPLE, "aaron", 3);
    start();
    use_tokens();
    expect_unknown("aaron", "token_groups");
    /* Somebody shows the attribute: it is computed here. */
    assert_int_equal(dir->ops->probe(dir, &err), CG_OK);
}

static void server_without_token_groups_is_refused_by_name(void **state)
{
    struct cg_error err = {0};

    (void)state;
    ad.no_capabilities = true;
    ad_put(&ad, "OU=Others,DC=corp,DC=test", "objectClass", "organizationalUnit");
    add_person("CN=Aaron,OU=Others,DC=corp,DC=test", "aaron", 3);
    start();
    conf.people[0] = (char *)"OU=Others,DC=corp,DC=test";
    use_tokens();
    assert_int_equal(dir->ops->probe(dir, &err), CG_ERR_INVALID);
    assert_non_null(strstr(err.detail, "ldap.group_source"));
    conf.uri[0] = (char *)"ldap://127.0.0.1:1";
    reopen();
    assert_int_equal(dir->ops->probe(dir, &err), CG_ERR_UNAVAILABLE);
}

static void malformed_token_is_unknown(void **state)
{
    (void)state;
    ad_put_bytes(&ad, ALICE, "tokenGroups", "\1\5\0\0\0\0\0\5\25\0", 10);
    start();
    use_tokens();
    expect_unknown("alice", "malformed");
}

/* Counts, and remembers one name. */
struct listing {
    size_t count;
    char first[64];
};

static enum cg_err count_group(void *cls, const char *dn, const char *name)
{
    struct listing *l = cls;

    assert_non_null(strstr(dn, ",ou=groups,dc=corp,dc=test"));
    if (l->count++ == 0)
        snprintf(l->first, sizeof(l->first), "%s", name);
    return CG_OK;
}

static void every_page_of_the_groups_is_read(void **state)
{
    struct listing l = {0};

    (void)state;
    add_many_groups(2496, 0);
    start();
    assert_int_equal(dir->ops->each_group(dir, "(cn=*)", count_group, &l, NULL), CG_OK);
    assert_int_equal(l.count, 2500);
    assert_int_equal(ad.pages, 5);
    assert_string_equal(l.first, "Team");
}

static void limit_without_paging_is_unknown_and_nothing_is_visited(void **state)
{
    struct listing l = {0};
    struct cg_error err = {0};

    (void)state;
    add_many_groups(1100, 0);
    start();
    conf.conf.ldap.page_size = 0;
    reopen();
    assert_int_equal(dir->ops->each_group(dir, "(cn=*)", count_group, &l, &err), CG_ERR_UNAVAILABLE);
    assert_int_equal(l.count, 0);
    assert_int_equal(ad.pages, 0);
    assert_int_equal(dir->ops->each_group(dir, "(cn=Team)", count_group, &l, &err), CG_OK);
    assert_int_equal(l.count, 1);
}

static void unsound_pages_are_unknown_and_nothing_is_visited(void **state)
{
    struct listing l = {0};
    struct cg_error err = {0};

    (void)state;
    add_many_groups(1100, 0);
    ad.page_fault = AD_PAGE_GARBLED;
    start();
    for (int fault = AD_PAGE_GARBLED; fault < AD_PAGE_FAULTS; fault++) {
        ad.page_fault = (enum ad_page_fault)fault;
        assert_int_equal(dir->ops->each_group(dir, "(cn=*)", count_group, &l, &err), CG_ERR_UNAVAILABLE);
        assert_int_equal(l.count, 0);
    }
}

static enum cg_err alive(const char *group)
{
    struct cg_error err = {0};
    char dn[128], *key = NULL;
    enum cg_err rc;

    snprintf(dn, sizeof(dn), "CN=%s," AD_GROUPS, group);
    assert_int_equal(dir->ops->canonical_dn(dir, dn, &key, NULL), CG_OK);
    rc = dir->ops->group_alive(dir, key, &err);
    free(key);
    return rc;
}

/* A group of many people who have left, all but the last one disabled. */
static void add_big_group(unsigned count, const char *last)
{
    add_group("Big", 2000, NULL);
    for (unsigned i = 0; i < count; i++) {
        char dn[128];

        snprintf(dn, sizeof(dn), "CN=gone%u," AD_PEOPLE, i);
        ad_put(&ad, "CN=Big," AD_GROUPS, "member", dn);
    }
    if (last)
        ad_put(&ad, "CN=Big," AD_GROUPS, "member", last);
}

static void last_member_of_a_big_group_keeps_it_alive(void **state)
{
    (void)state;
    ad.range_max = 100;
    add_big_group(230, BOB);
    start();
    conf.conf.ldap.nested_groups = CG_NESTED_RECURSIVE;
    reopen();
    assert_int_equal(alive("Big"), CG_OK);
    ad.range_fault = AD_RANGE_GAP;
    assert_int_equal(alive("Big"), CG_ERR_UNAVAILABLE);
    ad.range_fault = AD_RANGE_NO_MORE;
    assert_int_equal(alive("Big"), CG_ERR_UNAVAILABLE);
}

static void first_range_is_enough_when_somebody_in_it_will_do(void **state)
{
    (void)state;
    ad.range_max = 100;
    add_group("Big", 2000, ALICE);
    for (unsigned i = 0; i < 230; i++) {
        char dn[128];

        snprintf(dn, sizeof(dn), "CN=gone%u," AD_PEOPLE, i);
        ad_put(&ad, "CN=Big," AD_GROUPS, "member", dn);
    }
    start();
    conf.conf.ldap.nested_groups = CG_NESTED_RECURSIVE;
    reopen();
    assert_int_equal(alive("Big"), CG_OK);
    assert_int_equal(ad.range_reads, 1);
}

static void group_of_people_who_left_is_dead(void **state)
{
    (void)state;
    ad.range_max = 100;
    add_big_group(230, NULL);
    start();
    assert_int_equal(alive("Big"), CG_ERR_ABSENT);
    assert_int_equal(alive("Team"), CG_OK);
    assert_int_equal(alive("Company"), CG_OK);
    assert_int_equal(alive("No such group"), CG_ERR_ABSENT);
}

static void disabled_people_keep_no_group_alive(void **state)
{
    (void)state;
    ad_put(&ad, "CN=Zoe," AD_PEOPLE, "objectClass", "user");
    ad_put(&ad, "CN=Zoe," AD_PEOPLE, "sAMAccountName", "zoe");
    ad_put_bytes(&ad, "CN=Zoe," AD_PEOPLE, "objectGUID", "0123456789abcdef", 16);
    ad_put(&ad, "CN=Zoe," AD_PEOPLE, "userAccountControl", "514");
    add_group("Left", 2001, "CN=Zoe," AD_PEOPLE);
    add_group("Above", 2002, "CN=Left," AD_GROUPS);
    start();
    assert_int_equal(alive("Left"), CG_ERR_ABSENT);
    assert_int_equal(alive("Above"), CG_ERR_ABSENT);
}

static void primary_group_is_alive_by_token_groups(void **state)
{
    (void)state;
    add_group("Nobody's", 9999, NULL);
    start();
    use_tokens();
    assert_int_equal(alive("Domain Users"), CG_OK);
    assert_int_equal(alive("Nobody's"), CG_ERR_ABSENT);
}

static void group_whose_members_cannot_be_read_is_neither_alive_nor_dead(void **state)
{
    (void)state;
    add_group("Dynamic", 2003, NULL);
    ad_put(&ad, "CN=Dynamic," AD_GROUPS, "memberURL", "ldap:///OU=People,DC=corp,DC=test??sub?(cn=A*)");
    add_group("Around", 2004, "CN=Dynamic," AD_GROUPS);
    start();
    assert_int_equal(alive("Dynamic"), CG_ERR_UNAVAILABLE);
    assert_int_equal(alive("Around"), CG_ERR_UNAVAILABLE);
}

/* Whatever ends a search early, with entries before it or without. */
static void expect_all_unknown(int code, bool bare)
{
    struct listing l = {0};
    struct cg_identity *who = NULL;
    char *dn = NULL;

    ad.fail_code = code;
    ad.fail_bare = bare;
    for (int source = CG_GROUPS_SEARCH; source <= CG_GROUPS_TOKEN_GROUPS; source++) {
        conf.conf.ldap.group_source = source;
        conf.conf.ldap.nested_groups = CG_NESTED_RECURSIVE;
        reopen();
        assert_int_equal(dir->ops->find(dir, "alice", &who, NULL), CG_ERR_UNAVAILABLE);
        assert_null(who);
    }
    assert_int_equal(dir->ops->each_group(dir, "(cn=*)", count_group, &l, NULL), CG_ERR_UNAVAILABLE);
    assert_int_equal(dir->ops->resolve_group(dir, "Team", &dn, NULL), CG_ERR_UNAVAILABLE);
    assert_int_equal(l.count, 0);
    assert_null(dn);
    assert_int_equal(alive("Team"), CG_ERR_UNAVAILABLE);
}

static void every_result_but_success_is_unknown_pitfall_17(void **state)
{
    static const int CODES[] = {
        LDAP_TIMELIMIT_EXCEEDED, LDAP_SIZELIMIT_EXCEEDED,  LDAP_REFERRAL,         LDAP_ADMINLIMIT_EXCEEDED, LDAP_BUSY,
        LDAP_UNAVAILABLE,        LDAP_INSUFFICIENT_ACCESS, LDAP_OPERATIONS_ERROR, LDAP_PARTIAL_RESULTS};

    (void)state;
    ad.fail_base = AD_GROUPS;
    start();
    for (size_t i = 0; i < sizeof(CODES) / sizeof(CODES[0]); i++) {
        expect_all_unknown(CODES[i], true);
        expect_all_unknown(CODES[i], false);
    }
}

static void unreadable_group_in_member_of_is_unknown(void **state)
{
    (void)state;
    ad.fail_base = "CN=Division," AD_GROUPS;
    ad.fail_code = LDAP_INSUFFICIENT_ACCESS;
    ad.fail_bare = true;
    start();
    conf.conf.ldap.directory_type = CG_DIR_OPENLDAP;
    use_member_of(CG_NESTED_RECURSIVE);
    expect_unknown("alice", "nsufficient access");
}

static void required_group_is_heeded_with_every_source(void **state)
{
    (void)state;
    start();
    set_text(&conf.conf.ldap.required_group, "cn=company, " AD_GROUPS);
    for (int source = CG_GROUPS_SEARCH; source <= CG_GROUPS_TOKEN_GROUPS; source++) {
        struct cg_identity *who = NULL;

        conf.conf.ldap.group_source = source;
        reopen();
        assert_int_equal(dir->ops->find(dir, "alice", &who, NULL), CG_OK);
        cg_identity_unref(&who);
        assert_int_equal(dir->ops->find(dir, "bob", &who, NULL), CG_ERR_DENIED);
    }
}

static void without_a_source_nobody_has_groups(void **state)
{
    (void)state;
    start();
    conf.conf.ldap.group_source = CG_GROUPS_NONE;
    reopen();
    assert_int_equal(dir->ops->probe(dir, NULL), CG_OK);
    expect_groups("alice", (const char *const[]){NULL});
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(matching_rule_finds_nested_groups_in_one_search),
        T(rule_is_proven_once_even_without_a_probe_at_start),
        T(server_that_ignores_the_rule_is_found_out),
        T(server_that_refuses_the_rule_is_found_out),
        T(rule_written_into_the_filter_is_proven_too),
        T(without_members_to_try_the_root_entry_decides),
        T(in_chain_without_a_dn_in_the_filter_is_refused_by_name),
        T(probe_of_a_silent_server_is_unavailable),
        T(member_of_beyond_one_range_is_read_to_its_end),
        T(whole_number_of_ranges_ends_where_it_should),
        T(unsound_ranges_are_unknown_not_few_pitfall_17),
        T(too_many_values_are_unknown_pitfall_18),
        T(member_of_is_followed_upwards),
        T(member_of_keeps_depth_and_number_pitfall_17),
        T(member_of_needs_no_dn_attribute),
        T(groups_are_named_by_the_attribute_of_the_settings),
        T(token_groups_are_resolved_below_the_bases),
        T(hundreds_of_token_groups_take_several_searches),
        T(person_without_token_groups_is_unknown_not_groupless),
        T(server_without_token_groups_is_refused_by_name),
        T(malformed_token_is_unknown),
        T(every_page_of_the_groups_is_read),
        T(limit_without_paging_is_unknown_and_nothing_is_visited),
        T(unsound_pages_are_unknown_and_nothing_is_visited),
        T(last_member_of_a_big_group_keeps_it_alive),
        T(first_range_is_enough_when_somebody_in_it_will_do),
        T(group_of_people_who_left_is_dead),
        T(disabled_people_keep_no_group_alive),
        T(primary_group_is_alive_by_token_groups),
        T(group_whose_members_cannot_be_read_is_neither_alive_nor_dead),
        T(every_result_but_success_is_unknown_pitfall_17),
        T(unreadable_group_in_member_of_is_unknown),
        T(required_group_is_heeded_with_every_source),
        T(without_a_source_nobody_has_groups),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
