/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/registry.h"

#include <stdlib.h>

#include "base/mem.h"
#include "crategate/clock.h"
#include "log/log.h"
#include "log/metrics.h"
#include "registry/derive.h"
#include "registry/open_crates.h"
#include "registry/quarantine.h"
#include "registry/sync_state.h"

/* How long one tick may look at doubtful crates: the maintenance thread has other things to do. */
#define SETTLE_MS 100

/* Adding to the table */

static bool copy_namespace(void *cls, const void *key, size_t len, void *value)
{
    cg_map_put_bytes(cls, key, len, value);
    return false;
}

static bool free_namespace(void *cls, const void *key, size_t len, void *value)
{
    struct cg_namespace *ns = value;
    struct cg_error err = {0};

    (void)cls, (void)key, (void)len;
    if (cg_counts_flush(ns, &err) != CG_OK)
        cg_log_error(CG_LOG_WARN, "registry", NULL, &err, "namespace=%s: the last downloads are not counted", ns->name);
    cg_namespace_free(&ns);
    return true;
}

/* Readers may be in the old table for as long as they like. */
static void publish_table(struct cg_registry *reg, struct cg_map *table)
{
    struct cg_map *old = atomic_exchange(&reg->table, table);

    reg->former = cg_reallocarray(reg->former, reg->former_count + 1, sizeof(*reg->former));
    reg->former[reg->former_count++] = old;
}

/* Opens what the configuration names and the table lacks, into `fresh`. */
static enum cg_err open_fresh(struct cg_registry *reg, const struct cg_conf *conf, struct cg_map *fresh,
                              struct cg_error *err)
{
    enum cg_err rc = CG_OK;

    for (size_t i = 0; rc == CG_OK && i < conf->namespace_count; i++) {
        const struct cg_conf_namespace *wanted = &conf->namespaces[i];
        struct cg_namespace *ns = NULL;

        if (cg_map_get(atomic_load(&reg->table), wanted->name))
            continue;
        rc = cg_namespace_open(reg, conf, wanted, &ns, err);
        if (rc == CG_OK)
            cg_map_put(fresh, ns->name, ns);
        else
            cg_error_prefix(err, "namespace \"%s\" cannot be opened", wanted->name);
    }
    return rc;
}

static enum cg_err add_namespaces(struct cg_registry *reg, const struct cg_conf *conf, struct cg_error *err)
{
    struct cg_map *fresh = cg_map_new(NULL), *table;
    enum cg_err rc = open_fresh(reg, conf, fresh, err);

    if (rc != CG_OK) {
        cg_map_each(fresh, free_namespace, NULL);
    } else if (cg_map_count(fresh)) {
        table = cg_map_new(NULL);
        cg_map_each(atomic_load(&reg->table), copy_namespace, table);
        cg_map_each(fresh, copy_namespace, table);
        publish_table(reg, table);
    }
    cg_map_free(&fresh);
    return rc;
}

enum cg_err cg_registry_new(const struct cg_conf *conf, struct cg_metadata *md, cg_storage_factory factory,
                            struct cg_registry **reg_out, struct cg_error *err)
{
    struct cg_registry *reg = cg_calloc(1, sizeof(*reg));
    enum cg_err rc;

    reg->md = md;
    reg->factory = factory;
    reg->cache = cg_index_cache_new(conf->index_cache_size);
    reg->open = cg_open_crates_new();
    pthread_mutex_init(&reg->growing, NULL);
    atomic_init(&reg->table, cg_map_new(NULL));
    rc = add_namespaces(reg, conf, err);
    if (rc == CG_OK)
        *reg_out = reg;
    else
        cg_registry_free(&reg);
    return rc;
}

static bool mark_in_use(void *cls, const void *key, size_t len, void *value)
{
    struct cg_namespace *ns = value;
    bool wanted = cg_conf_namespace(cls, ns->name) != NULL;

    (void)key, (void)len;
    /* While it was out of use nobody followed what other processes did to it. */
    if (wanted && !atomic_load(&ns->in_use))
        ns->generation = -1;
    /* What was not taken in from its store by the old configuration may be by the new one. */
    cg_sync_state_forgive(ns->sync);
    atomic_store(&ns->in_use, wanted);
    return false;
}

