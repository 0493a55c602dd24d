/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/edges.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/token.h"
#include "registry/registry_url.h"
#include "registry/semver.h"
#include "registry/target.h"

#define TEXT_MAX (1024u * 1024)

/* Where index lines and publish metadata differ in their names for the same. */
struct dialect {
    const char *req;
    const char *real;  /* the crate's own name where it is not that of "name" */
    const char *alias; /* likewise the alias */
};

static const struct dialect of_index = {.req = "req", .real = "package"};
static const struct dialect of_metadata = {.req = "version_req", .alias = "explicit_name_in_toml"};

static struct cg_edge *push(struct cg_edges *edges)
{
    edges->items = cg_reallocarray(edges->items, edges->count + 1, sizeof(*edges->items));
    edges->items[edges->count] = (struct cg_edge){0};
    return &edges->items[edges->count++];
}

static char *copy_or_null(const char *text)
{
    return text ? cg_strdup(text) : NULL;
}

static const char *kind_of(const char *text)
{
    if (cg_streq(text, "dev"))
        return "dev";
    return cg_streq(text, "build") ? "build" : "normal"; /* cargo takes everything else for normal */
}

static char **copy_list(const json_t *list)
{
    char **copy = cg_calloc(json_array_size(list) + 1, sizeof(*copy));
    size_t i, n = 0;
    json_t *item;

    json_array_foreach(list, i, item) if (json_is_string(item)) copy[n++] = cg_strdup(json_string_value(item));
    return copy;
}

static void read_edge(const json_t *dep, const struct dialect *d, struct cg_edge *edge)
{
    const char *name = cg_json_str(dep, "name");
    const char *real = d->real ? cg_json_str(dep, d->real) : NULL;
    const char *alias = d->alias ? cg_json_str(dep, d->alias) : NULL;
    const json_t *defaults = json_object_get(dep, "default_features");

    edge->alias = cg_strdup(alias ? alias : name);
    edge->package = cg_strdup(real ? real : name);
    edge->req = cg_strdup(cg_json_str(dep, d->req));
    edge->target = copy_or_null(cg_json_str(dep, "target"));
    edge->registry = copy_or_null(cg_json_str(dep, "registry"));
    edge->kind = kind_of(cg_json_str(dep, "kind"));
    edge->optional = json_is_true(json_object_get(dep, "optional"));
    edge->default_features = !defaults || json_is_true(defaults);
    edge->features = copy_list(json_object_get(dep, "features"));
}

static void read_all(const json_t *deps, const struct dialect *d, struct cg_edges *out)
{
    struct cg_edges edges = {0};
    size_t i;
    json_t *dep;

    json_array_foreach(deps, i, dep) if (cg_json_str(dep, "name") && cg_json_str(dep, d->req))
        read_edge(dep, d, push(&edges));
    *out = edges;
}

void cg_edges_from_line(const json_t *line, struct cg_edges *out)
{
    read_all(json_object_get(line, "deps"), &of_index, out);
}

void cg_edges_from_metadata(const json_t *metadata, const struct cg_conf *conf, const char *ns, struct cg_edges *out)
{
    read_all(json_object_get(metadata, "deps"), &of_metadata, out);
    for (size_t i = 0; i < out->count; i++) {
        struct cg_edge *edge = &out->items[i];
        char *resolved = NULL;

        /* Absent means "this registry" here, unlike in a manifest (cargo-protocol.md 3.4). */
        if (!edge->registry || cg_registry_url_resolve(conf, ns, edge->registry, &resolved, NULL) != CG_OK)
            continue;
        free(edge->registry);
        edge->registry = resolved;
    }
}

void cg_edges_from_package(const struct cg_package *package, struct cg_edges *out)
{
    static const char *const kinds[] = {[CG_DEP_NORMAL] = "normal", [CG_DEP_DEV] = "dev", [CG_DEP_BUILD] = "build"};
    struct cg_edges edges = {0};

    for (size_t i = 0; i < package->dep_count; i++) {
        const struct cg_dep *dep = &package->deps[i];

        *push(&edges) = (struct cg_edge){.alias = cg_strdup(dep->alias),
                                         .package = cg_strdup(dep->package),
                                         .req = cg_strdup(dep->req),
                                         .target = copy_or_null(dep->target),
                                         .registry = copy_or_null(dep->registry),
                                         .kind = kinds[dep->kind],
                                         .optional = dep->optional,
                                         .default_features = dep->default_features,
                                         .features = cg_strlist_copy(dep->features)};
    }
    *out = edges;
}

