/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A peer that falls silent, at every stage of a login and over every way to it: the login ends in its time, it is
 * "no answer" and never "no", and the processor is idle meanwhile. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "crategate/clock.h"
#include "deaf.h"
#include "peer.h"
#include "rig.h"

#define STEP_MS 700
#define LOGIN_MS 2000
#define SLACK_MS 1500 /* a loaded machine with sanitizers on */
#define CPU_MS 300

static struct rig good; /* its certificates are the peers' */
static char pki[96];

enum way { PLAIN, START_TLS, LDAPS, WAYS };

static int64_t cpu_ms(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

static void settings(struct rig_conf *conf, enum way way, const char *uri)
{
    static char *one_base[] = {(char *)PEOPLE, NULL};

    rig_conf(conf, &good, uri, NULL);
    conf->conf.ldap.search_base = one_base;
    conf->conf.ldap.connect_timeout = STEP_MS;
    conf->conf.ldap.operation_timeout = STEP_MS;
    conf->conf.ldap.login_timeout = LOGIN_MS;
    conf->conf.ldap.server_retry_after = 0;
    conf->conf.ldap.start_tls = way == PLAIN ? CG_START_TLS_NEVER : CG_START_TLS_REQUIRED;
    conf->conf.ldap.allow_plaintext = way == PLAIN;
}

static void expect_survived(enum way way, const char *uri)
{
    struct rig_conf conf;
    struct cg_directory *dir;
    int64_t start, cpu;

    settings(&conf, way, uri);
    dir = rig_directory(&conf);
    start = cg_clock_mono_ms();
    cpu = cpu_ms();
    assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_ERR_UNAVAILABLE);
    assert_in_range(cg_clock_mono_ms() - start, STEP_MS - 100, LOGIN_MS + SLACK_MS);
    assert_in_range(cpu_ms() - cpu, 0, CPU_MS);
    cg_directory_free(&dir);
    rig_conf_free(&conf);
}

static void before_the_connection_is_accepted(void **state)
{
    static const char *const SCHEMES[WAYS] = {"ldap", "ldap", "ldaps"};
    struct deaf deaf;
    char uri[64];

    (void)state;
    deaf_start(&deaf, "127.0.0.1", 0);
    for (enum way way = PLAIN; way < WAYS; way++) {
        snprintf(uri, sizeof(uri), "%s://127.0.0.1:%u", SCHEMES[way], deaf.port);
        expect_survived(way, uri);
    }
    deaf_stop(&deaf);
}

static void in_the_tls_handshake(void **state)
{
    struct peer silent = {.silent = true};

    (void)state;
    peer_start(&silent);
    expect_survived(LDAPS, silent.ldaps);
    peer_stop(&silent);
}

static void when_start_tls_is_asked_for(void **state)
{
    struct peer silent = {.silent = true};

    (void)state;
    peer_start(&silent);
    expect_survived(START_TLS, silent.url);
    peer_stop(&silent);
}

static void after_start_tls_was_agreed_to(void **state)
{
    struct peer half = {.silent_after_tls = true};

    (void)state;
    peer_start(&half);
    expect_survived(START_TLS, half.url);
    peer_stop(&half);
}

/* Goes silent at one request, over each way; what came before it worked. */
static void expect_survived_at(enum peer_silence silence, unsigned searches, unsigned user_binds)
{
    for (enum way way = PLAIN; way < WAYS; way++) {
        struct peer peer = {.silence = silence, .pki = pki, .is_ldaps = way == LDAPS};

        peer_start(&peer);
        expect_survived(way, way == LDAPS ? peer.ldaps : peer.url);
        assert_in_range(peer.service_binds, 1, 3);
        assert_int_equal(peer.searches > 0, searches);
        assert_int_equal(peer.user_binds, user_binds); /* pitfall 11: never more than one */
        peer_stop(&peer);
    }
}

static void in_the_bind_of_the_service_account(void **state)
{
    (void)state;
    expect_survived_at(PEER_SILENT_AT_SERVICE, 0, 0);
}

static void in_the_search(void **state)
{
    (void)state;
    expect_survived_at(PEER_SILENT_AT_SEARCH, 1, 0);
}

