/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What a connection remembers between its requests: who the last token was, and
 * that they may read the namespace they last read. The second is pure: it is
 * taken for the same caller, token, policy and namespace alone, each compared
 * by the object itself, of which the memo holds a reference.
 *
 * Threading: its connection's polling thread.
 */
#ifndef CG_HTTP_MEMO_H
#define CG_HTTP_MEMO_H

#include "authn/memo.h"
#include "http/http.h"

struct cg_memo;

struct cg_memo *cg_memo_new(void);
void cg_memo_free(struct cg_memo **memo);

struct cg_authn_memo *cg_memo_authn(struct cg_memo *memo);
/* May the request's caller read its namespace? Fills req->decision when that is remembered. */
bool cg_memo_may_read(const struct cg_memo *memo, struct cg_request *req);
/* They may: req->decision says so. */
void cg_memo_note_read(struct cg_memo *memo, const struct cg_request *req);

#endif
