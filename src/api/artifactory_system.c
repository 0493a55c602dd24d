/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What health checks and jf ask before anything else: ping, version, the list of
 * repositories. A repository that the caller may not read and one that does not
 * exist are one answer.
 */
#include "api/api.h"

#include <string.h>

#include "api/artifactory.h"
#include "base/str.h"
#include "conf/conf.h"
#include "crategate/version.h"

#define ANSWER_MAX (4u * 1024u * 1024u)

enum cg_step cg_api_ping(struct cg_request *req)
{
    return cg_respond_text(req, req->gw->draining ? 503 : 200, "text/plain", req->gw->draining ? "ending" : "OK");
}

enum cg_step cg_api_readiness(struct cg_request *req)
{
    enum cg_step step = cg_api_readyz(req);

    return req->response.status == 200 ? cg_respond_text(req, 200, "text/plain", "OK") : step;
}

/* What load balancers in front of an Artifactory ask (artifactory.md 5); they look at the status. */
enum cg_step cg_api_router_health(struct cg_request *req)
{
    static const char healthy[] =
        "{\"router\":{\"node_id\":\"crategate\",\"state\":\"HEALTHY\",\"message\":\"OK\"},\"services\":[]}";
    enum cg_step step = cg_api_readyz(req);

    return req->response.status == 200 ? cg_respond_text(req, 200, "application/json", healthy) : step;
}

enum cg_step cg_api_version_compatible(struct cg_request *req)
{
    return cg_respond_text(req, 200, "application/json",
                           "{\"version\":\"" CG_JFROG_VERSION "\",\"revision\":\"crategate " CG_VERSION "\","
                           "\"addons\":[],\"license\":\"crategate\"}");
}

/* jf turns a name and password into a token that it renews by itself; whoever is asked for one here has a person's
 * password in hands that should not have it. */
enum cg_step cg_api_no_tokens(struct cg_request *req)
{
    cg_error_set(&req->error, CG_ERR_DENIED,
                 "tokens are not made here: make one at %s/me and give it to jf with --access-token",
                 cg_artifactory_base(req));
    return cg_respond_error(req, NULL);
}

/* jf sends figures about its own use with every command; nobody wants them. */
enum cg_step cg_api_usage(struct cg_request *req)
{
    return cg_respond_text(req, 200, "text/plain", "");
}

/* Uploads in parts are not taken; jf then sends large files whole. */
enum cg_step cg_api_uploads_config(struct cg_request *req)
{
    return cg_respond_text(req, 200, "application/json", "{\"supported\":false}");
}

static void write_repository_url(const struct cg_request *req, const char *ns, struct cg_buf *out)
{
    cg_piece_text(out, "url", cg_arena_printf(req->arena, "%s/%s", cg_artifactory_base(req), ns));
}

/* Is one of the query's filters for something else than what there is here? */
static bool filtered_out(struct cg_request *req)
{
    const char *type = cg_request_query(req, "type"), *package = cg_request_query(req, "packageType"),
               *project = cg_request_query(req, "project");

    return (type && *type && !cg_streq_nocase(type, "local")) ||
           (package && *package && !cg_streq_nocase(package, "cargo")) || (project && *project);
}

static void list_one(const struct cg_request *req, const char *ns, struct cg_buf *out)
{
    cg_buf_addstr(out, out->len > 1 ? ",{" : "{");
    cg_piece_text(out, "key", ns);
    cg_piece_text(out, "type", "LOCAL");
    cg_piece_text(out, "description", "");
    write_repository_url(req, ns, out);
    cg_piece_text(out, "packageType", "Cargo");
    cg_buf_addch(out, '}');
}

static enum cg_err list_all(struct cg_request *req, struct cg_buf *out)
{
    const struct cg_conf *conf = cg_policy_conf(req->policy);
    enum cg_err rc = filtered_out(req) ? CG_OK : cg_artifactory_all_known(req);

    cg_buf_addch(out, '[');
    for (size_t i = 0; rc == CG_OK && !filtered_out(req) && i < conf->namespace_count; i++) {
        enum cg_err may = cg_artifactory_may_read(req, conf->namespaces[i].name);

        if (may == CG_OK)
            list_one(req, conf->namespaces[i].name, out);
        else if (may == CG_ERR_UNAVAILABLE)
            rc = may;
    }
    cg_buf_addch(out, ']');
    return rc;
}

