/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The inside of http2/: a connection and its streams.
 *
 *   connection.c  reading, writing, time-outs, the end
 *   session.c     nghttp2's callbacks: what frames mean to us
 *   stream.c      one request on its way through the pipeline
 *   fields.c      its header fields
 *   answer.c      its answer, cut into frames
 *   flood.c       how much of what costs the client nothing is borne
 *
 * nghttp2 keeps the state of the protocol and the frames that wait; the bytes of
 * answers stay where they are (blob, file, feed) until there is room for a frame
 * in the output, which exists only while it is being filled.
 *
 * Memory (measured, resident): a connection at rest holds 14 KiB, most of it nghttp2's: its buffer for one frame and
 * two header tables; a stream adds 1 KiB beside its request; a client that does not read, at most 64 KiB; one that
 * uploads, at most what the windows below let it send before a worker has taken it.
 *
 * Threading: the loop's thread, but for cg_http2_wake().
 */
#ifndef CG_HTTP_HTTP2_CONN_H
#define CG_HTTP_HTTP2_CONN_H

#include <nghttp2/nghttp2.h>

#include "base/buf.h"
#include "base/feed.h"
#include "http/http.h"
#include "http/http2/http2.h"
#include "http/net/wake.h"

/* Something that may be done now and then, and a number of times at once. */
struct cg_http2_rate {
    int64_t burst, a_second;
};

/* What one connection is allowed. */
struct cg_http2_limits {
    uint32_t streams;             /* at once (SETTINGS_MAX_CONCURRENT_STREAMS) */
    size_t lingering;             /* more that were given up while a worker had them */
    uint32_t header_list;         /* bytes, counted as in RFC 9113, section 6.5.2 */
    size_t header_hopeless;       /* beyond this nobody listens any more */
    unsigned continuations;       /* CONTINUATION frames of one header block */
    size_t settings;              /* entries of a SETTINGS frame */
    size_t acks;                  /* of pings and settings that wait to be sent */
    size_t queue;                 /* frames that wait; then nothing more is read */
    int32_t window_upload;        /* of a stream whose body is wanted; before that it is the protocol's 65,535 */
    int32_t window_connection;    /* once it had such a stream; before that the same */
    uint32_t table;               /* bytes of the header table for answers */
    struct cg_http2_rate control; /* frames that carry nothing. Each frame of an answer allows for two more */
    struct cg_http2_rate resets;  /* streams that end without their answer */
    struct cg_http2_rate waste;   /* body bytes that nobody wants */
};
extern const struct cg_http2_limits cg_http2_limits;

/* A bucket of what is still allowed, in thousandths. */
struct cg_http2_bucket {
    int64_t left, at_ms;
};

/* Finds frames in the bytes as they come in, before nghttp2 sees them: it does not tell of those that it ignores. */
struct cg_http2_scan {
    size_t skip; /* bytes until the next frame begins */
    unsigned char head[9 + 4];
    size_t have, need;
    unsigned continuations; /* since the last HEADERS */
    int32_t last_id;        /* the highest that had HEADERS */
    int32_t *reset;         /* ring of the streams that we have reset last, NULL: none */
    size_t reset_count;     /* ever */
};

struct cg_http2_field {
    struct cg_http2_field *next;
    char *value;
    size_t value_len;
    unsigned lines; /* more than one: their values are joined already */
    bool secret;
    size_t name_len;
    char name[];
};

enum cg_http2_state {
    CG_HTTP2_HEADERS, /* being read */
    CG_HTTP2_DECIDE,  /* complete, a body is announced: is it wanted? */
    CG_HTTP2_BODY,    /* it is; it comes in */
    CG_HTTP2_RUN,     /* the whole request is here */
    CG_HTTP2_SEND     /* the answer is with nghttp2 */
};

enum cg_http2_body { CG_HTTP2_NOTHING, CG_HTTP2_BYTES, CG_HTTP2_FILE, CG_HTTP2_FEED };

struct cg_http2_stream {
    struct cg_http2_conn *conn;
    struct cg_http2_stream *prev, *next; /* all of the connection */
    int32_t id;
    enum cg_http2_state state;
    int64_t since_ms; /* when the state began or, sending, last went on; times of waiting left out */
    struct cg_request *req;
    struct cg_wake wake;
    bool waiting;      /* with a worker, a delay or a feed: its wake will run */
    int64_t waits_ms;  /* since when */
    bool gone;         /* nghttp2 has no such stream any more; ours ends with the wake */
    bool remote_ended; /* the request is complete */
    bool ended;        /* the answer is */
    bool ours;         /* it ends early through our fault */

    struct cg_http2_field *fields, **fields_end; /* in the request's arena */
    size_t header_bytes;

    struct cg_buf pending; /* body bytes that the pipeline has not taken; the windows bound them */
    size_t pending_at;
    uint64_t body_bytes;

