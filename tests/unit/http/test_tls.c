/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Certificates and wires of TLS, with a client of OpenSSL's at the other end of a pair of sockets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "certificate.h"
#include "http/net/tls.h"

static char dir[] = "/tmp/cg-tls-XXXXXX";
static struct certificate good, other, expired;
static struct cg_tls *tls;
static SSL_CTX *client_ctx;

static int set_up_all(void **state)
{
    struct cg_error err = {0};

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    if (!mkdtemp(dir))
        return -1;
    certificate_make(&good, dir, "good", 100);
    certificate_make(&other, dir, "other", 100);
    certificate_make(&expired, dir, "expired", -1);
    client_ctx = SSL_CTX_new(TLS_client_method());
    return cg_tls_new(good.cert, good.key, &tls, &err) == CG_OK ? 0 : -1;
}

static int tear_down_all(void **state)
{
    char command[64];

    (void)state;
    cg_tls_unref(&tls);
    SSL_CTX_free(client_ctx);
    snprintf(command, sizeof(command), "rm -r %s", dir);
    return system(command);
}

/* Certificates */

static void expect_bad(const char *cert, const char *key, const char *words)
{
    struct cg_tls *made = NULL;
    struct cg_error err = {0};

    assert_int_not_equal(cg_tls_new(cert, key, &made, &err), CG_OK);
    assert_null(made);
    if (!strstr(err.detail, words))
        fail_msg("\"%s\" is not in: %s", words, err.detail);
}

static void a_pair_that_is_none_is_refused_with_the_reason(void **state)
{
    char locked[64];

    (void)state;
    expect_bad("/nowhere.pem", good.key, "tls_certificate: \"/nowhere.pem\"");
    expect_bad(good.key, good.key, "holds no certificate in PEM form");
    expect_bad(good.cert, good.cert, "holds no key in PEM form");
    expect_bad(good.cert, other.key, "is not the key of the certificate");
    expect_bad(good.cert, "/nowhere.key", "/nowhere.key");
    snprintf(locked, sizeof(locked), "%s/locked.key", dir);
    certificate_lock_key(&good, locked);
    expect_bad(good.cert, locked, "passphrase");
    chmod(other.key, 0644);
    expect_bad(other.cert, other.key, "0600");
    chmod(other.key, 0600);
}

static void a_certificate_tells_its_names_and_its_end(void **state)
{
    struct cg_tls *old = NULL;
    struct cg_error err = {0};

    (void)state;
    assert_true(cg_tls_is_for(tls, "localhost"));
    assert_true(cg_tls_is_for(tls, "LOCALHOST"));
    assert_true(cg_tls_is_for(tls, "127.0.0.1"));
    assert_true(cg_tls_is_for(tls, "[::1]"));
    assert_false(cg_tls_is_for(tls, "crates.example"));
    assert_false(cg_tls_is_for(tls, "127.0.0.2"));
    assert_true(cg_tls_not_after(tls) > time(NULL) + 99L * 24 * 3600);
    assert_int_equal(cg_tls_new(expired.cert, expired.key, &old, &err), CG_OK);
    assert_true(cg_tls_not_after(old) < time(NULL));
    cg_tls_unref(&old);
}

/* Wires */

struct talk {
    struct cg_wire *wire;
    SSL *client;
    int client_fd;
};

static void open_talk(struct talk *t)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    t->wire = cg_tls_wire_new(tls, fds[0]);
    assert_non_null(t->wire);
    t->client_fd = fds[1];
    t->client = SSL_new(client_ctx);
    SSL_set_fd(t->client, fds[1]);
    SSL_set_connect_state(t->client);
}

static void close_talk(struct talk *t)
{
    cg_wire_free(&t->wire);
    SSL_free(t->client);
    close(t->client_fd);
    ERR_clear_error();
}

/* Both sides in turns; the server's outcome. */
static enum cg_handshake shake_hands(struct talk *t)
{
    enum cg_handshake server = CG_HANDSHAKE_WAITS;
    char byte;

