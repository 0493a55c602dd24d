/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A key of our own in a file: 32 random bytes, in hexadecimal, mode 0600, made
 * when it is first asked for. Blocking; any thread, any process.
 */
#ifndef CG_BASE_KEY_H
#define CG_BASE_KEY_H

#include <stdbool.h>

#include "base/digest.h"
#include "crategate/err.h"

/* Reads the key. `what` ends the sentence "... the key of": whose it is, and what to do without it. ABSENT when there
 * is none, INVALID for a file that holds no key or has too wide rights. The key is the caller's to free. */
enum cg_err cg_key_read(const char *path, const char *what, struct cg_hmac **key_out, struct cg_error *err) CG_CHECK;
/* The same, but makes one when there is none (*made_out true); of several processes that find none, one makes it and
 * all use that one. */
enum cg_err cg_key_open(const char *path, const char *what, struct cg_hmac **key_out, bool *made_out,
                        struct cg_error *err) CG_CHECK;

#endif
