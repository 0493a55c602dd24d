/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Prints docs/http-api.md. */
#include <stdio.h>

#include "api/api.h"

int main(void)
{
    struct cg_buf out;
    int rc;

    cg_buf_init(&out, 1024 * 1024);
    cg_api_write_docs(&out);
    rc = cg_buf_failed(&out) || fputs(cg_buf_str(&out), stdout) == EOF;
    cg_buf_free(&out);
    return rc;
}
