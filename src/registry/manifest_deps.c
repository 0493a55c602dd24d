/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "crategate/token.h"
#include "registry/features.h"
#include "registry/manifest_table.h"
#include "registry/refuse.h"
#include "registry/semver.h"
#include "registry/target.h"

/* Keys that tell where a dependency comes from on the author's machine. cargo leaves none in a package: a consumer has
 * neither the path nor the names of the author's registries. */
static const char *const local_sources[] = {"git", "branch", "tag", "rev", "path", "base", "registry"};

static enum cg_err check_source(const struct cg_table *t)
{
    if (json_object_get(t->json, "workspace"))
        return cg_refuse(t->err, CG_ERR_INVALID, "manifest-workspace",
                         "Cargo.toml: %s is inherited from a workspace; cargo replaces that when it packages", t->name);
    for (size_t i = 0; i < sizeof local_sources / sizeof *local_sources; i++)
        if (json_object_get(t->json, local_sources[i]))
            return cg_refuse(t->err, CG_ERR_INVALID, "dependency-source",
                             "Cargo.toml: %s has \"%s\", which means nothing to those who use the crate", t->name,
                             local_sources[i]);
    return CG_OK;
}

/* crates.io's rule for what a dependency is called: as a crate, or with '_' first. */
static bool is_alias(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len > CG_CRATE_NAME_MAX)
        return false;
    return cg_crate_name_valid(name) ||
           (name[0] == '_' && (len == 1 || strspn(name, "_-0123456789"
                                                        "abcdefghijklmnopqrstuvwxyz"
                                                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == len));
}

static enum cg_err read_names(const struct cg_table *t, const char *alias, struct cg_dep *dep)
{
    dep->alias = cg_strdup(alias);
    enum cg_err ret = cg_table_text(t, "package", &dep->package);
    if (ret != CG_OK)
        return ret;
    if (!dep->package)
        dep->package = cg_strdup(alias);
    if (!is_alias(alias))
        return cg_refuse(t->err, CG_ERR_INVALID, "dependency-name",
                         "Cargo.toml: \"%s\" cannot be the name of a dependency", alias);
    if (!cg_crate_name_valid(dep->package))
        return cg_refuse(t->err, CG_ERR_INVALID, "dependency-name", "Cargo.toml: %s: \"%s\" is not the name of a crate",
                         t->name, dep->package);
    return CG_OK;
}

static enum cg_err set_req(const struct cg_table *t, const char *version, struct cg_dep *dep)
{
    struct cg_buf req;
    struct cg_error why = {0};
    cg_buf_init(&req, 64 * 1024);
    enum cg_err ret = cg_semver_req(version, &req, &why);
    if (ret == CG_OK)
        dep->req = cg_buf_take(&req);
    else
        ret = cg_refuse(t->err, ret, "dependency-version", "Cargo.toml: %s: %s", t->name, why.detail);
    cg_buf_free(&req);
    return ret;
}

static enum cg_err read_req(const struct cg_table *t, struct cg_dep *dep)
{
    char *version = NULL;
    enum cg_err ret = cg_table_text(t, "version", &version);
    if (ret == CG_OK && version)
        ret = set_req(t, version, dep);
    else if (ret == CG_OK && dep->kind != CG_DEP_DEV)
        ret = cg_refuse(t->err, CG_ERR_INVALID, "dependency-version", "Cargo.toml: %s has no version", t->name);
    free(version);
    return ret;
}

static enum cg_err read_features(const struct cg_table *t, struct cg_dep *dep)
{
    enum cg_err ret = cg_table_list(t, "features", &dep->features);
    if (ret != CG_OK)
        return ret;
    if (!dep->features)
        dep->features = cg_calloc(1, sizeof *dep->features);
    for (char **name = dep->features; *name; name++)
        if (!cg_feature_name_valid(*name))
            return cg_refuse(t->err, CG_ERR_INVALID, "dependency-feature",
                             "Cargo.toml: %s: \"%s\" is not the name of a feature", t->name, *name);
    return CG_OK;
}

static enum cg_err read_flags(const struct cg_table *t, struct cg_dep *dep)
{
    const char *defaults = NULL;
    dep->default_features = true;
    enum cg_err ret = cg_table_spelling(t, "default-features", "default_features", &defaults);
    if (ret == CG_OK && defaults)
        ret = cg_table_bool(t, defaults, &dep->default_features, NULL);
    if (ret == CG_OK)
        ret = cg_table_bool(t, "optional", &dep->optional, NULL);
    if (ret == CG_OK)
        ret = cg_table_bool(t, "public", &dep->public_dep, &dep->has_public);
    if (ret == CG_OK && dep->optional && dep->kind == CG_DEP_DEV)
        ret = cg_refuse(t->err, CG_ERR_INVALID, "dependency-optional",
                        "Cargo.toml: %s is optional, which a dev-dependency cannot be", t->name);
    return ret;
}

static bool is_artifact(const char *kind)
{
    return cg_streq(kind, "bin") || cg_streq(kind, "cdylib") || cg_streq(kind, "staticlib") ||
           (cg_str_starts(kind, "bin:") && kind[4]);
}

