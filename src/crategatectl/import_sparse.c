/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A sparse registry (cargo-protocol.md 2): index files by name. Names come from the administrator, or from the
 * registry's own search, which crates.io and those like it have. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategatectl/import_registry.h"
#include "registry/index_line.h"
#include "registry/registry_priv.h"

#define KIND "sparse+"
#define CONFIG_MAX (256u * 1024)
#define LIST_MAX (16u * 1024 * 1024)
#define PER_PAGE 100u
#define PAGES_MAX 100000u

bool cg_import_is_sparse(const char *text)
{
    return cg_str_starts(text, KIND);
}

/* The URL behind "sparse+", with the slash at its end. */
static enum cg_err read_address(const char *text, char **url_out, struct cg_error *err)
{
    const char *url = text + strlen(KIND);

    if (!cg_str_starts_nocase(url, "https://") && !cg_str_starts_nocase(url, "http://"))
        return cg_error_set(err, CG_ERR_INVALID, "%s: a sparse registry is sparse+https://HOST/PATH/", text);
    if (strpbrk(url, "?#@ "))
        return cg_error_set(err, CG_ERR_INVALID,
                            "%s: the address of a sparse registry has no query, fragment, user or blank in it", text);
    *url_out = cg_asprintf("%s%s", url, cg_str_ends(url, "/") ? "" : "/");
    return CG_OK;
}

static enum cg_err get(struct cg_import_registry *r, const char *url, struct cg_buf *out, struct cg_error *err)
{
    const struct cg_fetch_wish wish = {
        .url = url, .credential = cg_import_shows_token(r, url), .body = out, .max = out->max};

    return cg_fetch_get(r->fetch, &wish, err);
}

static enum cg_err read_index(struct cg_import_registry *r, const char *name, struct cg_buf *out, struct cg_error *err)
{
    char path[CG_INDEX_PATH_SIZE], *url;
    enum cg_err rc;

    cg_index_path(name, path);
    url = cg_asprintf("%s%s", r->index, path);
    rc = get(r, url, out, err);
    free(url);
    return rc;
}

static enum cg_err read_config(struct cg_import_registry *r, struct cg_error *err)
{
    char *url = cg_asprintf("%sconfig.json", r->index);
    struct cg_buf text;
    enum cg_err rc;

    cg_buf_init(&text, CONFIG_MAX);
    rc = get(r, url, &text, err);
    if (rc == CG_OK)
        rc = cg_import_registry_config(r, cg_buf_str(&text), text.len, err);
    cg_buf_free(&text);
    free(url);
    return rc;
}

/* Its names, of one page of a search for everything (cargo-protocol.md 5.5). */
static enum cg_err take_page(struct cg_import_registry *r, const struct cg_buf *text, size_t *found_out,
                             struct cg_error *err)
{
    json_t *root = NULL;
    const json_t *crates;

    if (cg_json_parse(cg_buf_str(text), text->len, &root, err) != CG_OK)
        return CG_ERR_INVALID;
    crates = json_object_get(root, "crates");
    for (size_t i = 0; i < json_array_size(crates); i++) {
        const char *name = cg_json_str(json_array_get(crates, i), "name");

        if (name && cg_crate_name_valid(name))
            cg_import_names_add(&r->names, name, NULL);
    }
    *found_out = json_array_size(crates);
    json_decref(root);
    return CG_OK;
}

static enum cg_err list_page(struct cg_import_registry *r, unsigned page, size_t *found_out, struct cg_error *err)
{
    char *url = cg_asprintf("%s/api/v1/crates?per_page=%u&page=%u&sort=alpha", r->api, PER_PAGE, page);
    struct cg_buf text;
    enum cg_err rc;

    cg_buf_init(&text, LIST_MAX);
    rc = get(r, url, &text, err);
    if (rc == CG_OK)
        rc = take_page(r, &text, found_out, err);
    cg_buf_free(&text);
    free(url);
    return rc;
}

/* Until a page brings nothing new: not every server counts, nor knows pages. */
static enum cg_err list_all(struct cg_import_registry *r, struct cg_error *err)
{
    size_t before, found = 1;
    enum cg_err rc = CG_OK;

    for (unsigned page = 1; rc == CG_OK && found && page < PAGES_MAX; page++) {
        before = r->names.count;
        rc = list_page(r, page, &found, err);
        if (r->names.count == before)
            break;
    }
    return rc;
}

#define WHAT_TO_DO "name the crates: --crate NAME[@VERSION], or --crates FILE with one a line"

static enum cg_err find_names(struct cg_import_registry *r, struct cg_error *err)
{
    enum cg_err rc;

    if (r->names.count)
        return CG_OK;
    if (!r->api)
        return cg_error_set(err, CG_ERR_INVALID,
                            "a sparse index cannot be listed, and config.json names no \"api\" to ask; " WHAT_TO_DO);
    rc = list_all(r, err);
    if (rc == CG_ERR_UNAVAILABLE || rc == CG_ERR_UNAUTHENTICATED)
        return rc;
    if (rc != CG_OK)
        return cg_error_prefix(err, "the registry does not list its crates; " WHAT_TO_DO);
    return r->names.count
               ? CG_OK
               : cg_error_set(err, CG_ERR_INVALID, "the registry lists no crates; if it has some, " WHAT_TO_DO);
}

enum cg_err cg_import_sparse(struct cg_import_source *source, struct cg_error *err)
{
    struct cg_import_registry *r = NULL;
    enum cg_err rc = cg_import_registry_new(source, &r, err);

    if (rc != CG_OK)
        return rc;
    source->registry = r; /* and so its to free */
    r->read = read_index;
    rc = read_address(source->text, &r->index, err);
    if (rc != CG_OK)
        return rc;
    r->identity = cg_asprintf(KIND "%s", r->index);
    cg_import_registry_warn(source, r->index);
    rc = read_config(r, err);
    if (rc == CG_OK)
        rc = find_names(r, err);
    if (rc == CG_OK)
        cg_import_registry_serve(source, r);
    return rc;
}
