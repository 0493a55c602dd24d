/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* One file's facts and properties, and whether its repository is there at all. */
#include "storage/artifactory/art_ask.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "storage/artifactory/art_path.h"

#define URL_MAX 4096
#define OTHER_NODE_MS 300 /* until what one node has stored is asked for again */

enum cg_err cg_art_place_ok(const char *repo, const char *path, struct cg_error *err)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";

    if (!cg_art_path_ok(repo) || repo[strspn(repo, allowed)])
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" is no key of a repository", repo);
    if (!cg_art_path_ok(path))
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" is no path of a file in a repository", path);
    return CG_OK;
}

int64_t cg_art_time(const char *text)
{
    int64_t wall = 0;

    return text && cg_time_parse_rfc3339(text, &wall) == CG_OK ? wall : 0;
}

uint64_t cg_art_size(const json_t *value)
{
    uint64_t size = UINT64_MAX;

    if (json_is_integer(value) && json_integer_value(value) >= 0)
        return (uint64_t)json_integer_value(value);
    if (json_is_string(value) && cg_parse_u64(json_string_value(value), INT64_MAX, &size) == CG_OK)
        return size;
    return UINT64_MAX;
}

void cg_art_sum(const char *text, char out[65])
{
    unsigned char sum[CG_SHA256_SIZE];

    out[0] = '\0';
    if (text && strlen(text) == CG_SHA256_HEX_SIZE - 1 && cg_unhex(text, sum, sizeof(sum)) == CG_OK)
        cg_hex(sum, sizeof(sum), out);
}

/* A fresh URL of a place, made by one of art_path.h. */
static char *url_of(const struct cg_art_spot *spot, const char *path,
                    void (*make)(struct cg_buf *, const char *, const char *, const char *))
{
    struct cg_art_link *link = cg_art_client_link(spot->client);
    struct cg_buf url;

    cg_buf_init(&url, URL_MAX);
    make(&url, link->url, spot->repo, path);
    cg_art_link_unref(&link);
    return cg_buf_take(&url);
}

enum cg_err cg_art_repo_there(const struct cg_art_spot *spot, struct cg_error *err)
{
    char *url = url_of(spot, "", cg_art_path_storage);
    struct cg_art_call call = {
        .op = CG_ART_OP_REPO, .repo = spot->repo, .http = {.method = "GET", .url = url, .deadline = spot->deadline}};
    json_t *value = NULL;
    enum cg_err rc = cg_art_ask_json(spot->client, &call, &value, err);

    json_decref(value);
    free(url);
    return rc;
}

enum cg_err cg_art_file_missing(const struct cg_art_spot *spot, struct cg_error *err)
{
    enum cg_err there = cg_art_repo_there(spot, err);

    if (there != CG_OK)
        return there;
    return cg_error_set(err, CG_ERR_ABSENT, "%s is not in repository %s", spot->path, spot->repo);
}

enum cg_err cg_art_file_info(const struct cg_art_spot *spot, struct cg_art_item *item_out, struct cg_error *err)
{
    char *url = url_of(spot, spot->path, cg_art_path_storage);
    struct cg_art_call call = {
        .op = CG_ART_OP_FILE, .repo = spot->repo, .http = {.method = "GET", .url = url, .deadline = spot->deadline}};
    json_t *value = NULL;
    enum cg_err rc = cg_art_ask_json(spot->client, &call, &value, err);

    if (rc == CG_OK) {
        cg_art_sum(cg_json_str(json_object_get(value, "checksums"), "sha256"), item_out->sha256);
        item_out->size = cg_art_size(json_object_get(value, "size"));
        item_out->modified = cg_art_time(cg_json_str(value, "lastModified"));
    }
    json_decref(value);
    free(url);
    return rc;
}

static enum cg_err ask_head(struct cg_art_client *client, const struct cg_art_call *call, struct cg_art_item *item_out,
                            long *status_out, struct cg_error *err)
{
    struct cg_art_answer answer;
    enum cg_err rc;

    cg_art_answer_init(&answer);
    rc = cg_art_ask_safe(client, call, &answer, err);
    *status_out = answer.status;
    if (rc == CG_OK) {
        *item_out = (struct cg_art_item){.size = answer.length, .modified = answer.modified};
        if (!answer.odd_sums)
            memcpy(item_out->sha256, answer.sha256, sizeof(item_out->sha256));
    }
    cg_art_answer_free(&answer);
    return rc;
}

