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
#include <sys/wait.h>
#include <unistd.h>

#include "base/secret.h"

static char dir[64];
static char path[128];

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/cg-secret-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/secret", dir);
    return 0;
}

static int drop_dir(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

static void put(const char *bytes, size_t len, mode_t mode)
{
    unlink(path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    fclose(f);
    assert_int_equal(chmod(path, mode), 0);
}

static void set_copies_and_free_empties(void **state)
{
    (void)state;
    struct cg_secret secret = {0};
    cg_secret_free(&secret);
    char text[] = "hunter2";
    cg_secret_set(&secret, text, 7);
    text[0] = 'x';
    assert_int_equal(secret.len, 7);
    assert_string_equal((char *)secret.bytes, "hunter2");
    cg_secret_set(&secret, secret.bytes + 1, 3); /* from itself */
    assert_string_equal((char *)secret.bytes, "unt");
    cg_secret_set(&secret, "", 0);
    assert_null(secret.bytes);
    cg_secret_set(&secret, "x", 1);
    cg_secret_free(&secret);
    assert_null(secret.bytes);
    assert_int_equal(secret.len, 0);
    cg_secret_free(&secret);
}

static void equality_is_of_bytes_and_length(void **state)
{
    (void)state;
    struct cg_secret a = {0}, b = {0};
    assert_true(cg_secret_equal(&a, &b));
    cg_secret_set(&a, "ab\0c", 4);
    assert_false(cg_secret_equal(&a, &b));
    cg_secret_copy(&b, &a);
    assert_ptr_not_equal(a.bytes, b.bytes);
    assert_true(cg_secret_equal(&a, &b));
    cg_secret_set(&b, "ab\0d", 4);
    assert_false(cg_secret_equal(&a, &b));
    cg_secret_set(&b, "ab", 2);
    assert_false(cg_secret_equal(&a, &b));
    assert_true(cg_secret_equal_bytes("x", "x", 1));
    assert_false(cg_secret_equal_bytes("x", "y", 1));
    cg_secret_free(&a);
    cg_secret_free(&b);
}

static void wiped_memory_is_zero(void **state)
{
    (void)state;
    char text[8] = "secret!";
    cg_wipe(text, sizeof text);
    for (size_t i = 0; i < sizeof text; i++)
        assert_int_equal(text[i], 0);
    cg_wipe(NULL, 0);
}

static void a_good_file_is_read_without_its_newline(void **state)
{
    (void)state;
    static const char *const texts[] = {"pass word", "pass word\n", "pass word\r\n"};
    struct cg_secret secret = {0};
    for (size_t i = 0; i < 3; i++) {
        put(texts[i], strlen(texts[i]), i % 2 ? 0400 : 0600);
        assert_int_equal(cg_secret_read_file(&secret, path, NULL), CG_OK);
        assert_string_equal((char *)secret.bytes, "pass word");
    }
    put("a\n\n", 3, 0600);
    assert_int_equal(cg_secret_read_file(&secret, path, NULL), CG_OK);
    assert_string_equal((char *)secret.bytes, "a\n"); /* one newline only */
    cg_secret_free(&secret);
}

static void rights_of_others_are_refused_with_advice(void **state)
{
    (void)state;
    static const mode_t modes[] = {0640, 0604, 0644, 0660, 0610, 0601, 0700, 04600};
    struct cg_secret secret = {0};
    cg_secret_set(&secret, "before", 6);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        struct cg_error err = {0};
        put("x", 1, modes[i]);
        assert_int_equal(cg_secret_read_file(&secret, path, &err), CG_ERR_INVALID);
        assert_non_null(strstr(err.detail, path));
        assert_non_null(strstr(err.detail, "chmod 0600"));
    }
    assert_string_equal((char *)secret.bytes, "before");
    cg_secret_free(&secret);
}

/* In a child, because the way back to root is not open to everybody. */
static bool is_refused_for(uid_t uid)
{
    struct cg_secret secret = {0};
    struct cg_error err = {0};
    pid_t child = fork();
    int status = 0;

    if (child == 0)
        _exit(seteuid(uid) < 0 || cg_secret_read_file(&secret, path, &err) == CG_OK ? 1 : 0);
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void another_users_file_is_refused_but_for_root(void **state)
{
    (void)state;
    struct cg_secret secret = {0};
    struct cg_error err = {0};
    put("x", 1, 0600);
    if (geteuid() != 0 || chown(path, 12345, 0) < 0)
        skip();
    assert_true(is_refused_for(23456));
    assert_int_equal(cg_secret_read_file(&secret, path, &err), CG_OK);
    cg_secret_free(&secret);
}

static void what_is_no_secret_file_is_refused(void **state)
{
    (void)state;
    struct cg_secret secret = {0};
    struct cg_error err = {0};
    assert_int_equal(cg_secret_read_file(&secret, path, &err), CG_ERR_ABSENT);
    put("\n", 1, 0600);
    assert_int_equal(cg_secret_read_file(&secret, path, &err), CG_ERR_INVALID);
    put("", 0, 0600);
    assert_int_equal(cg_secret_read_file(&secret, path, &err), CG_ERR_INVALID);
    assert_int_equal(cg_secret_read_file(&secret, dir, &err), CG_ERR_INVALID);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(cg_secret_read_file(&secret, path, &err), CG_ERR_INVALID); /* and does not hang */
    assert_null(secret.bytes);
}

static void sixty_four_kib_are_the_most(void **state)
{
    (void)state;
    struct cg_secret secret = {0};
    char *big = malloc(65537);
    memset(big, 'k', 65537);
    put(big, 65536, 0600);
    assert_int_equal(cg_secret_read_file(&secret, path, NULL), CG_OK);
    assert_int_equal(secret.len, 65536);
    put(big, 65537, 0600);
    assert_int_equal(cg_secret_read_file(&secret, path, NULL), CG_ERR_INVALID);
    free(big);
    cg_secret_free(&secret);
}

#define T(name) cmocka_unit_test_setup_teardown(name, make_dir, drop_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_copies_and_free_empties), cmocka_unit_test(equality_is_of_bytes_and_length),
        cmocka_unit_test(wiped_memory_is_zero),        T(a_good_file_is_read_without_its_newline),
        T(rights_of_others_are_refused_with_advice),   T(another_users_file_is_refused_but_for_root),
        T(what_is_no_secret_file_is_refused),          T(sixty_four_kib_are_the_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
