/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Where a member stands in the text of a JSON object, so that one value can be changed and no other byte. Pure. */
#ifndef CG_REGISTRY_JSON_SCAN_H
#define CG_REGISTRY_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

/* `text` is one valid JSON object (a parser has said so). True when it has `key` at its top: *start_out and *end_out
 * bound the member's value. */
bool cg_json_scan_member(const char *text, size_t len, const char *key, size_t *start_out, size_t *end_out);

#endif
