/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "ldap/tls.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

/* Where distributions keep all public CAs in one file. */
static const char *const BUNDLES[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

/* What a context is made of. */
struct recipe {
    const char *ca_file, *cert_file, *key_file, *ciphers; /* "" but for the first: none */
    int min_version;
    struct stat ca, cert, key; /* the files as they are */
};

struct context {
    struct recipe recipe; /* owns its texts */
    void *ctx;
    struct context *next;
};

static pthread_mutex_t contexts_lock = PTHREAD_MUTEX_INITIALIZER;
static struct context *contexts;

static bool set_int(LDAP *ld, int option, int value)
{
    return ldap_set_option(ld, option, &value) == LDAP_OPT_SUCCESS;
}

/* GnuTLS: a priority string. PROTOCOL_MIN is ignored without a word there. The version rule comes last, so that
 * nothing in the ciphers can bring an older version back. */
static bool set_priorities(LDAP *ld, const struct recipe *recipe)
{
    char *text = cg_asprintf("NORMAL%s%s:-VERS-ALL:+VERS-TLS1.3%s", recipe->ciphers[0] ? ":" : "", recipe->ciphers,
                             recipe->min_version == CG_TLS_1_3 ? "" : ":+VERS-TLS1.2");
    bool ok = ldap_set_option(ld, LDAP_OPT_X_TLS_CIPHER_SUITE, text) == LDAP_OPT_SUCCESS;

    free(text);
    return ok;
}

static bool set_protocol(LDAP *ld, const struct recipe *recipe)
{
    int oldest = recipe->min_version == CG_TLS_1_3 ? LDAP_OPT_X_TLS_PROTOCOL_TLS1_3 : LDAP_OPT_X_TLS_PROTOCOL_TLS1_2;

    return set_int(ld, LDAP_OPT_X_TLS_PROTOCOL_MIN, oldest) &&
           (!recipe->ciphers[0] ||
            ldap_set_option(ld, LDAP_OPT_X_TLS_CIPHER_SUITE, recipe->ciphers) == LDAP_OPT_SUCCESS);
}

static bool set_versions(LDAP *ld, const struct recipe *recipe)
{
    char *package = NULL;
    bool ok = false;

    if (ldap_get_option(ld, LDAP_OPT_X_TLS_PACKAGE, &package) != LDAP_OPT_SUCCESS || !package)
        return false;
    if (cg_streq_nocase(package, "GnuTLS"))
        ok = set_priorities(ld, recipe);
    else if (cg_streq_nocase(package, "OpenSSL"))
        ok = set_protocol(ld, recipe);
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

static bool set_own_certificate(LDAP *ld, const struct recipe *recipe)
{
    return !recipe->cert_file[0] ||
           (ldap_set_option(ld, LDAP_OPT_X_TLS_CERTFILE, recipe->cert_file) == LDAP_OPT_SUCCESS &&
            ldap_set_option(ld, LDAP_OPT_X_TLS_KEYFILE, recipe->key_file) == LDAP_OPT_SUCCESS);
}

/* NEWCTX comes last, and its result counts: after a failure the handle would silently use the global context. */
static void *build(const struct recipe *recipe)
{
    LDAP *ld = NULL;
    void *ctx = NULL;
    bool ok = ldap_initialize(&ld, NULL) == LDAP_SUCCESS && set_versions(ld, recipe) && set_verification(ld) &&
              ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE, recipe->ca_file) == LDAP_OPT_SUCCESS &&
              set_own_certificate(ld, recipe) && set_int(ld, LDAP_OPT_X_TLS_NEWCTX, 0) &&
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

static bool same(const struct recipe *a, const struct recipe *b)
{
    return a->min_version == b->min_version && cg_streq(a->ca_file, b->ca_file) &&
           cg_streq(a->cert_file, b->cert_file) && cg_streq(a->key_file, b->key_file) &&
           cg_streq(a->ciphers, b->ciphers) && same_file(&a->ca, &b->ca) && same_file(&a->cert, &b->cert) &&
           same_file(&a->key, &b->key);
}

static struct context *keep(const struct recipe *recipe, void *ctx)
{
    struct context *c = cg_calloc(1, sizeof(*c));

    c->recipe = *recipe;
    c->recipe.ca_file = cg_strdup(recipe->ca_file);
    c->recipe.cert_file = cg_strdup(recipe->cert_file);
    c->recipe.key_file = cg_strdup(recipe->key_file);
    c->recipe.ciphers = cg_strdup(recipe->ciphers);
    c->ctx = ctx;
    c->next = contexts;
    contexts = c;
    return c;
}

/* NULL when libldap does not take it. */
static void *find_or_build(const struct recipe *recipe)
{
    struct context *c;
    void *ctx;

    pthread_mutex_lock(&contexts_lock);
    for (c = contexts; c && !same(&c->recipe, recipe); c = c->next)
        ;
    if (!c) {
        ctx = build(recipe);
        c = ctx ? keep(recipe, ctx) : NULL;
    }
    pthread_mutex_unlock(&contexts_lock);
    return c ? c->ctx : NULL;
}

static const char *system_bundle(void)
{
    for (size_t i = 0; i < sizeof(BUNDLES) / sizeof(BUNDLES[0]); i++)
        if (access(BUNDLES[i], R_OK) == 0)
            return BUNDLES[i];
    return NULL;
}

static enum cg_err look_at(const char *key, const char *path, struct stat *file_out, struct cg_error *err)
{
    if (path[0] && (stat(path, file_out) != 0 || access(path, R_OK) != 0))
        return cg_error_set(err, CG_ERR_INVALID, "ldap.%s: \"%s\" cannot be read", key, path);
    return CG_OK;
}

static enum cg_err check_files(struct recipe *recipe, struct cg_error *err)
{
    enum cg_err rc = look_at("tls_ca_file", recipe->ca_file, &recipe->ca, err);

    if (rc == CG_OK)
        rc = look_at("tls_cert_file", recipe->cert_file, &recipe->cert, err);
    if (rc == CG_OK)
        rc = look_at("tls_key_file", recipe->key_file, &recipe->key, err);
    /* libldap takes a file without any certificate, and then trusts nobody. */
    if (rc == CG_OK && !cg_ldap_tls_holds_certificate(recipe->ca_file))
        rc = cg_error_set(err, CG_ERR_INVALID, "ldap.tls_ca_file: \"%s\" holds no certificate in PEM form",
                          recipe->ca_file);
    if (rc == CG_OK && recipe->cert_file[0])
        rc = cg_ldap_tls_check_pair(recipe->cert_file, recipe->key_file, err);
    return rc;
}

/* The files are good, so it is the ciphers; or, without any, the library. */
static enum cg_err not_taken(const struct recipe *recipe, struct cg_error *err)
{
    if (recipe->ciphers[0])
        return cg_error_set(err, CG_ERR_INVALID,
                            "ldap.tls_ciphers: \"%s\" is not what the TLS library of this libldap understands",
                            recipe->ciphers);
    return cg_error_set(err, CG_ERR_INVALID,
                        "ldap.tls_min_version cannot be kept by this libldap, or it takes none of ldap.tls_ca_file "
                        "\"%s\" and ldap.tls_cert_file \"%s\"",
                        recipe->ca_file, recipe->cert_file);
}

static const char *text_of(const char *setting)
{
    return setting ? setting : "";
}

enum cg_err cg_ldap_tls_context(const struct cg_conf_ldap *conf, void **ctx_out, const char **ca_file_out,
                                struct cg_error *err)
{
    struct recipe recipe = {.ca_file = text_of(conf->tls_ca_file)[0] ? conf->tls_ca_file : system_bundle(),
                            .cert_file = text_of(conf->tls_cert_file),
                            .key_file = text_of(conf->tls_key_file),
                            .ciphers = text_of(conf->tls_ciphers),
                            .min_version = conf->tls_min_version};
    enum cg_err rc;
    void *ctx;

    if (!recipe.ca_file)
        return cg_error_set(err, CG_ERR_INVALID,
                            "ldap.tls_ca_file: not set, and this system has no bundle of CA certificates");
    rc = check_files(&recipe, err);
    if (rc != CG_OK)
        return rc;
    ctx = find_or_build(&recipe);
    if (!ctx)
        return not_taken(&recipe, err);
    *ctx_out = ctx;
    *ca_file_out = recipe.ca_file;
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
