/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "crategated/teams.h"
#include "crategated/wiring.h"
#include "fake_directory.h"
#include "temp_dir.h"

#define GROUPS ",ou=groups,dc=corp"
#define SHADOWS ",ou=shadows,dc=corp"

struct world {
    char *dir_path;
    struct cg_conf *conf;
    struct cg_directory *dir;
    struct cg_team_look look;
};

static struct cg_conf *parse_conf(const char *dir_path, const char *ldap, const char *filter)
{
    char *secret = cg_asprintf("%s/secret", dir_path), *text;
    struct cg_conf *conf = NULL;
    struct cg_error err = {0};

    assert_int_equal(cg_file_replace(secret, "sesame\n", 7, 0600, NULL), CG_OK);
    text = cg_asprintf("public_url = \"https://crates.corp.example\"\nstate_dir = \"%s\"\n"
                       "[ldap]\nuri = [\"ldaps://l\"]\nbind_dn = \"cn=s,dc=corp\"\nbind_password_file = \"%s\"\n"
                       "search_base = [\"ou=people,dc=corp\"]\ngroup_base = [\"dc=corp\"]\n%s"
                       "[teams]\ngroup_filter = \"%s\"\nname_prefix = \"rust-\"\nprefixes = [\"{team}-\"]\n"
                       "[namespace.own]\n",
                       dir_path, secret, ldap, filter);
    if (cg_conf_parse("t.toml", text, strlen(text), &conf, NULL, &err) != CG_OK)
        fail_msg("%s", err.detail);
    free(text);
    free(secret);
    return conf;
}

static int setup(void **state)
{
    struct world *w = cg_calloc(1, sizeof(*w));

    w->dir_path = cg_temp_dir_new();
    w->conf = parse_conf(w->dir_path, "", "(cn=rust-*)");
    w->dir = cg_fake_directory_new();
    cg_fake_directory_add_group(w->dir, "cn=rust-billing" GROUPS);
    cg_fake_directory_add_group(w->dir, "cn=rust-core" GROUPS);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    cg_team_look_free(&w->look);
    cg_directory_free(&w->dir);
    cg_conf_unref(&w->conf);
    cg_temp_dir_free(&w->dir_path);
    free(w);
    return 0;
}

/* Looks, and remembers as the daemon does. */
static void look(struct world *w)
{
    struct cg_error err = {0};

    cg_team_look_free(&w->look);
    w->look = (struct cg_team_look){0};
    if (cg_teams_look(w->conf, w->dir, &w->look, &err) != CG_OK)
        fail_msg("%s", err.detail);
    if (w->look.changed)
        assert_int_equal(cg_team_list_save(w->dir_path, &w->look.list, &err), CG_OK);
    cg_team_list_unlock(&w->look.lock_fd);
}

static const char *dn_of(const struct world *w, const char *name)
{
    const struct cg_conf_namespace *ns = cg_conf_namespace(w->look.conf, name);

    return ns ? ns->team_dn : NULL;
}

static bool told(const struct world *w, const char *text)
{
    return strstr(cg_buf_str(&w->look.problems), text) != NULL;
}

static void add_groups(struct world *w, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char *dn = cg_asprintf("cn=rust-t%02u" GROUPS, i);

        cg_fake_directory_add_group(w->dir, dn);
        free(dn);
    }
}

static void remove_groups(struct world *w, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char *dn = cg_asprintf("cn=rust-t%02u" GROUPS, i);

        cg_fake_directory_remove_group(w->dir, dn);
        free(dn);
    }
}

static void groups_become_namespaces_and_are_remembered(void **state)
{
    struct world *w = *state;
    char *path = cg_asprintf("%s/teams.json", w->dir_path);
    struct stat st;

    look(w);
    assert_true(w->look.answered && w->look.changed);
    assert_string_equal(dn_of(w, "billing"), "cn=rust-billing" GROUPS);
    assert_string_equal(dn_of(w, "core"), "cn=rust-core" GROUPS);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    look(w);
    assert_false(w->look.changed);
    assert_int_equal(w->look.problems.len, 0);
    free(path);
}

static void without_an_answer_what_is_remembered_stays(void **state)
{
    struct world *w = *state;

    look(w);
    cg_fake_directory_set_mode(w->dir, CG_FAKE_UNAVAILABLE);
    look(w);
    assert_false(w->look.answered || w->look.changed);
    assert_non_null(dn_of(w, "billing"));
    assert_true(told(w, "the directory did not tell the teams"));
}

static void without_an_answer_and_a_memory_teams_are_unknown(void **state)
{
    struct world *w = *state;

    cg_fake_directory_set_mode(w->dir, CG_FAKE_UNAVAILABLE);
    look(w);
    assert_true(cg_conf_teams_unknown(w->look.conf));
    assert_false(w->look.changed);
    cg_fake_directory_set_mode(w->dir, CG_FAKE_ANSWERING);
    look(w);
    assert_false(cg_conf_teams_unknown(w->look.conf));
}

