/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The TLS settings: ciphers, versions, our own certificate, and files that change. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <ldap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "ldap/ldap_directory.h"
#include "ldap/tls.h"
#include "rig.h"

static struct rig rig;
static struct rig_conf conf;
static bool openssl; /* what this libldap is built on; else GnuTLS */

static int set_up(void **state)
{
    (void)state;
    rig_conf(&conf, &rig, rig.ldaps, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_conf_free(&conf);
    return 0;
}

static void find_out_package(void)
{
    char *package = NULL;

    cg_ldap_library_init();
    assert_int_equal(ldap_get_option(NULL, LDAP_OPT_X_TLS_PACKAGE, &package), LDAP_OPT_SUCCESS);
    openssl = strcmp(package, "OpenSSL") == 0;
    assert_true(openssl || strcmp(package, "GnuTLS") == 0);
    ldap_memfree(package);
}

static void remember(void *cls, int ok, const char *step, const char *text)
{
    cg_buf_addf(cls, "%s %s: %s\n", ok ? "ok" : "FAIL", step, text);
}

/* What the diagnosis says with the settings as they are. */
static void diagnose(struct cg_buf *out)
{
    struct cg_directory *dir = rig_directory(&conf);

    cg_buf_reset(out);
    (void)!dir->ops->diagnose(dir, NULL, NULL, remember, out, NULL, NULL);
    cg_directory_free(&dir);
}

static void ciphers_narrow_what_is_spoken(void **state)
{
    struct cg_buf out;

    (void)state;
    cg_buf_init(&out, 65536);
    diagnose(&out);
    assert_null(strstr(cg_buf_str(&out), "CHACHA20"));
    rig_set(&conf.conf.ldap.tls_ciphers, openssl ? "TLS_CHACHA20_POLY1305_SHA256" : "-CIPHER-ALL:+CHACHA20-POLY1305");
    diagnose(&out);
    assert_non_null(strstr(cg_buf_str(&out), "ok tls: TLS"));
    assert_non_null(strstr(cg_buf_str(&out), "CHACHA20"));
    cg_buf_free(&out);
}

static enum cg_err settings(struct cg_error *err)
{
    struct cg_directory *dir = NULL;
    enum cg_err rc = cg_ldap_directory_new(&conf.conf, &dir, err);

    assert_int_equal(rc == CG_OK, dir != NULL);
    cg_directory_free(&dir);
    return rc;
}

static void ciphers_the_library_does_not_know_are_refused_by_name(void **state)
{
    struct cg_error err = {0};

    (void)state;
    rig_set(&conf.conf.ldap.tls_ciphers, "NO-SUCH-CIPHER");
    assert_int_equal(settings(&err), CG_ERR_INVALID);
    assert_non_null(strstr(err.detail, "ldap.tls_ciphers"));
    rig_set(&conf.conf.ldap.tls_ciphers, "+NONSENSE:?");
    assert_int_equal(settings(&err), CG_ERR_INVALID);
    assert_non_null(strstr(err.detail, "ldap.tls_ciphers"));
}

static enum cg_err ping(const struct rig *server, const char *uri)
{
    struct cg_directory *dir;
    enum cg_err rc;

    conf.uri[0] = (char *)uri;
    rig_set(&conf.conf.ldap.tls_ca_file, server->ca);
    dir = rig_directory(&conf);
    rc = dir->ops->ping(dir, NULL);
    cg_directory_free(&dir);
    return rc;
}

/* Whatever stands in tls_ciphers, the version rule holds. */
static void ciphers_cannot_bring_an_old_version_back_pitfall_7(void **state)
{
    static const char *const GNUTLS[] = {"", "+VERS-TLS1.1", "+VERS-ALL", "NORMAL:+VERS-TLS1.1:+VERS-TLS1.0"};
    static const char *const OPENSSL[] = {"", "ALL:@SECLEVEL=0", "DEFAULT:@SECLEVEL=0"};
    size_t count = openssl ? sizeof(OPENSSL) / sizeof(OPENSSL[0]) : sizeof(GNUTLS) / sizeof(GNUTLS[0]);
    struct rig old, older;

    (void)state;
    assert_true(rig_start(&old, "TLS=12 SEED=no"));
    assert_true(rig_start(&older, "TLS=11 SEED=no"));
    for (size_t i = 0; i < count; i++) {
        rig_set(&conf.conf.ldap.tls_ciphers, openssl ? OPENSSL[i] : GNUTLS[i]);
        conf.conf.ldap.tls_min_version = CG_TLS_1_2;
        assert_int_equal(ping(&older, older.ldaps), CG_ERR_UNAVAILABLE);
        assert_int_equal(ping(&older, older.url), CG_ERR_UNAVAILABLE);
        conf.conf.ldap.tls_min_version = CG_TLS_1_3;
        assert_int_equal(ping(&old, old.ldaps), CG_ERR_UNAVAILABLE);
        assert_int_equal(ping(&old, old.url), CG_ERR_UNAVAILABLE);
    }
    rig_stop(&older);
    rig_stop(&old);
}

static char *pki(const char *name)
{
    return cg_asprintf("%s/pki/%s", rig.dir, name);
}

static void own_certificate(const char *cert, const char *key)
{
    struct cg_conf_ldap *l = &conf.conf.ldap;

    free(l->tls_cert_file);
    free(l->tls_key_file);
    l->tls_cert_file = pki(cert);
    l->tls_key_file = pki(key);
}

static void run(const char *command)
{
    assert_int_equal(system(command), 0);
}

static void bad_certificates_and_keys_are_refused_by_name(void **state)
{
    static const struct {
        const char *cert, *key, *says;
    } BAD[] = {
        {"client.pem", "stranger.key", "is not the key of the certificate"},
        {"client.key", "client.key", "ldap.tls_cert_file"},
        {"client.pem", "client.pem", "ldap.tls_key_file"},
        {"client.pem", "locked.key", "passphrase"},
        {"client.pem", "nowhere.key", "ldap.tls_key_file"},
        {"nowhere.pem", "client.key", "ldap.tls_cert_file"},
    };
    char *command = cg_asprintf("cd '%s/pki' && openssl pkey -in client.key -aes256 -passout pass:x -out locked.key && "
                                "chmod 600 locked.key client.pem",
                                rig.dir);
    struct cg_error err = {0};

    (void)state;
    run(command);
    free(command);
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        own_certificate(BAD[i].cert, BAD[i].key);
        assert_int_equal(settings(&err), CG_ERR_INVALID);
        if (!strstr(err.detail, BAD[i].says))
            fail_msg("%s, %s: %s", BAD[i].cert, BAD[i].key, err.detail);
    }
    own_certificate("client.pem", "client.key");
    assert_int_equal(settings(&err), CG_OK);
}

