/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/publish_metadata.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "registry/edges.h"
#include "registry/refuse.h"
#include "registry/semver.h"

enum kind { TEXT, FLAG, TEXTS, LISTS /* object of lists of texts */, PAIRS /* object of objects of texts */, DEPS };

struct field {
    const char *key;
    enum kind kind;
};

/* Missing and null are the same everywhere; unknown keys are ignored. */
static const struct field crate_fields[] = {{"name", TEXT},          {"vers", TEXT},         {"deps", DEPS},
                                            {"features", LISTS},     {"authors", TEXTS},     {"description", TEXT},
                                            {"documentation", TEXT}, {"homepage", TEXT},     {"readme", TEXT},
                                            {"readme_file", TEXT},   {"keywords", TEXTS},    {"categories", TEXTS},
                                            {"license", TEXT},       {"license_file", TEXT}, {"repository", TEXT},
                                            {"badges", PAIRS},       {"links", TEXT},        {"rust_version", TEXT}};
static const struct field dep_fields[] = {
    {"name", TEXT},      {"version_req", TEXT},      {"features", TEXTS},
    {"optional", FLAG},  {"default_features", FLAG}, {"target", TEXT},
    {"kind", TEXT},      {"registry", TEXT},         {"explicit_name_in_toml", TEXT},
    {"artifact", TEXTS}, {"bindep_target", TEXT},    {"lib", FLAG}};

#define WARNINGS_MAX 100
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_text(const json_t *value)
{
    return json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value);
}

static bool are_texts(const json_t *list)
{
    size_t i;
    json_t *item;

    if (!json_is_array(list))
        return false;
    json_array_foreach(list, i, item) if (!is_text(item)) return false;
    return true;
}

static bool every_member(const json_t *object, bool (*fits)(const json_t *value))
{
    const char *key;
    json_t *value;

    if (!json_is_object(object))
        return false;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) if (!fits(value)) return false;
    return true;
}

static bool is_text_or_null(const json_t *value)
{
    return json_is_null(value) || is_text(value);
}

static bool are_pairs(const json_t *object)
{
    return every_member(object, is_text_or_null);
}

static const struct field *misfit(const json_t *object, const struct field *fields, size_t count);

static bool are_deps(const json_t *list)
{
    size_t i;
    json_t *dep;

    if (!json_is_array(list))
        return false;
    json_array_foreach(list, i,
                       dep) if (!json_is_object(dep) || misfit(dep, dep_fields, COUNT(dep_fields))) return false;
    return true;
}

static bool fits(const json_t *value, enum kind kind)
{
    switch (kind) {
    case TEXT:
        return is_text(value);
    case FLAG:
        return json_is_boolean(value);
    case TEXTS:
        return are_texts(value);
    case LISTS:
        return every_member(value, are_texts);
    case PAIRS:
        return every_member(value, are_pairs);
    default: /* DEPS */
        return are_deps(value);
    }
}

/* The first field whose value is of another type. */
static const struct field *misfit(const json_t *object, const struct field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(object, fields[i].key);

        if (value && !json_is_null(value) && !fits(value, fields[i].kind))
            return &fields[i];
    }
    return NULL;
}

/* Names of devices, whatever follows the dot: on Windows no file can be called so. */
static bool is_device(const char *name)
{
    static const char *const devices[] = {"con", "prn", "aux", "nul"};

    for (size_t i = 0; i < COUNT(devices); i++)
        if (cg_streq_nocase(name, devices[i]))
            return true;
    return strlen(name) == 4 && (cg_str_starts_nocase(name, "com") || cg_str_starts_nocase(name, "lpt")) &&
           name[3] >= '0' && name[3] <= '9';
}

/* crates.io's table (cargo-protocol.md 8.1), folded: names of the toolchain's own crates, past and present. Without
 * compiler-builtins, which is a crate that others depend on and companies mirror. */
static bool is_toolchain(const char *name)
{
    static const char *const reserved[] = {
        "alloc",        "arena",          "ast",           "builtins",    "collections",  "compiler-rt",
        "compiletest",  "core",           "coretest",      "debug",       "driver",       "flate",
        "fmt-macros",   "grammar",        "graphviz",      "macro",       "macros",       "proc-macro",
        "rbml",         "rust-installer", "rustbook",      "rustc",       "rustc-back",   "rustc-borrowck",
        "rustc-driver", "rustc-llvm",     "rustc-resolve", "rustc-trans", "rustc-typeck", "rustdoc",
        "rustllvm",     "rustuv",         "serialize",     "std",         "syntax",       "test",
        "unicode"};
    char folded[CG_CRATE_NAME_MAX + 1];

    cg_crate_name_fold(name, folded);
    for (size_t i = 0; i < COUNT(reserved); i++)
        if (strcmp(folded, reserved[i]) == 0)
            return true;
    return false;
}

