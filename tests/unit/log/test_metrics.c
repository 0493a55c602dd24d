/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log/metrics.h"

static char *render(void)
{
    struct cg_buf buf;
    cg_buf_init(&buf, 65536);
    cg_metrics_render(&buf);
    return cg_buf_take(&buf);
}

static size_t occurrences(const char *text, const char *what)
{
    size_t n = 0;
    for (; (text = strstr(text, what)); text += strlen(what))
        n++;
    return n;
}

/* The value on the line that begins with `name` and a blank; fails when there is none. */
static double value_of(const char *text, const char *name)
{
    char start[160];
    snprintf(start, sizeof start, "\n%s ", name);
    const char *at = strstr(text, start);
    if (!at)
        fail_msg("no line for %s", name);
    return strtod(at + strlen(start), NULL);
}

static void counters_add_up_and_show(void **state)
{
    (void)state;
    int64_t before = cg_metric_get(CG_METRIC_PUBLISHES);
    cg_metric_add(CG_METRIC_PUBLISHES, 1);
    cg_metric_add(CG_METRIC_PUBLISHES, 41);
    assert_int_equal(cg_metric_get(CG_METRIC_PUBLISHES) - before, 42);
    char *text = render();
    assert_int_equal((int64_t)value_of(text, "crategate_publishes_total"), before + 42);
    free(text);
}

static void *change_gauge(void *cls)
{
    cg_metric_add(CG_METRIC_CONNECTIONS, (intptr_t)cls);
    return NULL;
}

static void a_gauge_is_set_whoever_added(void **state)
{
    (void)state;
    pthread_t thread;
    cg_metric_set(CG_METRIC_CONNECTIONS, 10);
    assert_int_equal(pthread_create(&thread, NULL, change_gauge, (void *)5), 0);
    pthread_join(thread, NULL);
    cg_metric_add(CG_METRIC_CONNECTIONS, -3);
    assert_int_equal(cg_metric_get(CG_METRIC_CONNECTIONS), 12);
    cg_metric_set(CG_METRIC_CONNECTIONS, 1);
    assert_int_equal(cg_metric_get(CG_METRIC_CONNECTIONS), 1);
}

static void statuses_are_counted_by_class(void **state)
{
    (void)state;
    static const enum cg_metric classes[] = {CG_METRIC_REQUESTS_2XX, CG_METRIC_REQUESTS_3XX, CG_METRIC_REQUESTS_4XX,
                                             CG_METRIC_REQUESTS_5XX};
    static const unsigned statuses[] = {200, 299, 304, 400, 401, 499, 500, 599, 100, 0, 600, 700};
    int64_t before[4], after[4];
    for (int i = 0; i < 4; i++)
        before[i] = cg_metric_get(classes[i]);
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        cg_metric_status(statuses[i]);
    for (int i = 0; i < 4; i++)
        after[i] = cg_metric_get(classes[i]) - before[i];
    assert_int_equal(after[0], 2);
    assert_int_equal(after[1], 1);
    assert_int_equal(after[2], 3);
    assert_int_equal(after[3], 2);
}

static void a_family_has_one_head_before_all_its_lines(void **state)
{
    (void)state;
    char *text = render();
    assert_int_equal(occurrences(text, "# TYPE crategate_http_requests_total counter\n"), 1);
    assert_int_equal(occurrences(text, "# HELP crategate_http_requests_total HTTP requests by class of status\n"), 1);
    assert_int_equal(occurrences(text, "# TYPE crategate_http_connections gauge\n"), 1);
    assert_int_equal(occurrences(text, "\ncrategate_http_requests_total{status="), 4);
    assert_int_equal(occurrences(text, "# HELP"), occurrences(text, "# TYPE"));
    /* Every sample stands directly below its own family. */
    char family[100] = "";
    for (char *save = NULL, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        if (strncmp(line, "# TYPE ", 7) == 0)
            assert_int_equal(sscanf(line, "# TYPE %99s", family), 1);
        else if (line[0] != '#')
            assert_memory_equal(line, family, strlen(family));
    }
    free(text);
}

static void durations_fall_into_cumulative_buckets(void **state)
{
    (void)state;
    cg_metric_duration(500); /* on a bound: within it */
    cg_metric_duration(501);
    cg_metric_duration(1500000);
    cg_metric_duration(31000000);
    char *text = render();
#define BUCKET(le) value_of(text, "crategate_http_request_seconds_bucket{le=\"" le "\"}")
    assert_true(BUCKET("0.0005") == 1);
    assert_true(BUCKET("0.001") == 2);
    assert_true(BUCKET("1") == 2);
    assert_true(BUCKET("2.5") == 3);
    assert_true(BUCKET("30") == 3);
    assert_true(BUCKET("+Inf") == 4);
    assert_true(value_of(text, "crategate_http_request_seconds_count") == 4);
    assert_non_null(strstr(text, "crategate_http_request_seconds_sum 32.501001\n"));
    assert_int_equal(occurrences(text, "crategate_http_request_seconds_bucket{"), 16);
    free(text);
}

static void the_process_is_described(void **state)
{
    (void)state;
    char *text = render();
    double start = value_of(text, "process_start_time_seconds");
    assert_true(start <= (double)time(NULL) && start > (double)time(NULL) - 600);
    assert_int_equal(occurrences(text, "\ncrategate_build_info{version=\""), 1);
    free(text);
}

static void *count_many(void *cls)
{
    (void)cls;
    for (int i = 0; i < 50000; i++) {
        cg_metric_add(CG_METRIC_TOKEN_HITS, 1);
        cg_metric_add(CG_METRIC_CONNECTIONS, 1);
        cg_metric_add(CG_METRIC_CONNECTIONS, -1);
    }
    return NULL;
}

static void nothing_is_lost_between_threads(void **state)
{
    (void)state;
    enum { N = 20 }; /* more than there are shards */
    pthread_t threads[N];
    cg_metric_set(CG_METRIC_CONNECTIONS, 7);
    int64_t before = cg_metric_get(CG_METRIC_TOKEN_HITS);
    for (int i = 0; i < N; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, NULL), 0);
    for (int i = 0; i < N; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(cg_metric_get(CG_METRIC_TOKEN_HITS) - before, N * 50000);
    assert_int_equal(cg_metric_get(CG_METRIC_CONNECTIONS), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_add_up_and_show),
        cmocka_unit_test(a_gauge_is_set_whoever_added),
        cmocka_unit_test(statuses_are_counted_by_class),
        cmocka_unit_test(a_family_has_one_head_before_all_its_lines),
        cmocka_unit_test(durations_fall_into_cumulative_buckets),
        cmocka_unit_test(the_process_is_described),
        cmocka_unit_test(nothing_is_lost_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
