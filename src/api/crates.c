/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Search (cargo-protocol.md 5.5) and the crates.io-shaped reads. */
#include "api/api.h"

#include <string.h>

#include "base/str.h"

#define ANSWER_MAX (32u * 1024u * 1024u)
#define README_MAX (1024u * 1024u)
#define PER_PAGE_DEFAULT 10
#define PER_PAGE_MAX 100
#define PAGE_MAX 1000000

struct range {
    unsigned fallback, min, max;
};

/* Numbers out of range are brought into it; words are refused. */
static enum cg_err query_number(struct cg_request *req, const char *name, const struct range *range, unsigned *out)
{
    const char *text = cg_request_query(req, name);
    uint64_t value;

    if (!text) {
        *out = range->fallback;
        return CG_OK;
    }
    if (cg_parse_u64(text, UINT64_MAX, &value) != CG_OK)
        return cg_error_set(&req->error, CG_ERR_INVALID, "the query's \"%s\" must be a number from %u to %u", name,
                            range->min, range->max);
    *out = value < range->min ? range->min : value > range->max ? range->max : (unsigned)value;
    return CG_OK;
}

static enum cg_err paging(struct cg_request *req, unsigned least, unsigned *per_page, unsigned *page)
{
    const struct range sizes = {PER_PAGE_DEFAULT, least, PER_PAGE_MAX}, pages = {1, 1, PAGE_MAX};
    enum cg_err rc = query_number(req, "per_page", &sizes, per_page);

    return rc == CG_OK ? query_number(req, "page", &pages, page) : rc;
}

static enum cg_err sort_order(struct cg_request *req, enum cg_search_sort *out)
{
    static const struct {
        const char *name;
        enum cg_search_sort sort;
    } orders[] = {{"relevance", CG_SORT_RELEVANCE}, {"", CG_SORT_RELEVANCE},
                  {"alpha", CG_SORT_ALPHA},         {"downloads", CG_SORT_DOWNLOADS},
                  {"recent-updates", CG_SORT_RECENT_UPDATES}, {"recent-downloads", CG_SORT_DOWNLOADS},
                  {"new", CG_SORT_NEW}};
    const char *text = cg_request_query(req, "sort");

    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
        if (!text || strcmp(text, orders[i].name) == 0) {
            *out = orders[i].sort;
            return CG_OK;
        }
    return cg_error_set(&req->error, CG_ERR_INVALID,
                        "unknown \"sort\": it may be relevance, alpha, downloads, recent-updates or new");
}

/* What the body of every read comes down to. */
static enum cg_step finish(struct cg_request *req, enum cg_err rc, struct cg_buf *body)
{
    if (rc == CG_OK)
        return cg_respond_json(req, 200, body);
    cg_buf_free(body);
    return cg_respond_error(req, &req->error);
}

/* cargo joins its words by "+", which arrives as %2B (cargo-protocol.md 5.5): a separator like a blank. */
static const char *search_words(struct cg_request *req)
{
    const char *query = cg_request_query(req, "q");
    char *words = cg_arena_strdup(req->arena, query ? query : "");

    for (char *c = words; *c; c++)
        if (*c == '+')
            *c = ' ';
    return words;
}

enum cg_step cg_api_search(struct cg_request *req)
{
    struct cg_search search = {.namespace_name = req->ns, .query = search_words(req)};
    struct cg_buf body;

    if (paging(req, 0, &search.per_page, &search.page) != CG_OK || sort_order(req, &search.sort) != CG_OK)
        return cg_respond_error(req, &req->error);
    cg_buf_init(&body, ANSWER_MAX);
    return finish(req, cg_registry_search(req->gw->registry, &search, &body, &req->error), &body);
}

enum cg_step cg_api_reverse(struct cg_request *req)
{
    unsigned per_page, page;
    struct cg_buf body;

    if (paging(req, 1, &per_page, &page) != CG_OK)
        return cg_respond_error(req, &req->error);
    cg_buf_init(&body, ANSWER_MAX);
    return finish(req, cg_registry_reverse(req->gw->registry, req->ns, req->crate, per_page, page, &body, &req->error),
                  &body);
}

typedef enum cg_err (*crate_read)(struct cg_registry *reg, const char *ns, const char *name, struct cg_buf *out,
                                  struct cg_error *err);
typedef enum cg_err (*version_read)(struct cg_registry *reg, const char *ns, const char *name, const char *version,
                                    struct cg_buf *out, struct cg_error *err);

static enum cg_step read_crate(struct cg_request *req, crate_read read)
{
    struct cg_buf body;

    cg_buf_init(&body, ANSWER_MAX);
    return finish(req, read(req->gw->registry, req->ns, req->crate, &body, &req->error), &body);
}

static enum cg_step read_version(struct cg_request *req, version_read read)
{
    struct cg_buf body;

    cg_buf_init(&body, ANSWER_MAX);
    return finish(req, read(req->gw->registry, req->ns, req->crate, req->params[2], &body, &req->error), &body);
}

enum cg_step cg_api_crate(struct cg_request *req)
{
    return read_crate(req, cg_registry_crate);
}

enum cg_step cg_api_versions(struct cg_request *req)
{
    return read_crate(req, cg_registry_versions);
}

enum cg_step cg_api_downloads(struct cg_request *req)
{
    return read_crate(req, cg_registry_downloads);
}

enum cg_step cg_api_version(struct cg_request *req)
{
    return read_version(req, cg_registry_version);
}

enum cg_step cg_api_dependencies(struct cg_request *req)
{
    return read_version(req, cg_registry_dependencies);
}

enum cg_step cg_api_readme(struct cg_request *req)
{
    struct cg_buf body;
    enum cg_step step;

    cg_buf_init(&body, README_MAX);
    if (cg_registry_readme(req->gw->registry, req->ns, req->crate, req->params[2], &body, &req->error) != CG_OK) {
        cg_buf_free(&body);
        return cg_respond_error(req, &req->error);
    }
    /* Always text: a publisher's HTML must not run on this host. */
    step = cg_respond_json(req, 200, &body);
    req->response.content_type = "text/plain; charset=utf-8";
    return step;
}
