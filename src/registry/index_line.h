/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Index lines and files (cargo-protocol.md 3). Pure text; any thread.
 */
#ifndef CG_REGISTRY_INDEX_LINE_H
#define CG_REGISTRY_INDEX_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "registry/package.h"
#include "registry/semver.h"

/* "ab/cd/abcd" of a name, lower-cased, into out (CG_CRATE_NAME_MAX + 8 bytes). */
#define CG_INDEX_PATH_SIZE 80
void cg_index_path(const char *name, char out[CG_INDEX_PATH_SIZE]);
/* The other way: is `path` exactly the index path of some valid lower-case name? Then that name's start within path. */
const char *cg_index_path_name(const char *path);

/* One line without newline, appended: every field of 3.1, features split as 3.3, v as needed, nulls only where every
 * cargo takes them. cksum is 64 lower-case digits; pubtime is wall seconds. */
void cg_index_line_write(const struct cg_package *package, const char *cksum, int64_t pubtime, bool yanked,
                         struct cg_buf *out);

/* What the gateway reads back from a line. */
struct cg_index_entry {
    char name[65];
    char version[CG_VERSION_MAX + 1];
    struct cg_semver semver;
    char cksum[65];
    bool yanked;
    int64_t pubtime; /* 0 when absent */
    const char *line; /* borrowed from the file's text */
    size_t line_len;
};

/* Reads one line. INVALID when it is not one of ours. */
enum cg_err cg_index_line_read(const char *line, size_t len, struct cg_index_entry *out, struct cg_error *err) CG_CHECK;
/* Visits every line of a file's text; blank lines are skipped. Non-OK stops. */
typedef enum cg_err (*cg_index_entry_visit)(void *cls, const struct cg_index_entry *entry);
enum cg_err cg_index_each(const char *text, size_t len, cg_index_entry_visit visit, void *cls,
                          struct cg_error *err) CG_CHECK;
/* The entry of that version (build metadata ignored). ABSENT. */
enum cg_err cg_index_find(const char *text, size_t len, const struct cg_semver *version, struct cg_index_entry *out,
                          struct cg_error *err) CG_CHECK;
/* Cheaper: false only when no line of the text is of that version. */
bool cg_index_may_hold(const char *text, size_t len, const struct cg_semver *version);
/* The file's text with one line's yanked flag set; *changed_out false when it already was so. */
enum cg_err cg_index_set_yanked(const char *text, size_t len, const struct cg_semver *version, bool yanked,
                                struct cg_buf *out, bool *changed_out, struct cg_error *err) CG_CHECK;

#endif
