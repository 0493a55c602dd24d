/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Connections whose answer must not go out before a time: a heap, soonest first. One loop thread. */
#ifndef CG_HTTP_HTTP1_DELAY_H
#define CG_HTTP_HTTP1_DELAY_H

#include <stddef.h>
#include <stdint.h>

struct cg_http1_conn;

struct cg_delay_entry {
    int64_t at_ms; /* monotonic */
    struct cg_http1_conn *conn;
};

struct cg_delay {
    struct cg_delay_entry *heap;
    size_t count, cap;
};

void cg_delay_free(struct cg_delay *delay);
void cg_delay_push(struct cg_delay *delay, struct cg_http1_conn *conn, int64_t at_ms);
/* The soonest that is due, removed; NULL when none is. INT64_MAX as `now_ms` takes all. */
struct cg_http1_conn *cg_delay_pop(struct cg_delay *delay, int64_t now_ms);
/* When the soonest is due; INT64_MAX: never. */
int64_t cg_delay_next(const struct cg_delay *delay);

#endif
