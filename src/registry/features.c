/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/features.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "registry/refuse.h"
#include "registry/xid.h"

bool cg_feature_name_valid(const char *name)
{
    uint32_t c = cg_xid_next(&name);
    if (!cg_xid_start(c) && c != '_' && !(c >= '0' && c <= '9'))
        return false;
    while ((c = cg_xid_next(&name)) != 0)
        if (!cg_xid_continue(c) && c != '-' && c != '+' && c != '.')
            return false;
    return *name == '\0';
}

/* What is known of a dependency's alias. Several dependencies may share one (kinds, targets). */
struct alias {
    bool optional;
    bool hidden; /* some feature says "dep:ALIAS", so there is no implicit feature */
    bool used;
};

struct check {
    const struct cg_package *package;
    struct cg_map *aliases;  /* name -> struct alias */
    struct cg_map *features; /* name -> struct cg_feature, borrowed */
    struct cg_error *err;
};

/* "x", "dep:x", "x/y", "x?/y". */
struct value {
    char *dep;           /* fresh; NULL for a plain feature */
    const char *feature; /* behind the slash, or the plain feature; NULL for "dep:x" */
    bool weak;
};

static void split(const char *text, struct value *v)
{
    const char *slash = strchr(text, '/');
    *v = (struct value){0};
    if (slash) {
        size_t len = (size_t)(slash - text);
        v->weak = len && text[len - 1] == '?';
        v->dep = cg_strndup(text, v->weak ? len - 1 : len);
        v->feature = slash + 1;
    } else if (cg_str_starts(text, "dep:")) {
        v->dep = cg_strdup(text + 4);
    } else {
        v->feature = text;
    }
}

static void note_aliases(struct check *c)
{
    for (size_t i = 0; i < c->package->dep_count; i++) {
        const struct cg_dep *dep = &c->package->deps[i];
        struct alias *alias = cg_map_get(c->aliases, dep->alias);
        if (!alias) {
            alias = cg_calloc(1, sizeof *alias);
            cg_map_put(c->aliases, dep->alias, alias);
        }
        alias->optional |= dep->optional;
    }
}

static enum cg_err note_features(struct check *c)
{
    for (size_t i = 0; i < c->package->feature_count; i++) {
        struct cg_feature *feature = &c->package->features[i];
        if (!cg_feature_name_valid(feature->name))
            return cg_refuse(c->err, CG_ERR_INVALID, "feature-name", "\"%s\" is not a feature name", feature->name);
        cg_map_put(c->features, feature->name, feature);
        for (char **value = feature->values; *value; value++) {
            struct alias *alias = cg_str_starts(*value, "dep:") ? cg_map_get(c->aliases, *value + 4) : NULL;
            if (alias)
                alias->hidden = true;
        }
    }
    return CG_OK;
}

static enum cg_err bad_value(const struct check *c, const char *feature, const char *value, const char *why)
{
    return cg_refuse(c->err, CG_ERR_INVALID, "feature-value", "feature \"%s\" includes \"%s\", %s", feature, value,
                     why);
}

static enum cg_err check_plain(const struct check *c, const char *owner, const char *name)
{
    const struct alias *alias = cg_map_get(c->aliases, name);
    if (cg_map_get(c->features, name))
        return CG_OK;
    if (!alias)
        return bad_value(c, owner, name, "which is neither a dependency nor another feature");
    if (!alias->optional)
        return bad_value(c, owner, name, "which is a dependency that is not optional");
    if (alias->hidden)
        return bad_value(c, owner, name, "an optional dependency without a feature of its own; use \"dep:\"");
    return CG_OK;
}

static enum cg_err check_dep(const struct check *c, const char *owner, const char *text, const struct value *v)
{
    struct alias *alias = cg_map_get(c->aliases, v->dep);
    if (v->feature && cg_str_starts(text, "dep:"))
        return bad_value(c, owner, text, "with both \"dep:\" and \"/\"; remove \"dep:\"");
    if (!alias)
        return bad_value(c, owner, text, "which names no dependency");
    if ((!v->feature || v->weak) && !alias->optional)
        return bad_value(c, owner, text, "but that dependency is not optional");
    if (v->feature && !cg_feature_name_valid(v->feature))
        return bad_value(c, owner, text, "with what is not a feature name behind the slash");
    alias->used = true;
    return CG_OK;
}

