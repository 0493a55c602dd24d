/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What costs a client nothing and us something, in quantities: streams that are
 * opened and given up (CVE-2023-44487, and CVE-2025-8671, where the client makes
 * the server give them up), pings, settings, priorities, window updates, empty
 * and tiny frames, header blocks without end (CVE-2024-27316). A client that goes
 * on like that is told ENHANCE_YOUR_CALM and cut off. Newer versions of nghttp2
 * know some of these; what is here holds for all.
 */
#include "http/http2/conn.h"

#include <string.h>

#include "base/mem.h"

#define FRAME_HEAD 9
#define PRIORITY_LEN 5
#define FLAG_END_STREAM 0x01
/* A DATA frame with less in it, and more to come, carries nothing. */
#define TINY 32

const struct cg_http2_limits cg_http2_limits = {
    .streams = 128,
    .lingering = 128,
    .header_list = 32 * 1024,
    .header_hopeless = 1024 * 1024,
    .continuations = 8,
    .settings = 32,
    .acks = 256,
    .queue = 512,
    .window_upload = 1024 * 1024,
    .window_connection = 4 * 1024 * 1024,
    .table = 1024,
    .control = {.burst = 2000, .a_second = 200},
    .resets = {.burst = 400, .a_second = 20},
    .waste = {.burst = 16 * 1024 * 1024, .a_second = 1024 * 1024},
};

void cg_http2_bucket_fill(struct cg_http2_bucket *bucket, const struct cg_http2_rate *rate, int64_t now_ms)
{
    *bucket = (struct cg_http2_bucket){.left = rate->burst * 1000, .at_ms = now_ms};
}

void cg_http2_bucket_give(struct cg_http2_bucket *bucket, const struct cg_http2_rate *rate, int64_t amount)
{
    bucket->left += amount * 1000;
    if (bucket->left > rate->burst * 1000)
        bucket->left = rate->burst * 1000;
}

bool cg_http2_bucket_take(struct cg_http2_bucket *bucket, const struct cg_http2_rate *rate, int64_t cost,
                          int64_t now_ms)
{
    int64_t full_ms = rate->burst * 1000 / rate->a_second, past_ms = now_ms - bucket->at_ms;

    if (past_ms > 0) {
        bucket->left += (past_ms < full_ms ? past_ms : full_ms) * rate->a_second;
        cg_http2_bucket_give(bucket, rate, 0);
        bucket->at_ms = now_ms;
    }
    bucket->left -= cost * 1000;
    return bucket->left >= 0;
}

static bool control_frame(struct cg_http2_conn *conn)
{
    return cg_http2_bucket_take(&conn->control, &cg_http2_limits.control, 1, conn->now_ms);
}

/* What of it is wanted is given back when it arrives (cg_http2_stream_data). */
static bool data_frame(struct cg_http2_conn *conn, size_t len, unsigned char flags)
{
    if (len < TINY && !(flags & FLAG_END_STREAM) && !control_frame(conn))
        return false;
    return cg_http2_bucket_take(&conn->waste, &cg_http2_limits.waste, (int64_t)len, conn->now_ms);
}

static uint32_t read_u32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* A client opens no more streams than are allowed at once, and learns of resets in their order: of older ones it knows.
 */
#define RESETS_KEPT 128

void cg_http2_scan_reset(struct cg_http2_conn *conn, int32_t id)
{
    struct cg_http2_scan *scan = &conn->scan;

    if (!scan->reset)
        scan->reset = cg_calloc(RESETS_KEPT, sizeof(*scan->reset));
    scan->reset[scan->reset_count++ % RESETS_KEPT] = id;
}

static bool was_reset(const struct cg_http2_scan *scan, int32_t id)
{
    for (size_t i = 0; i < RESETS_KEPT && scan->reset; i++)
        if (scan->reset[i] == id)
            return true;
    return false;
}

/* The client has ended the stream, by whatever means, or passed it over: nothing more may come on it (RFC 9113,
 * section 5.1). nghttp2 keeps no record of such streams. */
static bool is_over(const struct cg_http2_conn *conn, int32_t id)
{
    return id % 2 == 1 && id <= conn->scan.last_id && !conn->said_goodbye &&
           nghttp2_session_get_stream_local_close(conn->session, id) < 0 && !was_reset(&conn->scan, id);
}

static bool headers_frame(struct cg_http2_conn *conn, int32_t id)
{
    conn->scan.continuations = 0;
    if (id > conn->scan.last_id)
        conn->scan.last_id = id;
    return control_frame(conn);
}

/* 0, or what is wrong. */
static uint32_t judge(struct cg_http2_conn *conn, const unsigned char *head, size_t len)
{
    int32_t id = (int32_t)(read_u32(head + 5) & 0x7fffffff);
    unsigned char type = head[3];
    bool borne;

    if ((type == NGHTTP2_HEADERS || type == NGHTTP2_DATA) && is_over(conn, id))
        return NGHTTP2_STREAM_CLOSED;
    if (type == NGHTTP2_PRIORITY && id == 0)
        return NGHTTP2_PROTOCOL_ERROR;
    if (type == NGHTTP2_DATA)
        borne = data_frame(conn, len, head[4]);
    else if (type == NGHTTP2_HEADERS)
        borne = headers_frame(conn, id);
    else if (type == NGHTTP2_CONTINUATION)
        borne = ++conn->scan.continuations <= cg_http2_limits.continuations && control_frame(conn);
    else
        borne = control_frame(conn);
    return borne ? 0 : NGHTTP2_ENHANCE_YOUR_CALM;
}

/* A stream that depends on itself is an error (RFC 7540, section 5.3.1) that nghttp2 does not see where priorities in
 * that form are not used. */
static bool depends_on_itself(const unsigned char *head)
{
    uint32_t on = read_u32(head + FRAME_HEAD) & 0x7fffffff;

    return on == (read_u32(head + 5) & 0x7fffffff) && on != 0;
}

/* The head is complete, and of a PRIORITY frame the rest too. */
static bool on_head(struct cg_http2_conn *conn)
{
    struct cg_http2_scan *scan = &conn->scan;
    const unsigned char *head = scan->head;
    size_t len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];

    if (scan->have == FRAME_HEAD) {
        conn->failure = judge(conn, head, len);
        if (head[3] == NGHTTP2_PRIORITY && len == PRIORITY_LEN) {
            scan->need = sizeof(scan->head);
            return conn->failure == 0;
        }
    } else if (depends_on_itself(head)) {
        conn->failure = NGHTTP2_PROTOCOL_ERROR;
    }
    scan->skip = len - (scan->have - FRAME_HEAD);
    scan->have = 0;
    scan->need = FRAME_HEAD;
    return conn->failure == 0;
}

size_t cg_http2_scan(struct cg_http2_conn *conn, const unsigned char *bytes, size_t len)
{
    struct cg_http2_scan *scan = &conn->scan;
    size_t done = 0, n;

    while (scan->skip == 0 && done < len) {
        n = scan->need - scan->have < len - done ? scan->need - scan->have : len - done;
        memcpy(scan->head + scan->have, bytes + done, n);
        scan->have += n;
        done += n;
        if (scan->have == scan->need && !on_head(conn))
            return 0;
        if (scan->have == 0)
            break; /* one frame */
    }
    n = scan->skip < len - done ? scan->skip : len - done;
    scan->skip -= n;
    return done + n;
}
