/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "http/address.h"

static char *proxies[] = {(char *)"10.0.0.0/8", (char *)"127.0.0.1", (char *)"2001:db8::/32", NULL};

struct asked {
    char text[CG_ADDRESS_SIZE];
    bool secure;
};

static struct asked ask(char *const *trusted, const char *peer, const char *forwarded_for, const char *proto)
{
    struct sockaddr_storage storage = {0};
    struct cg_address_facts facts = {
        .trusted = trusted, .peer = &storage, .forwarded_for = forwarded_for, .forwarded_proto = proto};
    struct asked asked;

    if (strchr(peer, ':')) {
        storage.ss_family = AF_INET6;
        assert_int_equal(inet_pton(AF_INET6, peer, &((struct sockaddr_in6 *)&storage)->sin6_addr), 1);
    } else {
        storage.ss_family = AF_INET;
        assert_int_equal(inet_pton(AF_INET, peer, &((struct sockaddr_in *)&storage)->sin_addr), 1);
    }
    cg_address_client(&facts, asked.text, &asked.secure);
    return asked;
}

#define IS(asked_, text_, secure_)                                                                                     \
    do {                                                                                                               \
        struct asked got = (asked_);                                                                                   \
        assert_string_equal(got.text, text_);                                                                          \
        assert_int_equal(got.secure, secure_);                                                                         \
    } while (0)

static void the_peer_is_the_client_where_nobody_is_trusted(void **state)
{
    (void)state;
    IS(ask(NULL, "192.0.2.7", "1.1.1.1", "https"), "192.0.2.7", false);
    IS(ask(NULL, "127.0.0.1", NULL, NULL), "127.0.0.1", true);
    IS(ask(NULL, "::1", NULL, NULL), "::1", true);
    IS(ask(NULL, "2001:db8::5", NULL, NULL), "2001:db8::5", false);
    IS(ask(NULL, "::ffff:192.0.2.7", NULL, NULL), "192.0.2.7", false);
}

static void our_own_tls_is_secure_as_far_as_it_reaches(void **state)
{
    struct sockaddr_storage peer = {.ss_family = AF_INET};
    struct cg_address_facts facts = {.trusted = proxies, .peer = &peer, .tls = true};
    char text[CG_ADDRESS_SIZE];
    bool secure;

    (void)state;
    inet_pton(AF_INET, "192.0.2.7", &((struct sockaddr_in *)&peer)->sin_addr);
    cg_address_client(&facts, text, &secure);
    assert_true(secure);
    inet_pton(AF_INET, "10.1.2.3", &((struct sockaddr_in *)&peer)->sin_addr);
    cg_address_client(&facts, text, &secure);
    assert_true(secure);
    /* How its client came to the proxy is another matter. */
    facts.forwarded_for = "198.51.100.9";
    cg_address_client(&facts, text, &secure);
    assert_false(secure);
    facts.forwarded_proto = "https";
    cg_address_client(&facts, text, &secure);
    assert_true(secure);
    facts.forwarded_proto = "http";
    cg_address_client(&facts, text, &secure);
    assert_false(secure);
}

static void headers_of_strangers_are_ignored(void **state)
{
    (void)state;
    IS(ask(proxies, "192.0.2.7", "127.0.0.1", "https"), "192.0.2.7", false);
    IS(ask(proxies, "11.0.0.1", "10.0.0.1", "https"), "11.0.0.1", false);
}

static void the_rightmost_address_that_is_no_proxy_is_the_client(void **state)
{
    (void)state;
    IS(ask(proxies, "10.1.2.3", "198.51.100.9", "https"), "198.51.100.9", true);
    IS(ask(proxies, "10.1.2.3", "6.6.6.6, 198.51.100.9, 10.9.9.9", "https"), "198.51.100.9", true);
    IS(ask(proxies, "10.1.2.3", "10.0.0.1,10.0.0.2", "http"), "10.0.0.1", false);
    IS(ask(proxies, "2001:db8::1", "2001:db9::7", "http"), "2001:db9::7", false);
    IS(ask(proxies, "10.1.2.3", "[2001:db9::7]:443", "https"), "2001:db9::7", true);
    IS(ask(proxies, "10.1.2.3", "198.51.100.9:51234", "https"), "198.51.100.9", true);
}

