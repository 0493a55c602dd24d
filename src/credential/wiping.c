/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "credential/wiping.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

/* In front of each block; keeps its alignment. */
union head {
    size_t size;
    max_align_t align;
};

void *cg_wiping_malloc(size_t size)
{
    union head *head = size <= SIZE_MAX - sizeof(*head) ? malloc(sizeof(*head) + size) : NULL;

    if (!head)
        return NULL;
    head->size = size;
    return head + 1;
}

void *cg_wiping_calloc(size_t count, size_t size)
{
    void *bytes = size && count > SIZE_MAX / size ? NULL : cg_wiping_malloc(count * size);

    return bytes ? memset(bytes, 0, count * size) : NULL;
}

/* Never in place: the C library's own would leave a copy where the block was. */
void *cg_wiping_realloc(void *old, size_t size)
{
    const size_t before = old ? ((union head *)old - 1)->size : 0;
    void *bytes = cg_wiping_malloc(size);

    if (!bytes)
        return NULL;
    if (old)
        memcpy(bytes, old, before < size ? before : size);
    cg_wiping_free(old);
    return bytes;
}

char *cg_wiping_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = cg_wiping_malloc(size);

    return copy ? memcpy(copy, text, size) : NULL;
}

void cg_wiping_free(void *bytes)
{
    union head *head = bytes ? (union head *)bytes - 1 : NULL;

    if (!head)
        return;
    cg_wipe(head, sizeof(*head) + head->size);
    free(head);
}
