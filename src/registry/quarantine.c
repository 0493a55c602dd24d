/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/quarantine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "crategate/clock.h"
#include "log/metrics.h"

/* A flag that is set makes a line a few bytes longer. */
#define GROWTH (1024u * 1024)

struct item {
    char folded[CG_CRATE_NAME_MAX + 1];
    char version[CG_VERSION_MAX + 1];
    struct cg_quarantined why;
};

struct cg_quarantine {
    pthread_mutex_t lock;
    struct cg_map *items;       /* "FOLDED VERSION" -> struct item */
    atomic_size_t count;        /* of items, so that nobody takes the lock for nothing */
    _Atomic int64_t generation; /* of "quarantine" in the database; -1: not read yet. Changes under the storage lock */
};

static const char *const reasons[] = {
    [CG_QUARANTINE_NONE] = "", [CG_QUARANTINE_CHANGED] = "changed", [CG_QUARANTINE_VANISHED] = "vanished"};

#define KEY_SIZE (CG_CRATE_NAME_MAX + CG_VERSION_MAX + 2)

static void make_key(const char *name, const char *version, char out[KEY_SIZE])
{
    char folded[CG_CRATE_NAME_MAX + 1];

    cg_crate_name_fold(name, folded);
    snprintf(out, KEY_SIZE, "%s %s", folded, version);
}

struct cg_quarantine *cg_quarantine_new(void)
{
    struct cg_quarantine *q = cg_calloc(1, sizeof(*q));

    pthread_mutex_init(&q->lock, NULL);
    q->items = cg_map_new(free);
    q->generation = -1;
    return q;
}

/* The items are these now. */
static void replace_items(struct cg_quarantine *q, struct cg_map *items)
{
    struct cg_map *old;

    pthread_mutex_lock(&q->lock);
    old = q->items;
    q->items = items;
    cg_metric_add(CG_METRIC_QUARANTINED, (int64_t)cg_map_count(items) - (int64_t)cg_map_count(old));
    atomic_store(&q->count, cg_map_count(items));
    pthread_mutex_unlock(&q->lock);
    cg_map_free(&old);
}

void cg_quarantine_free(struct cg_quarantine **quarantine)
{
    struct cg_quarantine *q = *quarantine;

    if (!q)
        return;
    cg_metric_add(CG_METRIC_QUARANTINED, -(int64_t)cg_map_count(q->items));
    cg_map_free(&q->items);
    pthread_mutex_destroy(&q->lock);
    free(q);
    *quarantine = NULL;
}

static enum cg_quarantine_reason reason_of(const char *text)
{
    return strcmp(text, reasons[CG_QUARANTINE_VANISHED]) == 0 ? CG_QUARANTINE_VANISHED : CG_QUARANTINE_CHANGED;
}

static enum cg_err take_row(void *cls, const struct cg_quarantine_row *row)
{
    struct item *item = cg_calloc(1, sizeof(*item));
    char key[KEY_SIZE];

    snprintf(item->folded, sizeof(item->folded), "%s", row->crate);
    snprintf(item->version, sizeof(item->version), "%s", row->version);
    snprintf(item->why.cksum, sizeof(item->why.cksum), "%s", row->cksum);
    item->why.reason = reason_of(row->reason);
    item->why.since = row->since;
    make_key(item->folded, item->version, key);
    cg_map_put(cls, key, item);
    return CG_OK;
}

/* The served lines of a crate are to be made again. A folded name may be that of several index names. */
static void forget_served(struct cg_namespace *ns, const char *name)
{
    char known[CG_CRATE_NAME_MAX + 1];

    if (cg_index_memory_folded(ns->mem, name, known))
        cg_index_memory_put(ns->mem, known, NULL);
    else
        cg_index_memory_doubt(ns->mem);
}

static bool forget_item(void *cls, const void *key, size_t len, void *value)
{
    const struct item *item = value;

    (void)key, (void)len;
    forget_served(cls, item->folded);
    return false;
}

enum cg_err cg_quarantine_load(struct cg_namespace *ns, struct cg_error *err)
{
    struct cg_quarantine *q = ns->quarantine;
    struct cg_metadata *md = ns->reg->md;
    struct cg_map *items;
    int64_t generation = 0;
    enum cg_err rc = md->ops->generation(md, "quarantine", &generation, err);

    if (rc != CG_OK || generation == q->generation)
        return rc;
    items = cg_map_new(free);
    rc = md->ops->quarantine_each(md, ns->name, take_row, items, err);
    if (rc != CG_OK) {
        cg_map_free(&items);
        return rc;
    }
    cg_map_each(q->items, forget_item, ns);
    replace_items(q, items);
    cg_map_each(items, forget_item, ns);
    q->generation = generation;
    return CG_OK;
}

bool cg_quarantine_current(struct cg_namespace *ns, int64_t generation)
{
    return ns->quarantine->generation == generation;
}

bool cg_quarantine_any(struct cg_namespace *ns)
{
    return atomic_load(&ns->quarantine->count) != 0;
}

bool cg_quarantine_find(struct cg_namespace *ns, const char *name, const char *version, struct cg_quarantined *out)
{
    struct cg_quarantine *q = ns->quarantine;
    const struct item *item;
    char key[KEY_SIZE];

    if (!cg_quarantine_any(ns))
        return false;
    make_key(name, version, key);
    pthread_mutex_lock(&q->lock);
    item = cg_map_get(q->items, key);
    if (item)
        *out = item->why;
    pthread_mutex_unlock(&q->lock);
    return item != NULL;
}

enum cg_err cg_quarantine_check(struct cg_namespace *ns, const struct cg_index_entry *entry, struct cg_error *err)
{
    struct cg_quarantined why;
    char since[CG_TIME_RFC3339_SIZE];

