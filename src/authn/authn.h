/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Who is calling? Tokens and passwords to a caller, or a distinct failure.
 *
 * cg_authn_fast answers from memory alone and never blocks: every token is in
 * memory, a person's last verdict too. What it cannot answer is AGAIN, and then
 * cg_authn_slow does, on an asker. Bad tokens never reach database or directory.
 *
 *   OK               the caller is in `answer`
 *   AGAIN            fast only: ask slow
 *   UNAUTHENTICATED  missing, malformed, unknown, expired token; wrong name or password; account gone or disabled; a
 *                    password where only a token is accepted, or over an insecure connection
 *   THROTTLED        too many failures from this person or address; err->retry_after_s
 *   UNAVAILABLE      the directory or the database did not answer and no grace is left
 *
 * Threading: everything may be called from any thread; only slow, look, tick and
 * the token functions block.
 */
#ifndef CG_AUTHN_AUTHN_H
#define CG_AUTHN_AUTHN_H

#include <stdbool.h>
#include <stdint.h>

#include "authz/policy.h"
#include "base/secret.h"
#include "conf/conf.h"
#include "crategate/audit.h"
#include "crategate/directory.h"
#include "crategate/metadata.h"

struct cg_authn;

enum cg_credentials_kind { CG_CRED_NONE, CG_CRED_TOKEN, CG_CRED_PASSWORD, CG_CRED_MALFORMED };

/* What a request carried. Wiped and freed by cg_credentials_free. */
struct cg_credentials {
    enum cg_credentials_kind kind;
    char *username; /* Basic's, else NULL. With kind TOKEN (Basic user:token) it must be the token's owner */
    struct cg_secret secret;
    char problem[160]; /* MALFORMED: what is wrong, for the caller */
};

/* Parses `Authorization` (contract, section 4: bare, Bearer, Token, Basic; scheme in any case) or else
 * `X-JFrog-Art-Api`; either may be NULL. Never fails: what cannot be read is MALFORMED. */
void cg_credentials_parse(const char *authorization, const char *jfrog_key, struct cg_credentials *out);
void cg_credentials_free(struct cg_credentials *cred);

/* What AUTHN needs to know of the request besides. */
struct cg_authn_request {
    const struct cg_credentials *cred;
    const char *address; /* the client's, after trusted proxies; for throttling */
    bool secure;         /* https, loopback or a unix socket: a password may travel here */
    bool password_ok;    /* a password is meant here (token API, /me); elsewhere it needs basic_auth = "everywhere" */
    bool writes;         /* decides which grace applies in an outage */
};

struct cg_authn_answer {
    struct cg_caller caller; /* references; cg_caller_free */
    bool by_password;        /* the directory has just proven it: may make tokens. False for a remembered password */
    int64_t answer_at_ms;    /* monotonic; > 0: send the (negative) answer not before, without holding a worker */
};

/* Takes its own reference to conf; dir and md must outlive it (for dir see reconfigure). The key of the tokens is
 * state_dir/token.key, made (0600) when missing. Loads all tokens and the last verdicts about their owners. INVALID for
 * a bad key file, UNAVAILABLE. */
enum cg_err cg_authn_new(const struct cg_conf *conf, struct cg_directory *dir, struct cg_metadata *md,
                         struct cg_authn **authn_out, struct cg_error *err) CG_CHECK;
void cg_authn_free(struct cg_authn **authn);
/* Where suspended, resumed and purged tokens and sweeps are recorded; must outlive it. Before anything else is called.
 */
void cg_authn_set_audit(struct cg_authn *authn, struct cg_audit *audit);
/* After a reload: new settings, new directory object (the old one must stay alive until cg_authn_free or until no
 * request uses it; the caller keeps it). Identities are kept but due for revalidation. */
void cg_authn_reconfigure(struct cg_authn *authn, const struct cg_conf *conf, struct cg_directory *dir);

enum cg_err cg_authn_fast(struct cg_authn *authn, const struct cg_authn_request *request,
                          struct cg_authn_answer *answer, struct cg_error *err) CG_CHECK;
enum cg_err cg_authn_slow(struct cg_authn *authn, const struct cg_authn_request *request,
                          struct cg_authn_answer *answer, struct cg_error *err) CG_CHECK;
/* Drops both references. */
void cg_caller_free(struct cg_caller *caller);

/* Once a second, from the maintenance thread: reloads tokens when their generation moved, writes last uses and
 * verdicts, forgets what is old. Never asks the directory. */
void cg_authn_tick(struct cg_authn *authn);
/* Once a second, from a thread that nothing else depends on: renews the verdicts that age (0.75 of the interval), goes
 * on with the sweep over all owners of tokens, deletes the tokens of those long gone. Takes a few seconds at most, but
 * for lookups that the directory does not answer. */
void cg_authn_look(struct cg_authn *authn);
/* The process is about to end: look begins no further question. */
void cg_authn_end(struct cg_authn *authn);

/* Tokens (blocking). `wanted` carries name, scopes, expires_at (0: default) and, for services, kind, owner and grants;
 * the secret goes to *secret_out, the stored token to *token_out (a reference). INVALID for a bad name, scope or
 * grant, a past expiry, one beyond max_token_days; CONFLICT when the owner has too many already. A service's token with
 * a `group` (a DN) works as long as that group has an active member. */
enum cg_err cg_authn_token_create(struct cg_authn *authn, const struct cg_token *wanted, struct cg_secret *secret_out,
                                  struct cg_token **token_out, struct cg_error *err) CG_CHECK;
/* owner_id NULL: whoever's (administration). ABSENT when there is none of that owner. */
enum cg_err cg_authn_token_revoke(struct cg_authn *authn, int64_t id, const char *owner_id,
                                  struct cg_error *err) CG_CHECK;
/* Visits the tokens of an owner (NULL: all) that neither expired nor went unused for too long, from memory. */
enum cg_err cg_authn_token_each(struct cg_authn *authn, const char *owner_id, cg_token_visit visit, void *cls) CG_CHECK;
/* Visits every stored token, whatever its state. */
enum cg_err cg_authn_token_all(struct cg_authn *authn, cg_token_visit visit, void *cls) CG_CHECK;

enum cg_token_state { CG_TOKEN_WORKS, CG_TOKEN_EXPIRED, CG_TOKEN_UNUSED, CG_TOKEN_SUSPENDED };

/* How things stand with a token, from memory. */
struct cg_token_status {
    enum cg_token_state state;
    int64_t since;    /* wall seconds: when it became so; 0 while it works */
    char *owner_name; /* as the directory last called its owner */
};
void cg_authn_token_status(struct cg_authn *authn, const struct cg_token *token, struct cg_token_status *status_out);
void cg_token_status_clear(struct cg_token_status *status);

#endif
