/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Wakes whose time is still to come: a heap, soonest first. One loop thread. */
#ifndef CG_HTTP_NET_DELAY_H
#define CG_HTTP_NET_DELAY_H

#include <stddef.h>

#include "http/net/wake.h"

struct cg_delay {
    struct cg_wake **heap;
    size_t count, cap;
};

void cg_delay_free(struct cg_delay *delay);
void cg_delay_push(struct cg_delay *delay, struct cg_wake *wake);
/* The soonest that is due, removed; NULL when none is. INT64_MAX as `now_ms` takes all. */
struct cg_wake *cg_delay_pop(struct cg_delay *delay, int64_t now_ms);
/* When the soonest is due; INT64_MAX: never. */
int64_t cg_delay_next(const struct cg_delay *delay);

#endif
