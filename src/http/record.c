/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/record.h"

#include <string.h>

#include "base/str.h"
#include "crategate/clock.h"
#include "log/log.h"
#include "log/metrics.h"

#define PATH_SHOWN 512
#define WRITES (CG_PUT | CG_DELETE | CG_POST)

/* The status that was, or would have been, sent; 0: the request came to nothing before anybody decided. */
static unsigned status_of(const struct cg_request *req)
{
    if (req->response.status)
        return req->response.status;
    return req->error.code != CG_OK ? cg_err_http_status(req->error.code) : 0;
}

static bool failed(const struct cg_request *req)
{
    return status_of(req) >= 400;
}

static bool is_change(const struct cg_request *req)
{
    return req->route && req->route->event != CG_AUDIT_NONE && cg_audit_event_is_change(req->route->event);
}

/* Who it was, or who they said they were when it could not be proven. */
static const char *actor_of(const struct cg_request *req)
{
    if (req->authn.caller.who)
        return cg_identity_name(req->authn.caller.who);
    return req->cred.username ? req->cred.username : "-";
}

static const char *or_null(const char *text)
{
    return text && *text ? text : NULL;
}

static enum cg_err outcome_of(const struct cg_request *req)
{
    if (!failed(req))
        return CG_OK;
    return req->error.code != CG_OK ? req->error.code : CG_ERR_INVALID;
}

/* `shown` keeps the path when it was never decoded. */
static struct cg_audit_record record_of(const struct cg_request *req, enum cg_audit_event event, char shown[PATH_SHOWN])
{
    const struct cg_caller *caller = &req->authn.caller;

    cg_str_printable(req->target, strlen(req->target), shown, PATH_SHOWN);
    return (struct cg_audit_record){
        .event = event,
        .request_id = req->id,
        .actor = actor_of(req),
        .actor_id = caller->who ? or_null(cg_identity_id(caller->who)) : NULL,
        .token_id = caller->token ? caller->token->id : 0,
        .address = req->address,
        .namespace_name = req->ns,
        .crate = req->audit_crate ? req->audit_crate : req->crate,
        .version = req->audit_version,
        .target = req->audit_target,
        .method = req->method_name,
        .path = req->path ? req->path : shown,
        .status = status_of(req),
        .outcome = outcome_of(req),
        .rule = or_null(req->decision.rule),
        .detail = failed(req) ? or_null(req->error.detail) : NULL,
    };
}

static void write_record(const struct cg_request *req, enum cg_audit_event event)
{
    char shown[PATH_SHOWN];
    struct cg_audit_record record = record_of(req, event, shown);
    struct cg_error err = {0};

    /* A password that was right is a login, whatever became of the request after it: that has a record of its own. */
    if (event == CG_AUDIT_LOGIN && req->authn.by_password) {
        record.outcome = CG_OK;
        record.detail = NULL;
    }
    /* The change has happened and its answer stays the truth; that its record is missing is for the operator. */
    if (cg_audit_write(req->gw->audit, &record, &err) != CG_OK)
        cg_log_error(CG_LOG_ERROR, "audit", req->id, &err, "the record of a %s by %s was lost",
                     cg_audit_event_name(event), record.actor);
}

void cg_record_change(struct cg_request *req)
{
    if (failed(req) || req->audit_skip)
        return;
    req->recorded = true;
    write_record(req, req->route->event);
}

enum login { LOGIN_NONE, LOGIN_OK, LOGIN_REFUSED };

/* Was a password looked at, and what came of it? */
static enum login login_of(const struct cg_request *req)
{
    if (req->authn.by_password)
        return LOGIN_OK;
    if (req->cred.kind != CG_CRED_PASSWORD || req->authn.caller.who || req->error.code == CG_OK)
        return LOGIN_NONE;
    return LOGIN_REFUSED;
}

/* A read of what is not there is no refusal; everything else that somebody was denied is, and so is each change that
 * did not happen. */
static bool is_refusal(const struct cg_request *req, unsigned status)
{
    if (status < 400 || (status == 404 && req->audit_skip))
        return false;
    if (status == 401 || status == 403 || status == 429 || is_change(req))
        return true;
    if (status >= 500 || req->cred.kind == CG_CRED_NONE)
        return false;
    return (status != 404 && status != 416) || (req->method & WRITES);
}

static void audit(struct cg_request *req, unsigned status)
{
    enum login login = login_of(req);
    bool due = req->route && req->route->event != CG_AUDIT_NONE && !req->recorded && !req->audit_skip;

    if (login != LOGIN_NONE)
        write_record(req, CG_AUDIT_LOGIN);
    if (login != LOGIN_REFUSED && is_refusal(req, status))
        write_record(req, CG_AUDIT_REFUSAL);
    else if (due && status < 400)
        write_record(req, req->route->event);
}

static enum cg_log_level level_of(const struct cg_request *req, unsigned status)
{
    if (status >= 500)
        return CG_LOG_ERROR;
    /* cargo's first request to a registry carries no token and is meant to be challenged. */
    if (status == 401 && req->cred.kind == CG_CRED_NONE)
        return CG_LOG_DEBUG;
    return status >= 400 && status != 404 ? CG_LOG_INFO : CG_LOG_DEBUG;
}

/* Path without query, and never a header: neither can carry a secret into the log. */
static void log_line(const struct cg_request *req, unsigned status, int64_t us, bool sent)
{
    enum cg_log_level level = level_of(req, status);
    const char *path = req->path ? req->path : req->target, *gone = sent ? "" : " (the client went away)";
    char shown[PATH_SHOWN], method[32], actor[128];

    if (!cg_log_enabled(level))
        return;
    cg_str_printable(path, strlen(path), shown, sizeof(shown));
    cg_str_printable(req->method_name, strlen(req->method_name), method, sizeof(method));
    cg_str_printable(actor_of(req), strlen(actor_of(req)), actor, sizeof(actor));
    if (status >= 400 && req->error.code != CG_OK)
        cg_log_error(level, "http", req->id, &req->error, "%s %s %u %lldus %llu %s %s%s", method, shown, status,
                     (long long)us, (unsigned long long)req->response_len, req->address, actor, gone);
    else
        cg_log(level, "http", req->id, "%s %s %u %lldus %llu %s %s%s", method, shown, status, (long long)us,
               (unsigned long long)req->response_len, req->address, actor, gone);
}

void cg_record_end(struct cg_request *req, bool sent)
{
    unsigned status = status_of(req);
    int64_t us = cg_clock_mono_us() - req->started_us;

    if (status == 0) {
        cg_log(CG_LOG_DEBUG, "http", req->id, "the client went away before its request was complete");
        return;
    }
    audit(req, status);
    log_line(req, status, us, sent);
    cg_metric_status(status);
    cg_metric_duration(us);
    cg_metric_add(req->worked ? CG_METRIC_SLOW_ANSWERS : CG_METRIC_FAST_ANSWERS, 1);
}
