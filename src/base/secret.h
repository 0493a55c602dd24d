/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Secrets: bytes that are wiped when freed, never printed and compared in
 * constant time. There is deliberately no function that formats one.
 * One thread at a time.
 */
#ifndef CG_BASE_SECRET_H
#define CG_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "crategate/err.h"

struct cg_secret {
    unsigned char *bytes; /* NUL-terminated beyond len, NULL when empty */
    size_t len;
};

void cg_secret_set(struct cg_secret *secret, const void *bytes, size_t len); /* wipes what was there */
void cg_secret_copy(struct cg_secret *to, const struct cg_secret *from);
void cg_secret_free(struct cg_secret *secret); /* wipes; safe on a zeroed one and twice */
bool cg_secret_equal(const struct cg_secret *a, const struct cg_secret *b);
/* Constant time in len. */
bool cg_secret_equal_bytes(const void *a, const void *b, size_t len);
/* Wipes memory in a way the compiler keeps. */
void cg_wipe(void *bytes, size_t len);
/* Reads a secret file: regular, at most 64 KiB, no rights for group or others (0600 or 0400), owned by us or root;
 * one trailing newline is dropped; empty is INVALID. The error names the file and what to do. */
enum cg_err cg_secret_read_file(struct cg_secret *secret, const char *path, struct cg_error *err) CG_CHECK;

#endif