enum cg_err cg_art_file_head(const struct cg_art_spot *spot, struct cg_art_item *item_out, struct cg_error *err)
{
    static const char *const stay[] = {"X-JFrog-Download-Redirect-To: None", NULL};
    char *url = url_of(spot, spot->path, cg_art_path_file);
    struct cg_art_call call = {.op = CG_ART_OP_FILE,
                               .repo = spot->repo,
                               .http = {.method = "HEAD", .url = url, .headers = stay, .deadline = spot->deadline}};
    struct cg_art_item item = {0};
    long status;
    enum cg_err rc = ask_head(spot->client, &call, &item, &status, err);

    /* Of its own deploys another node may not know yet (F29). */
    if (rc == CG_ERR_ABSENT && cg_art_client_is_fresh(spot->client, spot->repo, spot->path) &&
        cg_art_client_pause(spot->client, OTHER_NODE_MS, spot->deadline))
        rc = ask_head(spot->client, &call, &item, &status, err);
    /* A refusal of HEAD has no words: no right, or a lock-out? Maintenance, or no licence (F32)? And where it redirects
     * to the bytes all the same, it still knows the file. */
    if (rc == CG_ERR_DENIED || (rc == CG_ERR_UNAVAILABLE && (status / 100 == 3 || status == 503) &&
                                !cg_art_client_down(spot->client, NULL)))
        rc = cg_art_file_info(spot, &item, err);
    free(url);
    if (rc == CG_OK)
        *item_out = item;
    return rc;
}

enum cg_err cg_art_head(struct cg_art_client *client, const char *repo, const char *path, int64_t deadline_ms,
                        struct cg_art_item *item_out, struct cg_error *err)
{
    struct cg_art_spot spot = {.client = client, .repo = repo, .path = path, .deadline = deadline_ms};
    enum cg_err rc = cg_art_place_ok(repo, path, err);

    if (rc == CG_OK)
        rc = cg_art_file_head(&spot, item_out, err);
    return rc == CG_ERR_ABSENT ? cg_art_file_missing(&spot, err) : rc;
}

/* The URL that sets properties; INVALID when there is too much of them. */
static enum cg_err props_url(const struct cg_art_spot *spot, const struct cg_art_prop *props, size_t count,
                             struct cg_buf *url, struct cg_error *err)
{
    struct cg_art_link *link = cg_art_client_link(spot->client);

    cg_art_path_storage(url, link->url, spot->repo, spot->path);
    cg_art_link_unref(&link);
    cg_buf_addstr(url, "?properties=");
    cg_art_path_props(url, "", props, count);
    cg_buf_addstr(url, "&recursive=0");
    if (cg_buf_failed(url))
        return cg_error_set(err, CG_ERR_INVALID, "the properties of %s are too long for one request", spot->path);
    return CG_OK;
}

enum cg_err cg_art_set_props(struct cg_art_client *client, const char *repo, const char *path,
                             const struct cg_art_prop *props, size_t count, struct cg_error *err)
{
    static const char *const plain[] = {"Content-Type: text/plain", NULL};
    struct cg_art_spot spot = {.client = client, .repo = repo, .path = path};
    struct cg_art_call call = {
        .op = CG_ART_OP_ANNOTATE, .repo = repo, .http = {.method = "PUT", .text = "", .headers = plain}};
    struct cg_art_answer answer;
    struct cg_buf url;
    enum cg_err rc = cg_art_place_ok(repo, path, err);

    cg_art_answer_init(&answer);
    cg_buf_init(&url, 2 * URL_MAX);
    if (rc == CG_OK)
        rc = props_url(&spot, props, count, &url, err);
    if (rc == CG_OK) {
        call.http.url = cg_buf_str(&url);
        call.http.deadline = spot.deadline = cg_art_client_budget(client);
        rc = cg_art_ask_safe(client, &call, &answer, err); /* setting the same twice does no harm */
    }
    cg_buf_free(&url);
    cg_art_answer_free(&answer);
    return rc == CG_ERR_ABSENT ? cg_art_file_missing(&spot, err) : rc;
}
