/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "crategate/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"

static const struct {
    const char *name;
    const char *text;
    const char *outcome;
    unsigned status;
} err_table[] = {
#define X(name, text, status, outcome) [CG_ERR_##name] = {#name, text, outcome, status},
    CG_ERR_TABLE(X)
#undef X
};

/* A code from outside the enum is a fault of ours, and says so rather than reading beyond the table. */
static enum cg_err known(enum cg_err code)
{
    return (unsigned)code < CG_ERR_COUNT ? code : CG_ERR_INTERNAL;
}

const char *cg_err_text(enum cg_err code)
{
    return err_table[known(code)].text;
}

const char *cg_err_name(enum cg_err code)
{
    return err_table[known(code)].name;
}

unsigned cg_err_http_status(enum cg_err code)
{
    return err_table[known(code)].status;
}

const char *cg_err_outcome(enum cg_err code)
{
    return err_table[known(code)].outcome;
}

/* Formats into `out` at `at`, cut on a UTF-8 boundary; returns the new length. */
CG_PRINTF(3, 0) static size_t put_v(char out[CG_ERROR_DETAIL_MAX], size_t at, const char *fmt, va_list args)
{
    size_t room = CG_ERROR_DETAIL_MAX - at;
    int n = vsnprintf(out + at, room, fmt, args);
    if (n < 0)
        out[at] = '\0';
    else if ((size_t)n >= room)
        out[cg_utf8_cut(out, CG_ERROR_DETAIL_MAX - 1)] = '\0';
    return at + strlen(out + at);
}

static size_t CG_PRINTF(3, 4) put(char out[CG_ERROR_DETAIL_MAX], size_t at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    size_t len = put_v(out, at, fmt, args);
    va_end(args);
    return len;
}

/* All three format into a buffer of their own first: an argument may point into the carrier that is being set. */
enum cg_err cg_error_set(struct cg_error *err, enum cg_err code, const char *fmt, ...)
{
    if (!err)
        return code;
    char text[CG_ERROR_DETAIL_MAX];
    va_list args;
    va_start(args, fmt);
    size_t len = put_v(text, 0, fmt, args);
    va_end(args);
    memcpy(err->detail, text, len + 1);
    err->internal[0] = '\0';
    err->code = code;
    return code;
}

enum cg_err cg_error_hide(struct cg_error *err, enum cg_err code, const char *public_detail, const char *fmt, ...)
{
    if (!err)
        return code;
    char text[CG_ERROR_DETAIL_MAX];
    va_list args;
    va_start(args, fmt);
    size_t len = put_v(text, 0, fmt, args);
    va_end(args);
    cg_error_set(err, code, "%s", public_detail);
    memcpy(err->internal, text, len + 1);
    return code;
}

enum cg_err cg_error_prefix(struct cg_error *err, const char *fmt, ...)
{
    if (!err)
        return CG_ERR_INTERNAL;
    char text[CG_ERROR_DETAIL_MAX];
    va_list args;
    va_start(args, fmt);
    size_t len = put_v(text, 0, fmt, args);
    va_end(args);
    len = put(text, len, ": %s", err->detail);
    memcpy(err->detail, text, len + 1);
    return err->code;
}

void cg_assert_failed(const char *file, int line, const char *expr)
{
    /* write(2) alone: the heap or stdio may be what is broken. */
    char text[512];
    int n = snprintf(text, sizeof text, "crategate: %s:%d: assertion failed: %s\n", file, line, expr);
    if (n > 0) {
        size_t len = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
        ssize_t ignored = write(STDERR_FILENO, text, len);
        (void)ignored;
    }
    abort();
}
