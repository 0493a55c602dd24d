/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The token API (contract, section 5); its JSON follows crates.io's. */
#include "api/api.h"
#include "api/token_json.h"

#include <string.h>

#include "base/json.h"
#include "base/str.h"

#define LIST_MAX (4u * 1024u * 1024u)

static bool is_person(const struct cg_request *req)
{
    return cg_identity_kind(req->authn.caller.who) == CG_IDENTITY_PERSON;
}

/* Who may come to these endpoints at all. */
static enum cg_err need_person(struct cg_request *req)
{
    const char *base = cg_policy_conf(req->policy)->public_url;

    if (is_person(req))
        return CG_OK;
    if (cg_identity_kind(req->authn.caller.who) == CG_IDENTITY_SERVICE)
        return cg_error_set(&req->error, CG_ERR_DENIED,
                            "a service has no tokens of its own to manage; its administrator does that with "
                            "`crategatectl token`");
    return cg_error_set(&req->error, CG_ERR_UNAUTHENTICATED,
                        "log in with your directory user and password (HTTP Basic) to manage tokens, or open %s/me",
                        base);
}

static enum cg_err list_one(void *cls, struct cg_token *token)
{
    struct cg_buf *body = cls;

    if (body->data && body->data[body->len - 1] == '}')
        cg_buf_addch(body, ',');
    cg_token_json(body, token, NULL);
    return CG_OK;
}

enum cg_step cg_api_tokens_list(struct cg_request *req)
{
    struct cg_buf body;
    enum cg_err rc;

    if (need_person(req) != CG_OK)
        return cg_respond_error(req, &req->error);
    cg_buf_init(&body, LIST_MAX);
    cg_buf_addstr(&body, "{\"api_tokens\":[");
    rc = cg_authn_token_each(req->gw->authn, cg_identity_id(req->authn.caller.who), list_one, &body);
    cg_buf_addstr(&body, "]}");
    if (rc == CG_OK)
        return cg_respond_json(req, 200, &body);
    cg_buf_free(&body);
    cg_error_set(&req->error, rc, "the tokens could not be listed");
    return cg_respond_error(req, &req->error);
}

enum cg_err cg_api_token_make(struct cg_request *req, struct cg_token *wanted, struct cg_secret *secret_out,
                              struct cg_token **token_out)
{
    struct cg_identity *who = req->authn.caller.who;

    wanted->kind = CG_TOKEN_PERSON;
    wanted->owner_id = cg_strdup(cg_identity_id(who));
    wanted->owner_name = cg_strdup(cg_identity_name(who));
    req->audit_target = cg_arena_strndup(req->arena, wanted->name, 100);
    return cg_authn_token_create(req->gw->authn, wanted, secret_out, token_out, &req->error);
}

static enum cg_step answer_created(struct cg_request *req, const struct cg_token *token, const struct cg_secret *secret)
{
    struct cg_buf body;

    cg_buf_init(&body, LIST_MAX);
    cg_buf_addstr(&body, "{\"api_token\":");
    cg_token_json(&body, token, secret);
    cg_buf_addstr(&body, "}");
    return cg_respond_json(req, 200, &body);
}

static enum cg_err may_create(struct cg_request *req)
{
    enum cg_err rc = need_person(req);

    if (rc == CG_OK && !req->authn.by_password)
        rc = cg_error_set(&req->error, CG_ERR_DENIED,
                          "a token cannot make another token: send your directory user and password (HTTP Basic)");
    return rc;
}

enum cg_step cg_api_tokens_create(struct cg_request *req)
{
    struct cg_token *wanted = NULL, *token = NULL;
    struct cg_secret secret = {0};
    enum cg_step step;
    size_t len;
    const char *text = cg_request_text(req, &len);

    if (may_create(req) == CG_OK && cg_token_from_json(text, len, &wanted, &req->error) == CG_OK &&
        cg_api_token_make(req, wanted, &secret, &token) == CG_OK)
        step = answer_created(req, token, &secret);
    else
        step = cg_respond_error(req, &req->error);
    cg_secret_free(&secret);
    cg_token_unref(&token);
    cg_token_unref(&wanted);
    return step;
}

static enum cg_step revoke(struct cg_request *req, int64_t id, const char *owner_id)
{
    struct cg_buf body;

    req->audit_target = cg_arena_printf(req->arena, "%lld", (long long)id);
    if (cg_authn_token_revoke(req->gw->authn, id, owner_id, &req->error) != CG_OK)
        return cg_respond_error(req, &req->error);
    cg_buf_init(&body, 64);
    cg_buf_addstr(&body, "{\"ok\":true}");
    return cg_respond_json(req, 200, &body);
}

enum cg_step cg_api_tokens_revoke(struct cg_request *req)
{
    const struct cg_token *with = req->authn.caller.token;
    uint64_t id;

    if (need_person(req) != CG_OK)
        return cg_respond_error(req, &req->error);
    /* Whoever steals a narrowed token must not be able to stop its owner's other tokens. */
    if (with && (with->actions != CG_ACTION_ALL || with->crates || with->namespaces)) {
        cg_error_set(&req->error, CG_ERR_DENIED,
                     "this token is narrowed and may only revoke itself: DELETE /api/v1/tokens/current");
        return cg_respond_error(req, &req->error);
    }
    if (cg_parse_u64(req->params[0], INT64_MAX, &id) != CG_OK) {
        cg_error_set(&req->error, CG_ERR_ABSENT, "a token's id is a number; GET /api/v1/me/tokens lists yours");
        return cg_respond_error(req, &req->error);
    }
    return revoke(req, (int64_t)id, cg_identity_id(req->authn.caller.who));
}

enum cg_step cg_api_tokens_revoke_current(struct cg_request *req)
{
    const struct cg_token *token = req->authn.caller.token;

    if (!token) {
        cg_error_set(&req->error, CG_ERR_UNAUTHENTICATED, "send the token that is to be revoked");
        return cg_respond_error(req, &req->error);
    }
    return revoke(req, token->id, NULL);
}
