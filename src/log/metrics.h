/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Prometheus metrics. One table names every metric; counters and gauges are
 * relaxed atomics spread over cache lines, so that counting a request costs
 * nothing that other threads notice. Thread safe.
 */
#ifndef CG_LOG_METRICS_H
#define CG_LOG_METRICS_H

#include <stdint.h>

#include "base/buf.h"

/* id, name, type, help */
#define CG_METRIC_TABLE(X)                                                                        \
    X(REQUESTS_2XX, "crategate_http_requests_total{status=\"2xx\"}", "counter", "HTTP requests by class of status") \
    X(REQUESTS_3XX, "crategate_http_requests_total{status=\"3xx\"}", "counter", "")               \
    X(REQUESTS_4XX, "crategate_http_requests_total{status=\"4xx\"}", "counter", "")               \
    X(REQUESTS_5XX, "crategate_http_requests_total{status=\"5xx\"}", "counter", "")               \
    X(FAST_ANSWERS, "crategate_http_fast_answers_total", "counter", "requests answered on a polling thread") \
    X(SLOW_ANSWERS, "crategate_http_slow_answers_total", "counter", "requests that went through a worker") \
    X(QUEUE_FULL, "crategate_queue_full_total", "counter", "requests refused because the work queue was full") \
    X(CONNECTIONS, "crategate_http_connections", "gauge", "open connections")                     \
    X(PUBLISHES, "crategate_publishes_total", "counter", "versions published")                    \
    X(DOWNLOADS, "crategate_downloads_total", "counter", "crates downloaded")                     \
    X(DIRECTORY_BINDS, "crategate_directory_binds_total{who=\"person\"}", "counter", "binds sent to the directory") \
    X(DIRECTORY_SERVICE_BINDS, "crategate_directory_binds_total{who=\"service\"}", "counter", "")  \
    X(DIRECTORY_SEARCHES, "crategate_directory_searches_total", "counter", "searches sent to the directory") \
    X(DIRECTORY_ERRORS, "crategate_directory_errors_total", "counter", "operations the directory did not answer") \
    X(LOGIN_OK, "crategate_logins_total{result=\"ok\"}", "counter", "password logins by result")  \
    X(LOGIN_REFUSED, "crategate_logins_total{result=\"refused\"}", "counter", "")                 \
    X(LOGIN_THROTTLED, "crategate_logins_total{result=\"throttled\"}", "counter", "")             \
    X(LOGIN_UNAVAILABLE, "crategate_logins_total{result=\"unavailable\"}", "counter", "")         \
    X(TOKEN_HITS, "crategate_token_checks_total{result=\"ok\"}", "counter", "token checks by result") \
    X(TOKEN_BAD, "crategate_token_checks_total{result=\"bad\"}", "counter", "")                   \
    X(SWEEPS, "crategate_sweeps_total{result=\"ok\"}", "counter", "rounds over all owners of tokens by result") \
    X(SWEEP_ABORTED, "crategate_sweep_aborted_total", "counter", "rounds over all owners of tokens that changed nothing") \
    X(GONE_GUARD, "crategate_gone_guard", "gauge", "1 while so many people seem gone that it is not believed") \
    X(DATABASE_CALLS, "crategate_database_calls_total", "counter", "calls to the database")       \
    X(INDEX_HITS, "crategate_index_cache_total{result=\"hit\"}", "counter", "index reads by cache result") \
    X(INDEX_MISSES, "crategate_index_cache_total{result=\"miss\"}", "counter", "")                \
    X(INDEX_BYTES, "crategate_index_cache_bytes", "gauge", "memory held by the index cache")      \
    X(ARTIFACTORY_OK, "crategate_artifactory_requests_total{result=\"ok\"}", "counter", "requests to Artifactory by result") \
    X(ARTIFACTORY_REFUSED, "crategate_artifactory_requests_total{result=\"refused\"}", "counter", "") \
    X(ARTIFACTORY_UNAVAILABLE, "crategate_artifactory_requests_total{result=\"unavailable\"}", "counter", "") \
    X(ARTIFACTORY_UP, "crategate_artifactory_up", "gauge", "instances of Artifactory that are believed to be up") \
    X(ARTIFACTORY_CACHE_HITS, "crategate_artifactory_cache_total{result=\"hit\"}", "counter", "crates asked of a namespace in Artifactory, by whether they were on local disk") \
    X(ARTIFACTORY_CACHE_MISSES, "crategate_artifactory_cache_total{result=\"miss\"}", "counter", "") \
    X(ARTIFACTORY_CACHE_BYTES, "crategate_artifactory_cache_bytes", "gauge", "crates of Artifactory kept on local disk") \
    X(SYNCS, "crategate_syncs_total{result=\"ok\"}", "counter", "looks at stores with other writers by result") \
    X(SYNC_FAILED, "crategate_syncs_total{result=\"failed\"}", "counter", "")                       \
    X(ADOPTED, "crategate_adopted_crates_total", "counter", "versions taken in that other writers put into a store") \
    X(QUARANTINED, "crategate_quarantined_crates", "gauge", "versions not given out because their file vanished or changed") \
    X(HOOKS_OK, "crategate_hooks_total{result=\"ok\"}", "counter", "calls of webhooks by result")   \
    X(HOOKS_BAD, "crategate_hooks_total{result=\"bad\"}", "counter", "")                            \
    X(AUDIT_DROPPED, "crategate_audit_dropped_total", "counter", "audit records of reads lost to a full queue")

enum cg_metric {
#define X(id, name, type, help) CG_METRIC_##id,
    CG_METRIC_TABLE(X)
#undef X
        CG_METRIC_COUNT
};

void cg_metric_add(enum cg_metric metric, int64_t n);
void cg_metric_set(enum cg_metric metric, int64_t value);
int64_t cg_metric_get(enum cg_metric metric);
/* Counts one request's status. */
void cg_metric_status(unsigned http_status);
/* Records a request's duration in the histogram crategate_http_request_seconds. */
void cg_metric_duration(int64_t us);
/* The whole exposition, text format 0.0.4, with process_start_time_seconds and crategate_build_info. */
void cg_metrics_render(struct cg_buf *out);

#endif
