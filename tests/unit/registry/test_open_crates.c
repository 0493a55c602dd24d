/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "registry/open_crates.h"

static const struct cg_open_facts facts = {.etag = "\"tag\"", .folded = "a", .version = "1.0.0"};

/* An open file of so many bytes, with the first of them. */
static struct cg_crate_file file_of(uint64_t size, char first)
{
    struct cg_crate_file file = {.fd = memfd_create("crate", MFD_CLOEXEC), .size = size, .mtime = 1763791675};

    assert_true(file.fd >= 0);
    assert_int_equal(ftruncate(file.fd, (off_t)size), 0);
    assert_int_equal(pwrite(file.fd, &first, 1, 0), 1);
    return file;
}

static void put(struct cg_open_crates *open, const struct cg_open_key *key, uint64_t size, char first)
{
    struct cg_crate_file file = file_of(size, first);

    cg_open_crates_put(open, key, &file, &facts);
    assert_int_equal(fcntl(file.fd, F_GETFD), FD_CLOEXEC); /* still the caller's */
    cg_crate_file_close(&file);
}

/* The first byte of what is kept; 0: nothing is. */
static char get(struct cg_open_crates *open, const struct cg_open_key *key)
{
    struct cg_crate_file file = {.fd = -1};
    struct cg_open_facts found;
    char first = 0;

    if (!cg_open_crates_get(open, key, &file, &found))
        return 0;
    assert_string_equal(found.etag, facts.etag);
    assert_string_equal(found.version, "1.0.0");
    if (file.blob->fd >= 0)
        assert_int_equal(pread(file.blob->fd, &first, 1, 0), 1);
    else
        first = file.blob->bytes[0];
    cg_crate_file_close(&file);
    return first;
}

static void a_small_file_is_in_memory_and_a_large_one_open(void **state)
{
    struct cg_open_crates *open = cg_open_crates_new();
    struct cg_open_key small = {.index_name = "small", .version = "1.0.0", .generation = 1};
    struct cg_open_key large = {.index_name = "large", .version = "1.0.0", .generation = 1};
    struct cg_crate_file file = {.fd = -1};
    struct cg_open_facts found;

    (void)state;
    put(open, &small, 1000, 's');
    put(open, &large, 100000, 'l');
    assert_int_equal(get(open, &small), 's');
    assert_int_equal(get(open, &large), 'l');
    assert_true(cg_open_crates_get(open, &small, &file, &found));
    assert_int_equal(file.blob->len, 1000);
    cg_open_crates_free(&open);
    assert_int_equal(file.blob->bytes[0], 's'); /* whoever sends it may go on */
    cg_crate_file_close(&file);
}

static void only_the_same_generation_namespace_name_and_version_are_it(void **state)
{
    struct cg_open_crates *open = cg_open_crates_new();
    struct cg_open_key key = {.index_name = "a", .version = "1.0.0", .generation = 7}, other = key;

    (void)state;
    put(open, &key, 10, 'x');
    other.generation = 8;
    assert_int_equal(get(open, &other), 0);
    other = key;
    other.version = "1.0.0+b";
    assert_int_equal(get(open, &other), 0);
    other = key;
    other.index_name = "b";
    assert_int_equal(get(open, &other), 0);
    other = key;
    other.ns = (struct cg_namespace *)&key;
    assert_int_equal(get(open, &other), 0);
    assert_int_equal(get(open, &key), 'x');
    put(open, &key, 10, 'y');
    assert_int_equal(get(open, &key), 'y');
    cg_open_crates_free(&open);
}

static void a_version_too_long_for_a_crate_is_not_kept(void **state)
{
    struct cg_open_crates *open = cg_open_crates_new();
    char version[400];
    struct cg_open_key key = {.index_name = "a", .version = version, .generation = 1};

    (void)state;
    memset(version, '1', sizeof(version) - 1);
    version[sizeof(version) - 1] = '\0';
    put(open, &key, 10, 'x');
    assert_int_equal(get(open, &key), 0);
    cg_open_crates_free(&open);
}

static int descriptors(void)
{
    int count = 0;

    for (int fd = 0; fd < 4096; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void the_number_of_open_files_is_limited_and_what_is_used_stays(void **state)
{
    struct cg_open_crates *open = cg_open_crates_new();
    struct cg_open_key used = {.index_name = "used", .version = "1.0.0", .generation = 1};
    int before = descriptors();
    char name[16];

    (void)state;
    put(open, &used, 100000, 'u');
    for (int i = 0; i < 2000; i++) {
        struct cg_open_key key = {.index_name = name, .version = "1.0.0", .generation = 1};

        snprintf(name, sizeof(name), "c%d", i);
        put(open, &key, 100000, 'x');
        assert_int_equal(get(open, &used), 'u');
    }
    assert_true(descriptors() - before <= 512);
    assert_true(descriptors() > before);
    cg_open_crates_sweep(open); /* nobody's minute is over */
    assert_int_equal(get(open, &used), 'u');
    cg_open_crates_free(&open);
    assert_int_equal(descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_file_is_in_memory_and_a_large_one_open),
        cmocka_unit_test(only_the_same_generation_namespace_name_and_version_are_it),
        cmocka_unit_test(a_version_too_long_for_a_crate_is_not_kept),
        cmocka_unit_test(the_number_of_open_files_is_limited_and_what_is_used_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
