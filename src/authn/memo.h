/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What a connection remembers of the last token that came over it, so that the
 * same header on the next request costs neither a digest nor a table: who that
 * was. It holds for a second at most, and never longer than token and verdict
 * do; any change of a token, of what is known of a person or of the settings
 * voids all memos of the process at once.
 *
 * Threading: a memo belongs to one thread at a time, its connection's polling
 * thread. The stamp may be read by any thread.
 */
#ifndef CG_AUTHN_MEMO_H
#define CG_AUTHN_MEMO_H

#include "authn/authn.h"

/* Zero-initialise. */
struct cg_authn_memo {
    struct cg_secret sent;   /* the Authorization header as it came */
    struct cg_caller caller; /* references */
    uint64_t stamp;          /* what held when it was made */
    int64_t until_ms;        /* monotonic */
};

/* Grows with every change that may void what a memo says. Read before the caller is looked up that is to be remembered. */
uint64_t cg_authn_stamp(struct cg_authn *authn);
/* Is it still known who sends this header? References for the caller of this; cg_caller_free. */
bool cg_authn_recall(struct cg_authn *authn, const struct cg_authn_memo *memo, const char *authorization, int64_t now_ms,
                     struct cg_caller *caller_out);
/* `caller` has just been told from the header. Only a token is remembered, and only while its owner is known to be good. */
void cg_authn_remember(struct cg_authn *authn, struct cg_authn_memo *memo, const char *authorization, uint64_t stamp,
                       const struct cg_caller *caller);
/* Wipes and forgets. */
void cg_authn_memo_clear(struct cg_authn_memo *memo);

#endif
