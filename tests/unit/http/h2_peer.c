/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "h2_peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"

#define PATIENCE_MS 20000
#define RAW_MAX (8u * 1024u * 1024u)

static void die(const char *what)
{
    fprintf(stderr, "h2: %s\n", what);
    abort();
}

/* The loop */

void cg_loop_post(struct cg_loop *loop, struct cg_wake *wake)
{
    uint64_t one = 1;

    pthread_mutex_lock(&loop->lock);
    wake->next = loop->woken;
    loop->woken = wake;
    if (write(loop->event_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        die("eventfd");
    pthread_mutex_unlock(&loop->lock);
}

void cg_loop_serve_http2(struct cg_loop *loop, struct cg_http2_conn *conn)
{
    (void)conn;
    loop->again = true;
}

/* Those that are due run; the others are kept. */
static void run_wakes(struct h2 *t)
{
    struct cg_wake *wake, *next, *later = NULL;
    int64_t now = cg_clock_mono_ms();
    uint64_t count;

    pthread_mutex_lock(&t->loop.lock);
    wake = t->loop.woken;
    t->loop.woken = NULL;
    if (read(t->loop.event_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
        die("eventfd");
    pthread_mutex_unlock(&t->loop.lock);
    for (int round = 0; round < 2; round++, wake = t->loop.due, t->loop.due = NULL) {
        for (; wake; wake = next) {
            next = wake->next;
            if (wake->due_ms > now && !atomic_load(&t->stopping)) {
                wake->next = later;
                later = wake;
            } else {
                wake->run(wake);
            }
        }
    }
    t->loop.due = later;
}

static void serve(struct h2 *t)
{
    t->loop.again = false;
    if (!t->conn)
        return;
    if (!cg_http2_serve(t->conn, cg_clock_mono_ms()))
        t->over = true;
    if (t->over && cg_http2_waiting(t->conn) == 0)
        cg_http2_free(&t->conn);
}

/* The client */

static ssize_t on_upload(nghttp2_session *session, int32_t id, uint8_t *out, size_t max, uint32_t *flags,
                         nghttp2_data_source *source, void *cls)
{
    struct h2_reply *reply = h2_reply(cls, id);
    uint64_t n = reply->upload_len - reply->upload_at;

    (void)session, (void)source;
    if (reply->stalls && n > reply->stall_at - reply->upload_at)
        n = reply->stall_at - reply->upload_at;
    if (n == 0 && reply->stalls)
        return NGHTTP2_ERR_DEFERRED;
    if (n > max)
        n = max;
    memset(out, 'x', (size_t)n);
    reply->upload_at += n;
    if (reply->upload_at == reply->upload_len)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags, void *cls)
{
    struct h2_reply *reply = h2_reply(cls, frame->hd.stream_id);
    size_t len = strlen(reply->headers);

    (void)session, (void)flags, (void)name_len, (void)value_len;
    if (cg_streq((const char *)name, ":status") && cg_streq((const char *)value, "100"))
        reply->continues++;
    else if (cg_streq((const char *)name, ":status"))
        reply->status = (unsigned)atoi((const char *)value);
    snprintf(reply->headers + len, sizeof(reply->headers) - len, "%s: %s\n", (const char *)name, (const char *)value);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes, size_t len, void *cls)
{
    struct h2_reply *reply = h2_reply(cls, id);

    (void)session, (void)flags;
    reply->body = cg_reallocarray(reply->body, reply->len + len + 1, 1);
    memcpy(reply->body + reply->len, bytes, len);
    reply->len += len;
    reply->body[reply->len] = '\0';
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *cls)
{
    struct h2 *t = cls;

    (void)session;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        t->goaway = true;
        t->goaways++;
        t->goaway_code = frame->goaway.error_code;
        t->goaway_last = frame->goaway.last_stream_id;
    }
    if ((frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
        h2_reply(t, frame->hd.stream_id)->ended = true;
        h2_reply(t, frame->hd.stream_id)->order = ++t->ended;
    }
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *cls)
{
    struct h2_reply *reply = h2_reply(cls, id);

    (void)session;
    reply->closed = true;
    reply->code = code;
    return 0;
}

static void make_client(struct h2 *t, int32_t window)
{
    nghttp2_settings_entry entry = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t)window};
    nghttp2_session_callbacks *callbacks;

    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_client_new(&t->client, callbacks, t);
    nghttp2_session_callbacks_del(callbacks);
    if (nghttp2_submit_settings(t->client, NGHTTP2_FLAG_NONE, &entry, window ? 1 : 0) != 0)
        die("settings");
}

static void close_client(struct h2 *t)
{
    if (t->fd >= 0)
        close(t->fd);
    t->fd = -1;
}

static void client_takes(struct h2 *t, const unsigned char *bytes, size_t len)
{
    if (t->client) {
        if (nghttp2_session_mem_recv(t->client, bytes, len) < 0)
            die("the client does not understand the server");
        return;
    }
    if (t->in_len + len > RAW_MAX)
        die("the server sends too much");
    memcpy(t->in + t->in_len, bytes, len);
    t->in_len += len;
}

static void client_reads(struct h2 *t)
{
    unsigned char bytes[16384];
    ssize_t n;

    while (t->fd >= 0 && !t->deaf) {
        n = recv(t->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0)
            close_client(t);
        else
            client_takes(t, bytes, (size_t)n);
    }
}

static void client_writes(struct h2 *t)
{
    const uint8_t *bytes;
    ssize_t len;

    while (t->client && t->fd >= 0 && (len = nghttp2_session_mem_send(t->client, &bytes)) > 0)
        if (!h2_raw(t, bytes, (size_t)len))
            return;
}

/* Both */

static void open_pair(struct h2 *t, const struct cg_http2_upgrade *first)
{
    struct sockaddr_storage peer = {.ss_family = AF_UNIX};
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
        die("socketpair");
    t->fd = fds[1];
    t->conn = cg_http2_open(&t->settings, &t->loop, cg_wire_new(fds[0]), &peer, first);
}

static void open_server(struct h2 *t)
{
    memset(t, 0, sizeof(*t));
    t->fd = -1;
    fixture_open(&t->f, "", 4, 512);
    pthread_mutex_init(&t->loop.lock, NULL);
    t->loop.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    t->settings = (struct cg_http2_settings){.gw = &t->f.gw,
                                             .request_timeout_ms = 30000,
                                             .idle_timeout_ms = 60000,
                                             .active = &t->active,
                                             .draining = &t->draining,
                                             .stopping = &t->stopping};
}

void h2_open(struct h2 *t, int32_t client_window)
{
    open_server(t);
    open_pair(t, NULL);
    make_client(t, client_window);
}

void h2_open_raw(struct h2 *t)
{
    open_server(t);
    t->in = cg_malloc(RAW_MAX);
    open_pair(t, NULL);
}

void h2_open_upgrade(struct h2 *t, const struct cg_http2_upgrade *first)
{
    open_server(t);
    t->in = cg_malloc(RAW_MAX);
    open_pair(t, first);
}

static bool has_ended(struct h2 *t)
{
    return !t->conn;
}

static void end_connection(struct h2 *t)
{
    close_client(t);
    fixture_gate(true);
    if (t->conn)
        h2_until(t, has_ended);
    if (atomic_load(&t->active) != 0)
        die("a request is still counted as active");
}

void h2_reconnect(struct h2 *t)
{
    atomic_store(&t->stopping, true); /* no delay is waited for */
    end_connection(t);
    atomic_store(&t->stopping, false);
    t->over = false;
    t->in_len = 0;
    open_pair(t, NULL);
}

void h2_close(struct h2 *t)
{
    end_connection(t);
    nghttp2_session_del(t->client);
    for (size_t i = 0; i < H2_REPLIES; i++)
        free(t->replies[i].body);
    free(t->in);
    close(t->loop.event_fd);
    pthread_mutex_destroy(&t->loop.lock);
    fixture_close(&t->f);
}

/* When nothing is to be done at once, whatever comes next comes from another thread, or is the passing of time. */
void h2_turn(struct h2 *t)
{
    struct pollfd event = {.fd = t->loop.event_fd, .events = POLLIN};

    client_writes(t);
    run_wakes(t);
    serve(t);
    client_reads(t);
    client_writes(t);
    if (!t->loop.again && (!t->conn || t->over || !(cg_http2_wants(t->conn) & EPOLLOUT)))
        poll(&event, 1, 1);
}

void h2_until(struct h2 *t, bool (*until)(struct h2 *t))
{
    int64_t deadline = cg_clock_mono_ms() + PATIENCE_MS;

    while (!until(t)) {
        if (cg_clock_mono_ms() > deadline)
            die("patience has ended");
        h2_turn(t);
    }
}

bool h2_is_over(struct h2 *t)
{
    return !t->conn || t->over;
}

struct h2_reply *h2_reply(struct h2 *t, int32_t id)
{
    for (size_t i = 0; i < H2_REPLIES; i++)
        if (t->replies[i].id == id)
            return &t->replies[i];
    die("no such stream");
    return NULL;
}

static nghttp2_nv pair(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name), strlen(value),
                        NGHTTP2_NV_FLAG_NONE};
}

