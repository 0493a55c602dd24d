/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Searches: AQL, as jf sends it, and the two short forms that are made one here. */
#include "api/api.h"

#include <string.h>

#include "api/aql_run.h"
#include "base/str.h"

#define QUERY_MAX (60u * 1024u)

/* Items */

static void write_properties(const struct cg_artifact *a, struct cg_buf *out)
{
    cg_buf_addstr(out, ",\"properties\":[");
    for (const char *const *name = cg_artifact_properties; *name; name++) {
        cg_buf_addstr(out, name == cg_artifact_properties ? "{" : ",{");
        cg_piece_text(out, "key", *name);
        cg_piece_text(out, "value", cg_artifact_property(a, *name));
        cg_buf_addch(out, '}');
    }
    cg_buf_addch(out, ']');
}

static void write_places(const struct cg_aql *aql, const struct cg_hit *hit, struct cg_buf *out)
{
    char path[CG_HIT_NAME_SIZE], name[CG_HIT_NAME_SIZE];

    cg_hit_place(hit, path, name);
    if (cg_aql_shows(aql, CG_AQL_REPO))
        cg_piece_text(out, "repo", hit->ns);
    if (cg_aql_shows(aql, CG_AQL_PATH))
        cg_piece_text(out, "path", path);
    if (cg_aql_shows(aql, CG_AQL_NAME))
        cg_piece_text(out, "name", name);
    if (cg_aql_shows(aql, CG_AQL_TYPE))
        cg_piece_text(out, "type", hit->level == 2 ? "file" : "folder");
}

static void write_times(const struct cg_aql *aql, const struct cg_artifact *a, struct cg_buf *out)
{
    static const enum cg_aql_field times[] = {CG_AQL_CREATED, CG_AQL_MODIFIED, CG_AQL_UPDATED};
    static const enum cg_aql_field people[] = {CG_AQL_CREATED_BY, CG_AQL_MODIFIED_BY};

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        if (cg_aql_shows(aql, times[i]))
            cg_piece_time(out, cg_aql_field_name(times[i]), a->created);
    for (size_t i = 0; i < sizeof(people) / sizeof(people[0]); i++)
        if (cg_aql_shows(aql, people[i]))
            cg_piece_text(out, cg_aql_field_name(people[i]), a->publisher);
}

/* SHA-1 and MD5 are not kept, and a client that misses them does not compare them. */
static void write_item(const struct cg_aql *aql, const struct cg_hit *hit, struct cg_buf *out)
{
    bool file = hit->level == 2;

    cg_buf_addch(out, '{');
    write_places(aql, hit, out);
    if (cg_aql_shows(aql, CG_AQL_SIZE))
        cg_piece_number(out, "size", file ? hit->artifact.size : 0);
    write_times(aql, &hit->artifact, out);
    if (file && cg_aql_shows(aql, CG_AQL_SHA256))
        cg_piece_text(out, "sha256", hit->artifact.cksum);
    if (file && cg_aql_shows(aql, CG_AQL_PROPERTY))
        write_properties(&hit->artifact, out);
    cg_buf_addch(out, '}');
}

static void write_results(const struct cg_aql *aql, const struct cg_hits *hits, struct cg_buf *out)
{
    uint64_t limit;

    cg_buf_addstr(out, "{\"results\":[");
    for (size_t i = 0; i < hits->count; i++) {
        if (i)
            cg_buf_addch(out, ',');
        write_item(aql, &hits->items[i], out);
    }
    cg_buf_addf(out, "],\"range\":{\"start_pos\":%llu,\"end_pos\":%llu,\"total\":%zu",
                (unsigned long long)cg_aql_offset(aql), (unsigned long long)cg_aql_offset(aql) + hits->count,
                hits->count);
    if (cg_aql_limit(aql, &limit))
        cg_piece_number(out, "limit", limit);
    cg_buf_addstr(out, "}}");
}

/* A query's errors are text, as Artifactory has them. */
static enum cg_step refuse_query(struct cg_request *req, const struct cg_error *err)
{
    return cg_respond_text(req, 400, "text/plain; charset=utf-8", cg_arena_printf(req->arena, "%s\n", err->detail));
}

static enum cg_step answer(struct cg_request *req, const struct cg_aql *aql,
                           void (*write)(struct cg_request *req, const struct cg_aql *aql, const struct cg_hits *hits,
                                         struct cg_buf *out))
{
    struct cg_hits hits = {0};
    struct cg_buf body;
    enum cg_err rc = cg_aql_run(req, aql, &hits);

