/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "conf/value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "conf/format.h"

#define LIST_MAX 1000

static void *place_of(const struct cg_conf_key *key, void *target)
{
    return (char *)target + key->offset;
}

static const void *place_of_const(const struct cg_conf_key *key, const void *target)
{
    return (const char *)target + key->offset;
}

/* A string without NUL, which C would cut; borrowed from the value. */
static enum cg_err get_text(const json_t *value, const char **text_out, struct cg_error *err)
{
    const char *text = json_string_value(value);

    if (!text)
        return cg_error_set(err, CG_ERR_INVALID, "must be a string in quotes");
    if (strlen(text) != json_string_length(value))
        return cg_error_set(err, CG_ERR_INVALID, "must not contain a NUL character");
    *text_out = text;
    return CG_OK;
}

static enum cg_err get_checked_text(const struct cg_conf_key *key, const json_t *value, const char **text_out,
                                    struct cg_error *err)
{
    const char *text = NULL;
    enum cg_err rc = get_text(value, &text, err);

    if (rc == CG_OK && *text == '\0' && key->flags & (CG_KEY_REQUIRED | CG_KEY_NONEMPTY))
        rc = cg_error_set(err, CG_ERR_INVALID, "must not be empty");
    if (rc == CG_OK && key->check)
        rc = key->check(text, err);
    if (rc == CG_OK)
        *text_out = text;
    return rc;
}

static enum cg_err set_string(const struct cg_conf_key *key, const json_t *value, char **out, struct cg_error *err)
{
    const char *text = NULL;
    enum cg_err rc = get_checked_text(key, value, &text, err);

    if (rc == CG_OK)
        *out = cg_strdup(text);
    return rc;
}

static enum cg_err check_list(const struct cg_conf_key *key, const json_t *value, struct cg_error *err)
{
    if (!json_is_array(value))
        return cg_error_set(err, CG_ERR_INVALID, "must be a list of strings: [\"...\"]");
    if (json_array_size(value) > LIST_MAX)
        return cg_error_set(err, CG_ERR_INVALID, "has more than %d elements", LIST_MAX);
    if (json_array_size(value) == 0 && key->flags & (CG_KEY_REQUIRED | CG_KEY_NONEMPTY))
        return cg_error_set(err, CG_ERR_INVALID, "must not be empty");
    return CG_OK;
}

static void free_strings(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}

static enum cg_err set_strings(const struct cg_conf_key *key, const json_t *value, char ***out, int *item_out,
                               struct cg_error *err)
{
    size_t count = json_array_size(value);
    enum cg_err rc = check_list(key, value, err);
    char **list = cg_calloc(count + 1, sizeof(*list));

    for (size_t i = 0; rc == CG_OK && i < count; i++) {
        const char *text = NULL;

        rc = get_checked_text(key, json_array_get(value, i), &text, err);
        for (size_t j = 0; rc == CG_OK && j < i; j++)
            if (cg_streq(list[j], text))
                rc = cg_error_set(err, CG_ERR_INVALID, "\"%s\" stands here twice", text);
        if (rc == CG_OK)
            list[i] = cg_strdup(text);
        else
            *item_out = (int)i;
    }
    if (rc == CG_OK)
        *out = list;
    else
        free_strings(list);
    return rc;
}

static enum cg_err set_bool(const json_t *value, bool *out, struct cg_error *err)
{
    if (!json_is_boolean(value))
        return cg_error_set(err, CG_ERR_INVALID, "must be true or false, without quotes");
    *out = json_is_true(value);
    return CG_OK;
}

static enum cg_err set_uint(const struct cg_conf_key *key, const json_t *value, unsigned *out, struct cg_error *err)
{
    json_int_t number = json_integer_value(value);

    if (!json_is_integer(value))
        return cg_error_set(err, CG_ERR_INVALID, "must be a whole number, without quotes");
    if (number < key->min || number > key->max)
        return cg_error_set(err, CG_ERR_INVALID, "%" JSON_INTEGER_FORMAT " is not between %" PRId64 " and %" PRId64,
                            number, key->min, key->max);
    *out = (unsigned)number;
    return CG_OK;
}

static enum cg_err set_fraction(const json_t *value, double *out, struct cg_error *err)
{
    double number = json_number_value(value);

    if (!json_is_number(value) || number < 0 || number > 1)
        return cg_error_set(err, CG_ERR_INVALID, "must be a number from 0 to 1, without quotes");
    *out = number;
    return CG_OK;
}

static enum cg_err set_duration(const struct cg_conf_key *key, const json_t *value, int64_t *out, struct cg_error *err)
{
    const char *text = json_string_value(value);
    char min[32], max[32];
    int64_t ms = 0;

    if (!text || strlen(text) != json_string_length(value) || cg_parse_duration(text, &ms) != CG_OK)
        return cg_error_set(err, CG_ERR_INVALID,
                            "must be a time with a unit, in quotes: \"500ms\", \"30s\", \"15m\", \"12h\", \"7d\"");
    if (ms < key->min || ms > key->max) {
        cg_format_duration(key->min, min);
        cg_format_duration(key->max, max);
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" is not between %s and %s", text, min, max);
    }
    *out = ms;
    return CG_OK;
}

