/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "crategate/clock.h"
#include "log/log.h"
#include "log/metrics.h"
#include "registry/quarantine.h"
#include "registry/ready.h"
#include "registry/sync_state.h"

#define CONFIG_MAX 16384

static enum cg_err list_name(void *cls, const char *index_name)
{
    char canonical[CG_CRATE_NAME_MAX + 1];

    /* What cannot be asked for need not be known. */
    if (cg_index_name(index_name, canonical) && strcmp(canonical, index_name) == 0)
        cg_index_memory_list_name(cls, index_name);
    return CG_OK;
}

/* The generation is read before the names: a change in between is noticed the next time. */
static enum cg_err read_names(struct cg_namespace *ns, int64_t generation, struct cg_error *err)
{
    enum cg_err rc;

    cg_index_memory_list_begin(ns->mem);
    rc = ns->st->ops->index_each(ns->st, list_name, ns->mem, err);
    if (rc == CG_OK) {
        cg_index_memory_list_end(ns->mem);
        ns->generation = generation;
    }
    return rc;
}

static enum cg_err index_generation(struct cg_registry *reg, int64_t *out, struct cg_error *err)
{
    return reg->md->ops->generation(reg->md, "index", out, err);
}

enum cg_err cg_namespace_refresh(struct cg_namespace *ns, struct cg_error *err)
{
    int64_t generation = 0;
    enum cg_err rc = index_generation(ns->reg, &generation, err);

    return rc == CG_OK && generation != ns->generation ? read_names(ns, generation, err) : rc;
}

enum cg_err cg_namespace_list(struct cg_namespace *ns, struct cg_error *err)
{
    enum cg_err rc;

    if (cg_index_memory_complete(ns->mem))
        return CG_OK;
    rc = ns->st->ops->lock(ns->st, err);
    if (rc != CG_OK)
        return rc;
    rc = cg_namespace_refresh(ns, err);
    ns->st->ops->unlock(ns->st);
    return rc;
}

enum cg_err cg_namespace_write_config(struct cg_namespace *ns, const char *public_url, struct cg_error *err)
{
    struct cg_buf text, url;
    enum cg_err rc;

    cg_buf_init(&url, CONFIG_MAX);
    cg_buf_init(&text, CONFIG_MAX);
    cg_buf_addf(&url, "%s/%s/crates/{crate}/{crate}-{version}.crate", public_url, ns->name);
    cg_buf_addstr(&text, "{\"dl\":");
    cg_json_quote(&text, cg_buf_str(&url));
    cg_buf_addstr(&text, "}\n");
    rc = ns->st->ops->config_write(ns->st, cg_buf_str(&text), text.len, err);
    cg_buf_free(&text);
    cg_buf_free(&url);
    return rc;
}

/* The names are not listed here: with very many of them that takes a while, and until it is done the disk is asked about
 * each name that somebody wants. */
static enum cg_err fill(struct cg_namespace *ns, const char *public_url, struct cg_error *err)
{
    enum cg_err rc = cg_quarantine_load(ns, err);

    ns->generation = -1;
    return rc == CG_OK ? cg_namespace_write_config(ns, public_url, err) : rc;
}

enum cg_err cg_namespace_open(struct cg_registry *reg, const struct cg_conf *conf, const struct cg_conf_namespace *ns,
                              struct cg_namespace **ns_out, struct cg_error *err)
{
    struct cg_storage *st = NULL;
    enum cg_err rc = reg->factory(conf, ns, &st, err);

    if (rc != CG_OK)
        return rc;
    struct cg_namespace *n = cg_calloc(1, sizeof(*n));
    n->reg = reg;
    n->name = cg_strdup(ns->name);
    atomic_init(&n->in_use, true);
    n->st = st;
    n->mem = cg_index_memory_new(reg->cache);
    n->quarantine = cg_quarantine_new();
    n->sync = cg_sync_state_new();
    n->counts = cg_map_new(free);
    n->plain = cg_map_new(NULL);
    pthread_mutex_init(&n->plain_lock, NULL);
    pthread_mutex_init(&n->counts_lock, NULL);
    pthread_mutex_init(&n->doubts_lock, NULL);
    rc = fill(n, conf->public_url, err);
    if (rc == CG_OK) {
        *ns_out = n;
        return CG_OK;
    }
    cg_namespace_free(&n);
    return rc;
}

