/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* HTTP/1.1 over TLS: the whole server, with two loops and two workers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "certificate.h"
#include "client.h"
#include "conf/conf.h"
#include "crategate/clock.h"
#include "fixture.h"
#include "http/net/server.h"
#include "http/net/tls.h"
#include "log/metrics.h"

#define HOST "Host: crates.example\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"
#define CROWD 200
#define UPLOAD 900000

static char dir[] = "/tmp/cg-bridge-XXXXXX";
static struct certificate certificate, second;
static struct fixture fixture;
static struct cg_server *server;

static int start(const char *extra)
{
    char *more =
        cg_asprintf("%stls_certificate = \"%s\"\ntls_key = \"%s\"\n", extra, certificate.cert, certificate.key);
    struct cg_error err = {0};
    enum cg_err rc;

    fixture_open(&fixture, more, 2, 256);
    free(more);
    rc = cg_server_start(&fixture.gw, fixture.conf, 2, &server, &err);
    if (rc != CG_OK)
        fprintf(stderr, "%s\n", err.detail);
    return rc == CG_OK ? 0 : -1;
}

static int set_up(void **state)
{
    (void)state;
    return start("");
}

static int set_up_hasty(void **state)
{
    (void)state;
    return start("request_timeout = \"1s\"\nidle_timeout = \"1s\"\n");
}

static int set_up_small(void **state)
{
    (void)state;
    return start("max_connections = 1\n");
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
    assert_true(client_start_tls(c, "\x08http/1.1"));
}

static void expect(struct client *c, unsigned status, const char *body)
{
    struct answer a;

    client_read(c, &a, false);
    if (a.status != status || (body && !strstr(a.body, body)))
        fail_msg("status %u, not %u: %s", a.status, status, a.body ? a.body : "");
    answer_clean(&a);
}

static void expect_file(struct client *c)
{
    struct answer a;

    client_read(c, &a, false);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.len, FILE_SIZE);
    for (size_t i = 0; i < a.len; i++)
        if (a.body[i] != fixture_file_byte(i))
            fail_msg("byte %zu is another", i);
    answer_clean(&a);
}

