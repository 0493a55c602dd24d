/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/http2/conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "crategate/clock.h"
#include "http/memo.h"
#include "log/log.h"

/* Of one call, so that nobody keeps the loop to themselves. */
#define READ_SIZE (16u * 1024u)
#define READ_ROUNDS 8
#define WRITE_ROUNDS 4
/* A body that comes in at this pace may take as long as it needs. */
#define LEAST_BYTES_A_SECOND 1024
/* How long a client is read on that was told goodbye. */
#define CLOSING_MS 2000
/* How long a stream stays open whose request was answered, but is not complete. */
#define REFUSED_MS 2000
/* What waits in the socket cannot be overtaken by something more urgent. */
#define UNSENT_MAX (128 * 1024)

/* The end */

static void free_rest(struct cg_http2_conn *conn)
{
    if (!conn->rest)
        return;
    free(conn->rest);
    conn->rest = NULL;
    atomic_fetch_sub(conn->settings->active, 1);
}

/* Those that wait stay until they are woken. */
static void close_streams(struct cg_http2_conn *conn)
{
    for (struct cg_http2_stream *stream = conn->streams, *next; stream; stream = next) {
        next = stream->next;
        if (!stream->gone)
            cg_http2_stream_close(stream);
    }
}

static void die(struct cg_http2_conn *conn)
{
    conn->life = CG_HTTP2_DEAD;
    close_streams(conn);
    free_rest(conn);
}

/* All is written. To close the socket with bytes in it that nobody has read would take the last of ours from the
 * client. */
static void begin_closing(struct cg_http2_conn *conn)
{
    if (atomic_load(conn->settings->stopping)) {
        die(conn);
        return;
    }
    conn->life = CG_HTTP2_CLOSING;
    conn->closing_ms = conn->now_ms;
    close_streams(conn);
    cg_wire_shutdown(conn->wire);
}

static void terminate(struct cg_http2_conn *conn, uint32_t code, const char *why)
{
    cg_log(CG_LOG_DEBUG, "http", NULL, "http/2: %s: connection closed", why);
    if (nghttp2_session_terminate_session(conn->session, code) != 0)
        die(conn);
}

/* What nghttp2 can go on from, it answers by itself; this is the rest. */
static void fail(struct cg_http2_conn *conn, ssize_t rc)
{
    if (rc == NGHTTP2_ERR_FLOODED || rc == NGHTTP2_ERR_TOO_MANY_SETTINGS)
        terminate(conn, NGHTTP2_ENHANCE_YOUR_CALM, "a flood of frames");
    else
        terminate(conn, rc == NGHTTP2_ERR_BAD_CLIENT_MAGIC ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_INTERNAL_ERROR,
                  nghttp2_strerror((int)rc));
}

/* Writing */

/* How much the wire took; false: it is broken. */
static bool write_out(struct cg_http2_conn *conn, const unsigned char *bytes, size_t len, size_t *done_out)
{
    *done_out = 0;
    while (*done_out < len) {
        ssize_t n = cg_wire_write(conn->wire, bytes + *done_out, len - *done_out);

        if (n < 0)
            return errno == EAGAIN;
        *done_out += (size_t)n;
        conn->moved_ms = conn->now_ms;
    }
    return true;
}

static void keep_rest(struct cg_http2_conn *conn, const unsigned char *bytes, size_t len)
{
    conn->rest = cg_malloc(len);
    memcpy(conn->rest, bytes, len);
    conn->rest_at = 0;
    conn->rest_len = len;
    conn->moved_ms = conn->now_ms;
    atomic_fetch_add(conn->settings->active, 1);
}

/* True: nothing of it is left. */
static bool write_rest(struct cg_http2_conn *conn)
{
    size_t done;

    if (!conn->rest)
        return true;
    if (!write_out(conn, conn->rest + conn->rest_at, conn->rest_len - conn->rest_at, &done)) {
        die(conn);
        return false;
    }
    conn->rest_at += done;
    if (conn->rest_at < conn->rest_len)
        return false;
    free_rest(conn);
    return true;
}

/* One buffer full. False: no more can be done now. */
static bool write_some(struct cg_http2_conn *conn)
{
    unsigned char out[CG_HTTP2_OUT];
    size_t done;
    int rc;

    conn->out = out;
    conn->out_len = 0;
    rc = nghttp2_session_send(conn->session);
    conn->out = NULL;
    if (conn->failure)
        terminate(conn, conn->failure, "more is asked than is borne");
    if (rc != 0 || !write_out(conn, out, conn->out_len, &done)) {
        die(conn);
        return false;
    }
    conn->more = nghttp2_session_want_write(conn->session);
    if (done == conn->out_len)
        return conn->more && done > 0;
    keep_rest(conn, out + done, conn->out_len - done);
    return false;
}

