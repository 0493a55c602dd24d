/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/http2/conn.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "crategate/clock.h"
#include "log/log.h"

#define FRAME_HEAD 9
#define OWN_FIELDS 4 /* :status, content-type, content-length, date */
#define FIELDS_MAX (CG_RESPONSE_HEADERS + OWN_FIELDS)

/* RFC 9218, section 4.1: smaller is more urgent. Index files and short answers go before what somebody downloads;
 * within a class everybody gets a frame in turn. */
#define URGENCY_SMALL 2
#define URGENCY_BULK 5

/* The names of answers as HTTP/2 spells them: the library need not copy those. */
struct spelling {
    const char *name, *lower;
    uint8_t flags;
};

/* Such a value hardly comes twice: in the header table it would only push out those that do. */
#define FLEETING NGHTTP2_NV_FLAG_NO_INDEX

static const struct spelling spellings[] = {
    {"Cache-Control", "cache-control", 0},
    {"ETag", "etag", FLEETING},
    {"Last-Modified", "last-modified", FLEETING},
    {"Vary", "vary", 0},
    {"X-Request-Id", "x-request-id", FLEETING},
    {"Content-Encoding", "content-encoding", 0},
    {"Accept-Ranges", "accept-ranges", 0},
    {"Content-Range", "content-range", FLEETING},
    {"WWW-Authenticate", "www-authenticate", 0},
    {"X-JFrog-Version", "x-jfrog-version", 0},
    {"Retry-After", "retry-after", 0},
    {"Location", "location", FLEETING},
    {"Allow", "allow", 0},
};

static const struct spelling *spelling_of(const char *name)
{
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++)
        if (name[0] == spellings[i].name[0] && cg_streq(name, spellings[i].name))
            return &spellings[i];
    return NULL;
}

/* Values stay where they are until the frame is made, which is before the stream closes. The library writes to none. */
static nghttp2_nv field(const char *name, const char *value, uint8_t flags)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                        .value = (uint8_t *)(uintptr_t)value,
                        .namelen = strlen(name),
                        .valuelen = strlen(value),
                        .flags = (uint8_t)(NGHTTP2_NV_FLAG_NO_COPY_VALUE | flags)};
}

