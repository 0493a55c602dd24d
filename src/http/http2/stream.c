/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/http2/conn.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "http/pipeline.h"

static void enter(struct cg_http2_stream *stream, enum cg_http2_state state)
{
    stream->state = state;
    stream->since_ms = stream->conn->now_ms;
}

/* Any thread. */
static void wake(void *transport)
{
    struct cg_http2_stream *stream = transport;

    stream->wake.due_ms = stream->req->resume_at_ms;
    cg_loop_post(stream->conn->loop, &stream->wake);
}

static const char *header(void *transport, const char *name, unsigned *count_out)
{
    return cg_http2_fields_get(transport, name, count_out);
}

static const struct cg_transport_ops ops = {.name = "http/2", .header = header, .shares_files = true, .wake = wake};

/* Streams come and go */

static void on_wake(struct cg_wake *wake);

struct cg_http2_stream *cg_http2_stream_new(struct cg_http2_conn *conn, int32_t id)
{
    struct cg_http2_stream *stream = cg_calloc(1, sizeof(*stream));

    stream->conn = conn;
    stream->id = id;
    stream->wake.run = on_wake;
    stream->fields_end = &stream->fields;
    cg_buf_init(&stream->pending, (size_t)cg_http2_limits.window_upload + NGHTTP2_INITIAL_WINDOW_SIZE);
    stream->req = cg_request_new(conn->settings->gw, &ops, stream);
    stream->req->peer = conn->peer;
    stream->req->unix_peer = conn->peer.ss_family != AF_INET && conn->peer.ss_family != AF_INET6;
    stream->req->tls = cg_wire_secure(conn->wire);
    stream->req->memo = conn->memo;
    enter(stream, CG_HTTP2_HEADERS);
    stream->next = conn->streams;
    if (stream->next)
        stream->next->prev = stream;
    conn->streams = stream;
    conn->stream_count++;
    atomic_fetch_add(conn->settings->active, 1);
    return stream;
}

static void unlink_stream(struct cg_http2_stream *stream)
{
    struct cg_http2_conn *conn = stream->conn;

    if (stream->prev)
        stream->prev->next = stream->next;
    else
        conn->streams = stream->next;
    if (stream->next)
        stream->next->prev = stream->prev;
    if (--conn->stream_count == 0)
        conn->idle_ms = conn->now_ms;
}

static void free_stream(struct cg_http2_stream *stream)
{
    atomic_size_t *active = stream->conn->settings->active;

    unlink_stream(stream);
    cg_http2_fields_wipe(stream);
    cg_pipeline_finish(&stream->req, stream->ended);
    cg_buf_free(&stream->pending);
    free(stream);
    atomic_fetch_sub(active, 1);
}

static size_t left(const struct cg_http2_stream *stream)
{
    return stream->pending.len - stream->pending_at;
}

static void drop_pending(struct cg_http2_stream *stream)
{
    cg_buf_free(&stream->pending);
    stream->pending_at = 0;
}

/* Its maximum is what the window allows, so it has no room for what was taken already. */
static void close_up(struct cg_http2_stream *stream)
{
    size_t len = left(stream);

    if (stream->pending_at == 0)
        return;
    memmove(stream->pending.data, stream->pending.data + stream->pending_at, len);
    stream->pending.len = len;
    stream->pending_at = 0;
}

void cg_http2_stream_close(struct cg_http2_stream *stream)
{
    struct cg_http2_conn *conn = stream->conn;

    /* What it still kept of the connection's window is free for the others. */
    if (left(stream) && conn->life == CG_HTTP2_OPEN)
        nghttp2_session_consume_connection(conn->session, left(stream));
    drop_pending(stream);
    stream->gone = true;
    if (!stream->waiting)
        free_stream(stream);
}

/* Waiting */

/* Once it is handed over, it may be woken at any moment; but what that does, it does on this thread. */
static void start_waiting(struct cg_http2_stream *stream)
{
    stream->waiting = true;
    stream->waits_ms = stream->conn->now_ms;
    stream->conn->waiting++;
}

static void park(struct cg_http2_stream *stream)
{
    start_waiting(stream);
    cg_pipeline_wait(stream->req);
}

static void on_feed(struct cg_feed_waiter *waiter)
{
    struct cg_http2_stream *stream =
        (struct cg_http2_stream *)((char *)waiter - offsetof(struct cg_http2_stream, feed_waiter));

    stream->wake.due_ms = 0;
    cg_loop_post(stream->conn->loop, &stream->wake);
}

void cg_http2_stream_await_feed(struct cg_http2_stream *stream)
{
    uint64_t len, at = stream->req->response.file_offset + stream->at;

    start_waiting(stream);
    stream->feed_waiter.wake = on_feed;
    stream->feed_waiter.offset = at;
    if (cg_feed_ready(stream->req->response.feed, at, &stream->feed_waiter, &len) != CG_ERR_AGAIN)
        on_feed(&stream->feed_waiter); /* something has come, or gone wrong, meanwhile */
}

static void advance(struct cg_http2_stream *stream);
static void feed_pipeline(struct cg_http2_stream *stream);

static void on_wake(struct cg_wake *wake)
{
    struct cg_http2_stream *stream = (struct cg_http2_stream *)((char *)wake - offsetof(struct cg_http2_stream, wake));
    struct cg_http2_conn *conn = stream->conn;

    conn->now_ms = cg_clock_mono_ms();
    stream->since_ms += conn->now_ms - stream->waits_ms;
    stream->waiting = false;
    conn->waiting--;
    if (stream->gone)
        free_stream(stream);
    else if (stream->state == CG_HTTP2_SEND)
        nghttp2_session_resume_data(conn->session, stream->id);
    else if (stream->state == CG_HTTP2_BODY)
        feed_pipeline(stream);
    else
        advance(stream);
    cg_loop_serve_http2(conn->loop, conn);
}

