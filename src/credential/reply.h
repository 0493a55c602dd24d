/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Answers of the credential provider protocol, each one line of JSON without its end. Pure. */
#ifndef CG_CREDENTIAL_REPLY_H
#define CG_CREDENTIAL_REPLY_H

#include <stdint.h>

#include "base/buf.h"
#include "base/secret.h"

/* Holds any answer. Made with its whole size at once, so that growing leaves no copies of a token. */
void cg_reply_init(struct cg_buf *reply);
void cg_reply_free(struct cg_buf *reply); /* wipes */

void cg_reply_done(struct cg_buf *reply, const char *kind); /* "login", "logout" */
/* expires_at 0: not known, so cargo may keep it for this one run only. */
void cg_reply_token(struct cg_buf *reply, const struct cg_secret *token, int64_t expires_at);
/* Of the errors that cargo knows by name: "url-not-supported", "not-found", "operation-not-supported". */
void cg_reply_error(struct cg_buf *reply, const char *kind);
/* Anything else: a sentence and, when there is one, its cause. */
void cg_reply_failure(struct cg_buf *reply, const char *message, const char *cause);

#endif
