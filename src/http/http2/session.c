/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/http2/conn.h"

#include <string.h>

#include "base/str.h"
#include "log/log.h"

/* Writing: into conn->out, which connection.c sends. */
static ssize_t on_send(nghttp2_session *session, const uint8_t *bytes, size_t len, int flags, void *cls)
{
    struct cg_http2_conn *conn = cls;
    size_t room = CG_HTTP2_OUT - conn->out_len;

    (void)session, (void)flags;
    if (room == 0)
        return NGHTTP2_ERR_WOULDBLOCK;
    if (len > room)
        len = room;
    memcpy(conn->out + conn->out_len, bytes, len);
    conn->out_len += len;
    return (ssize_t)len;
}

static struct cg_http2_stream *stream_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

/* Reading */

static bool is_request(const nghttp2_frame *frame)
{
    return frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *cls)
{
    struct cg_http2_conn *conn = cls;

    if (!is_request(frame))
        return 0;
    /* Those that were given up while a worker had them count no more for the protocol, but they do for us. */
    if (conn->stream_count >= cg_http2_limits.streams + cg_http2_limits.lingering)
        return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
    return nghttp2_session_set_stream_user_data(session, frame->hd.stream_id,
                                                cg_http2_stream_new(conn, frame->hd.stream_id));
}

/* Trailers are checked by the library and mean nothing here. */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags, void *cls)
{
    struct cg_http2_stream *stream = is_request(frame) ? stream_of(session, frame->hd.stream_id) : NULL;

    (void)flags, (void)cls;
    if (!stream || cg_http2_fields_add(stream, (const char *)name, name_len, (const char *)value, value_len))
        return 0;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* RST_STREAM; the rest is decoded and dropped */
}

/* Left out silently, a field would be seen by whoever is in front of us and not by us. */
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                             const uint8_t *value, size_t value_len, uint8_t flags, void *cls)
{
    (void)session, (void)frame, (void)name, (void)name_len, (void)value, (void)value_len, (void)flags, (void)cls;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *cls)
{
    struct cg_http2_conn *conn = cls;
    struct cg_http2_stream *stream = stream_of(session, frame->hd.stream_id);
    bool ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        if (stream && is_request(frame))
            cg_http2_stream_begin(stream, ended);
        else if (stream && ended)
            cg_http2_stream_end_of_body(stream);
        break;
    case NGHTTP2_DATA:
        if (stream && ended)
            cg_http2_stream_end_of_body(stream);
        break;
    case NGHTTP2_SETTINGS:
        if (frame->hd.flags & NGHTTP2_FLAG_ACK)
            conn->settings_acked = true;
        break;
    case NGHTTP2_PING: /* ours went out with the notice that we shut down: every stream opened before that has come */
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) && conn->draining)
            cg_http2_goodbye(conn);
        break;
    default:
        break;
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes, size_t len, void *cls)
{
    struct cg_http2_stream *stream = stream_of(session, id);

    (void)flags, (void)cls;
    if (stream)
        cg_http2_stream_data(stream, bytes, len);
    else
        nghttp2_session_consume_connection(session, len);
    return 0;
}

/* Written */

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *cls)
{
    struct cg_http2_conn *conn = cls;
    struct cg_http2_stream *stream;

    if (frame->hd.type == NGHTTP2_RST_STREAM)
        cg_http2_scan_reset(conn, frame->hd.stream_id);
    if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
        !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) || !(stream = stream_of(session, frame->hd.stream_id)))
        return 0;
    stream->ended = true;
    if (frame->hd.type == NGHTTP2_HEADERS) /* one without a body, as "304": it allows for as much as a frame of one */
        cg_http2_bucket_give(&conn->control, &cg_http2_limits.control, 2);
    /* Answered before the request was complete: it need not go on (RFC 9113, section 8.1). But when RST_STREAM comes
     * together with the answer, curl loses the answer, so its sender has a while (cg_http2_check_pace). */
    if (!stream->remote_ended && conn->draining)
        cg_http2_reset(stream, NGHTTP2_NO_ERROR);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *cls)
{
    struct cg_http2_conn *conn = cls;
    struct cg_http2_stream *stream = stream_of(session, id);
    bool given_up = !stream || (!stream->ended && !stream->ours); /* none: it was refused at once */

    (void)code;
    if (stream) {
        nghttp2_session_set_stream_user_data(session, id, NULL);
        cg_http2_stream_close(stream);
    }
    /* An error from here would leave the library between two states: it is looked at when it has returned. */
    if (given_up && !cg_http2_bucket_take(&conn->resets, &cg_http2_limits.resets, 1, conn->now_ms))
        conn->failure = NGHTTP2_ENHANCE_YOUR_CALM;
    return 0;
}

