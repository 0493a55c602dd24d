/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "api/api.h"

#include "base/str.h"

#define API "/api/cargo/{ns}/api/v1/crates"
#define BARE "/api/cargo/{ns}/v1/crates" /* for clients to whom an Artifactory has named it so */

/* A row without an action or a way to authenticate does not compile: READ, PUBLISH... name the enum's members, and
 * every macro parameter is used. */
#define ROUTE_OF(style_, asks_, methods_, pattern_, action_, auth_, body_, event_, fast_, slow_, doc_)                 \
    {                                                                                                                  \
        .methods = (methods_), .pattern = (pattern_), .action = CG_ACTION_##action_, .auth = CG_AUTH_##auth_,          \
        .style = CG_STYLE_##style_, .body = CG_BODY_##body_, .event = CG_AUDIT_##event_, .fast = (fast_),              \
        .slow = (slow_), .asks_directory = (asks_), .doc = (doc_)                                                      \
    }
#define ROUTE(...) ROUTE_OF(CARGO, false, __VA_ARGS__)
#define ASKING_ROUTE(...) ROUTE_OF(CARGO, true, __VA_ARGS__)
#define JFROG(...) ROUTE_OF(ARTIFACTORY, false, __VA_ARGS__) /* for Artifactory's clients, answered in its shapes */
#define ASKING_JFROG(...) ROUTE_OF(ARTIFACTORY, true, __VA_ARGS__)

