/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The HTTP/1.1 transport over real sockets: two loops, two workers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "client.h"
#include "conf/conf.h"
#include "crategate/clock.h"
#include "fake_directory.h"
#include "fixture.h"
#include "http/net/server.h"
#include "log/log.h"
#include "log/metrics.h"

#define HOST "Host: crates.example\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"
#define CROWD 200

static struct fixture fixture;
static struct cg_server *server;

static int start(const char *extra, unsigned workers, size_t queue, const char *const *listens)
{
    struct cg_error err = {0};
    char **kept;

    fixture_open(&fixture, extra, workers, queue);
    kept = fixture.conf->listen;
    if (listens)
        fixture.conf->listen = (char **)(uintptr_t)listens;
    enum cg_err rc = cg_server_start(&fixture.gw, fixture.conf, 2, &server, &err);

    fixture.conf->listen = kept;
    if (rc != CG_OK)
        fprintf(stderr, "%s\n", err.detail);
    return rc == CG_OK ? 0 : -1;
}

static int set_up(void **state)
{
    (void)state;
    return start("", 2, 256, NULL);
}

static int set_up_hasty(void **state)
{
    (void)state;
    return start("request_timeout = \"1s\"\nidle_timeout = \"1s\"\n", 2, 256, NULL);
}

static int set_up_crowded(void **state)
{
    (void)state;
    return start("", 1, 2, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    fixture_gate(true);
    cg_server_free(&server);
    fixture_close(&fixture);
    return 0;
}

static void dial(struct client *c)
{
    client_open(c, cg_server_address(server, 0));
}

static void expect(struct client *c, unsigned status, const char *body)
{
    struct answer a;

    client_read(c, &a, false);
    if (a.status != status || (body && !strstr(a.body, body)))
        fail_msg("status %u, not %u: %s", a.status, status, a.body ? a.body : "");
    answer_clean(&a);
}

static void connections_are_kept_alive(void **state)
{
    struct client c;

    (void)state;
    dial(&c);
    for (int i = 0; i < 20; i++) {
        client_say(&c, GET("/fast"));
        expect(&c, 200, "anonymous");
        client_say(&c, GET("/slow"));
        expect(&c, 200, "anonymous");
        client_say(&c, GET("/nothing"));
        expect(&c, 404, "errors");
    }
    client_close(&c);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct client c;

    (void)state;
    dial(&c);
    client_say(&c, "GET /query?q=1 HTTP/1.1\r\n" HOST "\r\n"
                   "GET /slow HTTP/1.1\r\n" HOST "\r\n"
                   "PUT /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\ntwo"
                   "GET /query?q=3 HTTP/1.1\r\n" HOST "\r\n");
    expect(&c, 200, "1");
    expect(&c, 200, "anonymous");
    expect(&c, 200, "two");
    expect(&c, 200, "3");
    client_close(&c);
}

static void head_is_get_without_the_body(void **state)
{
    static const char *const paths[] = {"/fast", "/blob", "/file", "/nothing"};
    struct client c;

    (void)state;
    dial(&c);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        char get_length[32], text[128];
        struct answer a;

        snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" HOST "\r\n", paths[i]);
        client_say(&c, text);
        client_read(&c, &a, false);
        snprintf(get_length, sizeof(get_length), "%s", answer_header(&a, "Content-Length"));
        answer_clean(&a);
        snprintf(text, sizeof(text), "HEAD %s HTTP/1.1\r\n" HOST "\r\n", paths[i]);
        client_say(&c, text);
        client_read(&c, &a, true);
        assert_string_equal(answer_header(&a, "Content-Length"), get_length);
        assert_non_null(answer_header(&a, "X-Request-Id"));
        answer_clean(&a);
        assert_true(client_is_silent(&c, 20));
    }
    client_close(&c);
}