static void transmit(struct cg_http2_conn *conn)
{
    for (int i = 0; i < WRITE_ROUNDS && write_rest(conn) && write_some(conn); i++)
        ;
}

/* Reading */

static bool reads(const struct cg_http2_conn *conn)
{
    return !conn->rest || nghttp2_session_get_outbound_queue_size(conn->session) < cg_http2_limits.queue;
}

/* False: the session is at an end. */
static bool take_in(struct cg_http2_conn *conn, const unsigned char *bytes, size_t len)
{
    while (len && !conn->failure) {
        size_t n = cg_http2_scan(conn, bytes, len);
        ssize_t rc = n ? nghttp2_session_mem_recv(conn->session, bytes, n) : 0;

        if (rc < 0) {
            fail(conn, rc);
            return false;
        }
        bytes += n;
        len -= n;
    }
    if (conn->failure)
        terminate(conn, conn->failure, "more is asked than is borne");
    return !conn->failure;
}

static void receive(struct cg_http2_conn *conn)
{
    unsigned char bytes[READ_SIZE];

    for (int i = 0; i < READ_ROUNDS && reads(conn); i++) {
        ssize_t n = cg_wire_read(conn->wire, bytes, sizeof(bytes));

        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            die(conn);
            return;
        }
        if (n < 0 || (conn->life == CG_HTTP2_OPEN && !take_in(conn, bytes, (size_t)n)))
            return;
        if ((size_t)n < sizeof(bytes) && !cg_wire_pending(conn->wire))
            return;
    }
}

/* The loop's calls */

/* Sends what there is, and ends what is at its end. */
static bool settle(struct cg_http2_conn *conn)
{
    if (conn->life == CG_HTTP2_OPEN) {
        if (conn->draining && conn->stream_count == 0)
            cg_http2_goodbye(conn);
        transmit(conn);
    }
    if (conn->life == CG_HTTP2_OPEN && !conn->rest && !nghttp2_session_want_read(conn->session) &&
        !nghttp2_session_want_write(conn->session))
        begin_closing(conn);
    if (conn->life == CG_HTTP2_DEAD)
        return false;
    /* epoll does not tell of those. While nothing is read they wait, and no turn is spent on them. */
    if (reads(conn) && cg_wire_pending(conn->wire))
        cg_loop_serve_http2(conn->loop, conn);
    return true;
}

bool cg_http2_serve(struct cg_http2_conn *conn, int64_t now_ms)
{
    conn->now_ms = now_ms;
    if (conn->life == CG_HTTP2_DEAD)
        return false;
    if (atomic_load(conn->settings->draining))
        cg_http2_drain(conn);
    receive(conn);
    return settle(conn);
}

unsigned cg_http2_wants(const struct cg_http2_conn *conn)
{
    unsigned wants = 0;

    if (conn->life == CG_HTTP2_DEAD)
        return 0;
    if (reads(conn))
        wants |= cg_wire_read_wants(conn->wire);
    if (conn->life == CG_HTTP2_OPEN && (conn->rest || conn->more))
        wants |= cg_wire_write_wants(conn->wire);
    return wants;
}

size_t cg_http2_waiting(const struct cg_http2_conn *conn)
{
    return conn->waiting;
}

/* A stream that was opened before the client hears of it shall be served: so at first only a notice, and the last word
 * when the answer to a ping behind it has come. */
void cg_http2_drain(struct cg_http2_conn *conn)
{
    static const uint8_t opaque[8] = "goodbye";

    if (conn->draining || conn->life != CG_HTTP2_OPEN)
        return;
    conn->draining = true;
    if (conn->stream_count > 0) {
        nghttp2_submit_shutdown_notice(conn->session);
        nghttp2_submit_ping(conn->session, NGHTTP2_FLAG_NONE, opaque);
    }
    cg_loop_serve_http2(conn->loop, conn);
}

/* Time-outs */

static bool headers_are_late(const struct cg_http2_stream *stream, int64_t age_ms)
{
    return stream->state == CG_HTTP2_HEADERS && age_ms > stream->conn->settings->request_timeout_ms;
}

/* The client holds its answer back, and not only those of the connection that go first or take their turn. */
static bool takes_nothing(const struct cg_http2_stream *stream)
{
    struct cg_http2_conn *conn = stream->conn;

    return nghttp2_session_get_stream_remote_window_size(conn->session, stream->id) <= 0 ||
           conn->now_ms - conn->data_ms > conn->settings->idle_timeout_ms;
}

