/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A request target and its query, as a client may write them, through the router and the query parser. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "http/http.h"
#include "http/router.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct cg_route routes[] = {
    {.methods = CG_GET, .pattern = "/"},
    {.methods = CG_GET, .pattern = "/api/cargo/{ns}/index/{*path}"},
    {.methods = CG_PUT, .pattern = "/api/cargo/{ns}/api/v1/crates/new"},
    {.methods = CG_GET, .pattern = "/api/cargo/{ns}/api/v1/crates/{crate}"},
    {.methods = CG_GET, .pattern = "/api/cargo/{ns}/api/v1/crates/{crate}/{version}/download"},
    {.methods = CG_GET | CG_DELETE, .pattern = "/{ns}/crates/{crate}/{file}"},
};

/* What every handler relies on. */
static void check_segment(const char *text)
{
    CG_ASSERT(*text && strcmp(text, ".") != 0 && strcmp(text, "..") != 0);
    CG_ASSERT(cg_is_utf8(text, strlen(text)));
    for (const char *s = text; *s; s++)
        CG_ASSERT((unsigned char)*s >= 0x20 && *s != 0x7f);
}

static void check_match(const struct cg_route_match *match)
{
    CG_ASSERT(match->path[0] == '/');
    for (size_t i = 0; i < CG_ROUTE_PARAMS && match->params[i]; i++)
        check_segment(match->params[i]);
    CG_ASSERT(!match->ns || !strchr(match->ns, '/'));
    CG_ASSERT(!match->crate || !strchr(match->crate, '/'));
    CG_ASSERT(!strstr(match->path, "/../") && !strstr(match->path, "//"));
}

static void match(struct cg_request *req, const char *base)
{
    struct cg_route_match found = {0};
    struct cg_error err = {0};

    if (cg_router_match(routes, sizeof(routes) / sizeof(routes[0]), base, CG_GET, req->target, req->arena, &found,
                        &err) == CG_OK)
        check_match(&found);
    else
        CG_ASSERT(err.code != CG_OK && err.detail[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cg_request req = {.query = ""};
    char *text, *mark;
    const char *q;

    if (size > 4096)
        return 0;
    text = cg_strndup((const char *)data, size);
    req.arena = cg_arena_new(1024 * 1024);
    req.target = text;
    if ((mark = strchr(text, '?')) != NULL) {
        *mark = '\0';
        req.query = mark + 1;
    }
    match(&req, "");
    match(&req, "/base/path");
    if ((q = cg_request_query(&req, "q")) != NULL)
        CG_ASSERT(cg_is_utf8(q, strlen(q)));
    cg_arena_free(&req.arena);
    free(text);
    return 0;
}
