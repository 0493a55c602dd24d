/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/http1/delay.h"

#include <stdlib.h>

#include "base/mem.h"

void cg_delay_free(struct cg_delay *delay)
{
    free(delay->heap);
    *delay = (struct cg_delay){0};
}

static void swap(struct cg_delay_entry *a, struct cg_delay_entry *b)
{
    struct cg_delay_entry kept = *a;

    *a = *b;
    *b = kept;
}

void cg_delay_push(struct cg_delay *delay, struct cg_http1_conn *conn, int64_t at_ms)
{
    struct cg_delay_entry *heap;
    size_t i = delay->count;

    /* At most one entry a connection, so the connection limit bounds it. */
    if (delay->count == delay->cap) {
        delay->cap = delay->cap ? delay->cap * 2 : 16;
        delay->heap = cg_reallocarray(delay->heap, delay->cap, sizeof(*delay->heap));
    }
    heap = delay->heap;
    heap[delay->count++] = (struct cg_delay_entry){.at_ms = at_ms, .conn = conn};
    for (; i > 0 && heap[i].at_ms < heap[(i - 1) / 2].at_ms; i = (i - 1) / 2)
        swap(&heap[i], &heap[(i - 1) / 2]);
}

static void sift_down(struct cg_delay *delay)
{
    struct cg_delay_entry *heap = delay->heap;
    size_t i = 0, child;

    while ((child = 2 * i + 1) < delay->count) {
        if (child + 1 < delay->count && heap[child + 1].at_ms < heap[child].at_ms)
            child++;
        if (heap[i].at_ms <= heap[child].at_ms)
            return;
        swap(&heap[i], &heap[child]);
        i = child;
    }
}

struct cg_http1_conn *cg_delay_pop(struct cg_delay *delay, int64_t now_ms)
{
    struct cg_http1_conn *conn;

    if (delay->count == 0 || delay->heap[0].at_ms > now_ms)
        return NULL;
    conn = delay->heap[0].conn;
    delay->heap[0] = delay->heap[--delay->count];
    sift_down(delay);
    return conn;
}

int64_t cg_delay_next(const struct cg_delay *delay)
{
    return delay->count ? delay->heap[0].at_ms : INT64_MAX;
}