/* A client that sends or takes one byte now and then would never be late. */
static bool is_too_slow(const struct cg_http2_stream *stream, int64_t age_ms)
{
    const struct cg_http2_settings *settings = stream->conn->settings;

    if (stream->waiting || stream->gone)
        return false;
    if (stream->state == CG_HTTP2_BODY)
        return age_ms > settings->request_timeout_ms &&
               stream->body_bytes < (uint64_t)age_ms / 1000 * LEAST_BYTES_A_SECOND;
    return stream->state == CG_HTTP2_SEND && !stream->ended && age_ms > settings->idle_timeout_ms &&
           takes_nothing(stream);
}

static void check_streams(struct cg_http2_conn *conn)
{
    for (struct cg_http2_stream *stream = conn->streams; stream; stream = stream->next) {
        int64_t age_ms = conn->now_ms - stream->since_ms;

        if (headers_are_late(stream, age_ms)) {
            terminate(conn, NGHTTP2_ENHANCE_YOUR_CALM, "the client is too slow with its headers");
            return;
        }
        if (stream->ended && !stream->gone && age_ms > REFUSED_MS) {
            cg_http2_reset(stream, NGHTTP2_NO_ERROR);
        } else if (is_too_slow(stream, age_ms)) {
            cg_log(CG_LOG_DEBUG, "http", stream->req->id, "the client is too slow: stream closed");
            stream->since_ms = conn->now_ms;
            cg_http2_reset(stream, NGHTTP2_CANCEL);
        }
    }
}

static void check_connection(struct cg_http2_conn *conn)
{
    const struct cg_http2_settings *settings = conn->settings;

    if (!conn->settings_acked && conn->now_ms - conn->opened_ms > settings->request_timeout_ms)
        terminate(conn, NGHTTP2_SETTINGS_TIMEOUT, "the client does not acknowledge the settings");
    else if (conn->stream_count == 0 && !conn->rest && conn->now_ms - conn->idle_ms > settings->idle_timeout_ms)
        terminate(conn, NGHTTP2_NO_ERROR, "idle");
    else
        check_streams(conn);
}

bool cg_http2_check_pace(struct cg_http2_conn *conn, int64_t now_ms)
{
    conn->now_ms = now_ms;
    if (conn->life == CG_HTTP2_OPEN)
        check_connection(conn);
    if ((conn->life == CG_HTTP2_CLOSING && now_ms - conn->closing_ms > CLOSING_MS) ||
        (conn->rest && now_ms - conn->moved_ms > conn->settings->idle_timeout_ms))
        die(conn);
    return settle(conn);
}

/* Coming and going */

/* Where it is no TCP socket, this fails and does not matter. */
static void limit_unsent(const struct cg_http2_conn *conn)
{
    int bytes = UNSENT_MAX;

    if (setsockopt(cg_wire_fd(conn->wire), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof(bytes)) != 0)
        cg_log(CG_LOG_DEBUG, "http", NULL, "http/2: the socket has no limit for what is unsent");
}

static void start(struct cg_http2_conn *conn)
{
    conn->now_ms = conn->opened_ms = conn->idle_ms = conn->moved_ms = cg_clock_mono_ms();
    conn->scan = (struct cg_http2_scan){.skip = NGHTTP2_CLIENT_MAGIC_LEN, .need = 9};
    cg_http2_bucket_fill(&conn->control, &cg_http2_limits.control, conn->now_ms);
    cg_http2_bucket_fill(&conn->resets, &cg_http2_limits.resets, conn->now_ms);
    cg_http2_bucket_fill(&conn->waste, &cg_http2_limits.waste, conn->now_ms);
    limit_unsent(conn);
}

struct cg_http2_conn *cg_http2_open(const struct cg_http2_settings *settings, struct cg_loop *loop,
                                    struct cg_wire *wire, const struct sockaddr_storage *peer,
                                    const struct cg_http2_upgrade *first)
{
    struct cg_http2_conn *conn = cg_calloc(1, sizeof(*conn));

    conn->settings = settings;
    conn->loop = loop;
    conn->wire = wire;
    conn->peer = *peer;
    conn->memo = cg_memo_new();
    start(conn);
    if (!cg_http2_session_open(conn) || (first && !cg_http2_session_upgrade(conn, first))) {
        cg_http2_free(&conn);
        return NULL;
    }
    if (first && first->extra_len)
        take_in(conn, first->extra, first->extra_len);
    return conn;
}

void cg_http2_free(struct cg_http2_conn **connp)
{
    struct cg_http2_conn *conn = *connp;

    if (!conn)
        return;
    *connp = NULL;
    CG_ASSERT(conn->waiting == 0);
    die(conn);
    nghttp2_session_del(conn->session);
    free(conn->scan.reset);
    cg_wire_free(&conn->wire);
    cg_memo_free(&conn->memo);
    free(conn);
}

void cg_http2_set_note(struct cg_http2_conn *conn, void *note)
{
    conn->note = note;
}

void *cg_http2_note(const struct cg_http2_conn *conn)
{
    return conn->note;
}