static enum cg_err bad_artifact(const struct cg_table *t, const char *why)
{
    return cg_refuse(t->err, CG_ERR_INVALID, "dependency-artifact", "Cargo.toml: %s: %s", t->name, why);
}

/* One string or a list of them. */
static enum cg_err read_artifact_kinds(const struct cg_table *t, struct cg_dep *dep)
{
    const char *one = json_string_value(json_object_get(t->json, "artifact"));
    if (!one)
        return cg_table_list(t, "artifact", &dep->artifact);
    dep->artifact = cg_calloc(2, sizeof *dep->artifact);
    dep->artifact[0] = cg_strdup(one);
    return CG_OK;
}

static enum cg_err check_artifact(const struct cg_table *t, const struct cg_dep *dep)
{
    if (!dep->artifact)
        return dep->bindep_target || dep->lib ? bad_artifact(t, "\"target\" and \"lib\" need \"artifact\"") : CG_OK;
    if (!dep->artifact[0])
        return bad_artifact(t, "\"artifact\" is empty");
    for (char **kind = dep->artifact; *kind; kind++)
        if (!is_artifact(*kind))
            return bad_artifact(t, "an artifact is bin, bin:NAME, cdylib or staticlib");
    if (dep->bindep_target &&
        (cg_str_starts(dep->bindep_target, "cfg(") || cg_target_normalise(dep->bindep_target, NULL, NULL) != CG_OK))
        return bad_artifact(t, "\"target\" is not a target triple");
    return CG_OK;
}

static enum cg_err read_artifact(const struct cg_table *t, struct cg_dep *dep)
{
    enum cg_err ret = read_artifact_kinds(t, dep);
    if (ret == CG_OK)
        ret = cg_table_text(t, "target", &dep->bindep_target);
    if (ret == CG_OK)
        ret = cg_table_bool(t, "lib", &dep->lib, NULL);
    return ret == CG_OK ? check_artifact(t, dep) : ret;
}

static enum cg_err read_detailed(const struct cg_table *t, struct cg_dep *dep)
{
    enum cg_err ret = check_source(t);
    if (ret == CG_OK)
        ret = read_req(t, dep);
    if (ret == CG_OK)
        ret = cg_table_text(t, "registry-index", &dep->registry);
    if (ret == CG_OK)
        ret = read_features(t, dep);
    if (ret == CG_OK)
        ret = read_flags(t, dep);
    if (ret == CG_OK)
        ret = read_artifact(t, dep);
    return ret;
}

static enum cg_err read_simple(const struct cg_table *t, struct cg_dep *dep)
{
    dep->features = cg_calloc(1, sizeof *dep->features);
    dep->default_features = true;
    return set_req(t, json_string_value(t->json), dep);
}

static enum cg_err read_dep(const struct cg_table *t, const char *alias, struct cg_dep *dep)
{
    if (!json_is_string(t->json) && !json_is_object(t->json))
        return cg_refuse(t->err, CG_ERR_INVALID, "manifest-type", "Cargo.toml: %s must be a version or a table",
                         t->name);
    enum cg_err ret = read_names(t, alias, dep);
    if (ret == CG_OK)
        ret = json_is_string(t->json) ? read_simple(t, dep) : read_detailed(t, dep);
    return ret;
}

/* A place at the end of the list, zeroed; whatever happens, cg_package_free frees what is put there. */
static struct cg_dep *push(struct cg_package *package)
{
    package->deps = cg_reallocarray(package->deps, package->dep_count + 1, sizeof *package->deps);
    struct cg_dep *dep = &package->deps[package->dep_count++];
    *dep = (struct cg_dep){0};
    return dep;
}

/* cargo packages without the dev-dependencies that have no version; where one is left, nobody could resolve it. */
static void drop_last(struct cg_package *package)
{
    struct cg_package dropped = {.deps = cg_calloc(1, sizeof *dropped.deps), .dep_count = 1};
    dropped.deps[0] = package->deps[--package->dep_count];
    cg_package_free(&dropped);
}

static enum cg_err add_dep(const struct cg_table *t, const char *alias, enum cg_dep_kind kind, const char *target,
                           struct cg_package *package)
{
    if (package->dep_count == CG_MANIFEST_ITEMS_MAX)
        return cg_refuse(t->err, CG_ERR_INVALID, "manifest-limit", "Cargo.toml has more than %d dependencies",
                         CG_MANIFEST_ITEMS_MAX);
    struct cg_dep *dep = push(package);
    dep->kind = kind;
    if (target)
        dep->target = cg_strdup(target);
    enum cg_err ret = read_dep(t, alias, dep);
    if (ret == CG_OK && !dep->req)
        drop_last(package);
    return ret;
}

enum cg_err cg_manifest_deps(const struct cg_table *table, enum cg_dep_kind kind, const char *target,
                             struct cg_package *package)
{
    const char *alias;
    json_t *value;
    enum cg_err ret = CG_OK;
    json_object_foreach((json_t *)table->json, alias, value)
    {
        char name[256];
        snprintf(name, sizeof name, "%s.%s", table->name, alias);
        struct cg_table dep = {.json = value, .name = name, .err = table->err};
        ret = add_dep(&dep, alias, kind, target, package);
        if (ret != CG_OK)
            break;
    }
    return ret;
}
