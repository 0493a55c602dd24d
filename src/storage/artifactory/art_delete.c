/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "storage/artifactory/art_ask.h"
#include "storage/artifactory/art_path.h"

#define URL_MAX 4096

enum cg_err cg_art_delete(struct cg_art_client *client, const char *repo, const char *path, struct cg_error *err)
{
    struct cg_art_spot spot = {.client = client, .repo = repo, .path = path, .deadline = cg_art_client_budget(client)};
    struct cg_art_call call = {
        .op = CG_ART_OP_DELETE, .repo = repo, .http = {.method = "DELETE", .deadline = spot.deadline}};
    struct cg_art_link *link = cg_art_client_link(client);
    struct cg_art_answer answer;
    struct cg_buf url;
    enum cg_err rc = cg_art_place_ok(repo, path, err);

    cg_art_answer_init(&answer);
    cg_buf_init(&url, URL_MAX);
    if (rc == CG_OK) {
        cg_art_path_file(&url, link->url, repo, path);
        call.http.url = cg_buf_str(&url);
        rc = cg_art_ask_safe(client, &call, &answer, err); /* what is gone stays gone */
    }
    cg_buf_free(&url);
    cg_art_answer_free(&answer);
    cg_art_link_unref(&link);
    return rc == CG_ERR_ABSENT ? cg_art_file_missing(&spot, err) : rc;
}
