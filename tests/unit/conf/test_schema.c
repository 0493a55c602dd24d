/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The table against the header: no member without a row, no row without its words. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>

#include "base/file.h"
#include "base/str.h"
#include "conf/schema.h"
#include "conf/value.h"
#include "conf_test.h"

/* Members that no key sets: bookkeeping, containers, and the secret that the file of a key holds. */
static const char *const without_key[] = {
    "refs", "file", "ldap", "namespaces", "namespace_count", "ldap.present", "ldap.bind_password", "name", "line",
    "teams", "teams.present", "teams.like", "team_dn", "base", "ldap.group_map", "ldap.group_map_count",
    "artifactories", "artifactory_count", "artifactory.name", "artifactory.line", "artifactory.token",
    "artifactory.webhook_secret",
};

static bool is_listed(const char *member)
{
    for (size_t i = 0; i < sizeof(without_key) / sizeof(without_key[0]); i++)
        if (cg_streq(without_key[i], member))
            return true;
    return false;
}

static bool has_row(const char *member, bool of_namespace)
{
    for (size_t i = 0; i < cg_conf_key_count; i++)
        if (cg_streq(cg_conf_keys[i].field, member) &&
            cg_conf_in_section(cg_conf_keys[i].name, "namespace.*") == of_namespace)
            return true;
    return false;
}

static char *read_header(void)
{
    struct cg_error err = {0};
    struct cg_buf text;

    cg_buf_init(&text, OUT_MAX);
    assert_int_equal(cg_file_read(CG_SRCDIR "/src/conf/conf.h", &text, &err), CG_OK);
    return cg_buf_take(&text);
}

/* The comments blanked out, in place. */
static void blank_comments(char *text)
{
    for (char *at = text; (at = strstr(at, "/*"));) {
        char *end = strstr(at, "*/");

        assert_non_null(end);
        memset(at, ' ', (size_t)(end + 2 - at));
    }
}

/* Calls check for the last identifier of each declarator of a struct's definition; returns their number. */
static size_t each_member(const char *header, const char *name, const char *prefix, bool of_namespace)
{
    char *start = cg_asprintf("\nstruct %s {\n", name), *body, *save = NULL;
    const char *at = strstr(header, start);
    size_t count = 0;

    assert_non_null(at);
    at += strlen(start);
    body = cg_strndup(at, (size_t)(strstr(at, "\n};") - at));
    for (char *part = strtok_r(body, ";,", &save); part; part = strtok_r(NULL, ";,", &save)) {
        size_t end = strlen(part), begin;
        char *member;

        while (end && isspace((unsigned char)part[end - 1]))
            end--;
        for (begin = end; begin && (isalnum((unsigned char)part[begin - 1]) || part[begin - 1] == '_'); begin--)
            ;
        if (begin == end)
            continue;
        member = cg_asprintf("%s%.*s", prefix, (int)(end - begin), part + begin);
        if (!is_listed(member) && !has_row(member, of_namespace))
            fail_msg("no row of the table sets %s of struct %s", member, name);
        free(member);
        count++;
    }
    free(body);
    free(start);
    return count;
}

static void every_member_of_the_structs_has_a_key(void **state)
{
    char *header = read_header();

    (void)state;
    blank_comments(header);
    assert_int_equal(each_member(header, "cg_conf", "", false), 30);
    assert_int_equal(each_member(header, "cg_conf_ldap", "ldap.", false), 60);
    assert_int_equal(each_member(header, "cg_conf_namespace", "", true), 13);
    assert_int_equal(each_member(header, "cg_conf_artifactory", "artifactory.", false), 14);
    assert_false(has_row("no_such_member", false));
    free(header);
}

static void no_two_keys_share_a_name_or_a_member(void **state)
{
    (void)state;
    for (size_t i = 0; i < cg_conf_key_count; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(cg_conf_keys[i].name, cg_conf_keys[j].name);
            assert_string_not_equal(cg_conf_keys[i].field, cg_conf_keys[j].field);
        }
    }
}

static bool is_section(const char *name)
{
    char *section = cg_strndup(name, (size_t)(cg_conf_leaf(name) - name));
    bool found;

    if (*section)
        section[strlen(section) - 1] = '\0';
    found = cg_conf_find_section(section) != NULL;
    free(section);
    return found;
}

static void every_row_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < cg_conf_key_count; i++) {
        const struct cg_conf_key *key = &cg_conf_keys[i];
        bool number = key->kind == CG_KIND_UINT || key->kind == CG_KIND_DURATION || key->kind == CG_KIND_SIZE;

        assert_true(is_section(key->name));
        assert_true(strlen(key->doc) > 5 && cg_str_ends(key->doc, "."));
        assert_int_equal(key->def == NULL, (key->flags & CG_KEY_REQUIRED) != 0);
        assert_true(key->def || key->example);
        assert_int_equal(key->kind == CG_KIND_ENUM, key->words != NULL);
        assert_int_equal(number, key->max > key->min);
        if (key->kind == CG_KIND_STRING || key->kind == CG_KIND_STRINGS)
            assert_true(key->what && key->check);
    }
}

static void sets(const struct cg_conf_key *key, const char *text)
{
    union {
        struct cg_conf conf;
        struct cg_conf_namespace ns;
        struct cg_conf_group_map map;
    } *target = cg_calloc(1, sizeof(*target));
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    struct cg_error err = {0};
    int item;

    if (cg_value_set(key, value, target, &item, &err) != CG_OK)
        fail_msg("%s = %s: %s", key->name, text, err.detail);
    cg_value_free(key, target);
    json_decref(value);
    free(target);
}

static void defaults_presets_and_examples_are_good_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < cg_conf_key_count; i++) {
        const struct cg_conf_key *key = &cg_conf_keys[i];

        if (key->def)
            sets(key, key->def);
        if (key->example)
            sets(key, key->example);
        for (int j = 0; j < CG_CONF_DIRECTORY_TYPES; j++)
            if (key->presets[j])
                sets(key, key->presets[j]);
    }
}

static void directory_type_comes_before_what_it_chooses(void **state)
{
    const struct cg_conf_key *type = cg_conf_find_key("ldap", "directory_type");

    (void)state;
    assert_non_null(type);
    for (const struct cg_conf_key *key = cg_conf_keys; key < type; key++)
        for (int j = 0; j < CG_CONF_DIRECTORY_TYPES; j++)
            assert_null(key->presets[j]);
}

static void later_keys_are_no_keys_and_later_words_are_no_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < cg_conf_later_count; i++) {
        const struct cg_conf_later *later = &cg_conf_later[i];
        bool is_key = false;

        for (size_t j = 0; j < cg_conf_key_count; j++)
            is_key = is_key || cg_streq(cg_conf_keys[j].name, later->name);
        assert_int_equal(is_key, later->word != NULL);
        assert_true(is_section(later->name));
        assert_true(strlen(later->why) > 5);
        assert_true(!later->word || !later->accepted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_of_the_structs_has_a_key),
        cmocka_unit_test(no_two_keys_share_a_name_or_a_member),
        cmocka_unit_test(every_row_is_whole),
        cmocka_unit_test(defaults_presets_and_examples_are_good_values),
        cmocka_unit_test(directory_type_comes_before_what_it_chooses),
        cmocka_unit_test(later_keys_are_no_keys_and_later_words_are_no_good),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
