/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/http1/connection.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/str.h"
#include "http/memo.h"
#include "log/log.h"

/* A body that comes in at this pace may take as long as it needs. */
#define LEAST_BYTES_A_SECOND 1024
/* By then the library has been through with whatever it had read. */
#define LEFT_AFTER_MS 500

static struct cg_loop *loop_of(const struct cg_http1_conn *conn)
{
    return conn->http1->loop;
}

static void enter(struct cg_http1_conn *conn, enum cg_conn_state state)
{
    conn->state = state;
    conn->since_ms = loop_of(conn)->now_ms;
}

/* Headers */

struct header_search {
    const char *name;
    size_t name_len, total;
    const char *first;
    unsigned count;
    char *out; /* second round: where the values are joined */
};

static bool is_name(const struct header_search *search, const char *key)
{
    return cg_streq_nocase(key, search->name);
}

static void add_line(struct header_search *search, const char *value)
{
    if (search->count++ == 0)
        search->first = value ? value : "";
    search->total += (value ? strlen(value) : 0) + strlen(", ");
}

static enum MHD_Result count_header(void *cls, enum MHD_ValueKind kind, const char *key, const char *value)
{
    struct header_search *search = cls;

    (void)kind;
    if (is_name(search, key))
        add_line(search, value);
    return MHD_YES;
}

static enum MHD_Result join_header(void *cls, enum MHD_ValueKind kind, const char *key, const char *value)
{
    struct header_search *search = cls;

    (void)kind;
    if (is_name(search, key)) {
        if (search->count++ > 0)
            search->out = stpcpy(search->out, ", ");
        search->out = stpcpy(search->out, value ? value : "");
    }
    return MHD_YES;
}

/* Among the lines that were kept; asking the library goes through all of them at every question. */
static void look_in_kept(const struct cg_http1_conn *conn, struct header_search *search)
{
    size_t len = strlen(search->name);

    for (size_t i = 0; i < conn->header_count; i++) {
        const struct cg_conn_header *line = &conn->headers[i];

        if (line->name_len == len && (memcmp(line->name, search->name, len) == 0 || is_name(search, line->name)))
            add_line(search, line->value);
    }
}

/* Two rounds, one allocation: joining line by line would let a client with many lines fill the arena. */
static const char *header(void *transport, const char *name, unsigned *count_out)
{
    struct cg_http1_conn *conn = transport;
    struct header_search search = {.name = name};
    char *joined;

    if (conn->header_count <= CG_CONN_HEADERS_KEPT)
        look_in_kept(conn, &search);
    else
        MHD_get_connection_values(conn->mhd, MHD_HEADER_KIND, count_header, &search);
    if (count_out)
        *count_out = search.count;
    if (search.count <= 1)
        return search.first;
    joined = search.out = cg_arena_alloc(conn->req->arena, search.total + 1);
    search.count = 0;
    MHD_get_connection_values(conn->mhd, MHD_HEADER_KIND, join_header, &search);
    return joined;
}

/* Lets a suspended connection go on. */
static void resume(struct cg_wake *wake)
{
    struct cg_http1_conn *conn = CG_LINK_OWNER(wake, struct cg_http1_conn, wake);

    conn->since_ms += loop_of(conn)->now_ms - conn->waits_ms;
    conn->waits_ms = 0;
    conn->http1->waiting--;
    MHD_resume_connection(conn->mhd);
    loop_of(conn)->http1_ready = true;
}

/* Any thread. */
static void wake(void *transport)
{
    struct cg_http1_conn *conn = transport;

    conn->wake.due_ms = conn->req->resume_at_ms;
    cg_loop_post(loop_of(conn), &conn->wake);
}

static const struct cg_transport_ops ops = {.name = "http/1.1", .header = header, .shares_files = true, .wake = wake};

/* Connections come and go */

