/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Who the gateway itself is: by password, by certificate, by user id, or nobody. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ldap/directory_impl.h"
#include "ldap/service.h"
#include "log/metrics.h"
#include "peer.h"
#include "rig.h"

static struct rig rig;
static struct rig_conf conf;
static struct cg_directory *dir;
static char pki[96], secret_file[96];

static int set_up(void **state)
{
    (void)state;
    rig_conf(&conf, &rig, rig.ldaps, NULL);
    conf.conf.ldap.server_retry_after = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cg_directory_free(&dir);
    rig_conf_free(&conf);
    return 0;
}

static int64_t binds(void)
{
    return cg_metric_get(CG_METRIC_DIRECTORY_SERVICE_BINDS);
}

static void remember(void *cls, int ok, const char *step, const char *text)
{
    cg_buf_addf(cls, "%s %s: %s\n", ok ? "ok" : "FAIL", step, text);
}

static void expect_diagnosis(const char *text)
{
    struct cg_error err = {0};
    struct cg_buf out;

    cg_buf_init(&out, 65536);
    (void)!dir->ops->diagnose(dir, NULL, NULL, remember, &out, NULL, &err);
    if (!strstr(cg_buf_str(&out), text))
        fail_msg("not said: %s\n%s", text, cg_buf_str(&out));
    cg_buf_free(&out);
}

static void by_certificate(const char *name)
{
    struct cg_conf_ldap *l = &conf.conf.ldap;
    char path[128];

    l->bind_method = CG_BIND_EXTERNAL;
    rig_set(&l->bind_dn, "");
    cg_secret_free(&l->bind_password);
    snprintf(path, sizeof(path), "%s/%s.pem", pki, name);
    rig_set(&l->tls_cert_file, path);
    snprintf(path, sizeof(path), "%s/%s.key", pki, name);
    rig_set(&l->tls_key_file, path);
}

static void certificate_makes_us_the_service_account(void **state)
{
    char *uris[] = {rig.ldaps, rig.url};

    (void)state;
    by_certificate("client");
    for (size_t i = 0; i < 2; i++) {
        conf.uri[0] = uris[i];
        cg_directory_free(&dir);
        dir = rig_directory(&conf);
        assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_OK);
        expect_diagnosis("ok service bind: by the certificate in ");
        expect_diagnosis("ok who am I: dn:cn=gateway,ou=services");
    }
}

static void certificate_of_nobody_finds_nothing_and_one_of_another_ca_is_refused(void **state)
{
    struct cg_identity *who = NULL;
    struct cg_error err = {0};

    (void)state;
    by_certificate("stranger"); /* a name of its own, which may read nothing */
    dir = rig_directory(&conf);
    assert_int_not_equal(dir->ops->find(dir, "alice", &who, &err), CG_OK);
    cg_directory_free(&dir);
    by_certificate("foreign");
    dir = rig_directory(&conf);
    assert_int_equal(dir->ops->find(dir, "alice", &who, &err), CG_ERR_UNAVAILABLE);
    assert_null(who);
}

static void user_id_over_a_local_socket_is_an_identity(void **state)
{
    struct cg_conf_ldap *l = &conf.conf.ldap;

    (void)state;
    l->bind_method = CG_BIND_EXTERNAL;
    rig_set(&l->bind_dn, "");
    conf.uri[0] = rig.ldapi;
    dir = rig_directory(&conf);
    assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_OK);
    expect_diagnosis("ok service bind: by our user id");
    expect_diagnosis("ok who am I: dn:cn=admin");
}

static void external_that_leaves_us_anonymous_is_refused_pitfall_6(void **state)
{
    struct peer peer = {.anonymous = true, .pki = pki, .is_ldaps = true};
    struct cg_identity *who = NULL;
    struct cg_error err = {0};

    (void)state;
    peer_start(&peer);
    by_certificate("client");
    conf.uri[0] = peer.ldaps;
    dir = rig_directory(&conf);
    assert_int_equal(dir->ops->find(dir, "alice", &who, &err), CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(err.internal, "anonymous"));
    assert_int_equal(peer.searches, 0);
    cg_directory_free(&dir);
    peer_stop(&peer);
}

static void server_that_knows_no_external_is_refusing_and_not_down(void **state)
{
    struct peer peer = {.user_result = 7, .pki = pki, .is_ldaps = true};
    struct cg_error err = {0};

    (void)state;
    peer_start(&peer);
    by_certificate("client");
    conf.uri[0] = peer.ldaps;
    dir = rig_directory(&conf);
    assert_int_equal(dir->ops->ping(dir, &err), CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(err.internal, "tls_cert_file"));
    expect_diagnosis("Does the server ask for client certificates");
    cg_directory_free(&dir);
    peer_stop(&peer);
}

static void anonymous_searches_without_a_bind(void **state)
{
    struct peer peer = {.group_bytes = 4};
    struct cg_conf_ldap *l = &conf.conf.ldap;
    int64_t before = binds();

    (void)state;
    peer_start(&peer);
    conf.uri[0] = peer.url;
    conf.people[1] = NULL;
    l->start_tls = CG_START_TLS_NEVER;
    l->allow_plaintext = true;
    l->bind_method = CG_BIND_ANONYMOUS;
    l->allow_anonymous_search = true;
    rig_set(&l->bind_dn, "");
    dir = rig_directory(&conf);
    assert_int_equal(rig_try(dir, "alice", "anything"), CG_OK);
    assert_int_equal(peer.service_binds, 0);
    assert_int_equal(peer.user_binds, 1);
    assert_int_equal(binds(), before);
    expect_diagnosis("ok service bind: none");
    cg_directory_free(&dir);
    peer_stop(&peer);
}

