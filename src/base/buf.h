/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A growing byte buffer with a hard maximum. Always NUL-terminated, so its
 * data can be read as a string when it holds no NUL. Going past the maximum
 * (or out of memory) makes it "failed": later appends are ignored and
 * cg_buf_failed() says so once at the end, which keeps builders free of checks.
 * One thread at a time.
 */
#ifndef CG_BASE_BUF_H
#define CG_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "crategate/err.h"

struct cg_buf {
    char *data; /* never NULL after init and the first append; use cg_buf_str for reading */
    size_t len;
    size_t cap;
    size_t max;
    bool failed;
};

/* `max` counts content bytes, without the final NUL. No allocation yet. */
void cg_buf_init(struct cg_buf *buf, size_t max);
/* Frees and makes it an empty buffer with the same maximum. */
void cg_buf_free(struct cg_buf *buf);
/* Empties without giving memory back; clears "failed". */
void cg_buf_reset(struct cg_buf *buf);
void cg_buf_add(struct cg_buf *buf, const void *bytes, size_t len);
void cg_buf_addstr(struct cg_buf *buf, const char *text);
void cg_buf_addch(struct cg_buf *buf, char c);
void cg_buf_addf(struct cg_buf *buf, const char *fmt, ...) CG_PRINTF(2, 3);
/* Makes room for `len` more bytes and returns where they go, NULL when they do not fit; then cg_buf_commit. */
void *cg_buf_reserve(struct cg_buf *buf, size_t len);
void cg_buf_commit(struct cg_buf *buf, size_t len);
bool cg_buf_failed(const struct cg_buf *buf);
/* The content as a string, "" when empty. Borrowed until the next change. */
const char *cg_buf_str(const struct cg_buf *buf);
/* Gives the bytes away (free() them); the buffer is empty again. Never NULL unless failed. */
char *cg_buf_take(struct cg_buf *buf);

#endif
