/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The key under which tokens are stored: 32 random bytes, in hexadecimal, in
 * state_dir/token.key (0600). Whoever reads the database alone cannot check a
 * guess, whoever writes it alone cannot mint a token. Losing the file makes
 * every token void. Blocking.
 */
#ifndef CG_AUTHN_TOKEN_KEY_H
#define CG_AUTHN_TOKEN_KEY_H

#include <stdbool.h>

#include "base/digest.h"
#include "crategate/err.h"

/* Reads the key, or makes one when there is none (*made_out true); of several processes that find none, one makes it
 * and all use that one. INVALID for a file that holds no key or has too wide rights. */
enum cg_err cg_token_key_open(const char *state_dir, struct cg_hmac **key_out, bool *made_out,
                              struct cg_error *err) CG_CHECK;

#endif