static void a_disabled_directory_tells_nothing(void **state)
{
    struct world *w = *state;

    look(w);
    cg_conf_unref(&w->conf);
    w->conf = parse_conf(w->dir_path, "enabled = false\n", "(cn=rust-*)");
    look(w);
    assert_false(w->look.answered);
    assert_non_null(dn_of(w, "billing"));
    assert_int_equal(atomic_load(&cg_fake_directory_counts(w->dir)->group_lists), 1);
}

static void a_group_that_is_gone_takes_its_namespace_along_and_brings_it_back(void **state)
{
    struct world *w = *state;

    look(w);
    cg_fake_directory_remove_group(w->dir, "cn=rust-core" GROUPS);
    look(w);
    assert_true(w->look.changed);
    assert_null(dn_of(w, "core"));
    assert_true(cg_team_list_find(&w->look.list, "core")->gone_since > 0);
    cg_team_look_free(&w->look);
    w->look = (struct cg_team_look){0};
    assert_int_equal(cg_teams_recall(w->conf, true, &w->look, NULL), CG_OK);
    assert_non_null(dn_of(w, "core")); /* to look after its crates */
    cg_fake_directory_add_group(w->dir, "cn=rust-core" GROUPS);
    look(w);
    assert_non_null(dn_of(w, "core"));
    assert_int_equal(cg_team_list_find(&w->look.list, "core")->gone_since, 0);
}

static void a_name_stays_with_the_group_that_first_bore_it(void **state)
{
    struct world *w = *state;
    struct cg_team *team;

    look(w);
    cg_fake_directory_remove_group(w->dir, "cn=rust-core" GROUPS);
    cg_fake_directory_add_group(w->dir, "cn=rust-core" SHADOWS);
    look(w);
    assert_null(dn_of(w, "core"));
    assert_true(told(w, "group \"cn=rust-core" SHADOWS "\" makes no namespace: the namespace \"core\" is that of group "
                        "\"cn=rust-core" GROUPS "\""));
    team = cg_team_list_find(&w->look.list, "core");
    assert_string_equal(team->dn, "cn=rust-core" GROUPS);
    cg_team_adopt(team, "rust-core", "cn=rust-core" SHADOWS);
    assert_int_equal(cg_team_list_save(w->dir_path, &w->look.list, NULL), CG_OK);
    look(w);
    assert_string_equal(dn_of(w, "core"), "cn=rust-core" SHADOWS);
}

static void two_groups_of_a_name_are_both_left_out_even_when_one_had_it(void **state)
{
    struct world *w = *state;

    look(w);
    cg_fake_directory_add_group(w->dir, "cn=rust-core" SHADOWS);
    look(w);
    assert_null(dn_of(w, "core"));
    assert_true(told(w, "would make a namespace \"core\" too"));
    assert_non_null(dn_of(w, "billing"));
    cg_fake_directory_remove_group(w->dir, "cn=rust-core" SHADOWS);
    look(w);
    assert_string_equal(dn_of(w, "core"), "cn=rust-core" GROUPS);
}

static void crates_that_lie_there_are_nobodys_until_adopted(void **state)
{
    struct world *w = *state;
    struct cg_conf_namespace ns = {.name = (char *)"core"};
    struct cg_storage *st = NULL;

    assert_false(cg_wiring_has_crates(w->conf, "core"));
    assert_int_equal(cg_wiring_storage(w->conf, &ns, &st, NULL), CG_OK);
    assert_false(cg_wiring_has_crates(w->conf, "core"));
    assert_int_equal(st->ops->index_write(st, "abcd", "x\n", 2, NULL), CG_OK);
    cg_storage_free(&st);
    assert_true(cg_wiring_has_crates(w->conf, "core"));
    look(w);
    assert_null(dn_of(w, "core"));
    assert_true(told(w, "nobody knows whose"));
    assert_non_null(dn_of(w, "billing"));
}

static void a_new_team_takes_no_prefix_from_one_that_is_known(void **state)
{
    struct world *w = *state;

    cg_fake_directory_add_group(w->dir, "cn=rust-z-core" GROUPS);
    look(w);
    cg_fake_directory_add_group(w->dir, "cn=rust-z" GROUPS); /* "z-" covers "z-core-" */
    look(w);
    assert_non_null(dn_of(w, "z-core"));
    assert_null(dn_of(w, "z"));
    assert_true(told(w, "reserve the same names"));
}

static void five_gone_at_once_are_believed_and_six_of_many_are_not(void **state)
{
    struct world *w = *state;

    add_groups(w, 12);
    look(w);
    remove_groups(w, 5);
    look(w);
    assert_int_equal(w->look.doubted, 0);
    assert_null(dn_of(w, "t04"));
    add_groups(w, 5);
    look(w);
    remove_groups(w, 6); /* of 14: more than 5 and than a fifth */
    look(w);
    assert_int_equal(w->look.doubted, 6);
    assert_false(w->look.changed);
    assert_non_null(dn_of(w, "t00"));
}

