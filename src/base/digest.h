/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Digests and randomness, from OpenSSL with fetched algorithms and reused
 * contexts (performance.md: three to six times the speed of the one-shot
 * calls). Thread safe: contexts are per thread or per object.
 */
#ifndef CG_BASE_DIGEST_H
#define CG_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "crategate/err.h"

#define CG_SHA256_SIZE 32
#define CG_SHA256_HEX_SIZE 65 /* lower-case digits and NUL */

struct cg_sha256;

struct cg_sha256 *cg_sha256_new(void);
void cg_sha256_add(struct cg_sha256 *sha, const void *bytes, size_t len);
/* Gives the digest and starts over. */
void cg_sha256_end(struct cg_sha256 *sha, unsigned char out[CG_SHA256_SIZE]);
void cg_sha256_free(struct cg_sha256 **sha);
/* One shot, reusing a per-thread context. */
void cg_sha256(const void *bytes, size_t len, unsigned char out[CG_SHA256_SIZE]);

/* SHA-1, only for other servers' checksums of files; it protects nothing. */
#define CG_SHA1_SIZE 20
#define CG_SHA1_HEX_SIZE 41

struct cg_sha1;

struct cg_sha1 *cg_sha1_new(void);
void cg_sha1_add(struct cg_sha1 *sha, const void *bytes, size_t len);
/* Gives the digest; nothing may be added any more. */
void cg_sha1_end(struct cg_sha1 *sha, unsigned char out[CG_SHA1_SIZE]);
void cg_sha1_free(struct cg_sha1 **sha);

/* HMAC-SHA-256 under one key, many times; any thread. */
struct cg_hmac;
struct cg_hmac *cg_hmac_new(const void *key, size_t len);
void cg_hmac_free(struct cg_hmac **hmac); /* wipes the key */
/* Digest of the concatenation of two parts (either may be empty). */
void cg_hmac(const struct cg_hmac *hmac, const void *a, size_t a_len, const void *b, size_t b_len,
             unsigned char out[CG_SHA256_SIZE]);

void cg_hex(const unsigned char *bytes, size_t len, char *out); /* writes 2 * len digits and NUL */
/* Exactly len bytes from 2 * len hex digits of either case. INVALID otherwise. */
enum cg_err cg_unhex(const char *text, unsigned char *out, size_t len) CG_CHECK;

/* CRC-32 (IEEE, as zlib). */
uint32_t cg_crc32(const void *bytes, size_t len);
/* Cryptographic randomness; aborts when the system has none. */
void cg_random(void *out, size_t len);
/* Fast, keyed at start, for hash tables only. */
uint64_t cg_hash(const void *bytes, size_t len);

#endif
