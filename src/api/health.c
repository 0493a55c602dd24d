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

/* Without credentials it must not be a way to storm the directory: one round of questions a second, for everybody. */
static pthread_mutex_t ready_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    int64_t asked_ms;
    bool ready;
    char body[READY_MAX];
} last_ready;

static void ask_backends(struct cg_gateway *gw, struct cg_buf *body, bool *ready)
{
    struct cg_directory *dir = gw->directory(gw);
    struct cg_error err = {0};

    cg_buf_addch(body, '{');
    *ready = report(body, "storage", cg_registry_ping(gw->registry, &err), &err);
    err = (struct cg_error){0};
    *ready &= report(body, "directory", dir->ops->ping(dir, &err), &err);
    cg_buf_addstr(body, "}\n");
}

enum cg_step cg_api_readyz(struct cg_request *req)
{
    struct cg_buf body;
    bool ready;

    cg_buf_init(&body, READY_MAX - 1);
    pthread_mutex_lock(&ready_lock);
    if (last_ready.asked_ms == 0 || cg_clock_mono_ms() - last_ready.asked_ms > READY_FRESH_MS) {
        ask_backends(req->gw, &body, &last_ready.ready);
        snprintf(last_ready.body, sizeof(last_ready.body), "%s", cg_buf_str(&body));
        last_ready.asked_ms = cg_clock_mono_ms();
        cg_buf_reset(&body);
    }
    cg_buf_addstr(&body, last_ready.body);
    ready = last_ready.ready;
    pthread_mutex_unlock(&ready_lock);
    return cg_respond_json(req, ready && !req->gw->draining ? 200 : 503, &body);
}