static void what_cannot_be_read_ends_the_walk(void **state)
{
    (void)state;
    IS(ask(proxies, "10.1.2.3", "198.51.100.9, unknown", "https"), "10.1.2.3", true);
    IS(ask(proxies, "10.1.2.3", "198.51.100.9, , 10.0.0.5", "https"), "10.0.0.5", true);
    IS(ask(proxies, "10.1.2.3", "", "https"), "10.1.2.3", true);
    IS(ask(proxies, "10.1.2.3", "[::1", "https"), "10.1.2.3", true);
}

static void a_proxys_word_on_https_counts_more_than_loopback(void **state)
{
    (void)state;
    IS(ask(proxies, "127.0.0.1", "198.51.100.9", "http"), "198.51.100.9", false);
    IS(ask(proxies, "127.0.0.1", "198.51.100.9", NULL), "198.51.100.9", false);
    IS(ask(proxies, "127.0.0.1", "198.51.100.9", "https"), "198.51.100.9", true);
    IS(ask(proxies, "127.0.0.1", NULL, NULL), "127.0.0.1", true);
    IS(ask(proxies, "127.0.0.1", NULL, "http"), "127.0.0.1", false);
    IS(ask(proxies, "10.1.2.3", "198.51.100.9", "https, http"), "198.51.100.9", false);
    IS(ask(proxies, "10.1.2.3", "198.51.100.9", "http, HTTPS "), "198.51.100.9", true);
    IS(ask(proxies, "10.1.2.3", "198.51.100.9", "httpsx"), "198.51.100.9", false);
}

static void a_unix_socket_is_secure_and_has_no_address(void **state)
{
    struct sockaddr_storage storage = {.ss_family = AF_UNIX};
    struct cg_address_facts facts = {.peer = &storage, .unix_peer = true, .forwarded_for = "1.2.3.4"};
    char text[CG_ADDRESS_SIZE];
    bool secure = false;

    (void)state;
    cg_address_client(&facts, text, &secure);
    assert_string_equal(text, "unix");
    assert_true(secure);
}

static void cidrs_match_by_prefix(void **state)
{
    static const struct {
        const char *cidr, *address;
        bool in;
    } cases[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"0.0.0.0/0", "8.8.8.8", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"192.0.2.128/25", "192.0.2.200", true},
        {"192.0.2.128/25", "192.0.2.100", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1/32", "192.0.2.2", false},
        {"2001:db8::/33", "2001:db8:7fff::", true},
        {"2001:db8::/33", "2001:db8:8000::", false},
        {"10.0.0.0/8", "::ffff:10.1.1.1", true},
        {"::ffff:10.0.0.0/104", "10.1.1.1", true},
        {"10.0.0.0/33", "10.0.0.0", false},
        {"nonsense", "10.0.0.0", false},
        {"10.0.0.0/8", "nonsense", false},
        {"::/0", "2001:db8::1", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *list[] = {(char *)(uintptr_t)cases[i].cidr, NULL};

        if (cg_address_trusted(list, cases[i].address) != cases[i].in)
            fail_msg("%s in %s", cases[i].address, cases[i].cidr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_peer_is_the_client_where_nobody_is_trusted),
        cmocka_unit_test(our_own_tls_is_secure_as_far_as_it_reaches),
        cmocka_unit_test(headers_of_strangers_are_ignored),
        cmocka_unit_test(the_rightmost_address_that_is_no_proxy_is_the_client),
        cmocka_unit_test(what_cannot_be_read_ends_the_walk),
        cmocka_unit_test(a_proxys_word_on_https_counts_more_than_loopback),
        cmocka_unit_test(a_unix_socket_is_secure_and_has_no_address),
        cmocka_unit_test(cidrs_match_by_prefix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
