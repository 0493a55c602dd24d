/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* From the document into the struct, row by row of the table. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "conf/format.h"
#include "conf/parse.h"
#include "conf/value.h"

/* False when an element is bad; each such is a problem of its own. */
static bool check_items(struct cg_conf_context *ctx, const struct cg_conf_place *place, const struct cg_conf_key *key,
                        const json_t *value)
{
    bool good = true;

    if (key->kind != CG_KIND_STRINGS && key->kind != CG_KIND_GRANTS)
        return true;
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct cg_error err = {0};

        if (cg_value_check_item(key, json_array_get(value, i), &err) != CG_OK) {
            cg_conf_problem(ctx, place, cg_conf_leaf(key->name), (int)i, "%s", err.detail);
            good = false;
        }
    }
    return good;
}

static void set_lines(const struct cg_conf_context *ctx, const struct cg_conf_place *place,
                      const struct cg_conf_key *key, void *target)
{
    struct cg_conf_grants *grants = (void *)((char *)target + key->offset);

    for (size_t i = 0; key->kind == CG_KIND_GRANTS && i < grants->count; i++)
        grants->items[i].line = cg_conf_line(ctx, place, cg_conf_leaf(key->name), (int)i);
}

/* False when there is no good value in the file. */
static bool set_from_file(struct cg_conf_context *ctx, const struct cg_conf_place *place, const struct cg_conf_key *key,
                          void *target)
{
    const char *leaf = cg_conf_leaf(key->name);
    const json_t *value = json_object_get(place->object, leaf);
    struct cg_error err = {0};
    int item = -1;

    if (!value) {
        if (place->object && key->flags & CG_KEY_REQUIRED)
            cg_conf_problem(ctx, place, leaf, -1, "is required, for example %s = %s", leaf, key->example);
        return false;
    }
    if (!check_items(ctx, place, key, value))
        return false;
    if (cg_value_set(key, value, target, &item, &err) != CG_OK) {
        cg_conf_problem(ctx, place, leaf, item, "%s", err.detail);
        return false;
    }
    set_lines(ctx, place, key, target);
    return true;
}

/* Is the key the header of other sections, which are read by themselves? */
static bool leads_to_sections(const struct cg_conf_place *place, const char *name)
{
    char *list = cg_asprintf("%s.%s[]", place->section, name);
    bool leads = cg_conf_find_section(list) != NULL;

    free(list);
    if (*place->section == '\0')
        leads = cg_streq(name, "namespace") || cg_streq(name, "artifactory") || (*name && cg_conf_find_section(name));
    return leads;
}

void cg_conf_read_section(struct cg_conf_context *ctx, const struct cg_conf_place *place, void *target)
{
    const char *name;
    json_t *value;

    for (size_t i = 0; i < cg_conf_key_count; i++)
        if (cg_conf_in_section(cg_conf_keys[i].name, place->section))
            if (!set_from_file(ctx, place, &cg_conf_keys[i], target))
                cg_value_set_default(&cg_conf_keys[i], ctx->conf->ldap.directory_type, target);
    json_object_foreach(place->object, name,
                        value) if (!cg_conf_find_key(place->section, name) && !leads_to_sections(place, name))
        cg_conf_refuse_key(ctx, place, name, value);
}

/* A section that is there must be a table. */
static bool is_table(struct cg_conf_context *ctx, const struct cg_conf_place *place, const json_t *value)
{
    if (value && !json_is_object(value))
        cg_conf_problem(ctx, place, NULL, -1, "must be a section: [%s%s%s]", place->parent ? place->parent : "",
                        place->parent ? "." : "", place->name);
    return json_is_object(value);
}

