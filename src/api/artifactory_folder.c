/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Folders: the repository, "crates" in it, and one for each crate. None of them exists on its own; they follow from the
 * versions there are. */
#include "api/artifactory.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "crategate/clock.h"

#define DEEP UINT32_MAX

/* A walk over what is in a folder, which writes as it goes. */
struct folder_walk {
    struct cg_request *req;
    const struct cg_folder *folder;
    const char *path; /* of the folder: "", "/crates", "/crates/NAME" */
    struct cg_buf body;
    char last[CG_CRATE_NAME_MAX + 1]; /* the crate it is at */
    size_t count;                     /* crates, or files of the one */
    int64_t created;                  /* of the earliest file; 0: none yet */
    /* of a list */
    uint32_t depth;
    bool folders, times;
};

/* How deep below the repository the folder itself is. */
static uint32_t level(const struct cg_folder *folder)
{
    return folder->root ? 0 : folder->name ? 2 : 1;
}

static const char *path_of(struct cg_request *req, const struct cg_folder *folder)
{
    if (folder->root)
        return "";
    return folder->name ? cg_arena_printf(req->arena, "/crates/%s", folder->name) : "/crates";
}

/* OK; ABSENT also for the folder of a crate that is not there, or is spelled otherwise. */
static enum cg_err walk(struct folder_walk *w, const struct cg_artifact_walk *how)
{
    char index_name[CG_CRATE_NAME_MAX + 1];
    const char *name = w->folder->name;
    enum cg_err rc;

    if (name && !cg_crate_name_valid(name))
        return CG_ERR_ABSENT;
    strcpy(index_name, name ? name : "");
    cg_str_lower(index_name);
    rc = cg_registry_artifacts(w->req->gw->registry, w->req->ns, name ? index_name : NULL, how, &w->req->error);
    return rc == CG_OK && name && w->count == 0 ? CG_ERR_ABSENT : rc;
}

static bool outside(const struct folder_walk *w, const struct cg_artifact *a)
{
    return w->folder->name && strcmp(w->folder->name, a->name) != 0;
}

static bool is_new_crate(struct folder_walk *w, const struct cg_artifact *a)
{
    if (strcmp(w->last, a->name) == 0)
        return false;
    strcpy(w->last, a->name);
    return true;
}

static void note(struct folder_walk *w, const struct cg_artifact *a)
{
    w->count++;
    if (a->created && (w->created == 0 || a->created < w->created))
        w->created = a->created;
}

/* Info */

static void add_child(struct folder_walk *w, const char *name, bool folder)
{
    if (w->body.data[w->body.len - 1] != '[')
        cg_buf_addch(&w->body, ',');
    cg_buf_addf(&w->body, "{\"uri\":\"/%s\",\"folder\":%s}", name, folder ? "true" : "false");
}

/* The children need nothing but the index, so nothing is ever visited. */
static bool see_child(void *cls, const struct cg_artifact *a)
{
    struct folder_walk *w = cls;
    char path[CG_ARTIFACT_PATH_SIZE];

    if (outside(w, a))
        return false;
    note(w, a);
    if (w->folder->name) {
        cg_artifact_path(a->name, a->version, path);
        add_child(w, strrchr(path, '/') + 1, false);
    } else if (is_new_crate(w, a)) {
        add_child(w, a->name, true);
    }
    return false;
}

static enum cg_step finish(struct folder_walk *w, enum cg_err rc, const char *type)
{
    if (rc == CG_OK) {
        cg_respond_json(w->req, 200, &w->body);
        if (w->req->response.status == 200)
            w->req->response.content_type = type;
        return CG_STEP_RESPOND;
    }
    cg_buf_free(&w->body);
    return rc == CG_ERR_ABSENT ? cg_artifactory_absent(w->req) : cg_respond_error(w->req, NULL);
}

enum cg_step cg_folder_info(struct cg_request *req, const struct cg_folder *folder)
{
    struct folder_walk w = {.req = req, .folder = folder};
    struct cg_artifact_walk how = {.wanted = see_child, .cls = &w};
    const char *path = w.path = path_of(req, folder);
    enum cg_err rc = CG_OK;

