/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/index_line.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "crategate/clock.h"
#include "registry/features.h"

static void add_key(struct cg_buf *out, const char *key)
{
    if (out->len && out->data[out->len - 1] != '{')
        cg_buf_addch(out, ',');
    cg_json_quote(out, key);
    cg_buf_addch(out, ':');
}

static void add_text(struct cg_buf *out, const char *key, const char *text)
{
    add_key(out, key);
    cg_json_quote(out, text);
}

static void add_optional(struct cg_buf *out, const char *key, const char *text)
{
    if (text)
        add_text(out, key, text);
}

static void add_bool(struct cg_buf *out, const char *key, bool value)
{
    add_key(out, key);
    cg_buf_addstr(out, value ? "true" : "false");
}

static void add_list(struct cg_buf *out, char *const *list)
{
    cg_buf_addch(out, '[');
    for (size_t i = 0; list[i]; i++) {
        if (i)
            cg_buf_addch(out, ',');
        cg_json_quote(out, list[i]);
    }
    cg_buf_addch(out, ']');
}

/* These three are null for "none" in crates.io's own index and in cargo's publish metadata, and every cargo takes that. */
static void add_nullable(struct cg_buf *out, const char *key, const char *text)
{
    add_key(out, key);
    if (text)
        cg_json_quote(out, text);
    else
        cg_buf_addstr(out, "null");
}

/* The artifact fields are unstable and must not be there, not even as null, for those who do not use them. */
static void add_artifact(struct cg_buf *out, const struct cg_dep *dep)
{
    if (!dep->artifact)
        return;
    add_key(out, "artifact");
    add_list(out, dep->artifact);
    add_optional(out, "bindep_target", dep->bindep_target);
    if (dep->lib)
        add_bool(out, "lib", true);
}

static void add_dep(struct cg_buf *out, const struct cg_dep *dep)
{
    static const char *const kinds[] = {[CG_DEP_NORMAL] = "normal", [CG_DEP_DEV] = "dev", [CG_DEP_BUILD] = "build"};
    cg_buf_addch(out, '{');
    add_text(out, "name", dep->alias);
    add_text(out, "req", dep->req);
    add_key(out, "features");
    add_list(out, dep->features);
    add_bool(out, "optional", dep->optional);
    add_bool(out, "default_features", dep->default_features);
    add_nullable(out, "target", dep->target);
    add_text(out, "kind", kinds[dep->kind]);
    add_nullable(out, "registry", dep->registry);
    add_nullable(out, "package", strcmp(dep->alias, dep->package) != 0 ? dep->package : NULL);
    if (dep->has_public && dep->public_dep)
        add_bool(out, "public", true);
    add_artifact(out, dep);
    cg_buf_addch(out, '}');
}

static void add_deps(struct cg_buf *out, const struct cg_package *package)
{
    add_key(out, "deps");
    cg_buf_addch(out, '[');
    for (size_t i = 0; i < package->dep_count; i++) {
        if (i)
            cg_buf_addch(out, ',');
        add_dep(out, &package->deps[i]);
    }
    cg_buf_addch(out, ']');
}

/* Those whose flag in `moved` (NULL: none is moved) is `which`. */
static void add_features(struct cg_buf *out, const struct cg_package *package, const bool *moved, bool which)
{
    add_key(out, which ? "features2" : "features");
    cg_buf_addch(out, '{');
    for (size_t i = 0; i < package->feature_count; i++) {
        const struct cg_feature *feature = &package->features[i];
        if ((moved && moved[i]) != which)
            continue;
        add_key(out, feature->name);
        add_list(out, feature->values);
    }
    cg_buf_addch(out, '}');
}

/* Clients skip a line whose schema they do not know, so it is never higher than needed. */
static int schema(const struct cg_package *package, const bool *moved)
{
    for (size_t i = 0; i < package->dep_count; i++)
        if (package->deps[i].artifact)
            return 3;
    return moved ? 2 : 1;
}

void cg_index_line_write(const struct cg_package *package, const char *cksum, int64_t pubtime, bool yanked,
                         struct cg_buf *out)
{
    char when[CG_TIME_RFC3339_SIZE];
    bool *moved = cg_features_new_syntax(package);
    int v = schema(package, moved);
    cg_time_rfc3339(pubtime, when);
    cg_buf_addch(out, '{');
    add_text(out, "name", package->name);
    add_text(out, "vers", package->version);
    add_deps(out, package);
    add_text(out, "cksum", cksum);
    add_features(out, package, moved, false);
    if (moved)
        add_features(out, package, moved, true);
    add_bool(out, "yanked", yanked);
    add_optional(out, "links", package->links);
    add_optional(out, "rust_version", package->rust_version);
    add_text(out, "pubtime", when);
    if (v > 1) {
        add_key(out, "v");
        cg_buf_addf(out, "%d", v);
    }
    cg_buf_addch(out, '}');
    free(moved);
}
