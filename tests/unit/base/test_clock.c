/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "crategate/clock.h"

static const char *rfc3339(int64_t wall_s)
{
    static char text[CG_TIME_RFC3339_SIZE];
    cg_time_rfc3339(wall_s, text);
    return text;
}

static const char *http(int64_t wall_s)
{
    static char text[CG_TIME_HTTP_SIZE];
    cg_time_http(wall_s, text);
    return text;
}

static void known_moments_are_spelled(void **state)
{
    (void)state;
    assert_string_equal(rfc3339(0), "1970-01-01T00:00:00Z");
    assert_string_equal(rfc3339(1795327675), "2026-11-22T06:07:55Z");
    assert_string_equal(http(1795327675), "Sun, 22 Nov 2026 06:07:55 GMT");
    assert_string_equal(http(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_string_equal(rfc3339(951782400), "2000-02-29T00:00:00Z");
    assert_string_equal(rfc3339(-1), "1969-12-31T23:59:59Z");
    assert_string_equal(rfc3339(INT64_MAX), "9999-12-31T23:59:59Z");
    assert_string_equal(rfc3339(INT64_MIN), "0000-01-01T00:00:00Z");
}

/* libc is the other opinion, over the days of eight hundred years and more. */
static void every_day_agrees_with_libc(void **state)
{
    (void)state;
    int64_t first = -62167219200, last = 253402300799;
    for (int64_t t = first; t <= last; t += 86400 - 1 + (t % 3)) {
        struct tm tm;
        char expected[64];
        time_t tt = (time_t)t;
        gmtime_r(&tt, &tm);
        snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1,
                 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        const char *text = rfc3339(t);
        if (strcmp(text, expected) != 0)
            assert_string_equal(text, expected);
        static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        if (strncmp(http(t), days[tm.tm_wday], 3) != 0)
            assert_string_equal(http(t), days[tm.tm_wday]);
        int64_t back = 0;
        if (cg_time_parse_rfc3339(text, &back) != CG_OK || back != t)
            fail_msg("%s was read as %lld", text, (long long)back);
        if (cg_time_parse_http(http(t), &back) != CG_OK || back != t)
            fail_msg("%s was read as %lld", http(t), (long long)back);
    }
}

static void rfc3339_variants_are_read(void **state)
{
    (void)state;
    static const char *const same[] = {
        "2026-11-22T06:07:55Z",      "2026-11-22t06:07:55z",      "2026-11-22T06:07:55.999Z",
        "2026-11-22T07:07:55+01:00", "2026-11-21T18:37:55-11:30", "2026-11-22T06:07:55-00:00",
        "2026-11-23T06:06:55+23:59",
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        int64_t t = 0;
        assert_int_equal(cg_time_parse_rfc3339(same[i], &t), CG_OK);
        assert_int_equal(t, 1795327675);
    }
    int64_t leap = 0;
    assert_int_equal(cg_time_parse_rfc3339("2016-12-31T23:59:60Z", &leap), CG_OK);
    assert_string_equal(rfc3339(leap), "2017-01-01T00:00:00Z");
}

static void bad_rfc3339_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "2026-11-22",
        "2026-11-22T06:07:55",
        "2026-11-22 06:07:55Z",
        "2026-11-22T06:07Z",
        "2026-11-22T06:07:55Z ",
        " 2026-11-22T06:07:55Z",
        "2026-13-22T06:07:55Z",
        "2026-00-22T06:07:55Z",
        "2026-11-31T06:07:55Z",
        "2026-11-00T06:07:55Z",
        "2026-02-29T06:07:55Z",
        "1900-02-29T06:07:55Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T23:60:00Z",
        "2026-11-22T23:00:61Z",
        "2026-11-22T06:07:55.Z",
        "2026-11-22T06:07:55+24:00",
        "2026-11-22T06:07:55+0100",
        "2026-11-22T06:07:55+01:60",
        "+026-11-22T06:07:55Z",
        "12026-11-22T06:07:55Z",
        "2026-1-22T06:07:55Z",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t t = 42;
        if (cg_time_parse_rfc3339(bad[i], &t) != CG_ERR_INVALID || t != 42)
            fail_msg("\"%s\" was taken", bad[i]);
    }
}

static void all_three_http_forms_are_read(void **state)
{
    (void)state;
    static const char *const same[] = {
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        int64_t t = 0;
        assert_int_equal(cg_time_parse_http(same[i], &t), CG_OK);
        assert_int_equal(t, 784111777);
    }
    int64_t near = 0;
    assert_int_equal(cg_time_parse_http("Monday, 01-Jan-30 00:00:00 GMT", &near), CG_OK);
    assert_string_equal(rfc3339(near), "2030-01-01T00:00:00Z");
    assert_int_equal(cg_time_parse_http("Sun Nov 16 08:49:37 1994", &near), CG_OK);
    assert_string_equal(rfc3339(near), "1994-11-16T08:49:37Z");
}

static void bad_http_dates_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "0",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Xyz, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t t = 42;
        if (cg_time_parse_http(bad[i], &t) != CG_ERR_INVALID || t != 42)
            fail_msg("\"%s\" was taken", bad[i]);
    }
}

static void clocks_go_forward(void **state)
{
    (void)state;
    int64_t ms = cg_clock_mono_ms(), us = cg_clock_mono_us();
    usleep(20000);
    assert_in_range(cg_clock_mono_ms() - ms, 19, 10000);
    assert_in_range(cg_clock_mono_us() - us, 19000, 10000000);
    assert_in_range(cg_clock_wall_s() - time(NULL) + 2, 0, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_moments_are_spelled),
        cmocka_unit_test(every_day_agrees_with_libc),
        cmocka_unit_test(rfc3339_variants_are_read),
        cmocka_unit_test(bad_rfc3339_is_refused),
        cmocka_unit_test(all_three_http_forms_are_read),
        cmocka_unit_test(bad_http_dates_are_refused),
        cmocka_unit_test(clocks_go_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