static void files_are_sent_whole_and_in_part(void **state)
{
    struct client c;
    struct answer a;

    (void)state;
    dial(&c);
    client_say(&c, GET("/file"));
    client_read(&c, &a, false);
    assert_int_equal(a.len, FILE_SIZE);
    for (size_t i = 0; i < a.len; i++)
        if (a.body[i] != fixture_file_byte(i))
            fail_msg("byte %zu differs", i);
    answer_clean(&a);
    client_say(&c, "GET /file HTTP/1.1\r\n" HOST "Range: bytes=299990-\r\n\r\n");
    client_read(&c, &a, false);
    assert_int_equal(a.status, 206);
    assert_string_equal(answer_header(&a, "Content-Range"), "bytes 299990-299999/300000");
    assert_int_equal(a.body[0], fixture_file_byte(299990));
    answer_clean(&a);
    client_say(&c, "GET /file HTTP/1.1\r\n" HOST "If-None-Match: \"file\"\r\n\r\n");
    expect(&c, 304, NULL);
    client_close(&c);
}

static void index_files_come_plain_or_gzipped_or_not_at_all(void **state)
{
    struct client c;
    struct answer a;

    (void)state;
    dial(&c);
    client_say(&c, "GET /blob HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n");
    client_read(&c, &a, false);
    assert_int_equal(a.len, fixture.blob->gzip_len);
    assert_memory_equal(a.body, fixture.blob->gzip, a.len);
    answer_clean(&a);
    client_say(&c, GET("/blob"));
    client_read(&c, &a, false);
    assert_string_equal(a.body, fixture.blob->bytes);
    answer_clean(&a);
    client_say(&c, "GET /blob HTTP/1.1\r\n" HOST "If-None-Match: \"x\"\r\nIf-None-Match: ");
    client_say(&c, fixture.blob->etag);
    client_say(&c, "\r\n\r\n");
    expect(&c, 304, NULL);
    client_say(&c, GET("/fast"));
    expect(&c, 200, NULL);
    client_close(&c);
}

static void http_1_0_is_answered_and_closed(void **state)
{
    struct client c;

    (void)state;
    dial(&c);
    client_say(&c, "GET /fast HTTP/1.0\r\n\r\n");
    expect(&c, 200, "anonymous");
    assert_true(client_is_closed(&c, 2000));
    client_close(&c);
}

static void absolute_targets_are_taken(void **state)
{
    struct client c;

    (void)state;
    dial(&c);
    client_say(&c, GET("http://crates.example/base/query?q=abs"));
    expect(&c, 200, "abs");
    client_close(&c);
}

static void targets_reach_the_router_undecoded(void **state)
{
    struct client c;

    (void)state;
    dial(&c);
    client_say(&c, GET("/fast%2F"));
    expect(&c, 400, "encoded");
    client_say(&c, GET("/%66ast"));
    expect(&c, 200, "anonymous");
    client_say(&c, GET("/%2566ast"));
    expect(&c, 404, NULL);
    client_say(&c, GET("/query?q=%2541&r=?&s=%"));
    expect(&c, 200, "%41");
    client_close(&c);
}

static void ambiguous_framing_is_refused_and_the_connection_closed(void **state)
{
    static const char *const heads[] = {
        "Content-Length: 3\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Content-Length : 3\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Content-Length: 0\r\nContent-Length: 30\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct client c;

        dial(&c);
        client_say(&c, "PUT /echo HTTP/1.1\r\n" HOST);
        client_say(&c, heads[i]);
        client_say(&c, "\r\n");
        expect(&c, 400, NULL);
        assert_true(client_is_closed(&c, 2000));
        client_close(&c);
    }
}

/* libmicrohttpd 1.0 refuses by itself a request without a host, and every chunk extension. */
#define LIBRARY_LOOKS_FIRST (MHD_VERSION >= 0x01000000)
#if LIBRARY_LOOKS_FIRST
#define EXTENSION
#else
#define EXTENSION ";x=y"
#endif

static void a_request_names_one_host(void **state)
{
    static const char *const heads[] = {"GET /fast HTTP/1.1\r\n\r\n", "GET /fast HTTP/1.1\r\n" HOST HOST "\r\n",
                                        "GET /fast HTTP/1.0\r\n" HOST HOST "\r\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct client c;
        struct answer a;

        dial(&c);
        client_say(&c, heads[i]);
        client_read(&c, &a, false);
        assert_int_equal(a.status, 400);
        if (LIBRARY_LOOKS_FIRST) /* ... and answers in its own words */
            assert_non_null(strstr(a.body, "Host"));
        else
            assert_string_equal(a.body, "{\"errors\":[{\"detail\":\"the request must carry one Host header\"}]}");
        assert_true(LIBRARY_LOOKS_FIRST || strstr(a.head, "X-Request-Id: "));
        answer_clean(&a);
        client_close(&c);
    }
}

