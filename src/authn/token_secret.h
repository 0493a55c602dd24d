/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The spelling of a token (contract, section 5): "cgp_" (a person's) or "cgs_"
 * (a service's), 30 random base62 characters, 6 of their CRC-32. Pure.
 */
#ifndef CG_AUTHN_TOKEN_SECRET_H
#define CG_AUTHN_TOKEN_SECRET_H

#include <stdbool.h>

#include "base/secret.h"
#include "crategate/token.h"

#define CG_TOKEN_SECRET_LEN 40

void cg_token_secret_make(enum cg_token_kind kind, struct cg_secret *out);
/* Prefix, length, alphabet and checksum fit. Says nothing about whether it was ever issued. */
bool cg_token_secret_plausible(const void *bytes, size_t len);

#endif
