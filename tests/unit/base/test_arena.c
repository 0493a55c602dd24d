/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"

static void memory_is_zeroed_and_aligned(void **state)
{
    (void)state;
    struct cg_arena *arena = cg_arena_new(1 << 20);
    for (size_t size = 0; size < 600; size += 7) {
        unsigned char *p = cg_arena_alloc(arena, size);
        assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, size);
    }
    cg_arena_free(&arena);
    assert_null(arena);
    cg_arena_free(&arena);
}

static void pieces_do_not_overlap(void **state)
{
    (void)state;
    enum { N = 200 };
    static const size_t sizes[] = {1, 40, 3000, 16, 9000, 1200};
    unsigned char *piece[N];
    struct cg_arena *arena = cg_arena_new(1 << 22);
    for (int i = 0; i < N; i++) {
        piece[i] = cg_arena_alloc(arena, sizes[i % 6]);
        memset(piece[i], i + 1, sizes[i % 6]);
    }
    for (int i = 0; i < N; i++)
        for (size_t k = 0; k < sizes[i % 6]; k++)
            assert_int_equal(piece[i][k], (unsigned char)(i + 1));
    cg_arena_free(&arena);
}

static void strings_are_copied(void **state)
{
    (void)state;
    struct cg_arena *arena = cg_arena_new(65536);
    char source[] = "serde_json";
    char *copy = cg_arena_strdup(arena, source);
    char *part = cg_arena_strndup(arena, source, 5);
    memset(source, 'x', 5);
    assert_string_equal(copy, "serde_json");
    assert_string_equal(part, "serde");
    assert_string_equal(cg_arena_strndup(arena, "ab", 10), "ab");
    assert_string_equal(cg_arena_printf(arena, "%s-%d", "a", 7), "a-7");
    char *wide = cg_arena_printf(arena, "%0900d", 5);
    assert_int_equal(strlen(wide), 900);
    assert_string_equal(wide + 895, "00005");
    cg_arena_free(&arena);
}

/* Runs in a child; true when it died by abort(). */
static int aborts_on(size_t max, size_t first, size_t second)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit none = {0};
        setrlimit(RLIMIT_CORE, &none);
        close(STDERR_FILENO);
        struct cg_arena *arena = cg_arena_new(max);
        cg_arena_alloc(arena, first);
        cg_arena_alloc(arena, second);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void the_maximum_is_a_wall(void **state)
{
    (void)state;
    assert_false(aborts_on(4096, 2048, 2048));
    assert_true(aborts_on(4096, 2048, 2049));
    assert_true(aborts_on(4096, 16, SIZE_MAX));
    assert_true(aborts_on(4096, 16, SIZE_MAX - 8));
}

static void what_is_left_after_a_reset_is_as_good_as_new(void **state)
{
    struct cg_arena *arena = cg_arena_new(20000);
    (void)state;
    for (int round = 0; round < 3; round++) {
        unsigned char *small = cg_arena_alloc(arena, 100);
        unsigned char *large = cg_arena_alloc(arena, 9000);
        for (size_t i = 0; i < 9000; i++)
            assert_int_equal(large[i], 0);
        for (size_t i = 0; i < 100; i++)
            assert_int_equal(small[i], 0);
        memset(large, 0xff, 9000);
        memset(small, 0xff, 100);
        assert_non_null(cg_arena_alloc(arena, 9000)); /* the maximum counts anew in each round */
        cg_arena_reset(arena);
    }
    cg_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(pieces_do_not_overlap),
        cmocka_unit_test(strings_are_copied),
        cmocka_unit_test(the_maximum_is_a_wall),
        cmocka_unit_test(what_is_left_after_a_reset_is_as_good_as_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
