/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A verification of a namespace whose storage has other writers: a look at it (sync.h), told as problems. Nothing in such
 * a store is ever removed by us. */
#include <stdlib.h>

#include "base/mem.h"
#include "registry/sync.h"
#include "registry/verify_priv.h"

/* What is told of each kind of news; the detail follows. Whether doing it put things right, too. */
static const struct {
    const char *text;
    bool repairs;
} kinds[CG_SYNC_EVENTS] = {
    [CG_SYNC_ADOPTED] = {"is in the repository and not in the index", true},
    [CG_SYNC_REFUSED] = {"is in the repository and cannot be taken in", false},
    [CG_SYNC_CHANGED] = {"is not given out", false},
    [CG_SYNC_VANISHED] = {"is not given out", false},
    [CG_SYNC_RELEASED] = {"need not be in quarantine", true},
    [CG_SYNC_YANKED] = {"is yanked on one side only", true},
    [CG_SYNC_UNYANKED] = {"is yanked on one side only", true},
    [CG_SYNC_NOTED] = {"is yanked on one side only", true},
};

static void take_news(void *cls, const char *ns, const struct cg_sync_news *news)
{
    struct cg_verifying *v = cls;
    char *key;

    (void)ns;
    cg_verify_report(v, news->done && kinds[news->event].repairs, "crate %s %s %s: %s", news->name, news->version,
                     kinds[news->event].text, news->detail);
    if (news->event != CG_SYNC_CHANGED && news->event != CG_SYNC_VANISHED)
        return;
    key = cg_asprintf("%s %s", news->name, news->version);
    cg_map_put(v->told, key, v);
    free(key);
}

static void show_progress(void *cls, const char *ns, uint64_t done, uint64_t total)
{
    struct cg_verifying *v = cls;

    if (v->verify->progress)
        v->verify->progress(v->verify->cls, ns, done, total);
}

static bool is_stopped(void *cls)
{
    return cg_verify_stopped(cls);
}

enum cg_err cg_verify_store(struct cg_verifying *v)
{
    struct cg_sync_report report = {.look_only = !v->verify->repair,
                                    .by_hand = true,
                                    .stopped = is_stopped,
                                    .progress = show_progress,
                                    .tell = take_news,
                                    .cls = v};
    enum cg_err rc;

    CG_ASSERT(v->verify->conf);
    v->told = cg_map_new(NULL);
    rc = cg_registry_sync(v->ns->reg, v->verify->conf, v->ns->name, &report, v->err);
    v->total = report.versions;
    return rc == CG_ERR_UNAVAILABLE && cg_verify_stopped(v) ? CG_OK : rc;
}
