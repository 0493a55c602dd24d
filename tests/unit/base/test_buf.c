/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static void grows_and_stays_terminated(void **state)
{
    (void)state;
    struct cg_buf buf;
    cg_buf_init(&buf, 100000);
    assert_null(buf.data);
    assert_string_equal(cg_buf_str(&buf), "");
    for (int i = 0; i < 10000; i++) {
        cg_buf_add(&buf, "abc", 3);
        assert_int_equal(buf.data[buf.len], 0);
    }
    cg_buf_addstr(&buf, "de");
    cg_buf_addch(&buf, 'f');
    assert_int_equal(buf.len, 30003);
    assert_string_equal(cg_buf_str(&buf) + 29997, "abcdef");
    cg_buf_free(&buf);
    assert_int_equal(buf.max, 100000);
    assert_int_equal(buf.len, 0);
    cg_buf_free(&buf);
}

static void exactly_the_maximum_fits(void **state)
{
    (void)state;
    struct cg_buf buf;
    cg_buf_init(&buf, 5);
    cg_buf_add(&buf, "12345", 5);
    assert_false(cg_buf_failed(&buf));
    cg_buf_add(&buf, "", 0);
    assert_false(cg_buf_failed(&buf));
    cg_buf_addch(&buf, '6');
    assert_true(cg_buf_failed(&buf));
    assert_string_equal(cg_buf_str(&buf), "12345");
    cg_buf_free(&buf);
}

static void failed_ignores_what_comes_until_reset(void **state)
{
    (void)state;
    struct cg_buf buf;
    cg_buf_init(&buf, 8);
    cg_buf_addstr(&buf, "123");
    cg_buf_addstr(&buf, "much too long");
    cg_buf_addstr(&buf, "4");
    cg_buf_addf(&buf, "%d", 5);
    assert_null(cg_buf_reserve(&buf, 1));
    assert_string_equal(cg_buf_str(&buf), "123");
    assert_null(cg_buf_take(&buf));
    assert_false(cg_buf_failed(&buf));
    cg_buf_addstr(&buf, "again");
    cg_buf_addstr(&buf, "too long");
    cg_buf_reset(&buf);
    assert_false(cg_buf_failed(&buf));
    assert_string_equal(cg_buf_str(&buf), "");
    cg_buf_free(&buf);
}

static void formats_of_any_length(void **state)
{
    (void)state;
    struct cg_buf buf;
    cg_buf_init(&buf, 2000);
    cg_buf_addf(&buf, "%s", "");
    assert_non_null(buf.data);
    for (int width = 1; width < 60; width++)
        cg_buf_addf(&buf, "%0*d", width, 7);
    assert_int_equal(buf.len, 59 * 60 / 2);
    assert_int_equal(strlen(buf.data), buf.len);
    cg_buf_addf(&buf, "%0500d", 7);
    assert_true(cg_buf_failed(&buf));
    assert_int_equal(strlen(buf.data), 59 * 60 / 2);
    cg_buf_free(&buf);
}

static void reserved_room_is_committed(void **state)
{
    (void)state;
    struct cg_buf buf;
    cg_buf_init(&buf, 1000);
    cg_buf_addstr(&buf, "<");
    char *room = cg_buf_reserve(&buf, 999);
    assert_non_null(room);
    memset(room, 'x', 999);
    cg_buf_commit(&buf, 2);
    assert_string_equal(cg_buf_str(&buf), "<xx");
    assert_null(cg_buf_reserve(&buf, SIZE_MAX));
    assert_true(cg_buf_failed(&buf));
    cg_buf_free(&buf);
}

static void taken_bytes_belong_to_the_taker(void **state)
{
    (void)state;
    struct cg_buf buf;
    cg_buf_init(&buf, 10);
    char *empty = cg_buf_take(&buf);
    assert_string_equal(empty, "");
    cg_buf_addstr(&buf, "mine");
    char *text = cg_buf_take(&buf);
    assert_string_equal(text, "mine");
    assert_null(buf.data);
    cg_buf_addstr(&buf, "0123456789");
    assert_false(cg_buf_failed(&buf));
    cg_buf_free(&buf);
    free(empty);
    free(text);
}

static void a_maximum_of_nothing_holds_nothing(void **state)
{
    (void)state;
    struct cg_buf buf;
    cg_buf_init(&buf, 0);
    cg_buf_addstr(&buf, "");
    assert_false(cg_buf_failed(&buf));
    cg_buf_addch(&buf, 'x');
    assert_true(cg_buf_failed(&buf));
    cg_buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_stays_terminated),
        cmocka_unit_test(exactly_the_maximum_fits),
        cmocka_unit_test(failed_ignores_what_comes_until_reset),
        cmocka_unit_test(formats_of_any_length),
        cmocka_unit_test(reserved_room_is_committed),
        cmocka_unit_test(taken_bytes_belong_to_the_taker),
        cmocka_unit_test(a_maximum_of_nothing_holds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
