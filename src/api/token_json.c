/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "api/token_json.h"

#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "crategate/clock.h"

#define SCOPES_MAX 100

void cg_token_json_list(struct cg_buf *out, const char *key, char *const *list)
{
    cg_buf_addf(out, ",\"%s\":", key);
    if (!list) {
        cg_buf_addstr(out, "null");
        return;
    }
    cg_buf_addch(out, '[');
    for (size_t i = 0; list[i]; i++) {
        if (i)
            cg_buf_addch(out, ',');
        cg_json_quote(out, list[i]);
    }
    cg_buf_addch(out, ']');
}

static void add_time(struct cg_buf *out, const char *key, int64_t wall_s)
{
    char text[CG_TIME_RFC3339_SIZE];

    cg_buf_addf(out, ",\"%s\":", key);
    if (wall_s == 0) {
        cg_buf_addstr(out, "null");
        return;
    }
    cg_time_rfc3339(wall_s, text);
    cg_json_quote(out, text);
}

static void add_actions(struct cg_buf *out, unsigned actions)
{
    bool first = true;

    cg_buf_addstr(out, ",\"endpoint_scopes\":");
    if (actions == CG_ACTION_ALL) {
        cg_buf_addstr(out, "null");
        return;
    }
    cg_buf_addch(out, '[');
    for (unsigned bit = 1; bit <= CG_ACTION_ALL; bit <<= 1) {
        if (!(actions & bit))
            continue;
        if (!first)
            cg_buf_addch(out, ',');
        cg_json_quote(out, cg_action_name((enum cg_action)bit));
        first = false;
    }
    cg_buf_addch(out, ']');
}

void cg_token_json_members(struct cg_buf *out, const struct cg_token *token, const struct cg_secret *secret)
{
    cg_buf_addf(out, "\"id\":%lld,\"name\":", (long long)token->id);
    cg_json_quote(out, token->name);
    if (secret) {
        cg_buf_addstr(out, ",\"token\":");
        cg_json_quote(out, (const char *)secret->bytes);
    }
    add_time(out, "created_at", token->created_at);
    add_time(out, "last_used_at", token->last_used_at);
    add_time(out, "expired_at", token->expires_at);
    add_actions(out, token->actions);
    cg_token_json_list(out, "crate_scopes", token->crates);
    cg_token_json_list(out, "namespace_scopes", token->namespaces);
}

void cg_token_json(struct cg_buf *out, const struct cg_token *token, const struct cg_secret *secret)
{
    cg_buf_addch(out, '{');
    cg_token_json_members(out, token, secret);
    cg_buf_addch(out, '}');
}

/* A member that is a list of strings: absent and null give NULL, "not narrowed". An empty list is refused, because it
 * reads as "everything" to some and "nothing" to others. */
static enum cg_err get_list(const json_t *object, const char *key, char ***out, struct cg_error *err)
{
    const json_t *list = json_object_get(object, key);
    size_t count = json_array_size(list);
    char **copy;

    if (!list || json_is_null(list))
        return CG_OK;
    if (!json_is_array(list) || count == 0 || count > SCOPES_MAX)
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" must be null or a list of 1 to %d strings", key, SCOPES_MAX);
    copy = cg_calloc(count + 1, sizeof(*copy));
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));

        if (!text) {
            cg_strlist_free(&copy);
            return cg_error_set(err, CG_ERR_INVALID, "\"%s\" must hold strings only", key);
        }
        copy[i] = cg_strdup(text);
    }
    *out = copy;
    return CG_OK;
}

static enum cg_err get_actions(const json_t *object, unsigned *out, struct cg_error *err)
{
    char **names = NULL;
    unsigned actions = 0;
    enum cg_err rc = get_list(object, "endpoint_scopes", &names, err);

    for (size_t i = 0; rc == CG_OK && names && names[i]; i++) {
        enum cg_action action;

        if (cg_action_from_scope(names[i], &action) == CG_OK)
            actions |= action;
        else
            rc = cg_error_set(err, CG_ERR_INVALID,
                              "unknown endpoint scope \"%.40s\": there are read, publish-new, publish-update, yank and "
                              "change-owners",
                              names[i]);
    }
    if (rc == CG_OK)
        *out = names ? actions : CG_ACTION_ALL;
    cg_strlist_free(&names);
    return rc;
}

static enum cg_err get_crates(const json_t *object, char ***out, struct cg_error *err)
{
    enum cg_err rc = get_list(object, "crate_scopes", out, err);

    for (size_t i = 0; rc == CG_OK && *out && (*out)[i]; i++)
        if (!cg_crate_pattern_valid((*out)[i]))
            rc = cg_error_set(err, CG_ERR_INVALID,
                              "crate scope \"%.80s\" must be a crate's name, or the beginning of one and \"*\"",
                              (*out)[i]);
    return rc;
}

static enum cg_err get_namespaces(const json_t *object, char ***out, struct cg_error *err)
{
    enum cg_err rc = get_list(object, "namespace_scopes", out, err);

    for (size_t i = 0; rc == CG_OK && *out && (*out)[i]; i++)
        if (!cg_namespace_valid((*out)[i]))
            rc = cg_error_set(err, CG_ERR_INVALID, "namespace scope \"%.80s\" is no namespace's name", (*out)[i]);
    return rc;
}

static enum cg_err get_expiry(const json_t *object, int64_t *out, struct cg_error *err)
{
    const char *text = NULL;
    enum cg_err rc = cg_json_get_str(object, "expired_at", &text, err);

    if (rc == CG_OK && text && cg_time_parse_rfc3339(text, out) != CG_OK)
        rc = cg_error_set(err, CG_ERR_INVALID, "\"expired_at\" must look like 2027-01-01T00:00:00Z");
    return rc;
}

static enum cg_err read_token(const json_t *object, struct cg_token *wanted, struct cg_error *err)
{
    const char *name = NULL;
    enum cg_err rc;

    if (!json_is_object(object))
        return cg_error_set(err, CG_ERR_INVALID, "the body must be {\"api_token\":{\"name\":\"...\"}}");
    if ((rc = cg_json_get_str(object, "name", &name, err)) != CG_OK)
        return rc;
    wanted->name = cg_strdup(name);
    if ((rc = get_actions(object, &wanted->actions, err)) != CG_OK ||
        (rc = get_crates(object, &wanted->crates, err)) != CG_OK ||
        (rc = get_namespaces(object, &wanted->namespaces, err)) != CG_OK)
        return rc;
    return get_expiry(object, &wanted->expires_at, err);
}

enum cg_err cg_token_from_json(const char *text, size_t len, struct cg_token **wanted_out, struct cg_error *err)
{
    struct cg_token *wanted = NULL;
    json_t *root = NULL;
    enum cg_err rc = cg_json_parse(text, len, &root, err);

    if (rc == CG_OK) {
        wanted = cg_token_new();
        rc = read_token(json_object_get(root, "api_token"), wanted, err);
    }
    json_decref(root);
    if (rc == CG_OK)
        *wanted_out = wanted;
    else
        cg_token_unref(&wanted);
    return rc;
}