static enum cg_err set_size(const struct cg_conf_key *key, const json_t *value, uint64_t *out, struct cg_error *err)
{
    const char *text = json_string_value(value);
    char min[32], max[32];
    uint64_t bytes = 0;

    if (!text || strlen(text) != json_string_length(value) || cg_parse_size(text, &bytes) != CG_OK)
        return cg_error_set(err, CG_ERR_INVALID, "must be a size in quotes: \"512K\", \"64M\", \"2G\"");
    if (bytes < (uint64_t)key->min || bytes > (uint64_t)key->max) {
        cg_format_size((uint64_t)key->min, min);
        cg_format_size((uint64_t)key->max, max);
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" is not between %s and %s", text, min, max);
    }
    *out = bytes;
    return CG_OK;
}

/* "text, json" without the words of a later version. */
static void list_words(const struct cg_conf_key *key, const char *section, struct cg_buf *out)
{
    for (size_t i = 0; key->words[i]; i++)
        if (!cg_conf_find_later(section, cg_conf_leaf(key->name), key->words[i]))
            cg_buf_addf(out, "%s\"%s\"", out->len ? ", " : "", key->words[i]);
}

static void section_of(const struct cg_conf_key *key, char out[64])
{
    size_t len = (size_t)(cg_conf_leaf(key->name) - key->name);

    CG_ASSERT(len < 64);
    memcpy(out, key->name, len);
    out[len ? len - 1 : 0] = '\0';
}

static enum cg_err refuse_word(const struct cg_conf_key *key, const char *section, const char *text,
                               struct cg_error *err)
{
    const struct cg_conf_later *later = cg_conf_find_later(section, cg_conf_leaf(key->name), text);
    struct cg_buf words;

    if (later)
        return cg_error_set(err, CG_ERR_INVALID, "this version does not have \"%s\": %s", text, later->why);
    cg_buf_init(&words, 512);
    list_words(key, section, &words);
    cg_error_set(err, CG_ERR_INVALID, "\"%s\" must be one of %s", text, cg_buf_str(&words));
    cg_buf_free(&words);
    return CG_ERR_INVALID;
}

static enum cg_err set_enum(const struct cg_conf_key *key, const json_t *value, int *out, struct cg_error *err)
{
    const char *text = NULL;
    enum cg_err rc = get_text(value, &text, err);
    char section[64];

    if (rc != CG_OK)
        return rc;
    section_of(key, section);
    for (int i = 0; key->words[i]; i++) {
        if (cg_streq(key->words[i], text) && !cg_conf_find_later(section, cg_conf_leaf(key->name), text)) {
            *out = i;
            return CG_OK;
        }
    }
    return refuse_word(key, section, text, err);
}

static enum cg_err get_grant(const json_t *value, const char **text_out, int *kind_out, const char **name_out,
                             struct cg_error *err)
{
    enum cg_err rc = get_text(value, text_out, err);

    return rc == CG_OK ? cg_conf_parse_grant(*text_out, kind_out, name_out, err) : rc;
}

static enum cg_err set_grant(const json_t *value, struct cg_conf_grant *grant, struct cg_error *err)
{
    const char *text = NULL, *name = NULL;
    int kind = 0;
    enum cg_err rc = get_grant(value, &text, &kind, &name, err);

    if (rc == CG_OK) {
        grant->kind = (enum cg_grant_kind)kind;
        grant->text = cg_strdup(text);
        grant->value = cg_strdup(name);
    }
    return rc;
}

static void free_grants(struct cg_conf_grants *grants)
{
    for (size_t i = 0; i < grants->count; i++) {
        free(grants->items[i].text);
        free(grants->items[i].value);
    }
    free(grants->items);
    *grants = (struct cg_conf_grants){0};
}

static enum cg_err set_grants(const struct cg_conf_key *key, const json_t *value, struct cg_conf_grants *out,
                              int *item_out, struct cg_error *err)
{
    struct cg_conf_grants grants = {0};
    size_t count = json_array_size(value);
    enum cg_err rc = check_list(key, value, err);

    if (rc == CG_OK && count)
        grants.items = cg_calloc(count, sizeof(*grants.items));
    for (size_t i = 0; rc == CG_OK && i < count; i++) {
        struct cg_conf_grant *grant = &grants.items[i];

        rc = set_grant(json_array_get(value, i), grant, err);
        if (rc != CG_OK) {
            *item_out = (int)i;
            break;
        }
        grants.count = i + 1;
        for (size_t j = 0; rc == CG_OK && j < i; j++) {
            if (cg_streq(grants.items[j].text, grant->text)) {
                *item_out = (int)i;
                rc = cg_error_set(err, CG_ERR_INVALID, "\"%s\" stands here twice", grant->text);
            }
        }
    }
    if (rc == CG_OK)
        *out = grants;
    else
        free_grants(&grants);
    return rc;
}