/* A namespace that was known keeps its storage; only the address in its static config.json may be another. */
static void rewrite_config(struct cg_registry *reg, const struct cg_conf *conf)
{
    for (size_t i = 0; i < conf->namespace_count; i++) {
        struct cg_namespace *ns = cg_map_get(atomic_load(&reg->table), conf->namespaces[i].name);
        struct cg_error err = {0};

        if (cg_namespace_write_config(ns, conf->public_url, &err) != CG_OK)
            cg_log_error(CG_LOG_WARN, "registry", NULL, &err, "namespace=%s: index/config.json is not up to date",
                         ns->name);
    }
}

enum cg_err cg_registry_reconfigure(struct cg_registry *reg, const struct cg_conf *conf, struct cg_error *err)
{
    enum cg_err rc;

    pthread_mutex_lock(&reg->growing);
    rc = add_namespaces(reg, conf, err);
    if (rc == CG_OK) {
        cg_index_cache_set_limit(reg->cache, conf->index_cache_size);
        cg_map_each(atomic_load(&reg->table), mark_in_use, (void *)conf);
        rewrite_config(reg, conf);
    }
    pthread_mutex_unlock(&reg->growing);
    return rc;
}

void cg_registry_free(struct cg_registry **reg)
{
    struct cg_registry *r = *reg;
    struct cg_map *table;

    if (!r)
        return;
    table = atomic_load(&r->table);
    cg_map_each(table, free_namespace, NULL);
    cg_map_free(&table);
    for (size_t i = 0; i < r->former_count; i++)
        cg_map_free(&r->former[i]);
    free(r->former);
    cg_open_crates_free(&r->open);
    cg_index_cache_free(&r->cache);
    pthread_mutex_destroy(&r->growing);
    free(r);
    *reg = NULL;
}

/* Every second */

struct tick {
    int64_t generation, quarantine;
    int64_t until_ms;
    enum cg_err rc; /* the first fault */
    struct cg_error *err;
};

static enum cg_err refresh_locked(struct cg_namespace *ns, struct cg_error *err)
{
    enum cg_err rc = ns->st->ops->lock(ns->st, err);

    if (rc != CG_OK)
        return rc;
    rc = cg_namespace_refresh(ns, err);
    if (rc == CG_OK)
        rc = cg_quarantine_load(ns, err);
    ns->st->ops->unlock(ns->st);
    return rc;
}

/* One namespace's fault is not another's. */
static bool tick_namespace(void *cls, const void *key, size_t len, void *value)
{
    struct tick *tick = cls;
    struct cg_namespace *ns = value;
    struct cg_error *err = tick->rc == CG_OK ? tick->err : NULL;
    enum cg_err rc;

    (void)key, (void)len;
    if (!atomic_load(&ns->in_use)) /* its counts wait */
        return false;
    cg_namespace_compress(ns);
    rc = cg_counts_flush(ns, err);
    if (rc == CG_OK && (tick->generation != ns->generation || !cg_quarantine_current(ns, tick->quarantine)))
        rc = refresh_locked(ns, err);
    if (rc == CG_OK && !ns->doubted_at)
        rc = cg_derive_doubt_start(ns, err);
    if (rc == CG_OK && !ns->st->ops->crate_read) /* else somebody who may wait for another server does it */
        rc = cg_derive_settle(ns, tick->until_ms, err);
    if (tick->rc == CG_OK)
        tick->rc = rc;
    return false;
}

void cg_registry_tick(struct cg_registry *reg)
{
    struct cg_error err = {0};
    struct tick tick = {.until_ms = cg_clock_mono_ms() + SETTLE_MS, .err = &err};

    cg_open_crates_sweep(reg->open);
    tick.rc = reg->md->ops->generation(reg->md, "index", &tick.generation, &err);
    if (tick.rc == CG_OK)
        tick.rc = reg->md->ops->generation(reg->md, "quarantine", &tick.quarantine, &err);
    if (tick.rc == CG_OK)
        cg_map_each(atomic_load(&reg->table), tick_namespace, &tick);
    /* Told when it begins and when it ends, not every second. */
    if (tick.rc != CG_OK && !reg->tick_failed)
        cg_log_error(CG_LOG_WARN, "registry", NULL, &err, "maintenance has to wait");
    if (tick.rc == CG_OK && reg->tick_failed)
        cg_log(CG_LOG_INFO, "registry", NULL, "maintenance goes on");
    reg->tick_failed = tick.rc != CG_OK;
}

