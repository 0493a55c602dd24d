/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The steps, in their order (docs/architecture.md). Each is short, answers NEXT, BODY, WAIT or RESPOND, and leaves the
 * reason of a refusal in req->error. */
#include "http/pipeline.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#include "base/str.h"
#include "conf/conf.h"
#include "crategate/clock.h"
#include "http/address.h"
#include "http/memo.h"
#include "http/record.h"
#include "http/router.h"
#include "http/spool.h"
#include "registry/ownership.h"

#define TARGET_MAX 4096
#define MEMORY_BODY_MAX (64u * 1024u)
/* What a publish carries besides the crate: two lengths and the metadata (registry/frame.h). */
#define FRAME_OVERHEAD (1024u * 1024u + 8)

static const struct cg_conf *conf_of(const struct cg_request *req)
{
    return cg_policy_conf(req->policy);
}

/* ROUTE */

/* The path of public_url, "" when it has none. */
static const char *base_path(const struct cg_conf *conf)
{
    const char *host = strstr(conf->public_url, "://"), *path = strchr(host ? host + 3 : conf->public_url, '/');

    return path ? path : "";
}

static void find_address(struct cg_request *req)
{
    struct cg_address_facts facts = {
        .trusted = conf_of(req)->trusted_proxies, .peer = &req->peer, .unix_peer = req->unix_peer, .tls = req->tls};

    if (facts.trusted && *facts.trusted) {
        facts.forwarded_for = cg_request_header(req, "X-Forwarded-For");
        facts.forwarded_proto = cg_request_header(req, "X-Forwarded-Proto");
    }
    cg_address_client(&facts, req->address, &req->secure);
}

static enum cg_step refuse_method(struct cg_request *req, const char *allow)
{
    cg_respond_error(req, NULL);
    cg_response_header(req, "Allow", cg_arena_strdup(req->arena, allow));
    return CG_STEP_RESPOND;
}

/* An address that no route has: below Artifactory's context path it is for Artifactory's clients, but for Cargo's part. */
static enum cg_route_style style_of(const char *target)
{
    static const char context[] = "/artifactory/", cargo[] = "api/cargo/";

    if (!cg_str_starts(target, context) || cg_str_starts(target + strlen(context), cargo))
        return CG_STYLE_CARGO;
    return CG_STYLE_ARTIFACTORY;
}

static enum cg_step refuse_route(struct cg_request *req, enum cg_err rc)
{
    if (rc == CG_ERR_ABSENT && req->style == CG_STYLE_ARTIFACTORY)
        cg_error_set(&req->error, rc,
                     "there is nothing at this address: of Artifactory's interface only the part for Cargo is here, and "
                     "crates are at NAMESPACE/crates/NAME/NAME-VERSION.crate");
    return cg_pipeline_refuse(req, rc);
}

/* The namespace, also where the address has the key of the repository behind it. */
static void take_namespace(struct cg_request *req, const char *named)
{
    req->ns = named ? cg_policy_namespace_meant(req->policy, named) : NULL;
    if (req->ns != named)
        req->ns_asked = named;
}

static enum cg_step run_route(struct cg_request *req)
{
    struct cg_route_match match = {0};
    enum cg_err rc;

    req->policy = cg_gateway_policy(req->gw);
    req->style = style_of(req->target);
    find_address(req);
    if (strlen(req->target) + strlen(req->query) > TARGET_MAX)
        return cg_pipeline_refuse(
            req, cg_error_set(&req->error, CG_ERR_URI_TOO_LONG, "the address is longer than %d bytes", TARGET_MAX));
    rc = cg_router_match(req->gw->routes, req->gw->route_count, base_path(conf_of(req)), req->method, req->target,
                         req->arena, &match, &req->error);
    if (rc == CG_ERR_METHOD)
        return refuse_method(req, match.allow);
    if (rc != CG_OK)
        return refuse_route(req, rc);
    req->route = match.route;
    req->style = match.route->style;
    req->path = match.path;
    memcpy(req->params, match.params, sizeof(req->params));
    take_namespace(req, match.ns);
    req->crate = match.crate;
    return CG_STEP_NEXT;
}

/* LIMITS */

uint64_t cg_pipeline_body_limit(const struct cg_request *req)
{
    switch (req->route->body) {
    case CG_BODY_SPOOL:
        return conf_of(req)->max_crate_size + FRAME_OVERHEAD;
    case CG_BODY_MEMORY:
        return MEMORY_BODY_MAX;
    case CG_BODY_NONE:
        break;
    }
    return 0;
}

enum cg_err cg_pipeline_too_large(struct cg_request *req)
{
    char size[32];

