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
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "credential/store.h"
#include "temp_dir.h"

static char *dir, *folder, *path;
static struct cg_store *store;

static int set_up(void **state)
{
    (void)state;
    dir = cg_temp_dir_new();
    folder = cg_asprintf("%s/deep/crategate", dir);
    path = cg_asprintf("%s/credentials.json", folder);
    cg_file_store_open(path, &store);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store->ops->free(&store);
    free(path);
    free(folder);
    cg_temp_dir_free(&dir);
    return 0;
}

static enum cg_err save(const char *base, const char *token, struct cg_error *err)
{
    struct cg_login_record record = {.base = cg_strdup(base), .user = cg_strdup("alice"), .id = 1};
    enum cg_err rc;

    cg_secret_set(&record.token, token, strlen(token));
    rc = store->ops->save(store, &record, err);
    cg_login_record_free(&record);
    return rc;
}

static enum cg_err load(const char *base, struct cg_error *err)
{
    struct cg_login_record record = {0};
    enum cg_err rc = store->ops->load(store, base, &record, err);

    cg_login_record_free(&record);
    return rc;
}

static void put_file(const char *text, mode_t mode)
{
    assert_int_equal(cg_file_mkdirs(folder, 0700, NULL), CG_OK);
    assert_int_equal(cg_file_replace(path, text, strlen(text), mode, NULL), CG_OK);
}

static void nothing_there_is_no_login(void **state)
{
    (void)state;
    assert_int_equal(load("https://a", NULL), CG_ERR_ABSENT);
    assert_int_equal(store->ops->remove(store, "https://a", NULL), CG_ERR_ABSENT);
    assert_int_equal(access(folder, F_OK), -1);
}

static void what_is_saved_is_loaded_and_for_the_owner_alone(void **state)
{
    struct cg_login_record record = {0};
    struct stat st;

    (void)state;
    assert_int_equal(save("https://a", "1", NULL), CG_OK);
    assert_int_equal(save("https://b", "2", NULL), CG_OK);
    assert_int_equal(store->ops->load(store, "https://a", &record, NULL), CG_OK);
    assert_string_equal((char *)record.token.bytes, "1");
    cg_login_record_free(&record);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(stat(folder, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(store->ops->remove(store, "https://a", NULL), CG_OK);
    assert_int_equal(load("https://a", NULL), CG_ERR_ABSENT);
    assert_int_equal(load("https://b", NULL), CG_OK);
}

static void count(void *cls, const struct cg_login_record *record, const char *where)
{
    size_t *seen = cls;

    assert_string_equal(where, path);
    assert_non_null(record->base);
    ++*seen;
}

static void each_shows_all(void **state)
{
    size_t seen = 0;

    (void)state;
    assert_int_equal(store->ops->each(store, count, &seen, NULL), CG_OK);
    assert_int_equal(seen, 0);
    assert_int_equal(save("https://a", "1", NULL), CG_OK);
    assert_int_equal(save("https://b", "2", NULL), CG_OK);
    assert_int_equal(store->ops->each(store, count, &seen, NULL), CG_OK);
    assert_int_equal(seen, 2);
}

static void expect_refused(const char *word)
{
    struct cg_error err = {0};

    assert_int_not_equal(load("https://a", &err), CG_OK);
    assert_int_not_equal(err.code, CG_ERR_ABSENT);
    assert_non_null(strstr(err.detail, word));
    assert_int_not_equal(save("https://a", "1", NULL), CG_OK);
}

static void a_file_that_others_may_read_is_refused(void **state)
{
    (void)state;
    put_file("{\"version\":1,\"logins\":[]}", 0604);
    expect_refused("0600");
}

static void a_link_is_refused(void **state)
{
    (void)state;
    put_file("{\"version\":1,\"logins\":[]}", 0600);
    char *real = cg_asprintf("%s.real", path);
    assert_int_equal(rename(path, real), 0);
    assert_int_equal(symlink(real, path), 0);
    expect_refused("symbolic link");
    free(real);
}

static void a_folder_that_others_may_write_to_is_refused(void **state)
{
    (void)state;
    put_file("{\"version\":1,\"logins\":[]}", 0600);
    assert_int_equal(chmod(folder, 0770), 0);
    expect_refused("chmod 0700");
}

static void a_damaged_file_is_named_and_left_alone(void **state)
{
    struct cg_buf text;

    (void)state;
    put_file("{\"version\":1,", 0600);
    expect_refused("damaged");
    cg_buf_init(&text, 100);
    assert_int_equal(cg_file_read(path, &text, NULL), CG_OK);
    assert_string_equal(cg_buf_str(&text), "{\"version\":1,");
    cg_buf_free(&text);
}

static void a_full_file_takes_no_more_and_keeps_what_it_has(void **state)
{
    struct cg_error err = {0};
    char *huge = cg_malloc(60001);

    (void)state;
    memset(huge, 'x', 60000);
    huge[60000] = '\0';
    assert_int_equal(save("https://a", huge, NULL), CG_OK);
    assert_int_equal(save("https://b", huge, &err), CG_ERR_INVALID);
    assert_non_null(strstr(err.detail, "full"));
    assert_int_equal(load("https://a", NULL), CG_OK);
    free(huge);
}

static void what_it_takes_it_can_read_again(void **state)
{
    struct cg_error err = {0};
    char base[32];

    (void)state;
    for (int i = 0; i < CG_LOGINS_MAX; i++) {
        snprintf(base, sizeof(base), "https://a%d", i);
        assert_int_equal(save(base, "t", NULL), CG_OK);
    }
    assert_int_equal(save("https://one.more", "t", &err), CG_ERR_INVALID);
    assert_non_null(strstr(err.detail, "full"));
    assert_int_equal(load("https://a0", NULL), CG_OK);
    assert_int_equal(save("https://a0", "new", NULL), CG_OK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(nothing_there_is_no_login),
        TEST(what_is_saved_is_loaded_and_for_the_owner_alone),
        TEST(each_shows_all),
        TEST(a_file_that_others_may_read_is_refused),
        TEST(a_link_is_refused),
        TEST(a_folder_that_others_may_write_to_is_refused),
        TEST(a_damaged_file_is_named_and_left_alone),
        TEST(what_it_takes_it_can_read_again),
        TEST(a_full_file_takes_no_more_and_keeps_what_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
