/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* GET /api/storage/NS/PATH: what is there, what is in it, and its properties. */
#include "api/api.h"

#include <string.h>

#include "api/artifactory.h"
#include "base/str.h"

#define ANSWER_MAX (64u * 1024u)

struct place {
    bool is_file;
    struct cg_folder folder;
    struct cg_coordinates file;
};

/* Without the slash that may be at its end; "" for the repository itself. */
static const char *path_of(struct cg_request *req)
{
    const char *path = req->params[1] ? req->params[1] : "";
    size_t len = strlen(path);

    return cg_arena_strndup(req->arena, path, len && path[len - 1] == '/' ? len - 1 : len);
}

/* False: there can be nothing at such a path. */
static bool find_place(struct cg_request *req, struct place *out)
{
    static const char crates[] = "crates/";
    const char *path = path_of(req);

    *out = (struct place){.folder = {.root = *path == '\0'}};
    if (out->folder.root || strcmp(path, "crates") == 0)
        return true;
    if (!cg_str_starts(path, crates))
        return false;
    path += strlen(crates);
    out->is_file = strchr(path, '/') != NULL;
    out->folder.name = path;
    return !out->is_file || cg_artifact_split(req, path, &out->file);
}

static void write_file(struct cg_request *req, const struct cg_artifact *a, struct cg_buf *out)
{
    char path[CG_ARTIFACT_PATH_SIZE];

    cg_artifact_path(a->name, a->version, path);
    cg_buf_addch(out, '{');
    cg_piece_text(out, "repo", req->ns);
    cg_piece_text(out, "path", path);
    cg_piece_time(out, "created", a->created);
    cg_piece_text(out, "createdBy", a->publisher);
    cg_piece_time(out, "lastModified", a->created);
    cg_piece_text(out, "modifiedBy", a->publisher);
    cg_piece_time(out, "lastUpdated", a->created);
    cg_piece_url(out, "downloadUri", req, "", path);
    cg_piece_text(out, "mimeType", "application/octet-stream");
    cg_buf_addf(out, ",\"size\":\"%llu\"", (unsigned long long)a->size);
    cg_buf_addf(out, ",\"checksums\":{\"sha256\":\"%s\"},\"originalChecksums\":{\"sha256\":\"%s\"}", a->cksum,
                a->cksum);
    cg_piece_url(out, "uri", req, "/api/storage", path);
    cg_buf_addch(out, '}');
}

static enum cg_step file_info(struct cg_request *req, const struct cg_artifact *artifact)
{
    struct cg_buf body;

    cg_buf_init(&body, ANSWER_MAX);
    write_file(req, artifact, &body);
    cg_respond_json(req, 200, &body);
    req->response.content_type = CG_VENDOR_TYPE("FileInfo");
    return CG_STEP_RESPOND;
}

/* Is the property one of "a,b,c"? Of "", all are. */
static bool is_wanted(const char *wanted, const char *name)
{
    for (const char *at = wanted; *at; at += *at == ',') {
        size_t len = strcspn(at, ",");

        if (len == strlen(name) && memcmp(at, name, len) == 0)
            return true;
        at += len;
    }
    return *wanted == '\0';
}

static enum cg_step no_properties(struct cg_request *req)
{
    cg_error_set(&req->error, CG_ERR_ABSENT, "No properties could be found.");
    return cg_respond_error(req, NULL);
}

static enum cg_step properties(struct cg_request *req, const struct cg_artifact *artifact, const char *wanted)
{
    char path[CG_ARTIFACT_PATH_SIZE];
    struct cg_buf body;
    unsigned count = 0;

    cg_buf_init(&body, ANSWER_MAX);
    cg_buf_addstr(&body, "{\"properties\":{");
    for (const char *const *name = cg_artifact_properties; *name; name++)
        if (is_wanted(wanted, *name))
            cg_buf_addf(&body, "%s\"%s\":[\"%s\"]", count++ ? "," : "", *name, cg_artifact_property(artifact, *name));
    cg_buf_addch(&body, '}');
    cg_artifact_path(artifact->name, artifact->version, path);
    cg_piece_url(&body, "uri", req, "/api/storage", path);
    cg_buf_addch(&body, '}');
    if (count == 0) {
        cg_buf_free(&body);
        return no_properties(req);
    }
    cg_respond_json(req, 200, &body);
    req->response.content_type = CG_VENDOR_TYPE("ItemProperties");
    return CG_STEP_RESPOND;
}

static enum cg_step on_file(struct cg_request *req, const struct cg_coordinates *file)
{
    const char *wanted = cg_request_query(req, "properties");
    struct cg_artifact artifact;
    enum cg_err rc = cg_registry_artifact(req->gw->registry, req->ns, file, &artifact, &req->error);

    if (rc == CG_ERR_ABSENT)
        return cg_artifactory_absent(req);
    if (rc != CG_OK)
        return cg_respond_error(req, NULL);
    if (wanted)
        return properties(req, &artifact, wanted);
    if (!cg_request_query(req, "list"))
        return file_info(req, &artifact);
    cg_error_set(&req->error, CG_ERR_INVALID, "Expected a folder, but this is a file: there is nothing to list in it");
    return cg_respond_error(req, NULL);
}

static enum cg_step on_folder(struct cg_request *req, const struct cg_folder *folder)
{
    if (cg_request_query(req, "properties"))
        return no_properties(req);
    return cg_request_query(req, "list") ? cg_folder_list(req, folder) : cg_folder_info(req, folder);
}

/* Questions that have no answer here, rather than the answer to another one. */
static const char *unknown_question(struct cg_request *req)
{
    static const char *const unknown[] = {"stats", "lastModified", "permissions", "propertiesXml"};

    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        if (cg_request_query(req, unknown[i]))
            return unknown[i];
    return NULL;
}

enum cg_step cg_api_storage(struct cg_request *req)
{
    const char *unknown = unknown_question(req);
    struct place place;

    if (unknown) {
        cg_error_set(&req->error, CG_ERR_INVALID, "\"?%s\" is not answered here", unknown);
        return cg_respond_error(req, NULL);
    }
    if (!find_place(req, &place))
        return cg_artifactory_absent(req);
    return place.is_file ? on_file(req, &place.file) : on_folder(req, &place.folder);
}

enum cg_step cg_api_storage_change(struct cg_request *req)
{
    cg_error_set(&req->error, CG_ERR_DENIED,
                 "properties cannot be set or removed here: those of a crate follow from what it is (%s, %s, %s)",
                 cg_artifact_properties[0], cg_artifact_properties[1], cg_artifact_properties[2]);
    return cg_respond_error(req, NULL);
}
