/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Prints docs/audit.schema.json. */
#include <stdio.h>

#include "log/audit_schema.h"

int main(void)
{
    struct cg_buf out;
    cg_buf_init(&out, 1024 * 1024);
    cg_audit_write_schema(&out);
    int rc = cg_buf_failed(&out) || fputs(cg_buf_str(&out), stdout) == EOF;
    cg_buf_free(&out);
    return rc;
}
