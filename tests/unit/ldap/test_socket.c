/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The way to a server: a resolver that takes its time, addresses that do not answer. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "crategate/clock.h"
#include "deaf.h"
#include "ldap/resolve.h"
#include "ldap/socket.h"

#define SLACK_MS 1000

typedef int (*resolver)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static atomic_uint asked, answering;
static atomic_bool hold; /* the resolver does not answer */

static resolver real(void)
{
    static _Atomic(resolver) found;
    resolver now = found;

    if (!now) {
        *(void **)&now = dlsym(RTLD_NEXT, "getaddrinfo");
        found = now;
    }
    return now;
}

/* Stands in for the system's resolver: the names of these tests are nowhere else. "pair" has two addresses. */
int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **list_out)
{
    int rc;

    if (hints->ai_flags & AI_NUMERICHOST)
        return real()(host, port, hints, list_out);
    asked++;
    answering++;
    while (hold)
        usleep(1000);
    if (strcmp(host, "nowhere.test") == 0) {
        rc = EAI_NONAME;
    } else {
        rc = real()(strcmp(host, "pair.test") == 0 ? "127.0.0.2" : "127.0.0.1", port, hints, list_out);
        if (rc == 0 && strcmp(host, "pair.test") == 0)
            rc = real()("127.0.0.1", port, hints, &(*list_out)->ai_next);
    }
    answering--;
    return rc;
}

static int set_up(void **state)
{
    (void)state;
    asked = 0;
    hold = false;
    return 0;
}

/* No thread is left in the resolver when the next test begins, or the program ends. */
static int tear_down(void **state)
{
    (void)state;
    hold = false;
    while (answering)
        usleep(1000);
    usleep(10000);
    return 0;
}

static enum cg_err resolve(const char *host, int64_t ms, struct cg_error *err)
{
    struct cg_ldap_addresses *addresses = NULL;
    enum cg_err rc = cg_ldap_resolve(host, "389", cg_clock_mono_ms() + ms, &addresses, err);

    assert_int_equal(rc == CG_OK, addresses != NULL);
    if (addresses)
        assert_non_null(cg_ldap_addresses_list(addresses));
    cg_ldap_addresses_free(&addresses);
    return rc;
}

static void address_needs_no_resolver(void **state)
{
    (void)state;
    assert_int_equal(resolve("127.0.0.1", 100, NULL), CG_OK);
    assert_int_equal(resolve("::1", 100, NULL), CG_OK);
    assert_int_equal(asked, 0);
}

static void silent_resolver_holds_nobody_past_the_deadline(void **state)
{
    int64_t start = cg_clock_mono_ms();
    struct cg_error err = {0};

    (void)state;
    hold = true;
    assert_int_equal(resolve("slow.test", 200, &err), CG_ERR_UNAVAILABLE);
    assert_in_range(cg_clock_mono_ms() - start, 190, 200 + SLACK_MS);
    assert_non_null(strstr(err.internal, "slow.test takes too long"));
    assert_null(strstr(err.detail, "slow.test"));
}

static void whole_way_keeps_the_deadline_of_a_silent_resolver(void **state)
{
    int64_t start = cg_clock_mono_ms();
    struct cg_error err = {0};
    bool local;
    int fd = -1;

    (void)state;
    hold = true;
    assert_int_equal(cg_ldap_socket_open("ldaps://slow.test", start + 200, &fd, &local, &err), CG_ERR_UNAVAILABLE);
    assert_in_range(cg_clock_mono_ms() - start, 190, 200 + SLACK_MS);
    assert_non_null(strstr(err.internal, "ldaps://slow.test: no connection"));
    assert_int_equal(fd, -1);
}

static void unknown_host_says_so(void **state)
{
    struct cg_error err = {0};

    (void)state;
    assert_int_equal(resolve("nowhere.test", 2000, &err), CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(err.internal, "nowhere.test does not resolve"));
}

static void *resolve_patiently(void *cls)
{
    *(enum cg_err *)cls = resolve("slow.test", 5000, NULL);
    return NULL;
}

static void all_who_ask_for_a_host_share_one_look_up(void **state)
{
    pthread_t threads[8];
    enum cg_err rc[8];

    (void)state;
    hold = true;
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, resolve_patiently, &rc[i]), 0);
    while (!answering)
        usleep(1000);
    usleep(50000);
    assert_int_equal(resolve("slow.test", 10, NULL), CG_ERR_UNAVAILABLE); /* one goes early */
    hold = false;
    for (size_t i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(rc[i], CG_OK);
    }
    assert_int_equal(asked, 1);
    assert_int_equal(resolve("slow.test", 2000, NULL), CG_OK); /* a new question gets a new answer */
    assert_int_equal(asked, 2);
}