static void *context(void)
{
    const char *ca_file = NULL;
    void *ctx = NULL;

    assert_int_equal(cg_ldap_tls_context(&conf.conf.ldap, &ctx, &ca_file, NULL), CG_OK);
    assert_string_equal(ca_file, conf.conf.ldap.tls_ca_file);
    return ctx;
}

/* A reload makes the driver anew: with the same files it shares what is there, with replaced ones it must not. */
static void replaced_files_make_another_context(void **state)
{
    char *command = cg_asprintf("cd '%s/pki' && cp -p renewed.pem x && mv x renewed.pem", rig.dir);
    char *first = cg_asprintf("cd '%s/pki' && cp client.pem renewed.pem", rig.dir);
    void *before, *plain = context();

    (void)state;
    run(first);
    own_certificate("renewed.pem", "client.key");
    before = context();
    assert_ptr_not_equal(before, plain);
    assert_ptr_equal(context(), before);
    run(command); /* the same bytes, size and time, but another file */
    assert_ptr_not_equal(context(), before);
    rig_set(&conf.conf.ldap.tls_ciphers, openssl ? "ECDHE+AESGCM" : "-CIPHER-ALL:+AES-256-GCM");
    assert_ptr_not_equal(context(), before);
    free(command);
    free(first);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(ciphers_narrow_what_is_spoken),
        T(ciphers_the_library_does_not_know_are_refused_by_name),
        T(ciphers_cannot_bring_an_old_version_back_pitfall_7),
        T(bad_certificates_and_keys_are_refused_by_name),
        T(replaced_files_make_another_context),
    };
    int failed;

    if (!rig_start(&rig, "")) {
        puts("SKIP: slapd is not installed");
        return 77;
    }
    find_out_package();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    rig_stop(&rig);
    return failed;
}
