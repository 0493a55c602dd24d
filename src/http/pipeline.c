/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/pipeline.h"

#include <unistd.h>

#include "crategate/clock.h"
#include "http/record.h"
#include "http/spool.h"
#include "log/metrics.h"

/* A refused body is read on, so that the client gets to read the answer, up to this many times its limit. */
#define SWALLOW_FACTOR 4
#define SWALLOW_LEAST (64u * 1024u)
#define QUEUE_FULL_RETRY_S 5
#define LATE_RETRY_S 30

enum cg_step cg_pipeline_run(struct cg_request *req)
{
    req->resume_at_ms = 0;
    for (;;) {
        enum cg_step step = cg_pipeline_steps[req->step].run(req);

        if (step == CG_STEP_NEXT)
            req->step++;
        else if (step == CG_STEP_RESPOND && req->step != CG_AT_RESPOND)
            req->step = CG_AT_RESPOND;
        else
            return step;
        req->phase = CG_PHASE_NEW;
    }
}

enum cg_step cg_pipeline_refuse(struct cg_request *req, enum cg_err code)
{
    if (req->error.code == CG_OK)
        cg_error_set(&req->error, code, "%s", cg_err_text(code));
    return CG_STEP_RESPOND;
}

static void on_begun(struct cg_feed_waiter *waiter)
{
    struct cg_request *req = (struct cg_request *)((char *)waiter - offsetof(struct cg_request, waiter));

    req->ops->wake(req->transport);
}

/* The worker's part ended with a wait: true when the request will be woken. Registered, it may be on its way already:
 * nothing of it is touched here any more, and the feed needs a reference of our own. */
static bool await_feed(struct cg_request *req)
{
    struct cg_feed *feed;
    uint64_t size;
    bool waits;

    if (req->phase != CG_PHASE_NEW || !req->awaits)
        return false;
    feed = cg_feed_ref(req->awaits);
    req->waiter.wake = on_begun;
    waits = cg_feed_begun(feed, &req->waiter, &size, NULL) == CG_ERR_AGAIN;
    cg_feed_unref(&feed);
    return waits;
}

/* AUTHN comes here for nothing else. */
static bool asks_directory(const struct cg_request *req)
{
    return req->step == CG_AT_AUTHN || (req->step == CG_AT_EXECUTE && req->route->asks_directory);
}

bool cg_pipeline_late(const struct cg_request *req)
{
    return asks_directory(req) &&
           cg_clock_mono_ms() - req->waits_since_ms > cg_policy_conf(req->policy)->ldap.login_timeout;
}

enum cg_err cg_pipeline_too_late(struct cg_request *req)
{
    cg_error_set(&req->error, CG_ERR_UNAVAILABLE,
                 "more is being asked of the directory than it answers at the moment; try again later");
    req->error.retry_after_s = LATE_RETRY_S;
    return CG_ERR_UNAVAILABLE;
}

static void run_job(struct cg_job *job)
{
    struct cg_request *req = (struct cg_request *)((char *)job - offsetof(struct cg_request, job));

    cg_pipeline_steps[req->step].work(req);
    /* From here on the polling thread owns it. */
    if (!await_feed(req))
        req->ops->wake(req->transport);
}

/* A full queue is answered at once: whoever waits for a place holds a connection and helps nobody. */
static void refuse_overload(struct cg_request *req)
{
    cg_metric_add(CG_METRIC_QUEUE_FULL, 1);
    cg_error_set(&req->error, CG_ERR_UNAVAILABLE, "the registry has too much to do at the moment; try again");
    req->error.retry_after_s = QUEUE_FULL_RETRY_S;
    req->step = CG_AT_RESPOND;
    req->phase = CG_PHASE_NEW;
    req->resume_at_ms = 0;
    req->ops->wake(req->transport);
}

void cg_pipeline_wait(struct cg_request *req)
{
    if (req->phase == CG_PHASE_DELAY) {
        req->phase = CG_PHASE_REFUSED;
        req->ops->wake(req->transport);
        return;
    }
    CG_ASSERT(req->phase == CG_PHASE_WORK && cg_pipeline_steps[req->step].work != NULL);
    req->worked = true;
    req->waits_since_ms = cg_clock_mono_ms();
    req->job.run = run_job;
    /* Submitted, it may be on its way already: nothing of it is touched here any more. */
    if (!cg_pool_submit(asks_directory(req) ? req->gw->askers : req->gw->pool, &req->job)) {
        req->worked = false;
        refuse_overload(req);
    }
}

static enum cg_step swallow(struct cg_request *req, size_t len, size_t *used_out)
{
    uint64_t limit = req->route ? cg_pipeline_body_limit(req) : 0;

    *used_out = len;
    req->swallowed += len;
    if (limit < SWALLOW_LEAST)
        limit = SWALLOW_LEAST;
    return req->swallowed > SWALLOW_FACTOR * limit ? CG_STEP_RESPOND : CG_STEP_NEXT;
}

enum cg_step cg_pipeline_body(struct cg_request *req, const void *bytes, size_t len, size_t *used_out)
{
    if (req->step == CG_AT_BODY && req->phase == CG_PHASE_REFUSED)
        req->step = CG_AT_RESPOND;
    if (req->step != CG_AT_BODY)
        return swallow(req, len, used_out);
    req->phase = CG_PHASE_NEW;
    if (cg_spool_add(req->spool, bytes, len, used_out) != CG_OK) {
        req->step = CG_AT_RESPOND;
        cg_pipeline_refuse(req, cg_pipeline_too_large(req));
        return swallow(req, len, used_out);
    }
    if (*used_out == len)
        return CG_STEP_NEXT;
    req->phase = CG_PHASE_WORK;
    return CG_STEP_WAIT;
}

static void free_response(struct cg_response *response)
{
    cg_blob_unref(&response->blob);
    cg_buf_free(&response->buf);
    if (response->fd >= 0)
        close(response->fd);
    cg_feed_unref(&response->feed);
    cg_blob_unref(&response->file);
    cg_blob_unref(&response->source);
}

void cg_pipeline_finish(struct cg_request **reqp, bool sent)
{
    struct cg_request *req = *reqp;

    if (!req)
        return;
    *reqp = NULL;
    cg_record_end(req, sent);
    free_response(&req->response);
    cg_feed_unref(&req->awaits);
    cg_spool_free(&req->spool);
    cg_credentials_free(&req->cred);
    cg_caller_free(&req->authn.caller);
    cg_policy_unref(&req->policy);
    cg_request_free(req);
}