static void connections_are_kept_alive(void **state)
{
    struct client c;

    (void)state;
    assert_non_null(strstr(cg_server_address(server, 0), "https://127.0.0.1:"));
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

static void files_arrive_whole_also_at_slow_readers(void **state)
{
    struct client c;

    (void)state;
    dial(&c);
    client_say(&c, GET("/file"));
    expect_file(&c);
    for (int i = 0; i < 30; i++)
        client_say(&c, GET("/file"));
    usleep(300000); /* all buffers are full by now */
    for (int i = 0; i < 30; i++)
        expect_file(&c);
    client_close(&c);
}

static void send_upload(struct client *c, const char *path, const char *headers)
{
    char *body = cg_malloc(UPLOAD),
         *head = cg_asprintf("PUT %s HTTP/1.1\r\n" HOST "%sContent-Length: %d\r\n\r\n", path, headers, UPLOAD);

    memset(body, 1, UPLOAD);
    client_say(c, head);
    client_try_send(c, body, UPLOAD);
    free(head);
    free(body);
}

static void large_uploads_arrive_whole(void **state)
{
    char *size = cg_asprintf("{\"size\":%d,\"sum\":%d}", UPLOAD, UPLOAD);
    struct client c;

    (void)state;
    dial(&c);
    for (int i = 0; i < 5; i++) {
        send_upload(&c, "/spool", "");
        expect(&c, 200, size);
    }
    free(size);
    client_close(&c);
}

static void a_refusal_is_readable_by_a_client_that_sends_everything_first(void **state)
{
    struct client c;

    (void)state;
    for (int i = 0; i < 5; i++) {
        dial(&c);
        send_upload(&c, "/open/new", "Authorization: " BOB "\r\n");
        expect(&c, 403, "errors");
        assert_true(client_is_closed(&c, 5000));
        client_close(&c);
    }
}

/* A reset would take the answer from whoever has not read it yet. */
static void a_client_that_goes_on_after_a_refusal_is_listened_to(void **state)
{
    static char more[16384];
    struct client c;

    (void)state;
    dial(&c);
    send_upload(&c, "/open/new", "Authorization: " BOB "\r\n");
    expect(&c, 403, "errors");
    assert_true(client_is_closed(&c, 5000));
    for (int i = 0; i < 20; i++) {
        if (!client_try_send(&c, more, sizeof(more)))
            fail_msg("reset after %d more blocks", i);
        usleep(10000);
    }
    client_close(&c);
}

static void the_end_of_a_clients_bytes_is_passed_on(void **state)
{
    struct client c;

    (void)state;
    dial(&c);
    client_say(&c, "GET /file HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    client_end(&c);
    expect_file(&c);
    assert_true(client_is_closed(&c, 5000));
    client_close(&c);
}

static void a_password_is_taken_and_the_address_is_the_clients(void **state)
{
    struct client c;

    (void)state;
    dial(&c);
    client_say(&c, "GET /login HTTP/1.1\r\n" HOST "Authorization: " ALICE "\r\n\r\n");
    expect(&c, 200, "alice");
    client_say(&c, "GET /closed/read HTTP/1.1\r\n" HOST "\r\n");
    expect(&c, 401, NULL);
    client_close(&c);
    cg_server_drain(server, 2000);
    char *trail = fixture_trail(&fixture);

    assert_non_null(strstr(trail, "\"127.0.0.1\""));
    free(trail);
}

static void http_without_tls_is_told_so(void **state)
{
    struct client c;

    (void)state;
    client_open(&c, cg_server_address(server, 0));
    client_say(&c, GET("/fast"));
    expect(&c, 400, "https://");
    assert_true(client_is_closed(&c, 2000));
    client_close(&c);
}

static void a_handshake_that_takes_too_long_is_cut_off(void **state)
{
    struct client silent, slow;

    (void)state;
    client_open(&silent, cg_server_address(server, 0));
    client_open(&slow, cg_server_address(server, 0));
    client_say(&slow, "\x16\x03\x01");
    assert_true(client_is_closed(&silent, 8000));
    assert_true(client_is_closed(&slow, 8000));
    client_close(&silent);
    client_close(&slow);
}

static void idle_and_stuck_connections_end(void **state)
{
    struct client idle, stuck;

    (void)state;
    dial(&idle);
    dial(&stuck);
    client_say(&idle, GET("/fast"));
    expect(&idle, 200, NULL);
    for (int i = 0; i < 60; i++)
        client_say(&stuck, GET("/file")); /* more than all buffers take */
    assert_true(client_is_closed(&idle, 8000));
    for (int i = 0; i < 100 && cg_metric_get(CG_METRIC_CONNECTIONS) > 0; i++)
        usleep(100000);
    assert_int_equal(cg_metric_get(CG_METRIC_CONNECTIONS), 0);
    client_close(&idle);
    client_close(&stuck);
}

static void two_hundred_connections_are_all_served(void **state)
{
    static struct client crowd[CROWD];

    (void)state;
    for (size_t i = 0; i < CROWD; i++)
        dial(&crowd[i]);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < CROWD; i++)
            client_say(&crowd[i], GET("/slow"));
        for (size_t i = 0; i < CROWD; i++)
            expect(&crowd[i], 200, "anonymous");
    }
    for (size_t i = 0; i < CROWD; i++)
        client_close(&crowd[i]);
}

static void clients_that_leave_harm_nobody(void **state)
{
    struct client c;

    (void)state;
    for (int i = 0; i < 20; i++) {
        dial(&c);
        client_say(&c, i % 2 ? GET("/file") GET("/file") GET("/slow")
                             : "PUT /spool HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nab");
        client_close(&c);
    }
    dial(&c);
    client_say(&c, GET("/fast"));
    expect(&c, 200, NULL);
    client_close(&c);
}