    for (int i = 0; i < 20 && server == CG_HANDSHAKE_WAITS; i++) {
        (void)SSL_do_handshake(t->client);
        ERR_clear_error();
        server = cg_tls_handshake(t->wire);
        if (server == CG_HANDSHAKE_WAITS)
            assert_true(cg_wire_read_wants(t->wire) == EPOLLIN || cg_wire_read_wants(t->wire) == EPOLLOUT);
    }
    (void)SSL_do_handshake(t->client);
    (void)SSL_peek(t->client, &byte, 1); /* tickets */
    ERR_clear_error();
    return server;
}

static void open_shaken(struct talk *t)
{
    open_talk(t);
    assert_int_equal(shake_hands(t), CG_HANDSHAKE_DONE);
}

static void bytes_go_both_ways(void **state)
{
    struct talk t;
    char in[64];

    (void)state;
    open_shaken(&t);
    assert_true(cg_wire_secure(t.wire));
    assert_int_equal(SSL_write(t.client, "question", 8), 8);
    assert_int_equal(cg_wire_read(t.wire, in, sizeof(in)), 8);
    assert_memory_equal(in, "question", 8);
    assert_int_equal(cg_wire_read(t.wire, in, sizeof(in)), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(cg_wire_read_wants(t.wire), EPOLLIN);
    assert_int_equal(cg_wire_write(t.wire, "answer", 6), 6);
    assert_int_equal(SSL_read(t.client, in, sizeof(in)), 6);
    assert_memory_equal(in, "answer", 6);
    close_talk(&t);
}

static void what_the_library_has_read_already_is_pending(void **state)
{
    struct talk t;
    char in[64];

    (void)state;
    open_shaken(&t);
    assert_false(cg_wire_pending(t.wire));
    assert_int_equal(SSL_write(t.client, "one", 3), 3);
    assert_int_equal(SSL_write(t.client, "two", 3), 3);
    assert_int_equal(cg_wire_read(t.wire, in, 1), 1);
    assert_true(cg_wire_pending(t.wire));
    assert_int_equal(cg_wire_read(t.wire, in, sizeof(in)), 2);
    assert_true(cg_wire_pending(t.wire)); /* another record, which epoll will not tell of */
    assert_int_equal(cg_wire_read(t.wire, in, sizeof(in)), 3);
    assert_int_equal(cg_wire_read(t.wire, in, sizeof(in)), -1);
    assert_false(cg_wire_pending(t.wire));
    close_talk(&t);
}

/* A block larger than the socket takes, from another place and longer each time, arrives whole. */
static void a_full_socket_is_eagain_and_goes_on_where_it_was(void **state)
{
    enum { SIZE = 2 * 1024 * 1024 };
    char *block = malloc(SIZE), *got = malloc(SIZE);
    size_t sent = 0, received = 0;
    bool waited = false;
    struct talk t;

    (void)state;
    for (size_t i = 0; i < SIZE; i++)
        block[i] = (char)(i * 31 + i / 251);
    open_shaken(&t);
    while (received < SIZE) {
        size_t len = SIZE - sent;
        char *moved = malloc(len ? len : 1);
        ssize_t n;

        memcpy(moved, block + sent, len);
        while (len && (n = cg_wire_write(t.wire, moved, len)) > 0) {
            memmove(moved, moved + n, len - (size_t)n);
            len -= (size_t)n;
            sent += (size_t)n;
        }
        if (len) {
            assert_int_equal(errno, EAGAIN);
            assert_int_equal(cg_wire_write_wants(t.wire), EPOLLOUT);
            waited = true;
        }
        free(moved);
        while ((n = SSL_read(t.client, got + received, (int)(SIZE - received))) > 0)
            received += (size_t)n;
    }
    assert_true(waited);
    assert_memory_equal(block, got, SIZE);
    free(block);
    free(got);
    close_talk(&t);
}

static void ends_are_ends_with_and_without_close_notify(void **state)
{
    struct talk t;
    char in[8];

    (void)state;
    open_shaken(&t);
    SSL_shutdown(t.client);
    assert_int_equal(cg_wire_read(t.wire, in, sizeof(in)), 0);
    assert_int_equal(cg_wire_write(t.wire, "still", 5), 5);
    close_talk(&t);
    open_shaken(&t);
    shutdown(t.client_fd, SHUT_WR);
    assert_int_equal(cg_wire_read(t.wire, in, sizeof(in)), 0);
    close_talk(&t);
}

static void shutdown_says_close_notify(void **state)
{
    struct talk t;
    char in[8];

    (void)state;
    open_shaken(&t);
    cg_wire_shutdown(t.wire);
    assert_int_equal(SSL_read(t.client, in, sizeof(in)), 0);
    assert_int_equal(SSL_get_error(t.client, 0), SSL_ERROR_ZERO_RETURN);
    close_talk(&t);
}

static void garbage_is_an_error(void **state)
{
    struct talk t;
    char in[8];

    (void)state;
    open_shaken(&t);
    assert_int_equal(write(t.client_fd, "\x17\x03\x03\x00\x05zzzzz", 10), 10);
    assert_int_equal(cg_wire_read(t.wire, in, sizeof(in)), -1);
    assert_int_not_equal(errno, EAGAIN);
    cg_wire_shutdown(t.wire);
    close_talk(&t);
}

/* Handshakes */

static enum cg_handshake shake_with(struct talk *t, int least, int most, const char *alpn)
{
    open_talk(t);
    SSL_set_security_level(t->client, 0);
    SSL_set_min_proto_version(t->client, least);
    SSL_set_max_proto_version(t->client, most);
    if (alpn)
        SSL_set_alpn_protos(t->client, (const unsigned char *)alpn, (unsigned)strlen(alpn));
    return shake_hands(t);
}

static void versions_older_than_1_2_are_refused(void **state)
{
    struct talk t;

    (void)state;
    assert_int_equal(shake_with(&t, TLS1_VERSION, TLS1_1_VERSION, NULL), CG_HANDSHAKE_FAILED);
    assert_int_not_equal(*cg_tls_reason(), '\0');
    close_talk(&t);
    assert_int_equal(shake_with(&t, TLS1_2_VERSION, TLS1_2_VERSION, NULL), CG_HANDSHAKE_DONE);
    assert_string_equal(SSL_get_version(t.client), "TLSv1.2");
    close_talk(&t);
    assert_int_equal(shake_with(&t, TLS1_3_VERSION, TLS1_3_VERSION, NULL), CG_HANDSHAKE_DONE);
    assert_string_equal(SSL_get_version(t.client), "TLSv1.3");
    close_talk(&t);
}

static void ciphers_without_forward_secrecy_or_authentication_are_refused(void **state)
{
    static const char *const bad[] = {"AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384",
                                      "AECDH"};
    struct talk t;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        open_talk(&t);
        SSL_set_security_level(t.client, 0);
        SSL_set_max_proto_version(t.client, TLS1_2_VERSION);
        assert_int_equal(SSL_set_cipher_list(t.client, bad[i]), 1);
        assert_int_equal(shake_hands(&t), CG_HANDSHAKE_FAILED);
        close_talk(&t);
    }
}