/* What belongs to one connection of HTTP/1.1 is malformed here (RFC 9113, section 8.2.2). */
static bool is_of_connection(const char *name)
{
    static const char *const names[] = {"Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (cg_streq_nocase(name, names[i]))
            return true;
    return false;
}

static size_t add_header(const struct cg_header *header, nghttp2_nv *out)
{
    const struct spelling *known = spelling_of(header->name);

    if (known)
        *out = field(known->lower, header->value, (uint8_t)(NGHTTP2_NV_FLAG_NO_COPY_NAME | known->flags));
    else if (!is_of_connection(header->name))
        *out = field(header->name, header->value, 0); /* copied, and made lower-case */
    else
        return 0;
    return 1;
}

/* The digits and NUL; returns their beginning. printf would be a tenth of what a small answer costs. */
static const char *write_number(char *end, uint64_t value)
{
    *end = '\0';
    do
        *--end = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    return end;
}

/* Made once a second a thread; copied, because the frame may be made after that second. */
static const char *date_now(struct cg_arena *arena)
{
    static _Thread_local struct {
        int64_t wall_s;
        char text[CG_TIME_HTTP_SIZE];
    } date;
    int64_t now = cg_clock_wall_s();

    if (date.wall_s != now) {
        cg_time_http(now, date.text);
        date.wall_s = now;
    }
    return cg_arena_strdup(arena, date.text);
}

static bool has_length(unsigned status)
{
    return status >= 200 && status != 204 && status != 304;
}

static size_t make_fields(struct cg_http2_stream *stream, nghttp2_nv fields[FIELDS_MAX])
{
    const struct cg_response *response = &stream->req->response;
    size_t n = 0;

    fields[n++] = field(":status", write_number(stream->status + sizeof(stream->status) - 1, response->status),
                        NGHTTP2_NV_FLAG_NO_COPY_NAME);
    if (response->content_type)
        fields[n++] = field("content-type", response->content_type, NGHTTP2_NV_FLAG_NO_COPY_NAME);
    if (has_length(response->status))
        fields[n++] = field("content-length", write_number(stream->length + sizeof(stream->length) - 1, stream->len),
                            NGHTTP2_NV_FLAG_NO_COPY_NAME | FLEETING);
    fields[n++] = field("date", date_now(stream->req->arena), NGHTTP2_NV_FLAG_NO_COPY_NAME);
    for (size_t i = 0; i < response->header_count; i++)
        n += add_header(&response->headers[i], &fields[n]);
    return n;
}

static void choose_body(struct cg_http2_stream *stream)
{
    const struct cg_response *response = &stream->req->response;

    if (response->blob) {
        stream->body = CG_HTTP2_BYTES;
        stream->bytes = response->gzip ? response->blob->gzip : response->blob->bytes;
        stream->len = response->gzip ? response->blob->gzip_len : response->blob->len;
    } else if (response->fd >= 0 || response->file || response->feed) {
        stream->body = response->feed ? CG_HTTP2_FEED : CG_HTTP2_FILE;
        stream->len = response->file_len;
    } else {
        stream->body = CG_HTTP2_BYTES;
        stream->bytes = cg_buf_str(&response->buf);
        stream->len = response->buf.len;
    }
    if (stream->len == 0 || !has_length(response->status) || stream->req->method == CG_HEAD)
        stream->body = CG_HTTP2_NOTHING;
}

/* How much of it the next frame takes; the bytes are fetched when there is room for that (cg_http2_send_data). */
static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *out, size_t max, uint32_t *flags,
                         nghttp2_data_source *source, void *cls)
{
    struct cg_http2_stream *stream = source->ptr;
    uint64_t n = stream->len - stream->at, ready = n;

    (void)session, (void)id, (void)out, (void)cls;
    if (stream->body == CG_HTTP2_FEED) {
        uint64_t at = stream->req->response.file_offset + stream->at;
        enum cg_err rc = cg_feed_ready(stream->req->response.feed, at, NULL, &ready);

        /* The time for ending well is over, and one that only trickles in would keep the server from ending at all. */
        if (rc == CG_ERR_AGAIN && !atomic_load(stream->conn->settings->stopping)) {
            cg_http2_stream_await_feed(stream);
            return NGHTTP2_ERR_DEFERRED;
        }
        if (rc != CG_OK) {
            stream->ours = true;
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* RST_STREAM: it is not complete, and nobody takes it for
                                                             that */
        }
    }
    n = ready < n ? ready : n;
    n = n < max ? n : max;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (stream->at + n == stream->len)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static bool read_file(int fd, unsigned char *out, size_t len, uint64_t at)
{
    while (len) {
        ssize_t n = pread(fd, out, len, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        out += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return true;
}

static bool copy_body(const struct cg_http2_stream *stream, unsigned char *out, size_t len)
{
    const struct cg_response *response = &stream->req->response;

    switch (stream->body) {
    case CG_HTTP2_BYTES:
        memcpy(out, stream->bytes + stream->at, len);
        return true;
    case CG_HTTP2_FILE:
        return read_file(response->file ? response->file->fd : response->fd, out, len,
                         response->file_offset + stream->at);
    case CG_HTTP2_FEED:
        return read_file(cg_feed_fd(response->feed), out, len, response->file_offset + stream->at);
    case CG_HTTP2_NOTHING:
        break;
    }
    return false;
}

int cg_http2_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t len,
                       nghttp2_data_source *source, void *cls)
{
    struct cg_http2_conn *conn = cls;
    struct cg_http2_stream *stream = source->ptr;
    unsigned char *out = conn->out + conn->out_len;

    (void)session, (void)frame;
    if (CG_HTTP2_OUT - conn->out_len < FRAME_HEAD + len)
        return NGHTTP2_ERR_WOULDBLOCK;
    memcpy(out, head, FRAME_HEAD);
    if (!copy_body(stream, out + FRAME_HEAD, len)) {
        cg_log(CG_LOG_WARN, "http", stream->req->id, "a file ended or could not be read while it was being sent");
        stream->ours = true;
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    conn->out_len += FRAME_HEAD + len;
    stream->at += len;
    stream->since_ms = conn->data_ms = conn->now_ms;
    cg_http2_bucket_give(&conn->control, &cg_http2_limits.control, 2);
    return 0;
}

/* Also where the client has other wishes (RFC 9218, section 7): cargo has none. */
static void set_priority(struct cg_http2_stream *stream)
{
    bool bulk = stream->body == CG_HTTP2_FILE || stream->body == CG_HTTP2_FEED;
    nghttp2_extpri priority = {.urgency = bulk ? URGENCY_BULK : URGENCY_SMALL, .inc = 1};

    nghttp2_session_change_extpri_stream_priority(stream->conn->session, stream->id, &priority, 1);
}

void cg_http2_answer(struct cg_http2_stream *stream)
{
    nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = read_body};
    nghttp2_nv fields[FIELDS_MAX];
    size_t count;

    choose_body(stream);
    count = make_fields(stream, fields);
    set_priority(stream);
    if (nghttp2_submit_response(stream->conn->session, stream->id, fields, count,
                                stream->body == CG_HTTP2_NOTHING ? NULL : &provider) != 0) {
        stream->ours = true;
        cg_http2_reset(stream, NGHTTP2_INTERNAL_ERROR);
    }
}
