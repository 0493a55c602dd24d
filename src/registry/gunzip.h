/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A stream that must be exactly one gzip member: cargo reads the first and ignores the rest, so a second one, or
 * bytes behind the trailer, would be content that nobody reviews. One thread at a time.
 */
#ifndef CG_REGISTRY_GUNZIP_H
#define CG_REGISTRY_GUNZIP_H

#include "registry/archive.h"

struct cg_gunzip;

/* max: how many bytes may come out. source must outlive it. */
struct cg_gunzip *cg_gunzip_new(const struct cg_archive_source *source, uint64_t max);
void cg_gunzip_free(struct cg_gunzip **gz);
/* The next bytes, borrowed until the next call; *len_out 0 at the end, which is reported only after checksum, length
 * and the absence of trailing bytes are proven. INVALID (gzip-member, gzip-trailer), TOO_LARGE (unpacked-size), or the
 * source's own error. */
enum cg_err cg_gunzip_read(struct cg_gunzip *gz, const unsigned char **bytes_out, size_t *len_out,
                           struct cg_error *err) CG_CHECK;

#endif
