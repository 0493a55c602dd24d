/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/json.h"

#include <string.h>

#include "base/str.h"

enum cg_err cg_json_parse(const char *text, size_t len, json_t **out, struct cg_error *err)
{
    json_error_t why = {0};
    /* Duplicate keys: two readers of one document could each believe another value. */
    json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    /* jansson takes a NUL behind a number for the end of the text. */
    if (value && memchr(text, '\0', len)) {
        json_decref(value);
        return cg_error_set(err, CG_ERR_INVALID, "not valid JSON: it holds a NUL byte");
    }
    if (value) {
        *out = value;
        return CG_OK;
    }
    char reason[JSON_ERROR_TEXT_LENGTH]; /* it quotes the input */
    cg_str_printable(why.text, strlen(why.text), reason, sizeof reason);
    return cg_error_set(err, CG_ERR_INVALID, "not valid JSON: line %d: %s", why.line, reason);
}

const char *cg_json_str(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

enum cg_err cg_json_get_str(const json_t *object, const char *key, const char **out, struct cg_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value)) {
        *out = NULL;
        return CG_OK;
    }
    if (!json_is_string(value))
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" must be a string", key);
    const char *text = json_string_value(value);
    if (strlen(text) != json_string_length(value))
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" must not contain a NUL character", key);
    *out = text;
    return CG_OK;
}

char *cg_json_dump(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    CG_ASSERT(text);
    return text;
}
