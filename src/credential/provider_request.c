/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "credential/provider_request.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/token.h"

#define ARGS_MAX 64
#define CHALLENGE "WWW-Authenticate:"

static enum cg_request_kind kind_of(const char *word)
{
    static const char *const words[] = {"get", "login", "logout"}; /* in the enum's order */

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(word, words[i]) == 0)
            return (enum cg_request_kind)i;
    return CG_REQUEST_UNKNOWN;
}

static enum cg_request_operation operation_of(const char *word)
{
    static const char *const changes[] = {"publish", "yank", "unyank", "owners"};

    if (cg_streq(word, "read"))
        return CG_OPERATION_READ;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
        if (cg_streq(word, changes[i]))
            return CG_OPERATION_CHANGE;
    return CG_OPERATION_UNKNOWN;
}

static bool has_challenge(const json_t *headers)
{
    for (size_t i = 0; i < json_array_size(headers); i++) {
        const char *line = json_string_value(json_array_get(headers, i));

        if (line && cg_str_starts_nocase(line, CHALLENGE))
            return true;
    }
    return false;
}

static enum cg_err get_args(const json_t *list, char ***args_out, struct cg_error *err)
{
    size_t count = json_array_size(list);
    char **args;

    if (!list || json_is_null(list) || (json_is_array(list) && count == 0))
        return CG_OK;
    if (!json_is_array(list) || count > ARGS_MAX)
        return cg_error_set(err, CG_ERR_INVALID, "\"args\" must be a list of at most %d words", ARGS_MAX);
    args = cg_calloc(count + 1, sizeof(*args));
    for (size_t i = 0; i < count; i++) {
        const json_t *word = json_array_get(list, i);
        const char *text = json_string_value(word);

        if (!text || strlen(text) != json_string_length(word)) {
            cg_strlist_free(&args);
            return cg_error_set(err, CG_ERR_INVALID, "\"args\" must hold words only");
        }
        args[i] = cg_strdup(text);
    }
    *args_out = args;
    return CG_OK;
}

static enum cg_err get_registry(const json_t *registry, struct cg_provider_request *request, struct cg_error *err)
{
    const char *url = NULL, *name = NULL;
    enum cg_err rc = cg_json_get_str(registry, "index-url", &url, err);

    if (rc == CG_OK)
        rc = cg_json_get_str(registry, "name", &name, err);
    if (rc == CG_OK && !url)
        rc = cg_error_set(err, CG_ERR_INVALID, "\"registry\" must have an \"index-url\"");
    if (rc != CG_OK)
        return rc;
    request->index_url = cg_strdup(url);
    request->name = name ? cg_strdup(name) : NULL;
    request->challenged = has_challenge(json_object_get(registry, "headers"));
    return CG_OK;
}

static enum cg_err get_rest(const json_t *root, struct cg_provider_request *request, struct cg_error *err)
{
    const char *operation = NULL, *token = NULL;
    enum cg_err rc = get_registry(json_object_get(root, "registry"), request, err);

    if (rc == CG_OK)
        rc = get_args(json_object_get(root, "args"), &request->args, err);
    if (rc == CG_OK)
        rc = cg_json_get_str(root, "operation", &operation, err);
    if (rc == CG_OK)
        rc = cg_json_get_str(root, "token", &token, err);
    if (rc != CG_OK)
        return rc;
    request->operation = operation_of(operation);
    cg_secret_set(&request->token, token, token ? strlen(token) : 0);
    return CG_OK;
}

static enum cg_err read_request(const json_t *root, struct cg_provider_request *request, struct cg_error *err)
{
    const json_t *version = json_object_get(root, "v");
    const char *kind = NULL;
    enum cg_err rc;

    if (!json_is_integer(version) || json_integer_value(version) != 1)
        return cg_error_set(err, CG_ERR_INVALID, "the request is not of protocol version 1, the only one known here");
    if ((rc = cg_json_get_str(root, "kind", &kind, err)) != CG_OK)
        return rc;
    if (!kind)
        return cg_error_set(err, CG_ERR_INVALID, "the request has no \"kind\"");
    request->kind = kind_of(kind);
    return request->kind == CG_REQUEST_UNKNOWN ? CG_OK : get_rest(root, request, err);
}

enum cg_err cg_provider_request_parse(const char *text, size_t len, struct cg_provider_request *request_out,
                                      struct cg_error *err)
{
    struct cg_provider_request request = {0};
    json_t *root = NULL;
    enum cg_err rc = cg_json_parse(text, len, &root, err);

    if (rc == CG_OK)
        rc = read_request(root, &request, err);
    json_decref(root);
    if (rc == CG_OK)
        *request_out = request;
    else
        cg_provider_request_free(&request);
    return rc;
}

void cg_provider_request_free(struct cg_provider_request *request)
{
    free(request->index_url);
    free(request->name);
    cg_strlist_free(&request->args);
    cg_secret_free(&request->token);
    *request = (struct cg_provider_request){0};
}
