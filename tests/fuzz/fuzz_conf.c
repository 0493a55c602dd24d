/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A configuration from anywhere: read, dumped, and the dump read again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "conf/conf.h"

#define OUT_MAX (16 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum cg_err parse(const char *text, size_t len, struct cg_conf **conf_out)
{
    struct cg_error err = {0};
    struct cg_buf report;
    enum cg_err rc;

    cg_buf_init(&report, OUT_MAX);
    rc = cg_conf_parse("fuzz", text, len, conf_out, &report, &err);
    CG_ASSERT((rc == CG_OK) == (report.len == 0));
    cg_buf_free(&report);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cg_conf *conf = NULL, *again = NULL;
    struct cg_buf dump;
    enum cg_err rc;

    if (parse((const char *)data, size, &conf) != CG_OK)
        return 0;
    cg_buf_init(&dump, OUT_MAX);
    cg_conf_dump(conf, &dump);
    rc = parse(cg_buf_str(&dump), dump.len, &again);
    CG_ASSERT(rc == CG_OK);
    cg_buf_free(&dump);
    cg_conf_unref(&again);
    cg_conf_unref(&conf);
    return 0;
}