static int listen_on_loopback(uint16_t *port_out)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &size), 0);
    *port_out = ntohs(in.sin_port);
    return fd;
}

static void address_that_does_not_answer_leaves_time_for_the_next(void **state)
{
    struct deaf deaf;
    uint16_t port = 0;
    int listener = listen_on_loopback(&port), fd = -1;
    int64_t start;
    char uri[64];
    bool local = true;

    (void)state;
    deaf_start(&deaf, "127.0.0.2", port);
    snprintf(uri, sizeof(uri), "ldap://pair.test:%u", port);
    start = cg_clock_mono_ms();
    assert_int_equal(cg_ldap_socket_open(uri, start + 600, &fd, &local, NULL), CG_OK);
    assert_in_range(cg_clock_mono_ms() - start, 250, 600);
    assert_false(local);
    close(fd);
    deaf_stop(&deaf);
    close(listener);
}

static void full_queue_ends_at_the_deadline(void **state)
{
    struct deaf deaf;
    struct cg_error err = {0};
    int64_t start;
    char uri[64];
    bool local;
    int fd = -1;

    (void)state;
    deaf_start(&deaf, "127.0.0.1", 0);
    snprintf(uri, sizeof(uri), "ldap://127.0.0.1:%u", deaf.port);
    start = cg_clock_mono_ms();
    assert_int_equal(cg_ldap_socket_open(uri, start + 300, &fd, &local, &err), CG_ERR_UNAVAILABLE);
    assert_in_range(cg_clock_mono_ms() - start, 290, 300 + SLACK_MS);
    assert_non_null(strstr(err.internal, "timed out"));
    deaf_stop(&deaf);
}

static void full_queue_of_a_local_socket_ends_at_the_deadline(void **state)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), first = -1, second = -1;
    int64_t start;
    char uri[160];
    bool local = false;

    (void)state;
    snprintf(un.sun_path, sizeof(un.sun_path), "/tmp/cg-deaf-%d", (int)getpid());
    snprintf(uri, sizeof(uri), "ldapi://%%2Ftmp%%2Fcg-deaf-%d", (int)getpid());
    unlink(un.sun_path);
    assert_int_equal(bind(listener, (struct sockaddr *)&un, sizeof(un)), 0);
    assert_int_equal(listen(listener, 0), 0);
    start = cg_clock_mono_ms();
    assert_int_equal(cg_ldap_socket_open(uri, start + 200, &first, &local, NULL), CG_OK);
    assert_true(local);
    assert_int_equal(cg_ldap_socket_open(uri, cg_clock_mono_ms() + 200, &second, &local, NULL), CG_ERR_UNAVAILABLE);
    assert_in_range(cg_clock_mono_ms() - start, 190, 200 + SLACK_MS);
    close(first);
    close(listener);
    unlink(un.sun_path);
}

static void odd_uris_lead_nowhere(void **state)
{
    char uri[256] = "ldapi://%2F";
    bool local;
    int fd = -1;

    (void)state;
    memset(uri + strlen(uri), 'x', 150);
    assert_int_equal(cg_ldap_socket_open(uri, cg_clock_mono_ms() + 200, &fd, &local, NULL), CG_ERR_UNAVAILABLE);
    assert_int_equal(cg_ldap_socket_open("nonsense", cg_clock_mono_ms() + 200, &fd, &local, NULL), CG_ERR_UNAVAILABLE);
    assert_int_equal(cg_ldap_socket_open("ldapi://%2Fno%2Fsuch", cg_clock_mono_ms() + 200, &fd, &local, NULL),
                     CG_ERR_UNAVAILABLE);
    assert_int_equal(fd, -1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(address_needs_no_resolver),
        T(silent_resolver_holds_nobody_past_the_deadline),
        T(whole_way_keeps_the_deadline_of_a_silent_resolver),
        T(unknown_host_says_so),
        T(all_who_ask_for_a_host_share_one_look_up),
        T(address_that_does_not_answer_leaves_time_for_the_next),
        T(full_queue_ends_at_the_deadline),
        T(full_queue_of_a_local_socket_ends_at_the_deadline),
        T(odd_uris_lead_nowhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