static const struct cg_route routes[] = {
    /* clang-format off */
    /* What cargo reads on every build comes first. */
    ROUTE(CG_GET, "/api/cargo/{ns}/index/config.json", READ, TOKEN, NONE, NONE, cg_api_config, NULL,
          "The registry's configuration, as cargo reads it"),
    ROUTE(CG_GET, "/api/cargo/{ns}/index/{*path}", READ, TOKEN, NONE, NONE, cg_api_index_fast, cg_api_index_slow,
          "One crate's file of the sparse index (`se/rd/serde`)"),
    ROUTE(CG_GET, "/api/cargo/{ns}/v1/crates/{crate}/{version}/download", READ, TOKEN, NONE, NONE, cg_api_download_fast, cg_api_download,
          "The `.crate`"),
    ROUTE(CG_GET, API "/{crate}/{version}/download", READ, TOKEN, NONE, NONE, cg_api_download_fast, cg_api_download, "The `.crate`"),
    JFROG(CG_GET, "/{ns}/crates/{crate}/{file}[;properties]", READ, TOKEN, NONE, NONE, NULL, cg_api_artifact,
          "The `.crate` under Artifactory's artifact path; `.sha256` behind it gives its checksum. "
          "Properties are passed over, but a mandatory one (`;name+=value`) is 404"),
    ROUTE(CG_GET, "/api/cargo/{ns}/index", READ, TOKEN, NONE, NONE, cg_api_config, NULL,
          "The registry's configuration, for who leaves out the rest of its address"),
    ROUTE(CG_GET, "/api/cargo/{ns}/index/", READ, TOKEN, NONE, NONE, cg_api_config, NULL, "The same"),

    ROUTE(CG_PUT, API "/new", PUBLISH, TOKEN, SPOOL, PUBLISH, NULL, cg_api_publish, "Publishes a version"),
    ROUTE(CG_DELETE, API "/{crate}/{version}/yank", YANK, TOKEN, NONE, YANK, NULL, cg_api_yank, "Yanks a version"),
    ROUTE(CG_PUT, API "/{crate}/{version}/unyank", YANK, TOKEN, NONE, UNYANK, NULL, cg_api_unyank, "Takes a yank back"),
    ROUTE(CG_GET, API "/{crate}/owners", READ, TOKEN, NONE, NONE, NULL, cg_api_owners, "Lists a crate's owners"),
    ASKING_ROUTE(CG_PUT, API "/{crate}/owners", OWNERS, TOKEN, MEMORY, OWNER_ADD, NULL, cg_api_owners_add,
                 "Adds owners"),
    ROUTE(CG_DELETE, API "/{crate}/owners", OWNERS, TOKEN, MEMORY, OWNER_REMOVE, NULL, cg_api_owners_remove,
          "Removes owners"),

    ROUTE(CG_GET, API, READ, TOKEN, NONE, NONE, NULL, cg_api_search,
          "Search: `q`, `per_page` (0 to 100), `page`, `sort` (relevance, alpha, downloads, recent-updates, new)"),
    ROUTE(CG_GET, API "/{crate}", READ, TOKEN, NONE, NONE, NULL, cg_api_crate, "A crate and its versions"),
    ROUTE(CG_GET, API "/{crate}/versions", READ, TOKEN, NONE, NONE, NULL, cg_api_versions, "A crate's versions"),
    ROUTE(CG_GET, API "/{crate}/reverse_dependencies", READ, TOKEN, NONE, NONE, NULL, cg_api_reverse,
          "Who in this namespace depends on the crate: `per_page`, `page`"),
    ROUTE(CG_GET, API "/{crate}/downloads", READ, TOKEN, NONE, NONE, NULL, cg_api_downloads, "Download counts"),
    ROUTE(CG_GET, API "/{crate}/{version}", READ, TOKEN, NONE, NONE, NULL, cg_api_version, "One version"),
    ROUTE(CG_GET, API "/{crate}/{version}/dependencies", READ, TOKEN, NONE, NONE, NULL, cg_api_dependencies,
          "A version's dependencies"),
    ROUTE(CG_GET, API "/{crate}/{version}/readme", READ, TOKEN, NONE, NONE, NULL, cg_api_readme, "A version's readme, as text"),

    ROUTE(CG_PUT, BARE "/new", PUBLISH, TOKEN, SPOOL, PUBLISH, NULL, cg_api_publish, "The same as below `api/v1`"),
    ROUTE(CG_DELETE, BARE "/{crate}/{version}/yank", YANK, TOKEN, NONE, YANK, NULL, cg_api_yank, "The same"),
    ROUTE(CG_PUT, BARE "/{crate}/{version}/unyank", YANK, TOKEN, NONE, UNYANK, NULL, cg_api_unyank, "The same"),
    ROUTE(CG_GET, BARE "/{crate}/owners", READ, TOKEN, NONE, NONE, NULL, cg_api_owners, "The same"),
    ASKING_ROUTE(CG_PUT, BARE "/{crate}/owners", OWNERS, TOKEN, MEMORY, OWNER_ADD, NULL, cg_api_owners_add, "The same"),
    ROUTE(CG_DELETE, BARE "/{crate}/owners", OWNERS, TOKEN, MEMORY, OWNER_REMOVE, NULL, cg_api_owners_remove, "The same"),
    ROUTE(CG_GET, BARE, READ, TOKEN, NONE, NONE, NULL, cg_api_search, "The same"),

    ROUTE(CG_GET, "/api/v1/me/tokens", NONE, PASSWORD, NONE, NONE, NULL, cg_api_tokens_list, "Lists the caller's tokens"),
    ROUTE(CG_PUT, "/api/v1/me/tokens", NONE, PASSWORD, MEMORY, TOKEN_CREATE, NULL, cg_api_tokens_create,
          "Makes a token; takes the password (`Basic`), never a token"),
    ROUTE(CG_DELETE, "/api/v1/me/tokens/{id}", NONE, PASSWORD, NONE, TOKEN_REVOKE, NULL, cg_api_tokens_revoke,
          "Revokes one of the caller's tokens"),
    ROUTE(CG_DELETE, "/api/v1/tokens/current", NONE, TOKEN, NONE, TOKEN_REVOKE, NULL, cg_api_tokens_revoke_current,
          "Revokes the token of the request"),

    JFROG(CG_PUT, "/{ns}/crates/{*path}[;properties]", PUBLISH, TOKEN, SPOOL, PUBLISH, NULL, cg_api_deploy,
          "Publishes a bare `.crate`, put at `NAME/NAME-VERSION.crate`: Artifactory's deploy. `X-Checksum-*` are verified; "
          "`X-Checksum-Deploy: true` asks whether the bytes are there already; other bytes than those there are 409"),
    JFROG(CG_GET, "/{ns}/crates/{*path}[;properties]", READ, TOKEN, NONE, NONE, NULL, cg_api_artifact_elsewhere,
          "404: no crate is elsewhere"),
    JFROG(CG_GET, "/api/system/ping", NONE, NONE, NONE, NONE, cg_api_ping, NULL, "`OK`"),
    JFROG(CG_GET, "/api/system/version", NONE, NONE, NONE, NONE, cg_api_version_compatible, NULL,
          "The version of Artifactory whose clients may take this for one"),
    ASKING_JFROG(CG_GET, "/api/v1/system/readiness", NONE, NONE, NONE, NONE, NULL, cg_api_readiness,
                 "`OK` when `/readyz` is 200"),
    JFROG(CG_GET, "/api/v1/system/liveness", NONE, NONE, NONE, NONE, cg_api_ping, NULL, "`OK`"),
    ASKING_JFROG(CG_GET, "/router/api/v1/system/health", NONE, NONE, NONE, NONE, NULL, cg_api_router_health,
                 "200 when `/readyz` is, else 503; asked beside `/artifactory`, not below it"),
    JFROG(CG_POST, "/api/system/usage", NONE, NONE, MEMORY, NONE, cg_api_usage, NULL, "200; nothing is kept"),
    JFROG(CG_GET, "/api/v1/uploads/config", NONE, NONE, NONE, NONE, cg_api_uploads_config, NULL,
          "Uploads in parts are not taken"),
    JFROG(CG_POST, "/access/api/v1/tokens", NONE, NONE, MEMORY, NONE, cg_api_no_tokens, NULL,
          "403 that says where tokens are made"),
    JFROG(CG_POST, "/api/security/token", NONE, NONE, MEMORY, NONE, cg_api_no_tokens, NULL, "The same"),
    JFROG(CG_GET, "/api/repositories", NONE, TOKEN, NONE, NONE, NULL, cg_api_repositories,
          "The namespaces that the caller may read, as repositories: `type`, `packageType`"),
    JFROG(CG_GET, "/api/repositories/{key}", NONE, TOKEN, NONE, NONE, NULL, cg_api_repository,
          "One of them; 404 for others, whether they exist or not"),
    JFROG(CG_GET, "/api/storage/{ns}", READ, TOKEN, NONE, NONE, NULL, cg_api_storage,
          "What is there: `list` (with `deep`, `depth`, `listFolders`, `mdTimestamps`, `includeRootPath`)"),
    JFROG(CG_GET, "/api/storage/{ns}/", READ, TOKEN, NONE, NONE, NULL, cg_api_storage, "The same"),
    JFROG(CG_GET, "/api/storage/{ns}/{*path}", READ, TOKEN, NONE, NONE, NULL, cg_api_storage,
          "A file or folder: `list` as above, `properties`"),
    JFROG(CG_PUT, "/api/storage/{ns}/{*path}", READ, TOKEN, NONE, NONE, NULL, cg_api_storage_change,
          "403: properties follow from the crate"),
    JFROG(CG_DELETE, "/api/storage/{ns}/{*path}", READ, TOKEN, NONE, NONE, NULL, cg_api_storage_change, "The same"),
    JFROG(CG_POST, "/api/search/aql", NONE, TOKEN, MEMORY, NONE, NULL, cg_api_aql,
          "Artifactory's query language, as far as `jf` uses it to search and download"),
    JFROG(CG_GET, "/api/search/artifact", NONE, TOKEN, NONE, NONE, NULL, cg_api_search_artifact,
          "Files by `name` (with `*`), in `repos`"),
    JFROG(CG_GET, "/api/search/checksum", NONE, TOKEN, NONE, NONE, NULL, cg_api_search_checksum, "Files by `sha256`"),
    ROUTE(CG_POST, "/api/cargo/{ns}/reindex", READ, TOKEN, NONE, REPAIR, NULL, cg_api_reindex,
          "For the namespace's administrators: has everything that derives from the index compared with it"),
    ROUTE(CG_GET, "/git/{repository}/{*path}", NONE, NONE, NONE, NONE, cg_api_git, NULL,
          "404 that names the sparse index instead"),

    ROUTE(CG_GET, "/me", NONE, NONE, NONE, NONE, cg_api_me, NULL, "The page on which a person makes a token"),
    ASKING_ROUTE(CG_POST, "/me", NONE, NONE, MEMORY, TOKEN_CREATE, NULL, cg_api_me_login, "The form of that page"),
    ROUTE(CG_GET, "/api/cargo/{ns}/me", NONE, NONE, NONE, NONE, cg_api_me_redirect, NULL,
          "Where `cargo login` sends people: 303 to `/me`"),
    ROUTE(CG_GET, "/api/cargo/{ns}", NONE, NONE, NONE, NONE, cg_api_me_redirect, NULL, "The same"),
    ROUTE(CG_GET, "/api/cargo/{ns}/", NONE, NONE, NONE, NONE, cg_api_me_redirect, NULL, "The same"),
    ROUTE(CG_GET, "/", NONE, NONE, NONE, NONE, cg_api_me_redirect, NULL, "303 to `/me`"),
    ROUTE(CG_POST, "/api/v1/hooks/artifactory", NONE, NONE, MEMORY, NONE, NULL, cg_api_hook_artifactory,
          "A webhook of Artifactory: `X-JFrog-Event-Auth` is the secret, or the body's HMAC-SHA-256 under it; 202"),
    ROUTE(CG_GET, "/livez", NONE, NONE, NONE, NONE, cg_api_livez, NULL, "200 while the process serves"),
    ASKING_ROUTE(CG_GET, "/readyz", NONE, NONE, NONE, NONE, NULL, cg_api_readyz,
          "200 when database, storage and directory answer, else 503; never binds a person"),
    ROUTE(CG_GET, "/metrics", NONE, NONE, NONE, NONE, cg_api_metrics, NULL, "Prometheus metrics"),
    /* clang-format on */
};

