/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/net/delay.h"

#include <stdlib.h>

#include "base/mem.h"

void cg_delay_free(struct cg_delay *delay)
{
    free(delay->heap);
    *delay = (struct cg_delay){0};
}

static void swap(struct cg_wake **a, struct cg_wake **b)
{
    struct cg_wake *kept = *a;

    *a = *b;
    *b = kept;
}

void cg_delay_push(struct cg_delay *delay, struct cg_wake *wake)
{
    struct cg_wake **heap;
    size_t i = delay->count;

    /* At most one entry a request, so the limits of connections and streams bound it. */
    if (delay->count == delay->cap) {
        delay->cap = delay->cap ? delay->cap * 2 : 16;
        delay->heap = cg_reallocarray(delay->heap, delay->cap, sizeof(struct cg_wake *));
    }
    heap = delay->heap;
    heap[delay->count++] = wake;
    for (; i > 0 && heap[i]->due_ms < heap[(i - 1) / 2]->due_ms; i = (i - 1) / 2)
        swap(&heap[i], &heap[(i - 1) / 2]);
}

static void sift_down(struct cg_delay *delay)
{
    struct cg_wake **heap = delay->heap;
    size_t i = 0, child;

    while ((child = 2 * i + 1) < delay->count) {
        if (child + 1 < delay->count && heap[child + 1]->due_ms < heap[child]->due_ms)
            child++;
        if (heap[i]->due_ms <= heap[child]->due_ms)
            return;
        swap(&heap[i], &heap[child]);
        i = child;
    }
}

struct cg_wake *cg_delay_pop(struct cg_delay *delay, int64_t now_ms)
{
    struct cg_wake *wake;

    if (delay->count == 0 || delay->heap[0]->due_ms > now_ms)
        return NULL;
    wake = delay->heap[0];
    delay->heap[0] = delay->heap[--delay->count];
    sift_down(delay);
    return wake;
}

int64_t cg_delay_next(const struct cg_delay *delay)
{
    return delay->count ? delay->heap[0]->due_ms : INT64_MAX;
}