    if (!cg_quarantine_find(ns, entry->name, entry->version, &why))
        return CG_OK;
    cg_time_rfc3339(why.since, since);
    if (why.reason == CG_QUARANTINE_VANISHED)
        return cg_error_set(err, CG_ERR_ABSENT,
                            "the file of crate `%s` %s has been gone from the repository behind namespace \"%s\" since "
                            "%s or before; tell its administrators, who can put the same file back, or take another "
                            "version",
                            entry->name, entry->version, ns->name, since);
    return cg_error_set(err, CG_ERR_UNAVAILABLE,
                        "crate `%s` %s is in quarantine since %s: its file in the repository behind namespace \"%s\" was "
                        "replaced by another one, which is never given out; tell its administrators, who have to put the "
                        "original back, or take another version",
                        entry->name, entry->version, since, ns->name);
}

enum cg_err cg_quarantine_put(struct cg_namespace *ns, const struct cg_index_entry *entry,
                              const struct cg_quarantined *why, struct cg_error *err)
{
    struct cg_quarantine *q = ns->quarantine;
    struct cg_metadata *md = ns->reg->md;
    char folded[CG_CRATE_NAME_MAX + 1];
    struct cg_quarantine_row row = {.crate = folded,
                                    .version = entry->version,
                                    .reason = reasons[why->reason],
                                    .cksum = why->cksum,
                                    .since = why->since};
    enum cg_err rc;

    cg_crate_name_fold(entry->name, folded);
    rc = md->ops->quarantine_put(md, ns->name, &row, err);
    if (rc != CG_OK)
        return rc;
    pthread_mutex_lock(&q->lock);
    cg_metric_add(CG_METRIC_QUARANTINED, -(int64_t)cg_map_count(q->items));
    take_row(q->items, &row);
    cg_metric_add(CG_METRIC_QUARANTINED, (int64_t)cg_map_count(q->items));
    atomic_store(&q->count, cg_map_count(q->items));
    pthread_mutex_unlock(&q->lock);
    forget_served(ns, folded);
    return CG_OK;
}

enum cg_err cg_quarantine_remove(struct cg_namespace *ns, const char *name, const char *version, struct cg_error *err)
{
    struct cg_quarantine *q = ns->quarantine;
    struct cg_metadata *md = ns->reg->md;
    char folded[CG_CRATE_NAME_MAX + 1], key[KEY_SIZE];
    enum cg_err rc;

    cg_crate_name_fold(name, folded);
    rc = md->ops->quarantine_remove(md, ns->name, folded, version, err);
    if (rc != CG_OK)
        return rc;
    make_key(folded, version, key);
    pthread_mutex_lock(&q->lock);
    if (cg_map_remove(q->items, key))
        cg_metric_add(CG_METRIC_QUARANTINED, -1);
    atomic_store(&q->count, cg_map_count(q->items));
    pthread_mutex_unlock(&q->lock);
    forget_served(ns, folded);
    return CG_OK;
}

struct visiting {
    enum cg_err (*visit)(void *cls, const char *folded, const char *version);
    void *cls;
    enum cg_err rc;
};

static bool visit_item(void *cls, const void *key, size_t len, void *value)
{
    struct visiting *v = cls;
    const struct item *item = value;

    (void)key, (void)len;
    if (v->rc == CG_OK)
        v->rc = v->visit(v->cls, item->folded, item->version);
    return false;
}

enum cg_err cg_quarantine_each(struct cg_namespace *ns,
                               enum cg_err (*visit)(void *cls, const char *folded, const char *version), void *cls)
{
    struct visiting v = {.visit = visit, .cls = cls};

    pthread_mutex_lock(&ns->quarantine->lock);
    cg_map_each(ns->quarantine->items, visit_item, &v);
    pthread_mutex_unlock(&ns->quarantine->lock);
    return v.rc;
}

/* Those of one crate, copied so that the lock is not held while lines are rewritten. */
struct of_crate {
    char folded[CG_CRATE_NAME_MAX + 1];
    struct item *items;
    size_t count;
};

static bool take_of_crate(void *cls, const void *key, size_t len, void *value)
{
    struct of_crate *c = cls;
    const struct item *item = value;

    (void)key, (void)len;
    if (strcmp(item->folded, c->folded) != 0)
        return false;
    c->items = cg_reallocarray(c->items, c->count + 1, sizeof(*c->items));
    c->items[c->count++] = *item;
    return false;
}

/* A line that cannot be found or rewritten stays: the download refuses it all the same. */
static void yank_line(struct cg_buf *text, const char *version)
{
    struct cg_semver semver;
    struct cg_buf fresh;
    bool changed = false;

    cg_buf_init(&fresh, text->max + GROWTH);
    if (cg_semver_parse(version, &semver, NULL) == CG_OK &&
        cg_index_set_yanked(cg_buf_str(text), text->len, &semver, true, &fresh, &changed, NULL) == CG_OK && changed &&
        !cg_buf_failed(&fresh)) {
        struct cg_buf old = *text;

        *text = fresh;
        fresh = old;
    }
    cg_buf_free(&fresh);
}

void cg_quarantine_apply(struct cg_namespace *ns, const char *index_name, struct cg_buf *text, int64_t *since)
{
    struct of_crate c = {0};

    if (!cg_quarantine_any(ns))
        return;
    cg_crate_name_fold(index_name, c.folded);
    pthread_mutex_lock(&ns->quarantine->lock);
    cg_map_each(ns->quarantine->items, take_of_crate, &c);
    pthread_mutex_unlock(&ns->quarantine->lock);
    for (size_t i = 0; i < c.count; i++) {
        yank_line(text, c.items[i].version);
        if (c.items[i].why.since > *since)
            *since = c.items[i].why.since;
    }
    free(c.items);
}
