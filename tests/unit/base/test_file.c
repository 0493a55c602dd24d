/* SPDX-License-Identifier: Apache-2.0 OR MIT */
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
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/cg-file-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static const char *in_dir(const char *name)
{
    static char paths[4][256];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

static void put(const char *path, const void *bytes, size_t len)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    fclose(f);
}

static size_t entries_of(const char *path)
{
    size_t n = 0;
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

static void errors_keep_their_kinds_apart(void **state)
{
    (void)state;
    struct cg_error err = {0};
    assert_int_equal(cg_file_error(&err, ENOENT, "open", "/x/y"), CG_ERR_ABSENT);
    assert_string_equal(err.detail, "cannot open \"/x/y\": No such file or directory");
    assert_int_equal(cg_file_error(&err, EEXIST, "link", "/x"), CG_ERR_CONFLICT);
    assert_int_equal(cg_file_error(&err, EACCES, "open", "/x"), CG_ERR_DENIED);
    assert_int_equal(cg_file_error(&err, EPERM, "open", "/x"), CG_ERR_DENIED);
    assert_int_equal(cg_file_error(&err, ENOSPC, "write", "/x"), CG_ERR_UNAVAILABLE);
    assert_int_equal(cg_file_error(NULL, EIO, "read", "/x"), CG_ERR_UNAVAILABLE);
}

static void a_file_is_read_whole_behind_what_is_there(void **state)
{
    (void)state;
    struct cg_buf buf;
    char *big = malloc(300000);
    for (int i = 0; i < 300000; i++)
        big[i] = (char)(i * 7);
    put(in_dir("big"), big, 300000);
    cg_buf_init(&buf, 400000);
    cg_buf_addstr(&buf, "before");
    assert_int_equal(cg_file_read(in_dir("big"), &buf, NULL), CG_OK);
    assert_int_equal(buf.len, 300006);
    assert_memory_equal(buf.data, "before", 6);
    assert_memory_equal(buf.data + 6, big, 300000);
    cg_buf_free(&buf);
    free(big);
}

static void a_file_as_big_as_the_cap_fits_and_one_more_does_not(void **state)
{
    (void)state;
    struct cg_error err = {0};
    struct cg_buf buf;
    put(in_dir("f"), "12345", 5);
    cg_buf_init(&buf, 5);
    assert_int_equal(cg_file_read(in_dir("f"), &buf, &err), CG_OK);
    assert_string_equal(cg_buf_str(&buf), "12345");
    cg_buf_free(&buf);
    cg_buf_init(&buf, 6);
    cg_buf_addstr(&buf, "ab");
    assert_int_equal(cg_file_read(in_dir("f"), &buf, &err), CG_ERR_TOO_LARGE);
    assert_non_null(strstr(err.detail, in_dir("f")));
    assert_string_equal(cg_buf_str(&buf), "ab"); /* as before */
    assert_false(cg_buf_failed(&buf));
    cg_buf_free(&buf);
    cg_buf_init(&buf, 0);
    put(in_dir("empty"), "", 0);
    assert_int_equal(cg_file_read(in_dir("empty"), &buf, &err), CG_OK);
    assert_int_equal(cg_file_read(in_dir("f"), &buf, &err), CG_ERR_TOO_LARGE);
    cg_buf_free(&buf);
}

static void files_without_a_size_are_read_too(void **state)
{
    (void)state;
    struct cg_buf buf;
    cg_buf_init(&buf, 65536);
    assert_int_equal(cg_file_read("/proc/self/status", &buf, NULL), CG_OK);
    assert_non_null(strstr(cg_buf_str(&buf), "Pid:"));
    cg_buf_free(&buf);
}

static void what_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    struct cg_error err = {0};
    struct cg_buf buf;
    cg_buf_init(&buf, 100);
    assert_int_equal(cg_file_read(in_dir("none"), &buf, &err), CG_ERR_ABSENT);
    assert_non_null(strstr(err.detail, in_dir("none")));
    assert_int_equal(cg_file_read(dir, &buf, &err), CG_ERR_UNAVAILABLE);
    assert_int_equal(buf.len, 0);
    cg_buf_free(&buf);
}

static void a_full_disk_is_unavailable(void **state)
{
    (void)state;
    struct cg_error err = {0};
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        skip();
    assert_int_equal(cg_file_write_fd(fd, "/dev/full", "x", 1, &err), CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(err.detail, "/dev/full"));
    assert_int_equal(cg_file_write_fd(fd, "/dev/full", "", 0, &err), CG_OK);
    close(fd);
}