static void http2_is_chosen_where_it_is_offered(void **state)
{
    struct talk t;

    (void)state;
    assert_int_equal(shake_with(&t, 0, 0, "\x08http/1.1\x02h2"), CG_HANDSHAKE_DONE);
    assert_true(cg_tls_chose_http2(t.wire));
    close_talk(&t);
    assert_int_equal(shake_with(&t, 0, 0, "\x08http/1.1"), CG_HANDSHAKE_DONE);
    assert_false(cg_tls_chose_http2(t.wire));
    close_talk(&t);
    assert_int_equal(shake_with(&t, 0, 0, NULL), CG_HANDSHAKE_DONE);
    assert_false(cg_tls_chose_http2(t.wire));
    close_talk(&t);
    /* RFC 7301, section 3.2 */
    assert_int_equal(shake_with(&t, 0, 0, "\x06spdy/3"), CG_HANDSHAKE_FAILED);
    close_talk(&t);
}

/* Also after a client that left without a word. */
static void sessions_are_resumed(int version, bool tickets)
{
    SSL_SESSION *session;
    struct talk t;

    open_talk(&t);
    SSL_set_min_proto_version(t.client, version);
    SSL_set_max_proto_version(t.client, version);
    if (!tickets)
        SSL_set_options(t.client, SSL_OP_NO_TICKET);
    assert_int_equal(shake_hands(&t), CG_HANDSHAKE_DONE);
    assert_false(SSL_session_reused(t.client));
    session = SSL_get1_session(t.client);
    SSL_set_shutdown(t.client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    close_talk(&t);
    open_talk(&t);
    SSL_set_max_proto_version(t.client, version);
    SSL_set_session(t.client, session);
    assert_int_equal(shake_hands(&t), CG_HANDSHAKE_DONE);
    assert_true(SSL_session_reused(t.client));
    SSL_SESSION_free(session);
    close_talk(&t);
}

static void sessions_are_resumed_by_ticket_and_by_id(void **state)
{
    (void)state;
    sessions_are_resumed(TLS1_3_VERSION, true);
    sessions_are_resumed(TLS1_2_VERSION, true);
    sessions_are_resumed(TLS1_2_VERSION, false);
}

static void renegotiation_is_refused(void **state)
{
    struct talk t;
    char in[8];

    (void)state;
    assert_int_equal(shake_with(&t, TLS1_2_VERSION, TLS1_2_VERSION, NULL), CG_HANDSHAKE_DONE);
    (void)SSL_renegotiate(t.client);
    (void)SSL_do_handshake(t.client);
    ERR_clear_error();
    assert_int_equal(cg_wire_read(t.wire, in, sizeof(in)), -1);
    (void)SSL_do_handshake(t.client);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
    close_talk(&t);
}

static void cleartext_is_told_from_other_failures(void **state)
{
    struct talk t;

    (void)state;
    open_talk(&t);
    assert_int_equal(write(t.client_fd, "GET / HTTP/1.1\r\n\r\n", 18), 18);
    assert_int_equal(cg_tls_handshake(t.wire), CG_HANDSHAKE_CLEARTEXT);
    close_talk(&t);
    open_talk(&t);
    assert_int_equal(write(t.client_fd, "SSH-2.0-client\r\n", 16), 16);
    assert_int_equal(cg_tls_handshake(t.wire), CG_HANDSHAKE_FAILED);
    close_talk(&t);
    open_talk(&t);
    shutdown(t.client_fd, SHUT_WR);
    assert_int_equal(cg_tls_handshake(t.wire), CG_HANDSHAKE_FAILED);
    close_talk(&t);
}

static void a_wire_outlives_its_context(void **state)
{
    struct cg_tls *short_lived = NULL, *kept = tls;
    struct cg_error err = {0};
    struct talk t;
    char in[8];

    (void)state;
    assert_int_equal(cg_tls_new(other.cert, other.key, &short_lived, &err), CG_OK);
    tls = short_lived;
    open_talk(&t);
    tls = kept;
    cg_tls_unref(&short_lived);
    assert_int_equal(shake_hands(&t), CG_HANDSHAKE_DONE);
    assert_int_equal(SSL_write(t.client, "x", 1), 1);
    assert_int_equal(cg_wire_read(t.wire, in, sizeof(in)), 1);
    close_talk(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_that_is_none_is_refused_with_the_reason),
        cmocka_unit_test(a_certificate_tells_its_names_and_its_end),
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(what_the_library_has_read_already_is_pending),
        cmocka_unit_test(a_full_socket_is_eagain_and_goes_on_where_it_was),
        cmocka_unit_test(ends_are_ends_with_and_without_close_notify),
        cmocka_unit_test(shutdown_says_close_notify),
        cmocka_unit_test(garbage_is_an_error),
        cmocka_unit_test(versions_older_than_1_2_are_refused),
        cmocka_unit_test(ciphers_without_forward_secrecy_or_authentication_are_refused),
        cmocka_unit_test(http2_is_chosen_where_it_is_offered),
        cmocka_unit_test(sessions_are_resumed_by_ticket_and_by_id),
        cmocka_unit_test(renegotiation_is_refused),
        cmocka_unit_test(cleartext_is_told_from_other_failures),
        cmocka_unit_test(a_wire_outlives_its_context),
    };

    return cmocka_run_group_tests_name("tls", tests, set_up_all, tear_down_all);
}
