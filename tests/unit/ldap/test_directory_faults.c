/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The LDAP driver when things go wrong: certificates, silence, servers that go away, servers that lie. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crategate/clock.h"
#include "ldap/directory_impl.h"
#include "ldap/ldap_directory.h"
#include "ldap/watchdog.h"
#include "log/log.h"
#include "log/metrics.h"
#include "peer.h"
#include "rig.h"

#define LOGIN_MS 1500
#define SLACK_MS 1500 /* a loaded machine with sanitizers on */

static struct rig good; /* one server for the tests that need a healthy one */

static void short_times(struct rig_conf *conf)
{
    conf->conf.ldap.connect_timeout = 400;
    conf->conf.ldap.operation_timeout = 400;
    conf->conf.ldap.login_timeout = LOGIN_MS;
    conf->conf.ldap.server_retry_after = 300;
}

/* With such short times a loaded machine may need more than one try. */
static void expect_recovery(struct cg_directory *dir)
{
    int64_t until = cg_clock_mono_ms() + 10000;
    enum cg_err rc;

    do
        rc = rig_try(dir, "alice", "alicepw");
    while (rc == CG_ERR_UNAVAILABLE && cg_clock_mono_ms() < until);
    assert_int_equal(rc, CG_OK);
}

static void stopped_server_holds_no_login_past_its_time_and_recovers(void **state)
{
    struct rig_conf conf;
    struct cg_directory *dir;
    int64_t start, took;
    enum cg_err login, ping;

    (void)state;
    rig_conf(&conf, &good, good.ldaps, NULL);
    short_times(&conf);
    dir = rig_directory(&conf);
    expect_recovery(dir);
    kill(good.pid, SIGSTOP);
    start = cg_clock_mono_ms();
    login = rig_try(dir, "alice", "alicepw");
    took = cg_clock_mono_ms() - start;
    ping = dir->ops->ping(dir, NULL);
    kill(good.pid, SIGCONT); /* before anything can fail: other tests need it */
    assert_int_equal(login, CG_ERR_UNAVAILABLE);
    assert_int_equal(ping, CG_ERR_UNAVAILABLE);
    assert_in_range(took, 0, LOGIN_MS + SLACK_MS);
    expect_recovery(dir);
    cg_directory_free(&dir);
    rig_conf_free(&conf);
}

/* A handshake that hangs without the watchdog: a synchronous one of an old libldap does. (In a newer one an asynchronous
 * one comes back at once, unfinished, so it is not tried there.) */
static void watchdog_alone_ends_a_silent_handshake(void **state)
{
    struct peer silent = {.silent = true};
    struct rig_conf conf;
    struct cg_directory *dir;
    struct cg_ldap_link link;
    struct cg_ldap_conn *conn = NULL;
    int64_t start;

    (void)state;
    peer_start(&silent);
    rig_conf(&conf, &good, silent.ldaps, NULL);
    short_times(&conf);
    dir = rig_directory(&conf);
    for (int async = 0; async <= cg_ldap_conn_wants_async(); async++) {
        link = ((struct cg_ldap_directory *)dir)->link;
        link.async = async;
        start = cg_clock_mono_ms();
        assert_int_equal(cg_ldap_conn_dial(&link, silent.ldaps, start + 10000, &conn, NULL), CG_ERR_UNAVAILABLE);
        assert_in_range(cg_clock_mono_ms() - start, 300, 400 + SLACK_MS);
    }
    assert_null(conn);
    cg_directory_free(&dir);
    rig_conf_free(&conf);
    peer_stop(&silent);
}

static void closed_port_is_unavailable_at_once(void **state)
{
    struct rig_conf conf;
    struct cg_directory *dir;
    struct cg_identity *who = NULL;
    struct cg_error err = {0};

    (void)state;
    rig_conf(&conf, &good, "ldaps://127.0.0.1:1", NULL);
    dir = rig_directory(&conf);
    assert_int_equal(dir->ops->find(dir, "alice", &who, &err), CG_ERR_UNAVAILABLE);
    assert_null(strstr(err.detail, "127.0.0.1"));
    assert_non_null(strstr(err.internal, "127.0.0.1:1"));
    cg_directory_free(&dir);
    rig_conf_free(&conf);
}

