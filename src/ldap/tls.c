/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "ldap/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "conf/conf.h"

/* Where distributions keep all public CAs in one file. */
static const char *const BUNDLES[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

struct context {
    char *ca_file;
    struct stat file; /* as it was when it was read */
    int min_version;
    void *ctx;
    struct context *next;
};

static pthread_mutex_t contexts_lock = PTHREAD_MUTEX_INITIALIZER;
static struct context *contexts;

static bool set_int(LDAP *ld, int option, int value)
{
    return ldap_set_option(ld, option, &value) == LDAP_OPT_SUCCESS;
}

/* The GnuTLS build ignores PROTOCOL_MIN without a word; only a priority string works there. */
static bool set_min_version(LDAP *ld, int min_version)
{
    char *package = NULL;
    bool ok;

    if (ldap_get_option(ld, LDAP_OPT_X_TLS_PACKAGE, &package) != LDAP_OPT_SUCCESS || !package)
        return false;
    if (cg_streq_nocase(package, "GnuTLS"))
        ok = ldap_set_option(ld, LDAP_OPT_X_TLS_CIPHER_SUITE,
                             min_version == CG_TLS_1_3
                                 ? "NORMAL:-VERS-ALL:+VERS-TLS1.3"
                                 : "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2") == LDAP_OPT_SUCCESS;
    else
        ok = cg_streq_nocase(package, "OpenSSL") &&
             set_int(ld, LDAP_OPT_X_TLS_PROTOCOL_MIN,
                     min_version == CG_TLS_1_3 ? LDAP_OPT_X_TLS_PROTOCOL_TLS1_3 : LDAP_OPT_X_TLS_PROTOCOL_TLS1_2);
    ldap_memfree(package);
    return ok;
}

/* pitfall 7: the certificate must verify, and a name in it must be ours: without REQUIRE_SAN libldap would take the
 * common name although the alternative names say otherwise. */
static bool set_verification(LDAP *ld)
{
    return set_int(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, LDAP_OPT_X_TLS_DEMAND) &&
           set_int(ld, LDAP_OPT_X_TLS_REQUIRE_SAN, LDAP_OPT_X_TLS_DEMAND);
}

/* libldap takes a file without any certificate, and then trusts nobody. */
static bool holds_certificate(const char *path)
{
    FILE *f = fopen(path, "re");
    X509 *cert = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;
    bool ok = cert != NULL;

    X509_free(cert);
    if (f)
        fclose(f);
    ERR_clear_error();
    return ok;
}

/* NEWCTX comes last, and its result counts: after a failure the handle would silently use the global context. */
static void *build(const char *ca_file, int min_version)
{
    LDAP *ld = NULL;
    void *ctx = NULL;
    bool ok = ldap_initialize(&ld, NULL) == LDAP_SUCCESS && set_min_version(ld, min_version) && set_verification(ld) &&
              ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE, ca_file) == LDAP_OPT_SUCCESS &&
              set_int(ld, LDAP_OPT_X_TLS_NEWCTX, 0) &&
              ldap_get_option(ld, LDAP_OPT_X_TLS_CTX, &ctx) == LDAP_OPT_SUCCESS;

    if (ld)
        ldap_unbind_ext_s(ld, NULL, NULL); /* ctx is counted: ours stays */
    return ok ? ctx : NULL;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static struct context *find(const char *ca_file, const struct stat *file, int min_version)
{
    for (struct context *c = contexts; c; c = c->next)
        if (c->min_version == min_version && cg_streq(c->ca_file, ca_file) && same_file(&c->file, file))
            return c;
    return NULL;
}

static struct context *find_or_build(const char *ca_file, const struct stat *file, int min_version)
{
    struct context *c = find(ca_file, file, min_version);
    void *ctx;

    if (c)
        return c;
    ctx = holds_certificate(ca_file) ? build(ca_file, min_version) : NULL;
    if (!ctx)
        return NULL;
    c = cg_calloc(1, sizeof(*c));
    c->ca_file = cg_strdup(ca_file);
    c->file = *file;
    c->min_version = min_version;
    c->ctx = ctx;
    c->next = contexts;
    contexts = c;
    return c;
}

static const char *system_bundle(void)
{
    for (size_t i = 0; i < sizeof(BUNDLES) / sizeof(BUNDLES[0]); i++)
        if (access(BUNDLES[i], R_OK) == 0)
            return BUNDLES[i];
    return NULL;
}

enum cg_err cg_ldap_tls_context(const char *ca_file, int min_version, void **ctx_out, const char **ca_file_out,
                                struct cg_error *err)
{
    const char *path = ca_file && ca_file[0] ? ca_file : system_bundle();
    struct context *c;
    struct stat file;

    if (!path)
        return cg_error_set(err, CG_ERR_INVALID,
                            "ldap.tls_ca_file: not set, and this system has no bundle of CA certificates");
    if (stat(path, &file) != 0 || access(path, R_OK) != 0)
        return cg_error_set(err, CG_ERR_INVALID, "ldap.tls_ca_file: \"%s\" cannot be read", path);
    pthread_mutex_lock(&contexts_lock);
    c = find_or_build(path, &file, min_version);
    pthread_mutex_unlock(&contexts_lock);
    if (!c)
        return cg_error_set(err, CG_ERR_INVALID,
                            "ldap.tls_ca_file: \"%s\" holds no usable CA certificate in PEM form, or "
                            "ldap.tls_min_version cannot be kept by this libldap",
                            path);
    *ctx_out = c->ctx;
    *ca_file_out = path;
    return CG_OK;
}

bool cg_ldap_tls_apply(LDAP *ld, void *ctx)
{
    /* The host check reads the handle, not the context: set on both. */
    return ldap_set_option(ld, LDAP_OPT_X_TLS_CTX, ctx) == LDAP_OPT_SUCCESS && set_verification(ld);
}

bool cg_ldap_tls_apply_unverified(LDAP *ld)
{
    return set_int(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, LDAP_OPT_X_TLS_NEVER) && set_int(ld, LDAP_OPT_X_TLS_NEWCTX, 0);
}