static struct h2_reply *free_reply(struct h2 *t)
{
    for (size_t i = 0; i < H2_REPLIES; i++)
        if (t->replies[i].id == 0)
            return &t->replies[i];
    die("too many streams");
    return NULL;
}

int32_t h2_request(struct h2 *t, const char *method, const char *path, const char *const *headers, uint64_t upload_len)
{
    nghttp2_nv fields[64] = {pair(":method", method), pair(":scheme", "http"), pair(":path", path),
                             pair(":authority", "crates.example")};
    nghttp2_data_provider provider = {.read_callback = on_upload};
    struct h2_reply *reply = free_reply(t);
    size_t n = 4;

    for (; headers && headers[0]; headers += 2)
        fields[n++] = pair(headers[0], headers[1]);
    reply->upload_len = upload_len;
    reply->id = nghttp2_submit_request(t->client, NULL, fields, n, upload_len == UINT64_MAX ? NULL : &provider, NULL);
    if (reply->id <= 0)
        die("the request cannot be sent");
    return reply->id;
}

int32_t h2_get(struct h2 *t, const char *path)
{
    return h2_request(t, "GET", path, NULL, UINT64_MAX);
}

void h2_go_on(struct h2 *t, int32_t id)
{
    h2_reply(t, id)->stalls = false;
    nghttp2_session_resume_data(t->client, id);
}

