/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Lines from a descriptor, with a maximum and without a copy that outlives them. One thread. */
#ifndef CG_CREDENTIAL_LINES_H
#define CG_CREDENTIAL_LINES_H

#include <stddef.h>

#include "crategate/err.h"

#define CG_LINE_MAX 65536

struct cg_lines;

struct cg_lines *cg_lines_new(int fd);       /* the descriptor stays the caller's */
void cg_lines_free(struct cg_lines **lines); /* wipes */
/* The next line without its end, borrowed until the next call. ABSENT at the end of input; TOO_LARGE: the line was
 * skipped; UNAVAILABLE: read failed. */
enum cg_err cg_lines_next(struct cg_lines *lines, const char **text_out, size_t *len_out,
                          struct cg_error *err) CG_CHECK;

#endif
