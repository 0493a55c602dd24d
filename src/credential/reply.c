/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "credential/reply.h"

#include "base/str.h"

#define REPLY_MAX 16384

void cg_reply_init(struct cg_buf *reply)
{
    cg_buf_init(reply, REPLY_MAX);
    CG_ASSERT(cg_buf_reserve(reply, REPLY_MAX));
}

void cg_reply_free(struct cg_buf *reply)
{
    if (reply->data)
        cg_wipe(reply->data, reply->cap);
    cg_buf_free(reply);
}

void cg_reply_done(struct cg_buf *reply, const char *kind)
{
    cg_buf_addf(reply, "{\"Ok\":{\"kind\":\"%s\"}}", kind);
}

void cg_reply_token(struct cg_buf *reply, const struct cg_secret *token, int64_t expires_at)
{
    cg_buf_addstr(reply, "{\"Ok\":{\"kind\":\"get\",\"token\":");
    cg_json_quote(reply, (const char *)token->bytes);
    if (expires_at)
        cg_buf_addf(reply, ",\"cache\":\"expires\",\"expiration\":%lld", (long long)expires_at);
    else
        cg_buf_addstr(reply, ",\"cache\":\"session\"");
    cg_buf_addstr(reply, ",\"operation_independent\":true}}");
}

void cg_reply_error(struct cg_buf *reply, const char *kind)
{
    cg_buf_addf(reply, "{\"Err\":{\"kind\":\"%s\"}}", kind);
}

void cg_reply_failure(struct cg_buf *reply, const char *message, const char *cause)
{
    cg_buf_addstr(reply, "{\"Err\":{\"kind\":\"other\",\"message\":");
    cg_json_quote(reply, message);
    cg_buf_addstr(reply, ",\"caused-by\":[");
    if (cause && *cause)
        cg_json_quote(reply, cause);
    cg_buf_addstr(reply, "]}}");
}
