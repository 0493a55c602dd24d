/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/http.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "conf/conf.h"
#include "crategate/clock.h"
#include "http/conditional.h"

#define ERROR_BODY_MAX 16384
#define TEXT_MAX (4u * 1024u * 1024u)
#define RETRY_UNAVAILABLE_S 5
#define RETRY_THROTTLED_S 30

static const char json_type[] = "application/json";

/* Every answer starts here; what an earlier attempt left is given back. */
static void begin(struct cg_request *req, unsigned status, const char *content_type)
{
    struct cg_response *response = &req->response;

    cg_blob_unref(&response->blob);
    cg_buf_free(&response->buf);
    if (response->fd >= 0)
        close(response->fd);
    cg_feed_unref(&response->feed);
    cg_blob_unref(&response->file);
    cg_blob_unref(&response->source);
    *response = (struct cg_response){.status = status, .content_type = content_type, .fd = -1};
}

void cg_response_header(struct cg_request *req, const char *name, const char *value)
{
    struct cg_response *response = &req->response;

    CG_ASSERT(response->header_count < CG_RESPONSE_HEADERS);
    response->headers[response->header_count++] = (struct cg_header){name, value};
}

enum cg_step cg_respond_json(struct cg_request *req, unsigned status, struct cg_buf *body)
{
    struct cg_buf taken = *body;
    struct cg_error err = {0};

    cg_buf_init(body, taken.max);
    if (cg_buf_failed(&taken)) {
        cg_buf_free(&taken);
        cg_error_hide(&err, CG_ERR_INTERNAL, "the answer could not be built", "it exceeds %zu bytes", taken.max);
        return cg_respond_error(req, &err);
    }
    begin(req, status, json_type);
    req->response.buf = taken;
    cg_response_header(req, "Cache-Control", "no-store");
    return CG_STEP_RESPOND;
}

enum cg_step cg_respond_text(struct cg_request *req, unsigned status, const char *content_type, const char *body)
{
    begin(req, status, content_type);
    cg_buf_init(&req->response.buf, TEXT_MAX);
    cg_buf_addstr(&req->response.buf, body);
    cg_response_header(req, "Cache-Control", "no-store");
    return CG_STEP_RESPOND;
}

/* As a header has it; "" for none. */
static const char *http_time(struct cg_request *req, int64_t wall_s)
{
    char *text = cg_arena_alloc(req->arena, CG_TIME_HTTP_SIZE);

    if (wall_s)
        cg_time_http(wall_s, text);
    return text;
}

/* no-cache: keep it, but ask each time, because rights can end; Vary: what one caller may see another may not. */
static void add_validators(struct cg_request *req, const char *etag, const char *modified, const char *vary)
{
    cg_response_header(req, "ETag", etag);
    if (*modified)
        cg_response_header(req, "Last-Modified", modified);
    cg_response_header(req, "Cache-Control", "no-cache");
    cg_response_header(req, "Vary", vary);
}

static bool not_modified(struct cg_request *req, const struct cg_validators *have)
{
    if (!(req->method & (CG_GET | CG_HEAD)))
        return false;
    return cg_conditional_not_modified(cg_request_header(req, "If-None-Match"),
                                       cg_request_header(req, "If-Modified-Since"), have);
}

enum cg_step cg_respond_blob(struct cg_request *req, struct cg_blob *blob, const char *content_type)
{
    struct cg_validators have = {
        .etag = blob->etag, .alt_etag = blob->gzip ? blob->gzip_etag : NULL, .mtime = blob->mtime};
    bool gzip = blob->gzip && cg_conditional_accepts_gzip(cg_request_header(req, "Accept-Encoding"));
    bool unchanged = not_modified(req, &have);

    begin(req, unchanged ? 304 : 200, unchanged ? NULL : content_type);
    /* The tag lies in the blob, which stays with the answer, also on 304. */
    add_validators(req, gzip ? blob->gzip_etag : blob->etag, blob->modified,
                   "Authorization, Accept-Encoding");
    if (gzip && !unchanged)
        cg_response_header(req, "Content-Encoding", "gzip");
    req->response.gzip = gzip;
    req->response.source = blob;
    req->response.source_headers = req->response.header_count;
    if (!unchanged)
        req->response.blob = cg_blob_ref(blob);
    return CG_STEP_RESPOND;
}

static enum cg_step refuse_range(struct cg_request *req, struct cg_crate_file *file)
{
    struct cg_error err = {0};

    cg_crate_file_close(file);
    cg_error_set(&err, CG_ERR_RANGE, "the range lies outside of the file");
    cg_respond_error(req, &err);
    cg_response_header(req, "Content-Range",
                       cg_arena_printf(req->arena, "bytes */%llu", (unsigned long long)file->size));
    return CG_STEP_RESPOND;
}

static enum cg_err wanted_range(struct cg_request *req, const struct cg_validators *have, uint64_t size,
                                struct cg_range *range)
{
    if (req->method != CG_GET || !cg_conditional_if_range(cg_request_header(req, "If-Range"), have))
        return CG_ERR_ABSENT;
    return cg_conditional_range(cg_request_header(req, "Range"), size, range);
}

