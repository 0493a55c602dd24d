/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "crategatectl/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "crategate/version.h"

#define CHECK_S 10L
#define CONNECT_S 30L
#define STALL_S 30L /* without a byte worth mentioning */
#define STALL_BYTES_S 10L
#define TRIES 4
#define TRIES_FAILING 2           /* while the last one that ended had all its tries in vain */
#define PAUSE_MS 400              /* before the second try; doubled each time */
#define PAUSE_MAX_MS (120 * 1000) /* of what Retry-After may ask for */
#define POLL_MS 200
#define HEADER_MAX 8192

enum state { RUNNING, RESTING, DONE };

struct cg_download {
    struct cg_fetch *fetch;
    struct cg_download *next;
    CURL *easy;
    char *url;
    struct cg_fetch_wish wish; /* its url is the one above */
    struct cg_sha256 *sha;
    enum state state;
    unsigned tries;
    int64_t again_ms; /* RESTING: monotonic */
    uint64_t size;
    bool too_large;
    struct cg_error write_error;
    CURLcode code;
    long status;
    char reason[CURL_ERROR_SIZE];
};

struct cg_fetch {
    CURLM *multi;
    struct curl_slist *credential;
    struct cg_download *all;
    uint64_t received;
    bool failing; /* nobody has answered all the last tries of one */
    volatile sig_atomic_t *stop;
};

struct cg_fetch *cg_fetch_new(volatile sig_atomic_t *stop)
{
    struct cg_fetch *f = cg_calloc(1, sizeof(*f));

    f->multi = curl_multi_init();
    CG_ASSERT(f->multi);
    f->stop = stop;
    return f;
}

static void wipe_list(struct curl_slist *list)
{
    for (struct curl_slist *line = list; line; line = line->next)
        cg_wipe(line->data, strlen(line->data));
    curl_slist_free_all(list);
}

void cg_fetch_free(struct cg_fetch **fetch)
{
    struct cg_fetch *f = *fetch;

    if (!f)
        return;
    CG_ASSERT(!f->all);
    curl_multi_cleanup(f->multi);
    wipe_list(f->credential);
    free(f);
    *fetch = NULL;
}

enum cg_err cg_fetch_credential(struct cg_fetch *fetch, const struct cg_secret *secret, struct cg_error *err)
{
    struct cg_buf line;

    for (size_t i = 0; i < secret->len; i++)
        if (secret->bytes[i] < ' ' || secret->bytes[i] > '~')
            return cg_error_set(err, CG_ERR_INVALID, "the token has a character in it that no token has");
    if (secret->len > HEADER_MAX / 2)
        return cg_error_set(err, CG_ERR_INVALID, "the token is too long for one");
    cg_buf_init(&line, HEADER_MAX);
    CG_ASSERT(cg_buf_reserve(&line, HEADER_MAX)); /* at once: growing would leave copies */
    cg_buf_addstr(&line, "Authorization: ");
    cg_buf_add(&line, secret->bytes, secret->len);
    fetch->credential = curl_slist_append(fetch->credential, cg_buf_str(&line));
    cg_wipe(line.data, line.cap);
    cg_buf_free(&line);
    return CG_OK;
}

uint64_t cg_fetch_received(const struct cg_fetch *fetch)
{
    return fetch->received;
}

/* One download */

static void start_over(struct cg_download *d)
{
    unsigned char unused[CG_SHA256_SIZE];

    d->size = 0;
    cg_sha256_end(d->sha, unused);
    if (d->wish.body)
        cg_buf_reset(d->wish.body);
    else if (lseek(d->wish.fd, 0, SEEK_SET) != 0 || ftruncate(d->wish.fd, 0) != 0)
        cg_file_error(&d->write_error, errno, "empty", "a file for what is fetched");
}

/* A page that explains an error is nobody's body. */
static size_t take(char *bytes, size_t size, size_t count, void *cls)
{
    struct cg_download *d = cls;
    size_t len = size * count;
    long status = 0;

    curl_easy_getinfo(d->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200 && status != 0) /* 0: a file */
        return len;
    d->size += len;
    d->fetch->received += len;
    d->too_large = d->size > d->wish.max;
    if (d->too_large || d->write_error.code)
        return 0;
    cg_sha256_add(d->sha, bytes, len);
    if (d->wish.body) {
        cg_buf_add(d->wish.body, bytes, len);
        d->too_large = cg_buf_failed(d->wish.body);
        return d->too_large ? 0 : len;
    }
    return cg_file_write_fd(d->wish.fd, "a file for what is fetched", bytes, len, &d->write_error) == CG_OK ? len : 0;
}

