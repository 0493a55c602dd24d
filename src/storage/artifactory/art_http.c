/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "storage/artifactory/art_http.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "crategate/version.h"
#include "storage/artifactory/art_path.h"

#define MIN_BYTES_PER_S 1024
#define IDLE_CONNECTION_S 50L /* load balancers often close after 60 */

struct transfer {
    struct cg_art_link *link;
    const struct cg_art_request *request;
    struct cg_art_answer *answer;
    struct curl_slist *headers;
    char text[CURL_ERROR_SIZE];
    enum cg_art_lost lost; /* why one of the callbacks below ended it */
    uint64_t sent;         /* read from the file so far */
    bool asked, streams;   /* the stream was asked; it wants the body */
    int64_t connected_at;  /* 0: not yet */
    int64_t moved_at;      /* the last byte up or down */
    curl_off_t moved;      /* bytes up and down so far */
    int64_t window_at;     /* since when the rate is measured, */
    curl_off_t window;     /* from how many bytes on */
    bool answers;          /* since then it is the answer's */
};

static bool give_up(struct transfer *t, enum cg_art_lost lost)
{
    t->lost = lost;
    return false;
}

/* libcurl's callbacks */

static int on_connected(void *cls, char *ip, char *own_ip, int port, int own_port)
{
    struct transfer *t = cls;

    (void)ip, (void)own_ip, (void)port, (void)own_port;
    t->connected_at = t->moved_at = t->window_at = cg_clock_mono_ms();
    return CURL_PREREQFUNC_OK;
}

/* A redirect to a name that stands for an address of this network ends here, before anything is sent. */
static curl_socket_t on_open(void *cls, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *t = cls;

    (void)purpose;
    if (!t->link->proxied && !cg_art_same_host(t->request->url, t->link->url) &&
        cg_art_address_private(&address->addr)) {
        t->lost = CG_ART_FORBIDDEN;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t on_header(char *line, size_t size, size_t count, void *cls)
{
    struct transfer *t = cls;

    if (cg_art_answer_header(t->answer, line, size * count))
        return size * count;
    give_up(t, CG_ART_OVERSIZED);
    return 0;
}

static bool is_success(const struct cg_art_answer *answer)
{
    return answer->status >= 200 && answer->status < 300;
}

/* The headers are there: decides where the body goes. */
static void ask_stream(struct transfer *t)
{
    size_t max = t->request->max_body ? t->request->max_body : CG_ART_JSON_MAX;

    if (t->asked)
        return;
    t->asked = true;
    cg_buf_init(&t->answer->body, is_success(t->answer) ? max : CG_ART_ERROR_MAX);
    t->streams = t->request->stream && t->request->stream->wants(t->request->stream->cls, t->answer);
}

static bool keep(struct transfer *t, const char *bytes, size_t len)
{
    struct cg_buf *body = &t->answer->body;
    size_t room = body->max - body->len, part = len < room ? len : room;

    cg_buf_add(body, bytes, part);
    t->answer->cut = part < len;
    return !t->answer->cut;
}

static bool stream(struct transfer *t, const char *bytes, size_t len)
{
    int64_t before = cg_clock_mono_ms(), spent;

    if (!t->request->stream->bytes(t->request->stream->cls, bytes, len))
        return give_up(t, CG_ART_STOPPED);
    t->answer->streamed += len;
    spent = cg_clock_mono_ms() - before;
    t->moved_at += spent;
    t->window_at += spent;
    return true;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *cls)
{
    struct transfer *t = cls;

    ask_stream(t);
    return (t->streams ? stream(t, bytes, size * count) : keep(t, bytes, size * count)) ? size * count : 0;
}

static size_t on_read(char *out, size_t size, size_t count, void *cls)
{
    struct transfer *t = cls;
    uint64_t left = t->request->size - t->sent, room = size * count;
    ssize_t n;

    do
        n = pread(t->request->fd, out, left < room ? left : room, (off_t)t->sent);
    while (n < 0 && errno == EINTR);
    if (n < 0 || (n == 0 && left > 0)) {
        give_up(t, CG_ART_OWN_FAULT);
        return CURL_READFUNC_ABORT;
    }
    t->sent += (uint64_t)n;
    return (size_t)n;
}

static int on_seek(void *cls, curl_off_t offset, int origin)
{
    struct transfer *t = cls;

    if (origin != SEEK_SET || offset < 0)
        return CURL_SEEKFUNC_CANTSEEK;
    t->sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* Too slow for the whole of the stall timeout? */
static bool stalls(struct transfer *t, int64_t now)
{
    int64_t passed = now - t->window_at;

    if (passed < t->link->stall_timeout)
        return false;
    if ((t->moved - t->window) * 1000 < (curl_off_t)MIN_BYTES_PER_S * passed)
        return true;
    t->window_at = now;
    t->window = t->moved;
    return false;
}

/* The time until an answer begins has a limit of its own, and is not held against the bytes. */
static void begin_window(struct transfer *t, int64_t now)
{
    if (t->answers || !t->answer->head_done)
        return;
    t->answers = true;
    t->window_at = now;
    t->window = t->moved;
}

static bool is_halted(const struct transfer *t)
{
    int halt = t->request->halt ? atomic_load(t->request->halt) : CG_ART_GO_ON;

    return halt == CG_ART_HALT_ALL || (halt == CG_ART_HALT_WAITS && t->request->stream && !t->streams);
}

static int on_progress(void *cls, curl_off_t total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
    struct transfer *t = cls;
    int64_t now = cg_clock_mono_ms();

    (void)total;
    if (down + up != t->moved) {
        t->moved = down + up;
        t->moved_at = now;
    }
    begin_window(t, now);
    if (is_halted(t))
        return !give_up(t, CG_ART_HALTED);
    if (!t->streams && now >= t->request->deadline)
        return !give_up(t, CG_ART_LATE);
    if (!t->connected_at)
        return 0; /* CURLOPT_CONNECTTIMEOUT */
    if (!t->answer->head_done && now - t->moved_at >= t->link->answer_timeout)
        return !give_up(t, CG_ART_LATE);
    if ((t->answer->head_done || up < up_total) && stalls(t, now))
        return !give_up(t, CG_ART_STALLED);
    return 0;
}

/* Setting up */

static void add_headers(struct transfer *t, CURL *curl)
{
    const struct cg_art_request *request = t->request;

    for (const char *const *line = request->headers; line && *line; line++)
        t->headers = curl_slist_append(t->headers, *line);
    if (request->from_fd)
        t->headers = curl_slist_append(t->headers, request->size > 0 ? "Expect: 100-continue" : "Expect:");
    if (!request->anonymous && t->link->authorization.len > 0 && cg_art_link_owns(t->link, request->url))
        t->headers = curl_slist_append(t->headers, (const char *)t->link->authorization.bytes);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, t->headers);
}

static void free_headers(struct transfer *t)
{
    for (struct curl_slist *line = t->headers; line; line = line->next)
        cg_wipe(line->data, strlen(line->data));
    curl_slist_free_all(t->headers);
}

static void set_method(struct transfer *t, CURL *curl)
{
    const struct cg_art_request *request = t->request;

    if (request->from_fd) {
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->size);
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(curl, CURLOPT_READDATA, t);
        curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
        curl_easy_setopt(curl, CURLOPT_SEEKDATA, t);
    } else if (request->text) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(request->text));
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->text);
    } else if (cg_streq(request->method, "HEAD")) {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    }
    if (!cg_streq(request->method, "HEAD"))
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_callbacks(struct transfer *t, CURL *curl)
{
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, t->text);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, on_connected);
    curl_easy_setopt(curl, CURLOPT_PREREQDATA, t);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, t);
}

