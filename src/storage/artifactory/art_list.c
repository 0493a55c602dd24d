/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Everything that is in a repository. A listing that is not complete is worse
 * than none, because what it lacks would be taken for deleted:
 *
 * - the repository is asked for first; AQL answers "nothing" for one that is
 *   gone or may not be read;
 * - pages are sorted and overlap, so that files deleted meanwhile, which move
 *   the rest forward, show; files added meanwhile come twice, and are told once;
 * - a page that is not full does not end it, as rows are taken out of a page by
 *   permission; only an empty one does;
 * - `notification` means that a limit of the server cut the answer.
 *
 * Paging works only for fields of the item itself, so our properties come by a
 * second query for the paths that a page spans.
 */
#include "storage/artifactory/art_ask.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "storage/artifactory/art_path.h"

#define PAGE 500
#define OVERLAP 25
#define MAX_PAGES 20000 /* ten million files: something is going round in circles */
#define RESTARTS 3
#define FOLDER "crates/"
#define SUFFIX ".crate"
#define URL_MAX 4096

struct listing {
    struct cg_art_client *client;
    const char *repo;
    const char *folder; /* of the one crate that is wanted, without a slash at its end; NULL: all */
    cg_art_visit visit;
    void *cls;
    struct cg_map *seen;   /* path -> the round in which it was seen last */
    char rounds[RESTARTS]; /* their addresses stand for the rounds */
    char *round;
    char *quoted_repo; /* as a JSON string */
    char *wanted_path; /* what AQL compares the folders with, in JSON */
    bool last_full;    /* the page before had as many rows as were asked for */
    bool slipped;      /* files were deleted meanwhile: once more from the start */
};

/* One file */

static bool is_crate(const char *path)
{
    return cg_str_starts(path, FOLDER) && cg_str_ends(path, SUFFIX) && cg_art_path_ok(path);
}

static enum cg_err tell(struct listing *list, const struct cg_art_listed *file)
{
    bool known;

    if (!is_crate(file->path))
        return CG_OK;
    known = cg_map_get(list->seen, file->path) != NULL;
    cg_map_put(list->seen, file->path, list->round);
    return known ? CG_OK : list->visit(list->cls, file);
}

static enum cg_err nonsense(const struct listing *list, struct cg_error *err, const char *what)
{
    return cg_art_unavailable(err, "Artifactory, repository %s: its list of files %s", list->repo, what);
}

/* AQL */

static enum cg_err ask_aql(struct listing *list, const char *query, json_t **out, struct cg_error *err)
{
    static const char *const plain[] = {"Content-Type: text/plain", NULL};
    struct cg_art_link *link = cg_art_client_link(list->client);
    char *url = cg_asprintf("%s/api/search/aql", link->url);
    struct cg_art_call call = {.op = CG_ART_OP_AQL,
                               .repo = list->repo,
                               .http = {.method = "POST",
                                        .url = url,
                                        .headers = plain,
                                        .text = query,
                                        .deadline = cg_art_client_budget(list->client)}};
    enum cg_err rc = cg_art_ask_json(list->client, &call, out, err);

    cg_art_link_unref(&link);
    free(url);
    return rc;
}

/* The rows of an answer that hides no limit; borrowed from it. */
static enum cg_err rows_of(const struct listing *list, const json_t *answer, json_int_t asked, const json_t **rows_out,
                           struct cg_error *err)
{
    const json_t *rows = json_object_get(answer, "results"), *range = json_object_get(answer, "range");
    const json_t *limit = json_object_get(range, "limit");

    if (!json_is_array(rows) || !json_is_object(range))
        return nonsense(list, err, "has no results");
    if (json_object_get(range, "notification"))
        return nonsense(list, err,
                        "is cut by a limit of the server (artifactory.search.userQueryLimit); an "
                        "administrator of Artifactory has to raise it");
    if (asked && json_is_integer(limit) && json_integer_value(limit) < asked)
        return nonsense(list, err, "is cut by a limit of the server below the page that was asked for");
    *rows_out = rows;
    return CG_OK;
}

/* "PATH/NAME" of a row of this repository; fresh. NULL when it is none. */
static char *row_path(const struct listing *list, const json_t *row)
{
    const char *repo = cg_json_str(row, "repo"), *path = cg_json_str(row, "path"), *name = cg_json_str(row, "name");

    if (!repo || !path || !name || !cg_streq(repo, list->repo))
        return NULL;
    return cg_streq(path, ".") ? cg_strdup(name) : cg_asprintf("%s/%s", path, name);
}

/* Path of a file -> its row of the query for properties. */
static enum cg_err index_props(struct listing *list, const json_t *rows, struct cg_map *props, struct cg_error *err)
{
    size_t i;
    json_t *row;

    json_array_foreach((json_t *)(uintptr_t)rows, i, row)
    {
        char *path = row_path(list, row);

        if (!path)
            return nonsense(list, err, "has rows without a name");
        cg_map_put(props, path, row);
        free(path);
    }
    return CG_OK;
}