void cg_namespace_free(struct cg_namespace **ns)
{
    struct cg_namespace *n = *ns;

    for (size_t i = 0; i < n->doubt_count; i++)
        free(n->doubts[i]);
    free(n->doubts);
    cg_map_free(&n->counts);
    cg_map_free(&n->plain);
    pthread_mutex_destroy(&n->plain_lock);
    cg_quarantine_free(&n->quarantine);
    cg_sync_state_free(&n->sync);
    cg_index_memory_free(&n->mem);
    cg_storage_free(&n->st);
    pthread_mutex_destroy(&n->counts_lock);
    pthread_mutex_destroy(&n->doubts_lock);
    free(n->name);
    free(n);
    *ns = NULL;
}

enum cg_err cg_namespace_get(struct cg_registry *reg, const char *name, struct cg_namespace **ns_out,
                             struct cg_error *err)
{
    struct cg_namespace *ns = cg_map_get(atomic_load(&reg->table), name);

    if (!ns)
        return cg_error_set(err, CG_ERR_ABSENT, "there is no namespace \"%.80s\"", name);
    *ns_out = ns;
    return CG_OK;
}

enum cg_err cg_namespace_read(struct cg_namespace *ns, const char *index_name, struct cg_buf *text,
                              struct cg_error *err)
{
    cg_buf_init(text, CG_INDEX_FILE_MAX);
    return ns->st->ops->index_read(ns->st, index_name, text, NULL, err);
}

static void compress_later(struct cg_namespace *ns, const char *index_name)
{
    pthread_mutex_lock(&ns->plain_lock);
    cg_map_put(ns->plain, index_name, ns);
    pthread_mutex_unlock(&ns->plain_lock);
}

/* What has changed again, or gone from memory, since is left alone: it has been noted anew, or will be read anew. */
static bool compress_one(void *cls, const void *key, size_t len, void *value)
{
    struct cg_namespace *ns = cls;
    struct cg_blob *plain = NULL, *blob;

    (void)len, (void)value;
    if (cg_index_memory_get(ns->mem, key, &plain) == CG_OK && !plain->gzip) {
        blob = cg_blob_new(plain->bytes, plain->len, plain->mtime, 0);
        cg_ready_attach(ns, key, blob);
        cg_index_memory_replace(ns->mem, key, plain, blob);
        cg_blob_unref(&blob);
    }
    cg_blob_unref(&plain);
    return false;
}

void cg_namespace_compress(struct cg_namespace *ns)
{
    struct cg_map *names = NULL;

    pthread_mutex_lock(&ns->plain_lock);
    if (cg_map_count(ns->plain)) {
        names = ns->plain;
        ns->plain = cg_map_new(NULL);
    }
    pthread_mutex_unlock(&ns->plain_lock);
    if (names)
        cg_map_each(names, compress_one, ns);
    cg_map_free(&names);
}

/* What is served of a text that is new on the disk. */
static void serve(struct cg_namespace *ns, const char *index_name, const char *text, size_t len)
{
    int64_t mtime = cg_clock_wall_s();
    struct cg_blob *blob;
    struct cg_buf served;

    cg_buf_init(&served, CG_INDEX_FILE_MAX);
    if (cg_quarantine_any(ns)) {
        cg_buf_add(&served, text, len);
        cg_quarantine_apply(ns, index_name, &served, &mtime);
        text = cg_buf_str(&served);
        len = served.len;
    }
    blob = cg_blob_new(text, len, mtime, len < CG_READY_MIN);
    cg_index_memory_put(ns->mem, index_name, blob);
    if (len >= CG_READY_MIN)
        compress_later(ns, index_name);
    cg_blob_unref(&blob);
    cg_buf_free(&served);
}

enum cg_err cg_namespace_write(struct cg_namespace *ns, const char *index_name, const char *text, size_t len,
                               struct cg_error *err)
{
    enum cg_err rc;

    rc = len ? ns->st->ops->index_write(ns->st, index_name, text, len, err)
             : ns->st->ops->index_remove(ns->st, index_name, err);
    if (rc != CG_OK) {
        /* A failed flush can leave either file in place; whoever asks next shall see which. */
        cg_index_memory_put(ns->mem, index_name, NULL);
        return rc;
    }
    if (!len) {
        cg_index_memory_remove(ns->mem, index_name);
        return CG_OK;
    }
    serve(ns, index_name, text, len);
    return CG_OK;
}

