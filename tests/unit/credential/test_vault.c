/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "credential/vault.h"
#include "temp_dir.h"

#define NOW 1790000000
#define DAY 86400

/* A store in memory that can be made to fail. */
struct fake_store {
    struct cg_store store;
    struct cg_login_list list;
    enum cg_err fault; /* what everything answers; OK: nothing is wrong */
    unsigned saves;
};

static struct fake_store fakes[2];
static struct cg_vault *vault;
static char *dir;

static enum cg_err fault_of(const struct fake_store *fake, struct cg_error *err)
{
    return fake->fault == CG_OK ? CG_OK : cg_error_set(err, fake->fault, "%s is ill", fake->store.where);
}

static enum cg_err fake_load(struct cg_store *store, const char *base, struct cg_login_record *out,
                             struct cg_error *err)
{
    struct fake_store *fake = (struct fake_store *)store;
    const struct cg_login_record *found = cg_login_list_find(&fake->list, base);
    enum cg_err rc = fault_of(fake, err);

    if (rc == CG_OK && !found)
        rc = cg_error_set(err, CG_ERR_ABSENT, "not here");
    if (rc == CG_OK)
        cg_login_record_copy(out, found);
    return rc;
}

static enum cg_err fake_save(struct cg_store *store, const struct cg_login_record *record, struct cg_error *err)
{
    struct fake_store *fake = (struct fake_store *)store;
    enum cg_err rc = fault_of(fake, err);

    if (rc == CG_OK)
        cg_login_list_put(&fake->list, record);
    fake->saves++;
    return rc;
}

static enum cg_err fake_remove(struct cg_store *store, const char *base, struct cg_error *err)
{
    struct fake_store *fake = (struct fake_store *)store;
    enum cg_err rc = fault_of(fake, err);

    if (rc == CG_OK && !cg_login_list_drop(&fake->list, base))
        rc = cg_error_set(err, CG_ERR_ABSENT, "not here");
    return rc;
}

static enum cg_err fake_each(struct cg_store *store, cg_store_visit *visit, void *cls, struct cg_error *err)
{
    struct fake_store *fake = (struct fake_store *)store;
    enum cg_err rc = fault_of(fake, err);

    for (size_t i = 0; rc == CG_OK && i < fake->list.count; i++)
        visit(cls, &fake->list.items[i], fake->store.where);
    return rc;
}

static void fake_free(struct cg_store **store)
{
    cg_login_list_free(&((struct fake_store *)*store)->list);
    free((*store)->where);
    *store = NULL;
}

static int set_up(void **state)
{
    static const struct cg_store_ops ops = {fake_load, fake_save, fake_remove, fake_each, fake_free};
    struct cg_store *stores[] = {&fakes[0].store, &fakes[1].store};

    (void)state;
    memset(fakes, 0, sizeof(fakes));
    fakes[0].store = (struct cg_store){.ops = &ops, .where = cg_strdup("ring")};
    fakes[1].store = (struct cg_store){.ops = &ops, .where = cg_strdup("file")};
    dir = cg_temp_dir_new();
    vault = cg_vault_new(dir, stores, 2);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cg_vault_free(&vault);
    cg_temp_dir_free(&dir);
    return 0;
}

static struct cg_login_record make(const char *token)
{
    struct cg_login_record record = {.base = cg_strdup("https://a"), .user = cg_strdup("alice"), .id = 1};

    cg_secret_set(&record.token, token, strlen(token));
    return record;
}

static enum cg_err save(const char *token, const char **where)
{
    struct cg_login_record record = make(token);
    enum cg_err rc = cg_vault_save(vault, &record, where, NULL);

    cg_login_record_free(&record);
    return rc;
}

static void put_into(struct fake_store *fake, const char *token)
{
    struct cg_login_record record = make(token);

    cg_login_list_put(&fake->list, &record);
    cg_login_record_free(&record);
}

static void expect_token(const char *token)
{
    struct cg_login_record record = {0};

    assert_int_equal(cg_vault_load(vault, "https://a", &record, NULL), CG_OK);
    assert_string_equal((char *)record.token.bytes, token);
    cg_login_record_free(&record);
}

static void the_keyring_is_the_first_choice(void **state)
{
    const char *where = NULL;

    (void)state;
    assert_int_equal(save("t", &where), CG_OK);
    assert_string_equal(where, "ring");
    assert_int_equal(fakes[1].list.count, 0);
    expect_token("t");
}

static void a_keyring_that_takes_nothing_leaves_it_to_the_file(void **state)
{
    const char *where = NULL;
    struct cg_login_record record = make("t");
    struct cg_error err = {0};

    (void)state;
    fakes[0].fault = CG_ERR_UNAVAILABLE;
    assert_int_equal(cg_vault_save(vault, &record, &where, &err), CG_OK);
    assert_string_equal(where, "file");
    expect_token("t");
    cg_login_record_free(&record);
}

static void no_store_at_all_is_an_error(void **state)
{
    struct cg_login_record record = make("t");
    struct cg_error err = {0};

    (void)state;
    fakes[0].fault = fakes[1].fault = CG_ERR_UNAVAILABLE;
    assert_int_equal(cg_vault_save(vault, &record, NULL, &err), CG_ERR_UNAVAILABLE);
    assert_string_equal(err.detail, "file is ill");
    assert_int_equal(cg_vault_load(vault, "https://a", &record, &err), CG_ERR_UNAVAILABLE);
    assert_int_equal(cg_vault_remove(vault, "https://a", &err), CG_ERR_UNAVAILABLE);
    cg_login_record_free(&record);
}

