/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

static size_t released;

static void release(void *value)
{
    released++;
    free(value);
}

static void *number(int n)
{
    int *value = cg_malloc(sizeof *value);
    *value = n;
    return value;
}

static int value_of(const struct cg_map *map, const char *key)
{
    const int *value = cg_map_get(map, key);
    return value ? *value : -1;
}

static void an_empty_map_has_nothing(void **state)
{
    (void)state;
    struct cg_map *map = cg_map_new(NULL);
    assert_int_equal(cg_map_count(map), 0);
    assert_null(cg_map_get(map, "x"));
    assert_false(cg_map_remove(map, "x"));
    cg_map_clear(map);
    cg_map_free(&map);
    assert_null(map);
    cg_map_free(&map);
}

static void put_replaces_and_releases(void **state)
{
    (void)state;
    released = 0;
    struct cg_map *map = cg_map_new(release);
    char key[] = "serde";
    cg_map_put(map, key, number(1));
    key[0] = 'x'; /* the map has its own copy */
    cg_map_put(map, "serde", number(2));
    assert_int_equal(released, 1);
    assert_int_equal(value_of(map, "serde"), 2);
    assert_int_equal(cg_map_count(map), 1);
    assert_true(cg_map_remove(map, "serde"));
    assert_false(cg_map_remove(map, "serde"));
    assert_int_equal(released, 2);
    cg_map_put(map, "", number(3));
    assert_int_equal(value_of(map, ""), 3);
    cg_map_free(&map);
    assert_int_equal(released, 3);
}

static void keys_are_bytes_of_a_length(void **state)
{
    (void)state;
    int a = 1, b = 2, c = 3;
    struct cg_map *map = cg_map_new(NULL);
    cg_map_put_bytes(map, "k\0a", 3, &a);
    cg_map_put_bytes(map, "k\0b", 3, &b);
    cg_map_put_bytes(map, "k", 1, &c);
    assert_ptr_equal(cg_map_get_bytes(map, "k\0a", 3), &a);
    assert_ptr_equal(cg_map_get_bytes(map, "k\0b", 3), &b);
    assert_ptr_equal(cg_map_get(map, "k"), &c);
    assert_true(cg_map_remove_bytes(map, "k\0a", 3));
    assert_null(cg_map_get_bytes(map, "k\0a", 3));
    assert_int_equal(cg_map_count(map), 2);
    cg_map_free(&map);
}

/* Against a plain array, through many rounds of coming and going. */
static void agrees_with_an_array_under_churn(void **state)
{
    (void)state;
    enum { KEYS = 700 };
    int model[KEYS];
    memset(model, -1, sizeof model);
    released = 0;
    size_t put = 0, live = 0;
    unsigned seed = 12345;
    struct cg_map *map = cg_map_new(release);
    for (int round = 0; round < 60000; round++) {
        seed = seed * 1103515245u + 12345u;
        int k = (int)(seed >> 8) % KEYS;
        char key[16];
        snprintf(key, sizeof key, "key-%d", k);
        if (seed >> 30 == 0) {
            assert_int_equal(cg_map_remove(map, key), model[k] >= 0);
            live -= model[k] >= 0;
            model[k] = -1;
        } else if (seed >> 30 == 1) {
            live += model[k] < 0;
            model[k] = round;
            cg_map_put(map, key, number(round));
            put++;
        } else {
            assert_int_equal(value_of(map, key), model[k]);
        }
        assert_int_equal(cg_map_count(map), live);
    }
    for (int k = 0; k < KEYS; k++) {
        char key[16];
        snprintf(key, sizeof key, "key-%d", k);
        assert_int_equal(value_of(map, key), model[k]);
    }
    cg_map_free(&map);
    assert_int_equal(released, put);
}

struct walk {
    size_t seen;
    long sum;
};

static bool drop_odd(void *cls, const void *key, size_t len, void *value)
{
    struct walk *walk = cls;
    assert_int_equal(strlen(key), len);
    walk->seen++;
    walk->sum += *(int *)value;
    return *(int *)value % 2;
}

static void each_sees_all_once_and_removes_what_it_is_told(void **state)
{
    (void)state;
    enum { N = 1000 };
    released = 0;
    struct cg_map *map = cg_map_new(release);
    for (int i = 0; i < N; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        cg_map_put(map, key, number(i));
    }
    struct walk walk = {0};
    cg_map_each(map, drop_odd, &walk);
    assert_int_equal(walk.seen, N);
    assert_int_equal(walk.sum, N * (N - 1) / 2);
    assert_int_equal(cg_map_count(map), N / 2);
    assert_int_equal(released, N / 2);
    for (int i = 0; i < N; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        assert_int_equal(value_of(map, key), i % 2 ? -1 : i);
    }
    walk = (struct walk){0};
    cg_map_each(map, drop_odd, &walk);
    assert_int_equal(walk.seen, N / 2);
    cg_map_clear(map);
    assert_int_equal(cg_map_count(map), 0);
    assert_null(cg_map_get(map, "2"));
    cg_map_put(map, "again", number(1));
    assert_int_equal(value_of(map, "again"), 1);
    cg_map_free(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map_has_nothing),
        cmocka_unit_test(put_replaces_and_releases),
        cmocka_unit_test(keys_are_bytes_of_a_length),
        cmocka_unit_test(agrees_with_an_array_under_churn),
        cmocka_unit_test(each_sees_all_once_and_removes_what_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