/* The request */

static void consume(struct cg_http2_stream *stream, size_t len)
{
    if (len)
        nghttp2_session_consume(stream->conn->session, stream->id, len);
}

static void answer(struct cg_http2_stream *stream)
{
    if (left(stream))
        nghttp2_session_consume_connection(stream->conn->session, left(stream));
    drop_pending(stream);
    enter(stream, CG_HTTP2_SEND);
    cg_http2_answer(stream);
}

static void send_continue(struct cg_http2_stream *stream)
{
    static char name[] = ":status", value[] = "100";
    const nghttp2_nv field = {(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE};
    const char *expect = cg_http2_fields_get(stream, "expect", NULL);

    if (expect && cg_streq_nocase(expect, "100-continue") && stream->body_bytes == 0 && !stream->remote_ended)
        nghttp2_submit_headers(stream->conn->session, NGHTTP2_FLAG_NONE, stream->id, NULL, &field, 1, NULL);
}

/* Only whoever may upload gets to send more than a little without being listened to. */
static void widen(struct cg_http2_stream *stream)
{
    struct cg_http2_conn *conn = stream->conn;

    if (stream->remote_ended || stream->req->content_length <= NGHTTP2_INITIAL_WINDOW_SIZE)
        return;
    nghttp2_session_set_local_window_size(conn->session, NGHTTP2_FLAG_NONE, stream->id, cg_http2_limits.window_upload);
    if (!conn->wide)
        nghttp2_session_set_local_window_size(conn->session, NGHTTP2_FLAG_NONE, 0, cg_http2_limits.window_connection);
    conn->wide = true;
}

static void accept_body(struct cg_http2_stream *stream)
{
    enter(stream, CG_HTTP2_BODY);
    send_continue(stream);
    widen(stream);
    feed_pipeline(stream);
}

static void advance(struct cg_http2_stream *stream)
{
    switch (cg_pipeline_run(stream->req)) {
    case CG_STEP_BODY:
        accept_body(stream);
        return;
    case CG_STEP_WAIT:
        park(stream);
        return;
    case CG_STEP_RESPOND:
        answer(stream);
        return;
    case CG_STEP_NEXT:
        break;
    }
    cg_assert_failed(__FILE__, __LINE__, "the pipeline never ends with NEXT");
}

/* Gives the pipeline bytes of the body; how many it took. */
static size_t offer(struct cg_http2_stream *stream, const void *bytes, size_t len)
{
    size_t used = 0;

    if (cg_pipeline_body(stream->req, bytes, len, &used) == CG_STEP_WAIT)
        park(stream);
    consume(stream, used);
    return used;
}

/* Is there an answer already? HTTP/1.1 must read on to be able to give it; here it need not. */
static bool is_refused(const struct cg_http2_stream *stream)
{
    return stream->state == CG_HTTP2_BODY && !stream->waiting && stream->req->step == CG_AT_RESPOND;
}

static bool listens(const struct cg_http2_stream *stream)
{
    return stream->state == CG_HTTP2_BODY && !stream->waiting;
}

/* What was kept, and then perhaps the end. */
static void feed_pipeline(struct cg_http2_stream *stream)
{
    while (listens(stream) && !is_refused(stream) && left(stream))
        stream->pending_at += offer(stream, cg_buf_str(&stream->pending) + stream->pending_at, left(stream));
    close_up(stream);
    if (!listens(stream))
        return;
    if (is_refused(stream)) {
        advance(stream);
        return;
    }
    drop_pending(stream);
    if (!stream->remote_ended)
        return;
    stream->req->body_complete = true;
    enter(stream, CG_HTTP2_RUN);
    advance(stream);
}

static void refuse_headers(struct cg_http2_stream *stream)
{
    struct cg_error err = {0};

    cg_error_set(&err, CG_ERR_HEADERS_TOO_LARGE,
                 "the headers of a request may have at most %u bytes, counted as in "
                 "section 6.5.2 of RFC 9113",
                 cg_http2_limits.header_list);
    cg_respond_error(stream->req, &err);
    answer(stream);
}

void cg_http2_stream_begin(struct cg_http2_stream *stream, bool ended)
{
    stream->remote_ended = ended;
    cg_http2_fields_apply(stream, ended);
    if (cg_http2_fields_too_large(stream)) {
        refuse_headers(stream);
        return;
    }
    stream->req->body_complete = ended;
    enter(stream, ended ? CG_HTTP2_RUN : CG_HTTP2_DECIDE);
    advance(stream);
}

void cg_http2_stream_data(struct cg_http2_stream *stream, const void *bytes, size_t len)
{
    struct cg_http2_conn *conn = stream->conn;
    size_t used = 0;

    if (stream->state == CG_HTTP2_SEND) { /* a refusal: what was on its way may come, and no more of it */
        nghttp2_session_consume_connection(conn->session, len);
        return;
    }
    cg_http2_bucket_give(&conn->waste, &cg_http2_limits.waste, (int64_t)len);
    stream->body_bytes += len;
    if (listens(stream) && left(stream) == 0)
        used = offer(stream, bytes, len);
    if (used < len)
        cg_buf_add(&stream->pending, (const char *)bytes + used, len - used);
    CG_ASSERT(!cg_buf_failed(&stream->pending)); /* the library holds the client to its window */
    if (is_refused(stream))
        advance(stream);
}

void cg_http2_stream_end_of_body(struct cg_http2_stream *stream)
{
    stream->remote_ended = true;
    if (listens(stream))
        feed_pipeline(stream);
}