/* Our properties of all files whose folders lie between those of the first and the last row. */
static enum cg_err ask_props(struct listing *list, const json_t *rows, struct cg_map *props, json_t **answer_out,
                             struct cg_error *err)
{
    const json_t *first = json_array_get(rows, 0), *last = json_array_get(rows, json_array_size(rows) - 1);
    const json_t *own = NULL;
    struct cg_buf query;
    json_t *answer = NULL;
    enum cg_err rc;

    if (!cg_json_str(first, "path") || !cg_json_str(last, "path"))
        return nonsense(list, err, "has rows without a path");
    cg_buf_init(&query, URL_MAX);
    cg_buf_addf(&query, "items.find({\"repo\":%s,\"$and\":[{\"path\":{\"$gte\":", list->quoted_repo);
    cg_json_quote(&query, cg_json_str(first, "path"));
    cg_buf_addstr(&query, "}},{\"path\":{\"$lte\":");
    cg_json_quote(&query, cg_json_str(last, "path"));
    cg_buf_addstr(&query, "}},{\"$or\":[{\"@" CG_ART_PROP_YANKED "\":{\"$match\":\"*\"}},"
                          "{\"@" CG_ART_PROP_PUBLISHER "\":{\"$match\":\"*\"}}]}]})"
                          ".include(\"repo\",\"path\",\"name\",\"property\")");
    rc = cg_buf_failed(&query) ? nonsense(list, err, "has a path that is too long")
                               : ask_aql(list, cg_buf_str(&query), &answer, err);
    if (rc == CG_OK)
        rc = rows_of(list, answer, 0, &own, err);
    if (rc == CG_OK)
        rc = index_props(list, own, props, err);
    cg_buf_free(&query);
    *answer_out = answer; /* props borrows from it */
    return rc;
}

static const char *prop_of(const json_t *row, const char *name)
{
    size_t i;
    json_t *prop;

    json_array_foreach(json_object_get(row, "properties"), i,
                       prop) if (cg_streq(cg_json_str(prop, "key"), name)) return cg_json_str(prop, "value");
    return NULL;
}

static int yanked_of(const json_t *row)
{
    const char *value = prop_of(row, CG_ART_PROP_YANKED);

    return cg_streq(value, "true") ? 1 : cg_streq(value, "false") ? 0 : -1;
}

static enum cg_err tell_row(struct listing *list, const json_t *row, const char *path, const json_t *props)
{
    const char *publisher = prop_of(props, CG_ART_PROP_PUBLISHER);
    struct cg_art_listed file = {.path = path, .publisher = publisher ? publisher : "", .yanked = yanked_of(props)};

    cg_art_sum(cg_json_str(row, "sha256"), file.item.sha256);
    file.item.size = cg_art_size(json_object_get(row, "size"));
    file.item.modified = cg_art_time(cg_json_str(row, "modified"));
    return tell(list, &file);
}

static enum cg_err tell_rows(struct listing *list, const json_t *rows, const struct cg_map *props, struct cg_error *err)
{
    enum cg_err rc = CG_OK;

    for (size_t i = 0; i < json_array_size(rows) && rc == CG_OK; i++) {
        const json_t *row = json_array_get(rows, i);
        char *path = row_path(list, row);

        rc = path ? tell_row(list, row, path, cg_map_get(props, path)) : nonsense(list, err, "has rows without a name");
        free(path);
    }
    return rc;
}

/* After a full page the next one begins with rows that were seen already, unless as many were deleted. */
static bool has_slipped(const struct listing *list, const json_t *rows)
{
    char *path;
    bool slipped;

    if (!list->last_full)
        return false;
    path = row_path(list, json_array_get(rows, 0));
    slipped = !path || (is_crate(path) && cg_map_get(list->seen, path) != list->round);
    free(path);
    return slipped;
}

static enum cg_err take_page(struct listing *list, const json_t *rows, struct cg_error *err)
{
    struct cg_map *props = cg_map_new(NULL);
    json_t *answer = NULL;
    enum cg_err rc = ask_props(list, rows, props, &answer, err);

    if (rc == CG_OK)
        rc = tell_rows(list, rows, props, err);
    cg_map_free(&props);
    json_decref(answer);
    return rc;
}

static enum cg_err page(struct listing *list, size_t number, bool *end_out, struct cg_error *err)
{
    char *query = cg_asprintf("items.find({\"repo\":%s,\"path\":%s,\"name\":{\"$match\":\"*%s\"}})"
                              ".include(\"repo\",\"path\",\"name\",\"sha256\",\"size\",\"modified\")"
                              ".sort({\"$asc\":[\"path\",\"name\"]}).offset(%zu).limit(%d)",
                              list->quoted_repo, list->wanted_path, SUFFIX, number * (PAGE - OVERLAP), PAGE);
    const json_t *rows = NULL;
    json_t *answer = NULL;
    enum cg_err rc = ask_aql(list, query, &answer, err);

    if (rc == CG_OK)
        rc = rows_of(list, answer, PAGE, &rows, err);
    if (rc == CG_OK) {
        list->slipped = has_slipped(list, rows);
        *end_out = list->slipped || json_array_size(rows) == 0;
        list->last_full = json_array_size(rows) == PAGE;
    }
    if (rc == CG_OK && !*end_out)
        rc = take_page(list, rows, err);
    json_decref(answer);
    free(query);
    return rc;
}