enum cg_err cg_registry_settle(struct cg_registry *reg, const char *ns, int64_t until_ms, struct cg_error *err)
{
    struct cg_namespace *n = NULL;
    enum cg_err rc = cg_namespace_get(reg, ns, &n, err);

    return rc == CG_OK && n->st->ops->crate_read ? cg_derive_settle(n, until_ms, err) : rc;
}

struct ping {
    enum cg_err rc;
    struct cg_error *err;
};

static bool ping_namespace(void *cls, const void *key, size_t len, void *value)
{
    struct ping *ping = cls;
    struct cg_namespace *ns = value;
    struct cg_error why = {0};

    (void)key, (void)len;
    if (ping->rc != CG_OK || !atomic_load(&ns->in_use))
        return false;
    ping->rc = ns->st->ops->ping(ns->st, &why);
    if (ping->rc == CG_OK)
        return false;
    cg_log_error(CG_LOG_ERROR, "registry", NULL, &why, "the storage of namespace %s does not answer", ns->name);
    /* Readiness answers anybody, and a namespace's name is not for anybody. */
    cg_error_set(ping->err, ping->rc, "the storage of a namespace does not answer; the log says whose");
    return false;
}

enum cg_err cg_registry_ping(struct cg_registry *reg, struct cg_error *err)
{
    struct ping ping = {.err = err};

    cg_map_each(atomic_load(&reg->table), ping_namespace, &ping);
    return ping.rc;
}

/* Stops at the first one. */
static bool find_degraded(void *cls, const void *key, size_t len, void *value)
{
    struct ping *ping = cls;
    struct cg_namespace *ns = value;

    (void)key, (void)len;
    if (ping->rc == CG_OK && atomic_load(&ns->in_use) && ns->st->ops->degraded &&
        ns->st->ops->degraded(ns->st, ping->err))
        ping->rc = CG_ERR_UNAVAILABLE;
    return false;
}

bool cg_registry_degraded(struct cg_registry *reg, struct cg_error *why)
{
    struct ping ping = {.err = why};

    cg_map_each(atomic_load(&reg->table), find_degraded, &ping);
    return ping.rc != CG_OK;
}

/* The index */

static void add_url(struct cg_buf *out, const char *key, const struct cg_conf *conf, const char *ns, const char *tail)
{
    struct cg_buf url;

    cg_buf_init(&url, 8192);
    cg_buf_addf(&url, "%s/api/cargo/%s%s", conf->public_url, ns, tail);
    cg_json_quote(out, key);
    cg_buf_addch(out, ':');
    cg_json_quote(out, cg_buf_str(&url));
    cg_buf_free(&url);
}

void cg_registry_config_json(const struct cg_conf *conf, const char *ns, bool auth_required, struct cg_buf *out)
{
    cg_buf_addch(out, '{');
    add_url(out, "dl", conf, ns, "/v1/crates");
    cg_buf_addch(out, ',');
    add_url(out, "api", conf, ns, ""); /* no slash at the end: cargo appends "/api/v1/..." as it is */
    if (auth_required)
        cg_buf_addstr(out, ",\"auth-required\":true");
    cg_buf_addch(out, '}');
}

/* The namespace and the index name that a path means; NULL when there is neither. */
static struct cg_namespace *by_path(struct cg_registry *reg, const char *ns, const char *path, const char **name_out)
{
    *name_out = cg_index_path_name(path);
    return *name_out ? cg_map_get(atomic_load(&reg->table), ns) : NULL;
}

enum cg_err cg_registry_index(struct cg_registry *reg, const char *ns, const char *path, struct cg_blob **blob_out)
{
    const char *index_name;
    struct cg_namespace *n = by_path(reg, ns, path, &index_name);
    enum cg_err rc = n ? cg_index_memory_get(n->mem, index_name, blob_out) : CG_ERR_ABSENT;

    if (rc != CG_ERR_AGAIN)
        cg_metric_add(CG_METRIC_INDEX_HITS, 1);
    return rc;
}

enum cg_err cg_registry_index_load(struct cg_registry *reg, const char *ns, const char *path, struct cg_blob **blob_out,
                                   struct cg_error *err)
{
    const char *index_name;
    struct cg_namespace *n = by_path(reg, ns, path, &index_name);

    if (!n)
        return cg_error_set(err, CG_ERR_ABSENT, "there is no index file at this path");
    return cg_namespace_load(n, index_name, blob_out, err);
}
