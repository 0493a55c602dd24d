/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Owners (cargo-protocol.md 5.4): list, add and remove, the last two with a body. */
#include "api/api.h"
#include "api/change.h"

#include <stdlib.h>

#include "base/json.h"

#define ANSWER_MAX (1024u * 1024u)
#define LOGINS_MAX 100

enum cg_step cg_api_owners(struct cg_request *req)
{
    struct cg_buf body;
    struct cg_error err = {0};

    cg_buf_init(&body, ANSWER_MAX);
    if (cg_registry_owners(req->gw->registry, req->ns, req->crate, &body, &err) == CG_OK)
        return cg_respond_json(req, 200, &body);
    cg_buf_free(&body);
    return cg_respond_error(req, &err);
}

static enum cg_err copy_logins(struct cg_request *req, const json_t *users, char ***logins_out, struct cg_error *err)
{
    size_t count = json_array_size(users);
    char **logins;

    if (!json_is_array(users) || count == 0 || count > LOGINS_MAX)
        return cg_error_set(err, CG_ERR_INVALID, "the body must be {\"users\":[\"login\", ...]} with 1 to %d logins",
                            LOGINS_MAX);
    logins = cg_arena_alloc(req->arena, (count + 1) * sizeof(*logins));
    for (size_t i = 0; i < count; i++) {
        const char *login = json_string_value(json_array_get(users, i));

        if (!login || !*login)
            return cg_error_set(err, CG_ERR_INVALID, "every login must be a string that is not empty");
        logins[i] = cg_arena_strdup(req->arena, login);
    }
    *logins_out = logins;
    return CG_OK;
}

static enum cg_err read_logins(struct cg_request *req, char ***logins_out, struct cg_error *err)
{
    size_t len;
    const char *text = cg_request_text(req, &len);
    json_t *root = NULL;
    enum cg_err rc = cg_json_parse(text, len, &root, err);

    if (rc == CG_OK) {
        const json_t *users = json_object_get(root, "users");

        /* Older clients of crates.io say "owners". */
        rc = copy_logins(req, users ? users : json_object_get(root, "owners"), logins_out, err);
    }
    json_decref(root);
    return rc;
}

static const char *joined(struct cg_request *req, char *const *logins)
{
    char *text = cg_strlist_join(logins, ", ");
    const char *copy = cg_arena_strndup(req->arena, text, 512);

    free(text);
    return copy;
}

static enum cg_step change_owners(struct cg_request *req, bool add)
{
    struct cg_change change;
    struct cg_buf body;
    struct cg_error err = {0};
    char **logins = NULL;

    cg_buf_init(&body, ANSWER_MAX);
    cg_api_change_begin(req, &change);
    enum cg_err rc = read_logins(req, &logins, &err);
    if (rc == CG_OK) {
        req->audit_target = joined(req, logins);
        rc = cg_registry_owners_change(req->gw->registry, &change, req->gw->directory(req->gw), req->crate, logins, add,
                                       &body, &err);
    }
    return cg_api_change_end(req, &change, rc, &body, &err);
}

enum cg_step cg_api_owners_add(struct cg_request *req)
{
    return change_owners(req, true);
}

enum cg_step cg_api_owners_remove(struct cg_request *req)
{
    return change_owners(req, false);
}
