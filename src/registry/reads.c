/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * crates.io-shaped reads. What exists, and what its versions are, the index
 * says; the database adds what no index line tells. A row that is missing is
 * a gap in an answer, a database that fails is UNAVAILABLE.
 */
#include "registry/reads.h"

#include "base/json.h"
#include "registry/edges.h"
#include "registry/quarantine.h"
#include "registry/stored.h"

#define README_MAX (1024u * 1024)

/* A crate with what the database knows of it. */
struct look {
    struct cg_found found;
    struct cg_rows rows;
};

static enum cg_err look_up(struct cg_registry *reg, const char *ns, const char *name, struct look *out,
                           struct cg_error *err)
{
    struct look look = {0};
    enum cg_err rc = cg_find_crate(reg, ns, name, &look.found, err);

    if (rc == CG_OK)
        rc = cg_rows_read(reg, ns, name, &look.rows, err);
    if (rc == CG_OK)
        *out = look;
    else
        cg_found_free(&look.found);
    return rc;
}

static void look_free(struct look *look)
{
    cg_rows_free(&look->rows);
    cg_found_free(&look->found);
}

static json_t *version_of(const struct look *look, const struct cg_index_entry *entry)
{
    const struct cg_row *row = cg_rows_find(&look->rows, entry->version);

    return cg_json_version(entry, row ? &row->row : NULL);
}

/* Newest first, as crates.io has them. */
static void add_versions(const struct look *look, json_t *versions, json_t *ids)
{
    struct cg_index_scan scan;
    struct cg_index_entry entry;

    cg_index_scan_begin(&scan, look->found.blob->bytes, look->found.blob->len);
    while (cg_index_scan_next(&scan, &entry)) {
        json_array_insert_new(versions, 0, version_of(look, &entry));
        if (ids)
            json_array_insert_new(ids, 0, cg_json_version_id(&entry));
    }
}

/* The index is right where the database is late. */
static json_t *crate_of(const struct look *look)
{
    const struct cg_index_digest *d = &look->found.digest;
    struct cg_crate_summary summary = look->rows.summary;
    json_t *json;

    summary.name = d->name;
    summary.max_version = d->max.version;
    summary.max_stable_version = d->max_stable.version;
    summary.created_at = d->created_at;
    summary.updated_at = d->updated_at;
    json = cg_json_crate(&summary);
    json_object_set_new(json, "newest_version", json_string(d->newest.version));
    json_object_set_new(json, "default_version", json_string(d->max.version));
    json_object_set_new(json, "num_versions", json_integer((json_int_t)d->count));
    json_object_set_new(json, "yanked", json_boolean(d->yanked == d->count));
    return json;
}

static json_t *keyword_objects(const char *keywords)
{
    json_t *objects = json_array(), *words = cg_json_words(keywords), *word;
    size_t i;

    json_array_foreach(words, i, word)
        json_array_append_new(objects, json_pack("{s:O,s:O}", "id", word, "keyword", word));
    json_decref(words);
    return objects;
}

enum cg_err cg_registry_crate(struct cg_registry *reg, const char *ns, const char *name, struct cg_buf *out,
                              struct cg_error *err)
{
    struct look look;
    json_t *json, *crate, *versions, *ids;
    enum cg_err rc = look_up(reg, ns, name, &look, err);

    if (rc != CG_OK)
        return rc;
    json = json_object();
    crate = crate_of(&look);
    versions = json_array();
    ids = json_array();
    add_versions(&look, versions, ids);
    json_object_set_new(crate, "versions", ids);
    json_object_set_new(json, "crate", crate);
    json_object_set_new(json, "versions", versions);
    json_object_set_new(json, "keywords", keyword_objects(look.rows.summary.keywords));
    json_object_set_new(json, "categories", json_array());
    look_free(&look);
    return cg_answer_json(json, out, err);
}

enum cg_err cg_registry_versions(struct cg_registry *reg, const char *ns, const char *name, struct cg_buf *out,
                                 struct cg_error *err)
{
    struct look look;
    json_t *versions;
    enum cg_err rc = look_up(reg, ns, name, &look, err);

    if (rc != CG_OK)
        return rc;
    versions = json_array();
    add_versions(&look, versions, NULL);
    look_free(&look);
    return cg_answer_json(json_pack("{s:o,s:{s:I,s:n}}", "versions", versions, "meta", "total",
                                    (json_int_t)json_array_size(versions), "next_page"),
                          out, err);
}

enum cg_err cg_registry_version(struct cg_registry *reg, const char *ns, const char *name, const char *version,
                                struct cg_buf *out, struct cg_error *err)
{
    struct look look = {0};
    json_t *json = NULL;
    enum cg_err rc = cg_find_version(reg, ns, name, version, &look.found, err);

    if (rc != CG_OK)
        return rc;
    rc = cg_rows_read(reg, ns, name, &look.rows, err);
    if (rc == CG_OK)
        json = json_pack("{s:o}", "version", version_of(&look, &look.found.entry));
    look_free(&look);
    return rc == CG_OK ? cg_answer_json(json, out, err) : rc;
}