static struct cg_http1_conn *conn_open(struct cg_http1 *http1, struct MHD_Connection *mhd)
{
    struct cg_http1_conn *conn = cg_calloc(1, sizeof(*conn));

    conn->http1 = http1;
    conn->mhd = mhd;
    conn->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    conn->peer = *http1->adopted_peer;
    conn->gate = http1->adopted_gate;
    http1->adopted_gate = NULL;
    conn->wake.run = resume;
    enter(conn, CG_CONN_IDLE);
    conn->list = &http1->conns[http1->next_slice++ % CG_HTTP1_SLICES];
    conn->next = *conn->list;
    if (conn->next)
        conn->next->prev = conn;
    *conn->list = conn;
    return conn;
}

static void conn_close(struct cg_http1_conn *conn)
{
    if (conn->prev)
        conn->prev->next = conn->next;
    else
        *conn->list = conn->next;
    if (conn->next)
        conn->next->prev = conn->prev;
    cg_memo_free(&conn->memo);
    if (conn->gate)
        cg_gate_leave(conn->gate);
    free(conn);
}

void cg_conn_notify(void *cls, struct MHD_Connection *mhd, void **socket_context,
                    enum MHD_ConnectionNotificationCode toe)
{
    if (toe == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = conn_open(cls, mhd);
    } else if (*socket_context) {
        conn_close(*socket_context);
        *socket_context = NULL;
    }
}

/* A request begins */

/* "http://host/path" is for proxies, but every server takes it (RFC 9112, section 3.2.2). */
static const char *strip_authority(const char *uri)
{
    const char *host, *path;

    if (uri[0] == '/' || !(host = strstr(uri, "://")))
        return uri;
    path = strpbrk(host + 3, "/?");
    return path ? path : "/";
}

/* The one moment at which the library shows the target as it was sent. */
void *cg_conn_begin(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    struct cg_http1 *http1 = cls;
    struct cg_http1_conn *conn = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    struct cg_request *req = cg_request_new(http1->loop->server->gw, &ops, conn);
    const char *target = strip_authority(uri ? uri : "");
    size_t len = strcspn(target, "?");

    req->target = len ? cg_arena_strndup(req->arena, target, len) : "/";
    if (target[len])
        req->query = cg_arena_strdup(req->arena, target + len + 1);
    req->peer = conn->peer.addr;
    req->unix_peer = conn->peer.local;
    req->tls = conn->peer.tls;
    if (!conn->memo)
        conn->memo = cg_memo_new();
    req->memo = conn->memo;
    conn->req = req;
    conn->body_bytes = 0;
    enter(conn, CG_CONN_HEADERS);
    atomic_fetch_add(&http1->loop->server->active, 1);
    return conn;
}

/* What the headers say of the body. A proxy in front that reads them otherwise would let one request hide another
 * behind itself (RFC 9112, section 11.2), so whatever leaves doubt is refused, which also ends the connection. */
struct framing {
    struct cg_http1_conn *conn;
    unsigned lengths, codings, hosts;
    const char *length, *coding;
    bool odd_name;
};

static void keep_header(struct cg_http1_conn *conn, const char *key, size_t key_len, const char *value)
{
    if (conn->header_count < CG_CONN_HEADERS_KEPT)
        conn->headers[conn->header_count] = (struct cg_conn_header){key, value, key_len};
    if (conn->header_count <= CG_CONN_HEADERS_KEPT)
        conn->header_count++;
}

static enum MHD_Result look_at_header(void *cls, enum MHD_ValueKind kind, const char *key, size_t key_len,
                                      const char *value, size_t value_len)
{
    struct framing *framing = cls;

    (void)kind, (void)value_len;
    keep_header(framing->conn, key, key_len, value);
    if (key[0] == '\0' || strpbrk(key, " \t"))
        framing->odd_name = true;
    if ((key[0] | 0x20) == 'c' && cg_streq_nocase(key, "Content-Length")) {
        framing->lengths++;
        framing->length = value ? value : "";
    } else if ((key[0] | 0x20) == 't' && cg_streq_nocase(key, "Transfer-Encoding")) {
        framing->codings++;
        framing->coding = value ? value : "";
    } else if ((key[0] | 0x20) == 'h' && cg_streq_nocase(key, "Host")) {
        framing->hosts++;
    }
    return MHD_YES;
}

