/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Publish, yank, unyank (cargo-protocol.md 5.2, 5.3). */
#include "api/api.h"
#include "api/change.h"

#define ANSWER_MAX (256u * 1024u)

void cg_api_change_begin(struct cg_request *req, struct cg_change *change)
{
    *change = (struct cg_change){.policy = req->policy, .caller = &req->authn.caller, .ns = req->ns};
}

void cg_api_change_note(struct cg_request *req, const struct cg_change *change)
{
    if (change->crate[0])
        req->audit_crate = cg_arena_strdup(req->arena, change->crate);
    if (change->version[0])
        req->audit_version = cg_arena_strdup(req->arena, change->version);
    if (change->decision.rule[0])
        req->decision = change->decision;
    req->audit_skip = change->unchanged;
}

enum cg_step cg_api_change_end(struct cg_request *req, const struct cg_change *change, enum cg_err rc,
                               struct cg_buf *body, const struct cg_error *err)
{
    cg_api_change_note(req, change);
    if (rc == CG_OK)
        return cg_respond_json(req, 200, body);
    cg_buf_free(body);
    return cg_respond_error(req, err);
}

enum cg_step cg_api_publish(struct cg_request *req)
{
    struct cg_change change;
    struct cg_source source;
    struct cg_buf body;
    struct cg_error err = {0};

    cg_buf_init(&body, ANSWER_MAX);
    cg_api_change_begin(req, &change);
    cg_request_source(req, &source);
    enum cg_err rc = cg_registry_publish(req->gw->registry, &change, &source, &body, &err);
    return cg_api_change_end(req, &change, rc, &body, &err);
}

static enum cg_step set_yanked(struct cg_request *req, bool yanked)
{
    struct cg_change change;
    struct cg_buf body;
    struct cg_error err = {0};

    cg_buf_init(&body, ANSWER_MAX);
    cg_api_change_begin(req, &change);
    enum cg_err rc = cg_registry_yank(req->gw->registry, &change, req->crate, req->params[2], yanked, &body, &err);
    return cg_api_change_end(req, &change, rc, &body, &err);
}

enum cg_step cg_api_yank(struct cg_request *req)
{
    return set_yanked(req, true);
}

enum cg_step cg_api_unyank(struct cg_request *req)
{
    return set_yanked(req, false);
}
