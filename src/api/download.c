/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Crates on their way out (cargo-protocol.md 5.10): exactly 200, raw bytes, no content coding. */
#include "api/api.h"
#include "api/download.h"

#define CRATE_TYPE "application/octet-stream"

/* The crate comes in from another server, and its size is not known yet: no worker waits for that. */
static enum cg_step send_feed(struct cg_request *req, struct cg_crate_file *file, const char *etag)
{
    struct cg_error err = {0};
    enum cg_err rc = cg_feed_begun(file->feed, NULL, &file->size, &err);

    if (rc == CG_ERR_AGAIN) {
        req->awaits = file->feed;
        return CG_STEP_WAIT;
    }
    if (rc == CG_OK)
        return cg_respond_file(req, file, etag, CRATE_TYPE);
    cg_crate_file_close(file);
    return cg_respond_error(req, &err);
}

/* A part is no download, or one that went on would be two. */
static bool counts(struct cg_request *req)
{
    return req->method == CG_GET && !cg_request_header(req, "Range");
}

enum cg_step cg_api_send_crate(struct cg_request *req, const char *name, const char *version)
{
    struct cg_crate_file file = {.fd = -1, .feed = req->awaits}; /* what an earlier turn has asked for */
    char etag[CG_ETAG_SIZE + 32];
    struct cg_error err = {0};
    enum cg_err rc;

    req->awaits = NULL;
    rc = file.feed ? cg_registry_etag(req->gw->registry, req->ns, name, version, etag, &err)
                   : cg_registry_download(req->gw->registry, req->ns, name, version, counts(req), &file, etag, &err);
    if (rc != CG_OK) {
        cg_crate_file_close(&file);
        return cg_respond_error(req, &err);
    }
    return file.feed ? send_feed(req, &file, etag) : cg_respond_file(req, &file, etag, CRATE_TYPE);
}

/* One that somebody had a moment ago. */
enum cg_step cg_api_download_fast(struct cg_request *req)
{
    struct cg_crate_file file = {.fd = -1};
    char etag[CG_ETAG_SIZE + 32];

    if (cg_registry_download_fast(req->gw->registry, req->ns, req->crate, req->params[2], counts(req), &file, etag) !=
        CG_OK)
        return CG_STEP_WAIT;
    return cg_respond_file(req, &file, etag, CRATE_TYPE);
}

enum cg_step cg_api_download(struct cg_request *req)
{
    return cg_api_send_crate(req, req->crate, req->params[2]);
}
