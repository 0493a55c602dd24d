/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "log/metrics.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "crategate/clock.h"
#include "crategate/version.h"

static const struct {
    const char *name; /* with labels */
    const char *type;
    const char *help;
} table[] = {
#define X(id, name, type, help) [CG_METRIC_##id] = {name, type, help},
    CG_METRIC_TABLE(X)
#undef X
};

/* Upper bound in microseconds, and as the exposition spells it in seconds. */
#define BUCKET_TABLE(X)                                                                                                \
    X(500, "0.0005")                                                                                                   \
    X(1000, "0.001")                                                                                                   \
    X(2500, "0.0025")                                                                                                  \
    X(5000, "0.005")                                                                                                   \
    X(10000, "0.01")                                                                                                   \
    X(25000, "0.025")                                                                                                  \
    X(50000, "0.05")                                                                                                   \
    X(100000, "0.1")                                                                                                   \
    X(250000, "0.25")                                                                                                  \
    X(500000, "0.5")                                                                                                   \
    X(1000000, "1")                                                                                                    \
    X(2500000, "2.5")                                                                                                  \
    X(5000000, "5")                                                                                                    \
    X(10000000, "10")                                                                                                  \
    X(30000000, "30")

static const struct {
    int64_t us;
    const char *le;
} buckets[] = {
#define X(us, le) {us, le},
    BUCKET_TABLE(X)
#undef X
};
#define BUCKETS (sizeof buckets / sizeof buckets[0])

/* Each thread counts in a shard of its own cache lines; a reader adds them up. */
#define SHARDS 16
#define CACHE_LINE 64

static struct shard {
    _Alignas(CACHE_LINE) _Atomic int64_t values[CG_METRIC_COUNT];
    _Atomic int64_t durations[BUCKETS + 1]; /* the last: longer than every bound */
    _Atomic int64_t duration_sum_us;
} shards[SHARDS];

static int64_t started_at;

static void __attribute__((constructor)) note_start(void)
{
    started_at = cg_clock_wall_s();
}

static struct shard *my_shard(void)
{
    static atomic_uint next;
    static _Thread_local struct shard *mine;
    if (!mine)
        mine = &shards[atomic_fetch_add_explicit(&next, 1, memory_order_relaxed) % SHARDS];
    return mine;
}

static void count(_Atomic int64_t *value, int64_t n)
{
    atomic_fetch_add_explicit(value, n, memory_order_relaxed);
}

/* Gauges live in the first shard alone: only so can one thread set what others add to. */
static bool is_gauge(enum cg_metric metric)
{
    return table[metric].type[0] == 'g';
}

void cg_metric_add(enum cg_metric metric, int64_t n)
{
    count(&(is_gauge(metric) ? shards : my_shard())->values[metric], n);
}

void cg_metric_set(enum cg_metric metric, int64_t value)
{
    CG_ASSERT(is_gauge(metric));
    atomic_store_explicit(&shards[0].values[metric], value, memory_order_relaxed);
}

int64_t cg_metric_get(enum cg_metric metric)
{
    int64_t sum = 0;
    for (size_t i = 0; i < SHARDS; i++)
        sum += atomic_load_explicit(&shards[i].values[metric], memory_order_relaxed);
    return sum;
}

void cg_metric_status(unsigned http_status)
{
    static const enum cg_metric classes[] = {CG_METRIC_REQUESTS_2XX, CG_METRIC_REQUESTS_3XX, CG_METRIC_REQUESTS_4XX,
                                             CG_METRIC_REQUESTS_5XX};
    if (http_status >= 200 && http_status < 600)
        cg_metric_add(classes[http_status / 100 - 2], 1);
}

void cg_metric_duration(int64_t us)
{
    struct shard *shard = my_shard();
    size_t i = 0;
    while (i < BUCKETS && us > buckets[i].us)
        i++;
    count(&shard->durations[i], 1);
    count(&shard->duration_sum_us, us);
}

/* Length of a metric's name without its labels. */
static size_t family_length(const char *name)
{
    return strcspn(name, "{");
}

static bool same_family(const char *a, const char *b)
{
    size_t len = family_length(a);
    return len == family_length(b) && memcmp(a, b, len) == 0;
}

static bool seen_before(size_t row)
{
    for (size_t i = 0; i < row; i++)
        if (same_family(table[i].name, table[row].name))
            return true;
    return false;
}

static void render_head(struct cg_buf *out, const char *name, const char *type, const char *help)
{
    int len = (int)family_length(name);
    cg_buf_addf(out, "# HELP %.*s %s\n# TYPE %.*s %s\n", len, name, help, len, name, type);
}

/* The format wants the lines of a family together, below one HELP and TYPE, wherever its rows stand in the table. */
static void render_families(struct cg_buf *out)
{
    for (size_t first = 0; first < CG_METRIC_COUNT; first++) {
        if (seen_before(first))
            continue;
        render_head(out, table[first].name, table[first].type, table[first].help);
        for (size_t i = first; i < CG_METRIC_COUNT; i++)
            if (same_family(table[i].name, table[first].name))
                cg_buf_addf(out, "%s %" PRId64 "\n", table[i].name, cg_metric_get((enum cg_metric)i));
    }
}

static int64_t sum_duration(size_t bucket)
{
    int64_t sum = 0;
    for (size_t i = 0; i < SHARDS; i++)
        sum += atomic_load_explicit(&shards[i].durations[bucket], memory_order_relaxed);
    return sum;
}

static void render_histogram(struct cg_buf *out)
{
    static const char name[] = "crategate_http_request_seconds";
    int64_t below = 0, us = 0;
    render_head(out, name, "histogram", "time from a request's headers to the end of its answer");
    for (size_t i = 0; i < BUCKETS; i++) {
        below += sum_duration(i);
        cg_buf_addf(out, "%s_bucket{le=\"%s\"} %" PRId64 "\n", name, buckets[i].le, below);
    }
    below += sum_duration(BUCKETS);
    for (size_t i = 0; i < SHARDS; i++)
        us += atomic_load_explicit(&shards[i].duration_sum_us, memory_order_relaxed);
    cg_buf_addf(out, "%s_bucket{le=\"+Inf\"} %" PRId64 "\n", name, below);
    /* Not %f, whose decimal point is the locale's. */
    cg_buf_addf(out, "%s_sum %" PRId64 ".%06" PRId64 "\n", name, us / 1000000, us % 1000000);
    cg_buf_addf(out, "%s_count %" PRId64 "\n", name, below);
}

void cg_metrics_render(struct cg_buf *out)
{
    render_families(out);
    render_histogram(out);
    render_head(out, "process_start_time_seconds", "gauge", "when the program started, in seconds since 1970");
    cg_buf_addf(out, "process_start_time_seconds %" PRId64 "\n", started_at);
    render_head(out, "crategate_build_info", "gauge", "the program's version");
    cg_buf_addf(out, "crategate_build_info{version=\"%s\"} 1\n", CG_VERSION);
}
