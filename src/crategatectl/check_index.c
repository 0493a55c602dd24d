/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "crategatectl/check_index.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "registry/archive.h"
#include "registry/features.h"
#include "registry/manifest.h"
#include "registry/registry_url.h"

#define MANIFEST_MAX (1 << 20)
#define ENTRIES_MAX 50000
#define WRONG_MAX 20 /* sentences that are told; the first ones say it all */

/* In the order of cg_ctl_lines.traits' bits. */
enum trait { CRATES_IO, SAME, OTHER, RENAMED, NEW_FEATURES, LINKS, RUST_VERSION, BUILD, TRAITS };
static const char *const trait_names[TRAITS] = {"a dependency from crates.io",
                                                "one from the same registry",
                                                "one from another registry",
                                                "a renamed one",
                                                "dep: features",
                                                "links",
                                                "rust-version",
                                                "build metadata"};

/* One crate beside its line. */
struct pair {
    struct cg_ctl_lines *lines;
    const struct cg_package *package;
    const json_t *line;
};

void cg_ctl_lines_init(struct cg_ctl_lines *lines, const struct cg_conf *conf, const struct cg_conf_namespace *ns)
{
    *lines = (struct cg_ctl_lines){.conf = conf, .ns = ns};
    cg_buf_init(&lines->sentences, 1 << 20);
}

void cg_ctl_lines_free(struct cg_ctl_lines *lines)
{
    cg_buf_free(&lines->sentences);
}

static void CG_PRINTF(2, 3) wrong(const struct pair *pair, const char *fmt, ...)
{
    char text[512], shown[512];
    va_list args;

    if (pair->lines->wrong++ >= WRONG_MAX)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    cg_str_printable(text, strlen(text), shown, sizeof(shown)); /* a line's end would begin another sentence */
    cg_buf_addf(&pair->lines->sentences, "%s %s: %s\n", pair->package->name, pair->package->version, shown);
}

static void seen(const struct pair *pair, enum trait trait, bool is)
{
    if (is)
        pair->lines->traits |= 1U << trait;
}

/* NULL, absent and null are one. */
static bool same_text(const char *wanted, const json_t *object, const char *key)
{
    const char *found = cg_json_str(object, key);

    return wanted ? cg_streq(wanted, found) : found == NULL;
}

static const char *or_null(const char *text)
{
    return text ? text : "null";
}

/* Our own URLs, and Artifactory's of this repository under whatever host name it goes by there. */
static bool is_this_registry(const struct pair *pair, const char *registry)
{
    const struct cg_conf_namespace *ns = pair->lines->ns;
    struct cg_error err = {0};
    char *theirs = cg_asprintf("/api/cargo/%s/index", ns->repository), *url = NULL;
    bool same = strstr(registry, theirs) ||
                (cg_registry_url_resolve(pair->lines->conf, ns->name, registry, &url, &err) == CG_OK && !url);

    free(theirs);
    free(url);
    return same;
}

/* null in an index means "this registry", no registry-index in a manifest crates.io (registry-index.md, "JSON schema").
 */
static void compare_registry(const struct pair *pair, const struct cg_dep *dep, const json_t *found)
{
    const char *there = cg_json_str(found, "registry");
    bool same = dep->registry && is_this_registry(pair, dep->registry);

    seen(pair, !dep->registry ? CRATES_IO : same ? SAME : OTHER, true);
    if (!dep->registry && (!there || !strstr(there, "crates.io")))
        wrong(pair, "its dependency %s is from crates.io, and registry is %s", dep->alias, or_null(there));
    else if (dep->registry && !cg_streq(there, dep->registry) && (there || !same))
        wrong(pair, "its dependency %s is from %s, and registry is %s", dep->alias, dep->registry, or_null(there));
}