    if (rc == CG_ERR_INVALID)
        return refuse_query(req, &req->error);
    if (rc != CG_OK)
        return cg_respond_error(req, NULL);
    cg_buf_init(&body, CG_REPOSITORY_ANSWER_MAX);
    write(req, aql, &hits, &body);
    cg_hits_free(&hits);
    if (!cg_buf_failed(&body))
        return cg_respond_json(req, 200, &body);
    cg_buf_free(&body);
    cg_error_set(&req->error, CG_ERR_INVALID,
                 "this answer is longer than %u bytes: narrow the query, or take it in turns by offset and limit",
                 CG_REPOSITORY_ANSWER_MAX);
    return refuse_query(req, &req->error);
}

static void write_items(struct cg_request *req, const struct cg_aql *aql, const struct cg_hits *hits,
                        struct cg_buf *out)
{
    (void)req;
    write_results(aql, hits, out);
}

static void write_uris(struct cg_request *req, const struct cg_aql *aql, const struct cg_hits *hits, struct cg_buf *out)
{
    char path[CG_HIT_NAME_SIZE], name[CG_HIT_NAME_SIZE];
    struct cg_buf uri;

    (void)aql;
    cg_buf_init(&uri, 8192);
    cg_buf_addstr(out, "{\"results\":[");
    for (size_t i = 0; i < hits->count; i++) {
        cg_hit_place(&hits->items[i], path, name);
        cg_buf_reset(&uri);
        cg_buf_addf(&uri, "%s/api/storage/%s/%s/%s", cg_artifactory_base(req), hits->items[i].ns, path, name);
        cg_buf_addstr(out, i ? ",{" : "{");
        cg_piece_text(out, "uri", cg_buf_str(&uri));
        cg_buf_addch(out, '}');
    }
    cg_buf_addstr(out, "]}");
    cg_buf_free(&uri);
}

enum cg_step cg_api_aql(struct cg_request *req)
{
    struct cg_error err = {0};
    struct cg_aql *aql = NULL;
    enum cg_step step;
    size_t len;
    const char *text = cg_request_text(req, &len);

    if (cg_aql_parse(text, len, &aql, &err) != CG_OK)
        return refuse_query(req, &err);
    step = answer(req, aql, write_items);
    cg_aql_free(&aql);
    return step;
}

/* The short forms */

/* "a,b" as alternatives for the repository. */
static void add_repositories(struct cg_request *req, struct cg_buf *query)
{
    const char *repos = cg_request_query(req, "repos");
    char **names = cg_strlist_split(repos ? repos : "");

    if (names)
        cg_buf_addstr(query, ",\"$or\":[");
    for (char **name = names; name && *name; name++) {
        cg_buf_addstr(query, name == names ? "{\"repo\":" : ",{\"repo\":");
        cg_json_quote(query, *name);
        cg_buf_addch(query, '}');
    }
    if (names)
        cg_buf_addch(query, ']');
    cg_strlist_free(&names);
}

/* One criterion: `field` by `op` against `value`. */
static enum cg_step search(struct cg_request *req, const char *criterion, const char *value)
{
    struct cg_error err = {0};
    struct cg_aql *aql = NULL;
    struct cg_buf query;
    enum cg_step step;
    enum cg_err rc;

    cg_buf_init(&query, QUERY_MAX);
    cg_buf_addf(&query, "items.find({%s", criterion);
    cg_json_quote(&query, value);
    cg_buf_addch(&query, '}');
    add_repositories(req, &query);
    cg_buf_addstr(&query, "})");
    rc = cg_aql_parse(cg_buf_str(&query), query.len, &aql, &err);
    cg_buf_free(&query);
    if (rc != CG_OK)
        return cg_respond_error(req, &err);
    step = answer(req, aql, write_uris);
    cg_aql_free(&aql);
    return step;
}

enum cg_step cg_api_search_artifact(struct cg_request *req)
{
    const char *name = cg_request_query(req, "name");

    if (name && *name)
        return search(req, "\"name\":{\"$match\":", name);
    cg_error_set(&req->error, CG_ERR_INVALID,
                 "the query must have a \"name\": that of a file, in which * stands for any text");
    return cg_respond_error(req, NULL);
}

enum cg_step cg_api_search_checksum(struct cg_request *req)
{
    const char *sha256 = cg_request_query(req, "sha256");
    char *lower;

    if (!sha256 || strlen(sha256) != 64 || strspn(sha256, "0123456789abcdefABCDEF") != 64) {
        cg_error_set(&req->error, CG_ERR_INVALID,
                     "the query must have a \"sha256\" of 64 hex digits; other checksums are not kept");
        return cg_respond_error(req, NULL);
    }
    lower = cg_arena_strdup(req->arena, sha256);
    cg_str_lower(lower);
    return search(req, "\"sha256\":{\"$eq\":", lower);
}
