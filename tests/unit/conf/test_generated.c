/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What is generated from the table is complete, works, and is what lies in the source tree. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/str.h"
#include "conf/schema.h"
#include "conf_test.h"

static char *generate(void (*write)(struct cg_buf *out))
{
    struct cg_buf out;

    cg_buf_init(&out, OUT_MAX);
    write(&out);
    assert_false(cg_buf_failed(&out));
    return cg_buf_take(&out);
}

static void expect_committed(const char *path, void (*write)(struct cg_buf *out), const char *what)
{
    char *text = generate(write);
    struct cg_error err = {0};
    struct cg_buf committed;

    cg_buf_init(&committed, OUT_MAX);
    assert_int_equal(cg_file_read(path, &committed, &err), CG_OK);
    if (!cg_streq(text, cg_buf_str(&committed)))
        fail_msg("%s is not what the table says: src/conf/gen_conf %s > %s", path, what, path);
    cg_buf_free(&committed);
    free(text);
}

static void committed_files_are_what_the_table_says(void **state)
{
    (void)state;
    expect_committed(CG_SRCDIR "/etc/crategate.toml", cg_conf_write_sample, "sample");
    expect_committed(CG_SRCDIR "/docs/configuration.md", cg_conf_write_docs, "docs");
    expect_committed(CG_SRCDIR "/docs/crategate.toml.5", cg_conf_write_man, "man");
}

static void every_key_is_in_the_documentation(void **state)
{
    char *docs = generate(cg_conf_write_docs);

    (void)state;
    for (size_t i = 0; i < cg_conf_key_count; i++) {
        char *heading = cg_asprintf("\n### `%s`\n", cg_conf_keys[i].name);

        assert_non_null(strstr(docs, heading));
        free(heading);
    }
    for (size_t i = 0; i < cg_conf_later_count; i++) {
        char *row = cg_asprintf("\n| `%s` |", cg_conf_later[i].name);

        assert_non_null(strstr(docs, row));
        free(row);
    }
    free(docs);
}

/* Where the section of the sample begins. */
static const char *sample_section(const char *sample, const char *section)
{
    const struct cg_conf_section *found = cg_conf_find_section(section);
    char *header = cg_asprintf("\n# ---- %s ----\n", found->title);
    const char *at = strstr(sample, header);

    free(header);
    assert_non_null(at);
    return at;
}

static void every_key_is_in_the_sample(void **state)
{
    char *sample = generate(cg_conf_write_sample);

    (void)state;
    for (size_t i = 0; i < cg_conf_section_count; i++) {
        const char *from = sample_section(sample, cg_conf_sections[i].name);

        for (size_t j = 0; j < cg_conf_key_count; j++) {
            char *active = cg_asprintf("\n%s = ", cg_conf_leaf(cg_conf_keys[j].name));
            char *commented = cg_asprintf("\n#%s = ", cg_conf_leaf(cg_conf_keys[j].name));

            if (cg_conf_in_section(cg_conf_keys[j].name, cg_conf_sections[i].name))
                assert_true(strstr(from, active) || strstr(from, commented));
            free(active);
            free(commented);
        }
    }
    free(sample);
}

static void sample_works_as_it_is(void **state)
{
    char *sample = generate(cg_conf_write_sample);
    struct cg_conf *conf = parse_good(sample);

    (void)state;
    assert_int_equal(conf->namespace_count, 1);
    assert_int_equal(conf->namespaces[0].read.items[0].kind, CG_GRANT_ANONYMOUS);
    assert_false(conf->ldap.present);
    cg_conf_unref(&conf);
    free(sample);
}

/* "#key = value" and "#[section]" without the "#"; the secrets' paths replaced by one that exists. */
static char *uncomment(const char *sample)
{
    static const char *const secrets[] = {"/etc/crategate/ldap.secret", "/etc/crategate/artifactory.token"};
    struct cg_buf out;

    cg_buf_init(&out, OUT_MAX);
    for (const char *p = sample; *p; p++) {
        bool starts = p == sample || p[-1] == '\n';

        if (starts && *p == '#' && (p[1] == '[' || (p[1] >= 'a' && p[1] <= 'z')))
            continue;
        for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
            if (cg_str_starts(p, secrets[i])) {
                cg_buf_addstr(&out, "SECRET");
                p += strlen(secrets[i]);
            }
        }
        cg_buf_addch(&out, *p);
    }
    return cg_buf_take(&out);
}

static void sample_works_with_every_key_in_force(void **state)
{
    char *sample = generate(cg_conf_write_sample), *whole = uncomment(sample);
    struct cg_conf *conf = parse_good(whole);

    (void)state;
    assert_true(conf->ldap.present);
    assert_string_equal(conf->ldap.uri[1], "ldaps://ldap2.corp.example");
    assert_int_equal(conf->ldap.group_map_count, 1);
    assert_true(conf->teams.present);
    assert_int_equal(conf->artifactory_count, 1);
    assert_string_equal(conf->teams.like.admin.items[0].text, "group:rust-{team}-leads");
    assert_null(strstr(whole, "\n#listen"));
    cg_conf_unref(&conf);
    free(whole);
    free(sample);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(committed_files_are_what_the_table_says),
        cmocka_unit_test(every_key_is_in_the_documentation),
        cmocka_unit_test(every_key_is_in_the_sample),
        cmocka_unit_test(sample_works_as_it_is),
        cmocka_unit_test(sample_works_with_every_key_in_force),
    };

    return cmocka_run_group_tests(tests, make_secret, remove_secret);
}
