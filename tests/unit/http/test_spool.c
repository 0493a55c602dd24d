/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/spool.h"

#define MEMORY (256u * 1024u)

static char dir[] = "/tmp/cg-spool-XXXXXX";

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    return rmdir(dir); /* fails when a spool left a file */
}

static unsigned char byte_at(uint64_t i)
{
    return (unsigned char)(i * 31 + i / 251);
}

/* What a transport does with its bytes. */
static void feed(struct cg_spool *spool, uint64_t from, size_t len)
{
    unsigned char *bytes = cg_malloc(len);
    struct cg_error err = {0};
    size_t done = 0, used;

    for (size_t i = 0; i < len; i++)
        bytes[i] = byte_at(from + i);
    while (done < len) {
        assert_int_equal(cg_spool_add(spool, bytes + done, len - done, &used), CG_OK);
        done += used;
        if (done < len) {
            assert_true(cg_spool_full(spool));
            assert_int_equal(cg_spool_flush(spool, &err), CG_OK);
        }
    }
    free(bytes);
}

static void check(struct cg_spool *spool, uint64_t size, size_t step)
{
    unsigned char *bytes = cg_malloc(step);
    struct cg_error err = {0};
    uint64_t at = 0;
    size_t got;

    assert_int_equal(cg_spool_size(spool), size);
    for (;;) {
        assert_int_equal(cg_spool_read(spool, at, bytes, step, &got, &err), CG_OK);
        if (got == 0)
            break;
        for (size_t i = 0; i < got; i++)
            if (bytes[i] != byte_at(at + i))
                fail_msg("byte %llu differs", (unsigned long long)(at + i));
        at += got;
    }
    assert_int_equal(at, size);
    free(bytes);
}

static void a_small_body_stays_in_memory(void **state)
{
    struct cg_spool *spool = cg_spool_new(1024, NULL);
    size_t len = 99;

    (void)state;
    assert_string_equal(cg_spool_memory(spool, &len), "");
    assert_int_equal(len, 0);
    feed(spool, 0, 1000);
    check(spool, 1000, 7);
    const char *text = cg_spool_memory(spool, &len);

    assert_int_equal(len, 1000);
    assert_int_equal(text[1000], '\0');
    cg_spool_free(&spool);
    assert_null(spool);
    cg_spool_free(&spool);
}

static void a_large_body_goes_through_a_file_without_a_name(void **state)
{
    struct cg_spool *spool = cg_spool_new(10 * MEMORY, dir);
    size_t len;

    (void)state;
    feed(spool, 0, MEMORY + 1);
    assert_null(cg_spool_memory(spool, &len));
    feed(spool, MEMORY + 1, 3 * MEMORY + 12345);
    assert_int_equal(access(dir, W_OK), 0);
    check(spool, 4 * MEMORY + 12346, 65536);
    check(spool, 4 * MEMORY + 12346, 10007);

    DIR *entries = opendir(dir);
    struct dirent *entry;

    while ((entry = readdir(entries)) != NULL)
        assert_int_equal(entry->d_name[0], '.');
    closedir(entries);
    cg_spool_free(&spool);
}

static void exactly_full_needs_no_file(void **state)
{
    struct cg_spool *spool = cg_spool_new(2 * MEMORY, "/nonexistent/spool");
    size_t len;

    (void)state;
    feed(spool, 0, MEMORY);
    assert_true(cg_spool_full(spool));
    assert_non_null(cg_spool_memory(spool, &len));
    check(spool, MEMORY, 4096);
    cg_spool_free(&spool);
}

static void too_much_is_swallowed_and_remembered(void **state)
{
    struct cg_spool *spool = cg_spool_new(10, NULL);
    size_t used = 0;

    (void)state;
    assert_int_equal(cg_spool_add(spool, "0123456789", 10, &used), CG_OK);
    assert_int_equal(cg_spool_add(spool, "x", 1, &used), CG_ERR_TOO_LARGE);
    assert_int_equal(used, 1);
    assert_int_equal(cg_spool_add(spool, "yy", 2, &used), CG_ERR_TOO_LARGE);
    assert_int_equal(used, 2);
    assert_int_equal(cg_spool_size(spool), 10);
    cg_spool_free(&spool);
}

static void no_body_at_all_is_allowed_with_a_limit_of_nothing(void **state)
{
    struct cg_spool *spool = cg_spool_new(0, NULL);
    size_t used = 0;

    (void)state;
    assert_int_equal(cg_spool_add(spool, "", 0, &used), CG_OK);
    assert_int_equal(cg_spool_add(spool, "x", 1, &used), CG_ERR_TOO_LARGE);
    cg_spool_free(&spool);
}

static void a_disk_that_fails_is_unavailable_and_the_path_stays_inside(void **state)
{
    struct cg_spool *spool = cg_spool_new(2 * MEMORY, "/nonexistent/spool");
    struct cg_error err = {0};

    (void)state;
    feed(spool, 0, MEMORY);
    assert_int_equal(cg_spool_flush(spool, &err), CG_ERR_UNAVAILABLE);
    assert_null(strstr(err.detail, "nonexistent"));
    assert_non_null(strstr(err.internal, "/nonexistent/spool"));
    cg_spool_free(&spool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_body_stays_in_memory),
        cmocka_unit_test(a_large_body_goes_through_a_file_without_a_name),
        cmocka_unit_test(exactly_full_needs_no_file),
        cmocka_unit_test(too_much_is_swallowed_and_remembered),
        cmocka_unit_test(no_body_at_all_is_allowed_with_a_limit_of_nothing),
        cmocka_unit_test(a_disk_that_fails_is_unavailable_and_the_path_stays_inside),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
