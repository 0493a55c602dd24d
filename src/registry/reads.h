/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* crates.io's objects, for reads.c and search.c. All return new references. */
#ifndef CG_REGISTRY_READS_H
#define CG_REGISTRY_READS_H

#include <jansson.h>

#include "registry/rows.h"

/* null for NULL and "". */
json_t *cg_json_text(const char *text);
/* The API's own path of a crate: "/api/v1/crates/NAME" and what follows. */
json_t *cg_json_path(const char *name, const char *fmt, ...) CG_PRINTF(2, 3);
/* Words separated by blanks as a list. */
json_t *cg_json_words(const char *words);
json_t *cg_json_time(int64_t wall_s);
/* The number a version goes by in answers: made of its checksum, so that it is the same whoever rebuilds what. */
json_t *cg_json_version_id(const struct cg_index_entry *entry);

/* "crate" as in search results; no list of versions. */
json_t *cg_json_crate(const struct cg_crate_summary *summary);
/* "version"; row NULL: nothing is known beyond the index line. */
json_t *cg_json_version(const struct cg_index_entry *entry, const struct cg_version_row *row);
/* Dumps, drops the reference and checks. */
enum cg_err cg_answer_json(json_t *json, struct cg_buf *out, struct cg_error *err) CG_CHECK;

#endif
