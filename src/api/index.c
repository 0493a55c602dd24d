/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The sparse index (cargo-protocol.md 1.2 and 2). */
#include "api/api.h"

#include "conf/conf.h"

#define CONFIG_MAX 16384

enum cg_step cg_api_config(struct cg_request *req)
{
    bool auth_required = !cg_policy_anonymous_reads(req->policy, req->ns);
    struct cg_buf body;

    cg_buf_init(&body, CONFIG_MAX);
    cg_registry_config_json(cg_policy_conf(req->policy), req->ns, auth_required, &body);
    return cg_respond_json(req, 200, &body);
}

static enum cg_step absent(struct cg_request *req)
{
    struct cg_error err = {0};

    /* Only 404 means "no such crate" to every cargo (cargo-protocol.md 2.5). */
    cg_error_set(&err, CG_ERR_ABSENT, "there is no index file at this path: no such crate in namespace \"%s\"", req->ns);
    return cg_respond_error(req, &err);
}

static enum cg_step answer(struct cg_request *req, enum cg_err rc, struct cg_blob *blob, const struct cg_error *err)
{
    if (rc == CG_OK)
        return cg_respond_blob(req, blob, "text/plain; charset=utf-8");
    if (rc == CG_ERR_ABSENT)
        return absent(req);
    return cg_respond_error(req, err);
}

enum cg_step cg_api_index_fast(struct cg_request *req)
{
    struct cg_blob *blob = NULL;
    enum cg_err rc = cg_registry_index(req->gw->registry, req->ns, req->params[1], &blob);

    if (rc == CG_ERR_AGAIN)
        return CG_STEP_WAIT;
    return answer(req, rc, blob, NULL);
}

enum cg_step cg_api_index_slow(struct cg_request *req)
{
    struct cg_blob *blob = NULL;
    struct cg_error err = {0};
    enum cg_err rc = cg_registry_index_load(req->gw->registry, req->ns, req->params[1], &blob, &err);

    return answer(req, rc, blob, &err);
}