void cg_edges_free(struct cg_edges *edges)
{
    for (size_t i = 0; i < edges->count; i++) {
        struct cg_edge *edge = &edges->items[i];

        free(edge->alias);
        free(edge->package);
        free(edge->req);
        free(edge->target);
        free(edge->registry);
        cg_strlist_free(&edge->features);
    }
    free(edges->items);
    *edges = (struct cg_edges){0};
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t list_length(char *const *list)
{
    size_t n = 0;

    while (list[n])
        n++;
    return n;
}

/* The list's items in one order, joined. */
static char *sorted(char *const *list)
{
    char **copy = cg_strlist_copy(list);
    char *text;

    qsort(copy, list_length(copy), sizeof(*copy), by_text);
    text = cg_strlist_join(copy, ",");
    cg_strlist_free(&copy);
    return text;
}

/* Appends the normal spelling, or the text as it is when there is none. */
static void add_normal(struct cg_buf *out, const char *text,
                       enum cg_err (*normalise)(const char *text, struct cg_buf *normal, struct cg_error *err))
{
    struct cg_buf normal;

    cg_buf_init(&normal, TEXT_MAX);
    cg_buf_addstr(out, normalise(text, &normal, NULL) == CG_OK ? cg_buf_str(&normal) : text);
    cg_buf_free(&normal);
    cg_buf_addch(out, '\x1f');
}

static char *edge_text(const struct cg_edge *edge, bool registries)
{
    char *features = sorted(edge->features);
    struct cg_buf text;

    cg_buf_init(&text, TEXT_MAX);
    cg_buf_addf(&text, "%s\x1f%s\x1f%s\x1f%d%d\x1f%s\x1f", edge->alias, edge->package, edge->kind, edge->optional,
                edge->default_features, registries && edge->registry ? edge->registry : "");
    add_normal(&text, edge->req, cg_semver_req);
    add_normal(&text, edge->target ? edge->target : "", cg_target_normalise);
    cg_buf_addstr(&text, features);
    free(features);
    return cg_buf_take(&text);
}

static char **edge_texts(const struct cg_edges *edges, bool registries)
{
    char **texts = cg_calloc(edges->count + 1, sizeof(*texts));

    for (size_t i = 0; i < edges->count; i++)
        texts[i] = edge_text(&edges->items[i], registries);
    qsort(texts, edges->count, sizeof(*texts), by_text);
    return texts;
}

static bool same_list(char *const *a, char *const *b)
{
    while (*a && *b && strcmp(*a, *b) == 0)
        a++, b++;
    return !*a && !*b;
}

bool cg_edges_equal(const struct cg_edges *a, const struct cg_edges *b, bool registries)
{
    char **left = edge_texts(a, registries), **right = edge_texts(b, registries);
    bool equal = same_list(left, right);

    cg_strlist_free(&left);
    cg_strlist_free(&right);
    return equal;
}

static bool same_values(char *const *values, const json_t *list)
{
    char **other = copy_list(list), *left = sorted(values), *right = sorted(other);
    bool same = strcmp(left, right) == 0;

    free(left);
    free(right);
    cg_strlist_free(&other);
    return same;
}

bool cg_features_equal(const struct cg_package *package, const json_t *object)
{
    const json_t *plain = json_object_get(object, "features"), *more = json_object_get(object, "features2");

    if (json_object_size(plain) + json_object_size(more) != package->feature_count)
        return false;
    for (size_t i = 0; i < package->feature_count; i++) {
        const struct cg_feature *feature = &package->features[i];
        const json_t *values = json_object_get(plain, feature->name);

        if (!values)
            values = json_object_get(more, feature->name);
        if (!values || !same_values(feature->values, values))
            return false;
    }
    return true;
}
