/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What a client says about the copy it has and the form it wants: If-None-Match,
 * If-Modified-Since, Range, If-Range, Accept-Encoding (RFC 9110, sections 12.5.3,
 * 13 and 14). What cannot be parsed is as if it were not there: the whole answer
 * is always right. Pure; any thread. Every header argument may be NULL.
 */
#ifndef CG_HTTP_CONDITIONAL_H
#define CG_HTTP_CONDITIONAL_H

#include <stdbool.h>
#include <stdint.h>

#include "crategate/err.h"

/* Tags of one resource: `etag` of the bytes, `alt_etag` of their gzip form (NULL: none); mtime 0: none. */
struct cg_validators {
    const char *etag, *alt_etag;
    int64_t mtime; /* wall seconds */
};

struct cg_range {
    uint64_t first, len;
};

/* May the answer be 304? If-Modified-Since counts only without If-None-Match. Weak comparison, lists, "*". */
bool cg_conditional_not_modified(const char *if_none_match, const char *if_modified_since,
                                 const struct cg_validators *have);
/* Is gzip (or "*") listed with a weight above 0? */
bool cg_conditional_accepts_gzip(const char *accept_encoding);
/* OK: send that part. ABSENT: no range, or one that is not understood (several, another unit): send all. RANGE: nothing
 * of it lies within the `size` bytes (416). */
enum cg_err cg_conditional_range(const char *range, uint64_t size, struct cg_range *range_out) CG_CHECK;
/* May a range be honoured? Strong comparison of a tag, or the exact date. NULL: yes. */
bool cg_conditional_if_range(const char *if_range, const struct cg_validators *have);

#endif