static void a_login_moves_to_the_keyring_and_leaves_nothing_in_the_file(void **state)
{
    (void)state;
    put_into(&fakes[1], "old");
    expect_token("old");
    assert_int_equal(save("new", NULL), CG_OK);
    assert_int_equal(fakes[1].list.count, 0);
    expect_token("new");
}

static void an_ill_store_is_not_taken_for_an_empty_one(void **state)
{
    struct cg_login_record record = {0};
    struct cg_error err = {0};

    (void)state;
    assert_int_equal(cg_vault_load(vault, "https://a", &record, &err), CG_ERR_ABSENT);
    fakes[0].fault = CG_ERR_UNAVAILABLE;
    assert_int_equal(cg_vault_load(vault, "https://a", &record, &err), CG_ERR_UNAVAILABLE);
    assert_string_equal(err.detail, "ring is ill");
    put_into(&fakes[1], "t");
    expect_token("t");
}

static void remove_forgets_it_everywhere(void **state)
{
    (void)state;
    put_into(&fakes[0], "a");
    put_into(&fakes[1], "b");
    assert_int_equal(cg_vault_remove(vault, "https://a", NULL), CG_OK);
    assert_int_equal(fakes[0].list.count + fakes[1].list.count, 0);
    assert_int_equal(cg_vault_remove(vault, "https://a", NULL), CG_ERR_ABSENT);
}

static void remove_says_when_a_store_still_has_it(void **state)
{
    (void)state;
    put_into(&fakes[0], "a");
    fakes[1].fault = CG_ERR_DENIED;
    assert_int_equal(cg_vault_remove(vault, "https://a", NULL), CG_ERR_DENIED);
}

static void a_reminder_is_for_one_process_a_day(void **state)
{
    struct cg_login_record record = make("t");

    (void)state;
    put_into(&fakes[0], "t");
    assert_int_equal(cg_vault_remind(vault, &record, NOW, NULL), CG_OK);
    assert_int_equal(cg_vault_remind(vault, &record, NOW + DAY - 1, NULL), CG_ERR_CONFLICT);
    assert_int_equal(cg_vault_remind(vault, &record, NOW + DAY, NULL), CG_OK);
    assert_int_equal(fakes[0].saves, 2);
    cg_login_record_free(&record);
}

static void a_reminder_never_brings_back_an_old_token(void **state)
{
    struct cg_login_record record = make("old");

    (void)state;
    put_into(&fakes[0], "new");
    assert_int_equal(cg_vault_remind(vault, &record, NOW, NULL), CG_ERR_CONFLICT);
    expect_token("new");
    cg_login_record_free(&record);
}

static void a_refused_token_is_taken_out_and_its_user_kept(void **state)
{
    struct cg_login_record record = make("t"), after = {0};

    (void)state;
    put_into(&fakes[0], "t");
    assert_int_equal(cg_vault_drop_token(vault, &record, NULL), CG_OK);
    assert_int_equal(cg_vault_load(vault, record.base, &after, NULL), CG_OK);
    assert_int_equal(after.token.len, 0);
    assert_int_equal(after.id, 0);
    assert_string_equal(after.user, record.user);
    cg_login_record_free(&after);
    cg_login_record_free(&record);
}

static void a_refused_token_does_not_take_a_newer_one_with_it(void **state)
{
    struct cg_login_record record = make("old");

    (void)state;
    put_into(&fakes[0], "new");
    assert_int_equal(cg_vault_drop_token(vault, &record, NULL), CG_ERR_CONFLICT);
    expect_token("new");
    cg_login_record_free(&record);
}

static void count(void *cls, const struct cg_login_record *record, const char *where)
{
    (void)record;
    (void)where;
    ++*(size_t *)cls;
}

static void each_goes_on_behind_an_ill_store(void **state)
{
    size_t seen = 0;

    (void)state;
    put_into(&fakes[1], "t");
    fakes[0].fault = CG_ERR_UNAVAILABLE;
    assert_int_equal(cg_vault_each(vault, count, &seen, NULL), CG_ERR_UNAVAILABLE);
    assert_int_equal(seen, 1);
}

static void a_change_waits_for_the_lock_of_another(void **state)
{
    char *path = cg_asprintf("%s/lock", dir);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    pid_t child;

    (void)state;
    assert_int_equal(flock(fd, LOCK_EX), 0);
    child = fork();
    if (child == 0) { /* holds the lock it was born with for a moment */
        usleep(200000);
        _exit(0);
    }
    close(fd);
    assert_int_equal(save("t", NULL), CG_OK);
    expect_token("t");
    free(path);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_keyring_is_the_first_choice),
        TEST(a_keyring_that_takes_nothing_leaves_it_to_the_file),
        TEST(no_store_at_all_is_an_error),
        TEST(a_login_moves_to_the_keyring_and_leaves_nothing_in_the_file),
        TEST(an_ill_store_is_not_taken_for_an_empty_one),
        TEST(remove_forgets_it_everywhere),
        TEST(remove_says_when_a_store_still_has_it),
        TEST(a_reminder_is_for_one_process_a_day),
        TEST(a_reminder_never_brings_back_an_old_token),
        TEST(a_refused_token_is_taken_out_and_its_user_kept),
        TEST(a_refused_token_does_not_take_a_newer_one_with_it),
        TEST(each_goes_on_behind_an_ill_store),
        TEST(a_change_waits_for_the_lock_of_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
