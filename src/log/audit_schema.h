/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* docs/audit.schema.json: the JSON Schema of one line of the audit trail, from the tables that make the lines. Pure. */
#ifndef CG_LOG_AUDIT_SCHEMA_H
#define CG_LOG_AUDIT_SCHEMA_H

#include "base/buf.h"

void cg_audit_write_schema(struct cg_buf *out);

#endif
