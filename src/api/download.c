/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Crates on their way out (cargo-protocol.md 5.10): exactly 200, raw bytes, no content coding. */
#include "api/api.h"

#include <string.h>

#include "base/str.h"

#define CRATE_TYPE "application/octet-stream"

static enum cg_step send_crate(struct cg_request *req, const char *name, const char *version)
{
    struct cg_crate_file file = {.fd = -1};
    char etag[CG_ETAG_SIZE + 32];
    struct cg_error err = {0};
    bool count = req->method == CG_GET && !cg_request_header(req, "Range");

    if (cg_registry_download(req->gw->registry, req->ns, name, version, count, &file, etag, &err) != CG_OK)
        return cg_respond_error(req, &err);
    return cg_respond_file(req, &file, etag, CRATE_TYPE);
}

enum cg_step cg_api_download(struct cg_request *req)
{
    return send_crate(req, req->crate, req->params[2]);
}

/* The version within "NAME-VERSION.crate", in the arena; NULL when the file is not that crate's. */
static const char *artifact_version(struct cg_request *req, const char *file, const char *suffix)
{
    size_t name_len = strlen(req->crate), len = strlen(file), suffix_len = strlen(suffix);

    if (!cg_str_ends(file, suffix) || len <= name_len + 1 + suffix_len)
        return NULL;
    if (strncmp(file, req->crate, name_len) != 0 || file[name_len] != '-')
        return NULL;
    return cg_arena_strndup(req->arena, file + name_len + 1, len - name_len - 1 - suffix_len);
}

static enum cg_step send_checksum(struct cg_request *req, const char *version)
{
    char cksum[CG_CKSUM_SIZE];
    struct cg_error err = {0};

    if (cg_registry_cksum(req->gw->registry, req->ns, req->crate, version, cksum, &err) != CG_OK)
        return cg_respond_error(req, &err);
    return cg_respond_text(req, 200, "text/plain", cksum);
}

enum cg_step cg_api_artifact(struct cg_request *req)
{
    const char *file = req->params[2], *version;
    struct cg_error err = {0};

    if ((version = artifact_version(req, file, ".crate")) != NULL)
        return send_crate(req, req->crate, version);
    if ((version = artifact_version(req, file, ".crate.sha256")) != NULL)
        return send_checksum(req, version);
    cg_error_set(&err, CG_ERR_ABSENT, "no such file: crates are at /%s/crates/NAME/NAME-VERSION.crate", req->ns);
    return cg_respond_error(req, &err);
}