static void read_framing(struct cg_http1_conn *conn, const char *version)
{
    struct cg_request *req = conn->req;
    struct framing framing = {.conn = conn};

    conn->headers = cg_arena_alloc(req->arena, CG_CONN_HEADERS_KEPT * sizeof(*conn->headers));
    conn->header_count = 0;
    MHD_get_connection_values_n(conn->mhd, MHD_HEADER_KIND, look_at_header, &framing);
    req->bad_host = framing.hosts > 1 || (framing.hosts == 0 && strcmp(version, MHD_HTTP_VERSION_1_1) == 0);
    req->bad_framing = framing.odd_name || framing.lengths + framing.codings > 1;
    if (framing.coding) {
        req->content_length = UINT64_MAX;
        req->bad_framing |= !cg_streq_nocase(framing.coding, "chunked");
    } else if (framing.length && cg_parse_u64(framing.length, UINT64_MAX - 1, &req->content_length) != CG_OK) {
        req->bad_framing = true;
    }
}

/* Waiting and answering */

static enum MHD_Result suspend(struct cg_http1_conn *conn)
{
    /* In this order: once the request is handed over, it may be woken at any moment. */
    MHD_suspend_connection(conn->mhd);
    conn->http1->waiting++;
    conn->waits_ms = loop_of(conn)->now_ms;
    cg_pipeline_wait(conn->req);
    return MHD_YES;
}

static void on_feed(struct cg_feed_waiter *waiter)
{
    wake((char *)waiter - offsetof(struct cg_http1_conn, feed_waiter));
}

/* Suspended first, as above: registered, it may be woken at any moment. */
void cg_conn_await_feed(struct cg_http1_conn *conn)
{
    uint64_t len;

    MHD_suspend_connection(conn->mhd);
    conn->http1->waiting++;
    conn->waits_ms = loop_of(conn)->now_ms;
    conn->feed_waiter.wake = on_feed;
    if (cg_feed_ready(conn->feed, conn->feed_waiter.offset, &conn->feed_waiter, &len) != CG_ERR_AGAIN)
        wake(conn); /* something has come, or gone wrong, meanwhile */
}

/* Answering before the body has come makes the library close the connection behind the answer. */
static enum MHD_Result answer(struct cg_http1_conn *conn)
{
    struct cg_loop *loop = loop_of(conn);

    if (conn->state == CG_CONN_DECIDE && conn->gate) /* a bridge lingers by itself */
        cg_linger_add(&loop->linger, conn->fd, loop->server->linger_bytes, loop->now_ms + CG_LINGER_MS);
    enter(conn, CG_CONN_SEND);
    return cg_answer_queue(conn, atomic_load(&loop->server->draining));
}

static enum MHD_Result advance(struct cg_http1_conn *conn)
{
    switch (cg_pipeline_run(conn->req)) {
    case CG_STEP_BODY:
        CG_ASSERT(conn->state == CG_CONN_DECIDE);
        enter(conn, CG_CONN_BODY);
        return MHD_YES;
    case CG_STEP_WAIT:
        return suspend(conn);
    case CG_STEP_RESPOND:
        return answer(conn);
    case CG_STEP_NEXT:
        break;
    }
    cg_assert_failed(__FILE__, __LINE__, "the pipeline never ends with NEXT");
}

/* The first call: headers only. What has no body is answered in the second one, because an answer queued in the first
 * closes the connection; for the others this is the moment before "100 Continue". */
static enum MHD_Result on_headers(struct cg_http1_conn *conn, const char *method, const char *version)
{
    struct cg_request *req = conn->req;

