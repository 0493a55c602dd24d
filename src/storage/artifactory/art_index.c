/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "storage/artifactory/art_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "storage/artifactory/art_ask.h"

#define FILE_MAX ((size_t)8 << 20) /* thousands of versions */

char *cg_art_index_path(const char *repo, const char *name)
{
    char *lower = cg_strdup(name), *path;
    size_t len = strlen(name);

    cg_str_lower(lower);
    if (len < 3)
        path = cg_asprintf("/api/cargo/%s/index/%zu/%s", repo, len, lower);
    else if (len == 3)
        path = cg_asprintf("/api/cargo/%s/index/3/%c/%s", repo, lower[0], lower);
    else
        path = cg_asprintf("/api/cargo/%s/index/%.2s/%.2s/%s", repo, lower, lower + 2, lower);
    free(lower);
    return path;
}

static char *url_of(struct cg_art_client *client, const struct cg_art_crate *crate)
{
    struct cg_art_link *link = cg_art_client_link(client);
    char *path = cg_art_index_path(crate->repo, crate->name);
    char *url = cg_asprintf("%s%s", link->url, path);

    cg_art_link_unref(&link);
    free(path);
    return url;
}

enum cg_err cg_art_index_get(struct cg_art_client *client, const struct cg_art_crate *crate, struct cg_buf *out,
                             struct cg_error *err)
{
    struct cg_art_call call = {
        .op = CG_ART_OP_INDEX, .repo = crate->repo, .http = {.method = "GET", .max_body = FILE_MAX}};
    struct cg_art_answer answer;
    char *url;
    enum cg_err rc = cg_art_place_ok(crate->repo, crate->name, err);

    if (rc != CG_OK)
        return rc;
    url = url_of(client, crate);
    call.http.url = url;
    call.http.deadline = cg_art_client_budget(client);
    cg_art_answer_init(&answer);
    rc = cg_art_ask_safe(client, &call, &answer, err);
    if (rc == CG_OK)
        cg_buf_add(out, cg_buf_str(&answer.body), answer.body.len);
    else if (rc == CG_ERR_DENIED) /* of the crates themselves more is said elsewhere */
        rc = cg_error_set(err, CG_ERR_ABSENT, "the gateway's account may not read the index of %s", crate->repo);
    cg_art_answer_free(&answer);
    free(url);
    return rc;
}
