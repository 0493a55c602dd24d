/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "credential/login_record.h"
#include "crategate/token.h"

#define NOW 1790000000
#define DAY 86400

static struct cg_login_record make(const char *base, const char *token)
{
    struct cg_login_record record = {.base = cg_strdup(base),
                                     .user = cg_strdup("al\"ice"),
                                     .id = 7,
                                     .made_at = NOW,
                                     .expires_at = NOW + 30 * DAY,
                                     .reminded_at = NOW + 1};

    cg_secret_set(&record.token, token, strlen(token));
    record.wish =
        (struct cg_wish){.days = 30, .namespaces = cg_strlist_split("a,b"), .scopes = cg_strlist_split("yank")};
    return record;
}

static void what_is_written_is_read_again(void **state)
{
    struct cg_login_record record = make("https://h", "t0k"), again = {0};
    struct cg_buf text;

    (void)state;
    cg_buf_init(&text, 4096);
    cg_login_record_write(&text, &record);
    assert_int_equal(cg_login_record_read(text.data, text.len, &again, NULL), CG_OK);
    assert_string_equal(again.base, "https://h");
    assert_string_equal(again.user, "al\"ice");
    assert_true(cg_secret_equal(&again.token, &record.token));
    assert_int_equal(again.id, 7);
    assert_int_equal(again.made_at, NOW);
    assert_int_equal(again.expires_at, NOW + 30 * DAY);
    assert_int_equal(again.reminded_at, NOW + 1);
    assert_int_equal(again.wish.days, 30);
    assert_string_equal(again.wish.namespaces[1], "b");
    assert_string_equal(again.wish.scopes[0], "yank");
    cg_login_record_free(&again);
    cg_login_record_free(&again);
    cg_login_record_free(&record);
    cg_buf_free(&text);
}

static void a_token_given_by_hand_has_no_times(void **state)
{
    struct cg_login_record record = {.base = cg_strdup("https://h"), .user = cg_strdup("")}, again = {0};
    struct cg_buf text;

    (void)state;
    cg_buf_init(&text, 4096);
    cg_login_record_write(&text, &record);
    assert_int_equal(cg_login_record_read(text.data, text.len, &again, NULL), CG_OK);
    assert_int_equal(again.expires_at, 0);
    assert_null(again.wish.namespaces);
    assert_int_equal(again.token.len, 0);
    assert_false(cg_login_record_is_ours(&again));
    assert_false(cg_login_record_expired(&again, NOW));
    assert_false(cg_login_record_ends_soon(&again, NOW));
    cg_login_record_free(&again);
    cg_login_record_free(&record);
    cg_buf_free(&text);
}

static void the_end_is_near_in_the_last_tenth_and_at_most_a_week_before(void **state)
{
    struct cg_login_record record = make("https://h", "t");

    (void)state;
    assert_false(cg_login_record_ends_soon(&record, NOW + 27 * DAY - 1));
    assert_true(cg_login_record_ends_soon(&record, NOW + 27 * DAY));
    record.expires_at = NOW + 365 * DAY;
    assert_false(cg_login_record_ends_soon(&record, NOW + 358 * DAY - 1));
    assert_true(cg_login_record_ends_soon(&record, NOW + 358 * DAY));
    record.id = 0; /* nobody's password renews what was given by hand */
    assert_false(cg_login_record_ends_soon(&record, NOW + 364 * DAY));
    assert_false(cg_login_record_expired(&record, NOW + 365 * DAY - 1));
    assert_true(cg_login_record_expired(&record, NOW + 365 * DAY));
    cg_login_record_free(&record);
}

static void a_narrowed_token_covers_its_namespaces_only(void **state)
{
    struct cg_login_record record = make("https://h", "t");

    (void)state;
    assert_true(cg_login_record_covers(&record, "a"));
    assert_true(cg_login_record_covers(&record, "b"));
    assert_false(cg_login_record_covers(&record, "ab"));
    cg_wish_free(&record.wish);
    assert_true(cg_login_record_covers(&record, "ab"));
    cg_login_record_free(&record);
}

static void a_list_holds_one_login_a_gateway(void **state)
{
    struct cg_login_list list = {0}, again = {0};
    struct cg_login_record one = make("https://a", "1"), two = make("https://b", "2"), three = make("https://a", "3");
    struct cg_buf text;

    (void)state;
    cg_login_list_put(&list, &one);
    cg_login_list_put(&list, &two);
    cg_login_list_put(&list, &three);
    cg_buf_init(&text, 4096);
    cg_login_list_write(&text, &list);
    assert_int_equal(cg_login_list_read(text.data, text.len, &again, NULL), CG_OK);
    assert_int_equal(again.count, 2);
    assert_string_equal((char *)cg_login_list_find(&again, "https://a")->token.bytes, "3");
    assert_true(cg_login_list_drop(&again, "https://a"));
    assert_false(cg_login_list_drop(&again, "https://a"));
    assert_null(cg_login_list_find(&again, "https://a"));
    assert_non_null(cg_login_list_find(&again, "https://b"));
    cg_login_list_free(&again);
    cg_login_list_free(&list);
    cg_login_record_free(&one);
    cg_login_record_free(&two);
    cg_login_record_free(&three);
    cg_buf_free(&text);
}

static void what_is_no_list_of_logins_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "[]",
        "{}",
        "{\"version\":2,\"logins\":[]}",
        "{\"version\":1}",
        "{\"version\":1,\"logins\":{}}",
        "{\"version\":1,\"logins\":[7]}",
        "{\"version\":1,\"logins\":[{\"url\":\"u\",\"user\":\"u\"}]}",
        "{\"version\":1,\"logins\":[{\"url\":\"u\",\"user\":\"u\",\"token\":\"t\",\"expires_at\":\"soon\"}]}",
        "{\"version\":1,\"logins\":[{\"url\":\"u\",\"user\":\"u\",\"token\":\"t\"},{\"url\":7}]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct cg_login_list list = {0};

        if (cg_login_list_read(wrong[i], strlen(wrong[i]), &list, NULL) != CG_ERR_INVALID)
            fail_msg("taken: %s", wrong[i]);
        assert_null(list.items);
    }
}

static void dates_are_days(void **state)
{
    char date[CG_DATE_SIZE];

    (void)state;
    cg_date(NOW, date);
    assert_string_equal(date, "2026-09-21");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(a_token_given_by_hand_has_no_times),
        cmocka_unit_test(the_end_is_near_in_the_last_tenth_and_at_most_a_week_before),
        cmocka_unit_test(a_narrowed_token_covers_its_namespaces_only),
        cmocka_unit_test(a_list_holds_one_login_a_gateway),
        cmocka_unit_test(what_is_no_list_of_logins_is_refused),
        cmocka_unit_test(dates_are_days),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