/* The body, once the headers say what it is. What is in memory is sent as it is; a part of it is copied. */
static void give_bytes(struct cg_request *req, struct cg_crate_file *file, const struct cg_range *range)
{
    struct cg_response *response = &req->response;

    if (file->blob && range->len == file->size) {
        response->source = cg_blob_ref(file->blob);
        response->source_headers = response->header_count;
    }
    response->file_offset = range->first;
    response->file_len = range->len;
    if (file->blob && file->blob->fd >= 0) {
        response->file = file->blob;
        return;
    }
    if (file->blob && range->len == file->size) {
        response->blob = file->blob;
        return;
    }
    if (file->blob) {
        cg_buf_init(&response->buf, (size_t)range->len);
        cg_buf_add(&response->buf, file->blob->bytes + range->first, (size_t)range->len);
        cg_crate_file_close(file);
        return;
    }
    response->fd = file->fd;
    response->feed = file->feed;
}

enum cg_step cg_respond_file(struct cg_request *req, struct cg_crate_file *file, const char *etag,
                             const char *content_type)
{
    struct cg_validators have = {.etag = etag, .mtime = file->mtime};
    struct cg_range range = {.first = 0, .len = file->size};
    bool unchanged = not_modified(req, &have);
    enum cg_err rc = unchanged ? CG_ERR_ABSENT : wanted_range(req, &have, file->size, &range);

    if (rc == CG_ERR_RANGE)
        return refuse_range(req, file);
    begin(req, unchanged ? 304 : rc == CG_OK ? 206 : 200, unchanged ? NULL : content_type);
    add_validators(req, cg_arena_strdup(req->arena, etag), http_time(req, file->mtime), "Authorization");
    if (unchanged) {
        cg_crate_file_close(file);
        return CG_STEP_RESPOND;
    }
    cg_response_header(req, "Accept-Ranges", "bytes");
    if (rc == CG_OK)
        cg_response_header(req, "Content-Range",
                           cg_arena_printf(req->arena, "bytes %llu-%llu/%llu", (unsigned long long)range.first,
                                           (unsigned long long)(range.first + range.len - 1),
                                           (unsigned long long)file->size));
    give_bytes(req, file, &range);
    return CG_STEP_RESPOND;
}

/* cargo wants login_url quoted and absolute (cargo-protocol.md 2.10); curl and browsers ask for a password only when
 * Basic is offered, which is where one is meant. */
static void add_challenges(struct cg_request *req)
{
    if (!req->policy)
        return;
    cg_response_header(
        req, "WWW-Authenticate",
        cg_arena_printf(req->arena, "Cargo login_url=\"%s/me\"", cg_policy_conf(req->policy)->public_url));
    if (req->style == CG_STYLE_ARTIFACTORY || (req->route && req->route->auth == CG_AUTH_PASSWORD))
        cg_response_header(req, "WWW-Authenticate", "Basic realm=\"crategate\", charset=\"UTF-8\"");
}

static void add_retry_after(struct cg_request *req)
{
    unsigned seconds = req->error.code == CG_ERR_THROTTLED ? RETRY_THROTTLED_S : RETRY_UNAVAILABLE_S;

    if (req->error.retry_after_s)
        seconds = req->error.retry_after_s;
    cg_response_header(req, "Retry-After", cg_arena_printf(req->arena, "%u", seconds));
}

static void write_error(const struct cg_request *req, struct cg_buf *body)
{
    const struct cg_error *error = &req->error;

    if (req->style == CG_STYLE_ARTIFACTORY)
        cg_buf_addf(body, "{\"errors\":[{\"status\":%u,\"message\":", cg_err_http_status(error->code));
    else
        cg_buf_addstr(body, "{\"errors\":[{\"detail\":");
    cg_json_quote(body, error->detail[0] ? error->detail : cg_err_text(error->code));
    cg_buf_addstr(body, "}]}");
}

enum cg_step cg_respond_error(struct cg_request *req, const struct cg_error *err)
{
    struct cg_error *error = &req->error;
    struct cg_buf body;

    if (err && err != error)
        *error = *err;
    if (error->code == CG_OK)
        cg_error_hide(error, CG_ERR_INTERNAL, "internal error", "refused without a reason");
    cg_buf_init(&body, ERROR_BODY_MAX);
    write_error(req, &body);
    cg_respond_json(req, cg_err_http_status(error->code), &body);
    if (error->code == CG_ERR_UNAUTHENTICATED)
        add_challenges(req);
    if (error->code == CG_ERR_THROTTLED || error->code == CG_ERR_UNAVAILABLE)
        add_retry_after(req);
    return CG_STEP_RESPOND;
}

enum cg_step cg_respond_redirect(struct cg_request *req, const char *location)
{
    begin(req, 303, NULL);
    cg_response_header(req, "Location", location);
    cg_response_header(req, "Cache-Control", "no-store");
    return CG_STEP_RESPOND;
}
