/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* One audit record as a line of JSON. For audit.c alone. Pure but for the clock. */
#ifndef CG_LOG_AUDIT_RECORD_H
#define CG_LOG_AUDIT_RECORD_H

#include "base/buf.h"
#include "crategate/audit.h"

/* Longest line: every field at its longest and all of it escaped. */
#define CG_AUDIT_LINE_MAX 262144

/* Appends the object and a newline. Fields beyond 2 KiB are cut: a record that is too long must not be lost. */
void cg_audit_record_format(struct cg_buf *out, const struct cg_audit_record *record, int64_t wall_s);

#endif
