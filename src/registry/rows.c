/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static enum cg_err take_version(void *cls, const struct cg_version_row *row)
{
    struct cg_rows *rows = cls;
    struct cg_version_row copy = *row;

    copy.version = cg_strdup(row->version);
    copy.license = cg_strdup(row->license);
    copy.readme_path = cg_strdup(row->readme_path);
    copy.published_by = cg_strdup(row->published_by);
    rows->items = cg_reallocarray(rows->items, rows->count + 1, sizeof(*rows->items));
    rows->items[rows->count++] = (struct cg_row){.row = copy};
    return CG_OK;
}

static void copy_summary(const struct cg_crate_summary *from, struct cg_crate_summary *to)
{
    *to = *from;
    to->namespace_name = cg_strdup(from->namespace_name);
    to->crate = cg_strdup(from->crate);
    to->name = cg_strdup(from->name);
    to->max_version = cg_strdup(from->max_version);
    to->max_stable_version = cg_strdup(from->max_stable_version);
    to->description = cg_strdup(from->description);
    to->keywords = cg_strdup(from->keywords);
    to->categories = cg_strdup(from->categories);
    to->homepage = cg_strdup(from->homepage);
    to->documentation = cg_strdup(from->documentation);
    to->repository = cg_strdup(from->repository);
}

void cg_rows_keep_summary(struct cg_rows *rows, const struct cg_crate_summary *summary)
{
    copy_summary(summary, &rows->summary);
    rows->has_summary = true;
}

static enum cg_err take_summary(void *cls, const struct cg_crate_summary *summary)
{
    cg_rows_keep_summary(cls, summary);
    return CG_OK;
}

static void free_text(const char *text)
{
    free((void *)(uintptr_t)text);
}

static void free_summary(struct cg_crate_summary *s)
{
    const char *const texts[] = {s->namespace_name,     s->crate,         s->name,      s->max_version,
                                 s->max_stable_version, s->description,   s->keywords,  s->categories,
                                 s->homepage,           s->documentation, s->repository};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free_text(texts[i]);
}

static int by_version(const void *a, const void *b)
{
    return strcmp(((const struct cg_row *)a)->row.version, ((const struct cg_row *)b)->row.version);
}

enum cg_err cg_rows_read(struct cg_registry *reg, const char *ns, const char *name, struct cg_rows *out,
                         struct cg_error *err)
{
    static const struct cg_crate_summary none;
    struct cg_rows rows = {0};
    char folded[CG_CRATE_NAME_MAX + 1];
    enum cg_err rc;

    cg_crate_name_fold(name, folded);
    rc = reg->md->ops->version_each(reg->md, ns, folded, take_version, &rows, err);
    if (rc == CG_OK)
        rc = reg->md->ops->crate_get(reg->md, ns, folded, take_summary, &rows, err);
    if (rc == CG_ERR_ABSENT) {
        copy_summary(&none, &rows.summary);
        rc = CG_OK;
    }
    if (rc == CG_OK && rows.count)
        qsort(rows.items, rows.count, sizeof(*rows.items), by_version);
    if (rc == CG_OK)
        *out = rows;
    else
        cg_rows_free(&rows);
    return rc;
}

void cg_rows_free(struct cg_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        free_text(rows->items[i].row.version);
        free_text(rows->items[i].row.license);
        free_text(rows->items[i].row.readme_path);
        free_text(rows->items[i].row.published_by);
    }
    free(rows->items);
    free_summary(&rows->summary);
    *rows = (struct cg_rows){0};
}

struct cg_row *cg_rows_find(const struct cg_rows *rows, const char *version)
{
    struct cg_row key = {.row = {.version = version}};

    return rows->count ? bsearch(&key, rows->items, rows->count, sizeof(key), by_version) : NULL;
}
