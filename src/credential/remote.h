/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The gateway's token API, as a client. Certificates are always verified
 * (CRATEGATE_CA_FILE or cargo's CARGO_HTTP_CAINFO names other authorities),
 * redirects are not followed, proxies are those of the environment. Blocking,
 * at most half a minute; one thread.
 *
 * Errors of all: UNAUTHENTICATED (user and password, or the token, are not
 * accepted), DENIED, INVALID (the wish is refused), THROTTLED, UNAVAILABLE (no
 * answer, or one that says so), UNPROCESSABLE (whoever answers is no gateway).
 * The detail is the gateway's own sentence where it sent one.
 */
#ifndef CG_CREDENTIAL_REMOTE_H
#define CG_CREDENTIAL_REMOTE_H

#include "credential/login_record.h"
#include "credential/target.h"

/* Once, before everything else and before any thread. */
void cg_remote_init(void);
void cg_remote_end(void);

/* Makes a token for record's user as its wish says, `expires_at` 0 leaving its life to the gateway; sets token, id,
 * made_at and expires_at of the record. */
enum cg_err cg_remote_make_token(struct cg_login_record *record, const struct cg_secret *password, int64_t expires_at,
                                 struct cg_error *err) CG_CHECK;
/* Reads the namespace's config.json with it. */
enum cg_err cg_remote_try_token(const struct cg_target *target, const struct cg_secret *token,
                                struct cg_error *err) CG_CHECK;
/* Ends it for good. UNAUTHENTICATED: it had ended before. */
enum cg_err cg_remote_revoke(const char *base, const struct cg_secret *token, struct cg_error *err) CG_CHECK;

#endif