static struct h2_reply *wait_for(struct h2 *t, int32_t id, bool closed)
{
    int64_t deadline = cg_clock_mono_ms() + PATIENCE_MS;
    struct h2_reply *reply = h2_reply(t, id);

    while (!reply->closed && (closed || !reply->ended)) {
        if (cg_clock_mono_ms() > deadline)
            die("the answer does not come");
        h2_turn(t);
    }
    return reply;
}

struct h2_reply *h2_wait(struct h2 *t, int32_t id)
{
    return wait_for(t, id, true);
}

struct h2_reply *h2_wait_answer(struct h2 *t, int32_t id)
{
    return wait_for(t, id, false);
}

const char *h2_header(const struct h2_reply *reply, const char *name)
{
    static char value[1024];
    size_t len = strlen(name);

    for (const char *line = reply->headers; *line; line += strcspn(line, "\n") + 1)
        if (strncmp(line, name, len) == 0 && strncmp(line + len, ": ", 2) == 0) {
            snprintf(value, sizeof(value), "%.*s", (int)strcspn(line + len + 2, "\n"), line + len + 2);
            return value;
        }
    return NULL;
}

/* Raw */

bool h2_raw(struct h2 *t, const void *bytes, size_t len)
{
    int64_t deadline = cg_clock_mono_ms() + PATIENCE_MS;
    const char *at = bytes;

    while (len) {
        ssize_t n = t->fd < 0 ? -1 : send(t->fd, at, len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (t->fd < 0 || (n < 0 && errno != EAGAIN))
            return false;
        if (cg_clock_mono_ms() > deadline)
            die("the server does not read");
        if (n < 0) {
            run_wakes(t);
            serve(t);
            client_reads(t);
            continue;
        }
        at += n;
        len -= (size_t)n;
    }
    return true;
}

bool h2_frame(struct h2 *t, unsigned char type, unsigned char flags, uint32_t id, const void *payload, size_t len)
{
    const unsigned char head[9] = {(unsigned char)(len >> 16),
                                   (unsigned char)(len >> 8),
                                   (unsigned char)len,
                                   type,
                                   flags,
                                   (unsigned char)(id >> 24),
                                   (unsigned char)(id >> 16),
                                   (unsigned char)(id >> 8),
                                   (unsigned char)id};

    return h2_raw(t, head, sizeof(head)) && h2_raw(t, payload, len);
}

void h2_preface(struct h2 *t)
{
    h2_raw(t, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
    h2_frame(t, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
}

size_t h2_find(const struct h2 *t, unsigned char type, size_t from)
{
    for (size_t at = from; at + 9 <= t->in_len;) {
        size_t len = (size_t)t->in[at] << 16 | (size_t)t->in[at + 1] << 8 | t->in[at + 2];

        if (t->in[at + 3] == type && at + 9 + len <= t->in_len)
            return at;
        at += 9 + len;
    }
    return SIZE_MAX;
}

uint32_t h2_raw_goaway(const struct h2 *t)
{
    size_t at = h2_find(t, NGHTTP2_GOAWAY, 0);
    const unsigned char *code = t->in + at + 9 + 4;

    if (at == SIZE_MAX)
        return UINT32_MAX;
    return (uint32_t)code[0] << 24 | (uint32_t)code[1] << 16 | (uint32_t)code[2] << 8 | code[3];
}