void cg_http2_reset(struct cg_http2_stream *stream, uint32_t code)
{
    nghttp2_submit_rst_stream(stream->conn->session, NGHTTP2_FLAG_NONE, stream->id, code);
}

void cg_http2_goodbye(struct cg_http2_conn *conn)
{
    if (conn->said_goodbye)
        return;
    conn->said_goodbye = true;
    nghttp2_submit_goaway(conn->session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(conn->session),
                          NGHTTP2_NO_ERROR, NULL, 0);
}

/* Making it */

static nghttp2_session_callbacks *make_callbacks(void)
{
    nghttp2_session_callbacks *made;

    if (nghttp2_session_callbacks_new(&made) != 0)
        return NULL;
    nghttp2_session_callbacks_set_send_callback(made, on_send);
    nghttp2_session_callbacks_set_send_data_callback(made, cg_http2_send_data);
    nghttp2_session_callbacks_set_on_begin_headers_callback(made, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(made, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(made, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(made, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, on_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(made, on_frame_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(made, on_stream_close);
    return made;
}

static nghttp2_option *make_options(void)
{
    nghttp2_option *made;

    if (nghttp2_option_new(&made) != 0)
        return NULL;
    nghttp2_option_set_no_auto_window_update(made, 1);
    nghttp2_option_set_no_closed_streams(made, 1);
    nghttp2_option_set_max_deflate_dynamic_table_size(made, cg_http2_limits.table);
    nghttp2_option_set_max_outbound_ack(made, cg_http2_limits.acks);
    nghttp2_option_set_max_settings(made, cg_http2_limits.settings);
    return made;
}

static bool submit_settings(struct cg_http2_conn *conn)
{
    const nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, cg_http2_limits.streams},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, cg_http2_limits.header_list},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };

    return nghttp2_submit_settings(conn->session, NGHTTP2_FLAG_NONE, entries, sizeof(entries) / sizeof(entries[0])) ==
           0;
}

bool cg_http2_session_open(struct cg_http2_conn *conn)
{
    nghttp2_session_callbacks *callbacks = make_callbacks();
    nghttp2_option *options = make_options();
    bool ok = callbacks && options &&
              nghttp2_session_server_new3(&conn->session, callbacks, conn, options, NULL) == 0 && submit_settings(conn);

    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(options);
    return ok;
}

/* The upgrade */

#define SETTINGS_MAX 512 /* bytes of them; the library takes 32 entries of 6 */

static bool read_settings(const char *text, struct cg_buf *out)
{
    char standard[SETTINGS_MAX * 2];
    size_t len = strlen(text);

    if (len >= sizeof(standard))
        return false;
    for (size_t i = 0; i <= len; i++)
        standard[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
    return cg_base64_decode(standard, len, out) == CG_OK && !cg_buf_failed(out);
}

/* "http://host/path" is for proxies, but every server takes it (RFC 9112, section 3.2.2). */
static const char *strip_authority(const char *target)
{
    const char *host, *path;

    if (target[0] == '/' || !(host = strstr(target, "://")))
        return target;
    path = strpbrk(host + strlen("://"), "/?");
    return path ? path : "/";
}

static void add_field(struct cg_http2_stream *stream, const char *name, const char *value)
{
    char lower[256];
    size_t len = strlen(name);

    if (len >= sizeof(lower))
        return;
    memcpy(lower, name, len + 1);
    cg_str_lower(lower);
    cg_http2_fields_add(stream, lower, len, value, strlen(value));
}

static void take_request(struct cg_http2_conn *conn, const struct cg_http2_upgrade *first)
{
    struct cg_http2_stream *stream = cg_http2_stream_new(conn, 1);

    conn->scan.last_id = 1;
    nghttp2_session_set_stream_user_data(conn->session, 1, stream);
    add_field(stream, ":method", first->method);
    add_field(stream, ":path", strip_authority(first->target));
    for (size_t i = 0; i < first->header_count; i++)
        add_field(stream, first->headers[i].name, first->headers[i].value);
    cg_http2_stream_begin(stream, true);
}

bool cg_http2_session_upgrade(struct cg_http2_conn *conn, const struct cg_http2_upgrade *first)
{
    struct cg_buf settings;
    bool ok;

    cg_buf_init(&settings, SETTINGS_MAX);
    ok = read_settings(first->settings, &settings) &&
         nghttp2_session_upgrade2(conn->session, (const uint8_t *)cg_buf_str(&settings), settings.len,
                                  cg_streq(first->method, "HEAD"), NULL) == 0;
    cg_buf_free(&settings);
    if (ok)
        take_request(conn, first);
    return ok;
}
