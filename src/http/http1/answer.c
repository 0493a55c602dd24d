/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/http1/loop.h"

static void drop_blob(void *cls)
{
    struct cg_blob *blob = cls;

    cg_blob_unref(&blob);
}

/* The bytes are shared with everybody who is being sent them; the response holds a reference. */
static struct MHD_Response *from_blob(struct cg_response *response)
{
    struct cg_blob *blob = response->blob;
    struct MHD_Response *made =
        response->gzip
            ? MHD_create_response_from_buffer_with_free_callback_cls(blob->gzip_len, blob->gzip, drop_blob, blob)
            : MHD_create_response_from_buffer_with_free_callback_cls(blob->len, blob->bytes, drop_blob, blob);

    if (made)
        response->blob = NULL;
    return made;
}

/* sendfile; the library closes the descriptor with the response. */
static struct MHD_Response *from_file(struct cg_response *response)
{
    struct MHD_Response *made =
        MHD_create_response_from_fd_at_offset64(response->file_len, response->fd, response->file_offset);

    if (made)
        response->fd = -1;
    return made;
}

static struct MHD_Response *from_buf(struct cg_response *response)
{
    static char nothing[1];
    size_t len = response->buf.len;

    if (len == 0)
        return MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT);
    return MHD_create_response_from_buffer(len, cg_buf_take(&response->buf), MHD_RESPMEM_MUST_FREE);
}

static bool add_headers(struct MHD_Response *made, const struct cg_response *response, bool close_after)
{
    bool ok = true;

    if (response->content_type)
        ok = MHD_add_response_header(made, "Content-Type", response->content_type) == MHD_YES;
    for (size_t i = 0; i < response->header_count; i++)
        ok = ok && MHD_add_response_header(made, response->headers[i].name, response->headers[i].value) == MHD_YES;
    if (close_after)
        ok = ok && MHD_add_response_header(made, "Connection", "close") == MHD_YES;
    return ok;
}

struct MHD_Response *cg_answer_make(struct cg_response *response, bool close_after)
{
    struct MHD_Response *made;

    if (response->blob)
        made = from_blob(response);
    else if (response->fd >= 0 && response->file_len > 0)
        made = from_file(response);
    else
        made = from_buf(response);
    if (made && !add_headers(made, response, close_after)) {
        MHD_destroy_response(made);
        made = NULL;
    }
    return made;
}
