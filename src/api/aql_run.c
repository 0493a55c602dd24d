/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "api/aql_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "conf/conf.h"

/* One query on its way through the namespaces. */
struct run {
    struct cg_request *req;
    const struct cg_aql *aql;
    const struct cg_conf_namespace *ns;
    const char *alias; /* the key of its repository, where that means this namespace alone */
    struct cg_hits hits;
    uint64_t skip; /* so many more are left out, */
    size_t most;   /* and so many are enough, when nothing has to be sorted */
    size_t found;
    uint64_t asks; /* so often more the query may be asked */
    bool sorts, enough, too_many, too_costly;
    char last[CG_CRATE_NAME_MAX + 1]; /* the crate whose folder has been looked at */
};

void cg_hit_place(const struct cg_hit *hit, char path[CG_HIT_NAME_SIZE], char name[CG_HIT_NAME_SIZE])
{
    const struct cg_artifact *a = &hit->artifact;
    char file[CG_ARTIFACT_PATH_SIZE];

    switch (hit->level) {
    case 0:
        strcpy(path, ".");
        strcpy(name, "crates");
        break;
    case 1:
        strcpy(path, "crates");
        strcpy(name, a->name);
        break;
    default:
        cg_artifact_path(a->name, a->version, file);
        snprintf(path, CG_HIT_NAME_SIZE, "crates/%s", a->name);
        strcpy(name, strrchr(file, '/') + 1);
    }
}

static const char *property_of(const struct cg_aql_item *item, const char *name)
{
    const struct cg_hit *hit = item->cls;

    return hit->level == 2 ? cg_artifact_property(&hit->artifact, name) : NULL;
}

/* A query of thousands of criteria, asked of each of many thousand files, would keep its thread for minutes. */
static enum cg_aql_answer ask(struct run *run, const struct cg_aql_item *item)
{
    if (run->asks == 0) {
        run->enough = run->too_costly = true;
        return CG_AQL_NO;
    }
    run->asks--;
    return cg_aql_ask(run->aql, item);
}

static bool fits(struct run *run, struct cg_hit *hit)
{
    char path[CG_HIT_NAME_SIZE], name[CG_HIT_NAME_SIZE];
    struct cg_aql_item item = {.repo = run->ns->name,
                               .repo_alias = run->alias,
                               .path = path,
                               .name = name,
                               .type_known = true,
                               .folder = hit->level < 2,
                               .sha256 = hit->level < 2 ? "" : hit->artifact.cksum,
                               .property = property_of,
                               .cls = hit};

    cg_hit_place(hit, path, name);
    return ask(run, &item) == CG_AQL_YES;
}

static void keep(struct run *run, const struct cg_hit *hit)
{
    struct cg_hits *hits = &run->hits;

    if (!run->sorts && run->skip) {
        run->skip--;
        return;
    }
    if (hits->count == CG_HITS_MAX) {
        run->enough = run->too_many = true;
        return;
    }
    if (hits->count == hits->room) {
        hits->room = hits->room ? 2 * hits->room : 64;
        hits->items = cg_reallocarray(hits->items, hits->room, sizeof(*hits->items));
    }
    hits->items[hits->count] = *hit;
    hits->items[hits->count].order = hits->count;
    hits->count++;
    run->enough |= !run->sorts && hits->count >= run->most;
}

static void offer(struct run *run, int level, const struct cg_artifact *a)
{
    struct cg_hit hit = {.ns = run->ns->name, .level = level};

    if (a)
        hit.artifact = *a;
    if (!run->enough && fits(run, &hit))
        keep(run, &hit);
}

/* The crate's folder comes by with its first file. */
static bool wanted(void *cls, const struct cg_artifact *a)
{
    struct run *run = cls;
    struct cg_hit hit = {.ns = run->ns->name, .level = 2, .artifact = *a};

    if (strcmp(run->last, a->name) != 0) {
        strcpy(run->last, a->name);
        offer(run, 1, a);
    }
    return !run->enough && fits(run, &hit);
}

static enum cg_err visit(void *cls, const struct cg_artifact *a)
{
    offer(cls, 2, a);
    return CG_OK;
}

/* What of the crate is known by its index name alone. */
static bool may_hold(void *cls, const char *index_name)
{
    struct run *run = cls;
    char path[CG_HIT_NAME_SIZE];
    struct cg_aql_item file = {
        .repo = run->ns->name, .repo_alias = run->alias, .path = path, .path_folded = true, .type_known = true};
    struct cg_aql_item folder = {
        .repo = run->ns->name, .repo_alias = run->alias, .path = "crates", .type_known = true, .folder = true};

    if (run->enough)
        return false;
    snprintf(path, sizeof(path), "crates/%s", index_name);
    return ask(run, &file) != CG_AQL_NO || ask(run, &folder) != CG_AQL_NO;
}

/* May anything in the namespace match? What nobody asks about need not be judged. */
static bool is_asked_about(struct run *run)
{
    struct cg_aql_item item = {.repo = run->ns->name, .repo_alias = run->alias};

    return ask(run, &item) != CG_AQL_NO;
}

