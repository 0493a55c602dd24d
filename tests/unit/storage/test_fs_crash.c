/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The filesystem driver killed before each of its durable steps. The program
 * runs itself with libcrash.so under it; what is on the disk afterwards is the
 * state before or the state after, and the next start works with it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "temp_dir.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "storage/filesystem/fs_private.h"
#include "storage/filesystem/fs_storage.h"

static const char *self;
static const char *library;

static enum cg_err commit(struct cg_storage *st, bool replace)
{
    struct cg_crate_upload *up = NULL;
    enum cg_err rc = st->ops->crate_begin(st, &up, NULL);

    if (rc == CG_OK)
        rc = st->ops->crate_write(st, up, "new", 3, NULL);
    return rc == CG_OK ? st->ops->crate_commit(st, &up, "abcde", "1.0.0", replace, NULL) : rc;
}

/* What the killed process does. */
static enum cg_err act(struct cg_storage *st, const char *what)
{
    if (strcmp(what, "index") == 0)
        return st->ops->index_write(st, "abcde", "new", 3, NULL);
    if (strcmp(what, "commit-named") == 0)
        cg_fs(st)->nameless = false;
    return commit(st, strcmp(what, "replace") == 0);
}

static int run_victim(const char *dir, const char *arm_file, const char *number, const char *what)
{
    struct cg_storage *st = NULL;

    if (cg_fs_storage_new(dir, &st, NULL) != CG_OK)
        return 2;
    if (cg_file_replace(arm_file, number, strlen(number), 0600, NULL) != CG_OK)
        return 3;
    return act(st, what) == CG_OK ? 0 : 4;
}

struct scene {
    char *top;
    char *dir;
    char *arm_file;
    char *count_file;
};

static void scene_open(struct scene *s)
{
    s->top = cg_temp_dir_new();
    s->dir = cg_asprintf("%s/store", s->top);
    s->arm_file = cg_asprintf("%s/arm", s->top);
    s->count_file = cg_asprintf("%s/count", s->top);
}

static void scene_close(struct scene *s)
{
    free(s->dir);
    free(s->arm_file);
    free(s->count_file);
    cg_temp_dir_free(&s->top);
}

/* Runs the victim to be killed before its nth step (0: to live); the wait status. */
static int run_scene(struct scene *s, const char *what, int nth)
{
    char number[16];
    int status;
    pid_t pid;

    snprintf(number, sizeof(number), "%d", nth);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        setenv("LD_PRELOAD", library, 1);
        setenv("CG_CRASH_DIR", s->dir, 1);
        setenv("CG_CRASH_ARM", s->arm_file, 1);
        setenv("CG_CRASH_COUNT_FILE", s->count_file, 1);
        /* The sanitizer wants to be first, and a killed process's leaks are nobody's business. */
        setenv("ASAN_OPTIONS", "verify_asan_link_order=0:detect_leaks=0", 1);
        execl(self, self, "--victim", s->dir, s->arm_file, number, what, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static int steps_seen(struct scene *s)
{
    struct cg_buf buf;
    int steps;

    cg_buf_init(&buf, 32);
    assert_int_equal(cg_file_read(s->count_file, &buf, NULL), CG_OK);
    steps = atoi(cg_buf_str(&buf));
    cg_buf_free(&buf);
    return steps;
}

static void prepare(struct scene *s, const char *what)
{
    struct cg_storage *st = NULL;
    struct cg_crate_upload *up = NULL;

    assert_int_equal(cg_fs_storage_new(s->dir, &st, NULL), CG_OK);
    if (strcmp(what, "replace") == 0) {
        assert_int_equal(st->ops->crate_begin(st, &up, NULL), CG_OK);
        assert_int_equal(st->ops->crate_write(st, up, "old", 3, NULL), CG_OK);
        assert_int_equal(st->ops->crate_commit(st, &up, "abcde", "1.0.0", false, NULL), CG_OK);
    }
    if (strcmp(what, "index") == 0)
        assert_int_equal(st->ops->index_write(st, "abcde", "old", 3, NULL), CG_OK);
    cg_storage_free(&st);
}

/* The content of what was worked on, "" when it is absent. */
static void look(struct scene *s, const char *what, char out[16])
{
    struct cg_storage *st = NULL;
    struct cg_crate_file file = {.fd = -1};
    struct cg_buf buf;

    cg_buf_init(&buf, 15);
    assert_int_equal(cg_fs_storage_new(s->dir, &st, NULL), CG_OK);
    if (strcmp(what, "index") == 0)
        (void)!st->ops->index_read(st, "abcde", &buf, NULL, NULL);
    else if (st->ops->crate_open(st, "abcde", "1.0.0", &file, NULL) == CG_OK)
        assert_int_equal(cg_file_read_fd(file.fd, "crate", &buf, NULL), CG_OK);
    if (file.fd >= 0)
        close(file.fd);
    snprintf(out, 16, "%s", cg_buf_str(&buf));
    /* And the change can be made now, whatever the dead process left. */
    assert_int_equal(st->ops->index_write(st, "abcde", "again", 5, NULL), CG_OK);
    assert_int_equal(commit(st, true), CG_OK);
    cg_buf_free(&buf);
    cg_storage_free(&st);
}

static void kill_everywhere(const char *what, const char *before)
{
    int steps, old = 0;

    if (access(library, R_OK) != 0)
        skip();
    {
        struct scene s;

        scene_open(&s);
        prepare(&s, what);
        assert_int_equal(run_scene(&s, what, 0), 0);
        steps = steps_seen(&s);
        scene_close(&s);
    }
    assert_true(steps >= 4);
    for (int n = 1; n <= steps + 1; n++) {
        struct scene s;
        char now[16];
        int status;

        scene_open(&s);
        prepare(&s, what);
        status = run_scene(&s, what, n);
        if (n <= steps)
            assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        else
            assert_int_equal(status, 0);
        look(&s, what, now);
        if (strcmp(now, before) == 0)
            old++;
        else
            assert_string_equal(now, "new");
        assert_true(n <= steps || strcmp(now, "new") == 0);
        scene_close(&s);
    }
    assert_true(old >= 2 && old <= steps);
}

static void killed_index_write_is_whole_or_not_at_all(void **state)
{
    (void)state;
    kill_everywhere("index", "old");
}

static void killed_commit_is_whole_or_not_at_all(void **state)
{
    (void)state;
    kill_everywhere("commit", "");
}

static void killed_commit_of_a_named_upload_is_whole_or_not_at_all(void **state)
{
    (void)state;
    kill_everywhere("commit-named", "");
}

static void killed_replacement_is_old_or_new(void **state)
{
    (void)state;
    kill_everywhere("replace", "old");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_index_write_is_whole_or_not_at_all),
        cmocka_unit_test(killed_commit_is_whole_or_not_at_all),
        cmocka_unit_test(killed_commit_of_a_named_upload_is_whole_or_not_at_all),
        cmocka_unit_test(killed_replacement_is_old_or_new),
    };

    if (argc == 6 && strcmp(argv[1], "--victim") == 0)
        return run_victim(argv[2], argv[3], argv[4], argv[5]);
    self = "/proc/self/exe";
    library = getenv("CG_LIBCRASH");
    if (!library)
        library = realpath("tests/fakes/libcrash.so", NULL);
    if (!library)
        library = "";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