static void set_options(struct cg_download *d)
{
    CURL *easy = d->easy;
    const char *others = cg_str_starts_nocase(d->url, "https:") ? "https" : "http,https";

    curl_easy_setopt(easy, CURLOPT_URL, d->url);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, d);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, d->wish.files ? "http,https,file" : "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, others);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, 10L);
    curl_easy_setopt(easy, CURLOPT_UNRESTRICTED_AUTH, 0L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES_S);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, STALL_S);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "crategatectl/" CG_VERSION);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, d);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, d->reason);
    if (cg_fetch_is_loopback(d->url)) /* a proxy is another machine */
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    if (d->wish.body) /* a crate must come as it is */
        curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    if (d->wish.credential)
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, d->fetch->credential);
}

enum cg_err cg_fetch_begin(struct cg_fetch *fetch, const struct cg_fetch_wish *wish, struct cg_download **out,
                           struct cg_error *err)
{
    struct cg_download *d;

    if (!cg_str_starts_nocase(wish->url, "https://") && !cg_str_starts_nocase(wish->url, "http://") &&
        !(wish->files && cg_str_starts_nocase(wish->url, "file://")))
        return cg_error_set(err, CG_ERR_INVALID, "\"%.300s\" is not an address that can be fetched", wish->url);
    d = cg_calloc(1, sizeof(*d));
    *d = (struct cg_download){.fetch = fetch, .next = fetch->all, .url = cg_strdup(wish->url), .wish = *wish};
    d->wish.url = d->url;
    d->sha = cg_sha256_new();
    d->easy = curl_easy_init();
    CG_ASSERT(d->easy);
    set_options(d);
    start_over(d);
    fetch->all = d;
    d->tries = 1;
    CG_ASSERT(curl_multi_add_handle(fetch->multi, d->easy) == CURLM_OK);
    *out = d;
    return CG_OK;
}

void cg_download_free(struct cg_download **download)
{
    struct cg_download *d = *download, **at;

    if (!d)
        return;
    for (at = &d->fetch->all; *at != d; at = &(*at)->next)
        ;
    *at = d->next;
    if (d->state == RUNNING)
        curl_multi_remove_handle(d->fetch->multi, d->easy);
    curl_easy_cleanup(d->easy);
    cg_sha256_free(&d->sha);
    free(d->url);
    free(d);
    *download = NULL;
}

uint64_t cg_download_size(const struct cg_download *download)
{
    return download->size;
}

void cg_download_cksum(struct cg_download *download, char out[CG_SHA256_HEX_SIZE])
{
    unsigned char digest[CG_SHA256_SIZE];

    cg_sha256_end(download->sha, digest);
    cg_hex(digest, sizeof(digest), out);
}

/* What comes of it */

static bool is_passing(const struct cg_download *d)
{
    switch (d->code) {
    case CURLE_OK:
        return d->status == 429 || d->status >= 500;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return true;
    default:
        return false;
    }
}

static int64_t pause_ms(const struct cg_download *d)
{
    curl_off_t wanted_s = 0;

    curl_easy_getinfo(d->easy, CURLINFO_RETRY_AFTER, &wanted_s);
    if (wanted_s > PAUSE_MAX_MS / 1000)
        return PAUSE_MAX_MS;
    return wanted_s > 0 ? (int64_t)wanted_s * 1000 : (int64_t)PAUSE_MS << (d->tries - 1);
}

static void finished(struct cg_download *d, CURLcode code)
{
    d->code = code;
    curl_easy_getinfo(d->easy, CURLINFO_RESPONSE_CODE, &d->status);
    if (cg_str_starts_nocase(d->url, "file:"))
        d->status = code == CURLE_OK ? 200 : 404;
    curl_multi_remove_handle(d->fetch->multi, d->easy);
    d->state = DONE;
    if (d->tries < (d->fetch->failing ? TRIES_FAILING : TRIES) && is_passing(d)) {
        d->state = RESTING;
        d->again_ms = cg_clock_mono_ms() + pause_ms(d);
    } else {
        d->fetch->failing = is_passing(d);
    }
}

static void restart_rested(struct cg_fetch *f)
{
    for (struct cg_download *d = f->all; d; d = d->next) {
        if (d->state != RESTING || d->again_ms > cg_clock_mono_ms())
            continue;
        start_over(d);
        d->tries++;
        d->state = RUNNING;
        CG_ASSERT(curl_multi_add_handle(f->multi, d->easy) == CURLM_OK);
    }
}

static void move_on(struct cg_fetch *f)
{
    CURLMsg *message;
    int running, left;

    restart_rested(f);
    curl_multi_perform(f->multi, &running);
    while ((message = curl_multi_info_read(f->multi, &left)) != NULL) {
        struct cg_download *d = NULL;
        CURLcode code = message->data.result;

        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&d);
        finished(d, code);
    }
}