    switch (req->route->body) {
    case CG_BODY_SPOOL:
        cg_format_size(conf_of(req)->max_crate_size, size);
        return cg_error_set(&req->error, CG_ERR_TOO_LARGE,
                            "the upload is larger than this registry takes: a crate may have %s (max_crate_size in the "
                            "configuration), its metadata 1M",
                            size);
    case CG_BODY_MEMORY:
        return cg_error_set(&req->error, CG_ERR_TOO_LARGE, "the body of this request may have at most 64K");
    case CG_BODY_NONE:
        break;
    }
    return cg_error_set(&req->error, CG_ERR_TOO_LARGE, "this request takes no body");
}

static enum cg_step run_limits(struct cg_request *req)
{
    unsigned authorizations = 0;

    if (req->bad_framing)
        return cg_pipeline_refuse(
            req, cg_error_set(&req->error, CG_ERR_INVALID, "the headers do not say without doubt where the body ends"));
    if (req->bad_host)
        return cg_pipeline_refuse(req,
                                  cg_error_set(&req->error, CG_ERR_INVALID, "the request must carry one Host header"));
    req->ops->header(req->transport, "Authorization", &authorizations);
    if (authorizations > 1)
        return cg_pipeline_refuse(
            req, cg_error_set(&req->error, CG_ERR_INVALID, "the request carries more than one Authorization header"));
    if (req->content_length != UINT64_MAX && req->content_length > cg_pipeline_body_limit(req))
        return cg_pipeline_refuse(req, cg_pipeline_too_large(req));
    return CG_STEP_NEXT;
}

/* AUTHN */

static struct cg_identity *anonymous;

static void make_anonymous(void)
{
    anonymous = cg_identity_new(CG_IDENTITY_ANONYMOUS, NULL, "anonymous", NULL, NULL);
    cg_identity_seal(anonymous);
}

static enum cg_step let_anonymous_in(struct cg_request *req)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make_anonymous);
    req->authn.caller.who = cg_identity_ref(anonymous);
    return CG_STEP_NEXT;
}

/* A search may be posted, too. */
static bool is_change(const struct cg_route *route)
{
    return route->event != CG_AUDIT_NONE && cg_audit_event_is_change(route->event);
}

static struct cg_authn_request authn_request(const struct cg_request *req)
{
    return (struct cg_authn_request){.cred = &req->cred,
                                     .address = req->address,
                                     .secure = req->secure,
                                     .password_ok = req->route->auth == CG_AUTH_PASSWORD,
                                     .writes = is_change(req->route)};
}

/* The verdict is no; when it must not come too fast, it waits outside of every thread. */
static enum cg_step refuse_caller(struct cg_request *req, enum cg_err rc)
{
    cg_pipeline_refuse(req, rc);
    if (req->authn.answer_at_ms <= 0)
        return CG_STEP_RESPOND;
    req->resume_at_ms = req->authn.answer_at_ms;
    req->phase = CG_PHASE_DELAY;
    return CG_STEP_WAIT;
}

/* Nobody can say at the moment who this is; what everybody may read is answered all the same. */
static bool needs_nobody(const struct cg_request *req, enum cg_err rc)
{
    return rc == CG_ERR_UNAVAILABLE && req->route->action == CG_ACTION_READ && req->ns &&
           cg_policy_anonymous_reads(req->policy, req->ns);
}

/* What the connection remembers is for reading alone. */
static struct cg_authn_memo *memo_of(const struct cg_request *req, const char *authorization)
{
    bool reads = req->route->action == CG_ACTION_READ && req->route->auth == CG_AUTH_TOKEN;

    return authorization && req->memo && reads ? cg_memo_authn(req->memo) : NULL;
}

/* The same token as a moment ago: who that is, without parsing or digesting it. */
static bool recall(struct cg_request *req, const char *authorization)
{
    const struct cg_authn_memo *memo = memo_of(req, authorization);

    if (!memo || !cg_authn_recall(req->gw->authn, memo, authorization, cg_clock_mono_ms(), &req->authn.caller))
        return false;
    req->cred.kind = CG_CRED_TOKEN;
    return true;
}

static enum cg_err ask_fast(struct cg_request *req, const char *authorization)
{
    struct cg_authn_request ask = authn_request(req);
    struct cg_authn_memo *memo = memo_of(req, authorization);
    uint64_t stamp = cg_authn_stamp(req->gw->authn);
    enum cg_err rc = cg_authn_fast(req->gw->authn, &ask, &req->authn, &req->error);

    if (rc == CG_OK && memo)
        cg_authn_remember(req->gw->authn, memo, authorization, stamp, &req->authn.caller);
    return rc;
}

static enum cg_step start_authn(struct cg_request *req)
{
    const char *authorization;
    enum cg_err rc;

