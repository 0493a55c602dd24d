/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* One value: from JSON into its place in the struct, back into TOML, and freed. By the table; constant, any thread. */
#ifndef CG_CONF_VALUE_H
#define CG_CONF_VALUE_H

#include <jansson.h>

#include "base/buf.h"
#include "conf/schema.h"
#include "crategate/err.h"

/* One element of a list by itself, so that every bad one can be reported. */
enum cg_err cg_value_check_item(const struct cg_conf_key *key, const json_t *item, struct cg_error *err) CG_CHECK;
/* Sets the member of `target` (struct cg_conf or cg_conf_namespace) that the key names; it must still be zeroed.
 * Lists are set whole or not at all. On INVALID nothing is set and *item_out is the index of the bad element of a
 * list, -1 when it is the value itself. */
enum cg_err cg_value_set(const struct cg_conf_key *key, const json_t *value, void *target, int *item_out,
                         struct cg_error *err) CG_CHECK;
/* The default, empty for a required key; CG_ASSERTs that the table's own text is good. */
void cg_value_set_default(const struct cg_conf_key *key, int directory_type, void *target);
/* The effective value as TOML, without the key. */
void cg_value_print(const struct cg_conf_key *key, const void *target, struct cg_buf *out);
/* Only what the value owns; the member is zeroed. */
void cg_value_free(const struct cg_conf_key *key, void *target);
/* A basic string of TOML, quotes and escapes included. */
void cg_value_quote(struct cg_buf *out, const char *text);

#endif
