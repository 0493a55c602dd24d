/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What is remembered of passwords, in memory only and never a password itself
 * (pitfall 10): keyed digests under random keys that end with the process.
 *
 *   good   HMAC(entry's UUID, password): proven within auth_cache_ttl
 *   bad    HMAC(folded name, password): refused within negative_cache_ttl, so
 *          that the same wrong secret reaches the directory once (pitfall 11)
 *   names  folded name -> UUID, so that failures are counted for the person and
 *          not for a spelling (pitfall 5)
 *
 * Bounded: a full one starts over. Threading: any thread, short sections.
 */
#ifndef CG_AUTHN_PASSWORD_CACHE_H
#define CG_AUTHN_PASSWORD_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/secret.h"

struct cg_password_cache;

struct cg_password_cache *cg_password_cache_new(void);
void cg_password_cache_free(struct cg_password_cache **cache);

/* The UUID of a name (free() it), NULL when it is not known. */
char *cg_password_cache_id(struct cg_password_cache *cache, const char *folded, int64_t now_ms);
void cg_password_cache_learn(struct cg_password_cache *cache, const char *folded, const char *id, int64_t now_ms);

/* Was this password proven at or after `since_ms`? */
bool cg_password_cache_is_good(struct cg_password_cache *cache, const char *id, const struct cg_secret *password,
                               int64_t since_ms);
void cg_password_cache_add_good(struct cg_password_cache *cache, const char *id, const struct cg_secret *password,
                                int64_t now_ms);
/* Is it known to be wrong? */
bool cg_password_cache_is_bad(struct cg_password_cache *cache, const char *folded, const struct cg_secret *password,
                              int64_t now_ms);
void cg_password_cache_add_bad(struct cg_password_cache *cache, const char *folded, const struct cg_secret *password,
                               int64_t until_ms);

void cg_password_cache_clear(struct cg_password_cache *cache);
void cg_password_cache_sweep(struct cg_password_cache *cache, int64_t now_ms);

#endif
