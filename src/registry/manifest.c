/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/toml.h"
#include "registry/features.h"
#include "registry/manifest_table.h"
#include "registry/refuse.h"
#include "registry/semver.h"
#include "registry/target.h"

#define JSON_MAX (16u * 1024 * 1024) /* a manifest as JSON; escapes may make it six times as long */

static enum cg_err check_package(const struct cg_package *package, struct cg_error *err)
{
    struct cg_semver version;
    struct cg_error why = {0};
    if (!package->name || !cg_crate_name_valid(package->name))
        return cg_refuse(err, CG_ERR_INVALID, "package-name",
                         "Cargo.toml: package.name must begin with a letter and have at most 64 letters, digits, '-' "
                         "and '_', all of ASCII");
    if (!package->version)
        return cg_refuse(err, CG_ERR_INVALID, "package-version", "Cargo.toml: package.version is missing");
    if (cg_semver_parse(package->version, &version, &why) != CG_OK)
        return cg_refuse(err, CG_ERR_INVALID, "package-version", "Cargo.toml: package.version: %s", why.detail);
    if (package->rust_version && !cg_rust_version_valid(package->rust_version))
        return cg_refuse(err, CG_ERR_INVALID, "rust-version",
                         "Cargo.toml: package.rust-version must be one to three numbers with dots, as in \"1.74\"");
    return CG_OK;
}

/* false: there is none; true: the usual name; else the name. */
static enum cg_err read_readme(const struct cg_table *t, char **out)
{
    const json_t *value = json_object_get(t->json, "readme");
    if (json_is_true(value))
        *out = cg_strdup("README.md");
    return json_is_boolean(value) ? CG_OK : cg_table_text(t, "readme", out);
}

/* Inheritance in keys that are not read here would still make the crate useless for everybody. [package.metadata] is
 * the author's own and may hold anything. */
static enum cg_err check_inheritance(const struct cg_table *t)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)t->json, key, value)
    {
        if (strcmp(key, "metadata") != 0 && json_object_get(value, "workspace"))
            return cg_refuse(
                t->err, CG_ERR_INVALID, "manifest-workspace",
                "Cargo.toml: package.%s is inherited from a workspace; cargo replaces that when it packages", key);
    }
    return CG_OK;
}

static enum cg_err read_texts(const struct cg_table *t, struct cg_package *p)
{
    const struct {
        const char *key;
        char **to;
    } texts[] = {{"name", &p->name},
                 {"version", &p->version},
                 {"links", &p->links},
                 {"rust-version", &p->rust_version},
                 {"description", &p->description},
                 {"license", &p->license},
                 {"license-file", &p->license_file},
                 {"homepage", &p->homepage},
                 {"documentation", &p->documentation},
                 {"repository", &p->repository}};
    enum cg_err ret = CG_OK;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && ret == CG_OK; i++)
        ret = cg_table_text(t, texts[i].key, texts[i].to);
    return ret;
}

static enum cg_err read_package(const struct cg_table *root, struct cg_package *p)
{
    struct cg_table t = {.name = "package", .err = root->err};
    enum cg_err ret = cg_table_sub(root, "package", &t.json);
    if (ret != CG_OK)
        return ret;
    if (!t.json)
        return cg_refuse(root->err, CG_ERR_INVALID, "manifest-package", "Cargo.toml has no [package]");
    ret = check_inheritance(&t);
    if (ret == CG_OK)
        ret = read_texts(&t, p);
    if (ret == CG_OK)
        ret = read_readme(&t, &p->readme);
    if (ret == CG_OK)
        ret = cg_table_list(&t, "authors", &p->authors);
    if (ret == CG_OK)
        ret = cg_table_list(&t, "keywords", &p->keywords);
    if (ret == CG_OK)
        ret = cg_table_list(&t, "categories", &p->categories);
    return ret == CG_OK ? check_package(p, root->err) : ret;
}

/* The table of one kind, under whichever of its two names. */
static enum cg_err read_kind(const struct cg_table *parent, enum cg_dep_kind kind, const char *target,
                             struct cg_package *p)
{
    static const char *const names[][2] = {[CG_DEP_NORMAL] = {"dependencies", ""},
                                           [CG_DEP_DEV] = {"dev-dependencies", "dev_dependencies"},
                                           [CG_DEP_BUILD] = {"build-dependencies", "build_dependencies"}};
    const char *key = NULL;
    struct cg_table t = {.err = parent->err};
    char name[200];
    enum cg_err ret = cg_table_spelling(parent, names[kind][0], names[kind][1], &key);
    if (ret != CG_OK || !key)
        return ret;
    ret = cg_table_sub(parent, key, &t.json);
    snprintf(name, sizeof name, "%s%s%s", target ? parent->name : "", target ? "." : "", key);
    t.name = name;
    return ret == CG_OK ? cg_manifest_deps(&t, kind, target, p) : ret;
}