static void replace_sets_bytes_and_mode_and_leaves_nothing_beside(void **state)
{
    (void)state;
    struct cg_buf buf;
    struct stat st;
    cg_buf_init(&buf, 100);
    umask(077);
    assert_int_equal(cg_file_replace(in_dir("f"), "one", 3, 0644, NULL), CG_OK);
    umask(022);
    assert_int_equal(stat(in_dir("f"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(cg_file_replace(in_dir("f"), "second", 6, 0600, NULL), CG_OK);
    assert_int_equal(stat(in_dir("f"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(cg_file_read(in_dir("f"), &buf, NULL), CG_OK);
    assert_string_equal(cg_buf_str(&buf), "second");
    assert_int_equal(entries_of(dir), 1);
    cg_buf_free(&buf);
}

static void a_reader_of_the_old_file_keeps_it(void **state)
{
    (void)state;
    struct cg_buf buf;
    cg_buf_init(&buf, 100);
    assert_int_equal(cg_file_replace(in_dir("f"), "old", 3, 0644, NULL), CG_OK);
    int fd = open(in_dir("f"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(cg_file_replace(in_dir("f"), "new and longer", 14, 0644, NULL), CG_OK);
    assert_int_equal(cg_file_read_fd(fd, "f", &buf, NULL), CG_OK);
    assert_string_equal(cg_buf_str(&buf), "old");
    close(fd);
    cg_buf_free(&buf);
}

static void a_failed_replace_changes_nothing(void **state)
{
    (void)state;
    struct cg_error err = {0};
    assert_int_equal(cg_file_replace(in_dir("none/f"), "x", 1, 0644, &err), CG_ERR_ABSENT);
    assert_int_equal(mkdir(in_dir("d"), 0755), 0);
    assert_int_equal(cg_file_replace(in_dir("d"), "x", 1, 0644, &err), CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(err.detail, in_dir("d")));
    assert_int_equal(entries_of(dir), 1); /* no temporary stays */
}

static void long_names_have_temporaries_too(void **state)
{
    (void)state;
    char name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    char path[400];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(cg_file_replace(path, "x", 1, 0644, NULL), CG_OK);
    assert_int_equal(entries_of(dir), 1);
}

static void a_bare_name_is_in_the_current_directory(void **state)
{
    (void)state;
    char before[4096];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(dir), 0);
    assert_int_equal(cg_file_replace("bare", "x", 1, 0644, NULL), CG_OK);
    assert_int_equal(cg_file_mkdirs("a/b", 0755, NULL), CG_OK);
    assert_int_equal(cg_file_remove("bare", NULL), CG_OK);
    assert_int_equal(chdir(before), 0);
    assert_int_equal(entries_of(dir), 1);
}

static void directories_are_made_with_their_parents(void **state)
{
    (void)state;
    struct stat st;
    assert_int_equal(cg_file_mkdirs(in_dir("a/b//c/"), 0750, NULL), CG_OK);
    assert_int_equal(stat(in_dir("a/b/c"), &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0750);
    assert_int_equal(cg_file_mkdirs(in_dir("a/b/c"), 0750, NULL), CG_OK);
    assert_int_equal(cg_file_mkdirs("/", 0750, NULL), CG_OK);
}

static void a_file_in_the_way_is_not_a_directory(void **state)
{
    (void)state;
    struct cg_error err = {0};
    put(in_dir("f"), "", 0);
    assert_int_equal(cg_file_mkdirs(in_dir("f"), 0755, &err), CG_ERR_CONFLICT);
    assert_non_null(strstr(err.detail, in_dir("f")));
    assert_int_equal(cg_file_mkdirs(in_dir("f/g"), 0755, &err), CG_ERR_UNAVAILABLE);
    assert_int_equal(cg_file_mkdirs("", 0755, &err), CG_ERR_ABSENT);
}

static void removing_twice_is_absent(void **state)
{
    (void)state;
    put(in_dir("f"), "", 0);
    assert_int_equal(cg_file_remove(in_dir("f"), NULL), CG_OK);
    assert_int_equal(cg_file_remove(in_dir("f"), NULL), CG_ERR_ABSENT);
    assert_int_equal(cg_file_sync_dir(dir, NULL), CG_OK);
    assert_int_equal(cg_file_sync_dir(in_dir("none"), NULL), CG_ERR_ABSENT);
}

static void syncing_a_pipe_is_no_error_but_a_closed_one_is(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(cg_file_sync_fd(ends[1], "pipe", NULL), CG_OK);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(cg_file_sync_fd(-1, "nothing", NULL), CG_ERR_UNAVAILABLE);
}

#define T(name) cmocka_unit_test_setup_teardown(name, make_dir, drop_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(errors_keep_their_kinds_apart),
        T(a_file_is_read_whole_behind_what_is_there),
        T(a_file_as_big_as_the_cap_fits_and_one_more_does_not),
        T(files_without_a_size_are_read_too),
        T(what_cannot_be_read_is_an_error),
        T(a_full_disk_is_unavailable),
        T(replace_sets_bytes_and_mode_and_leaves_nothing_beside),
        T(a_reader_of_the_old_file_keeps_it),
        T(a_failed_replace_changes_nothing),
        T(long_names_have_temporaries_too),
        T(a_bare_name_is_in_the_current_directory),
        T(directories_are_made_with_their_parents),
        T(a_file_in_the_way_is_not_a_directory),
        T(removing_twice_is_absent),
        T(syncing_a_pipe_is_no_error_but_a_closed_one_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
