/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/artifacts.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "registry/derive.h"

/* The database's rows of the crate the walk is at, read when the first of its files is wanted. */
struct walking {
    const struct cg_artifact_walk *walk;
    struct cg_namespace *ns;
    struct cg_rows rows;
    bool have_rows;
    bool one_crate;       /* the walk goes through one only */
    struct cg_map *sizes; /* "NAME VERSION" -> uint64_t, of the store's listing; NULL until a row is missing */
    struct cg_error *err;
};

static void from_line(const struct cg_index_entry *entry, struct cg_artifact *out)
{
    *out = (struct cg_artifact){.yanked = entry->yanked, .created = entry->pubtime};
    strcpy(out->name, entry->name);
    strcpy(out->version, entry->version);
    strcpy(out->cksum, entry->cksum);
}

static char *file_key(const char *name, const char *version)
{
    return cg_asprintf("%s %s", name, version);
}

static enum cg_err take_size(void *cls, const char *name, const char *version, uint64_t size)
{
    struct cg_map *sizes = cls;
    uint64_t *kept = cg_malloc(sizeof(*kept));
    char *key = file_key(name, version);

    *kept = size;
    cg_map_put(sizes, key, kept);
    free(key);
    return CG_OK;
}

/* No row yet: a crash between line and row, until somebody has looked. One listing tells of a whole walk's files. */
static enum cg_err size_in_walk(struct walking *w, struct cg_artifact *artifact)
{
    struct cg_storage *st = w->ns->st;
    const uint64_t *size;
    enum cg_err rc = CG_OK;
    char *key;

    if (!w->sizes) {
        w->sizes = cg_map_new(free);
        rc = st->ops->crate_each(st, w->one_crate ? artifact->name : NULL, take_size, w->sizes, w->err);
    }
    if (rc != CG_OK && rc != CG_ERR_ABSENT)
        return rc;
    key = file_key(artifact->name, artifact->version);
    size = cg_map_get(w->sizes, key);
    free(key);
    artifact->size = size ? *size : 0;
    return CG_OK;
}

/* The same for a single file. */
static enum cg_err size_in_store(struct cg_namespace *ns, struct cg_artifact *artifact, struct cg_error *err)
{
    struct walking w = {.ns = ns, .one_crate = true, .err = err};
    uint64_t size = 0;
    enum cg_err rc;

    if (ns->st->ops->crate_size) {
        rc = ns->st->ops->crate_size(ns->st, artifact->name, artifact->version, artifact->cksum, &size, err);
        artifact->size = size;
        return rc == CG_ERR_ABSENT ? CG_OK : rc;
    }
    rc = size_in_walk(&w, artifact);
    cg_map_free(&w.sizes);
    return rc;
}

/* What the database knows of it. */
static void take_row(const struct cg_row *row, struct cg_artifact *artifact)
{
    artifact->size = row->row.crate_size;
    if (artifact->created == 0)
        artifact->created = row->row.published_at;
    cg_str_printable(row->row.published_by, strlen(row->row.published_by), artifact->publisher,
                     sizeof(artifact->publisher));
}

static enum cg_err complete(struct cg_namespace *ns, const struct cg_rows *rows, struct cg_artifact *artifact,
                            struct cg_error *err)
{
    const struct cg_row *row = cg_rows_find(rows, artifact->version);

    if (!row)
        return size_in_store(ns, artifact, err);
    take_row(row, artifact);
    return CG_OK;
}

enum cg_err cg_registry_artifact(struct cg_registry *reg, const char *ns, const struct cg_coordinates *which,
                                 struct cg_artifact *out, struct cg_error *err)
{
    struct cg_found found = {0};
    struct cg_rows rows = {0};
    struct cg_artifact artifact;
    enum cg_err rc = cg_find_version(reg, ns, which->name, which->version, &found, err);

    if (rc != CG_OK)
        return rc;
    from_line(&found.entry, &artifact);
    if (strcmp(artifact.name, which->name) != 0 || strcmp(artifact.version, which->version) != 0)
        rc = cg_absent_version(err, ns, which->name, which->version);
    if (rc == CG_OK)
        rc = cg_rows_read(reg, ns, artifact.name, &rows, err);
    if (rc == CG_OK) {
        rc = complete(found.ns, &rows, &artifact, err);
        cg_rows_free(&rows);
    }
    if (rc == CG_OK)
        *out = artifact;
    cg_found_free(&found);
    return rc;
}