static enum cg_err search_namespace(struct run *run, const struct cg_conf_namespace *ns)
{
    struct cg_request *req = run->req;
    struct cg_artifact_walk walk = {.may_hold = may_hold, .wanted = wanted, .visit = visit, .cls = run};
    enum cg_err rc;

    run->ns = ns;
    run->alias =
        ns->repository && cg_policy_namespace_meant(req->policy, ns->repository) == ns->name ? ns->repository : NULL;
    run->last[0] = '\0';
    if (run->enough || !is_asked_about(run))
        return CG_OK;
    rc = cg_artifactory_may_read(req, ns->name);
    if (rc != CG_OK)
        return rc == CG_ERR_UNAVAILABLE ? rc : CG_OK;
    offer(run, 0, NULL);
    return cg_registry_artifacts(req->gw->registry, ns->name, NULL, &walk, &req->error);
}

static enum cg_err search_all(struct run *run)
{
    const struct cg_conf *conf = cg_policy_conf(run->req->policy);
    enum cg_err rc = cg_artifactory_all_known(run->req);

    for (size_t i = 0; rc == CG_OK && i < conf->namespace_count; i++)
        rc = search_namespace(run, &conf->namespaces[i]);
    if (rc == CG_OK && run->too_many)
        rc = cg_error_set(&run->req->error, CG_ERR_INVALID,
                          "this query finds more than %d items: narrow it, or take them in turns by offset and limit",
                          CG_HITS_MAX);
    else if (rc == CG_OK && run->too_costly)
        rc = cg_error_set(&run->req->error, CG_ERR_INVALID,
                          "this query has too many criteria for as many items as there are: narrow it by \"repo\" and "
                          "\"path\", or ask several shorter ones");
    return rc;
}

/* Sorting */

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_times(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_places(const struct cg_hit *a, const struct cg_hit *b, bool by_path)
{
    char path[2][CG_HIT_NAME_SIZE], name[2][CG_HIT_NAME_SIZE];

    cg_hit_place(a, path[0], name[0]);
    cg_hit_place(b, path[1], name[1]);
    return by_path ? strcmp(path[0], path[1]) : strcmp(name[0], name[1]);
}

static int compare_field(const struct cg_hit *a, const struct cg_hit *b, enum cg_aql_field field)
{
    switch (field) {
    case CG_AQL_REPO:
        return strcmp(a->ns, b->ns);
    case CG_AQL_PATH:
    case CG_AQL_NAME:
        return compare_places(a, b, field == CG_AQL_PATH);
    case CG_AQL_TYPE: /* "file" before "folder" */
        return (a->level < 2) - (b->level < 2);
    case CG_AQL_SIZE:
        return compare_numbers(a->level < 2 ? 0 : a->artifact.size, b->level < 2 ? 0 : b->artifact.size);
    case CG_AQL_CREATED_BY:
    case CG_AQL_MODIFIED_BY:
        return strcmp(a->artifact.publisher, b->artifact.publisher);
    case CG_AQL_SHA256:
        return strcmp(a->artifact.cksum, b->artifact.cksum);
    default: /* the times: a file changes only by coming into being */
        return compare_times(a->artifact.created, b->artifact.created);
    }
}

static int compare(const void *left, const void *right, void *cls)
{
    const struct cg_hit *a = left, *b = right;
    enum cg_aql_field field;
    bool descending;

    for (size_t i = 0; cg_aql_sort(cls, i, &field, &descending); i++) {
        int order = compare_field(a, b, field);

        if (order)
            return descending ? -order : order;
    }
    return compare_numbers(a->order, b->order);
}

/* The part that offset and limit leave, moved to the front. */
static void cut(struct cg_hits *hits, uint64_t offset, size_t most)
{
    size_t skip = offset < hits->count ? (size_t)offset : hits->count;

    hits->count -= skip;
    if (hits->count)
        memmove(hits->items, hits->items + skip, hits->count * sizeof(*hits->items));
    if (hits->count > most)
        hits->count = most;
}

enum cg_err cg_aql_run(struct cg_request *req, const struct cg_aql *aql, struct cg_hits *hits_out)
{
    struct run run = {
        .req = req, .aql = aql, .skip = cg_aql_offset(aql), .most = SIZE_MAX, .asks = cg_aql_asks_max(aql)};
    enum cg_aql_field field;
    uint64_t limit;
    bool descending;
    enum cg_err rc;

    run.sorts = cg_aql_sort(aql, 0, &field, &descending);
    if (cg_aql_limit(aql, &limit))
        run.most = (size_t)limit;
    run.enough = run.most == 0;
    rc = search_all(&run);
    if (rc != CG_OK) {
        cg_hits_free(&run.hits);
        return rc;
    }
    if (run.sorts && run.hits.count) {
        qsort_r(run.hits.items, run.hits.count, sizeof(*run.hits.items), compare, (void *)(uintptr_t)aql);
        cut(&run.hits, run.skip, run.most);
    }
    *hits_out = run.hits;
    return CG_OK;
}

void cg_hits_free(struct cg_hits *hits)
{
    free(hits->items);
    *hits = (struct cg_hits){0};
}