    req->method_name = cg_arena_strdup(req->arena, method);
    req->method = cg_method_of(method);
    read_framing(conn, version);
    if (req->content_length == 0 && !req->bad_framing) {
        req->body_complete = true;
        enter(conn, CG_CONN_RUN);
        return MHD_YES;
    }
    enter(conn, CG_CONN_DECIDE);
    return advance(conn);
}

static enum MHD_Result on_body(struct cg_http1_conn *conn, const char *bytes, size_t *len)
{
    size_t used = 0;
    enum cg_step step = cg_pipeline_body(conn->req, bytes, *len, &used);

    *len -= used;
    conn->body_bytes += used;
    if (step == CG_STEP_WAIT)
        return suspend(conn);
    return step == CG_STEP_RESPOND ? MHD_NO : MHD_YES;
}

enum MHD_Result cg_conn_handle(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                               const char *version, const char *upload_data, size_t *upload_data_size, void **con_cls)
{
    struct cg_http1_conn *conn = *con_cls;

    (void)cls, (void)mhd, (void)url;
    switch (conn->state) {
    case CG_CONN_HEADERS:
        return on_headers(conn, method, version);
    case CG_CONN_BODY:
        if (*upload_data_size)
            return on_body(conn, upload_data, upload_data_size);
        conn->req->body_complete = true;
        enter(conn, CG_CONN_RUN);
        return advance(conn);
    case CG_CONN_DECIDE:
    case CG_CONN_RUN:
        return advance(conn);
    case CG_CONN_IDLE:
    case CG_CONN_SEND:
        break;
    }
    return MHD_NO;
}

void cg_conn_completed(void *cls, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode toe)
{
    struct cg_http1_conn *conn = *con_cls;
    struct cg_http1 *http1 = cls;

    (void)mhd;
    if (!conn)
        return;
    cg_pipeline_finish(&conn->req, toe == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    cg_ready_give(&http1->ready, &conn->ready);
    enter(conn, CG_CONN_IDLE);
    *con_cls = NULL;
    http1->loop->finished++;
}

/* The library's time-out starts anew with each byte, so a client that sends one now and then would never be late. */
static bool too_slow(const struct cg_http1_conn *conn, int64_t age_ms)
{
    const struct cg_server *server = loop_of(conn)->server;

    switch (conn->state) {
    case CG_CONN_IDLE:
        return age_ms > server->idle_timeout_ms + server->request_timeout_ms;
    case CG_CONN_HEADERS:
        return age_ms > server->request_timeout_ms;
    case CG_CONN_BODY:
        return age_ms > server->request_timeout_ms && conn->body_bytes < (uint64_t)age_ms / 1000 * LEAST_BYTES_A_SECOND;
    case CG_CONN_DECIDE:
    case CG_CONN_RUN:
    case CG_CONN_SEND:
        break;
    }
    return false;
}

/* An end of the stream that comes in one read with the last bytes is lost on the library: it takes the short read for
 * "nothing more now", and epoll does not tell it again. Such a connection would stay until the idle time-out. */
static bool peer_has_left(const struct cg_http1_conn *conn, int64_t age_ms)
{
    bool reads = conn->state == CG_CONN_IDLE || conn->state == CG_CONN_HEADERS || conn->state == CG_CONN_BODY;
    char byte;

    return reads && age_ms >= LEFT_AFTER_MS && recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void cg_conn_check_pace(struct cg_http1_conn *conn)
{
    int64_t age_ms = loop_of(conn)->now_ms - conn->since_ms;

    if (conn->waits_ms || (!too_slow(conn, age_ms) && !peer_has_left(conn, age_ms)))
        return;
    cg_log(CG_LOG_DEBUG, "http", conn->req ? conn->req->id : NULL,
           "the client is too slow or has left: connection closed");
    /* The library notices the end of the stream and cleans up. */
    shutdown(conn->fd, SHUT_RDWR);
}