static enum cg_err visit_file(struct walking *w, const struct cg_index_entry *entry)
{
    struct cg_artifact artifact;
    const struct cg_row *row;
    enum cg_err rc = CG_OK;

    from_line(entry, &artifact);
    if (!w->walk->wanted(w->walk->cls, &artifact))
        return CG_OK;
    if (!w->have_rows) {
        rc = cg_rows_read(w->ns->reg, w->ns->name, artifact.name, &w->rows, w->err);
        w->have_rows = rc == CG_OK;
    }
    if (rc != CG_OK)
        return rc;
    row = cg_rows_find(&w->rows, artifact.version);
    if (row)
        take_row(row, &artifact);
    else
        rc = size_in_walk(w, &artifact);
    return rc == CG_OK ? w->walk->visit(w->walk->cls, &artifact) : rc;
}

static enum cg_err visit_crate(struct walking *w, const char *index_name)
{
    struct cg_blob *blob = NULL;
    struct cg_index_scan scan;
    struct cg_index_entry entry;
    enum cg_err rc = cg_namespace_load(w->ns, index_name, &blob, w->err);

    if (rc != CG_OK)
        return rc == CG_ERR_ABSENT ? CG_OK : rc; /* it went while we walked */
    cg_index_scan_begin(&scan, blob->bytes, blob->len);
    while (rc == CG_OK && cg_index_scan_next(&scan, &entry))
        rc = visit_file(w, &entry);
    if (w->have_rows)
        cg_rows_free(&w->rows);
    w->have_rows = false;
    cg_blob_unref(&blob);
    return rc;
}

static enum cg_err visit_all(struct walking *w)
{
    enum cg_err rc = cg_namespace_list(w->ns, w->err);
    char **names;

    if (rc != CG_OK)
        return rc;
    names = cg_index_memory_names(w->ns->mem);
    for (char **name = names; rc == CG_OK && *name; name++)
        if (!w->walk->may_hold || w->walk->may_hold(w->walk->cls, *name))
            rc = visit_crate(w, *name);
    cg_strlist_free(&names);
    return rc;
}

enum cg_err cg_registry_artifacts(struct cg_registry *reg, const char *ns, const char *index_name,
                                  const struct cg_artifact_walk *walk, struct cg_error *err)
{
    struct walking w = {.walk = walk, .one_crate = index_name != NULL, .err = err};
    enum cg_err rc = cg_namespace_get(reg, ns, &w.ns, err);

    if (rc != CG_OK)
        return rc;
    rc = index_name ? visit_crate(&w, index_name) : visit_all(&w);
    if (w.sizes)
        cg_map_free(&w.sizes);
    return rc;
}

enum cg_err cg_registry_deployed(struct cg_registry *reg, struct cg_change *change, const struct cg_coordinates *as,
                                 const char *cksum, struct cg_error *err)
{
    struct cg_found found = {0};
    enum cg_err rc = cg_change_decide(reg, change, CG_ACTION_PUBLISH, as->name, err);

    if (rc == CG_OK)
        rc = cg_find_version(reg, change->ns, as->name, as->version, &found, err);
    if (rc == CG_OK && (strcmp(found.entry.name, as->name) != 0 || strcmp(found.entry.version, as->version) != 0 ||
                        strcmp(found.entry.cksum, cksum) != 0))
        rc = cg_error_set(err, CG_ERR_ABSENT, "these bytes are not at this path: send them");
    cg_change_name(change, as->name, as->version);
    change->unchanged = true;
    cg_found_free(&found);
    return rc;
}

enum cg_err cg_registry_recheck(struct cg_registry *reg, const char *ns, size_t *count_out, struct cg_error *err)
{
    struct cg_namespace *n = NULL;
    enum cg_err rc = cg_namespace_get(reg, ns, &n, err);

    if (rc == CG_OK)
        rc = cg_namespace_list(n, err);
    if (rc == CG_OK)
        *count_out = cg_derive_doubt_again(n);
    return rc;
}
