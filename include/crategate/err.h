/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Errors: one enum, one table, one carrier.
 *
 * Every fallible function returns `enum cg_err` and is declared CG_CHECK.
 * The code says what kind of failure it is and so, through this table alone,
 * which HTTP status and audit outcome follow. The sentence for the person who
 * has to act travels in a caller-owned `struct cg_error`, passed as the last
 * parameter before the out-parameters' owner needs it; it may be NULL.
 *
 * "Denied", "absent", "conflict" and "invalid" are answers. "Unavailable" is
 * the lack of one: a backend did not answer. "Internal" is a fault of ours.
 * They are never turned into one another.
 *
 * Threading: a `struct cg_error` belongs to one thread at a time.
 */
#ifndef CRATEGATE_ERR_H
#define CRATEGATE_ERR_H

#include <stdarg.h>
#include <stdbool.h>

#define CG_CHECK __attribute__((warn_unused_result))
#define CG_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* name, text, HTTP status, audit outcome */
#define CG_ERR_TABLE(X)                                                       \
    X(OK, "ok", 200, "ok")                                                    \
    X(AGAIN, "not in memory, ask on a worker", 500, "internal")               \
    X(INVALID, "invalid request", 400, "refused")                             \
    X(UNAUTHENTICATED, "not authenticated", 401, "refused")                   \
    X(DENIED, "forbidden", 403, "refused")                                    \
    X(ABSENT, "not found", 404, "refused")                                    \
    X(METHOD, "method not allowed", 405, "refused")                           \
    X(TIMEOUT, "request timed out", 408, "refused")                           \
    X(CONFLICT, "conflict", 409, "refused")                                   \
    X(TOO_LARGE, "too large", 413, "refused")                                 \
    X(URI_TOO_LONG, "address too long", 414, "refused")                       \
    X(RANGE, "range not satisfiable", 416, "refused")                         \
    X(UNPROCESSABLE, "unprocessable", 422, "refused")                         \
    X(THROTTLED, "too many requests", 429, "refused")                         \
    X(HEADERS_TOO_LARGE, "headers too large", 431, "refused")                 \
    X(INTERNAL, "internal error", 500, "failed")                              \
    X(UNAVAILABLE, "unavailable", 503, "failed")

enum cg_err {
#define X(name, text, status, outcome) CG_ERR_##name,
    CG_ERR_TABLE(X)
#undef X
        CG_ERR_COUNT
};

#define CG_OK CG_ERR_OK

#define CG_ERROR_DETAIL_MAX 1024

/* The carrier. Zero-initialise with `struct cg_error err = {0}`. */
struct cg_error {
    enum cg_err code;
    unsigned retry_after_s;             /* for 429 and 503; 0: the default of the place that answers */
    bool password_sent;                 /* of a login that is UNAVAILABLE: the directory may have counted it as wrong */
    char detail[CG_ERROR_DETAIL_MAX];   /* one or more sentences for a person; never a secret */
    char internal[CG_ERROR_DETAIL_MAX]; /* for the log only, never sent to a caller; may be empty */
};

/* Short English text of a code, static. */
const char *cg_err_text(enum cg_err code);
/* Symbolic name, "UNAVAILABLE", static. */
const char *cg_err_name(enum cg_err code);
/* HTTP status of a code. Nothing else maps errors to status codes. */
unsigned cg_err_http_status(enum cg_err code);
/* "ok", "refused" or "failed", static. */
const char *cg_err_outcome(enum cg_err code);

/* Sets code and detail (cut at the maximum, on a UTF-8 boundary) and returns
 * code, so that `return cg_error_set(err, CG_ERR_INVALID, "...")` works.
 * err may be NULL. */
enum cg_err cg_error_set(struct cg_error *err, enum cg_err code, const char *fmt, ...) CG_PRINTF(3, 4);
/* The same for a fault whose cause a caller must not see: `public_detail` is
 * sent, the formatted text is only logged. */
enum cg_err cg_error_hide(struct cg_error *err, enum cg_err code, const char *public_detail, const char *fmt, ...)
    CG_PRINTF(4, 5);
/* Puts "prefix: " before the detail already there. Returns err's code. */
enum cg_err cg_error_prefix(struct cg_error *err, const char *fmt, ...) CG_PRINTF(2, 3);

/* For programmers' errors; never compiled out. Logs file, line, expression and aborts. */
#define CG_ASSERT(expr) ((expr) ? (void)0 : cg_assert_failed(__FILE__, __LINE__, #expr))
void cg_assert_failed(const char *file, int line, const char *expr) __attribute__((noreturn));

#endif