    cg_buf_init(&w.body, CG_REPOSITORY_ANSWER_MAX);
    cg_buf_addch(&w.body, '{');
    cg_piece_text(&w.body, "repo", req->ns);
    cg_piece_text(&w.body, "path", *path ? path : "/");
    cg_buf_addstr(&w.body, ",\"children\":[");
    if (folder->root)
        add_child(&w, "crates", true);
    else
        rc = walk(&w, &how);
    cg_buf_addch(&w.body, ']');
    if (w.created)
        cg_piece_time(&w.body, "created", w.created);
    cg_piece_url(&w.body, "uri", req, "/api/storage", path);
    cg_buf_addch(&w.body, '}');
    return finish(&w, rc, CG_VENDOR_TYPE("FolderInfo"));
}

/* List */

/* `path` is that below the repository; `at` how deep it is. */
static bool in_depth(const struct folder_walk *w, uint32_t at)
{
    return at > level(w->folder) && at - level(w->folder) <= w->depth;
}

static void add_entry(struct folder_walk *w, const char *uri, const struct cg_artifact *a)
{
    struct cg_buf *out = &w->body;

    cg_buf_addstr(out, out->data[out->len - 1] == '[' ? "{" : ",{");
    cg_piece_text(out, "uri", uri);
    if (a)
        cg_buf_addf(out, ",\"size\":%llu", (unsigned long long)a->size);
    else
        cg_buf_addstr(out, ",\"size\":-1");
    if (a && a->created)
        cg_piece_time(out, "lastModified", a->created);
    cg_buf_addf(out, ",\"folder\":%s", a ? "false" : "true");
    if (a)
        cg_buf_addf(out, ",\"sha2\":\"%s\"", a->cksum);
    if (a && w->times) {
        cg_buf_addstr(out, ",\"mdTimestamps\":{");
        cg_piece_time(out, "properties", a->created);
        cg_buf_addch(out, '}');
    }
    cg_buf_addch(out, '}');
}

static bool see_entry(void *cls, const struct cg_artifact *a)
{
    struct folder_walk *w = cls;
    char path[CG_ARTIFACT_PATH_SIZE];

    if (outside(w, a))
        return false;
    note(w, a);
    if (is_new_crate(w, a) && w->folders && in_depth(w, 2)) {
        snprintf(path, sizeof(path), "/crates/%s", a->name);
        add_entry(w, path + strlen(w->path), NULL);
    }
    return in_depth(w, 3);
}

static enum cg_err visit_entry(void *cls, const struct cg_artifact *a)
{
    struct folder_walk *w = cls;
    char path[CG_ARTIFACT_PATH_SIZE];

    cg_artifact_path(a->name, a->version, path);
    add_entry(w, path + strlen(w->path), a);
    if (!cg_buf_failed(&w->body))
        return CG_OK;
    return cg_error_set(&w->req->error, CG_ERR_INVALID, "this list is longer than %u bytes: list one folder at a time",
                        CG_REPOSITORY_ANSWER_MAX);
}

static bool flag(struct cg_request *req, const char *name)
{
    const char *text = cg_request_query(req, name);

    return text && strcmp(text, "1") == 0;
}

static enum cg_err read_options(struct folder_walk *w)
{
    const char *text = cg_request_query(w->req, "depth");
    uint64_t depth = flag(w->req, "deep") ? DEEP : 1;

    if (text && flag(w->req, "deep") && (cg_parse_u64(text, DEEP, &depth) != CG_OK || depth == 0))
        return cg_error_set(&w->req->error, CG_ERR_INVALID, "the query's \"depth\" must be a number from 1");
    w->depth = (uint32_t)depth;
    w->folders = flag(w->req, "listFolders");
    w->times = flag(w->req, "mdTimestamps");
    return CG_OK;
}

enum cg_step cg_folder_list(struct cg_request *req, const struct cg_folder *folder)
{
    struct folder_walk w = {.req = req, .folder = folder};
    struct cg_artifact_walk how = {.wanted = see_entry, .visit = visit_entry, .cls = &w};
    enum cg_err rc = read_options(&w);

    w.path = path_of(req, folder);
    cg_buf_init(&w.body, CG_REPOSITORY_ANSWER_MAX);
    cg_buf_addch(&w.body, '{');
    cg_piece_url(&w.body, "uri", req, "/api/storage", w.path);
    cg_piece_time(&w.body, "created", cg_clock_wall_s());
    cg_buf_addstr(&w.body, ",\"files\":[");
    if (flag(req, "includeRootPath"))
        add_entry(&w, "/", NULL);
    if (w.folders && in_depth(&w, 1))
        add_entry(&w, "/crates", NULL);
    if (rc == CG_OK)
        rc = walk(&w, &how);
    cg_buf_addstr(&w.body, "]}");
    return finish(&w, rc, CG_VENDOR_TYPE("FileList"));
}