static void another_certificate_is_for_those_who_come_later(void **state)
{
    struct cg_tls *tls = NULL;
    struct cg_error err = {0};
    struct client before, after;
    char *first;

    (void)state;
    dial(&before);
    first = cg_strdup(client_certificate(&before));
    assert_int_equal(cg_tls_new(second.cert, second.key, &tls, &err), CG_OK);
    assert_true(cg_server_set_tls(server, tls));
    cg_tls_unref(&tls);
    dial(&after);
    assert_string_not_equal(client_certificate(&after), first);
    client_say(&after, GET("/fast"));
    expect(&after, 200, NULL);
    client_say(&before, GET("/fast"));
    expect(&before, 200, NULL);
    assert_false(cg_server_set_tls(server, NULL));
    free(first);
    client_close(&before);
    client_close(&after);
}

static void *drain_and_free(void *cls)
{
    (void)cls;
    cg_server_drain(server, 20000);
    cg_server_free(&server);
    return NULL;
}

/* The library has given away all of an answer long before the client has it. */
static void draining_waits_for_what_is_on_its_way_to_the_client(void **state)
{
    int small = 16384, answers = 0;
    pthread_t thread;
    struct client c;
    struct answer a;
    bool last;

    (void)state;
    dial(&c);
    setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    for (int i = 0; i < 40; i++)
        client_say(&c, GET("/file"));
    expect_file(&c);
    pthread_create(&thread, NULL, drain_and_free, NULL);
    usleep(200000);
    do {
        client_read(&c, &a, false);
        assert_int_equal(a.status, 200);
        assert_int_equal(a.len, FILE_SIZE);
        last = answer_header(&a, "Connection") != NULL;
        answer_clean(&a);
    } while (!last && ++answers < 40);
    assert_true(client_is_closed(&c, 5000));
    pthread_join(thread, NULL);
    client_close(&c);
}

/* One of two connections waits in the kernel's queue until the other has gone. */
static void connections_beyond_the_limit_wait(void **state)
{
    struct client first[3], c;

    (void)state;
    /* The kernel spreads them over two loops, of one connection each. */
    for (size_t i = 0; i < 3; i++) {
        client_open(&first[i], cg_server_address(server, 0));
    }
    usleep(200000);
    assert_in_range(cg_metric_get(CG_METRIC_CONNECTIONS), 1, 2);
    for (size_t i = 0; i < 3; i++)
        client_close(&first[i]);
    dial(&c);
    client_say(&c, GET("/fast"));
    expect(&c, 200, NULL);
    client_close(&c);
}

static int make_certificates(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    if (!mkdtemp(dir))
        return -1;
    certificate_make(&certificate, dir, "first", 100);
    certificate_make(&second, dir, "second", 100);
    return 0;
}

static int remove_certificates(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof(command), "rm -r %s", dir);
    return system(command);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(connections_are_kept_alive),
        T(files_arrive_whole_also_at_slow_readers),
        T(large_uploads_arrive_whole),
        T(a_refusal_is_readable_by_a_client_that_sends_everything_first),
        T(a_client_that_goes_on_after_a_refusal_is_listened_to),
        T(the_end_of_a_clients_bytes_is_passed_on),
        T(a_password_is_taken_and_the_address_is_the_clients),
        T(http_without_tls_is_told_so),
        cmocka_unit_test_setup_teardown(a_handshake_that_takes_too_long_is_cut_off, set_up_hasty, tear_down),
        cmocka_unit_test_setup_teardown(idle_and_stuck_connections_end, set_up_hasty, tear_down),
        T(two_hundred_connections_are_all_served),
        T(clients_that_leave_harm_nobody),
        T(another_certificate_is_for_those_who_come_later),
        T(draining_waits_for_what_is_on_its_way_to_the_client),
        cmocka_unit_test_setup_teardown(connections_beyond_the_limit_wait, set_up_small, tear_down),
    };

    return cmocka_run_group_tests_name("bridge", tests, make_certificates, remove_certificates);
}