enum cg_err cg_value_check_item(const struct cg_conf_key *key, const json_t *item, struct cg_error *err)
{
    const char *text = NULL, *name = NULL;
    int kind;

    if (key->kind == CG_KIND_GRANTS)
        return get_grant(item, &text, &kind, &name, err);
    return get_checked_text(key, item, &text, err);
}

enum cg_err cg_value_set(const struct cg_conf_key *key, const json_t *value, void *target, int *item_out,
                         struct cg_error *err)
{
    void *place = place_of(key, target);

    *item_out = -1;
    switch (key->kind) {
    case CG_KIND_STRING:
        return set_string(key, value, place, err);
    case CG_KIND_STRINGS:
        return set_strings(key, value, place, item_out, err);
    case CG_KIND_BOOL:
        return set_bool(value, place, err);
    case CG_KIND_UINT:
        return set_uint(key, value, place, err);
    case CG_KIND_FRACTION:
        return set_fraction(value, place, err);
    case CG_KIND_DURATION:
        return set_duration(key, value, place, err);
    case CG_KIND_SIZE:
        return set_size(key, value, place, err);
    case CG_KIND_ENUM:
        return set_enum(key, value, place, err);
    case CG_KIND_GRANTS:
        return set_grants(key, value, place, item_out, err);
    }
    return cg_error_set(err, CG_ERR_INTERNAL, "%s has an unknown kind", key->name);
}

/* Callers need not tell an empty string or list from none. */
static void set_empty(const struct cg_conf_key *key, void *target)
{
    if (key->kind == CG_KIND_STRING)
        *(char **)place_of(key, target) = cg_strdup("");
    else if (key->kind == CG_KIND_STRINGS)
        *(char ***)place_of(key, target) = cg_calloc(1, sizeof(char *));
}

void cg_value_set_default(const struct cg_conf_key *key, int directory_type, void *target)
{
    const char *text = cg_conf_default(key, directory_type);
    json_t *value;
    enum cg_err rc;
    int item;

    if (!text) {
        set_empty(key, target);
        return;
    }
    value = json_loads(text, JSON_DECODE_ANY, NULL);
    rc = cg_value_set(key, value, target, &item, NULL);
    CG_ASSERT(rc == CG_OK);
    json_decref(value);
}

void cg_value_quote(struct cg_buf *out, const char *text)
{
    cg_buf_addch(out, '"');
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;

        if (c == '"' || c == '\\')
            cg_buf_addf(out, "\\%c", c);
        else if (c < ' ' || c == 0x7f)
            cg_buf_addf(out, "\\u%04X", c);
        else
            cg_buf_addch(out, *p);
    }
    cg_buf_addch(out, '"');
}

static void print_strings(char *const *list, struct cg_buf *out)
{
    cg_buf_addch(out, '[');
    for (size_t i = 0; list && list[i]; i++) {
        cg_buf_addstr(out, i ? ", " : "");
        cg_value_quote(out, list[i]);
    }
    cg_buf_addch(out, ']');
}

static void print_grants(const struct cg_conf_grants *grants, struct cg_buf *out)
{
    const char *comma = "";

    cg_buf_addch(out, '[');
    for (size_t i = 0; i < grants->count; i++) {
        if (grants->items[i].mapped)
            continue;
        cg_buf_addstr(out, comma);
        cg_value_quote(out, grants->items[i].text);
        comma = ", ";
    }
    cg_buf_addch(out, ']');
}

void cg_value_print(const struct cg_conf_key *key, const void *target, struct cg_buf *out)
{
    const void *place = place_of_const(key, target);
    char text[32];

    switch (key->kind) {
    case CG_KIND_STRING:
        cg_value_quote(out, *(char *const *)place);
        break;
    case CG_KIND_STRINGS:
        print_strings(*(char *const *const *)place, out);
        break;
    case CG_KIND_BOOL:
        cg_buf_addstr(out, *(const bool *)place ? "true" : "false");
        break;
    case CG_KIND_UINT:
        cg_buf_addf(out, "%u", *(const unsigned *)place);
        break;
    case CG_KIND_FRACTION:
        cg_buf_addf(out, "%g", *(const double *)place);
        break;
    case CG_KIND_DURATION:
        cg_format_duration(*(const int64_t *)place, text);
        cg_value_quote(out, text);
        break;
    case CG_KIND_SIZE:
        cg_format_size(*(const uint64_t *)place, text);
        cg_value_quote(out, text);
        break;
    case CG_KIND_ENUM:
        cg_value_quote(out, key->words[*(const int *)place]);
        break;
    case CG_KIND_GRANTS:
        print_grants(place, out);
        break;
    }
}

void cg_value_free(const struct cg_conf_key *key, void *target)
{
    void *place = place_of(key, target);

    if (key->kind == CG_KIND_STRING) {
        free(*(char **)place);
        *(char **)place = NULL;
    } else if (key->kind == CG_KIND_STRINGS) {
        free_strings(*(char ***)place);
        *(char ***)place = NULL;
    } else if (key->kind == CG_KIND_GRANTS) {
        free_grants(place);
    }
}