static const json_t *find_dep(const struct pair *pair, const struct cg_dep *dep)
{
    static const char *const kinds[] = {[CG_DEP_NORMAL] = "normal", [CG_DEP_DEV] = "dev", [CG_DEP_BUILD] = "build"};
    const json_t *deps = json_object_get(pair->line, "deps"), *found;
    size_t i;

    json_array_foreach(deps, i, found)
    {
        if (same_text(dep->alias, found, "name") && same_text(kinds[dep->kind], found, "kind") &&
            same_text(dep->target, found, "target"))
            return found;
    }
    return NULL;
}

static bool same_list(char *const *wanted, const json_t *found)
{
    size_t count = 0;

    for (; wanted[count]; count++) {
        const json_t *value;
        bool there = false;
        size_t i;

        json_array_foreach(found, i, value)
        {
            there = there || cg_streq(json_string_value(value), wanted[count]);
        }
        if (!there)
            return false;
    }
    return json_array_size(found) == count;
}

static void compare_dep(const struct pair *pair, const struct cg_dep *dep)
{
    const json_t *found = find_dep(pair, dep);
    bool renamed = strcmp(dep->alias, dep->package) != 0;
    const char *package;

    seen(pair, RENAMED, renamed);
    if (!found) {
        if (dep->kind != CG_DEP_DEV) /* nobody resolves those of others */
            wrong(pair, "its dependency %s is not in the line", dep->alias);
        return;
    }
    package = cg_json_str(found, "package");
    if (renamed ? !cg_streq(package, dep->package) : package && !cg_streq(package, dep->package))
        wrong(pair, "its dependency %s is the crate %s, and package is %s", dep->alias, dep->package, or_null(package));
    if (json_is_true(json_object_get(found, "optional")) != dep->optional)
        wrong(pair, "its dependency %s is %soptional, and the line says otherwise", dep->alias,
              dep->optional ? "" : "not ");
    if (json_is_false(json_object_get(found, "default_features")) == dep->default_features ||
        !same_list(dep->features, json_object_get(found, "features")))
        wrong(pair, "its dependency %s has other features in the line", dep->alias);
    compare_registry(pair, dep, found);
}

static void compare_feature(const struct pair *pair, const struct cg_feature *feature, bool is_new)
{
    const json_t *old = json_object_get(json_object_get(pair->line, "features"), feature->name);
    const json_t *new = json_object_get(json_object_get(pair->line, "features2"), feature->name);

    if (!old && !new)
        wrong(pair, "its feature %s is not in the line", feature->name);
    else if (!same_list(feature->values, old ? old : new))
        wrong(pair, "its feature %s has other values in the line", feature->name);
    else if (is_new && old)
        wrong(pair, "its feature %s needs cargo 1.60, and is not in features2", feature->name);
}

static void compare_features(const struct pair *pair)
{
    bool *new = cg_features_new_syntax(pair->package);

    seen(pair, NEW_FEATURES, new != NULL);
    for (size_t i = 0; i < pair->package->feature_count; i++)
        compare_feature(pair, &pair->package->features[i], new &&new[i]);
    if (json_object_get(pair->line, "features2") && json_integer_value(json_object_get(pair->line, "v")) < 2)
        wrong(pair, "its line has features2, and v is not 2");
    free(new);
}

static void compare_package(const struct pair *pair)
{
    const struct cg_package *package = pair->package;

    seen(pair, LINKS, package->links != NULL);
    seen(pair, RUST_VERSION, package->rust_version != NULL);
    seen(pair, BUILD, strchr(package->version, '+') != NULL);
    if (!same_text(package->name, pair->line, "name") || !same_text(package->version, pair->line, "vers"))
        wrong(pair, "its line is of another name or version");
    if (!same_text(package->links, pair->line, "links"))
        wrong(pair, "links is %s in the line, not %s", or_null(cg_json_str(pair->line, "links")),
              or_null(package->links));
    if (!same_text(package->rust_version, pair->line, "rust_version"))
        wrong(pair, "rust_version is %s in the line, not %s", or_null(cg_json_str(pair->line, "rust_version")),
              or_null(package->rust_version));
    for (size_t i = 0; i < package->dep_count; i++)
        compare_dep(pair, &package->deps[i]);
    compare_features(pair);
}