static json_t *dependency(const struct cg_edge *edge, json_int_t id, json_t *version_id)
{
    json_t *features = json_array();

    for (char **feature = edge->features; *feature; feature++)
        json_array_append_new(features, json_string(*feature));
    return json_pack("{s:I,s:o,s:s,s:s,s:b,s:b,s:o,s:o,s:s,s:i}", "id", id, "version_id", version_id, "crate_id",
                     edge->package, "req", edge->req, "optional", edge->optional, "default_features",
                     edge->default_features, "features", features, "target", cg_json_text(edge->target), "kind",
                     edge->kind, "downloads", 0);
}

enum cg_err cg_registry_dependencies(struct cg_registry *reg, const char *ns, const char *name, const char *version,
                                     struct cg_buf *out, struct cg_error *err)
{
    struct cg_found found = {0};
    struct cg_edges edges = {0};
    json_t *line = NULL, *list = json_array();
    enum cg_err rc = cg_find_version(reg, ns, name, version, &found, err);

    if (rc == CG_OK)
        rc = cg_json_parse(found.entry.line, found.entry.line_len, &line, err);
    if (rc == CG_OK)
        cg_edges_from_line(line, &edges);
    for (size_t i = 0; i < edges.count; i++)
        json_array_append_new(list, dependency(&edges.items[i], (json_int_t)i + 1, cg_json_version_id(&found.entry)));
    cg_edges_free(&edges);
    json_decref(line);
    cg_found_free(&found);
    if (rc == CG_OK)
        return cg_answer_json(json_pack("{s:o}", "dependencies", list), out, err);
    json_decref(list);
    return rc;
}

/* All there were, by version: days are not counted apart, so no entry has a date. */
enum cg_err cg_registry_downloads(struct cg_registry *reg, const char *ns, const char *name, struct cg_buf *out,
                                  struct cg_error *err)
{
    struct look look;
    struct cg_index_scan scan;
    struct cg_index_entry entry;
    json_t *list;
    enum cg_err rc = look_up(reg, ns, name, &look, err);

    if (rc != CG_OK)
        return rc;
    list = json_array();
    cg_index_scan_begin(&scan, look.found.blob->bytes, look.found.blob->len);
    while (cg_index_scan_next(&scan, &entry)) {
        const struct cg_row *row = cg_rows_find(&look.rows, entry.version);

        if (row && row->row.downloads)
            json_array_append_new(list, json_pack("{s:o,s:s,s:I,s:n}", "version", cg_json_version_id(&entry), "num",
                                                  entry.version, "downloads", (json_int_t)row->row.downloads, "date"));
    }
    look_free(&look);
    return cg_answer_json(json_pack("{s:o,s:{s:[]}}", "version_downloads", list, "meta", "extra_downloads"), out, err);
}

static enum cg_err no_readme(const struct cg_index_entry *entry, struct cg_error *err)
{
    return cg_error_set(err, CG_ERR_ABSENT, "crate `%s` %s has no readme", entry->name, entry->version);
}

/* Two passes: the manifest names the file, which may stand before it in the archive. */
static enum cg_err copy_readme(const struct cg_found *found, struct cg_buf *content, struct cg_error *err)
{
    struct cg_package package = {0}, again = {0};
    struct cg_stored stored;
    enum cg_err rc = cg_stored_open_line(found->ns, &found->entry, &stored, err);

    if (rc != CG_OK)
        return rc;
    rc = cg_stored_package(&stored, NULL, NULL, &package, err);
    if (rc == CG_OK && cg_readme_path(&package))
        rc = cg_stored_package(&stored, cg_readme_path(&package), content, &again, err);
    cg_package_free(&package);
    cg_package_free(&again);
    cg_stored_close(&stored);
    /* The archive was good when it was taken in. */
    if (rc == CG_ERR_INVALID || rc == CG_ERR_TOO_LARGE)
        rc = cg_error_hide(err, CG_ERR_UNAVAILABLE, "the crate's file is damaged; tell the registry's administrators",
                           "namespace=%s crate=%s version=%s: %s", found->ns->name, found->entry.name,
                           found->entry.version, err ? err->detail : "");
    return rc;
}

enum cg_err cg_registry_readme(struct cg_registry *reg, const char *ns, const char *name, const char *version,
                               struct cg_buf *out, struct cg_error *err)
{
    struct cg_found found = {0};
    struct cg_buf content;
    enum cg_err rc = cg_find_version(reg, ns, name, version, &found, err);

    if (rc != CG_OK)
        return rc;
    cg_buf_init(&content, README_MAX);
    rc = cg_quarantine_check(found.ns, &found.entry, err);
    if (rc == CG_OK)
        rc = copy_readme(&found, &content, err);
    if (rc == CG_OK && content.len == 0)
        rc = no_readme(&found.entry, err);
    if (rc == CG_OK) {
        cg_buf_add(out, cg_buf_str(&content), content.len);
        rc = cg_answer_check(out, err);
    }
    cg_buf_free(&content);
    cg_found_free(&found);
    return rc;
}