    if (req->route->auth == CG_AUTH_NONE)
        return let_anonymous_in(req);
    authorization = cg_request_header(req, "Authorization");
    if (recall(req, authorization))
        return CG_STEP_NEXT;
    cg_credentials_parse(authorization, authorization ? NULL : cg_request_header(req, "X-JFrog-Art-Api"), &req->cred);
    if (req->cred.kind == CG_CRED_NONE)
        return let_anonymous_in(req);
    rc = ask_fast(req, authorization);
    if (rc == CG_OK)
        return CG_STEP_NEXT;
    if (rc != CG_ERR_AGAIN && !needs_nobody(req, rc))
        return refuse_caller(req, rc);
    req->error = (struct cg_error){0};
    if (rc != CG_ERR_AGAIN)
        return let_anonymous_in(req);
    req->phase = CG_PHASE_WORK;
    return CG_STEP_WAIT;
}

static enum cg_step run_authn(struct cg_request *req)
{
    if (req->phase == CG_PHASE_NEW)
        return start_authn(req);
    return req->phase == CG_PHASE_DONE ? CG_STEP_NEXT : CG_STEP_RESPOND;
}

static void work_authn(struct cg_request *req)
{
    struct cg_authn_request ask = authn_request(req);
    bool late = cg_pipeline_late(req);
    enum cg_err rc = late ? cg_authn_fast(req->gw->authn, &ask, &req->authn, &req->error)
                          : cg_authn_slow(req->gw->authn, &ask, &req->authn, &req->error);

    if (late && rc == CG_ERR_AGAIN) /* what others have heard meanwhile does not help */
        rc = cg_pipeline_too_late(req);
    if (needs_nobody(req, rc)) {
        req->error = (struct cg_error){0};
        let_anonymous_in(req);
        rc = CG_OK;
    }
    if (rc != CG_OK) {
        cg_pipeline_refuse(req, rc);
        req->resume_at_ms = req->authn.answer_at_ms;
    }
    req->phase = rc == CG_OK ? CG_PHASE_DONE : CG_PHASE_REFUSED;
}

/* AUTHZ */

static bool is_anonymous(const struct cg_request *req)
{
    return cg_identity_kind(req->authn.caller.who) == CG_IDENTITY_ANONYMOUS;
}

static enum cg_err decide(struct cg_request *req, bool owners_unknown, struct cg_decision *decision)
{
    struct cg_question question = {.caller = &req->authn.caller,
                                   .action = req->route->action,
                                   .namespace_name = req->ns,
                                   .crate = req->crate,
                                   .owners_unknown = owners_unknown};

    return cg_policy_decide(req->policy, &question, decision);
}

static enum cg_step need_login(struct cg_request *req)
{
    if (req->route->auth == CG_AUTH_NONE || !is_anonymous(req))
        return CG_STEP_NEXT;
    return cg_pipeline_refuse(req, cg_error_set(&req->error, CG_ERR_UNAUTHENTICATED,
                                                "this needs a login: get a token at %s/me", conf_of(req)->public_url));
}

static enum cg_step refuse_decision(struct cg_request *req)
{
    return cg_pipeline_refuse(req, cg_error_set(&req->error, req->decision.verdict, "%s", req->decision.reason));
}

/* Whose repository it is that the address names is not for those who may not read the namespace: for them it is a
 * namespace that does not exist, in every word of the answer. */
static void hide_repository(struct cg_request *req)
{
    struct cg_question question = {
        .caller = &req->authn.caller, .action = CG_ACTION_READ, .namespace_name = req->ns};
    struct cg_decision decision;

    if (req->ns_asked && cg_policy_decide(req->policy, &question, &decision) != CG_OK)
        req->ns = req->ns_asked;
}

/*
 * A crate's owners may change it without being publishers. Where the path names the crate, whoever may read passes here
 * and the registry asks again with the owners. Where only the body will name it, nobody's body is taken for the mere
 * possibility: a worker looks first whether they own anything in the namespace.
 */
static enum cg_step start_authz(struct cg_request *req)
{
    bool remembers = req->memo && req->route->action == CG_ACTION_READ;
    struct cg_decision as_owner;

    if (req->route->action == CG_ACTION_NONE)
        return need_login(req);
    if (remembers && cg_memo_may_read(req->memo, req))
        return CG_STEP_NEXT;
    hide_repository(req);
    if (decide(req, req->crate != NULL, &req->decision) == CG_OK) {
        if (remembers)
            cg_memo_note_read(req->memo, req);
        return CG_STEP_NEXT;
    }
    if (req->decision.verdict != CG_ERR_DENIED || req->crate || decide(req, true, &as_owner) != CG_OK)
        return refuse_decision(req);
    req->phase = CG_PHASE_WORK;
    return CG_STEP_WAIT;
}

static enum cg_step run_authz(struct cg_request *req)
{
    if (req->phase == CG_PHASE_NEW)
        return start_authz(req);
    return req->phase == CG_PHASE_DONE ? CG_STEP_NEXT : CG_STEP_RESPOND;
}

