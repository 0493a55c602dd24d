/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A look into PEM files before libldap gets them: its errors do not say which file, or what is wrong with it. */
#include "ldap/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>

#include "base/pem.h"

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

static enum cg_err check_key(X509 *cert, const char *cert_file, const char *key_file, struct cg_error *err)
{
    EVP_PKEY *key;
    enum cg_err rc = cg_pem_read_key("ldap.tls_key_file", key_file, &key, err);

    if (rc != CG_OK)
        return rc;
    if (X509_check_private_key(cert, key) != 1)
        rc = cg_error_set(err, CG_ERR_INVALID, "ldap.tls_key_file: \"%s\" is not the key of the certificate in \"%s\"",
                          key_file, cert_file);
    EVP_PKEY_free(key);
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
