/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static void must(int ok, const char *what)
{
    if (ok == 1)
        return;
    fprintf(stderr, "certificate: %s\n", what);
    abort();
}

static FILE *open_file(const char *path)
{
    FILE *f = fopen(path, "w");

    must(f != NULL && chmod(path, 0600) == 0, path);
    return f;
}

static void add_extension(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    must(ext != NULL && X509_add_ext(cert, ext, -1) == 1, value);
    X509_EXTENSION_free(ext);
}

static X509 *sign(EVP_PKEY *key, int days)
{
    static long serial;
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);

    must(X509_set_version(cert, 2), "version");
    must(ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial), "serial");
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600L * 24 * 365);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600L * 24 * days);
    must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0), "name");
    must(X509_set_issuer_name(cert, name), "issuer");
    must(X509_set_pubkey(cert, key), "key");
    add_extension(cert, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1");
    must(X509_sign(cert, key, EVP_sha256()) > 0, "signature");
    return cert;
}

void certificate_make(struct certificate *made, const char *dir, const char *name, int days)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = sign(key, days);
    FILE *f;

    snprintf(made->cert, sizeof(made->cert), "%s/%s.pem", dir, name);
    snprintf(made->key, sizeof(made->key), "%s/%s.key", dir, name);
    f = open_file(made->cert);
    must(PEM_write_X509(f, cert), made->cert);
    fclose(f);
    f = open_file(made->key);
    must(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), made->key);
    fclose(f);
    X509_free(cert);
    EVP_PKEY_free(key);
}

void certificate_lock_key(const struct certificate *made, const char *path)
{
    unsigned char word[] = "passphrase";
    FILE *f = fopen(made->key, "r");
    EVP_PKEY *key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;

    must(key != NULL, made->key);
    fclose(f);
    f = open_file(path);
    must(PEM_write_PrivateKey(f, key, EVP_aes_256_cbc(), word, sizeof(word) - 1, NULL, NULL), path);
    fclose(f);
    EVP_PKEY_free(key);
}