    /* the answer */
    enum cg_http2_body body;
    const char *bytes;
    uint64_t at, len;
    char status[11], length[21]; /* their digits */
    struct cg_feed_waiter feed_waiter;
};

enum cg_http2_life {
    CG_HTTP2_OPEN,
    CG_HTTP2_CLOSING, /* all is said; what the client still sends is read, so that it gets to read the rest */
    CG_HTTP2_DEAD
};

struct cg_http2_conn {
    const struct cg_http2_settings *settings;
    struct cg_loop *loop;
    struct cg_wire *wire;
    void *note;
    struct sockaddr_storage peer;
    struct cg_memo *memo; /* of who sends the requests; all streams' */
    nghttp2_session *session;
    enum cg_http2_life life;
    struct cg_http2_stream *streams;
    size_t stream_count, waiting;
    int64_t now_ms; /* of the call from the loop */
    int64_t opened_ms;
    int64_t idle_ms;  /* since when there is no stream */
    int64_t moved_ms; /* when the client last took something, or all */
    int64_t data_ms;  /* when the last bytes of any answer were made a frame */
    int64_t closing_ms;
    bool settings_acked, draining, said_goodbye, wide;

    struct cg_http2_scan scan;
    struct cg_http2_bucket control, resets, waste;
    uint32_t failure; /* we have had enough, and what the client is told; 0: not yet */

    unsigned char *out; /* while it is being filled */
    size_t out_len;
    bool more;           /* nghttp2 has more than there was room for */
    unsigned char *rest; /* what the wire did not take; NULL: nothing. Counts as an active request */
    size_t rest_at, rest_len;
};

/* Room for four frames and the small ones between them: one write carries the answers of many streams. */
#define CG_HTTP2_OUT (66u * 1024u)

/* session.c. Makes conn->session and submits our settings; false: none could be made. */
bool cg_http2_session_open(struct cg_http2_conn *conn);
/* Stream 1 (RFC 7540, section 3.2). False: the settings cannot be read. */
bool cg_http2_session_upgrade(struct cg_http2_conn *conn, const struct cg_http2_upgrade *first);
/* GOAWAY with the last stream that is served. */
void cg_http2_goodbye(struct cg_http2_conn *conn);
/* Ends the stream early, by RST_STREAM. */
void cg_http2_reset(struct cg_http2_stream *stream, uint32_t code);

/* stream.c */
struct cg_http2_stream *cg_http2_stream_new(struct cg_http2_conn *conn, int32_t id);
/* The headers are complete (`ended`: and so is the request). */
void cg_http2_stream_begin(struct cg_http2_stream *stream, bool ended);
void cg_http2_stream_data(struct cg_http2_stream *stream, const void *bytes, size_t len);
void cg_http2_stream_end_of_body(struct cg_http2_stream *stream);
/* Waits for the feed of the answer; called when there are no bytes of it. */
void cg_http2_stream_await_feed(struct cg_http2_stream *stream);
/* nghttp2 is through with it. Frees it, or leaves that to the wake. */
void cg_http2_stream_close(struct cg_http2_stream *stream);

/* fields.c. False: more than anybody can mean; what is over the limit only is counted, not kept. */
bool cg_http2_fields_add(struct cg_http2_stream *stream, const char *name, size_t name_len, const char *value,
                         size_t value_len);
bool cg_http2_fields_too_large(const struct cg_http2_stream *stream);
/* Fills method, target, query, content_length, bad_host of the request. */
void cg_http2_fields_apply(struct cg_http2_stream *stream, bool ended);
const char *cg_http2_fields_get(struct cg_http2_stream *stream, const char *name, unsigned *count_out);
/* Overwrites credentials. */
void cg_http2_fields_wipe(struct cg_http2_stream *stream);

/* answer.c. Gives the request's response to nghttp2. */
void cg_http2_answer(struct cg_http2_stream *stream);
/* nghttp2_send_data_callback */
int cg_http2_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t len,
                       nghttp2_data_source *source, void *cls);

/* flood.c. How many of the bytes nghttp2 may have before the next look, which wants to find everything before it done;
 * 0: conn->failure says why none. */
size_t cg_http2_scan(struct cg_http2_conn *conn, const unsigned char *bytes, size_t len);
/* We have sent a RST_STREAM: what the client sent before it knew may still come. */
void cg_http2_scan_reset(struct cg_http2_conn *conn, int32_t id);
void cg_http2_bucket_fill(struct cg_http2_bucket *bucket, const struct cg_http2_rate *rate, int64_t now_ms);
bool cg_http2_bucket_take(struct cg_http2_bucket *bucket, const struct cg_http2_rate *rate, int64_t cost,
                          int64_t now_ms);
void cg_http2_bucket_give(struct cg_http2_bucket *bucket, const struct cg_http2_rate *rate, int64_t amount);

#endif
