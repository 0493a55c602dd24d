/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "credential/wiping.h"

static void blocks_are_as_mallocs(void **state)
{
    (void)state;
    char *text = cg_wiping_strdup("secret");
    assert_string_equal(text, "secret");
    assert_int_equal((uintptr_t)text % _Alignof(max_align_t), 0);
    text = cg_wiping_realloc(text, 1000);
    assert_string_equal(text, "secret");
    text = cg_wiping_realloc(text, 3);
    assert_memory_equal(text, "sec", 3);
    cg_wiping_free(text);
    cg_wiping_free(NULL);
    text = cg_wiping_realloc(NULL, 0);
    assert_non_null(text);
    cg_wiping_free(text);
}

static void calloc_is_zeroed_and_sizes_do_not_wrap(void **state)
{
    (void)state;
    char *bytes = cg_wiping_calloc(10, 10);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(bytes[i], 0);
    cg_wiping_free(bytes);
    volatile size_t huge = SIZE_MAX;
    assert_null(cg_wiping_calloc(huge, 2));
    assert_null(cg_wiping_malloc(huge - 3));
    bytes = cg_wiping_strdup("kept");
    assert_null(cg_wiping_realloc(bytes, huge));
    assert_string_equal(bytes, "kept");
    cg_wiping_free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_as_mallocs),
        cmocka_unit_test(calloc_is_zeroed_and_sizes_do_not_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
