/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A look into PEM files before libldap gets them: its errors do not say which file, or what is wrong with it. */
#include "ldap/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>

#include "base/secret.h"

static X509 *read_certificate(const char *path)
{
    FILE *f = fopen(path, "re");
    X509 *cert = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;

    if (f)
        fclose(f);
    ERR_clear_error();
    return cert;
}

bool cg_ldap_tls_holds_certificate(const char *path)
{
    X509 *cert = read_certificate(path);
    bool ok = cert != NULL;

    X509_free(cert);
    return ok;
}

/* Instead of asking the terminal, as OpenSSL would. */
static int no_passphrase(char *out, int size, int writing, void *cls)
{
    (void)out, (void)size, (void)writing, (void)cls;
    return -1;
}

static EVP_PKEY *parse_key(const struct cg_secret *pem)
{
    BIO *bio = BIO_new_mem_buf(pem->bytes, (int)pem->len);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;

    BIO_free(bio);
    ERR_clear_error();
    return key;
}

static enum cg_err check_key(X509 *cert, const char *cert_file, const char *key_file, struct cg_error *err)
{
    struct cg_secret pem = {0};
    EVP_PKEY *key = NULL;
    enum cg_err rc = cg_secret_read_file(&pem, key_file, err);

    if (rc != CG_OK)
        return cg_error_prefix(err, "ldap.tls_key_file");
    key = parse_key(&pem);
    if (!key)
        rc = cg_error_set(err, CG_ERR_INVALID,
                          "ldap.tls_key_file: \"%s\" holds no key in PEM form, or one with a passphrase, which nobody "
                          "would be there to type",
                          key_file);
    else if (X509_check_private_key(cert, key) != 1)
        rc = cg_error_set(err, CG_ERR_INVALID, "ldap.tls_key_file: \"%s\" is not the key of the certificate in \"%s\"",
                          key_file, cert_file);
    EVP_PKEY_free(key);
    cg_secret_free(&pem);
    ERR_clear_error();
    return rc;
}

enum cg_err cg_ldap_tls_check_pair(const char *cert_file, const char *key_file, struct cg_error *err)
{
    X509 *cert = read_certificate(cert_file);
    enum cg_err rc;

    if (!cert)
        return cg_error_set(err, CG_ERR_INVALID, "ldap.tls_cert_file: \"%s\" holds no certificate in PEM form",
                            cert_file);
    rc = check_key(cert, cert_file, key_file, err);
    X509_free(cert);
    return rc;
}
