/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/digest.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/secret.h"

#define SHA256_BLOCK 64

/* Fetching an algorithm, or naming EVP_sha256(), goes through a shared reference count at every use: threads would
 * queue up for one cache line. So it is fetched once, and each thread keeps a context that is bound to it. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256_md;
static pthread_key_t context_key;

static void free_context(void *context)
{
    EVP_MD_CTX_free(context);
}

/* From OPENSSL_cleanup, in the last thread: pthread_key destructors do not run for the one that calls exit. */
static void at_exit(void)
{
    EVP_MD_CTX_free(pthread_getspecific(context_key));
    pthread_setspecific(context_key, NULL);
    EVP_MD_free(sha256_md);
    sha256_md = NULL;
}

static void start(void)
{
    sha256_md = EVP_MD_fetch(NULL, "SHA256", NULL);
    CG_ASSERT(sha256_md);
    CG_ASSERT(pthread_key_create(&context_key, free_context) == 0);
    OPENSSL_atexit(at_exit);
}

static EVP_MD_CTX *context_new(void)
{
    pthread_once(&once, start);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    CG_ASSERT(context);
    return context;
}

/* This thread's own. */
static EVP_MD_CTX *context_get(void)
{
    pthread_once(&once, start);
    EVP_MD_CTX *context = pthread_getspecific(context_key);
    if (!context) {
        context = context_new();
        CG_ASSERT(pthread_setspecific(context_key, context) == 0);
    }
    return context;
}

static void sha_begin(EVP_MD_CTX *context)
{
    CG_ASSERT(EVP_DigestInit_ex2(context, sha256_md, NULL) == 1);
}

static void sha_add(EVP_MD_CTX *context, const void *bytes, size_t len)
{
    CG_ASSERT(len == 0 || EVP_DigestUpdate(context, bytes, len) == 1);
}

static void sha_end(EVP_MD_CTX *context, unsigned char out[CG_SHA256_SIZE])
{
    unsigned len = 0;
    CG_ASSERT(EVP_DigestFinal_ex(context, out, &len) == 1 && len == CG_SHA256_SIZE);
}

struct cg_sha256 {
    EVP_MD_CTX *context;
};

struct cg_sha256 *cg_sha256_new(void)
{
    struct cg_sha256 *sha = cg_malloc(sizeof *sha);
    sha->context = context_new();
    sha_begin(sha->context);
    return sha;
}

void cg_sha256_add(struct cg_sha256 *sha, const void *bytes, size_t len)
{
    sha_add(sha->context, bytes, len);
}

void cg_sha256_end(struct cg_sha256 *sha, unsigned char out[CG_SHA256_SIZE])
{
    sha_end(sha->context, out);
    sha_begin(sha->context);
}

void cg_sha256_free(struct cg_sha256 **sha)
{
    if (!*sha)
        return;
    EVP_MD_CTX_free((*sha)->context);
    free(*sha);
    *sha = NULL;
}

void cg_sha256(const void *bytes, size_t len, unsigned char out[CG_SHA256_SIZE])
{
    EVP_MD_CTX *context = context_get();
    sha_begin(context);
    sha_add(context, bytes, len);
    sha_end(context, out);
}

struct cg_sha1 {
    EVP_MD_CTX *context;
};

struct cg_sha1 *cg_sha1_new(void)
{
    struct cg_sha1 *sha = cg_malloc(sizeof *sha);
    sha->context = context_new();
    CG_ASSERT(EVP_DigestInit_ex2(sha->context, EVP_sha1(), NULL) == 1);
    return sha;
}

void cg_sha1_add(struct cg_sha1 *sha, const void *bytes, size_t len)
{
    sha_add(sha->context, bytes, len);
}

void cg_sha1_end(struct cg_sha1 *sha, unsigned char out[CG_SHA1_SIZE])
{
    unsigned len = 0;
    CG_ASSERT(EVP_DigestFinal_ex(sha->context, out, &len) == 1 && len == CG_SHA1_SIZE);
}

void cg_sha1_free(struct cg_sha1 **sha)
{
    if (!*sha)
        return;
    EVP_MD_CTX_free((*sha)->context);
    free(*sha);
    *sha = NULL;
}

/* RFC 2104 over contexts that have the key's padded block behind them: a MAC costs two copies and no key schedule.
 * Copying into a context that is bound to the same algorithm leaves the shared reference count alone. Nobody writes
 * to the two after creation, so every thread may copy from them. */
struct cg_hmac {
    EVP_MD_CTX *inner;
    EVP_MD_CTX *outer;
};

/* The key's block with every byte changed by `pad`, hashed. */
static EVP_MD_CTX *keyed_context(const unsigned char key[SHA256_BLOCK], unsigned char pad)
{
    unsigned char block[SHA256_BLOCK];
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = key[i] ^ pad;
    EVP_MD_CTX *context = context_new();
    sha_begin(context);
    sha_add(context, block, sizeof block);
    cg_wipe(block, sizeof block);
    return context;
}

struct cg_hmac *cg_hmac_new(const void *key, size_t len)
{
    unsigned char block[SHA256_BLOCK] = {0};
    if (len > sizeof block)
        cg_sha256(key, len, block);
    else if (len)
        memcpy(block, key, len);
    struct cg_hmac *hmac = cg_malloc(sizeof *hmac);
    hmac->inner = keyed_context(block, 0x36);
    hmac->outer = keyed_context(block, 0x5c);
    cg_wipe(block, sizeof block);
    return hmac;
}

void cg_hmac_free(struct cg_hmac **hmac)
{
    if (!*hmac)
        return;
    EVP_MD_CTX_free((*hmac)->inner); /* OpenSSL wipes a digest's state */
    EVP_MD_CTX_free((*hmac)->outer);
    free(*hmac);
    *hmac = NULL;
}

void cg_hmac(const struct cg_hmac *hmac, const void *a, size_t a_len, const void *b, size_t b_len,
             unsigned char out[CG_SHA256_SIZE])
{
    unsigned char middle[CG_SHA256_SIZE];
    EVP_MD_CTX *context = context_get();
    CG_ASSERT(EVP_MD_CTX_copy_ex(context, hmac->inner) == 1);
    sha_add(context, a, a_len);
    sha_add(context, b, b_len);
    sha_end(context, middle);
    CG_ASSERT(EVP_MD_CTX_copy_ex(context, hmac->outer) == 1);
    sha_add(context, middle, sizeof middle);
    sha_end(context, out);
    cg_wipe(middle, sizeof middle);
}

void cg_hex(const unsigned char *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

enum cg_err cg_unhex(const char *text, unsigned char *out, size_t len)
{
    for (size_t i = 0; i < 2 * len; i++)
        if (hex_value(text[i]) < 0) /* the NUL of a short text too */
            return CG_ERR_INVALID;
    if (text[2 * len])
        return CG_ERR_INVALID;
    for (size_t i = 0; i < len; i++)
        out[i] = (unsigned char)(hex_value(text[2 * i]) << 4 | hex_value(text[2 * i + 1]));
    return CG_OK;
}

uint32_t cg_crc32(const void *bytes, size_t len)
{
    return (uint32_t)crc32_z(0, bytes, len);
}

void cg_random(void *out, size_t len)
{
    CG_ASSERT(len <= INT_MAX);
    CG_ASSERT(RAND_bytes(out, (int)len) == 1);
}
