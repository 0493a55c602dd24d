/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Crates on their way out, and how often. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/log.h"
#include "log/metrics.h"
#include "registry/open_crates.h"
#include "registry/quarantine.h"

/* Downloads of one version that the database does not know of yet. */
struct tally {
    char crate[CG_CRATE_NAME_MAX + 1]; /* folded */
    char version[CG_VERSION_MAX + 1];
    uint64_t count;
};

static void add_to_tally(struct cg_namespace *ns, const char *folded, const char *version, uint64_t count)
{
    char key[CG_CRATE_NAME_MAX + CG_VERSION_MAX + 2];
    struct tally *tally;

    stpcpy(stpcpy(stpcpy(key, folded), " "), version); /* each was bounded by whoever read it */
    pthread_mutex_lock(&ns->counts_lock);
    tally = cg_map_get(ns->counts, key);
    if (!tally) {
        tally = cg_calloc(1, sizeof(*tally));
        strcpy(tally->crate, folded);
        strcpy(tally->version, version);
        cg_map_put(ns->counts, key, tally);
    }
    tally->count += count;
    pthread_mutex_unlock(&ns->counts_lock);
}

static void count_download(struct cg_namespace *ns, const struct cg_open_facts *facts)
{
    add_to_tally(ns, facts->folded, facts->version, 1);
    cg_metric_add(CG_METRIC_DOWNLOADS, 1);
}

struct batch {
    struct cg_namespace *ns;
    struct cg_download_count *counts;
    size_t count;
};

static bool add_to_batch(void *cls, const void *key, size_t len, void *value)
{
    struct batch *batch = cls;
    const struct tally *tally = value;

    (void)key, (void)len;
    batch->counts[batch->count++] = (struct cg_download_count){
        .namespace_name = batch->ns->name, .crate = tally->crate, .version = tally->version, .count = tally->count};
    return false;
}

static struct cg_map *take_counts(struct cg_namespace *ns)
{
    struct cg_map *taken = NULL;

    pthread_mutex_lock(&ns->counts_lock);
    if (cg_map_count(ns->counts)) {
        taken = ns->counts;
        ns->counts = cg_map_new(free);
    }
    pthread_mutex_unlock(&ns->counts_lock);
    return taken;
}

enum cg_err cg_counts_flush(struct cg_namespace *ns, struct cg_error *err)
{
    struct cg_metadata *md = ns->reg->md;
    struct cg_map *taken = take_counts(ns);
    struct batch batch = {.ns = ns};
    enum cg_err rc;

    if (!taken)
        return CG_OK;
    batch.counts = cg_calloc(cg_map_count(taken), sizeof(*batch.counts));
    cg_map_each(taken, add_to_batch, &batch);
    rc = md->ops->downloads_add(md, batch.counts, batch.count, err);
    /* What could not be written waits for the next time, beside what has come in since. */
    for (size_t i = 0; rc != CG_OK && i < batch.count; i++)
        add_to_tally(ns, batch.counts[i].crate, batch.counts[i].version, batch.counts[i].count);
    free(batch.counts);
    cg_map_free(&taken);
    return rc;
}

static enum cg_err open_crate(const struct cg_found *found, struct cg_crate_file *file_out, struct cg_error *err)
{
    struct cg_storage *st = found->ns->st;
    const struct cg_index_entry *entry = &found->entry;
    enum cg_err rc = st->ops->crate_send
                         ? st->ops->crate_send(st, entry->name, entry->version, entry->cksum, file_out, err)
                         : st->ops->crate_open(st, entry->name, entry->version, file_out, err);

    if (rc != CG_ERR_ABSENT)
        return rc;
    cg_log(CG_LOG_ERROR, "registry", NULL, "namespace=%s crate=%s version=%s: in the index, but its .crate is gone",
           found->ns->name, found->entry.name, found->entry.version);
    return cg_error_set(err, CG_ERR_ABSENT,
                        "the file of crate `%s` %s is missing from the registry's store; tell its administrators",
                        found->entry.name, found->entry.version);
}

enum cg_err cg_registry_etag(struct cg_registry *reg, const char *ns, const char *name, const char *version,
                             char etag_out[CG_ETAG_SIZE + 32], struct cg_error *err)
{
    struct cg_found found = {0};
    enum cg_err rc = cg_find_version(reg, ns, name, version, &found, err);

    if (rc == CG_OK)
        snprintf(etag_out, CG_ETAG_SIZE + 32, "\"%s\"", found.entry.cksum);
    cg_found_free(&found);
    return rc;
}

static struct cg_open_facts facts_of(const struct cg_index_entry *entry)
{
    struct cg_open_facts facts;

    snprintf(facts.etag, sizeof(facts.etag), "\"%s\"", entry->cksum);
    cg_crate_name_fold(entry->name, facts.folded);
    strcpy(facts.version, entry->version); /* at most CG_VERSION_MAX */
    return facts;
}

/* False when there is no such crate. `index_name` is what the key points to. */
static bool open_key(struct cg_registry *reg, const char *ns, const char *name, const char *version,
                     char index_name[CG_CRATE_NAME_MAX + 1], struct cg_open_key *out)
{
    struct cg_namespace *n = cg_map_get(atomic_load(&reg->table), ns);

    if (!n || !cg_index_name(name, index_name))
        return false;
    *out = (struct cg_open_key){.ns = n, .index_name = index_name, .version = version};
    return cg_index_memory_generation(n->mem, index_name, &out->generation);
}

enum cg_err cg_registry_download_fast(struct cg_registry *reg, const char *ns, const char *name, const char *version,
                                      bool count, struct cg_crate_file *file_out, char etag_out[CG_ETAG_SIZE + 32])
{
    char index_name[CG_CRATE_NAME_MAX + 1];
    struct cg_open_key key;
    struct cg_open_facts facts;

    struct cg_quarantined why;

    if (!open_key(reg, ns, name, version, index_name, &key) || !cg_open_crates_get(reg->open, &key, file_out, &facts))
        return CG_ERR_AGAIN;
    /* Of two index names that fold to the same, only one is given another generation. */
    if (cg_quarantine_find(key.ns, facts.folded, facts.version, &why)) {
        cg_crate_file_close(file_out);
        return CG_ERR_AGAIN;
    }
    memcpy(etag_out, facts.etag, sizeof(facts.etag));
    if (count)
        count_download(key.ns, &facts);
    return CG_OK;
}

enum cg_err cg_registry_download(struct cg_registry *reg, const char *ns, const char *name, const char *version,
                                 bool count, struct cg_crate_file *file_out, char etag_out[CG_ETAG_SIZE + 32],
                                 struct cg_error *err)
{
    char index_name[CG_CRATE_NAME_MAX + 1];
    struct cg_open_key key;
    struct cg_open_facts facts;
    struct cg_found found = {0};
    /* Before anything is looked at: what changes meanwhile makes another generation. */
    bool keeps = open_key(reg, ns, name, version, index_name, &key);
    /* The index decides what exists: a crate file that it does not name is none. */
    enum cg_err rc = cg_find_version(reg, ns, name, version, &found, err);

    if (rc != CG_OK)
        return rc;
    rc = cg_quarantine_check(found.ns, &found.entry, err);
    if (rc == CG_OK)
        rc = open_crate(&found, file_out, err);
    if (rc == CG_OK) {
        facts = facts_of(&found.entry);
        memcpy(etag_out, facts.etag, sizeof(facts.etag));
        if (keeps)
            cg_open_crates_put(reg->open, &key, file_out, &facts);
        if (count)
            count_download(found.ns, &facts);
    }
    cg_found_free(&found);
    return rc;
}