static void the_body_is_asked_for_only_after_authorisation(void **state)
{
    struct client c;
    struct answer a;

    (void)state;
    dial(&c);
    client_say(&c, "PUT /closed/new HTTP/1.1\r\n" HOST "Content-Length: 100000\r\nExpect: 100-continue\r\n\r\n");
    client_read(&c, &a, false);
    assert_int_equal(a.status, 401);
    assert_non_null(strstr(a.head, "Cargo login_url=\"http://crates.example/base/me\""));
    answer_clean(&a);
    assert_true(client_is_closed(&c, 2000));
    client_close(&c);
    dial(&c);
    client_say(&c, "PUT /closed/new HTTP/1.1\r\n" HOST "Content-Length: 5\r\nExpect: 100-continue\r\n"
                   "Authorization: " ALICE "\r\n\r\n");
    client_read(&c, &a, false);
    assert_int_equal(a.status, 100);
    answer_clean(&a);
    client_say(&c, "\1\1\1\1\1");
    expect(&c, 200, "{\"size\":5,\"sum\":5}");
    client_say(&c, GET("/fast"));
    expect(&c, 200, NULL);
    client_close(&c);
    assert_int_equal(fixture_changes(), 1);
}

static void an_early_401_does_not_wait_for_the_body(void **state)
{
    struct client c;

    (void)state;
    dial(&c);
    client_say(&c, "PUT /closed/new HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\nonly this");
    expect(&c, 401, NULL);
    client_close(&c);
}

/* Sends all before it reads anything, like a client in the middle of an upload. */
static void send_all_then_read(const char *head, size_t len, unsigned status, const char *body)
{
    char *bytes = cg_calloc(1, len);
    struct client c;

    dial(&c);
    client_say(&c, head);
    client_send(&c, bytes, len);
    usleep(50000);
    expect(&c, status, body);
    client_close(&c);
    free(bytes);
}

static void a_refusal_is_readable_by_a_client_that_sends_everything_first(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        send_all_then_read("PUT /spool HTTP/1.1\r\n" HOST "Content-Length: 6000000\r\n\r\n", 6000000, 413,
                           "max_crate_size");
        send_all_then_read("PUT /closed/new HTTP/1.1\r\n" HOST "Content-Length: 2000000\r\n\r\n", 2000000, 401,
                           "errors");
    }
}