static enum cg_err check_values(const struct check *c, const struct cg_feature *feature)
{
    enum cg_err ret = CG_OK;
    for (char **value = feature->values; *value && ret == CG_OK; value++) {
        struct value v;
        split(*value, &v);
        ret = v.dep ? check_dep(c, feature->name, *value, &v) : check_plain(c, feature->name, v.feature);
        free(v.dep);
    }
    return ret;
}

/* An optional dependency is switched on by its implicit feature, unless "dep:" or a feature of its name takes that
 * away; then some feature has to. */
static enum cg_err check_optional(const struct check *c)
{
    for (size_t i = 0; i < c->package->dep_count; i++) {
        const char *name = c->package->deps[i].alias;
        const struct alias *alias = cg_map_get(c->aliases, name);
        bool implicit = !alias->hidden && !cg_map_get(c->features, name);
        if (alias->optional && !alias->used && !implicit)
            return cg_refuse(c->err, CG_ERR_INVALID, "feature-optional",
                             "no feature includes the optional dependency \"%s\"; add \"dep:%s\" to one", name, name);
    }
    return CG_OK;
}

enum cg_err cg_features_check(const struct cg_package *package, struct cg_error *err)
{
    struct check c = {.package = package, .err = err};
    c.aliases = cg_map_new(free);
    c.features = cg_map_new(NULL);
    note_aliases(&c);
    enum cg_err ret = note_features(&c);
    for (size_t i = 0; i < package->feature_count && ret == CG_OK; i++)
        ret = check_values(&c, &package->features[i]);
    if (ret == CG_OK)
        ret = check_optional(&c);
    cg_map_free(&c.aliases);
    cg_map_free(&c.features);
    return ret;
}

/* "Feature `owner` enables this one", for following enabling backwards. */
struct edge {
    size_t owner;
    struct edge *next;
};

struct spread {
    bool *moved;
    size_t *queue;
    size_t head, tail;
};

static void move(struct spread *s, size_t index)
{
    if (s->moved[index])
        return;
    s->moved[index] = true;
    s->queue[s->tail++] = index;
}

static void free_edges(void *list)
{
    for (struct edge *edge = list, *next; edge; edge = next) {
        next = edge->next;
        free(edge);
    }
}

/* Where each name is a value: name -> list of edges, whose first is a sentinel. */
static void add_edge(struct cg_map *enablers, const char *value, size_t owner)
{
    struct edge *list = cg_map_get(enablers, value), *edge;
    if (!list) {
        list = cg_calloc(1, sizeof *list);
        cg_map_put(enablers, value, list);
    }
    edge = cg_calloc(1, sizeof *edge);
    *edge = (struct edge){.owner = owner, .next = list->next};
    list->next = edge;
}

static void seed(const struct cg_package *package, struct cg_map *enablers, struct spread *s)
{
    for (size_t i = 0; i < package->feature_count; i++)
        for (char **value = package->features[i].values; *value; value++) {
            if (cg_str_starts(*value, "dep:") || strstr(*value, "?/"))
                move(s, i);
            else
                add_edge(enablers, *value, i);
        }
}

bool *cg_features_new_syntax(const struct cg_package *package)
{
    size_t count = package->feature_count;
    struct cg_map *enablers = cg_map_new(free_edges);
    struct spread s = {.moved = cg_calloc(count + 1, sizeof *s.moved), .queue = cg_calloc(count + 1, sizeof *s.queue)};
    seed(package, enablers, &s);
    while (s.head < s.tail) {
        const struct edge *list = cg_map_get(enablers, package->features[s.queue[s.head++]].name);
        for (const struct edge *edge = list ? list->next : NULL; edge; edge = edge->next)
            move(&s, edge->owner);
    }
    free(s.queue);
    cg_map_free(&enablers);
    if (s.tail == 0) {
        free(s.moved);
        s.moved = NULL;
    }
    return s.moved;
}