/* Reading the crate */

struct bytes {
    const unsigned char *at;
    size_t left;
};

static enum cg_err read_bytes(void *cls, void *into, size_t len, size_t *got_out, struct cg_error *err)
{
    struct bytes *bytes = cls;
    size_t got = len < bytes->left ? len : bytes->left;

    (void)err;
    memcpy(into, bytes->at, got);
    bytes->at += got;
    bytes->left -= got;
    *got_out = got;
    return CG_OK;
}

static enum cg_err read_package(const struct cg_ctl_lines *lines, const json_t *line, struct bytes crate,
                                struct cg_package *out, struct cg_error *err)
{
    struct cg_archive_limits limits = {.unpacked_max = lines->conf->max_unpacked_size, .entries_max = ENTRIES_MAX};
    struct cg_archive_source source = {.read = read_bytes, .cls = &crate};
    const char *name = cg_json_str(line, "name"), *version = cg_json_str(line, "vers");
    char *root = cg_asprintf("%s-%s", name ? name : "", version ? version : "");
    struct cg_buf manifest;
    enum cg_err rc;

    cg_buf_init(&manifest, MANIFEST_MAX);
    rc = cg_archive_check(&source, root, &limits, &manifest, NULL, NULL, err);
    if (rc == CG_OK)
        rc = cg_manifest_parse(cg_buf_str(&manifest), manifest.len, out, err);
    cg_buf_free(&manifest);
    free(root);
    return rc;
}

void cg_ctl_lines_compare(struct cg_ctl_lines *lines, const char *line, size_t line_len, const void *crate, size_t len)
{
    struct cg_package package = {0};
    struct cg_error err = {0};
    json_t *value = NULL;
    unsigned char sum[CG_SHA256_SIZE];
    char cksum[2 * CG_SHA256_SIZE + 1];

    if (cg_json_parse(line, line_len, &value, &err) != CG_OK ||
        read_package(lines, value, (struct bytes){crate, len}, &package, &err) != CG_OK) {
        lines->unreadable++;
    } else {
        struct pair pair = {.lines = lines, .package = &package, .line = value};

        lines->compared++;
        cg_sha256(crate, len, sum);
        cg_hex(sum, sizeof(sum), cksum);
        if (!same_text(cksum, value, "cksum"))
            wrong(&pair, "cksum is not the checksum of the crate");
        compare_package(&pair);
    }
    cg_package_free(&package);
    json_decref(value);
}

/* Telling */

static void tell_unseen(const struct cg_ctl_lines *lines, void (*tell)(const char *sentence))
{
    struct cg_buf text;
    bool any = false;

    cg_buf_init(&text, 4096);
    cg_buf_addstr(&text, "could not be settled because none of those crates has it: ");
    for (unsigned i = 0; i < TRAITS; i++)
        if (!(lines->traits & 1U << i)) {
            cg_buf_addf(&text, "%s%s", any ? ", " : "", trait_names[i]);
            any = true;
        }
    if (any)
        tell(cg_buf_str(&text));
    cg_buf_free(&text);
}

void cg_ctl_lines_tell(struct cg_ctl_lines *lines, void (*tell)(const char *sentence))
{
    char text[200], *save = NULL;

    if (lines->compared == 0) {
        tell("could not be settled because there is no crate that could be read beside its index line");
        return;
    }
    if (lines->unreadable) {
        snprintf(text, sizeof(text), "%u of its newest crates cannot be read as the gateway reads crates",
                 lines->unreadable);
        tell(text);
    }
    snprintf(text, sizeof(text), "of the newest crates %u were compared with their index lines: %s", lines->compared,
             lines->wrong ? "they differ" : "all say the same");
    tell(text);
    for (char *line = lines->wrong ? strtok_r(lines->sentences.data, "\n", &save) : NULL; line;
         line = strtok_r(NULL, "\n", &save))
        tell(line);
    tell_unseen(lines, tell);
}
