/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Lines of an audit file, plain or gzipped, one after the other and never more
 * than one in memory. For audit_verify.c alone. One thread at a time.
 */
#ifndef CG_LOG_AUDIT_STREAM_H
#define CG_LOG_AUDIT_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "crategate/err.h"

struct cg_audit_stream;

/* Opens the file as long as it is now: what is appended later is not seen. */
enum cg_err cg_audit_stream_open(const char *path, struct cg_audit_stream **stream_out, struct cg_error *err) CG_CHECK;
void cg_audit_stream_free(struct cg_audit_stream **stream);
/* Goes to the next line; *more_out false at the end. UNAVAILABLE when it cannot be read, or ends inside its gzip. */
enum cg_err cg_audit_stream_next(struct cg_audit_stream *stream, bool *more_out, struct cg_error *err) CG_CHECK;

/* Of the line it is at, without its newline; cut when it is longer than any record. Borrowed until the next. */
const struct cg_buf *cg_audit_stream_line(const struct cg_audit_stream *stream);
uint64_t cg_audit_stream_number(const struct cg_audit_stream *stream); /* from 1 */
bool cg_audit_stream_whole(const struct cg_audit_stream *stream);      /* has it a newline? */
const char *cg_audit_stream_path(const struct cg_audit_stream *stream);
/* Which file it is, as it was opened. */
const struct stat *cg_audit_stream_stat(const struct cg_audit_stream *stream);

#endif