static void remember(void *cls, int ok, const char *step, const char *text)
{
    cg_buf_addf(cls, "%s %s: %s\n", ok ? "ok" : "FAIL", step, text);
}

/* One wrong certificate, over ldaps and StartTLS; the diagnosis names the reason. */
static void expect_refused(const char *cert, const char *reason)
{
    struct rig rig;
    struct rig_conf conf;
    struct cg_directory *dir;
    struct cg_error err = {0};
    struct cg_buf out;
    char word[32];
    const char *uris[2];

    snprintf(word, sizeof(word), "CERT=%s SEED=no", cert);
    assert_true(rig_start(&rig, word));
    uris[0] = rig.ldaps;
    uris[1] = rig.url;
    cg_buf_init(&out, 65536);
    for (size_t i = 0; i < 2; i++) {
        int64_t binds = cg_metric_get(CG_METRIC_DIRECTORY_SERVICE_BINDS);

        rig_conf(&conf, &rig, uris[i], NULL);
        dir = rig_directory(&conf);
        assert_int_equal(dir->ops->ping(dir, &err), CG_ERR_UNAVAILABLE);
        cg_buf_reset(&out);
        assert_int_equal(dir->ops->diagnose(dir, NULL, NULL, remember, &out, NULL, &err), CG_ERR_UNAVAILABLE);
        if (!strstr(cg_buf_str(&out), reason))
            fail_msg("%s is not explained: %s", cert, cg_buf_str(&out));
        assert_int_equal(cg_metric_get(CG_METRIC_DIRECTORY_SERVICE_BINDS), binds); /* no password went out */
        cg_directory_free(&dir);
        rig_conf_free(&conf);
    }
    cg_buf_free(&out);
    rig_stop(&rig);
}

static void certificate_of_another_name_is_refused_pitfall_7(void **state)
{
    (void)state;
    expect_refused("badname", "elsewhere.example.test");
}

static void common_name_alone_is_refused_pitfall_7(void **state)
{
    (void)state;
    expect_refused("cnonly", "subjectAltName is required");
}

static void expired_certificate_is_refused_pitfall_7(void **state)
{
    (void)state;
    expect_refused("expired", "expired on Feb  1 00:00:00 2020");
}

static void certificate_of_an_unknown_ca_is_refused_pitfall_7(void **state)
{
    (void)state;
    expect_refused("untrusted", "some other CA");
}

static enum cg_err ping_with(const struct rig *rig, int min_version)
{
    struct rig_conf conf;
    struct cg_directory *dir;
    enum cg_err rc;

    rig_conf(&conf, rig, rig->ldaps, NULL);
    conf.conf.ldap.tls_min_version = min_version;
    dir = rig_directory(&conf);
    rc = dir->ops->ping(dir, NULL);
    cg_directory_free(&dir);
    rig_conf_free(&conf);
    return rc;
}

static void minimum_tls_version_is_kept_pitfall_7(void **state)
{
    struct rig old, older;

    (void)state;
    assert_true(rig_start(&old, "TLS=12"));
    assert_int_equal(ping_with(&old, CG_TLS_1_2), CG_OK);
    assert_int_equal(ping_with(&old, CG_TLS_1_3), CG_ERR_UNAVAILABLE);
    rig_stop(&old);
    assert_true(rig_start(&older, "TLS=11"));
    assert_int_equal(ping_with(&older, CG_TLS_1_2), CG_ERR_UNAVAILABLE);
    rig_stop(&older);
    assert_int_equal(ping_with(&good, CG_TLS_1_3), CG_OK);
}

static void refused_start_tls_sends_no_password_pitfall_7(void **state)
{
    struct peer peer = {.start_tls_result = 2};
    struct rig_conf conf;
    struct cg_directory *dir;
    int64_t binds = cg_metric_get(CG_METRIC_DIRECTORY_SERVICE_BINDS);

    (void)state;
    peer_start(&peer);
    rig_conf(&conf, &good, peer.url, NULL);
    dir = rig_directory(&conf);
    assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_ERR_UNAVAILABLE);
    assert_int_equal(cg_metric_get(CG_METRIC_DIRECTORY_SERVICE_BINDS), binds);
    assert_int_equal(peer.user_binds, 0);
    cg_directory_free(&dir);
    rig_conf_free(&conf);
    peer_stop(&peer);
}