const struct cg_route *cg_api_routes(size_t *count_out)
{
    *count_out = sizeof(routes) / sizeof(routes[0]);
    return routes;
}

static void write_methods(struct cg_buf *out, unsigned methods)
{
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {{CG_GET, "GET"}, {CG_PUT, "PUT"}, {CG_DELETE, "DELETE"}, {CG_POST, "POST"}};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (methods & names[i].bit)
            cg_buf_addf(out, "%s", names[i].name);
}

static const char *right_text(const struct cg_route *route)
{
    if (route->action != CG_ACTION_NONE)
        return cg_action_name(route->action);
    switch (route->auth) {
    case CG_AUTH_PASSWORD:
        return "a login";
    case CG_AUTH_TOKEN:
        return "a token";
    case CG_AUTH_NONE:
        break;
    }
    return "none";
}

void cg_api_write_docs(struct cg_buf *out)
{
    cg_buf_addstr(out, "<!-- Generated from src/api/routes.c by `src/api/gen_api`; do not edit. -->\n"
                       "# HTTP interface\n\n"
                       "Paths are below `public_url`; they also work below `/artifactory` and at the root. `{ns}` is a\n"
                       "namespace. HEAD works wherever GET does. A path that exists with another method answers 405 with `Allow`.\n\n"
                       "| method | path | right asked | what |\n|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        cg_buf_addstr(out, "| ");
        write_methods(out, routes[i].methods);
        cg_buf_addf(out, " | `%s` | %s | %s |\n", routes[i].pattern, right_text(&routes[i]), routes[i].doc);
    }
}
