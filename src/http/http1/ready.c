/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/http1/ready.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define LARGEST (64u * 1024u)
#define ID_HEADER "X-Request-Id"
#define FILE_HOLDS_MS 60000

struct cg_ready {
    struct cg_blob *source; /* a reference, so that no other blob can come to lie there */
    const char *content_type;
    unsigned status;
    bool gzip;
    int64_t made_ms;
    struct MHD_Response *response;
    char id[sizeof(((struct cg_request *)0)->id)];
};

/* The last header is the request's id, and nobody has added any to those that follow from the source. */
bool cg_ready_fits(const struct cg_response *response)
{
    return response->source && response->source->len <= LARGEST &&
           response->header_count == response->source_headers + 1;
}

static struct cg_ready **slot_of(struct cg_ready_table *table, const struct cg_blob *source, bool gzip, unsigned status)
{
    uint64_t n = ((uintptr_t)source >> 4) * 4 + (gzip ? 2 : 0) + (status == 304 ? 1 : 0);

    return &table->slots[(n * UINT64_C(0x9e3779b97f4a7c15)) >> 57];
}

static bool is_for(const struct cg_ready *ready, const struct cg_response *response)
{
    return ready->source == response->source && ready->status == response->status && ready->gzip == response->gzip &&
           ready->content_type == response->content_type;
}

static bool is_file(const struct cg_ready *ready)
{
    return ready->source->fd >= 0;
}

static void free_ready(struct cg_ready *ready)
{
    if (!ready)
        return;
    MHD_destroy_response(ready->response);
    cg_blob_unref(&ready->source);
    free(ready);
}

/* Out of its slot. */
static struct cg_ready *empty(struct cg_ready_table *table, struct cg_ready **slot)
{
    struct cg_ready *ready = *slot;

    *slot = NULL;
    if (ready && is_file(ready))
        table->files--;
    return ready;
}

struct cg_ready *cg_ready_take(struct cg_ready_table *table, const struct cg_request *req)
{
    const struct cg_response *response = &req->response;
    struct cg_ready **slot = slot_of(table, response->source, response->gzip, response->status), *ready = *slot;

    if (!ready || !is_for(ready, response))
        return NULL;
    empty(table, slot);
    if (MHD_del_response_header(ready->response, ID_HEADER, ready->id) == MHD_YES &&
        MHD_add_response_header(ready->response, ID_HEADER, req->id) == MHD_YES) {
        memcpy(ready->id, req->id, sizeof(ready->id));
        return ready;
    }
    free_ready(ready);
    return NULL;
}

struct cg_ready *cg_ready_new(const struct cg_request *req, struct MHD_Response *made, int64_t now_ms)
{
    struct cg_ready *ready = cg_calloc(1, sizeof(*ready));

    ready->source = cg_blob_ref(req->response.source);
    ready->content_type = req->response.content_type;
    ready->status = req->response.status;
    ready->gzip = req->response.gzip;
    ready->made_ms = now_ms;
    ready->response = made;
    memcpy(ready->id, req->id, sizeof(ready->id));
    return ready;
}

struct MHD_Response *cg_ready_response(const struct cg_ready *ready)
{
    return ready->response;
}

void cg_ready_give(struct cg_ready_table *table, struct cg_ready **ready)
{
    struct cg_ready **slot;

    if (!*ready)
        return;
    slot = slot_of(table, (*ready)->source, (*ready)->gzip, (*ready)->status);
    free_ready(empty(table, slot));
    *slot = *ready;
    table->files += is_file(*ready);
    *ready = NULL;
}

void cg_ready_sweep(struct cg_ready_table *table, int64_t now_ms)
{
    for (size_t i = 0; table->files && i < CG_READY_SLOTS; i++)
        if (table->slots[i] && is_file(table->slots[i]) && now_ms - table->slots[i]->made_ms >= FILE_HOLDS_MS)
            free_ready(empty(table, &table->slots[i]));
}

void cg_ready_free_all(struct cg_ready_table *table)
{
    for (size_t i = 0; i < CG_READY_SLOTS; i++)
        free_ready(empty(table, &table->slots[i]));
}