static void a_part_below_the_fraction_is_believed(void **state)
{
    struct world *w = *state;

    cg_conf_unref(&w->conf);
    w->conf = parse_conf(w->dir_path, "max_sweep_fraction = 0.5\n", "(cn=rust-*)");
    add_groups(w, 12);
    look(w);
    remove_groups(w, 7); /* of 14 */
    look(w);
    assert_int_equal(w->look.doubted, 0);
    assert_null(dn_of(w, "t00"));
}

static void another_question_may_have_any_other_answer(void **state)
{
    struct world *w = *state;

    add_groups(w, 12);
    look(w);
    cg_conf_unref(&w->conf);
    w->conf = parse_conf(w->dir_path, "", "(cn=rust-b*)");
    look(w);
    assert_int_equal(w->look.doubted, 0);
    assert_null(dn_of(w, "t00"));
    assert_non_null(dn_of(w, "billing"));
}

static void a_list_that_is_not_whole_is_refused_not_forgotten(void **state)
{
    static const char *const texts[] = {
        "", "{", "[]", "{\"version\":2,\"asked\":\"\",\"teams\":[]}", "{\"version\":1,\"teams\":[]}",
        "{\"version\":1,\"asked\":\"\",\"teams\":[{\"name\":\"a\",\"group\":\"b\"}]}",
        "{\"version\":1,\"asked\":\"\",\"teams\":[{\"name\":\"../a\",\"group\":\"b\",\"dn\":\"c\"}]}",
        "{\"version\":1,\"asked\":\"\",\"teams\":[{\"name\":\"a\",\"group\":\"b\",\"dn\":\"c\"},"
        "{\"name\":\"a\",\"group\":\"b\",\"dn\":\"d\"}]}"};
    struct world *w = *state;
    char *path = cg_asprintf("%s/teams.json", w->dir_path);

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct cg_team_look one = {0};
        struct cg_error err = {0};

        assert_int_equal(cg_file_replace(path, texts[i], strlen(texts[i]), 0600, NULL), CG_OK);
        assert_int_equal(cg_teams_look(w->conf, w->dir, &one, &err), CG_ERR_INVALID);
        assert_non_null(strstr(err.detail, "teams.json"));
        cg_team_look_free(&one);
    }
    free(path);
}

static void count_visit(void *cls, const struct cg_conf_namespace *ns)
{
    assert_string_equal(ns->name, "core");
    ++*(int *)cls;
}

static void snapshots_differ_by_names_and_by_whose_they_are(void **state)
{
    struct world *w = *state;
    struct cg_conf *before;
    int count = 0;

    look(w);
    before = cg_conf_ref(w->look.conf);
    look(w);
    assert_true(cg_teams_same(before, w->look.conf));
    assert_false(cg_teams_same(w->conf, w->look.conf));
    cg_fake_directory_remove_group(w->dir, "cn=rust-core" GROUPS);
    look(w);
    assert_false(cg_teams_same(before, w->look.conf));
    cg_teams_only_in(before, w->look.conf, count_visit, &count);
    assert_int_equal(count, 1);
    cg_teams_only_in(w->look.conf, before, count_visit, &count);
    assert_int_equal(count, 1);
    cg_conf_unref(&before);
}

static void the_group_behind_a_name_is_found(void **state)
{
    struct world *w = *state;
    struct cg_team_list found = {0};

    cg_fake_directory_add_group(w->dir, "cn=rust-core" SHADOWS);
    assert_int_equal(cg_teams_find(w->conf, w->dir, "core", &found, NULL), CG_OK);
    assert_int_equal(found.count, 2);
    cg_team_list_free(&found);
    assert_int_equal(cg_teams_find(w->conf, w->dir, "nothing", &found, NULL), CG_OK);
    assert_int_equal(found.count, 0);
    cg_fake_directory_set_mode(w->dir, CG_FAKE_UNAVAILABLE);
    assert_int_equal(cg_teams_find(w->conf, w->dir, "core", &found, NULL), CG_ERR_UNAVAILABLE);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(groups_become_namespaces_and_are_remembered),
        T(without_an_answer_what_is_remembered_stays),
        T(without_an_answer_and_a_memory_teams_are_unknown),
        T(a_disabled_directory_tells_nothing),
        T(a_group_that_is_gone_takes_its_namespace_along_and_brings_it_back),
        T(a_name_stays_with_the_group_that_first_bore_it),
        T(two_groups_of_a_name_are_both_left_out_even_when_one_had_it),
        T(crates_that_lie_there_are_nobodys_until_adopted),
        T(a_new_team_takes_no_prefix_from_one_that_is_known),
        T(five_gone_at_once_are_believed_and_six_of_many_are_not),
        T(a_part_below_the_fraction_is_believed),
        T(another_question_may_have_any_other_answer),
        T(a_list_that_is_not_whole_is_refused_not_forgotten),
        T(snapshots_differ_by_names_and_by_whose_they_are),
        T(the_group_behind_a_name_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
