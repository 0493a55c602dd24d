/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The TOML document, and where in it things stand. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/toml.h"
#include "conf/parse.h"

#define JSON_BYTES_MAX (64 * 1024 * 1024)
#define PATH_SEPARATOR "\x1f"

/* NUL is let through: the key that holds one refuses it, by its name and line. */
static enum cg_err parse_json(const struct cg_buf *buf, json_t **out, struct cg_error *err)
{
    json_error_t why;
    json_t *value = json_loadb(cg_buf_str(buf), buf->len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);

    if (!value)
        return cg_error_set(err, CG_ERR_INVALID, "%s", why.text);
    *out = value;
    return CG_OK;
}

void cg_conf_read_document(struct cg_conf_context *ctx, const char *text, size_t len)
{
    struct cg_error err = {0};
    struct cg_buf json, lines;
    unsigned line = 1;
    enum cg_err rc;

    cg_buf_init(&json, JSON_BYTES_MAX);
    cg_buf_init(&lines, JSON_BYTES_MAX);
    rc = cg_toml_to_json(text, len, &json, &lines, &line, &err);
    if (rc == CG_OK)
        rc = parse_json(&lines, &ctx->lines, &err);
    if (rc == CG_OK)
        rc = parse_json(&json, &ctx->document, &err);
    if (rc != CG_OK)
        cg_problem_add(&ctx->problems, line, "TOML", "%s", err.detail);
    cg_buf_free(&json);
    cg_buf_free(&lines);
}

static unsigned line_at(const struct cg_conf_context *ctx, const char *path)
{
    return (unsigned)json_integer_value(json_object_get(ctx->lines, path));
}

static char *path_of(const struct cg_conf_place *place)
{
    if (place->array)
        return cg_asprintf("%s" PATH_SEPARATOR "%s" PATH_SEPARATOR "%s", place->parent, place->array, place->name);
    if (place->parent)
        return cg_asprintf("%s" PATH_SEPARATOR "%s", place->parent, place->name);
    return cg_strdup(place->name);
}

unsigned cg_conf_line(const struct cg_conf_context *ctx, const struct cg_conf_place *place, const char *leaf, int item)
{
    char *section = path_of(place);
    char *key = cg_asprintf("%s%s%s", section, *section && leaf ? PATH_SEPARATOR : "", leaf ? leaf : "");
    char *element = cg_asprintf("%s" PATH_SEPARATOR "%d", key, item);
    unsigned line = item >= 0 ? line_at(ctx, element) : 0;

    if (!line)
        line = line_at(ctx, key);
    if (!line)
        line = line_at(ctx, section);
    free(element);
    free(key);
    free(section);
    return line ? line : 1;
}

char *cg_conf_shown(const struct cg_conf_place *place, const char *leaf)
{
    if (place->array)
        return cg_asprintf("%s.%s[%s]%s%s", place->parent, place->array, place->name, leaf ? "." : "", leaf ? leaf : "");
    return cg_asprintf("%s%s%s%s%s", place->parent ? place->parent : "", place->parent ? "." : "", place->name,
                       *place->name && leaf ? "." : "", leaf ? leaf : "");
}

void cg_conf_problem(struct cg_conf_context *ctx, const struct cg_conf_place *place, const char *leaf, int item,
                     const char *fmt, ...)
{
    char *shown = cg_conf_shown(place, leaf);
    char reason[CG_ERROR_DETAIL_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(reason, sizeof(reason), fmt, args);
    va_end(args);
    cg_problem_add(&ctx->problems, cg_conf_line(ctx, place, leaf, item), shown, "%s", reason);
    free(shown);
}

static json_t *table_or_null(json_t *value)
{
    return json_is_object(value) ? value : NULL;
}

struct cg_conf_place cg_conf_place(const struct cg_conf_context *ctx, const char *section)
{
    struct cg_conf_place place = {.section = section, .name = section};

    place.object = *section ? table_or_null(json_object_get(ctx->document, section)) : ctx->document;
    return place;
}

struct cg_conf_place cg_conf_place_of(const struct cg_conf_context *ctx, const char *parent, const char *name)
{
    struct cg_conf_place place = {
        .section = cg_streq(parent, "namespace") ? "namespace.*" : "artifactory.*", .parent = parent, .name = name};

    place.object = table_or_null(json_object_get(json_object_get(ctx->document, parent), name));
    return place;
}