static void read_top(struct cg_conf_context *ctx)
{
    struct cg_conf_place teams;

    for (size_t i = 0; i < cg_conf_section_count; i++) {
        const char *name = cg_conf_sections[i].name;
        struct cg_conf_place place = cg_conf_place(ctx, name);

        if (cg_conf_section_repeats(name))
            continue;
        if (*name)
            (void)is_table(ctx, &place, json_object_get(ctx->document, name));
        cg_conf_read_section(ctx, &place, ctx->conf);
    }
    ctx->conf->ldap.present = cg_conf_place(ctx, "ldap").object != NULL;
    teams = cg_conf_place(ctx, "teams");
    ctx->conf->teams.present = teams.object != NULL;
    ctx->conf->teams.line = cg_conf_line(ctx, &teams, NULL, -1);
}

static void drop_slashes(char *url)
{
    size_t len = strlen(url);

    while (len && url[len - 1] == '/')
        url[--len] = '\0';
}

static void read_namespace(struct cg_conf_context *ctx, const char *name, const json_t *value)
{
    struct cg_conf_place place = cg_conf_place_of(ctx, "namespace", name);
    struct cg_conf *conf = ctx->conf;
    struct cg_conf_namespace *ns;
    struct cg_error err = {0};

    if (!is_table(ctx, &place, value))
        return;
    if (cg_conf_check_namespace_name(name, &err) != CG_OK)
        cg_conf_problem(ctx, &place, NULL, -1, "%s", err.detail);
    ns = &conf->namespaces[conf->namespace_count++];
    ns->name = cg_strdup(name);
    ns->line = cg_conf_line(ctx, &place, NULL, -1);
    cg_conf_read_section(ctx, &place, ns);
}

static void read_namespaces(struct cg_conf_context *ctx)
{
    struct cg_conf_place place = cg_conf_place(ctx, "namespace");
    const char *name;
    json_t *value;

    if (!is_table(ctx, &place, json_object_get(ctx->document, "namespace")))
        return;
    ctx->conf->namespaces = cg_calloc(json_object_size(place.object) + 1, sizeof(*ctx->conf->namespaces));
    json_object_foreach(place.object, name, value) read_namespace(ctx, name, value);
}

static void read_artifactory(struct cg_conf_context *ctx, const char *name, const json_t *value)
{
    struct cg_conf_place place = cg_conf_place_of(ctx, "artifactory", name);
    struct cg_conf *conf = ctx->conf;
    struct cg_conf_artifactory *art;
    struct cg_error err = {0};

    if (!is_table(ctx, &place, value))
        return;
    if (cg_conf_check_namespace_name(name, &err) != CG_OK) /* the same rule, and it becomes part of a path */
        cg_conf_problem(ctx, &place, NULL, -1, "%s", err.detail);
    art = &conf->artifactories[conf->artifactory_count++];
    art->name = cg_strdup(name);
    art->line = cg_conf_line(ctx, &place, NULL, -1);
    cg_conf_read_section(ctx, &place, art);
    drop_slashes(art->url);
}

static void read_artifactories(struct cg_conf_context *ctx)
{
    struct cg_conf_place place = cg_conf_place(ctx, "artifactory");
    const char *name;
    json_t *value;

    if (!is_table(ctx, &place, json_object_get(ctx->document, "artifactory")))
        return;
    ctx->conf->artifactories = cg_calloc(json_object_size(place.object) + 1, sizeof(*ctx->conf->artifactories));
    json_object_foreach(place.object, name, value) read_artifactory(ctx, name, value);
}

/* What the table cannot say about a default, and the one value that is not kept as written. */
static void adjust(struct cg_conf_context *ctx)
{
    struct cg_conf *conf = ctx->conf;

    drop_slashes(conf->public_url);
    if (!json_object_get(ctx->document, "default_token_days") && conf->default_token_days > conf->max_token_days)
        conf->default_token_days = conf->max_token_days;
}

void cg_conf_read_values(struct cg_conf_context *ctx)
{
    read_top(ctx);
    read_artifactories(ctx);
    read_namespaces(ctx);
    cg_conf_read_group_map(ctx);
    adjust(ctx);
}
