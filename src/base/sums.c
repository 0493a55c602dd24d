/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/sums.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/digest.h"
#include "base/mem.h"

enum { MD5, SHA1, SHA256, COUNT };

struct cg_sums {
    EVP_MD_CTX *contexts[COUNT]; /* NULL: not to be had */
};

static EVP_MD_CTX *begin(const char *name)
{
    EVP_MD *md = EVP_MD_fetch(NULL, name, NULL);
    EVP_MD_CTX *context = md ? EVP_MD_CTX_new() : NULL;

    if (context && EVP_DigestInit_ex2(context, md, NULL) != 1) {
        EVP_MD_CTX_free(context);
        context = NULL;
    }
    EVP_MD_free(md);
    return context;
}

struct cg_sums *cg_sums_new(void)
{
    static const char *const names[COUNT] = {"MD5", "SHA1", "SHA256"};
    struct cg_sums *sums = cg_calloc(1, sizeof(*sums));

    for (int i = 0; i < COUNT; i++)
        sums->contexts[i] = begin(names[i]);
    CG_ASSERT(sums->contexts[SHA256] != NULL);
    return sums;
}

void cg_sums_add(struct cg_sums *sums, const void *bytes, size_t len)
{
    for (int i = 0; i < COUNT; i++)
        CG_ASSERT(!sums->contexts[i] || EVP_DigestUpdate(sums->contexts[i], bytes, len) == 1);
}

static void end(EVP_MD_CTX *context, char *hex)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    hex[0] = '\0';
    if (!context)
        return;
    CG_ASSERT(EVP_DigestFinal_ex(context, digest, &len) == 1);
    cg_hex(digest, len, hex);
}

void cg_sums_end(struct cg_sums **sums, struct cg_sums_hex *out)
{
    struct cg_sums *s = *sums;

    *sums = NULL;
    if (out) {
        end(s->contexts[MD5], out->md5);
        end(s->contexts[SHA1], out->sha1);
        end(s->contexts[SHA256], out->sha256);
    }
    for (int i = 0; i < COUNT; i++)
        EVP_MD_CTX_free(s->contexts[i]);
    free(s);
}
