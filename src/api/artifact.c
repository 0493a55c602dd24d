/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Artifactory's artifact paths, NS/crates/NAME/NAME-VERSION.crate: download and
 * deploy. A deploy is a publish whose metadata is the manifest in the archive:
 * the same checks, the same rights, the same durability. The same bytes again
 * are 201 like the first time; others are 409, because here nothing is ever
 * overwritten, with whatever right.
 */
#include "api/api.h"

#include <stdlib.h>
#include <string.h>

#include "api/artifactory.h"
#include "api/change.h"
#include "api/checksums.h"
#include "api/download.h"
#include "base/str.h"
#include "crategate/clock.h"

#define ANSWER_MAX (64u * 1024u)
#define CRATE_TYPE "application/octet-stream"

/* Download */

static const char *etag_of(const struct cg_response *response)
{
    for (size_t i = 0; i < response->header_count; i++)
        if (strcmp(response->headers[i].name, "ETag") == 0)
            return response->headers[i].value;
    return "\"\"";
}

/* A version's name is of letters, digits, '-', '.', '+', and a crate's likewise: neither ends a quoted text. */
static enum cg_step with_headers(struct cg_request *req, enum cg_step step, const char *file)
{
    const char *etag = etag_of(&req->response);
    unsigned status = req->response.status;

    if (step != CG_STEP_RESPOND || (status != 200 && status != 206))
        return step;
    cg_response_header(req, "X-Checksum-Sha256", cg_arena_strndup(req->arena, etag + 1, strlen(etag) - 2));
    cg_response_header(req, "X-Artifactory-Filename", file);
    cg_response_header(req, "Content-Disposition", cg_arena_printf(req->arena, "attachment; filename=\"%s\"", file));
    return step;
}

static enum cg_step send_checksum(struct cg_request *req, const char *version)
{
    char etag[CG_ETAG_SIZE + 32];
    struct cg_error err = {0};

    if (cg_registry_etag(req->gw->registry, req->ns, req->crate, version, etag, &err) != CG_OK)
        return cg_respond_error(req, &err);
    return cg_respond_text(req, 200, "text/plain", cg_arena_strndup(req->arena, etag + 1, strlen(etag) - 2));
}

/* "path;name+=value" gives a file only when it has the property; others are conditions only where it has another value
 * of it. Clients have no properties of ours in mind, and of theirs none is kept. */
static bool has_mandatory_property(const struct cg_request *req)
{
    const char *matrix = strchr(req->target, ';');

    return matrix && (strstr(matrix, "+=") || strcasestr(matrix, "%2b="));
}

enum cg_step cg_api_artifact(struct cg_request *req)
{
    const char *file = req->params[2], *version;

    if (has_mandatory_property(req)) {
        cg_error_set(&req->error, CG_ERR_ABSENT,
                     "no file has the property that this address makes a condition (\"+=\"): properties sent with a "
                     "deploy are not kept here");
        return cg_respond_error(req, NULL);
    }
    if ((version = cg_artifact_version(req, req->crate, file, ".crate")) != NULL)
        return with_headers(req, cg_api_send_crate(req, req->crate, version), file);
    if ((version = cg_artifact_version(req, req->crate, file, ".crate.sha256")) != NULL)
        return send_checksum(req, version);
    if (!cg_artifact_version(req, req->crate, file, ".crate.sha1") &&
        !cg_artifact_version(req, req->crate, file, ".crate.md5"))
        return cg_artifactory_absent(req);
    cg_error_set(&req->error, CG_ERR_ABSENT, "of a crate's checksums only the SHA-256 is kept: ask for .sha256");
    return cg_respond_error(req, NULL);
}

enum cg_step cg_api_artifact_elsewhere(struct cg_request *req)
{
    return cg_artifactory_absent(req);
}

/* Deploy */

/* What is told of a file just put there. Nothing that can still fail may make a failure of it. */
static void describe(struct cg_request *req, const struct cg_coordinates *as, struct cg_artifact *out)
{
    struct cg_error err = {0};

    if (cg_registry_artifact(req->gw->registry, req->ns, as, out, &err) == CG_OK)
        return;
    *out = (struct cg_artifact){.created = cg_clock_wall_s()};
    cg_str_printable(cg_identity_name(req->authn.caller.who), strlen(cg_identity_name(req->authn.caller.who)),
                     out->publisher, sizeof(out->publisher));
}