static enum cg_err check_name(const char *name, struct cg_error *err)
{
    if (!name || !cg_crate_name_valid(name))
        return cg_refuse(err, CG_ERR_INVALID, "crate-name",
                         "\"%.100s\" is not the name of a crate: a letter, then letters, digits, '-' and '_', all of "
                         "ASCII and at most %d",
                         name ? name : "", CG_CRATE_NAME_MAX);
    if (is_device(name))
        return cg_refuse(err, CG_ERR_INVALID, "crate-name-reserved",
                         "\"%s\" is the name of a device on Windows, where nobody could unpack the crate", name);
    if (is_toolchain(name))
        return cg_refuse(err, CG_ERR_INVALID, "crate-name-reserved",
                         "\"%s\" is reserved, as on crates.io: it is or was the name of a part of Rust itself", name);
    return CG_OK;
}

static enum cg_err check_version(const char *version, struct cg_error *err)
{
    struct cg_semver semver;
    struct cg_error why = {0};

    if (version && cg_semver_parse(version, &semver, &why) == CG_OK)
        return CG_OK;
    return cg_refuse(err, CG_ERR_INVALID, "crate-version", "\"%.160s\" is not a version: %s", version ? version : "",
                     version ? why.detail : "it is missing");
}

enum cg_err cg_publish_identity_check(const char *name, const char *version, struct cg_error *err)
{
    enum cg_err rc = check_name(name, err);

    return rc == CG_OK ? check_version(version, err) : rc;
}

static enum cg_err check(const struct cg_publish_metadata *m, struct cg_error *err)
{
    const struct field *bad = misfit(m->root, crate_fields, COUNT(crate_fields));

    if (!json_is_object(m->root))
        return cg_refuse(err, CG_ERR_INVALID, "metadata-type", "the metadata is not a JSON object");
    if (bad)
        return cg_refuse(err, CG_ERR_INVALID, "metadata-type", "the metadata's \"%s\" is not of the type cargo sends",
                         bad->key);
    return cg_publish_identity_check(m->name, m->version, err);
}

enum cg_err cg_publish_metadata_parse(const char *text, size_t len, struct cg_publish_metadata *out,
                                      struct cg_error *err)
{
    struct cg_error why = {0};

    *out = (struct cg_publish_metadata){0};
    if (cg_json_parse(text, len, &out->root, &why) != CG_OK)
        return cg_refuse(err, CG_ERR_INVALID, "metadata-syntax", "the metadata is %s", why.detail);
    out->name = cg_json_str(out->root, "name");
    out->version = cg_json_str(out->root, "vers");
    return check(out, err);
}

enum cg_err cg_publish_metadata_of(const char *name, const char *version, struct cg_publish_metadata *out,
                                   struct cg_error *err)
{
    *out = (struct cg_publish_metadata){.root = json_pack("{s:s,s:s}", "name", name, "vers", version)};
    out->name = cg_json_str(out->root, "name");
    out->version = cg_json_str(out->root, "vers");
    return check(out, err);
}

void cg_publish_metadata_free(struct cg_publish_metadata *metadata)
{
    json_decref(metadata->root);
    *metadata = (struct cg_publish_metadata){0};
}

void cg_warn(char ***warnings, const char *fmt, ...)
{
    char text[512];
    size_t count = 0;
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    while (*warnings && (*warnings)[count])
        count++;
    if (count == WARNINGS_MAX) /* enough to act on; the answer must not outgrow its buffer */
        return;
    *warnings = cg_reallocarray(*warnings, count + 2, sizeof(**warnings));
    (*warnings)[count] = cg_strdup(text);
    (*warnings)[count + 1] = NULL;
}

static bool same_deps(const json_t *root, const struct cg_package *package, const struct cg_conf *conf, const char *ns)
{
    struct cg_edges told, packaged;
    bool same;

    cg_edges_from_metadata(root, conf, ns, &told);
    cg_edges_from_package(package, &packaged);
    same = cg_edges_equal(&told, &packaged, true);
    cg_edges_free(&told);
    cg_edges_free(&packaged);
    return same;
}

/* Was it told at all? Clients differ in what they send. */
static bool told(const json_t *root, const char *key)
{
    const json_t *value = json_object_get(root, key);

    return value && !json_is_null(value);
}

void cg_publish_metadata_compare(const struct cg_publish_metadata *metadata, const struct cg_package *package,
                                 const struct cg_conf *conf, const char *ns, char ***warnings)
{
    static const char fmt[] =
        "the %s in the upload's metadata are not those of the packaged Cargo.toml; the index takes "
        "the latter, because that is what cargo builds";

    if (told(metadata->root, "deps") && !same_deps(metadata->root, package, conf, ns))
        cg_warn(warnings, fmt, "dependencies");
    if (told(metadata->root, "features") && !cg_features_equal(package, metadata->root))
        cg_warn(warnings, fmt, "features");
    if (told(metadata->root, "links") && !cg_streq(cg_json_str(metadata->root, "links"), package->links))
        cg_warn(warnings, fmt, "links");
    if (told(metadata->root, "rust_version") &&
        !cg_streq(cg_json_str(metadata->root, "rust_version"), package->rust_version))
        cg_warn(warnings, "the rust_version in the upload's metadata is not that of the packaged Cargo.toml; the index "
                          "takes the latter");
}