static enum cg_err error_of_status(const struct cg_download *d, struct cg_error *err)
{
    switch (d->status) {
    case 401:
        return cg_error_set(err, CG_ERR_UNAUTHENTICATED,
                            "%.300s: the server wants a token that it knows (HTTP 401): --token-file", d->url);
    case 403:
        return cg_error_set(err, CG_ERR_DENIED, "%.300s: the server does not give it to this caller (HTTP 403)",
                            d->url);
    case 404:
    case 410:
    case 451:
        return cg_error_set(err, CG_ERR_ABSENT, "%.300s: the server has no such file (HTTP %ld)", d->url, d->status);
    default:
        return cg_error_set(err, d->status == 429 || d->status >= 500 ? CG_ERR_UNAVAILABLE : CG_ERR_INVALID,
                            "%.300s: the server answered with HTTP %ld", d->url, d->status);
    }
}

static enum cg_err outcome(const struct cg_download *d, struct cg_error *err)
{
    if (d->too_large)
        return cg_error_set(err, CG_ERR_TOO_LARGE, "%.300s: it is larger than %llu bytes", d->url,
                            (unsigned long long)d->wish.max);
    if (d->write_error.code)
        return cg_error_set(err, d->write_error.code, "%s", d->write_error.detail);
    if (d->code != CURLE_OK && d->status != 404)
        return cg_error_set(err, CG_ERR_UNAVAILABLE, "%.300s: %s", d->url,
                            d->reason[0] ? d->reason : curl_easy_strerror(d->code));
    return d->status == 200 ? CG_OK : error_of_status(d, err);
}

enum cg_err cg_fetch_wait(struct cg_fetch *fetch, struct cg_download *download, struct cg_error *err)
{
    for (;;) {
        move_on(fetch);
        if (download->state == DONE)
            return outcome(download, err);
        if (*fetch->stop)
            return cg_error_set(err, CG_ERR_UNAVAILABLE, "interrupted");
        curl_multi_poll(fetch->multi, NULL, 0, POLL_MS, NULL);
    }
}

enum cg_err cg_fetch_get(struct cg_fetch *fetch, const struct cg_fetch_wish *wish, struct cg_error *err)
{
    struct cg_download *download = NULL;
    enum cg_err rc = cg_fetch_begin(fetch, wish, &download, err);

    if (rc == CG_OK)
        rc = cg_fetch_wait(fetch, download, err);
    cg_download_free(&download);
    return rc;
}

/* Addresses */

/* The part as libcurl, which will go there, reads it; "" when there is none. free() it. */
static char *part_of(const char *text, CURLUPart part)
{
    CURLU *url = curl_url();
    char *value = NULL, *copy;

    CG_ASSERT(url);
    if (curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK ||
        curl_url_get(url, part, &value, CURLU_DEFAULT_PORT) != CURLUE_OK)
        value = NULL;
    copy = cg_strdup(value);
    curl_free(value);
    curl_url_cleanup(url);
    return copy;
}

static bool same_part(const char *url, const char *other, CURLUPart part)
{
    char *a = part_of(url, part), *b = part_of(other, part);
    bool same = *a && cg_streq_nocase(a, b);

    free(a);
    free(b);
    return same;
}

bool cg_fetch_same_origin(const char *url, const char *other)
{
    return same_part(url, other, CURLUPART_SCHEME) && same_part(url, other, CURLUPART_HOST) &&
           same_part(url, other, CURLUPART_PORT);
}

bool cg_fetch_is_loopback(const char *url)
{
    char *host = part_of(url, CURLUPART_HOST);
    bool loopback = cg_streq_nocase(host, "localhost") || strcmp(host, "[::1]") == 0 ||
                    (cg_str_starts(host, "127.") && strspn(host, "0123456789.") == strlen(host));

    free(host);
    return loopback;
}

/* The check of the base URL */

static size_t take_all(char *bytes, size_t size, size_t count, void *cls)
{
    cg_buf_add(cls, bytes, size * count);
    return size * count;
}

enum cg_err cg_ctl_get(const char *url, long *status_out, struct cg_buf *body, struct cg_error *err)
{
    CURL *curl = curl_easy_init();
    CURLcode rc;

    if (!curl)
        return cg_error_set(err, CG_ERR_INTERNAL, "libcurl could not be initialised");
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, CHECK_S);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_all);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    rc = curl_easy_perform(curl);
    if (rc == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status_out);
    curl_easy_cleanup(curl);
    return rc == CURLE_OK ? CG_OK : cg_error_set(err, CG_ERR_UNAVAILABLE, "%s: %s", url, curl_easy_strerror(rc));
}
