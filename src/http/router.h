/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target -> route. The base path of public_url is stripped, so are the context
 * path "/artifactory" and nothing (contract, section 3): the three spellings are
 * one. The path is percent-decoded exactly once, here, and only the decoded form
 * is ever looked at again; "%2F" inside a segment, "." and ".." segments, empty
 * segments, bare blanks, control characters and bytes that are not UTF-8 are refused (400).
 *
 * What follows the first bare ';' are matrix parameters (http/matrix.h). They are no part of the path; an address that
 * has some is that of a route whose pattern says so, or of none.
 *
 * OK, ABSENT (404), METHOD (405; `allow` lists what the path knows), INVALID.
 * Pure; any thread.
 */
#ifndef CG_HTTP_ROUTER_H
#define CG_HTTP_ROUTER_H

#include "http/http.h"

struct cg_route_match {
    const struct cg_route *route;
    const char *path;
    const char *params[CG_ROUTE_PARAMS];
    const char *ns, *crate;
    char allow[64];
};

/* `base_path` is the path of public_url, "" when it has none. Strings go to the arena. */
enum cg_err cg_router_match(const struct cg_route *routes, size_t count, const char *base_path, enum cg_method method,
                            const char *target, struct cg_arena *arena, struct cg_route_match *out,
                            struct cg_error *err) CG_CHECK;

#endif
