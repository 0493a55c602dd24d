/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* How connections come in: what the first bytes of cleartext make of them, and when there is no room. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "client.h"
#include "conf/conf.h"
#include "fixture.h"
#include "http/net/server.h"

#define HOST "Host: crates.example\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

static struct fixture fixture;
static struct cg_server *server;

static int start(const char *extra, const char *const *listens)
{
    struct cg_error err = {0};
    char **kept;
    enum cg_err rc;

    fixture_open(&fixture, extra, 2, 16);
    kept = fixture.conf->listen;
    if (listens)
        fixture.conf->listen = (char **)(uintptr_t)listens;
    rc = cg_server_start(&fixture.gw, fixture.conf, 2, &server, &err);
    fixture.conf->listen = kept;
    if (rc != CG_OK)
        fprintf(stderr, "%s\n", err.detail);
    return rc == CG_OK ? 0 : -1;
}

static int set_up(void **state)
{
    (void)state;
    return start("", NULL);
}

static int tear_down(void **state)
{
    (void)state;
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
    if (a.status != status || !strstr(a.body, body))
        fail_msg("status %u, not %u: %s", a.status, status, a.body ? a.body : "");
    answer_clean(&a);
}

#define OFFER "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAQAAAAIAAAAA\r\n"

static void an_offer_of_h2c_is_taken_with_the_first_request_only(void **state)
{
    struct answer a;
    struct client c;

    (void)state;
    dial(&c);
    client_say(&c, "GET /fast HTTP/1.1\r\n" HOST OFFER "\r\n");
    client_read(&c, &a, false);
    assert_int_equal(a.status, 101);
    assert_string_equal(answer_header(&a, "Upgrade"), "h2c");
    answer_clean(&a);
    client_close(&c);

    dial(&c);
    client_say(&c, GET("/fast"));
    expect(&c, 200, "anonymous");
    client_say(&c, "GET /fast HTTP/1.1\r\n" HOST OFFER "\r\n");
    expect(&c, 200, "anonymous");
    client_close(&c);
}

static void a_doubtful_offer_of_h2c_is_ignored(void **state)
{
    struct client c;

    (void)state;
    dial(&c);
    client_say(&c, "PUT /echo HTTP/1.1\r\n" HOST OFFER "Content-Length: 4\r\n\r\nbody");
    expect(&c, 200, "body");
    client_say(&c, GET("/fast"));
    expect(&c, 200, "anonymous");
    client_close(&c);
}

static void expect_no_upgrade(size_t listener)
{
    struct client c;

    client_open(&c, cg_server_address(server, listener));
    client_say(&c, "GET /fast HTTP/1.1\r\n" HOST OFFER "\r\n");
    expect(&c, 200, "anonymous");
    client_close(&c);
}

/* Its client would have the proxy's voice from then on. */
static void an_offer_that_a_proxy_passes_on_is_ignored(void **state)
{
    char spec[112];
    const char *listens[] = {"127.0.0.1:0", spec, NULL};

    (void)state;
    snprintf(spec, sizeof(spec), "unix:/tmp/cg-arrival-%d.sock", (int)getpid());
    assert_int_equal(start("trusted_proxies = [\"127.0.0.0/8\"]\n", listens), 0);
    expect_no_upgrade(0);
    expect_no_upgrade(1);
    tear_down(NULL);
}

/* A head that comes in pieces is looked at whole. */
static void an_offer_that_comes_in_pieces_is_taken(void **state)
{
    static const char head[] = "GET /fast HTTP/1.1\r\n" HOST OFFER "\r\n";
    struct answer a;
    struct client c;

    (void)state;
    dial(&c);
    for (size_t i = 0; i < sizeof(head) - 1; i += 16) {
        client_send(&c, head + i, sizeof(head) - 1 - i < 16 ? sizeof(head) - 1 - i : 16);
        usleep(3000);
    }
    client_read(&c, &a, false);
    assert_int_equal(a.status, 101);
    answer_clean(&a);
    client_close(&c);
}

/* No loop has a connection whose end would wake it. */
static void a_lack_of_descriptors_passes(void **state)
{
    struct rlimit before, few;
    int fillers[256], count = 0;
    struct client c;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){.rlim_cur = 256, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    while ((fillers[count] = dup(0)) >= 0)
        count++;
    close(fillers[--count]); /* for the client */
    dial(&c);
    client_say(&c, GET("/fast"));
    assert_true(client_is_silent(&c, 300));
    while (count)
        close(fillers[--count]);
    expect(&c, 200, "anonymous");
    client_close(&c);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(an_offer_of_h2c_is_taken_with_the_first_request_only),
        T(a_doubtful_offer_of_h2c_is_ignored),
        cmocka_unit_test(an_offer_that_a_proxy_passes_on_is_ignored),
        T(an_offer_that_comes_in_pieces_is_taken),
        T(a_lack_of_descriptors_passes),
    };

    return cmocka_run_group_tests_name("arrival", tests, NULL, NULL);
}
