/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Tokens in the JSON of crates.io's API, and the making of one for the request's person. */
#ifndef CG_API_TOKEN_JSON_H
#define CG_API_TOKEN_JSON_H

#include "base/mem.h"
#include "http/http.h"

/* Appends the members of a token's object, without the braces, and one that is a list (NULL: null). */
void cg_token_json_members(struct cg_buf *out, const struct cg_token *token, const struct cg_secret *secret);
void cg_token_json_list(struct cg_buf *out, const char *key, char *const *list);
/* Appends one object. `secret`: shown once, at creation; else NULL. */
void cg_token_json(struct cg_buf *out, const struct cg_token *token, const struct cg_secret *secret);
/* Reads {"api_token":{"name":...,"endpoint_scopes":...}}. INVALID names the member. The caller drops the reference. */
enum cg_err cg_token_from_json(const char *text, size_t len, struct cg_token **wanted_out,
                               struct cg_error *err) CG_CHECK;
/* Makes `wanted` the caller's (who has logged in by password). Errors are in req->error. */
enum cg_err cg_api_token_make(struct cg_request *req, struct cg_token *wanted, struct cg_secret *secret_out,
                              struct cg_token **token_out) CG_CHECK;

#endif