static void anonymous_works_where_the_server_lets_nobody_read(void **state)
{
    struct rig open;
    struct cg_conf_ldap *l = &conf.conf.ldap;

    (void)state;
    assert_true(rig_start(&open, "ANONYMOUS=read"));
    conf.uri[0] = open.ldaps;
    rig_set(&l->tls_ca_file, open.ca);
    l->bind_method = CG_BIND_ANONYMOUS;
    l->allow_anonymous_search = true;
    rig_set(&l->bind_dn, "");
    dir = rig_directory(&conf);
    assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_OK);
    assert_int_equal(rig_try(dir, "alice", "wrong"), CG_ERR_UNAUTHENTICATED);
    cg_directory_free(&dir);
    rig_stop(&open);
}

static void write_secret(const char *text)
{
    FILE *f = fopen(secret_file, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(secret_file, 0600), 0);
    rig_set(&conf.conf.ldap.bind_password_file, secret_file);
}

static void password_in_memory(const char *text)
{
    cg_secret_set(&conf.conf.ldap.bind_password, text, strlen(text));
}

static void refused_password_is_read_again_and_tried_once(void **state)
{
    int64_t before = binds();

    (void)state;
    password_in_memory("old");
    write_secret("gwpw\n");
    dir = rig_directory(&conf);
    assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_OK);
    assert_int_equal(binds(), before + 2); /* the old one once, the new one once */
}

static void refused_password_is_never_sent_again_pitfall_11(void **state)
{
    int64_t before = binds();
    struct cg_error err = {0};

    (void)state;
    password_in_memory("wrong");
    write_secret("wrong");
    conf.uri[1] = rig.url; /* two ways to the same directory */
    dir = rig_directory(&conf);
    for (int i = 0; i < 5; i++)
        assert_int_equal(dir->ops->ping(dir, &err), CG_ERR_UNAVAILABLE);
    assert_int_equal(binds(), before + 1);
    assert_non_null(strstr(err.internal, "bind_password_file"));
    write_secret("wrong too");
    for (int i = 0; i < 3; i++)
        assert_int_equal(dir->ops->ping(dir, &err), CG_ERR_UNAVAILABLE);
    assert_int_equal(binds(), before + 2);
}

/* A password that comes into the directory after it came into the file is found to work soon; but at no time is the
 * account locked: two within a quarter of an hour at most. */
static void refused_password_is_sent_again_now_and_then(void **state)
{
    int64_t quarter = 15 * 60 * 1000;

    (void)state;
    assert_in_range(cg_ldap_service_hold_ms(1), 60 * 1000, quarter / 2);
    for (unsigned refusals = 2; refusals < 100; refusals++)
        assert_true(cg_ldap_service_hold_ms(refusals) >= quarter);
}

static void right_password_in_the_file_ends_the_refusal_without_a_reload(void **state)
{
    (void)state;
    password_in_memory("wrong");
    write_secret("wrong");
    dir = rig_directory(&conf);
    assert_int_equal(dir->ops->ping(dir, NULL), CG_ERR_UNAVAILABLE);
    write_secret("gwpw");
    assert_int_equal(dir->ops->ping(dir, NULL), CG_OK);
    assert_int_equal(rig_try(dir, "alice", "alicepw"), CG_OK);
}

static void secret_file_that_others_may_read_is_not_taken(void **state)
{
    (void)state;
    password_in_memory("wrong");
    write_secret("gwpw");
    assert_int_equal(chmod(secret_file, 0644), 0);
    dir = rig_directory(&conf);
    assert_int_equal(dir->ops->ping(dir, NULL), CG_ERR_UNAVAILABLE);
}

static void *ping_once(void *cls)
{
    (void)cls;
    return dir->ops->ping(dir, NULL) == CG_ERR_UNAVAILABLE ? NULL : (void *)1;
}

static void many_at_once_try_a_wrong_password_once_pitfall_11(void **state)
{
    int64_t before = binds();
    pthread_t threads[8];

    (void)state;
    conf.conf.ldap.pool_size = 8;
    password_in_memory("wrong");
    write_secret("wrong");
    dir = rig_directory(&conf);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ping_once, NULL), 0);
    for (size_t i = 0; i < 8; i++) {
        void *failed = NULL;

        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(binds(), before + 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(certificate_makes_us_the_service_account),
        T(certificate_of_nobody_finds_nothing_and_one_of_another_ca_is_refused),
        T(user_id_over_a_local_socket_is_an_identity),
        T(external_that_leaves_us_anonymous_is_refused_pitfall_6),
        T(server_that_knows_no_external_is_refusing_and_not_down),
        T(anonymous_searches_without_a_bind),
        T(anonymous_works_where_the_server_lets_nobody_read),
        T(refused_password_is_read_again_and_tried_once),
        T(refused_password_is_never_sent_again_pitfall_11),
        T(refused_password_is_sent_again_now_and_then),
        T(right_password_in_the_file_ends_the_refusal_without_a_reload),
        T(secret_file_that_others_may_read_is_not_taken),
        T(many_at_once_try_a_wrong_password_once_pitfall_11),
    };
    int failed;

    if (!rig_start(&rig, "")) {
        puts("SKIP: slapd is not installed");
        return 77;
    }
    snprintf(pki, sizeof(pki), "%s/pki", rig.dir);
    snprintf(secret_file, sizeof(secret_file), "%s/other.password", rig.dir);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    rig_stop(&rig);
    return failed;
}