static void chunked_uploads_arrive_whole(void **state)
{
    static char part[70000];
    struct client c;

    (void)state;
    memset(part, 2, sizeof(part));
    dial(&c);
    client_say(&c, "PUT /spool HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 10; i++) {
        client_say(&c, "11170\r\n");
        client_send(&c, part, sizeof(part));
        client_say(&c, "\r\n");
    }
    client_say(&c, "0\r\n\r\n");
    expect(&c, 200, "{\"size\":700000,\"sum\":1400000}");
    client_say(&c,
               "PUT /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n2" EXTENSION
               "\r\nbc\r\n0\r\n\r\n");
    expect(&c, 200, "abc");
    client_say(&c, "GET /fast HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    expect(&c, 200, "anonymous");
    client_close(&c);
}

static void a_chunked_upload_over_the_limit_is_413_at_its_end(void **state)
{
    static char part[65536];
    struct client c;

    (void)state;
    dial(&c);
    client_say(&c, "PUT /spool HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 60; i++) {
        client_say(&c, "10000\r\n");
        client_send(&c, part, sizeof(part));
        client_say(&c, "\r\n");
    }
    client_say(&c, "0\r\n\r\n");
    expect(&c, 413, "max_crate_size");
    client_close(&c);
}

static void a_chunked_upload_without_end_is_dropped(void **state)
{
    static char part[65536];
    struct client c;
    int i = 0;

    (void)state;
    dial(&c);
    client_say(&c, "PUT /spool HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
    for (; i < 1000; i++)
        if (!client_try_send(&c, "10000\r\n", 7) || !client_try_send(&c, part, sizeof(part)) ||
            !client_try_send(&c, "\r\n", 2))
            break;
    assert_true(i < 1000);
    client_close(&c);
}

static void large_uploads_wait_for_the_disk_and_go_on(void **state)
{
    size_t len = 2 * 1024 * 1024;
    char *bytes = cg_malloc(len), expected[64];
    struct client c;

    (void)state;
    memset(bytes, 3, len);
    dial(&c);
    for (int i = 0; i < 3; i++) {
        client_say(&c, "PUT /spool HTTP/1.1\r\n" HOST "Content-Length: 2097152\r\n\r\n");
        client_send(&c, bytes, len);
        snprintf(expected, sizeof(expected), "{\"size\":%zu,\"sum\":%zu}", len, 3 * len);
        expect(&c, 200, expected);
    }
    client_close(&c);
    free(bytes);
}

/* Many connections, all of them ready at once (performance.md: the library's own loop stalls at 128). */
static void a_crowd(const char *request, unsigned rounds)
{
    struct client *crowd = cg_calloc(CROWD, sizeof(*crowd));

    for (size_t i = 0; i < CROWD; i++)
        dial(&crowd[i]);
    for (unsigned round = 0; round < rounds; round++) {
        for (size_t i = 0; i < CROWD; i++)
            client_say(&crowd[i], request);
        for (size_t i = 0; i < CROWD; i++)
            expect(&crowd[i], 200, "anonymous");
    }
    for (size_t i = 0; i < CROWD; i++)
        client_close(&crowd[i]);
    free(crowd);
}

static void two_hundred_ready_connections_are_all_served(void **state)
{
    (void)state;
    a_crowd(GET("/fast"), 5);
    a_crowd(GET("/slow"), 5);
}

static void two_hundred_waiting_requests_do_not_stop_a_fast_one(void **state)
{
    struct client *crowd = cg_calloc(CROWD, sizeof(*crowd)), c;

    (void)state;
    for (size_t i = 0; i < CROWD; i++) {
        dial(&crowd[i]);
        client_say(&crowd[i], GET("/gate"));
    }
    fixture_gate_wait(2);
    for (int i = 0; i < 8; i++) {
        dial(&c);
        client_say(&c, GET("/fast"));
        expect(&c, 200, "anonymous");
        client_close(&c);
    }
    fixture_gate(true);
    for (size_t i = 0; i < CROWD; i++) {
        expect(&crowd[i], 200, "anonymous");
        client_close(&crowd[i]);
    }
    free(crowd);
}

static void a_full_queue_answers_503_at_once(void **state)
{
    struct client held[3], c;
    struct answer a;

    (void)state;
    dial(&held[0]);
    client_say(&held[0], GET("/gate"));
    fixture_gate_wait(1);
    for (int i = 1; i < 3; i++) {
        dial(&held[i]);
        client_say(&held[i], GET("/gate"));
    }
    while (cg_pool_queued(fixture.gw.pool) < 2)
        usleep(1000);
    dial(&c);
    client_say(&c, GET("/slow"));
    client_read(&c, &a, false);
    assert_int_equal(a.status, 503);
    assert_string_equal(answer_header(&a, "Retry-After"), "5");
    answer_clean(&a);
    client_say(&c, GET("/fast"));
    expect(&c, 200, NULL);
    client_close(&c);
    fixture_gate(true);
    for (int i = 0; i < 3; i++) {
        expect(&held[i], 200, NULL);
        client_close(&held[i]);
    }
}

/* More logins than there are threads for them. */
#define LOGINS 5
#define LOGIN(basic) "GET /login HTTP/1.1\r\n" HOST "Authorization: Basic " basic "\r\n\r\n"

static int set_up_impatient(void **state)
{
    int rc = start("", 2, 256, NULL);

    (void)state;
    fixture.conf->ldap.login_timeout = 250;
    return rc;
}

static void logins_that_wait_take_no_worker_and_hear_of_it_in_time(void **state)
{
    /* p1:x to p5:x: five people, so that none waits for another's answer. */
    static const char *const SENT[LOGINS] = {LOGIN("cDE6eA=="), LOGIN("cDI6eA=="), LOGIN("cDM6eA=="),
                                             LOGIN("cDQ6eA=="), LOGIN("cDU6eA==")};
    struct client login[LOGINS], c;
    int64_t begun = cg_clock_mono_ms();
    unsigned told = 0;

    (void)state;
    cg_fake_directory_set_delay(fixture.dir, 400);
    for (int i = 0; i < LOGINS; i++) {
        dial(&login[i]);
        client_say(&login[i], SENT[i]);
    }
    while (cg_pool_busy(fixture.gw.askers) < 2)
        usleep(1000);
    dial(&c);
    client_say(&c, GET("/slow"));
    expect(&c, 200, NULL);
    assert_true(cg_clock_mono_ms() - begun < 300);
    client_close(&c);
    for (int i = 0; i < LOGINS; i++) {
        struct answer a;

        client_read(&login[i], &a, false);
        if (a.status == 503) {
            told++;
            assert_string_equal(answer_header(&a, "Retry-After"), "30");
        } else {
            assert_int_equal(a.status, 401);
        }
        answer_clean(&a);
        client_close(&login[i]);
    }
    assert_int_equal(told, LOGINS - 2); /* two were asked about, the others had waited too long by then */
    assert_int_equal(atomic_load(&cg_fake_directory_counts(fixture.dir)->finds), 2);
}

static void a_late_answer_holds_neither_worker_nor_loop(void **state)
{
    struct client late[20], c;
    int64_t begun = cg_clock_mono_ms();

    (void)state;
    for (int i = 0; i < 20; i++) {
        dial(&late[i]);
        client_say(&late[i], GET("/later"));
    }
    dial(&c);
    client_say(&c, GET("/slow"));
    expect(&c, 200, NULL);
    assert_true(cg_clock_mono_ms() - begun < 300);
    client_close(&c);
    for (int i = 0; i < 20; i++) {
        expect(&late[i], 200, NULL);
        client_close(&late[i]);
    }
    /* One after the other on two workers it would have been three seconds. */
    assert_in_range(cg_clock_mono_ms() - begun, 300, 2000);
}

static void clients_that_leave_while_a_worker_runs_harm_nobody(void **state)
{
    struct client gone[20], c;

    (void)state;
    for (int i = 0; i < 20; i++) {
        dial(&gone[i]);
        client_say(&gone[i], GET("/gate"));
    }
    fixture_gate_wait(2);
    for (int i = 0; i < 20; i++) {
        struct linger hard = {.l_onoff = 1};

        if (i % 2)
            setsockopt(gone[i].fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        client_close(&gone[i]);
    }
    fixture_gate(true);
    dial(&c);
    client_say(&c, GET("/slow"));
    expect(&c, 200, NULL);
    client_close(&c);
    while (cg_metric_get(CG_METRIC_CONNECTIONS) > 0)
        usleep(1000);
}

static void clients_that_leave_in_the_middle_of_an_upload_harm_nobody(void **state)
{
    static char bytes[500000];
    struct client c;
    int64_t begun = cg_clock_mono_ms();

    (void)state;
    for (int i = 0; i < 20; i++) {
        dial(&c);
        client_say(&c, "PUT /spool HTTP/1.1\r\n" HOST "Content-Length: 1000000\r\n\r\n");
        client_send(&c, bytes, sizeof(bytes));
        client_close(&c);
    }
    while (cg_metric_get(CG_METRIC_CONNECTIONS) > 0)
        usleep(1000);
    /* The end of the stream may come with the last bytes: not seen by the library until a time-out of 75 s. */
    assert_in_range(cg_clock_mono_ms() - begun, 0, 20000);
    assert_int_equal(fixture_changes(), 0);
}

static void headers_and_bodies_that_trickle_are_cut_off(void **state)
{
    struct client head, body, idle;
    int64_t begun = cg_clock_mono_ms();

    (void)state;
    dial(&head);
    dial(&body);
    dial(&idle);
    client_say(&head, "GET /fast HTTP/1.1\r\nA: ");
    client_say(&body, "PUT /spool HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n");
    bool head_open = true, body_open = true;

    while ((head_open || body_open) && cg_clock_mono_ms() - begun < 8000) {
        head_open = head_open && client_try_send(&head, "x", 1);
        body_open = body_open && client_try_send(&body, "x", 1);
        usleep(100000);
    }
    assert_false(head_open || body_open);
    assert_true(client_is_closed(&idle, 5000));
    client_close(&head);
    client_close(&body);
    client_close(&idle);
}

static void an_upload_at_a_fair_pace_may_take_longer(void **state)
{
    static char part[4000];
    struct client c;

    (void)state;
    dial(&c);
    client_say(&c, "PUT /spool HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n");
    for (int i = 0; i < 25; i++) {
        client_send(&c, part, sizeof(part));
        usleep(120000);
    }
    expect(&c, 200, "{\"size\":100000,");
    client_close(&c);
}

static void requests_may_wait_longer_than_any_time_out(void **state)
{
    struct client c;

    (void)state;
    dial(&c);
    client_say(&c, GET("/gate"));
    fixture_gate_wait(1);
    usleep(2500000);
    fixture_gate(true);
    expect(&c, 200, "anonymous");
    client_close(&c);
}

static void headers_over_the_limit_are_431(void **state)
{
    char *value = cg_malloc(20001);
    struct client c;

    (void)state;
    memset(value, 'x', 20000);
    value[20000] = '\0';
    dial(&c);
    client_say(&c, "GET /fast HTTP/1.1\r\n" HOST "A: ");
    client_try_send(&c, value, 20000);
    expect(&c, 431, NULL);
    client_close(&c);
    value[12000] = '\0';
    dial(&c);
    client_say(&c, "GET /fast HTTP/1.1\r\n" HOST "Authorization: ");
    client_say(&c, value);
    client_say(&c, "\r\n\r\n");
    expect(&c, 200, NULL);
    client_close(&c);
    free(value);
}

static void *drain_in_background(void *cls)
{
    cg_server_drain(server, 5000);
    *(int64_t *)cls = cg_clock_mono_ms();
    return NULL;
}

static void draining_finishes_what_was_begun_and_takes_nothing_new(void **state)
{
    struct client busy, idle, c;
    int64_t drained = 0, opened;
    pthread_t thread;
    struct answer a;

    (void)state;
    dial(&idle);
    client_say(&idle, GET("/fast"));
    expect(&idle, 200, NULL);
    dial(&busy);
    client_say(&busy, GET("/gate"));
    fixture_gate_wait(1);
    pthread_create(&thread, NULL, drain_in_background, &drained);
    usleep(200000);
    client_say(&idle, GET("/fast"));
    client_read(&idle, &a, false);
    assert_int_equal(a.status, 200);
    assert_string_equal(answer_header(&a, "Connection"), "close");
    answer_clean(&a);
    assert_true(client_is_closed(&idle, 2000));
    opened = cg_clock_mono_ms();
    fixture_gate(true);
    expect(&busy, 200, "anonymous");
    pthread_join(thread, NULL);
    assert_in_range(drained, opened, opened + 2000);
    client_close(&busy);
    client_close(&idle);

    assert_false(client_try_open(&c, cg_server_address(server, 0)));
}

static void draining_ends_at_its_time_out(void **state)
{
    struct client c;
    int64_t begun = cg_clock_mono_ms();

    (void)state;
    dial(&c);
    client_say(&c, GET("/gate"));
    fixture_gate_wait(1);
    cg_server_drain(server, 300);
    assert_in_range(cg_clock_mono_ms() - begun, 300, 3000);
    fixture_gate(true);
    expect(&c, 200, NULL);
    client_close(&c);
}

static void stopping_does_not_wait_for_late_answers(void **state)
{
    struct client c;
    int64_t begun;

    (void)state;
    dial(&c);
    client_say(&c, GET("/later"));
    usleep(50000);
    begun = cg_clock_mono_ms();
    cg_server_free(&server);
    assert_true(cg_clock_mono_ms() - begun < 250);
    client_close(&c);
}

static void every_kind_of_address_is_listened_on(void **state)
{
    char path[96], spec[112];
    const char *listens[] = {"127.0.0.1:0", "[::1]:0", spec, NULL};
    struct client c;
    struct stat st;

    (void)state;
    snprintf(path, sizeof(path), "/tmp/cg-http1-%d.sock", (int)getpid());
    snprintf(spec, sizeof(spec), "unix:%s", path);
    assert_int_equal(start("", 2, 16, listens), 0);
    for (size_t i = 0; i < 3; i++)
        for (int n = 0; n < 5; n++) {
            client_open(&c, cg_server_address(server, i));
            client_say(&c, GET("/slow"));
            expect(&c, 200, "anonymous");
            client_close(&c);
        }
    assert_null(cg_server_address(server, 3));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    tear_down(NULL);
    assert_int_not_equal(stat(path, &st), 0);
}

static void an_address_in_use_is_refused_by_name(void **state)
{
    const char *taken = strrchr(cg_server_address(server, 0), ':') + 1;
    struct cg_server *second = NULL;
    struct cg_error err = {0};
    char spec[64], *listens[] = {(char *)(uintptr_t) "127.0.0.1:0", spec, NULL}, **kept = fixture.conf->listen;

    (void)state;
    snprintf(spec, sizeof(spec), "127.0.0.1:%s", taken);
    fixture.conf->listen = listens;
    assert_int_equal(cg_server_start(&fixture.gw, fixture.conf, 2, &second, &err), CG_ERR_UNAVAILABLE);
    fixture.conf->listen = kept;
    assert_null(second);
    assert_non_null(strstr(err.detail, spec));
}

static void the_address_of_a_trusted_proxys_client_is_the_last_it_vouches_for(void **state)
{
    struct client c;
    char *trail;

    (void)state;
    assert_int_equal(start("trusted_proxies = [\"127.0.0.0/8\"]\n", 2, 16, NULL), 0);
    dial(&c);
    client_say(&c, "GET /closed/read HTTP/1.1\r\n" HOST
                   "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-For: 203.0.113.5\r\n\r\n");
    expect(&c, 401, NULL);
    client_close(&c);
    cg_server_drain(server, 2000);
    trail = fixture_trail(&fixture);
    assert_non_null(strstr(trail, "\"203.0.113.5\""));
    free(trail);
    tear_down(NULL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(connections_are_kept_alive),
        T(pipelined_requests_are_answered_in_order),
        T(head_is_get_without_the_body),
        T(files_are_sent_whole_and_in_part),
        T(index_files_come_plain_or_gzipped_or_not_at_all),
        T(http_1_0_is_answered_and_closed),
        T(absolute_targets_are_taken),
        T(targets_reach_the_router_undecoded),
        T(ambiguous_framing_is_refused_and_the_connection_closed),
        T(a_request_names_one_host),
        T(the_body_is_asked_for_only_after_authorisation),
        T(an_early_401_does_not_wait_for_the_body),
        T(a_refusal_is_readable_by_a_client_that_sends_everything_first),
        T(chunked_uploads_arrive_whole),
        T(a_chunked_upload_over_the_limit_is_413_at_its_end),
        T(a_chunked_upload_without_end_is_dropped),
        T(large_uploads_wait_for_the_disk_and_go_on),
        T(two_hundred_ready_connections_are_all_served),
        T(two_hundred_waiting_requests_do_not_stop_a_fast_one),
        cmocka_unit_test_setup_teardown(a_full_queue_answers_503_at_once, set_up_crowded, tear_down),
        cmocka_unit_test_setup_teardown(logins_that_wait_take_no_worker_and_hear_of_it_in_time, set_up_impatient,
                                        tear_down),
        T(a_late_answer_holds_neither_worker_nor_loop),
        T(clients_that_leave_while_a_worker_runs_harm_nobody),
        T(clients_that_leave_in_the_middle_of_an_upload_harm_nobody),
        cmocka_unit_test_setup_teardown(headers_and_bodies_that_trickle_are_cut_off, set_up_hasty, tear_down),
        cmocka_unit_test_setup_teardown(an_upload_at_a_fair_pace_may_take_longer, set_up_hasty, tear_down),
        cmocka_unit_test_setup_teardown(requests_may_wait_longer_than_any_time_out, set_up_hasty, tear_down),
        T(headers_over_the_limit_are_431),
        T(draining_finishes_what_was_begun_and_takes_nothing_new),
        T(draining_ends_at_its_time_out),
        T(stopping_does_not_wait_for_late_answers),
        cmocka_unit_test(every_kind_of_address_is_listened_on),
        T(an_address_in_use_is_refused_by_name),
        cmocka_unit_test(the_address_of_a_trusted_proxys_client_is_the_last_it_vouches_for),
    };

    cg_log_setup(CG_LOG_ERROR, CG_LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