static void work_authz(struct cg_request *req)
{
    bool owns = false;
    enum cg_err rc = cg_ownership_any(req->gw->metadata, req->ns, req->authn.caller.who, &owns, &req->error);

    if (rc == CG_OK && owns)
        rc = decide(req, true, &req->decision);
    else if (rc == CG_OK)
        refuse_decision(req);
    if (rc != CG_OK)
        cg_pipeline_refuse(req, rc);
    req->phase = rc == CG_OK && owns ? CG_PHASE_DONE : CG_PHASE_REFUSED;
}

/* BODY */

static struct cg_spool *new_spool(const struct cg_request *req)
{
    uint64_t limit = cg_pipeline_body_limit(req);

    return cg_spool_new(limit, req->route->body == CG_BODY_SPOOL ? req->gw->spool_dir : NULL);
}

static enum cg_step run_body(struct cg_request *req)
{
    if (req->phase == CG_PHASE_REFUSED)
        return CG_STEP_RESPOND;
    if (req->body_complete)
        return CG_STEP_NEXT;
    if (!req->spool)
        req->spool = new_spool(req);
    return CG_STEP_BODY;
}

static void work_body(struct cg_request *req)
{
    enum cg_err rc = cg_spool_flush(req->spool, &req->error);

    if (rc != CG_OK)
        cg_pipeline_refuse(req, rc);
    req->phase = rc == CG_OK ? CG_PHASE_DONE : CG_PHASE_REFUSED;
}

/* EXECUTE */

static enum cg_step start_execute(struct cg_request *req)
{
    const struct cg_route *route = req->route;

    if (route->fast && route->fast(req) == CG_STEP_RESPOND)
        return CG_STEP_RESPOND;
    CG_ASSERT(route->slow != NULL);
    req->phase = CG_PHASE_WORK;
    return CG_STEP_WAIT;
}

static enum cg_step run_execute(struct cg_request *req)
{
    return req->phase == CG_PHASE_NEW ? start_execute(req) : CG_STEP_RESPOND;
}

static void work_execute(struct cg_request *req)
{
    bool change = is_change(req->route);
    enum cg_err rc = cg_pipeline_late(req) ? cg_pipeline_too_late(req) : CG_OK;

    if (rc == CG_OK && change)
        rc = cg_audit_reserve(req->gw->audit, &req->error);
    if (rc != CG_OK) {
        cg_pipeline_refuse(req, rc);
        req->phase = CG_PHASE_REFUSED;
        return;
    }
    enum cg_step step = req->route->slow(req);

    if (step == CG_STEP_WAIT) {
        CG_ASSERT(req->awaits != NULL);
        req->phase = CG_PHASE_NEW;
        return;
    }
    if (change)
        cg_record_change(req);
    req->phase = CG_PHASE_DONE;
}

/* RESPOND */

static uint64_t response_len(const struct cg_response *response)
{
    if (response->blob)
        return response->gzip ? response->blob->gzip_len : response->blob->len;
    return response->fd >= 0 || response->feed || response->file ? response->file_len : response->buf.len;
}

/* For a transport that cannot send what others are being sent. */
static void own_file(struct cg_request *req)
{
    struct cg_response *response = &req->response;

    response->fd = fcntl(response->file->fd, F_DUPFD_CLOEXEC, 0);
    if (response->fd >= 0) {
        cg_blob_unref(&response->file);
        return;
    }
    cg_error_hide(&req->error, CG_ERR_UNAVAILABLE, "the registry has too much to do at the moment; try again",
                  "no descriptor for a file: %m");
    cg_respond_error(req, NULL);
}

static enum cg_step run_respond(struct cg_request *req)
{
    if (req->response.file && !req->ops->shares_files)
        own_file(req);
    if (req->response.status == 0)
        cg_respond_error(req, NULL);
    cg_response_header(req, "X-Request-Id", req->id);
    if (req->style == CG_STYLE_ARTIFACTORY)
        cg_response_header(req, "X-JFrog-Version", "Artifactory/" CG_JFROG_VERSION);
    req->response_len = response_len(&req->response);
    return CG_STEP_RESPOND;
}

const struct cg_pipeline_step cg_pipeline_steps[CG_AT_RESPOND + 1] = {
    [CG_AT_ROUTE] = {"route", run_route, NULL},       [CG_AT_LIMITS] = {"limits", run_limits, NULL},
    [CG_AT_AUTHN] = {"authn", run_authn, work_authn}, [CG_AT_AUTHZ] = {"authz", run_authz, work_authz},
    [CG_AT_BODY] = {"body", run_body, work_body},     [CG_AT_EXECUTE] = {"execute", run_execute, work_execute},
    [CG_AT_RESPOND] = {"respond", run_respond, NULL},
};