/* What was logged about servers. */
static struct cg_buf logged;

static void keep_line(void *cls, const char *line)
{
    (void)cls;
    cg_buf_addf(&logged, "%s\n", line);
}

static unsigned count_in(const char *text, const char *word)
{
    unsigned count = 0;

    for (const char *p = strstr(text, word); p; p = strstr(p + 1, word))
        count++;
    return count;
}

static void second_server_takes_over_and_the_first_comes_back(void **state)
{
    struct rig first;
    struct rig_conf conf;
    struct cg_directory *dir;
    struct cg_ldap_directory *d;

    (void)state;
    cg_buf_init(&logged, 65536);
    assert_true(rig_start(&first, ""));
    rig_conf(&conf, &good, first.url, good.url);
    short_times(&conf);
    /* Each rig has a CA of its own, and there is one tls_ca_file: so without TLS. */
    conf.conf.ldap.start_tls = CG_START_TLS_NEVER;
    conf.conf.ldap.allow_plaintext = true;
    dir = rig_directory(&conf);
    d = (struct cg_ldap_directory *)dir;
    cg_log_capture(keep_line, NULL);
    assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_OK);
    rig_halt(&first);
    for (int i = 0; i < 5; i++)
        assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_OK);
    assert_false(cg_ldap_servers_better_than(d->servers, 1));
    rig_again(&first);
    usleep(400 * 1000);
    assert_true(cg_ldap_servers_better_than(d->servers, 1));
    for (int i = 0; i < 3; i++)
        assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_OK);
    cg_log_capture(NULL, NULL);
    assert_int_equal(count_in(cg_buf_str(&logged), "state=down"), 1);
    assert_int_equal(count_in(cg_buf_str(&logged), "state=up"), 1);
    cg_buf_free(&logged);
    cg_directory_free(&dir);
    rig_conf_free(&conf);
    rig_stop(&first);
}

static void stalled_first_server_leaves_time_for_the_second(void **state)
{
    struct peer silent = {.silent = true};
    struct rig_conf conf;
    struct cg_directory *dir;

    (void)state;
    peer_start(&silent);
    rig_conf(&conf, &good, silent.ldaps, good.ldaps);
    short_times(&conf);
    conf.conf.ldap.login_timeout = 5000;
    dir = rig_directory(&conf);
    assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_OK);
    cg_directory_free(&dir);
    rig_conf_free(&conf);
    peer_stop(&silent);
}

static void restarted_server_costs_no_search(void **state)
{
    struct rig rig;
    struct rig_conf conf;
    struct cg_directory *dir;

    (void)state;
    assert_true(rig_start(&rig, ""));
    rig_conf(&conf, &rig, rig.ldaps, NULL);
    dir = rig_directory(&conf);
    assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_OK);
    rig_halt(&rig);
    rig_again(&rig);
    assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_OK); /* over the dead pooled connection first */
    cg_directory_free(&dir);
    rig_conf_free(&conf);
    rig_stop(&rig);
}

static void servers_own_size_limit_makes_membership_unknown_pitfall_17(void **state)
{
    struct rig rig;
    struct rig_conf conf;
    struct cg_directory *dir;
    struct cg_identity *who = NULL;
    struct cg_error err = {0};

    (void)state;
    assert_true(rig_start(&rig, "SIZELIMIT=5"));
    rig_conf(&conf, &rig, rig.ldaps, NULL);
    dir = rig_directory(&conf);
    assert_int_equal(dir->ops->find(dir, "alice", &who, &err), CG_ERR_UNAVAILABLE);
    assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_ERR_UNAVAILABLE);
    assert_int_equal(dir->ops->find(dir, "pete", &who, &err), CG_OK);
    cg_identity_unref(&who);
    cg_directory_free(&dir);
    rig_conf_free(&conf);
    rig_stop(&rig);
}

