/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Search and reverse dependencies: the two questions that only the database answers. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "registry/reads.h"

#define QUERY_MAX 16384

/* What a search has found so far. */
struct matches {
    json_t *crates;
    bool count_only;
    char query[CG_CRATE_NAME_MAX + 1]; /* folded, for telling the crate of that very name */
};

static enum cg_err add_match(void *cls, const struct cg_crate_summary *summary)
{
    const struct matches *found = cls;
    json_t *crate;

    if (found->count_only)
        return CG_OK;
    crate = cg_json_crate(summary);
    json_object_set_new(crate, "exact_match", json_boolean(strcmp(summary->crate, found->query) == 0));
    json_array_append_new(found->crates, crate);
    return CG_OK;
}

static const char *sort_name(enum cg_search_sort sort)
{
    static const char *const names[] = {[CG_SORT_RELEVANCE] = "relevance",
                                        [CG_SORT_ALPHA] = "alpha",
                                        [CG_SORT_DOWNLOADS] = "downloads",
                                        [CG_SORT_RECENT_UPDATES] = "recent-updates",
                                        [CG_SORT_NEW] = "new"};

    return names[sort];
}

/* The query string of another page of the same search. */
static json_t *page_link(const struct cg_search *search, unsigned page)
{
    struct cg_buf text;
    json_t *json;

    cg_buf_init(&text, QUERY_MAX);
    cg_buf_addstr(&text, "?q=");
    cg_percent_encode(search->query, &text);
    cg_buf_addf(&text, "&sort=%s&per_page=%u&page=%u", sort_name(search->sort), search->per_page, page);
    json = cg_buf_failed(&text) ? json_null() : json_string(cg_buf_str(&text));
    cg_buf_free(&text);
    return json;
}

enum cg_err cg_registry_search(struct cg_registry *reg, const struct cg_search *search, struct cg_buf *out,
                               struct cg_error *err)
{
    struct matches found = {.crates = json_array(), .count_only = search->per_page == 0};
    struct cg_search asked = *search;
    uint64_t total = 0;
    enum cg_err rc;
    bool more;

    if (cg_crate_name_valid(search->query))
        cg_crate_name_fold(search->query, found.query);
    if (found.count_only) /* `cargo search --limit 0` wants the number alone */
        asked.per_page = 1;
    rc = reg->md->ops->search(reg->md, &asked, add_match, &found, &total, err);
    more = !found.count_only && (uint64_t)search->page * search->per_page < total;
    if (rc != CG_OK) {
        json_decref(found.crates);
        return rc;
    }
    return cg_answer_json(json_pack("{s:o,s:{s:I,s:o,s:o}}", "crates", found.crates, "meta", "total", (json_int_t)total,
                                    "next_page", more ? page_link(search, search->page + 1) : json_null(), "prev_page",
                                    search->page > 1 ? page_link(search, search->page - 1) : json_null()),
                          out, err);
}

/* A dependent crate, kept beyond the visit. */
struct dependent {
    char *name, *version;
    json_t *edge;
};

struct dependents {
    struct dependent *items;
    size_t count;
    const char *target; /* the crate that is depended on, as published */
};

static enum cg_err take_dependent(void *cls, const struct cg_reverse_row *row)
{
    struct dependents *all = cls;
    const struct cg_dependency_row *d = &row->dependency;
    struct dependent *one;

    all->items = cg_reallocarray(all->items, all->count + 1, sizeof(*all->items));
    one = &all->items[all->count++];
    one->name = cg_strdup(row->name);
    one->version = cg_strdup(row->version);
    one->edge = json_pack("{s:i,s:s,s:s,s:b,s:b,s:o,s:o,s:s,s:I}", "id", (int)all->count, "crate_id", all->target,
                          "req", d->req, "optional", d->optional, "default_features", d->default_features, "features",
                          cg_json_words(d->features), "target", cg_json_text(d->target), "kind", d->kind, "downloads",
                          (json_int_t)row->downloads);
    return CG_OK;
}

/* What is in the database but not, or no longer, in the index is left out. */
static enum cg_err add_dependent(struct cg_registry *reg, const char *ns, const struct dependent *one, json_t *edges,
                                 json_t *versions)
{
    struct cg_found found = {0};
    struct cg_rows rows = {0};
    struct cg_row *row;
    enum cg_err rc = cg_find_version(reg, ns, one->name, one->version, &found, NULL);

    if (rc == CG_ERR_ABSENT)
        return CG_OK;
    if (rc == CG_OK)
        rc = cg_rows_read(reg, ns, one->name, &rows, NULL);
    if (rc == CG_OK) {
        row = cg_rows_find(&rows, found.entry.version);
        json_object_set_new(one->edge, "version_id", cg_json_version_id(&found.entry));
        json_array_append(edges, one->edge);
        json_array_append_new(versions, cg_json_version(&found.entry, row ? &row->row : NULL));
        cg_rows_free(&rows);
    }
    cg_found_free(&found);
    return rc;
}

static enum cg_err join(struct cg_registry *reg, const char *ns, const struct dependents *all, json_t *edges,
                        json_t *versions, struct cg_error *err)
{
    for (size_t i = 0; i < all->count; i++)
        if (add_dependent(reg, ns, &all->items[i], edges, versions) != CG_OK)
            return cg_error_set(err, CG_ERR_UNAVAILABLE,
                                "the dependents cannot be read at the moment; try again later");
    return CG_OK;
}

static void free_dependents(struct dependents *all)
{
    for (size_t i = 0; i < all->count; i++) {
        free(all->items[i].name);
        free(all->items[i].version);
        json_decref(all->items[i].edge);
    }
    free(all->items);
}

enum cg_err cg_registry_reverse(struct cg_registry *reg, const char *ns, const char *name, unsigned per_page,
                                unsigned page, struct cg_buf *out, struct cg_error *err)
{
    char folded[CG_CRATE_NAME_MAX + 1];
    struct cg_found found = {0};
    struct dependents all = {0};
    json_t *edges = json_array(), *versions = json_array();
    uint64_t total = 0;
    enum cg_err rc = cg_find_crate(reg, ns, name, &found, err);

    all.target = found.digest.name;
    cg_crate_name_fold(name, folded);
    if (rc == CG_OK)
        rc = reg->md->ops->reverse(reg->md, ns, folded, per_page, page, take_dependent, &all, &total, err);
    if (rc == CG_OK)
        rc = join(reg, ns, &all, edges, versions, err);
    if (rc == CG_OK)
        rc = cg_answer_json(json_pack("{s:O,s:O,s:{s:I}}", "dependencies", edges, "versions", versions, "meta", "total",
                                      (json_int_t)total),
                            out, err);
    json_decref(edges);
    json_decref(versions);
    free_dependents(&all);
    cg_found_free(&found);
    return rc;
}