struct deploy {
    struct cg_coordinates as;
    struct cg_sums_hex sent, found; /* found: at least the SHA-256 */
    uint64_t size;
};

static void write_item(struct cg_request *req, const struct deploy *d, const char *path, struct cg_buf *out)
{
    struct cg_artifact artifact;
    uint64_t size;

    describe(req, &d->as, &artifact);
    size = d->size ? d->size : artifact.size;
    cg_buf_addch(out, '{');
    cg_piece_text(out, "repo", req->ns);
    cg_piece_text(out, "path", path);
    cg_piece_time(out, "created", artifact.created);
    cg_piece_text(out, "createdBy", artifact.publisher);
    cg_piece_url(out, "downloadUri", req, "", path);
    cg_piece_text(out, "mimeType", CRATE_TYPE);
    cg_buf_addf(out, ",\"size\":\"%llu\",\"checksums\":", (unsigned long long)size);
    cg_checksums_json(&d->found, out);
    cg_buf_addstr(out, ",\"originalChecksums\":");
    cg_checksums_json(&d->sent, out);
    cg_piece_url(out, "uri", req, "", path);
    cg_buf_addch(out, '}');
}

static enum cg_step created(struct cg_request *req, const struct deploy *d)
{
    char path[CG_ARTIFACT_PATH_SIZE];
    struct cg_buf body;

    cg_buf_init(&body, ANSWER_MAX);
    cg_artifact_path(d->as.name, d->as.version, path);
    write_item(req, d, path, &body);
    cg_respond_json(req, 201, &body);
    if (req->response.status != 201)
        return CG_STEP_RESPOND;
    req->response.content_type = CG_VENDOR_TYPE("ItemCreated");
    cg_response_header(req, "Location",
                       cg_arena_printf(req->arena, "%s/%s%s", cg_artifactory_base(req), req->ns, path));
    return CG_STEP_RESPOND;
}

/* No bytes: only "do you have these?". What is malformed is not there, either; the client then sends the bytes. */
static enum cg_err deploy_by_checksum(struct cg_request *req, struct cg_change *change, struct deploy *d,
                                      struct cg_error *err)
{
    if (cg_checksums_sent(req, &d->sent, err) != CG_OK || !d->sent.sha256[0]) {
        change->unchanged = true;
        return cg_error_set(err, CG_ERR_ABSENT,
                            "only a SHA-256 (X-Checksum-Sha256) can tell whether these bytes are here: send them");
    }
    strcpy(d->found.sha256, d->sent.sha256);
    return cg_registry_deployed(req->gw->registry, change, &d->as, d->sent.sha256, err);
}

static enum cg_err deploy_bytes(struct cg_request *req, struct cg_change *change, struct deploy *d,
                                struct cg_error *err)
{
    struct cg_source body;
    enum cg_err rc = cg_checksums_sent(req, &d->sent, err);

    cg_request_source(req, &body);
    d->size = body.size;
    if (rc == CG_OK)
        rc = cg_checksums_of(&body, &d->found, err);
    if (rc == CG_OK)
        rc = cg_checksums_compare(&d->sent, &d->found, err);
    return rc == CG_OK ? cg_registry_deploy(req->gw->registry, change, &d->as, &body, err) : rc;
}

static bool is_by_checksum(struct cg_request *req)
{
    const char *text = cg_request_header(req, "X-Checksum-Deploy");

    return text && cg_streq_nocase(text, "true");
}

enum cg_step cg_api_deploy(struct cg_request *req)
{
    struct deploy d = {0};
    struct cg_change change;
    struct cg_error err = {0};
    enum cg_err rc;

    cg_api_change_begin(req, &change);
    if (!cg_artifact_split(req, req->params[1], &d.as))
        rc = cg_error_set(&err, CG_ERR_INVALID,
                          "a crate is deployed to %s/crates/NAME/NAME-VERSION.crate, and nothing else can be", req->ns);
    else if (is_by_checksum(req))
        rc = deploy_by_checksum(req, &change, &d, &err);
    else
        rc = deploy_bytes(req, &change, &d, &err);
    cg_api_change_note(req, &change);
    return rc == CG_OK ? created(req, &d) : cg_respond_error(req, &err);
}
