/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/http1/connection.h"

#include <fcntl.h>
#include <unistd.h>

#define FEED_BLOCK (64u * 1024u)

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
    struct MHD_Response *made;

    if (response->file)
        response->fd = fcntl(response->file->fd, F_DUPFD_CLOEXEC, 0);
    made = response->fd >= 0
               ? MHD_create_response_from_fd_at_offset64(response->file_len, response->fd, response->file_offset)
               : NULL;
    if (made)
        response->fd = -1;
    return made;
}

/* The library asks for bytes of a file that is still coming in. */
static ssize_t read_feed(void *cls, uint64_t pos, char *out, size_t max)
{
    struct cg_http1_conn *conn = cls;
    uint64_t len = 0, at = conn->feed_offset + pos;
    ssize_t n;

    switch (cg_feed_ready(conn->feed, at, NULL, &len)) {
    case CG_OK:
        n = pread(cg_feed_fd(conn->feed), out, len < max ? (size_t)len : max, (off_t)at);
        return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR;
    case CG_ERR_AGAIN:
        /* The time for ending well is over, and one that only trickles in would keep the server from ending at all. */
        if (atomic_load(&conn->http1->loop->server->stopping))
            return MHD_CONTENT_READER_END_WITH_ERROR;
        conn->feed_waiter.offset = at;
        cg_conn_await_feed(conn);
        return 0;
    default: /* the client sees an end before Content-Length, and throws away what it has */
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
}

static void drop_feed(void *cls)
{
    struct cg_http1_conn *conn = cls;

    cg_feed_unref(&conn->feed);
}

static struct MHD_Response *from_feed(struct cg_http1_conn *conn, struct cg_response *response)
{
    struct MHD_Response *made =
        MHD_create_response_from_callback(response->file_len, FEED_BLOCK, read_feed, conn, drop_feed);

    if (made) {
        conn->feed = response->feed;
        conn->feed_offset = response->file_offset;
        response->feed = NULL;
    }
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

static struct MHD_Response *make(struct cg_http1_conn *conn, bool close_after)
{
    struct cg_response *response = &conn->req->response;
    struct MHD_Response *made;

    if (response->blob)
        made = from_blob(response);
    else if ((response->fd >= 0 || response->file) && response->file_len > 0)
        made = from_file(response);
    else if (response->feed && response->file_len > 0)
        made = from_feed(conn, response);
    else
        made = from_buf(response);
    if (made && !add_headers(made, response, close_after)) {
        MHD_destroy_response(made);
        made = NULL;
    }
    return made;
}

/* One that was kept, or one that will be. */
static struct cg_ready *make_ready(struct cg_http1_conn *conn)
{
    struct cg_ready *ready = cg_ready_take(&conn->http1->ready, conn->req);
    struct MHD_Response *made = ready ? NULL : make(conn, false);

    return made ? cg_ready_new(conn->req, made, conn->http1->loop->now_ms) : ready;
}

enum MHD_Result cg_answer_queue(struct cg_http1_conn *conn, bool close_after)
{
    unsigned status = conn->req->response.status;
    struct MHD_Response *made;
    enum MHD_Result rc;

    if (!close_after && cg_ready_fits(&conn->req->response)) {
        conn->ready = make_ready(conn);
        return conn->ready ? MHD_queue_response(conn->mhd, status, cg_ready_response(conn->ready)) : MHD_NO;
    }
    made = make(conn, close_after);
    if (!made)
        return MHD_NO;
    rc = MHD_queue_response(conn->mhd, status, made);
    MHD_destroy_response(made);
    return rc;
}
