/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "credential/plugin.h"

#include "base/file.h"
#include "credential/action.h"
#include "credential/lines.h"
#include "credential/note.h"
#include "credential/reply.h"

#define HELLO "{\"v\":[1]}\n"

static enum cg_err act(const struct cg_action_call *call, struct cg_buf *reply, struct cg_error *err)
{
    switch (call->request->kind) {
    case CG_REQUEST_GET:
        return cg_action_get(call, reply, err);
    case CG_REQUEST_LOGIN:
        return cg_action_login(call, reply, err);
    case CG_REQUEST_LOGOUT:
        return cg_action_logout(call, reply, err);
    default:
        return cg_error_set(err, CG_ERR_METHOD, "unknown kind of request");
    }
}

static void put_error(struct cg_buf *reply, const struct cg_error *err)
{
    if (err->code == CG_ERR_ABSENT)
        cg_reply_error(reply, "not-found");
    else if (err->code == CG_ERR_METHOD)
        cg_reply_error(reply, "operation-not-supported");
    else
        cg_reply_failure(reply, err->detail, err->internal);
}

static void serve(struct cg_vault **vault, const struct cg_provider_request *request, const struct cg_target *target,
                  struct cg_buf *reply)
{
    struct cg_options options = {0};
    struct cg_error err = {0};
    enum cg_err rc = cg_options_parse(request->args, &options, &err);

    if (rc == CG_OK && !*vault)
        rc = cg_vault_open(vault, &err);
    if (rc == CG_OK)
        rc = act(&(struct cg_action_call){*vault, request, target, &options}, reply, &err);
    if (rc != CG_OK)
        put_error(reply, &err);
    cg_options_free(&options);
}

static void route(struct cg_vault **vault, const struct cg_provider_request *request, struct cg_buf *reply)
{
    struct cg_target target = {0};
    struct cg_error err = {0};
    enum cg_err rc;

    if (request->kind == CG_REQUEST_UNKNOWN) {
        cg_reply_error(reply, "operation-not-supported");
        return;
    }
    rc = cg_target_parse(request->index_url, &target, &err);
    if (rc == CG_OK)
        serve(vault, request, &target, reply);
    else if (rc == CG_ERR_INVALID)
        cg_reply_error(reply, "url-not-supported");
    else
        put_error(reply, &err);
    cg_target_free(&target);
}

void cg_plugin_answer(struct cg_vault **vault, const char *text, size_t len, struct cg_buf *reply)
{
    struct cg_provider_request request = {0};
    struct cg_error err = {0};

    if (cg_provider_request_parse(text, len, &request, &err) == CG_OK)
        route(vault, &request, reply);
    else
        cg_reply_failure(reply, "cargo sent a request that is not understood here", err.detail);
    cg_provider_request_free(&request);
}

static enum cg_err answer_line(struct cg_vault **vault, struct cg_lines *lines, int out, struct cg_error *err)
{
    struct cg_buf reply;
    const char *text = NULL;
    size_t len = 0;
    enum cg_err rc = cg_lines_next(lines, &text, &len, err);

    if (rc != CG_OK && rc != CG_ERR_TOO_LARGE)
        return rc;
    cg_reply_init(&reply);
    if (rc == CG_OK)
        cg_plugin_answer(vault, text, len, &reply);
    else
        cg_reply_failure(&reply, "cargo sent a request that is not understood here", err->detail);
    cg_buf_addch(&reply, '\n');
    rc = cg_file_write_fd(out, "standard output", reply.data, reply.len, err);
    cg_reply_free(&reply);
    return rc;
}

int cg_plugin_run(int in, int out)
{
    struct cg_lines *lines = cg_lines_new(in);
    struct cg_vault *vault = NULL;
    struct cg_error err = {0};
    enum cg_err rc = cg_file_write_fd(out, "standard output", HELLO, sizeof(HELLO) - 1, &err);

    while (rc == CG_OK)
        rc = answer_line(&vault, lines, out, &err);
    if (rc != CG_ERR_ABSENT)
        cg_note("%s", err.detail);
    cg_vault_free(&vault);
    cg_lines_free(&lines);
    return rc == CG_ERR_ABSENT ? 0 : 1;
}
