/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The filesystem driver when the medium fails: every operation is run again and
 * again, the 1st, 2nd, 3rd... system call failing, until none is left to fail.
 * Each time the result is OK with the change made, or UNAVAILABLE without it,
 * and no temporary file is left.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "temp_dir.h"
#include "base/buf.h"
#include "base/mem.h"
#include "storage/filesystem/fs_private.h"
#include "storage/filesystem/fs_storage.h"

static struct {
    int countdown; /* 0: disarmed */
    int errnum;
    const char *only; /* NULL: any call */
    const char *hit;  /* which call failed */
} fault;

static bool fails(const char *call)
{
    if (fault.countdown == 0 || (fault.only && strcmp(fault.only, call) != 0) || --fault.countdown > 0)
        return false;
    fault.hit = call;
    errno = fault.errnum;
    return true;
}

static void arm(const char *only, int nth, int errnum)
{
    fault.only = only;
    fault.errnum = errnum;
    fault.hit = NULL;
    fault.countdown = nth;
}

static const char *disarm(void)
{
    fault.countdown = 0;
    return fault.hit;
}

#define WRAP(type, failed, name, params, args)                                                                         \
    type __real_##name params;                                                                                         \
    type __wrap_##name params;                                                                                         \
    type __wrap_##name params                                                                                          \
    {                                                                                                                  \
        return fails(#name) ? (failed) : __real_##name args;                                                           \
    }

WRAP(int, -1, mkdirat, (int dir, const char *path, mode_t mode), (dir, path, mode))
WRAP(int, -1, fstat, (int fd, struct stat *info), (fd, info))
WRAP(int, -1, fstatat, (int dir, const char *path, struct stat *info, int flags), (dir, path, info, flags))
WRAP(int, -1, linkat, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags))
WRAP(int, -1, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP(int, -1, unlinkat, (int dir, const char *path, int flags), (dir, path, flags))
WRAP(int, -1, fsync, (int fd), (fd))
WRAP(int, -1, flock, (int fd, int what), (fd, what))
WRAP(ssize_t, -1, write, (int fd, const void *bytes, size_t len), (fd, bytes, len))
WRAP(ssize_t, -1, read, (int fd, void *bytes, size_t len), (fd, bytes, len))
WRAP(struct dirent *, NULL, readdir, (DIR * dir), (dir))
WRAP(DIR *, NULL, fdopendir, (int fd), (fd))

int __real_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, mode_t mode);
int __wrap_openat(int dir, const char *path, int flags, mode_t mode)
{
    return fails("openat") ? -1 : __real_openat(dir, path, flags, mode);
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, mode_t mode);
int __wrap_open(const char *path, int flags, mode_t mode)
{
    return fails("open") ? -1 : __real_open(path, flags, mode);
}

struct fixture {
    char *dir;
    struct cg_storage *st;
};