/* The order in which cargo itself sends them. */
static enum cg_err read_kinds(const struct cg_table *parent, const char *target, struct cg_package *p)
{
    enum cg_err ret = read_kind(parent, CG_DEP_NORMAL, target, p);
    if (ret == CG_OK)
        ret = read_kind(parent, CG_DEP_DEV, target, p);
    if (ret == CG_OK)
        ret = read_kind(parent, CG_DEP_BUILD, target, p);
    return ret;
}

static enum cg_err read_target(const struct cg_table *targets, const char *key, struct cg_package *p)
{
    struct cg_buf normal;
    char name[160];
    struct cg_table t = {.name = name, .err = targets->err};
    snprintf(name, sizeof name, "target.'%s'", key);
    cg_buf_init(&normal, 64 * 1024);
    enum cg_err ret = cg_table_sub(targets, key, &t.json);
    if (ret == CG_OK)
        ret = cg_target_normalise(key, &normal, targets->err);
    if (ret == CG_OK)
        ret = read_kinds(&t, cg_buf_str(&normal), p);
    cg_buf_free(&normal);
    return ret;
}

static enum cg_err read_targets(const struct cg_table *root, struct cg_package *p)
{
    const char *key;
    json_t *value;
    struct cg_table t = {.name = "target", .err = root->err};
    enum cg_err ret = cg_table_sub(root, "target", &t.json);
    json_object_foreach((json_t *)t.json, key, value)
    {
        ret = read_target(&t, key, p);
        if (ret != CG_OK)
            break;
    }
    return ret;
}

static enum cg_err read_features(const struct cg_table *root, struct cg_package *p)
{
    const char *key;
    json_t *value;
    struct cg_table t = {.name = "features", .err = root->err};
    enum cg_err ret = cg_table_sub(root, "features", &t.json);
    if (ret != CG_OK || !t.json)
        return ret;
    if (json_object_size(t.json) > CG_MANIFEST_ITEMS_MAX)
        return cg_refuse(root->err, CG_ERR_INVALID, "manifest-limit", "Cargo.toml has more than %d features",
                         CG_MANIFEST_ITEMS_MAX);
    p->features = cg_calloc(json_object_size(t.json) + 1, sizeof *p->features);
    json_object_foreach((json_t *)t.json, key, value)
    {
        struct cg_feature *feature = &p->features[p->feature_count++];
        feature->name = cg_strdup(key);
        ret = cg_table_list(&t, key, &feature->values);
        if (ret != CG_OK)
            break;
    }
    return ret;
}

/* Tables that change what others mean. [project] is the old name of [package]; versions of cargo differ in which they
 * prefer where both stand. */
static enum cg_err check_top(const struct cg_table *root)
{
    static const char *const refused[][2] = {
        {"patch", "manifest-patch"}, {"replace", "manifest-patch"}, {"project", "manifest-package"}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (json_object_get(root->json, refused[i][0]))
            return cg_refuse(root->err, CG_ERR_INVALID, refused[i][1],
                             "Cargo.toml has [%s], which a packaged manifest must not have", refused[i][0]);
    if (json_object_get(json_object_get(root->json, "lints"), "workspace"))
        return cg_refuse(root->err, CG_ERR_INVALID, "manifest-workspace",
                         "Cargo.toml: lints is inherited from a workspace; cargo replaces that when it packages");
    return CG_OK;
}

static enum cg_err read_manifest(const json_t *json, struct cg_package *p, struct cg_error *err)
{
    struct cg_table root = {.json = json, .name = "the manifest", .err = err};
    enum cg_err ret = check_top(&root);
    if (ret == CG_OK)
        ret = read_package(&root, p);
    if (ret == CG_OK)
        ret = read_kinds(&root, NULL, p);
    if (ret == CG_OK)
        ret = read_targets(&root, p);
    if (ret == CG_OK)
        ret = read_features(&root, p);
    return ret == CG_OK ? cg_features_check(p, err) : ret;
}

static enum cg_err to_json(const char *text, size_t len, json_t **out, struct cg_error *err)
{
    struct cg_buf json;
    struct cg_error why = {0};
    unsigned line = 0;
    cg_buf_init(&json, JSON_MAX);
    enum cg_err ret = cg_toml_to_json(text, len, &json, NULL, &line, &why);
    if (ret != CG_OK)
        ret = cg_refuse(err, ret, "manifest-syntax", "Cargo.toml does not parse: line %u: %s", line, why.detail);
    else if (cg_json_parse(cg_buf_str(&json), json.len, out, &why) != CG_OK)
        ret = cg_refuse(err, CG_ERR_INVALID, "manifest-syntax", "Cargo.toml does not parse: %s", why.detail);
    cg_buf_free(&json);
    return ret;
}

enum cg_err cg_manifest_parse(const char *text, size_t len, struct cg_package *out, struct cg_error *err)
{
    struct cg_package package = {0};
    json_t *json = NULL;
    enum cg_err ret = to_json(text, len, &json, err);
    if (ret == CG_OK)
        ret = read_manifest(json, &package, err);
    if (ret == CG_OK)
        *out = package;
    else
        cg_package_free(&package);
    json_decref(json);
    return ret;
}