/* A directory in front of the scripted server, in plain text. */
struct staged {
    struct rig_conf conf;
    struct cg_directory *dir;
};

static void stage(struct staged *s, struct peer *peer)
{
    static char *one_base[] = {(char *)PEOPLE, NULL};

    peer_start(peer);
    rig_conf(&s->conf, &good, peer->url, NULL);
    s->conf.conf.ldap.start_tls = CG_START_TLS_NEVER;
    s->conf.conf.ldap.allow_plaintext = true;
    s->conf.conf.ldap.search_base = one_base;
    s->dir = rig_directory(&s->conf);
}

static void unstage(struct staged *s, struct peer *peer)
{
    cg_directory_free(&s->dir);
    rig_conf_free(&s->conf);
    peer_stop(peer);
}

static void scripted_server_lets_alice_in(void **state)
{
    struct peer peer = {.group_bytes = 4};
    struct staged s;
    struct cg_identity *who = NULL;

    (void)state;
    stage(&s, &peer);
    assert_int_equal(rig_login(s.dir, "alice", "anything", &who, NULL), CG_OK);
    assert_true(cg_identity_in_group(who, "cn=g,ou=groups,dc=example,dc=test"));
    assert_int_equal(peer.user_binds, 1);
    cg_identity_unref(&who);
    unstage(&s, &peer);
}

