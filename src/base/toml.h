/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * TOML in, JSON out: the one place that knows toml++ (and the only C++ in the
 * tree, toml.cc). TOML 1.0. Dates and times become strings, integers stay
 * integers, inf and nan strings. Values nest at most 64 deep and a dotted key has
 * at most 17 parts, so hostile input cannot exhaust the stack. Input must be
 * UTF-8. Thread safe.
 */
#ifndef CG_BASE_TOML_H
#define CG_BASE_TOML_H

#include <stddef.h>

#include "crategate/err.h"
#include "base/buf.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Parses `text` and appends to `json` one JSON object with the document, keys in document order.
 * When `lines` is not NULL it receives a JSON object that maps each key's path to its line, path elements
 * joined by U+001F ("namespace\x1fpayments\x1fread"); array elements by index ("...read\x1f0").
 * INVALID: *line_out (may be NULL) is the line (from 1) and err's detail the reason without the line.
 * TOO_LARGE: the result does not fit its buffer. */
enum cg_err cg_toml_to_json(const char *text, size_t len, struct cg_buf *json, struct cg_buf *lines,
                            unsigned *line_out, struct cg_error *err) CG_CHECK;

#ifdef __cplusplus
}
#endif
#endif
