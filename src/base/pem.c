/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/pem.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/secret.h"

int cg_pem_no_passphrase(char *out, int size, int writing, void *cls)
{
    (void)out, (void)size, (void)writing, (void)cls;
    return -1;
}

static EVP_PKEY *parse(const struct cg_secret *pem)
{
    BIO *bio = BIO_new_mem_buf(pem->bytes, (int)pem->len);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, cg_pem_no_passphrase, NULL) : NULL;

    BIO_free(bio);
    ERR_clear_error();
    return key;
}

enum cg_err cg_pem_read_key(const char *setting, const char *file, EVP_PKEY **key_out, struct cg_error *err)
{
    struct cg_secret pem = {0};
    EVP_PKEY *key;
    enum cg_err rc = cg_secret_read_file(&pem, file, err);

    if (rc != CG_OK)
        return cg_error_prefix(err, "%s", setting);
    key = parse(&pem);
    cg_secret_free(&pem);
    if (!key)
        return cg_error_set(err, CG_ERR_INVALID,
                            "%s: \"%s\" holds no key in PEM form, or one with a passphrase, which nobody would be there "
                            "to type",
                            setting, file);
    *key_out = key;
    return CG_OK;
}
