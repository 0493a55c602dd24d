/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The three checksums that Artifactory's clients send and ask for, of the same
 * bytes in one pass. Only SHA-256 is ever relied upon; the others are there
 * because a client that sent them wants to know that they fit. One thread at a time.
 */
#ifndef CG_BASE_SUMS_H
#define CG_BASE_SUMS_H

#include <stddef.h>

struct cg_sums;

/* Lower-case hex; "" where the library has no such algorithm (MD5 in a FIPS set-up). */
struct cg_sums_hex {
    char md5[33], sha1[41], sha256[65];
};

struct cg_sums *cg_sums_new(void);
void cg_sums_add(struct cg_sums *sums, const void *bytes, size_t len);
/* Gives the result and frees; out NULL only frees. */
void cg_sums_end(struct cg_sums **sums, struct cg_sums_hex *out);

#endif