/* One attempt: reads the file and offers it to the memory. */
static enum cg_err read_and_store(struct cg_namespace *ns, const char *index_name, uint64_t generation,
                                  struct cg_blob **blob_out, bool *stored_out, struct cg_error *err)
{
    struct cg_buf text;
    int64_t mtime = 0;
    enum cg_err rc;

    cg_buf_init(&text, CG_INDEX_FILE_MAX);
    rc = ns->st->ops->index_read(ns->st, index_name, &text, &mtime, err);
    if (rc == CG_OK) {
        cg_quarantine_apply(ns, index_name, &text, &mtime);
        *blob_out = cg_blob_new(cg_buf_str(&text), text.len, mtime, 0);
        cg_ready_attach(ns, index_name, *blob_out);
    }
    if (rc == CG_OK || rc == CG_ERR_ABSENT)
        *stored_out = cg_index_memory_store(ns->mem, index_name, generation, *blob_out);
    cg_buf_free(&text);
    return rc;
}

enum cg_err cg_namespace_load(struct cg_namespace *ns, const char *index_name, struct cg_blob **blob_out,
                              struct cg_error *err)
{
    struct cg_blob *blob = NULL;
    uint64_t generation = 0;
    enum cg_err rc;

    /* A change between reading and storing makes what was read old. It takes one change a round to go round. */
    while ((rc = cg_index_memory_begin(ns->mem, index_name, &blob, &generation)) == CG_ERR_AGAIN) {
        bool stored = false;

        cg_metric_add(CG_METRIC_INDEX_MISSES, 1);
        rc = read_and_store(ns, index_name, generation, &blob, &stored, err);
        if (stored || (rc != CG_OK && rc != CG_ERR_ABSENT))
            break;
        cg_blob_unref(&blob);
    }
    if (rc == CG_OK)
        *blob_out = blob;
    return rc;
}

bool cg_index_name(const char *name, char out[CG_CRATE_NAME_MAX + 1])
{
    if (!cg_crate_name_valid(name))
        return false;
    strcpy(out, name); /* at most CG_CRATE_NAME_MAX */
    cg_str_lower(out);
    return true;
}

enum cg_err cg_absent_crate(struct cg_error *err, const char *ns, const char *name)
{
    char shown[160];

    cg_str_printable(name, strlen(name), shown, sizeof(shown));
    return cg_error_set(err, CG_ERR_ABSENT, "crate `%s` does not exist in namespace \"%s\"", shown, ns);
}

enum cg_err cg_absent_version(struct cg_error *err, const char *ns, const char *name, const char *version)
{
    char shown[160];

    cg_str_printable(version, strlen(version), shown, sizeof(shown));
    return cg_error_set(err, CG_ERR_ABSENT, "crate `%s` in namespace \"%s\" has no version `%s`", name, ns, shown);
}

static enum cg_err find_blob(struct cg_registry *reg, const char *ns, const char *name, struct cg_found *out,
                             struct cg_error *err)
{
    char index_name[CG_CRATE_NAME_MAX + 1];
    enum cg_err rc = cg_namespace_get(reg, ns, &out->ns, err);

    if (rc != CG_OK)
        return rc;
    rc = cg_index_name(name, index_name) ? cg_namespace_load(out->ns, index_name, &out->blob, err) : CG_ERR_ABSENT;
    return rc == CG_ERR_ABSENT ? cg_absent_crate(err, ns, name) : rc;
}

enum cg_err cg_find_crate(struct cg_registry *reg, const char *ns, const char *name, struct cg_found *out,
                          struct cg_error *err)
{
    struct cg_found found = {0};
    enum cg_err rc = find_blob(reg, ns, name, &found, err);

    if (rc == CG_OK && !cg_index_digest(found.blob->bytes, found.blob->len, &found.digest))
        rc = cg_absent_crate(err, ns, name);
    if (rc == CG_OK)
        *out = found;
    else
        cg_found_free(&found);
    return rc;
}

enum cg_err cg_find_version(struct cg_registry *reg, const char *ns, const char *name, const char *version,
                            struct cg_found *out, struct cg_error *err)
{
    struct cg_found found = {0};
    enum cg_err rc = find_blob(reg, ns, name, &found, err);

    if (rc == CG_OK && !cg_index_scan_find(found.blob->bytes, found.blob->len, version, &found.entry))
        rc = cg_absent_version(err, ns, name, version);
    if (rc == CG_OK)
        *out = found;
    else
        cg_found_free(&found);
    return rc;
}

void cg_found_free(struct cg_found *found)
{
    cg_blob_unref(&found->blob);
}
