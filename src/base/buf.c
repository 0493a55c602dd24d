/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define BUF_FIRST 256

void cg_buf_init(struct cg_buf *buf, size_t max)
{
    CG_ASSERT(max < SIZE_MAX);
    *buf = (struct cg_buf){.max = max};
}

void cg_buf_free(struct cg_buf *buf)
{
    free(buf->data);
    cg_buf_init(buf, buf->max);
}

void cg_buf_reset(struct cg_buf *buf)
{
    buf->len = 0;
    buf->failed = false;
    if (buf->data)
        buf->data[0] = '\0';
}

/* Grows by doubling, never beyond the maximum and its NUL. */
static bool grow(struct cg_buf *buf, size_t need)
{
    size_t cap = buf->cap > buf->max / 2 ? buf->max + 1 : buf->cap * 2;
    if (cap < BUF_FIRST)
        cap = BUF_FIRST < buf->max + 1 ? BUF_FIRST : buf->max + 1;
    if (cap < need)
        cap = need;
    char *data = realloc(buf->data, cap);
    if (!data)
        return false;
    data[buf->len] = '\0';
    buf->data = data;
    buf->cap = cap;
    return true;
}

void *cg_buf_reserve(struct cg_buf *buf, size_t len)
{
    if (buf->failed)
        return NULL;
    if (len > buf->max - buf->len || (buf->len + len >= buf->cap && !grow(buf, buf->len + len + 1))) {
        buf->failed = true;
        return NULL;
    }
    return buf->data + buf->len;
}

void cg_buf_commit(struct cg_buf *buf, size_t len)
{
    CG_ASSERT(buf->len + len < buf->cap);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void cg_buf_add(struct cg_buf *buf, const void *bytes, size_t len)
{
    void *room = cg_buf_reserve(buf, len);
    if (!room)
        return;
    if (len)
        memcpy(room, bytes, len);
    cg_buf_commit(buf, len);
}

void cg_buf_addstr(struct cg_buf *buf, const char *text)
{
    cg_buf_add(buf, text, strlen(text));
}

void cg_buf_addch(struct cg_buf *buf, char c)
{
    cg_buf_add(buf, &c, 1);
}

void cg_buf_addf(struct cg_buf *buf, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    size_t room = buf->data ? buf->cap - buf->len : 0;
    int n = buf->failed ? -1 : vsnprintf(room ? buf->data + buf->len : NULL, room, fmt, args);
    if (n < 0) {
        buf->failed = true;
    } else if ((size_t)n < room) {
        cg_buf_commit(buf, (size_t)n);
    } else {
        char *to = cg_buf_reserve(buf, (size_t)n);
        if (to) {
            vsnprintf(to, (size_t)n + 1, fmt, again);
            cg_buf_commit(buf, (size_t)n);
        } else if (room) {
            buf->data[buf->len] = '\0'; /* what the first attempt left behind */
        }
    }
    va_end(again);
    va_end(args);
}

bool cg_buf_failed(const struct cg_buf *buf)
{
    return buf->failed;
}

const char *cg_buf_str(const struct cg_buf *buf)
{
    return buf->data ? buf->data : "";
}

char *cg_buf_take(struct cg_buf *buf)
{
    char *data = buf->data;
    if (buf->failed) {
        free(data);
        data = NULL;
    } else if (!data) {
        data = cg_strdup("");
    }
    cg_buf_init(buf, buf->max);
    return data;
}
