/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * GETs over HTTP, several at once on the caller's one thread: what `check` asks
 * the gateway's own address, and what `import` fetches from another registry.
 * All that is under way moves on while one of them is waited for.
 *
 * What is worth another try gets it (429, 5xx, a connection that failed): three
 * as cargo gives them, after Retry-After or 0.4 seconds and more. Redirects are
 * followed, never from https to http, and the credential never goes to another
 * scheme, host or port than the URL's own. Certificates are always verified.
 */
#ifndef CG_CRATEGATECTL_FETCH_H
#define CG_CRATEGATECTL_FETCH_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/secret.h"
#include "crategate/err.h"

struct cg_fetch;
struct cg_download;

/* `stop`: set by a signal; whatever waits then returns. Both are borrowed. */
struct cg_fetch *cg_fetch_new(volatile sig_atomic_t *stop);
void cg_fetch_free(struct cg_fetch **fetch); /* all downloads must be gone */
/* What Authorization says where a wish asks for it. INVALID: it cannot be in a header. */
enum cg_err cg_fetch_credential(struct cg_fetch *fetch, const struct cg_secret *secret, struct cg_error *err) CG_CHECK;
/* Bytes of bodies that have come in so far. */
uint64_t cg_fetch_received(const struct cg_fetch *fetch);

struct cg_fetch_wish {
    const char *url;
    bool credential;     /* show it */
    bool files;          /* a file:// URL is as good */
    uint64_t max;        /* bytes of the body */
    struct cg_buf *body; /* where it goes; NULL: to `fd`, from position 0 */
    int fd;
};

/* Begins; returns at once. `body` and `fd` must outlive it. INVALID: it is no URL that can be fetched. */
enum cg_err cg_fetch_begin(struct cg_fetch *fetch, const struct cg_fetch_wish *wish, struct cg_download **out,
                           struct cg_error *err) CG_CHECK;
/* Until the body of a 200 is whole. Any other answer is an error that says so: UNAUTHENTICATED (401), DENIED (403),
 * ABSENT (404, 410, 451), UNAVAILABLE (429, 5xx, none, or stopped), INVALID (others), TOO_LARGE. */
enum cg_err cg_fetch_wait(struct cg_fetch *fetch, struct cg_download *download, struct cg_error *err) CG_CHECK;
uint64_t cg_download_size(const struct cg_download *download);
/* SHA-256 of what went to a file, lower-case; once. */
void cg_download_cksum(struct cg_download *download, char out[CG_SHA256_HEX_SIZE]);
void cg_download_free(struct cg_download **download); /* whether or not it has ended */

/* Begin and wait, into a buffer. */
enum cg_err cg_fetch_get(struct cg_fetch *fetch, const struct cg_fetch_wish *wish, struct cg_error *err) CG_CHECK;

/* Scheme, host and port are the same. */
bool cg_fetch_same_origin(const char *url, const char *other);
/* This machine: nobody listens in between. */
bool cg_fetch_is_loopback(const char *url);

/* One GET without more tries, of any status; up to 4 KiB of body. UNAVAILABLE with the reason when there was no
 * answer. */
enum cg_err cg_ctl_get(const char *url, long *status_out, struct cg_buf *body, struct cg_error *err) CG_CHECK;

#endif