/* DENIED: AQL is refused, and nothing was told yet. */
static enum cg_err by_aql(struct listing *list, struct cg_error *err)
{
    enum cg_err rc = CG_OK;

    for (unsigned round = 0; round < RESTARTS && rc == CG_OK; round++) {
        bool end = false;

        list->last_full = false;
        list->round = &list->rounds[round];
        for (size_t number = 0; rc == CG_OK && !end; number++)
            rc = number < MAX_PAGES ? page(list, number, &end, err) : nonsense(list, err, "has no end");
        if (rc == CG_OK && !list->slipped)
            return CG_OK;
    }
    return rc == CG_OK ? nonsense(list, err, "changes faster than it can be read") : rc;
}

/* The list of files, where there is no AQL */

static enum cg_err tell_entry(struct listing *list, const json_t *entry, struct cg_error *err)
{
    const char *uri = cg_json_str(entry, "uri");
    struct cg_art_listed file = {.publisher = "", .yanked = -1};
    char *path;
    enum cg_err rc;

    if (!uri || *uri != '/')
        return nonsense(list, err, "has entries without a name");
    if (json_is_true(json_object_get(entry, "folder")))
        return CG_OK;
    path = cg_asprintf("%s%s", list->folder ? list->folder : "", list->folder ? uri : uri + 1);
    file.path = path;
    cg_art_sum(cg_json_str(entry, "sha2"), file.item.sha256);
    file.item.size = cg_art_size(json_object_get(entry, "size"));
    file.item.modified = cg_art_time(cg_json_str(entry, "lastModified"));
    rc = tell(list, &file);
    free(path);
    return rc;
}

static enum cg_err by_list(struct listing *list, struct cg_error *err)
{
    struct cg_art_call call = {
        .op = list->folder ? CG_ART_OP_FILE : CG_ART_OP_REPO, .repo = list->repo, .http = {.method = "GET"}};
    struct cg_art_link *link = cg_art_client_link(list->client);
    json_t *answer = NULL, *files;
    struct cg_buf url;
    enum cg_err rc;

    cg_buf_init(&url, URL_MAX);
    cg_art_path_storage(&url, link->url, list->repo, list->folder ? list->folder : "");
    cg_buf_addstr(&url, "?list&deep=1");
    cg_art_link_unref(&link);
    call.http.url = cg_buf_str(&url);
    call.http.deadline = cg_art_client_budget(list->client);
    rc = cg_art_ask_json(list->client, &call, &answer, err);
    cg_buf_free(&url);
    if (rc == CG_ERR_ABSENT) /* the folder is not; the repository is, as was asked before */
        return CG_OK;
    files = json_object_get(answer, "files");
    if (rc == CG_OK && !json_is_array(files))
        rc = nonsense(list, err, "is none");
    for (size_t i = 0; rc == CG_OK && i < json_array_size(files); i++)
        rc = tell_entry(list, json_array_get(files, i), err);
    json_decref(answer);
    return rc;
}

static char *quote(const char *text)
{
    struct cg_buf out;

    cg_buf_init(&out, CG_ART_PATH_MAX * 6 + 2);
    cg_json_quote(&out, text);
    return cg_buf_take(&out);
}

static enum cg_err list_all(struct listing *list, struct cg_error *err)
{
    struct cg_art_spot spot = {
        .client = list->client, .repo = list->repo, .deadline = cg_art_client_budget(list->client)};
    enum cg_err rc = cg_art_place_ok(list->repo, list->folder ? list->folder : "crates", err);

    if (rc == CG_OK)
        rc = cg_art_repo_there(&spot, err);
    if (rc != CG_OK)
        return rc;
    list->seen = cg_map_new(NULL);
    list->round = list->rounds;
    list->quoted_repo = quote(list->repo);
    list->wanted_path = list->folder ? quote(list->folder) : cg_strdup("{\"$match\":\"crates*\"}");
    rc = by_aql(list, err);
    if (rc == CG_ERR_DENIED && cg_map_count(list->seen) == 0)
        rc = by_list(list, err);
    cg_map_free(&list->seen);
    free(list->quoted_repo);
    free(list->wanted_path);
    return rc;
}

enum cg_err cg_art_list(struct cg_art_client *client, const char *repo, cg_art_visit visit, void *cls,
                        struct cg_error *err)
{
    struct listing list = {.client = client, .repo = repo, .visit = visit, .cls = cls};

    return list_all(&list, err);
}

enum cg_err cg_art_list_crate(struct cg_art_client *client, const struct cg_art_crate *crate, cg_art_visit visit,
                              void *cls, struct cg_error *err)
{
    char *folder = cg_asprintf(FOLDER "%s", crate->name);
    struct listing list = {.client = client, .repo = crate->repo, .folder = folder, .visit = visit, .cls = cls};
    enum cg_err rc = list_all(&list, err);

    free(folder);
    return rc;
}