static void in_the_middle_of_an_answer(void **state)
{
    (void)state;
    expect_survived_at(PEER_SILENT_IN_ANSWER, 1, 0);
}

static void in_the_bind_of_the_person(void **state)
{
    (void)state;
    expect_survived_at(PEER_SILENT_AT_USER, 1, 1);
}

/* What makes the tests above worth something: the same peers let alice in when they talk. */
static void peer_that_talks_lets_her_in(void **state)
{
    (void)state;
    for (enum way way = PLAIN; way < WAYS; way++) {
        struct peer peer = {.pki = pki, .is_ldaps = way == LDAPS};
        struct rig_conf conf;
        struct cg_directory *dir;

        peer_start(&peer);
        settings(&conf, way, way == LDAPS ? peer.ldaps : peer.url);
        dir = rig_directory(&conf);
        assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_OK);
        cg_directory_free(&dir);
        rig_conf_free(&conf);
        peer_stop(&peer);
    }
}

/* What there was no time to ask has not failed: the next login begins with it. */
static void server_that_was_not_asked_is_not_taken_for_down(void **state)
{
    struct peer first = {.silent = true}, second = {0};
    struct rig_conf conf;
    struct cg_directory *dir;
    int64_t start;

    (void)state;
    peer_start(&first);
    peer_start(&second);
    settings(&conf, PLAIN, first.url);
    conf.uri[1] = second.url;
    conf.conf.ldap.server_retry_after = 30000;
    conf.conf.ldap.login_timeout = STEP_MS; /* all of it goes into the first */
    dir = rig_directory(&conf);
    assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_ERR_UNAVAILABLE);
    start = cg_clock_mono_ms();
    assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_OK);
    assert_in_range(cg_clock_mono_ms() - start, 0, STEP_MS - 100);
    cg_directory_free(&dir);
    rig_conf_free(&conf);
    peer_stop(&first);
    peer_stop(&second);
}

/* The person's password goes to the second server only because the first never got it. */
static void second_server_answers_in_time(void **state)
{
    static const struct peer SILENT[] = {{.silent = true}, {.silence = PEER_SILENT_AT_SERVICE}};

    (void)state;
    for (size_t i = 0; i < sizeof(SILENT) / sizeof(SILENT[0]); i++) {
        struct peer first = SILENT[i], second = {0};
        struct rig_conf conf;
        struct cg_directory *dir;
        int64_t start;

        peer_start(&first);
        peer_start(&second);
        settings(&conf, PLAIN, first.url);
        conf.uri[1] = second.url;
        conf.conf.ldap.server_retry_after = 30000;
        conf.conf.ldap.login_timeout = 5 * STEP_MS;
        dir = rig_directory(&conf);
        start = cg_clock_mono_ms();
        assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_OK);
        assert_in_range(cg_clock_mono_ms() - start, STEP_MS - 100, 5 * STEP_MS);
        start = cg_clock_mono_ms();
        assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_OK); /* passed over now */
        assert_in_range(cg_clock_mono_ms() - start, 0, STEP_MS - 100);
        assert_int_equal(first.user_binds, 0);
        assert_int_equal(second.user_binds, 2);
        cg_directory_free(&dir);
        rig_conf_free(&conf);
        peer_stop(&first);
        peer_stop(&second);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_the_connection_is_accepted),
        cmocka_unit_test(in_the_tls_handshake),
        cmocka_unit_test(when_start_tls_is_asked_for),
        cmocka_unit_test(after_start_tls_was_agreed_to),
        cmocka_unit_test(in_the_bind_of_the_service_account),
        cmocka_unit_test(in_the_search),
        cmocka_unit_test(in_the_middle_of_an_answer),
        cmocka_unit_test(in_the_bind_of_the_person),
        cmocka_unit_test(peer_that_talks_lets_her_in),
        cmocka_unit_test(second_server_answers_in_time),
        cmocka_unit_test(server_that_was_not_asked_is_not_taken_for_down),
    };
    int failed;

    if (!rig_start(&good, "SEED=no")) {
        puts("SKIP: slapd is not installed");
        return 77;
    }
    snprintf(pki, sizeof(pki), "%s/pki", good.dir);
    failed = cmocka_run_group_tests_name("a peer that falls silent", tests, NULL, NULL);
    rig_stop(&good);
    return failed;
}