static void server_that_takes_empty_passwords_is_never_asked_pitfall_1(void **state)
{
    struct peer peer = {0};
    struct staged s;

    (void)state;
    stage(&s, &peer);
    assert_int_equal(rig_try(s.dir, "alice", ""), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(peer.connections, 0);
    unstage(&s, &peer);
}

static void last_door_refuses_empty_passwords_too_pitfall_1(void **state)
{
    struct peer peer = {0};
    struct staged s;
    struct cg_ldap_conn *conn = NULL;
    struct cg_ldap_bind_note note;
    struct cg_secret empty = {0}, some = {0};
    int64_t deadline = cg_clock_mono_ms() + 5000;

    (void)state;
    stage(&s, &peer);
    cg_secret_set(&some, "x", 1);
    assert_int_equal(cg_ldap_conn_dial(&((struct cg_ldap_directory *)s.dir)->link, peer.url, deadline, &conn, NULL),
                     CG_OK);
    assert_int_equal(cg_ldap_conn_bind(conn, "uid=alice", &empty, deadline, &note, NULL), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(cg_ldap_conn_bind(conn, "", &some, deadline, &note, NULL), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(peer.user_binds, 0);
    assert_int_equal(cg_ldap_conn_bind(conn, "uid=alice", &some, deadline, &note, NULL), CG_OK);
    assert_int_equal(peer.user_binds, 1);
    cg_ldap_conn_close(&conn);
    cg_secret_free(&some);
    unstage(&s, &peer);
}

static void success_that_leaves_us_anonymous_is_no_login_pitfall_6(void **state)
{
    struct peer peer = {.anonymous = true};
    struct staged s;

    (void)state;
    stage(&s, &peer);
    assert_int_equal(rig_try(s.dir, "alice", "anything"), CG_ERR_UNAUTHENTICATED);
    unstage(&s, &peer);
}

static void unanswered_bind_is_never_sent_again_pitfall_11(void **state)
{
    struct peer peer = {.hang_up_on_user = true};
    struct cg_identity *who = NULL;
    struct cg_error err = {0};
    struct staged s;

    (void)state;
    stage(&s, &peer);
    assert_int_equal(rig_login(s.dir, "alice", "anything", &who, &err), CG_ERR_UNAVAILABLE);
    assert_true(err.password_sent);
    assert_int_equal(peer.user_binds, 1);
    unstage(&s, &peer);
}

/* pitfall 11: whether the first server has counted the password is not known, so no other one gets it either. */
static void bind_that_a_server_left_open_goes_to_no_other_server(void **state)
{
    struct peer first = {.hang_up_on_user = true}, second = {0};
    struct staged s;

    (void)state;
    peer_start(&second);
    stage(&s, &first);
    s.conf.uri[1] = second.url;
    cg_directory_free(&s.dir);
    s.dir = rig_directory(&s.conf);
    assert_int_equal(rig_try(s.dir, "alice", "anything"), CG_ERR_UNAVAILABLE);
    assert_int_equal(first.user_binds, 1);
    assert_int_equal(second.user_binds, 0);
    /* The next login finds it marked down, and is one of its own. */
    assert_int_equal(rig_try(s.dir, "alice", "anything"), CG_OK);
    assert_int_equal(first.user_binds, 1);
    assert_int_equal(second.user_binds, 1);
    unstage(&s, &first);
    peer_stop(&second);
}

static void server_killed_in_the_middle_of_a_bind_is_unavailable_and_comes_back(void **state)
{
    struct peer doomed = {.hang_up_on_user = true}, again = {0};
    struct staged s;
    unsigned port = 0;

    (void)state;
    stage(&s, &doomed);
    s.conf.conf.ldap.server_retry_after = 0;
    assert_int_equal(rig_try(s.dir, "alice", "anything"), CG_ERR_UNAVAILABLE);
    assert_int_equal(sscanf(doomed.url, "ldap://127.0.0.1:%u", &port), 1);
    peer_stop(&doomed);
    assert_int_equal(rig_try(s.dir, "alice", "anything"), CG_ERR_UNAVAILABLE);
    again.port = (uint16_t)port;
    peer_start(&again);
    assert_int_equal(rig_try(s.dir, "alice", "anything"), CG_OK);
    assert_int_equal(doomed.user_binds, 1);
    assert_int_equal(again.user_binds, 1);
    unstage(&s, &again);
}

static void referral_as_answer_to_a_bind_is_a_refusal_pitfall_8(void **state)
{
    struct peer peer = {.user_result = 10};
    struct staged s;

    (void)state;
    stage(&s, &peer);
    assert_int_equal(rig_try(s.dir, "alice", "anything"), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(peer.user_binds, 1);
    unstage(&s, &peer);
}

static void busy_server_is_unavailable_and_not_a_refusal(void **state)
{
    struct peer peer = {.user_result = 51};
    struct staged s;

    (void)state;
    stage(&s, &peer);
    assert_int_equal(rig_try(s.dir, "alice", "anything"), CG_ERR_UNAVAILABLE);
    unstage(&s, &peer);
}

static void malformed_policy_control_is_a_refusal_pitfall_18(void **state)
{
    struct peer peer = {.control = "1.3.6.1.4.1.42.2.27.8.5.1", .control_value = "\x30\x7f\xa0\x7f\x80\x7f"};
    struct staged s;
    struct cg_error err = {0};
    struct cg_identity *who = NULL;

    (void)state;
    stage(&s, &peer);
    assert_int_equal(rig_login(s.dir, "alice", "anything", &who, &err), CG_ERR_UNAUTHENTICATED);
    assert_non_null(strstr(err.internal, "malformed"));
    unstage(&s, &peer);
}

static void expired_control_of_389_directory_server_is_a_refusal(void **state)
{
    struct peer peer = {.control = "2.16.840.1.113730.3.4.4", .control_value = "0"};
    struct staged s;

    (void)state;
    stage(&s, &peer);
    assert_int_equal(rig_try(s.dir, "alice", "anything"), CG_ERR_UNAUTHENTICATED);
    unstage(&s, &peer);
}

static void huge_diagnostic_is_cut_and_not_relayed_pitfall_9_and_18(void **state)
{
    static char text[65536];
    struct peer peer = {.user_result = 49, .diagnostic = text};
    struct staged s;
    struct cg_error err = {0};
    struct cg_identity *who = NULL;

    (void)state;
    memset(text, 'Z', sizeof(text) - 1);
    memcpy(text, "data 775\n", 9);
    stage(&s, &peer);
    assert_int_equal(rig_login(s.dir, "alice", "anything", &who, &err), CG_ERR_UNAUTHENTICATED);
    assert_null(strstr(err.detail, "775"));
    assert_non_null(strstr(err.internal, "data 775?ZZZ"));
    assert_in_range(strlen(err.internal), 200, 600);
    unstage(&s, &peer);
}

static void ranged_values_are_unknown_not_few_pitfall_17(void **state)
{
    struct peer peer = {.group_bytes = 10, .group_attribute = "cn;range=0-1499"};
    struct staged s;
    struct cg_error err = {0};
    struct cg_identity *who = NULL;
    unsigned connections;

    (void)state;
    stage(&s, &peer);
    assert_int_equal(s.dir->ops->find(s.dir, "alice", &who, &err), CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(err.internal, "range"));
    /* The server is not to blame and not to be asked again. */
    connections = peer.connections;
    assert_int_equal(connections, 1);
    unstage(&s, &peer);
}

static void oversized_answer_is_cut_off_pitfall_18(void **state)
{
    struct peer peer = {.group_bytes = 5 * 1024 * 1024};
    struct staged s;
    struct cg_identity *who = NULL;

    (void)state;
    stage(&s, &peer);
    assert_int_equal(s.dir->ops->find(s.dir, "alice", &who, NULL), CG_ERR_UNAVAILABLE);
    unstage(&s, &peer);
}

static void server_that_ignores_the_size_limit_is_cut_off_pitfall_18(void **state)
{
    struct peer peer = {.people = 1000};
    struct staged s;
    struct cg_identity *who = NULL;

    (void)state;
    stage(&s, &peer);
    assert_int_equal(s.dir->ops->find(s.dir, "alice", &who, NULL), CG_ERR_CONFLICT);
    unstage(&s, &peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopped_server_holds_no_login_past_its_time_and_recovers),
        cmocka_unit_test(watchdog_alone_ends_a_silent_handshake),
        cmocka_unit_test(closed_port_is_unavailable_at_once),
        cmocka_unit_test(certificate_of_another_name_is_refused_pitfall_7),
        cmocka_unit_test(common_name_alone_is_refused_pitfall_7),
        cmocka_unit_test(expired_certificate_is_refused_pitfall_7),
        cmocka_unit_test(certificate_of_an_unknown_ca_is_refused_pitfall_7),
        cmocka_unit_test(minimum_tls_version_is_kept_pitfall_7),
        cmocka_unit_test(refused_start_tls_sends_no_password_pitfall_7),
        cmocka_unit_test(second_server_takes_over_and_the_first_comes_back),
        cmocka_unit_test(stalled_first_server_leaves_time_for_the_second),
        cmocka_unit_test(restarted_server_costs_no_search),
        cmocka_unit_test(servers_own_size_limit_makes_membership_unknown_pitfall_17),
        cmocka_unit_test(scripted_server_lets_alice_in),
        cmocka_unit_test(server_that_takes_empty_passwords_is_never_asked_pitfall_1),
        cmocka_unit_test(last_door_refuses_empty_passwords_too_pitfall_1),
        cmocka_unit_test(success_that_leaves_us_anonymous_is_no_login_pitfall_6),
        cmocka_unit_test(unanswered_bind_is_never_sent_again_pitfall_11),
        cmocka_unit_test(bind_that_a_server_left_open_goes_to_no_other_server),
        cmocka_unit_test(server_killed_in_the_middle_of_a_bind_is_unavailable_and_comes_back),
        cmocka_unit_test(referral_as_answer_to_a_bind_is_a_refusal_pitfall_8),
        cmocka_unit_test(busy_server_is_unavailable_and_not_a_refusal),
        cmocka_unit_test(malformed_policy_control_is_a_refusal_pitfall_18),
        cmocka_unit_test(expired_control_of_389_directory_server_is_a_refusal),
        cmocka_unit_test(huge_diagnostic_is_cut_and_not_relayed_pitfall_9_and_18),
        cmocka_unit_test(ranged_values_are_unknown_not_few_pitfall_17),
        cmocka_unit_test(oversized_answer_is_cut_off_pitfall_18),
        cmocka_unit_test(server_that_ignores_the_size_limit_is_cut_off_pitfall_18),
    };
    int failed;

    /* pitfall 7: none of this may weaken anything. */
    setenv("LDAPTLS_REQCERT", "never", 1);
    setenv("LDAPTLS_REQSAN", "never", 1);
    if (!rig_start(&good, "")) {
        puts("SKIP: slapd is not installed");
        return 77;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    rig_stop(&good);
    return failed;
}
