/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What is the filesystem driver's own: the layout, rights, links, litter, the lock between processes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "temp_dir.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "crategate/clock.h"
#include "storage/filesystem/fs_private.h"
#include "storage/filesystem/fs_storage.h"

struct fixture {
    char *top;
    char *dir; /* the namespace's, below top */
    struct cg_storage *st;
};

static int setup(void **state)
{
    struct fixture *f = cg_calloc(1, sizeof(*f));

    umask(022);
    f->top = cg_temp_dir_new();
    f->dir = cg_asprintf("%s/namespaces/payments", f->top);
    assert_int_equal(cg_fs_storage_new(f->dir, &f->st, NULL), CG_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    cg_storage_free(&f->st);
    free(f->dir);
    cg_temp_dir_free(&f->top);
    free(f);
    return 0;
}

static enum cg_err put_index(struct fixture *f, const char *name, struct cg_error *err)
{
    return f->st->ops->index_write(f->st, name, "text", 4, err);
}

static enum cg_err put_crate(struct fixture *f, const char *name, const char *version, bool replace,
                             struct cg_error *err)
{
    struct cg_crate_upload *up = NULL;
    enum cg_err rc = f->st->ops->crate_begin(f->st, &up, err);

    if (rc == CG_OK)
        rc = f->st->ops->crate_write(f->st, up, "crate", 5, err);
    if (rc == CG_OK)
        rc = f->st->ops->crate_commit(f->st, &up, name, version, replace, err);
    f->st->ops->crate_abort(f->st, &up);
    return rc;
}

static mode_t mode_of(struct fixture *f, const char *path)
{
    char *full = cg_asprintf("%s/%s", f->dir, path);
    struct stat info = {0};

    if (lstat(full, &info) != 0)
        info.st_mode = 0;
    free(full);
    return info.st_mode;
}

static void run_in(struct fixture *f, const char *fmt, const char *a, const char *b)
{
    char *command = cg_asprintf("cd '%s' && %s '%s' '%s'", f->dir, fmt, a, b);

    assert_int_equal(system(command), 0);
    free(command);
}

static void write_file(struct fixture *f, const char *path, time_t age)
{
    char *full = cg_asprintf("%s/%s", f->dir, path);
    struct timespec times[2] = {{.tv_sec = time(NULL) - age}, {.tv_sec = time(NULL) - age}};
    int fd = open(full, O_WRONLY | O_CREAT, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
    free(full);
}

static size_t entries_in(struct fixture *f, const char *path)
{
    char *full = cg_asprintf("%s/%s", f->dir, path);
    DIR *dir = opendir(full);
    size_t count = 0;

    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    free(full);
    return count;
}

static void tree_is_a_static_sparse_registry(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(f->st->ops->config_write(f->st, "{}", 2, NULL), CG_OK);
    assert_int_equal(put_index(f, "a", NULL), CG_OK);
    assert_int_equal(put_index(f, "ab", NULL), CG_OK);
    assert_int_equal(put_index(f, "abc", NULL), CG_OK);
    assert_int_equal(put_index(f, "abcde", NULL), CG_OK);
    assert_int_equal(put_crate(f, "Abc-de", "1.0.0", false, NULL), CG_OK);
    assert_int_equal(mode_of(f, "index/config.json"), S_IFREG | 0644);
    assert_int_equal(mode_of(f, "index/1/a"), S_IFREG | 0644);
    assert_int_equal(mode_of(f, "index/2/ab"), S_IFREG | 0644);
    assert_int_equal(mode_of(f, "index/3/a/abc"), S_IFREG | 0644);
    assert_int_equal(mode_of(f, "index/ab/cd/abcde"), S_IFREG | 0644);
    assert_int_equal(mode_of(f, "index/ab/cd"), S_IFDIR | 0755);
    assert_int_equal(mode_of(f, "crates/Abc-de/Abc-de-1.0.0.crate"), S_IFREG | 0644);
    assert_int_equal(mode_of(f, "crates/Abc-de"), S_IFDIR | 0755);
    assert_int_equal(mode_of(f, ".lock"), S_IFREG | 0600);
}

static void umask_takes_rights_away(void **state)
{
    struct fixture *f = *state;

    umask(027);
    assert_int_equal(put_index(f, "abcde", NULL), CG_OK);
    assert_int_equal(put_crate(f, "abcde", "1.0.0", false, NULL), CG_OK);
    umask(022);
    assert_int_equal(mode_of(f, "index/ab"), S_IFDIR | 0750);
    assert_int_equal(mode_of(f, "index/ab/cd/abcde"), S_IFREG | 0640);
    assert_int_equal(mode_of(f, "crates/abcde/abcde-1.0.0.crate"), S_IFREG | 0640);
}

static void config_is_rewritten_only_when_it_differs(void **state)
{
    struct fixture *f = *state;
    char *path = cg_asprintf("%s/index/config.json", f->dir);
    struct stat before, after;
    struct cg_buf buf;

    assert_int_equal(f->st->ops->config_write(f->st, "{1}", 3, NULL), CG_OK);
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(f->st->ops->config_write(f->st, "{1}", 3, NULL), CG_OK);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(f->st->ops->config_write(f->st, "{2}", 3, NULL), CG_OK);
    cg_buf_init(&buf, 100);
    assert_int_equal(cg_file_read(path, &buf, NULL), CG_OK);
    assert_string_equal(cg_buf_str(&buf), "{2}");
    cg_buf_free(&buf);
    free(path);
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

static void strange_files_are_not_listed(void **state)
{
    struct fixture *f = *state;
    int count = 0;

    assert_int_equal(put_index(f, "abcde", NULL), CG_OK);
    assert_int_equal(put_crate(f, "abc", "1.0.0", false, NULL), CG_OK);
    write_file(f, "index/ab/cd/.abcde.swp", 0);
    write_file(f, "index/ab/cd/zzzz", 0); /* not where it belongs */
    write_file(f, "index/ab/abcd", 0);
    write_file(f, "index/README", 0);
    write_file(f, "index/.tmp-1", 0);
    write_file(f, "crates/loose.crate", 0);
    write_file(f, "crates/abc/abc-1.0.0.crate.part", 0);
    write_file(f, "crates/abc/abd-1.0.0.crate", 0);
    write_file(f, "crates/abc/abc-.crate", 0);
    write_file(f, "crates/abc/abc-.1.crate", 0);
    write_file(f, "crates/abc/abc_1.0.0.crate", 0);
    run_in(f, "mkdir", "crates/.hidden", "crates/abc/abc-2.0.0.crate");
    run_in(f, "mkdir", "index/ab/cd/ef", "index/.git");
    run_in(f, "mkdir", "index/Xy", "index/toolong");
    {
        char *version = cg_calloc(1, 170);
        char *path;

        memset(version, '1', 160);
        path = cg_asprintf("crates/abc/abc-%s.crate", version);
        write_file(f, path, 0);
        free(path);
        free(version);
    }
    assert_int_equal(f->st->ops->index_each(f->st, count_index, &count, NULL), CG_OK);
    assert_int_equal(count, 1);
    assert_int_equal(f->st->ops->crate_each(f->st, NULL, count_crate, &count, NULL), CG_OK);
    assert_int_equal(count, 2);
}

/* A date that was set back does not hide a change, and one that was set forward does not make one. */
static void changes_are_told_by_what_nobody_can_set(void **state)
{
    struct fixture *f = *state;
    int64_t now = cg_clock_wall_s();
    int count = 0;

    run_in(f, "mkdir -p", "index/ab/cd", "index/ab/cd");
    write_file(f, "index/ab/cd/abcd", 0);
    run_in(f, "touch -d 2001-01-01", "index/ab/cd/abcd", "index/ab/cd/abcd");
    assert_int_equal(f->st->ops->index_since(f->st, now - 1, count_index, &count, NULL), CG_OK);
    assert_int_equal(count, 1);
    run_in(f, "touch -d 2101-01-01", "index/ab/cd/abcd", "index/ab/cd/abcd");
    count = 0;
    assert_int_equal(f->st->ops->index_since(f->st, now + 3600, count_index, &count, NULL), CG_OK);
    assert_int_equal(count, 0);
}

static void assert_not_followed(struct fixture *f, enum cg_err rc, struct cg_error *err)
{
    (void)f;
    assert_int_equal(rc, CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(err->internal, "links are not followed"));
    assert_null(strstr(err->detail, "/"));
    memset(err, 0, sizeof(*err));
}

static void links_are_never_followed(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_file file;
    struct cg_error err = {0};
    struct cg_buf buf;
    int count = 0;

    cg_buf_init(&buf, 1000);
    run_in(f, "mkdir -p", "../outside/cd", "index/zz/yy");
    write_file(f, "../outside/cd/abcde", 0);
    write_file(f, "../outside/cd/evil-1.0.0.crate", 0);
    run_in(f, "ln -s", "../../outside", "index/ab");
    run_in(f, "ln -s", "../../../outside/cd/abcde", "index/zz/yy/zzyy");
    run_in(f, "ln -s", "../../outside/cd", "crates/evil");
    assert_not_followed(f, f->st->ops->index_read(f->st, "abcde", &buf, NULL, &err), &err);
    assert_not_followed(f, put_index(f, "abcde", &err), &err);
    assert_not_followed(f, f->st->ops->index_remove(f->st, "abcde", &err), &err);
    assert_not_followed(f, f->st->ops->index_read(f->st, "zzyy", &buf, NULL, &err), &err);
    assert_not_followed(f, f->st->ops->crate_open(f->st, "evil", "1.0.0", &file, &err), &err);
    assert_not_followed(f, f->st->ops->crate_remove(f->st, "evil", "1.0.0", &err), &err);
    assert_not_followed(f, f->st->ops->crate_each(f->st, "evil", count_crate, &count, &err), &err);
    assert_not_followed(f, put_crate(f, "evil", "2.0.0", false, &err), &err);
    assert_int_equal(f->st->ops->index_each(f->st, count_index, &count, NULL), CG_OK);
    assert_int_equal(f->st->ops->crate_each(f->st, NULL, count_crate, &count, NULL), CG_OK);
    assert_int_equal(count, 0);
    assert_int_equal(entries_in(f, "../outside/cd"), 2);
    cg_buf_free(&buf);
}

static void writing_over_a_link_replaces_the_link(void **state)
{
    struct fixture *f = *state;

    run_in(f, "mkdir -p", "index/ab/cd", "../outside");
    write_file(f, "../outside/target", 0);
    run_in(f, "ln -s", "../../../../outside/target", "index/ab/cd/abcd");
    assert_int_equal(put_index(f, "abcd", NULL), CG_OK);
    assert_int_equal(mode_of(f, "index/ab/cd/abcd"), S_IFREG | 0644);
    assert_int_equal(mode_of(f, "../outside/target"), S_IFREG | 0644);
}

static void what_is_no_regular_file_is_unavailable(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_file file;
    struct cg_error err = {0};

    run_in(f, "mkdir -p", "crates/abc", "crates/abc/abc-2.0.0.crate");
    run_in(f, "mkfifo", "crates/abc/abc-1.0.0.crate", "crates/abc/abc-3.0.0.crate");
    assert_int_equal(f->st->ops->crate_open(f->st, "abc", "1.0.0", &file, &err), CG_ERR_UNAVAILABLE);
    assert_int_equal(f->st->ops->crate_open(f->st, "abc", "2.0.0", &file, &err), CG_ERR_UNAVAILABLE);
}

static void stale_litter_goes_at_start_and_fresh_stays(void **state)
{
    struct fixture *f = *state;
    const time_t old = 25 * 60 * 60;

    write_file(f, "crates/.upload-old", old);
    write_file(f, "crates/.upload-new", 60);
    write_file(f, "index/.tmp-old", old);
    write_file(f, "index/.tmp-new", 60);
    write_file(f, "index/.other-old", old);
    run_in(f, "mkdir", "crates/.upload-dir", "index/.tmp-dir");
    cg_storage_free(&f->st);
    assert_int_equal(cg_fs_storage_new(f->dir, &f->st, NULL), CG_OK);
    assert_int_equal(mode_of(f, "crates/.upload-old"), 0);
    assert_int_equal(mode_of(f, "index/.tmp-old"), 0);
    assert_int_equal(mode_of(f, "crates/.upload-new"), S_IFREG | 0644);
    assert_int_equal(mode_of(f, "index/.tmp-new"), S_IFREG | 0644);
    assert_int_equal(mode_of(f, "index/.other-old"), S_IFREG | 0644);
    assert_int_equal(entries_in(f, "crates"), 2);
}

static void sweeping_waits_for_nobody(void **state)
{
    struct fixture *f = *state;
    struct cg_storage *second = NULL;

    write_file(f, "crates/.upload-old", 25 * 60 * 60);
    assert_int_equal(f->st->ops->lock(f->st, NULL), CG_OK);
    assert_int_equal(cg_fs_storage_new(f->dir, &second, NULL), CG_OK);
    assert_int_equal(mode_of(f, "crates/.upload-old"), S_IFREG | 0644);
    assert_false(cg_fs_lock_try(cg_fs(second)));
    f->st->ops->unlock(f->st);
    assert_true(cg_fs_lock_try(cg_fs(second)));
    second->ops->unlock(second);
    cg_storage_free(&second);
}

static void nameless_uploads_leave_no_entry(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_upload *up = NULL;

    if (!cg_fs(f->st)->nameless)
        skip();
    assert_int_equal(f->st->ops->crate_begin(f->st, &up, NULL), CG_OK);
    assert_int_equal(entries_in(f, "crates"), 0);
    f->st->ops->crate_abort(f->st, &up);
}

static void named_uploads_do_the_same_where_others_cannot(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_upload *up = NULL;

    cg_fs(f->st)->nameless = false;
    assert_int_equal(f->st->ops->crate_begin(f->st, &up, NULL), CG_OK);
    assert_int_equal(entries_in(f, "crates"), 1);
    f->st->ops->crate_abort(f->st, &up);
    assert_int_equal(entries_in(f, "crates"), 0);
    assert_int_equal(put_crate(f, "abc", "1.0.0", false, NULL), CG_OK);
    assert_int_equal(put_crate(f, "abc", "1.0.0", false, NULL), CG_ERR_CONFLICT);
    assert_int_equal(put_crate(f, "abc", "1.0.0", true, NULL), CG_OK);
    assert_int_equal(entries_in(f, "crates"), 1);
    assert_int_equal(entries_in(f, "crates/abc"), 1);
}

static void last_version_takes_the_folder_along(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(put_crate(f, "abc", "1.0.0", false, NULL), CG_OK);
    assert_int_equal(put_crate(f, "abc", "2.0.0", false, NULL), CG_OK);
    assert_int_equal(f->st->ops->crate_remove(f->st, "abc", "1.0.0", NULL), CG_OK);
    assert_int_equal(entries_in(f, "crates/abc"), 1);
    assert_int_equal(f->st->ops->crate_remove(f->st, "abc", "2.0.0", NULL), CG_OK);
    assert_int_equal(entries_in(f, "crates"), 0);
}

static struct cg_crate_upload *flushed_upload(struct fixture *f, const char *name)
{
    struct cg_crate_upload *up = NULL;

    assert_int_equal(f->st->ops->crate_begin(f->st, &up, NULL), CG_OK);
    assert_int_equal(f->st->ops->crate_write(f->st, up, "crate", 5, NULL), CG_OK);
    assert_int_equal(f->st->ops->crate_flush(f->st, up, name, NULL), CG_OK);
    return up;
}

static void what_is_flushed_and_refused_leaves_no_folder(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_upload *up = flushed_upload(f, "abc");

    assert_int_equal(entries_in(f, "crates/abc"), 0);
    f->st->ops->crate_abort(f->st, &up);
    assert_int_equal(entries_in(f, "crates"), 0);
    assert_int_equal(put_crate(f, "abc", "1.0.0", false, NULL), CG_OK);
    up = flushed_upload(f, "abc");
    f->st->ops->crate_abort(f->st, &up);
    assert_int_equal(entries_in(f, "crates/abc"), 1);
}

static void a_folder_that_went_before_the_commit_is_made_again(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_upload *first, *second;

    for (int named = 0; named < 2; named++) {
        const char *name = named ? "abc" : "abd";

        cg_fs(f->st)->nameless &= !named;
        first = flushed_upload(f, name);
        second = flushed_upload(f, name);
        f->st->ops->crate_abort(f->st, &first); /* takes the empty folder along */
        assert_int_equal(f->st->ops->crate_commit(f->st, &second, name, "1.0.0", true, NULL), CG_OK);
        assert_int_equal(entries_in(f, named ? "crates/abc" : "crates/abd"), 1);
    }
    assert_int_equal(entries_in(f, "crates"), 2);
}

static void directory_of_the_namespace_may_be_a_link(void **state)
{
    struct fixture *f = *state;
    char *link = cg_asprintf("%s/link", f->top);
    struct cg_storage *st = NULL;

    assert_int_equal(symlink(f->dir, link), 0);
    assert_int_equal(cg_fs_storage_new(link, &st, NULL), CG_OK);
    cg_storage_free(&st);
    free(link);
}

static void store_that_cannot_be_made_says_where(void **state)
{
    struct fixture *f = *state;
    char *below_file = cg_asprintf("%s/.lock/x", f->dir);
    struct cg_storage *st = NULL;
    struct cg_error err = {0};

    assert_int_equal(cg_fs_storage_new(below_file, &st, &err), CG_ERR_UNAVAILABLE);
    assert_null(st);
    assert_non_null(strstr(err.internal, "/.lock"));
    run_in(f, "rm -r", "index", "crates");
    run_in(f, "touch", "index", "crates");
    assert_int_equal(cg_fs_storage_new(f->dir, &st, &err), CG_ERR_UNAVAILABLE);
    assert_null(st);
    free(below_file);
}

/* A file size limit refuses a write half way, as a full disk does. */
static void full_disk_is_unavailable_and_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    const struct rlimit small = {.rlim_cur = 1000, .rlim_max = RLIM_INFINITY};
    static const char big[5000] = {[0 ... 4998] = 'x'};
    struct cg_crate_upload *up = NULL;
    struct cg_error err = {0};
    struct rlimit before;
    enum cg_err index_rc, write_rc, commit_rc;

    assert_int_equal(put_index(f, "abcde", NULL), CG_OK);
    assert_int_equal(f->st->ops->crate_begin(f->st, &up, NULL), CG_OK);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    index_rc = f->st->ops->index_write(f->st, "abcde", big, sizeof(big), &err);
    write_rc = f->st->ops->crate_write(f->st, up, big, sizeof(big), NULL);
    setrlimit(RLIMIT_FSIZE, &before);
    commit_rc = f->st->ops->crate_commit(f->st, &up, "abcde", "1.0.0", false, NULL);
    assert_int_equal(index_rc, CG_ERR_UNAVAILABLE);
    assert_int_equal(write_rc, CG_ERR_UNAVAILABLE);
    assert_int_equal(commit_rc, CG_ERR_UNAVAILABLE);
    assert_null(up);
    assert_non_null(strstr(err.internal, "too large"));
    assert_int_equal(entries_in(f, "index"), 1);
    assert_int_equal(entries_in(f, "crates"), 0);
}

/* Holds the lock in another process until the pipe is closed. */
static pid_t hold_elsewhere(const char *dir, int release[2])
{
    int ready[2];
    char c;
    pid_t pid;

    assert_int_equal(pipe(ready) | pipe(release), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct cg_storage *st;

        close(release[1]);
        if (cg_fs_storage_new(dir, &st, NULL) != CG_OK || st->ops->lock(st, NULL) != CG_OK)
            _exit(1);
        (void)!write(ready[1], "x", 1);
        (void)!read(release[0], &c, 1);
        _exit(0); /* the kernel gives the lock back, as after a crash */
    }
    close(release[0]);
    close(ready[1]);
    assert_int_equal(read(ready[0], &c, 1), 1);
    close(ready[0]);
    return pid;
}

static void other_process_keeps_us_out_until_it_dies(void **state)
{
    struct fixture *f = *state;
    struct cg_error err = {0};
    int release[2];
    pid_t pid = hold_elsewhere(f->dir, release);

    cg_fs(f->st)->lock_wait_ms = 80;
    assert_int_equal(f->st->ops->lock(f->st, &err), CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(err.internal, "another process"));
    cg_fs(f->st)->lock_wait_ms = 20000;
    close(release[1]);
    assert_int_equal(f->st->ops->lock(f->st, &err), CG_OK);
    f->st->ops->unlock(f->st);
    waitpid(pid, NULL, 0);
}

static void *try_lock(void *cls)
{
    struct cg_error *err = cg_calloc(1, sizeof(*err));
    struct cg_storage *st = cls;

    err->code = st->ops->lock(st, err);
    return err;
}

static void other_thread_waits_no_longer_than_the_deadline(void **state)
{
    struct fixture *f = *state;
    struct cg_error *err;
    pthread_t thread;
    void *result;

    cg_fs(f->st)->lock_wait_ms = 50;
    assert_int_equal(f->st->ops->lock(f->st, NULL), CG_OK);
    assert_int_equal(pthread_create(&thread, NULL, try_lock, f->st), 0);
    pthread_join(thread, &result);
    err = result;
    assert_int_equal(err->code, CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(err->internal, "another thread"));
    free(err);
    f->st->ops->unlock(f->st);
}

static void lock_twice(struct fixture *f)
{
    (void)!f->st->ops->lock(f->st, NULL);
    (void)!f->st->ops->lock(f->st, NULL);
}

static void unlock_unlocked(struct fixture *f)
{
    f->st->ops->unlock(f->st);
}

static void index_name_with_slash(struct fixture *f)
{
    (void)!put_index(f, "a/../../b", NULL);
}

static void crate_name_that_climbs(struct fixture *f)
{
    (void)!put_crate(f, "..", "1.0.0", false, NULL);
}

static void version_with_slash(struct fixture *f)
{
    struct cg_crate_file file;

    (void)!f->st->ops->crate_open(f->st, "abc", "1/../../2", &file, NULL);
}

static void each_of_bad_name(struct fixture *f)
{
    int count = 0;

    (void)!f->st->ops->crate_each(f->st, "a/b", count_crate, &count, NULL);
}

/* Mistakes of callers end the program rather than the store. */
static void mistakes_of_callers_abort(void **state)
{
    static void (*const mistakes[])(struct fixture *) = {
        lock_twice,         unlock_unlocked,  index_name_with_slash, crate_name_that_climbs,
        version_with_slash, each_of_bad_name,
    };

    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
            const struct rlimit none = {0};

            setrlimit(RLIMIT_CORE, &none);
            signal(SIGABRT, SIG_DFL);
            close(STDERR_FILENO);
            mistakes[i](*state);
            _exit(0);
        }
        waitpid(pid, &status, 0);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(tree_is_a_static_sparse_registry),
        T(changes_are_told_by_what_nobody_can_set),
        T(umask_takes_rights_away),
        T(config_is_rewritten_only_when_it_differs),
        T(strange_files_are_not_listed),
        T(links_are_never_followed),
        T(writing_over_a_link_replaces_the_link),
        T(what_is_no_regular_file_is_unavailable),
        T(stale_litter_goes_at_start_and_fresh_stays),
        T(sweeping_waits_for_nobody),
        T(nameless_uploads_leave_no_entry),
        T(named_uploads_do_the_same_where_others_cannot),
        T(last_version_takes_the_folder_along),
        T(what_is_flushed_and_refused_leaves_no_folder),
        T(a_folder_that_went_before_the_commit_is_made_again),
        T(directory_of_the_namespace_may_be_a_link),
        T(store_that_cannot_be_made_says_where),
        T(full_disk_is_unavailable_and_leaves_nothing),
        T(other_process_keeps_us_out_until_it_dies),
        T(other_thread_waits_no_longer_than_the_deadline),
        T(mistakes_of_callers_abort),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
