/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Small readers over jansson for JSON that came from outside. A json_t never
 * crosses a room's border; each room parses for itself with these.
 */
#ifndef CG_BASE_JSON_H
#define CG_BASE_JSON_H

#include <jansson.h>

#include "crategate/err.h"

/* One JSON value, nothing behind it, duplicate keys refused, nesting limited by jansson. INVALID with the reason and
 * line. Caller json_decref()s *out. */
enum cg_err cg_json_parse(const char *text, size_t len, json_t **out, struct cg_error *err) CG_CHECK;
/* Member of an object as a string; NULL when absent, null or of another type. Borrowed. */
const char *cg_json_str(const json_t *object, const char *key);
/* The same, told apart: OK with *out NULL for absent or null, INVALID for another type or an embedded NUL. */
enum cg_err cg_json_get_str(const json_t *object, const char *key, const char **out, struct cg_error *err) CG_CHECK;
/* Compact dump, keys in insertion order; fresh string, free() it. */
char *cg_json_dump(const json_t *value);

#endif
