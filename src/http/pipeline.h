/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The room's own view of the pipeline: the step table and where a request
 * stands in it. `run` is called on the polling thread (and, after WAIT, again);
 * `work` on a worker, between the two.
 */
#ifndef CG_HTTP_PIPELINE_H
#define CG_HTTP_PIPELINE_H

#include "http/http.h"

/* req->step */
enum cg_position { CG_AT_ROUTE, CG_AT_LIMITS, CG_AT_AUTHN, CG_AT_AUTHZ, CG_AT_BODY, CG_AT_EXECUTE, CG_AT_RESPOND };

/* req->phase, within a step */
enum cg_phase {
    CG_PHASE_NEW,
    CG_PHASE_WORK,   /* waits for a worker, or is on one */
    CG_PHASE_DELAY,  /* refused already; the answer goes out at resume_at_ms, and nobody is held until then */
    CG_PHASE_DONE,   /* the worker has done its part */
    CG_PHASE_REFUSED /* the worker, or the delay, left an error */
};

struct cg_pipeline_step {
    const char *name;
    enum cg_step (*run)(struct cg_request *req);
    void (*work)(struct cg_request *req); /* NULL: never waits for a worker */
};

extern const struct cg_pipeline_step cg_pipeline_steps[CG_AT_RESPOND + 1];

/* The last of cg_pipeline_finish: the arena and the request itself. */
void cg_request_free(struct cg_request *req);
/* Makes sure that req->error says `code`, and answers RESPOND. */
enum cg_step cg_pipeline_refuse(struct cg_request *req, enum cg_err code);
/* Has it waited for an asker for so long that whoever sent it should hear that now, and not ask as well? */
bool cg_pipeline_late(const struct cg_request *req);
/* Says so in req->error: UNAVAILABLE. */
enum cg_err cg_pipeline_too_late(struct cg_request *req);
/* The most body bytes that the route takes. */
uint64_t cg_pipeline_body_limit(const struct cg_request *req);
/* Sets req->error to the sentence that names the limit. */
enum cg_err cg_pipeline_too_large(struct cg_request *req);

#endif