enum cg_step cg_api_repositories(struct cg_request *req)
{
    struct cg_buf body;

    cg_buf_init(&body, ANSWER_MAX);
    if (list_all(req, &body) == CG_OK)
        return cg_respond_json(req, 200, &body);
    cg_buf_free(&body);
    return cg_respond_error(req, NULL);
}

static enum cg_step describe(struct cg_request *req, const char *ns)
{
    struct cg_buf body;

    cg_buf_init(&body, ANSWER_MAX);
    cg_buf_addch(&body, '{');
    cg_piece_text(&body, "key", ns);
    cg_piece_text(&body, "rclass", "local");
    cg_piece_text(&body, "packageType", "cargo");
    cg_piece_text(&body, "description", "");
    cg_piece_text(&body, "notes", "");
    cg_piece_text(&body, "includesPattern", "**/*");
    cg_piece_text(&body, "excludesPattern", "");
    cg_piece_text(&body, "repoLayoutRef", "cargo-default");
    write_repository_url(req, ns, &body);
    cg_buf_addf(&body, ",\"cargoAnonymousAccess\":%s", cg_policy_anonymous_reads(req->policy, ns) ? "true" : "false");
    cg_buf_addstr(&body, ",\"cargoInternalIndex\":true,\"blackedOut\":false,\"xrayIndex\":false,\"propertySets\":[],"
                         "\"archiveBrowsingEnabled\":false,\"downloadRedirect\":false,\"priorityResolution\":false}");
    return cg_respond_json(req, 200, &body);
}

enum cg_step cg_api_repository(struct cg_request *req)
{
    const char *ns = cg_policy_namespace_meant(req->policy, req->params[0]);
    enum cg_err may = cg_artifactory_may_read(req, ns);

    if (may == CG_OK)
        return describe(req, ns);
    /* Its message names what was asked for only. */
    if (may == CG_ERR_UNAVAILABLE || cg_artifactory_all_known(req) != CG_OK)
        cg_error_set(
            &req->error, CG_ERR_UNAVAILABLE,
            "whether you may read repository \"%.80s\" depends on a group that the directory has not been able "
            "to look up yet; try again in a moment",
            req->params[0]);
    else
        cg_error_set(&req->error, CG_ERR_ABSENT, "repository \"%.80s\" does not exist, or you may not read it",
                     req->params[0]);
    return cg_respond_error(req, NULL);
}

/* The Git form of the index is not served, and cargo cannot be sent from one form to the other: whoever still asks is
 * told what to write instead. Of any name, so that none is given away. */
enum cg_step cg_api_git(struct cg_request *req)
{
    char *ns = cg_arena_strdup(req->arena, req->params[0]);

    if (cg_str_ends(ns, ".git"))
        ns[strlen(ns) - strlen(".git")] = '\0';
    if (!cg_namespace_valid(ns))
        ns = cg_arena_strdup(req->arena, "NAMESPACE");
    return cg_respond_text(
        req, 404, "text/plain; charset=utf-8",
        cg_arena_printf(req->arena,
                        "There is no Git index here, only the sparse one. Write into .cargo/config.toml:\n"
                        "[registries.%s]\nindex = \"sparse+%s/api/cargo/%s/index/\"\n",
                        ns, cg_artifactory_base(req), ns));
}

/* The index is written with each publish, so there is never one to be made; what derives from it can be looked at. */
enum cg_step cg_api_reindex(struct cg_request *req)
{
    struct cg_question question = {.caller = &req->authn.caller, .namespace_name = req->ns};
    size_t count = 0;
    enum cg_err rc = cg_policy_decide_admin(req->policy, &question, &req->decision);

    if (rc != CG_OK)
        cg_error_set(&req->error, rc, "%s", req->decision.reason);
    else
        rc = cg_registry_recheck(req->gw->registry, req->ns, &count, &req->error);
    if (rc != CG_OK)
        return cg_respond_error(req, NULL);
    return cg_respond_text(
        req, 200, "text/plain; charset=utf-8",
        cg_arena_printf(req->arena,
                        "The index of %s is written with every publish and is complete. Whether search "
                        "and version details fit it is being looked at now, for %zu crates.\n",
                        req->ns, count));
}
