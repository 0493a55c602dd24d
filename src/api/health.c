/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Liveness, readiness, metrics. Readiness asks every backend but never binds a person (peers.md 3.1 item 5). */
#include "api/api.h"

#include <pthread.h>
#include <stdio.h>

#include "base/str.h"
#include "crategate/clock.h"
#include "log/metrics.h"

#define METRICS_MAX (1024u * 1024u)
#define READY_MAX 8192
#define READY_FRESH_MS 1000

enum cg_step cg_api_livez(struct cg_request *req)
{
    return cg_respond_text(req, 200, "text/plain", "ok\n");
}

enum cg_step cg_api_metrics(struct cg_request *req)
{
    struct cg_buf body;
    enum cg_step step;

    cg_buf_init(&body, METRICS_MAX);
    cg_metrics_render(&body);
    step = cg_respond_json(req, 200, &body);
    req->response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    return step;
}

static bool report(struct cg_buf *body, const char *name, enum cg_err rc, const struct cg_error *err)
{
    cg_buf_addf(body, "%s\"%s\":", body->len > 1 ? "," : "", name);
    cg_json_quote(body, rc == CG_OK ? "ok" : err->detail);
    return rc == CG_OK;
}

/*
 * Without credentials it must be no way to storm the directory or to hold workers: one round of questions a second, by one
 * caller; whoever comes meanwhile gets the last answer and waits for nobody.
 */
static pthread_mutex_t ready_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    int64_t asked_ms;
    bool asking, ready;
    char body[READY_MAX];
} last_ready = {.body = "{\"status\":\"being asked for the first time\"}\n"};

/* A server behind it that is down takes nothing from what is served from here, so it is no reason to send callers away. */
static bool report_storage(struct cg_gateway *gw, struct cg_buf *body)
{
    struct cg_error err = {0};
    enum cg_err rc = cg_registry_ping(gw->registry, &err);

    if (rc != CG_OK || !cg_registry_degraded(gw->registry, &err))
        return report(body, "storage", rc, &err);
    (void)cg_error_prefix(&err, "degraded, kept crates and the index are served");
    (void)report(body, "storage", CG_ERR_UNAVAILABLE, &err);
    return true;
}

static void ask_backends(struct cg_gateway *gw, struct cg_buf *body, bool *ready)
{
    struct cg_directory *dir = gw->directory(gw);
    struct cg_error err = {0};

    cg_buf_addch(body, '{');
    *ready = report(body, "database", gw->metadata->ops->ping(gw->metadata, &err), &err);
    *ready &= report_storage(gw, body);
    err = (struct cg_error){0};
    *ready &= report(body, "directory", dir->ops->ping(dir, &err), &err);
    cg_buf_addstr(body, "}\n");
}

/* Is it this caller's turn to ask? */
static bool begin_asking(void)
{
    bool mine;

    pthread_mutex_lock(&ready_lock);
    mine = !last_ready.asking &&
           (last_ready.asked_ms == 0 || cg_clock_mono_ms() - last_ready.asked_ms > READY_FRESH_MS);
    if (mine)
        last_ready.asking = true;
    pthread_mutex_unlock(&ready_lock);
    return mine;
}

static void keep_answer(const struct cg_buf *body, bool ready)
{
    pthread_mutex_lock(&ready_lock);
    snprintf(last_ready.body, sizeof(last_ready.body), "%s", cg_buf_str(body));
    last_ready.ready = ready;
    last_ready.asked_ms = cg_clock_mono_ms();
    last_ready.asking = false;
    pthread_mutex_unlock(&ready_lock);
}

static bool last_answer(struct cg_buf *body)
{
    bool ready;

    pthread_mutex_lock(&ready_lock);
    cg_buf_addstr(body, last_ready.body);
    ready = last_ready.ready;
    pthread_mutex_unlock(&ready_lock);
    return ready;
}

enum cg_step cg_api_readyz(struct cg_request *req)
{
    struct cg_buf body;
    bool ready;

    cg_buf_init(&body, READY_MAX - 1);
    if (begin_asking()) {
        ask_backends(req->gw, &body, &ready);
        keep_answer(&body, ready);
    } else {
        ready = last_answer(&body);
    }
    return cg_respond_json(req, ready && !req->gw->draining ? 200 : 503, &body);
}
