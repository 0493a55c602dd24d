/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/net/tls_impl.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/pem.h"

#define SESSION_SECONDS 7200
#define SESSIONS_KEPT 20000

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                           unsigned in_len, void *cls)
{
    static const unsigned char ours[] = "\x02h2\x08http/1.1\x08http/1.0";
    unsigned char *chosen;

    (void)ssl, (void)cls;
    if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static void set_up(SSL_CTX *ctx)
{
    static const unsigned char name[] = "crategate";

    CG_ASSERT(SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1);
    /* TLS 1.2, then 1.3; AES-128 first, being as safe here and the cheapest. */
    CG_ASSERT(SSL_CTX_set_cipher_list(ctx, "ECDHE+AES128+AESGCM:ECDHE+AESGCM:ECDHE+CHACHA20") == 1);
    CG_ASSERT(SSL_CTX_set_ciphersuites(
                  ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1);
    CG_ASSERT(SSL_CTX_set_session_id_context(ctx, name, sizeof(name) - 1) == 1);
    /* HTTP says itself where a message ends, so an end without close_notify is a plain end. */
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER);
    SSL_CTX_sess_set_cache_size(ctx, SESSIONS_KEPT);
    SSL_CTX_set_timeout(ctx, SESSION_SECONDS);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    SSL_CTX_set_default_passwd_cb(ctx, cg_pem_no_passphrase);
}

/* OpenSSL's last word, and none left behind for whoever comes next. */
static const char *reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());

    ERR_clear_error();
    return text ? text : "unknown reason";
}

static enum cg_err use_key(SSL_CTX *ctx, const char *certificate, const char *file, struct cg_error *err)
{
    EVP_PKEY *key;
    enum cg_err rc = cg_pem_read_key("tls_key", file, &key, err);

    if (rc != CG_OK)
        return rc;
    if (X509_check_private_key(SSL_CTX_get0_certificate(ctx), key) != 1)
        rc = cg_error_set(err, CG_ERR_INVALID, "tls_key: \"%s\" is not the key of the certificate in \"%s\"", file,
                          certificate);
    else if (SSL_CTX_use_PrivateKey(ctx, key) != 1)
        rc = cg_error_set(err, CG_ERR_INVALID, "tls_key: \"%s\" cannot be used: %s", file, reason());
    EVP_PKEY_free(key);
    ERR_clear_error();
    return rc;
}

enum cg_err cg_tls_new(const char *certificate, const char *key, struct cg_tls **tls_out, struct cg_error *err)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    struct cg_tls *tls;
    enum cg_err rc;

    CG_ASSERT(ctx != NULL);
    set_up(ctx);
    if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1)
        rc = cg_error_set(err, CG_ERR_INVALID,
                          "tls_certificate: \"%s\" holds no certificate in PEM form that can be used (%s)", certificate,
                          reason());
    else
        rc = use_key(ctx, certificate, key, err);
    if (rc != CG_OK) {
        SSL_CTX_free(ctx);
        return rc;
    }
    tls = cg_calloc(1, sizeof(*tls));
    atomic_init(&tls->refs, 1);
    tls->ctx = ctx;
    *tls_out = tls;
    return CG_OK;
}

struct cg_tls *cg_tls_ref(struct cg_tls *tls)
{
    if (tls)
        atomic_fetch_add(&tls->refs, 1);
    return tls;
}

void cg_tls_unref(struct cg_tls **tlsp)
{
    struct cg_tls *tls = *tlsp;

    *tlsp = NULL;
    if (!tls || atomic_fetch_sub(&tls->refs, 1) != 1)
        return;
    SSL_CTX_free(tls->ctx);
    free(tls);
}

int64_t cg_tls_not_after(const struct cg_tls *tls)
{
    struct tm tm = {0};

    if (ASN1_TIME_to_tm(X509_get0_notAfter(SSL_CTX_get0_certificate(tls->ctx)), &tm) != 1)
        return 0;
    return timegm(&tm);
}

bool cg_tls_is_for(const struct cg_tls *tls, const char *host)
{
    X509 *cert = SSL_CTX_get0_certificate(tls->ctx);
    size_t len = strlen(host);
    char *bare = len > 2 && host[0] == '[' ? cg_strndup(host + 1, len - 2) : cg_strdup(host);
    bool is = X509_check_host(cert, bare, 0, 0, NULL) == 1 || X509_check_ip_asc(cert, bare, 0) == 1;

    ERR_clear_error();
    free(bare);
    return is;
}
