/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Text: folding, numbers, encodings. Pure functions, thread safe; ASCII rules whatever the locale. */
#ifndef CG_BASE_STR_H
#define CG_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crategate/err.h"
#include "base/buf.h"

bool cg_streq(const char *a, const char *b);       /* NULL equals only NULL */
bool cg_streq_nocase(const char *a, const char *b); /* ASCII case folded */
bool cg_str_starts(const char *text, const char *prefix);
bool cg_str_starts_nocase(const char *text, const char *prefix);
bool cg_str_ends(const char *text, const char *suffix);
void cg_str_lower(char *text); /* in place, ASCII */
/* Drops blanks, tabs and line ends at both ends, in place; returns the new start. */
char *cg_str_trim(char *text);
bool cg_is_utf8(const void *bytes, size_t len); /* well-formed, RFC 3629; NUL is allowed */
/* Copies `text` with control characters and non-UTF-8 bytes replaced by '?', for logs and messages. */
void cg_str_printable(const char *text, size_t len, char *out, size_t out_size);

/* Decimal, whole text, no sign or blank, <= max. INVALID otherwise. */
enum cg_err cg_parse_u64(const char *text, uint64_t max, uint64_t *value_out) CG_CHECK;
/* "15m" "12h" "90d" "250ms" "30s" "0": milliseconds. INVALID otherwise. */
enum cg_err cg_parse_duration(const char *text, int64_t *ms_out) CG_CHECK;
/* "64M", binary units K M G T, plain bytes. INVALID otherwise. */
enum cg_err cg_parse_size(const char *text, uint64_t *bytes_out) CG_CHECK;
/* The shortest exact spelling that parses back ("15m", "64M"). */
void cg_format_duration(int64_t ms, char out[32]);
void cg_format_size(uint64_t bytes, char out[32]);

/* Decodes standard base64 (padding optional) into a buffer. INVALID otherwise. */
enum cg_err cg_base64_decode(const char *text, size_t len, struct cg_buf *out) CG_CHECK;
void cg_base64_encode(const void *bytes, size_t len, struct cg_buf *out);
/* Percent-decodes once. `plus_is_blank` for query strings. INVALID on a bad escape or an encoded NUL. */
enum cg_err cg_percent_decode(const char *text, size_t len, bool plus_is_blank, struct cg_buf *out) CG_CHECK;
/* Encodes everything but RFC 3986's unreserved characters. */
void cg_percent_encode(const char *text, struct cg_buf *out);
/* A JSON string with its quotes; invalid UTF-8 becomes U+FFFD. */
void cg_json_quote(struct cg_buf *out, const char *text);
/* HTML text and attribute values. */
void cg_html_escape(struct cg_buf *out, const char *text);

/* Big enough for every name rule below, with NUL. */
#define CG_CRATE_NAME_MAX 64
#define CG_NAMESPACE_MAX 63

/* Crate names (cargo-protocol.md 8.1): ASCII letter first, then letters, digits, '-', '_', at most 64. */
bool cg_crate_name_valid(const char *name);
/* The folded form that makes names one: lower case, '_' -> '-'. `out` holds CG_CRATE_NAME_MAX + 1 bytes;
 * longer input is cut (and so is not valid anyway). */
void cg_crate_name_fold(const char *name, char *out);
/* [a-z0-9][a-z0-9-]{0,62} */
bool cg_namespace_valid(const char *name);
/* "pay-*" or an exact name or "*", against a name; both sides folded. Only one '*', only at the end. */
bool cg_crate_pattern_match(const char *pattern, const char *name);
bool cg_crate_pattern_valid(const char *pattern);

#endif
