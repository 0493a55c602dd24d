/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What is wrong with a configuration file: collected, then reported in the order of its lines. One thread. */
#ifndef CG_CONF_PROBLEM_H
#define CG_CONF_PROBLEM_H

#include <stddef.h>

#include "base/buf.h"
#include "crategate/err.h"

struct cg_problem {
    unsigned line;
    char *text; /* "KEY: reason" */
};

struct cg_problems {
    const char *file; /* borrowed */
    struct cg_problem *items;
    size_t count;
    size_t dropped; /* beyond the number that anybody reads */
};

void cg_problem_add(struct cg_problems *list, unsigned line, const char *key, const char *fmt, ...) CG_PRINTF(4, 5);
/* INVALID with the first problem in err and all of them, one a line, in report (may be NULL); OK when there is none. */
enum cg_err cg_problem_report(struct cg_problems *list, struct cg_buf *report, struct cg_error *err) CG_CHECK;
void cg_problem_free(struct cg_problems *list);

#endif