static void set_tls(struct transfer *t, CURL *curl)
{
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (*t->link->ca_file) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, t->link->ca_file);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL); /* these authorities and no others */
    }
}

static void set_rules(struct transfer *t, CURL *curl)
{
    int64_t left = t->request->deadline - cg_clock_mono_ms();

    curl_easy_setopt(curl, CURLOPT_URL, t->request->url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE); /* a proxy gets none of ours */
    curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "crategate/" CG_VERSION);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, IDLE_CONNECTION_S);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)t->link->connect_timeout);
    /* The bytes of a stream have all the time they need. */
    if (!t->request->stream)
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(left > 0 ? left : 1));
}

/* What became of it */

static enum cg_art_lost loss_of(const struct transfer *t, CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return CG_ART_NO_NAME;
    case CURLE_COULDNT_CONNECT:
        return CG_ART_NO_CONNECTION;
    case CURLE_OPERATION_TIMEDOUT:
        return t->connected_at ? CG_ART_LATE : CG_ART_NO_CONNECTION;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return CG_ART_NO_TLS;
    case CURLE_OUT_OF_MEMORY: /* so libcurl calls a header beyond its own limit */
        return CG_ART_OVERSIZED;
    default:
        return CG_ART_BROKEN;
    }
}

/* A refusal that came whole, or as far as it is read, is an answer, also when the connection broke behind it. */
static bool answered(const struct transfer *t, CURLcode code)
{
    if (code == CURLE_OK)
        return true;
    if (!t->answer->head_done || t->streams)
        return false;
    return t->answer->cut ? !is_success(t->answer) : t->answer->status >= 400 && t->lost == CG_ART_ANSWERED;
}

static void finish(struct transfer *t, CURLcode code)
{
    struct cg_art_answer *answer = t->answer;

    if (answered(t, code)) {
        ask_stream(t); /* a body without a byte */
        return;
    }
    if (t->lost != CG_ART_ANSWERED)
        answer->lost = t->lost;
    else
        answer->lost = answer->cut ? CG_ART_OVERSIZED : loss_of(t, code);
    snprintf(answer->why, sizeof(answer->why), "%s", *t->text ? t->text : curl_easy_strerror(code));
}

void cg_art_http(struct cg_art_link *link, const struct cg_art_request *request, struct cg_art_answer *answer)
{
    struct transfer t = {.link = link, .request = request, .answer = answer};
    CURL *curl = cg_art_link_take(link, request->deadline);

    if (!curl) {
        answer->lost = CG_ART_BUSY;
        return;
    }
    set_rules(&t, curl);
    set_tls(&t, curl);
    set_callbacks(&t, curl);
    set_method(&t, curl);
    add_headers(&t, curl);
    finish(&t, curl_easy_perform(curl));
    cg_art_link_put(link, curl);
    free_headers(&t);
}