static int setup(void **state)
{
    struct fixture *f = cg_calloc(1, sizeof(*f));

    f->dir = cg_temp_dir_new();
    assert_int_equal(cg_fs_storage_new(f->dir, &f->st, NULL), CG_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    disarm();
    cg_storage_free(&f->st);
    cg_temp_dir_free(&f->dir);
    free(f);
    return 0;
}

static void fresh(struct fixture *f, bool nameless)
{
    cg_storage_free(&f->st);
    cg_temp_dir_free(&f->dir);
    f->dir = cg_temp_dir_new();
    assert_int_equal(cg_fs_storage_new(f->dir, &f->st, NULL), CG_OK);
    cg_fs(f->st)->nameless &= nameless;
}

static void assert_no_litter(struct fixture *f, const char *hit)
{
    char *command;

    if (strcmp(hit, "unlinkat") == 0)
        return; /* it was the removal that failed */
    command = cg_asprintf("test -z \"$(find '%s' -name '.tmp-*' -o -name '.upload-*')\"", f->dir);
    assert_int_equal(system(command), 0);
    free(command);
}

/* The text of an index file or a crate, "" when absent. Static storage. */
static const char *index_text(struct fixture *f)
{
    static char text[64];
    struct cg_buf buf;
    enum cg_err rc;

    cg_buf_init(&buf, 60);
    rc = f->st->ops->index_read(f->st, "abcde", &buf, NULL, NULL);
    assert_true(rc == CG_OK || rc == CG_ERR_ABSENT);
    snprintf(text, sizeof(text), "%s", cg_buf_str(&buf));
    cg_buf_free(&buf);
    return text;
}

static const char *crate_text(struct fixture *f)
{
    static char text[64];
    struct cg_crate_file file;
    enum cg_err rc = f->st->ops->crate_open(f->st, "abcde", "1.0.0", &file, NULL);

    memset(text, 0, sizeof(text));
    if (rc == CG_OK) {
        assert_true(read(file.fd, text, sizeof(text) - 1) >= 0);
        close(file.fd);
    } else {
        assert_int_equal(rc, CG_ERR_ABSENT);
    }
    return text;
}

static enum cg_err write_index(struct fixture *f, const char *text, struct cg_error *err)
{
    return f->st->ops->index_write(f->st, "abcde", text, strlen(text), err);
}

static enum cg_err write_crate(struct fixture *f, const char *text, bool replace, struct cg_error *err)
{
    struct cg_crate_upload *up = NULL;
    enum cg_err rc = f->st->ops->crate_begin(f->st, &up, err);

    if (rc != CG_OK)
        return rc;
    rc = f->st->ops->crate_write(f->st, up, text, strlen(text), err);
    if (rc == CG_OK)
        rc = f->st->ops->crate_commit(f->st, &up, "abcde", "1.0.0", replace, err);
    f->st->ops->crate_abort(f->st, &up);
    return rc;
}

/* A flush that fails after a replacing rename leaves the new content, which is whole; all else leaves the old. */
static void judge(struct fixture *f, enum cg_err rc, struct cg_error *err, const char *hit, const char *now,
                  const char *before, const char *after)
{
    if (rc == CG_OK) {
        assert_string_equal(now, after);
        return;
    }
    assert_int_equal(rc, CG_ERR_UNAVAILABLE);
    assert_true(err->detail[0] && err->internal[0]);
    assert_null(strstr(err->detail, f->dir));
    if (strcmp(now, before) != 0) {
        assert_string_equal(hit, "fsync");
        assert_string_equal(now, after);
    }
    assert_no_litter(f, hit);
}

static const int errnums[] = {ENOSPC, EIO, EROFS, EACCES};

static void failing_medium_never_half_writes_an_index(void **state)
{
    struct fixture *f = *state;
    int failures = 0;

    for (int n = 1;; n++) {
        struct cg_error err = {0};
        const char *hit;
        enum cg_err rc;
        bool exists = n % 2;

        fresh(f, true);
        if (exists)
            assert_int_equal(write_index(f, "old", NULL), CG_OK);
        arm(NULL, (n + 1) / 2, errnums[n % 4]);
        rc = write_index(f, "new", &err);
        hit = disarm();
        if (!hit)
            break;
        judge(f, rc, &err, hit, index_text(f), exists ? "old" : "", "new");
        failures += rc != CG_OK;
    }
    assert_true(failures >= 10);
}

static void failing_medium_never_half_commits_a_crate(void **state)
{
    struct fixture *f = *state;
    int failures = 0;

    for (int way = 0; way < 4; way++) {
        bool nameless = way & 1, replace = way & 2;

        for (int n = 1;; n++) {
            struct cg_error err = {0};
            const char *hit;
            enum cg_err rc;

            fresh(f, nameless);
            if (replace)
                assert_int_equal(write_crate(f, "old", false, NULL), CG_OK);
            arm(NULL, n, errnums[n % 4]);
            rc = write_crate(f, "new", replace, &err);
            hit = disarm();
            if (!hit)
                break;
            judge(f, rc, &err, hit, crate_text(f), replace ? "old" : "", "new");
            assert_true(replace || rc == CG_OK || crate_text(f)[0] == '\0');
            failures += rc != CG_OK;
        }
    }
    assert_true(failures >= 20);
}

static void failing_medium_never_half_removes(void **state)
{
    struct fixture *f = *state;

    for (int n = 1;; n++) {
        struct cg_error err = {0};
        const char *hit, *hit_too;
        enum cg_err rc, rc_too;

        fresh(f, true);
        assert_int_equal(write_index(f, "old", NULL), CG_OK);
        assert_int_equal(write_crate(f, "old", false, NULL), CG_OK);
        arm(NULL, n, EIO);
        rc = f->st->ops->index_remove(f->st, "abcde", &err);
        hit = disarm();
        if (hit)
            judge(f, rc, &err, hit, index_text(f), "old", "");
        arm(NULL, n, EIO);
        rc_too = f->st->ops->crate_remove(f->st, "abcde", "1.0.0", &err);
        hit_too = disarm();
        if (hit_too)
            judge(f, rc_too, &err, hit_too, crate_text(f), "old", "");
        if (!hit && !hit_too)
            break;
    }
}

static enum cg_err count_index(void *cls, const char *name)
{
    (void)name;
    ++*(int *)cls;
    return CG_OK;
}

static enum cg_err count_crate(void *cls, const char *name, const char *version, uint64_t size)
{
    (void)name, (void)version, (void)size;
    ++*(int *)cls;
    return CG_OK;
}

/* "Not there" is an answer; a disk that does not read is not that answer. */
static void failing_medium_never_reads_as_absent_or_empty(void **state)
{
    struct fixture *f = *state;
    struct cg_buf buf;

    assert_int_equal(write_index(f, "old", NULL), CG_OK);
    assert_int_equal(write_crate(f, "old", false, NULL), CG_OK);
    cg_buf_init(&buf, 60);
    for (int n = 1;; n++) {
        struct cg_crate_file file = {.fd = -1};
        bool hit = false;
        int count = 0;
        enum cg_err rc;

        arm(NULL, n, EIO);
        rc = f->st->ops->index_read(f->st, "abcde", &buf, NULL, NULL);
        hit |= disarm() != NULL;
        assert_true(rc == CG_OK || rc == CG_ERR_UNAVAILABLE);
        assert_true(rc == CG_OK || buf.len == 0);
        cg_buf_reset(&buf);
        arm(NULL, n, EIO);
        rc = f->st->ops->crate_open(f->st, "abcde", "1.0.0", &file, NULL);
        hit |= disarm() != NULL;
        assert_true(rc == CG_OK || rc == CG_ERR_UNAVAILABLE);
        if (file.fd >= 0)
            close(file.fd);
        arm(NULL, n, EIO);
        rc = f->st->ops->index_each(f->st, count_index, &count, NULL);
        hit |= disarm() != NULL;
        assert_true((rc == CG_OK && count == 1) || rc == CG_ERR_UNAVAILABLE);
        count = 0;
        arm(NULL, n, EIO);
        rc = f->st->ops->crate_each(f->st, NULL, count_crate, &count, NULL);
        hit |= disarm() != NULL;
        assert_true((rc == CG_OK && count == 1) || rc == CG_ERR_UNAVAILABLE);
        if (!hit)
            break;
    }
    cg_buf_free(&buf);
}

/* What vanishes between being listed and being looked at is left out, and stops nothing. */
static void vanishing_files_are_left_out_of_listings(void **state)
{
    struct fixture *f = *state;
    int count = 0;

    assert_int_equal(write_index(f, "old", NULL), CG_OK);
    assert_int_equal(write_crate(f, "old", false, NULL), CG_OK);
    for (int n = 1; n <= 3; n++) {
        arm("fstatat", n, ENOENT);
        assert_int_equal(f->st->ops->index_since(f->st, 0, count_index, &count, NULL), CG_OK);
        assert_string_equal(disarm(), "fstatat");
        assert_int_equal(count, 0);
    }
    arm("openat", 2, ENOENT);
    assert_int_equal(f->st->ops->index_each(f->st, count_index, &count, NULL), CG_OK);
    assert_string_equal(disarm(), "openat");
    arm("openat", 2, ENOENT);
    assert_int_equal(f->st->ops->crate_each(f->st, NULL, count_crate, &count, NULL), CG_OK);
    assert_string_equal(disarm(), "openat");
    assert_int_equal(count, 0);
}

static void ping_finds_a_medium_that_cannot_be_written(void **state)
{
    struct fixture *f = *state;

    for (int n = 1; n <= 3; n++) {
        arm(NULL, n, EROFS);
        assert_int_equal(f->st->ops->ping(f->st, NULL), CG_ERR_UNAVAILABLE);
        assert_non_null(disarm());
    }
    assert_int_equal(f->st->ops->ping(f->st, NULL), CG_OK);
}

static void lock_that_cannot_be_taken_is_unavailable(void **state)
{
    struct fixture *f = *state;

    arm("flock", 1, ENOLCK);
    assert_int_equal(f->st->ops->lock(f->st, NULL), CG_ERR_UNAVAILABLE);
    disarm();
    arm("flock", 1, EINTR);
    assert_int_equal(f->st->ops->lock(f->st, NULL), CG_OK);
    disarm();
    f->st->ops->unlock(f->st);
}

/* Opening survives what it can do without (nameless files, sweeping) and fails on the rest, leaking nothing. */
static void store_opens_or_says_why_not(void **state)
{
    struct fixture *f = *state;
    int refused = 0;

    for (int n = 1;; n++) {
        struct cg_storage *st = NULL;
        struct cg_error err = {0};
        char *dir = cg_temp_dir_new();
        const char *hit;
        enum cg_err rc;

        arm(NULL, n, EOPNOTSUPP);
        rc = cg_fs_storage_new(dir, &st, &err);
        hit = disarm();
        assert_true(rc == CG_OK ? st != NULL : rc == CG_ERR_UNAVAILABLE && !st && err.internal[0]);
        refused += rc != CG_OK;
        cg_storage_free(&st);
        cg_temp_dir_free(&dir);
        if (!hit)
            break;
    }
    assert_true(refused >= 6);
    (void)f;
}

static void without_tmpfile_uploads_get_names(void **state)
{
    struct fixture *f = *state;
    const char *calls[] = {"linkat", "openat"};

    for (int i = 0; i < 2; i++) {
        for (int n = 1;; n++) {
            struct cg_storage *st = NULL;
            bool nameless;

            arm(calls[i], n, EOPNOTSUPP);
            if (cg_fs_storage_new(f->dir, &st, NULL) != CG_OK) {
                assert_non_null(disarm());
                continue;
            }
            if (!disarm()) {
                cg_storage_free(&st);
                fail_msg("no %s decided whether uploads need names", calls[i]);
            }
            nameless = cg_fs(st)->nameless;
            cg_storage_free(&st);
            if (!nameless)
                break;
        }
    }
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(failing_medium_never_half_writes_an_index), T(failing_medium_never_half_commits_a_crate),
        T(failing_medium_never_half_removes),         T(failing_medium_never_reads_as_absent_or_empty),
        T(vanishing_files_are_left_out_of_listings),  T(ping_finds_a_medium_that_cannot_be_written),
        T(lock_that_cannot_be_taken_is_unavailable),  T(store_opens_or_says_why_not),
        T(without_tmpfile_uploads_get_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
