/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The cache on disk: who goes first, what a restart and another process mean, and that nothing damaged is given out. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "temp_dir.h"
#include "base/digest.h"
#include "base/mem.h"
#include "crategate/clock.h"
#include "log/log.h"
#include "storage/artifactory/art_cache.h"

#define LIMIT 1000
#define SIZE 300 /* three fit */

struct fixture {
    char *top, *dir;
    struct cg_art_cache *cache;
};

struct crate {
    char bytes[SIZE];
    char sha256[CG_SHA256_HEX_SIZE];
};

static void drop_line(void *cls, const char *line)
{
    (void)cls, (void)line;
}

static int setup(void **state)
{
    struct fixture *f = cg_calloc(1, sizeof(*f));

    cg_log_capture(drop_line, NULL);
    f->top = cg_temp_dir_new();
    f->dir = cg_asprintf("%s/cache/corp", f->top);
    assert_int_equal(cg_art_cache_new(f->dir, LIMIT, &f->cache, NULL), CG_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    cg_art_cache_free(&f->cache);
    free(f->dir);
    cg_temp_dir_free(&f->top);
    free(f);
    cg_log_capture(NULL, NULL);
    return 0;
}

static void restart(struct fixture *f)
{
    cg_art_cache_free(&f->cache);
    assert_null(f->cache);
    assert_int_equal(cg_art_cache_new(f->dir, LIMIT, &f->cache, NULL), CG_OK);
}

static struct crate make(char fill)
{
    struct crate crate;
    unsigned char digest[CG_SHA256_SIZE];

    memset(crate.bytes, fill, sizeof(crate.bytes));
    cg_sha256(crate.bytes, sizeof(crate.bytes), digest);
    cg_hex(digest, sizeof(digest), crate.sha256);
    return crate;
}

static struct crate keep(struct cg_art_cache *cache, char fill)
{
    struct crate crate = make(fill);
    int fd = -1;

    assert_int_equal(cg_art_cache_temp(cache, &fd, NULL), CG_OK);
    assert_int_equal(write(fd, crate.bytes, SIZE), SIZE);
    assert_int_equal(cg_art_cache_keep(cache, crate.sha256, fd, SIZE, NULL), CG_OK);
    close(fd);
    return crate;
}

static void assert_there(struct cg_art_cache *cache, const struct crate *crate)
{
    struct cg_crate_file file = {.fd = -1};
    char bytes[SIZE + 1];

    assert_int_equal(cg_art_cache_open(cache, crate->sha256, &file, NULL), CG_OK);
    assert_int_equal(file.size, SIZE);
    assert_null(file.feed);
    assert_true(llabs(file.mtime - cg_clock_wall_s()) < 60);
    assert_int_equal(read(file.fd, bytes, sizeof(bytes)), SIZE);
    assert_memory_equal(bytes, crate->bytes, SIZE);
    cg_crate_file_close(&file);
}

static void assert_absent(struct cg_art_cache *cache, const struct crate *crate)
{
    struct cg_crate_file file = {.fd = -7};

    assert_int_equal(cg_art_cache_open(cache, crate->sha256, &file, NULL), CG_ERR_ABSENT);
    assert_int_equal(file.fd, -7);
}

static char *path_of(const struct fixture *f, const struct crate *crate)
{
    return cg_asprintf("%s/%.2s/%s.crate", f->dir, crate->sha256, crate->sha256);
}

static bool on_disk(const struct fixture *f, const struct crate *crate)
{
    char *path = path_of(f, crate);
    bool there = access(path, F_OK) == 0;

    free(path);
    return there;
}

static void set_used(const struct fixture *f, const struct crate *crate, int64_t ago_s)
{
    char *path = path_of(f, crate);
    struct timespec times[2] = {{.tv_sec = cg_clock_wall_s() - ago_s}, {.tv_nsec = UTIME_OMIT}};

    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    free(path);
}

static void put_file(const struct fixture *f, const struct crate *crate, const char *bytes, size_t len)
{
    char *path = path_of(f, crate);
    int fd;

    *strrchr(path, '/') = '\0';
    (void)mkdir(path, 0700);
    path[strlen(path)] = '/';
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
    free(path);
}

static void kept_crate_is_given_out_and_others_are_absent(void **state)
{
    struct fixture *f = *state;
    struct crate a = keep(f->cache, 'a'), b = make('b');

    assert_there(f->cache, &a);
    assert_there(f->cache, &a);
    assert_absent(f->cache, &b);
    assert_int_equal(cg_art_cache_bytes(f->cache), SIZE);
}

static void directory_is_for_us_alone_and_upload_has_no_name(void **state)
{
    struct fixture *f = *state;
    struct stat info;
    int fd = -1;

    assert_int_equal(stat(f->dir, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_int_equal(cg_art_cache_temp(f->cache, &fd, NULL), CG_OK);
    assert_int_equal(fstat(fd, &info), 0);
    assert_int_equal(info.st_nlink, 0);
    close(fd);
}

static void least_recently_used_goes_first(void **state)
{
    struct fixture *f = *state;
    struct crate a = keep(f->cache, 'a'), b = keep(f->cache, 'b'), c = keep(f->cache, 'c'), d;

    assert_there(f->cache, &a);
    d = keep(f->cache, 'd');
    assert_absent(f->cache, &b);
    assert_false(on_disk(f, &b));
    assert_there(f->cache, &a);
    assert_there(f->cache, &c);
    assert_there(f->cache, &d);
    assert_int_equal(cg_art_cache_bytes(f->cache), 3 * SIZE);
}

static void same_crate_again_counts_once(void **state)
{
    struct fixture *f = *state;
    struct crate a = keep(f->cache, 'a');

    keep(f->cache, 'a');
    assert_int_equal(cg_art_cache_bytes(f->cache), SIZE);
    assert_there(f->cache, &a);
}

static void what_is_larger_than_the_whole_limit_is_not_kept(void **state)
{
    struct fixture *f = *state;
    struct crate a = keep(f->cache, 'a'), big = make('b');
    int fd = -1;

    assert_int_equal(cg_art_cache_temp(f->cache, &fd, NULL), CG_OK);
    assert_int_equal(cg_art_cache_keep(f->cache, big.sha256, fd, LIMIT + 1, NULL), CG_OK);
    close(fd);
    assert_absent(f->cache, &big);
    assert_there(f->cache, &a);
}

static void evicted_file_stays_readable_while_open(void **state)
{
    struct fixture *f = *state;
    struct crate a = keep(f->cache, 'a');
    struct cg_crate_file file;
    char bytes[SIZE];

    assert_int_equal(cg_art_cache_open(f->cache, a.sha256, &file, NULL), CG_OK);
    cg_art_cache_resize(f->cache, SIZE - 1);
    assert_absent(f->cache, &a);
    assert_int_equal(read(file.fd, bytes, SIZE), SIZE);
    assert_memory_equal(bytes, a.bytes, SIZE);
    cg_crate_file_close(&file);
}

static void smaller_limit_evicts_at_once_and_a_larger_one_keeps_more(void **state)
{
    struct fixture *f = *state;
    struct crate a = keep(f->cache, 'a'), b = keep(f->cache, 'b');

    cg_art_cache_resize(f->cache, SIZE);
    assert_false(on_disk(f, &a));
    assert_there(f->cache, &b);
    cg_art_cache_resize(f->cache, 5 * SIZE);
    for (char fill = 'c'; fill <= 'f'; fill++)
        keep(f->cache, fill);
    assert_int_equal(cg_art_cache_bytes(f->cache), 5 * SIZE);
    assert_there(f->cache, &b);
}

static void order_outlives_a_restart(void **state)
{
    struct fixture *f = *state;
    struct crate a = keep(f->cache, 'a'), b = keep(f->cache, 'b'), c = keep(f->cache, 'c');

    set_used(f, &a, 300);
    set_used(f, &b, 900);
    set_used(f, &c, 600);
    assert_there(f->cache, &b); /* long ago: its file is told */
    restart(f);
    assert_int_equal(cg_art_cache_bytes(f->cache), 3 * SIZE);
    keep(f->cache, 'd');
    assert_false(on_disk(f, &c));
    assert_there(f->cache, &a);
    assert_there(f->cache, &b);
}

static void restart_with_too_much_on_disk_evicts(void **state)
{
    struct fixture *f = *state;
    struct crate a = keep(f->cache, 'a'), b = keep(f->cache, 'b');

    set_used(f, &a, 100);
    cg_art_cache_free(&f->cache);
    assert_int_equal(cg_art_cache_new(f->dir, SIZE, &f->cache, NULL), CG_OK);
    assert_false(on_disk(f, &a));
    assert_there(f->cache, &b);
}

static void damaged_by_a_crash_is_found_whatever_its_size(void **state)
{
    struct fixture *f = *state;
    struct crate cut = keep(f->cache, 'a'), zero = keep(f->cache, 'b'), good = keep(f->cache, 'c');
    static const char zeros[SIZE];

    cg_art_cache_free(&f->cache);
    put_file(f, &cut, cut.bytes, SIZE - 1);
    put_file(f, &zero, zeros, SIZE);
    assert_int_equal(cg_art_cache_new(f->dir, LIMIT, &f->cache, NULL), CG_OK);
    assert_absent(f->cache, &cut);
    assert_absent(f->cache, &zero);
    assert_false(on_disk(f, &zero));
    assert_there(f->cache, &good);
    assert_int_equal(cg_art_cache_bytes(f->cache), SIZE);
}

static void file_cut_under_our_hands_is_dropped_and_can_be_kept_again(void **state)
{
    struct fixture *f = *state;
    struct crate a = keep(f->cache, 'a');

    put_file(f, &a, a.bytes, 10);
    assert_absent(f->cache, &a);
    assert_int_equal(cg_art_cache_bytes(f->cache), 0);
    keep(f->cache, 'a');
    assert_there(f->cache, &a);
}

/* Then it is needed most. */
static void what_cannot_be_opened_for_want_of_descriptors_stays(void **state)
{
    struct fixture *f = *state;
    struct crate a = keep(f->cache, 'a');
    struct rlimit before, none;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_absent(f->cache, &a);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(on_disk(f, &a));
    assert_there(f->cache, &a);
}

static void good_bytes_replace_damaged_ones_of_the_same_name(void **state)
{
    struct fixture *f = *state;
    struct crate a = make('a');

    put_file(f, &a, "rubbish", 7);
    keep(f->cache, 'a');
    assert_there(f->cache, &a);
}

static void what_another_process_keeps_and_drops_is_seen(void **state)
{
    struct fixture *f = *state;
    struct cg_art_cache *other = NULL;
    struct crate a = keep(f->cache, 'a'), b;

    assert_int_equal(cg_art_cache_new(f->dir, LIMIT, &other, NULL), CG_OK);
    b = keep(other, 'b');
    assert_there(f->cache, &b);
    assert_there(other, &a);
    cg_art_cache_drop(other, a.sha256);
    assert_absent(f->cache, &a);
    assert_int_equal(cg_art_cache_bytes(f->cache), SIZE);
    cg_art_cache_free(&other);
}

static void dropped_crate_is_gone_also_where_it_was_not_known(void **state)
{
    struct fixture *f = *state;
    struct crate a = make('a');

    put_file(f, &a, a.bytes, SIZE);
    cg_art_cache_drop(f->cache, a.sha256);
    assert_false(on_disk(f, &a));
    cg_art_cache_drop(f->cache, a.sha256);
    cg_art_cache_drop(f->cache, "../../etc/passwd");
}

static void what_does_not_belong_is_removed_at_the_start(void **state)
{
    struct fixture *f = *state;
    struct crate a = keep(f->cache, 'a');
    char *odd = cg_asprintf("%s/%.2s/readme", f->dir, a.sha256), *temp = cg_asprintf("%s/.tmp-1234", f->dir);
    char *old = cg_asprintf("%s/.tmp-5678", f->dir);
    struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

    close(open(odd, O_WRONLY | O_CREAT, 0600));
    close(open(temp, O_WRONLY | O_CREAT, 0600));
    close(open(old, O_WRONLY | O_CREAT, 0600));
    assert_int_equal(utimensat(AT_FDCWD, old, long_ago, 0), 0);
    restart(f);
    assert_int_not_equal(access(odd, F_OK), 0);
    assert_int_equal(access(temp, F_OK), 0); /* somebody may be at it */
    assert_int_not_equal(access(old, F_OK), 0);
    assert_there(f->cache, &a);
    free(odd);
    free(temp);
    free(old);
}

static void names_that_are_no_sums_are_never_opened(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_file file;
    static const char *const odd[] = {"", "ab", "../../../../../../../../../../../../../../../../../../../etc/passwd",
                                      "ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789"};

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        assert_int_equal(cg_art_cache_open(f->cache, odd[i], &file, NULL), CG_ERR_ABSENT);
}

static void cache_that_cannot_be_made_is_unavailable(void **state)
{
    struct fixture *f = *state;
    struct cg_art_cache *cache = NULL;
    struct cg_error err = {0};
    char *dir = cg_asprintf("%s/file/corp", f->top), *file = cg_asprintf("%s/file", f->top);

    close(open(file, O_WRONLY | O_CREAT, 0600));
    assert_int_equal(cg_art_cache_new(dir, LIMIT, &cache, &err), CG_ERR_UNAVAILABLE);
    assert_null(cache);
    assert_non_null(strstr(err.internal, "file"));
    free(dir);
    free(file);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(kept_crate_is_given_out_and_others_are_absent),
        T(directory_is_for_us_alone_and_upload_has_no_name),
        T(least_recently_used_goes_first),
        T(same_crate_again_counts_once),
        T(what_is_larger_than_the_whole_limit_is_not_kept),
        T(evicted_file_stays_readable_while_open),
        T(smaller_limit_evicts_at_once_and_a_larger_one_keeps_more),
        T(order_outlives_a_restart),
        T(restart_with_too_much_on_disk_evicts),
        T(damaged_by_a_crash_is_found_whatever_its_size),
        T(file_cut_under_our_hands_is_dropped_and_can_be_kept_again),
        T(what_cannot_be_opened_for_want_of_descriptors_stays),
        T(good_bytes_replace_damaged_ones_of_the_same_name),
        T(what_another_process_keeps_and_drops_is_seen),
        T(dropped_crate_is_gone_also_where_it_was_not_known),
        T(what_does_not_belong_is_removed_at_the_start),
        T(names_that_are_no_sums_are_never_opened),
        T(cache_that_cannot_be_made_is_unavailable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
