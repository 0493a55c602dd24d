/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What the files behind registry.h share: the registry, its namespaces, and how
 * a crate is found in one.
 *
 * Locks, in this order: a namespace's storage lock (around every change of it),
 * then the index memory's own; `counts_lock`, `doubts_lock`, `plain_lock` and the locks of
 * quarantine.h and sync_state.h are leaves.
 */
#ifndef CG_REGISTRY_REGISTRY_PRIV_H
#define CG_REGISTRY_REGISTRY_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "registry/index_cache.h"
#include "registry/index_scan.h"
#include "registry/registry.h"

/* One index file; a crate with so many versions is refused a further one. */
#define CG_INDEX_FILE_MAX (64u * 1024 * 1024)
#define CG_MANIFEST_MAX (1024u * 1024)

struct cg_open_crates;
struct cg_quarantine;
struct cg_sync_state;

struct cg_namespace {
    struct cg_registry *reg;
    char *name;
    struct cg_storage *st;
    struct cg_index_memory *mem;
    _Atomic int64_t generation; /* of "index" in the database when the names were read; -1: they are to be read again */
    atomic_bool in_use;         /* the configuration has it; else nobody looks after it, and it may not even be there */

    struct cg_quarantine *quarantine; /* never NULL */
    struct cg_sync_state *sync;       /* likewise; of use where the storage has other writers */

    /* Large files that a change has put into memory as they are: compressing one takes longer than all else of a publish. */
    pthread_mutex_t plain_lock;
    struct cg_map *plain; /* index names */

    pthread_mutex_t counts_lock;
    struct cg_map *counts; /* downloads not yet in the database, download.c */

    /* Crates whose derived rows may not fit their index file: at the start those that changed since all were known to fit,
     * because the last process may have been killed between the two, later those whose rows could not be written. */
    pthread_mutex_t doubts_lock;
    char **doubts;
    size_t doubt_count;
    int64_t doubted_at; /* wall seconds: when those of the start were collected; 0: not yet. Written by the maintenance
                         * thread, under doubts_lock for whoever settles them */
    bool settled;       /* none of them is left, and the database knows; theirs who settle: one thread a namespace */
};

struct cg_registry {
    struct cg_metadata *md;
    cg_storage_factory factory;
    struct cg_index_cache *cache;
    struct cg_open_crates *open;
    /* name -> struct cg_namespace. Replaced by a larger one, never changed, so that polling threads read it unlocked;
     * the former ones stay until the end, because nobody knows when the last reader is through. */
    _Atomic(struct cg_map *) table;
    pthread_mutex_t growing;
    struct cg_map **former;
    size_t former_count;
    bool tick_failed; /* the last tick did; the maintenance thread's */
};

/* namespace.c */
enum cg_err cg_namespace_open(struct cg_registry *reg, const struct cg_conf *conf, const struct cg_conf_namespace *ns,
                              struct cg_namespace **ns_out, struct cg_error *err) CG_CHECK;
void cg_namespace_free(struct cg_namespace **ns);
/* The config.json of the static tree: `dl` names the crate files themselves, so that any web server will do. */
enum cg_err cg_namespace_write_config(struct cg_namespace *ns, const char *public_url, struct cg_error *err) CG_CHECK;
/* ABSENT with a sentence. */
enum cg_err cg_namespace_get(struct cg_registry *reg, const char *name, struct cg_namespace **ns_out,
                             struct cg_error *err) CG_CHECK;
/* Reads the names when they have not been, and again when another process has changed the index. Under the storage lock. */
enum cg_err cg_namespace_refresh(struct cg_namespace *ns, struct cg_error *err) CG_CHECK;
/* For who needs to know of every name, and not under the storage lock: reads them when nobody has yet. */
enum cg_err cg_namespace_list(struct cg_namespace *ns, struct cg_error *err) CG_CHECK;
/* The index file as the storage has it, appended to `text`, which must be able to hold CG_INDEX_FILE_MAX. */
enum cg_err cg_namespace_read(struct cg_namespace *ns, const char *index_name, struct cg_buf *text,
                              struct cg_error *err) CG_CHECK;
/* Replaces an index file, in the storage and then in memory; with len 0 it goes. Under the storage lock. */
enum cg_err cg_namespace_write(struct cg_namespace *ns, const char *index_name, const char *text, size_t len,
                               struct cg_error *err) CG_CHECK;
/* Compresses what changes have left as it is. For the maintenance thread. */
void cg_namespace_compress(struct cg_namespace *ns);
/* An index file by way of the memory. ABSENT. */
enum cg_err cg_namespace_load(struct cg_namespace *ns, const char *index_name, struct cg_blob **blob_out,
                              struct cg_error *err) CG_CHECK;

/* The index name of a crate's name in any case; false when it is no name. */
bool cg_index_name(const char *name, char out[CG_CRATE_NAME_MAX + 1]);

/* A crate, or one version of it, as the index has it. `blob` is a reference; what entry.line points to is in it. */
struct cg_found {
    struct cg_namespace *ns;
    struct cg_blob *blob;
    struct cg_index_digest digest; /* cg_find_crate only */
    struct cg_index_entry entry;   /* cg_find_version only */
};
/* `name` in any case. ABSENT with a sentence for namespace, crate or version. */
enum cg_err cg_find_crate(struct cg_registry *reg, const char *ns, const char *name, struct cg_found *out,
                          struct cg_error *err) CG_CHECK;
enum cg_err cg_find_version(struct cg_registry *reg, const char *ns, const char *name, const char *version,
                            struct cg_found *out, struct cg_error *err) CG_CHECK;
void cg_found_free(struct cg_found *found);
enum cg_err cg_absent_crate(struct cg_error *err, const char *ns, const char *name);
enum cg_err cg_absent_version(struct cg_error *err, const char *ns, const char *name, const char *version);

/* download.c: counts to the database. */
enum cg_err cg_counts_flush(struct cg_namespace *ns, struct cg_error *err) CG_CHECK;

/* change.c */
struct cg_owners {
    struct cg_owner *items;
    size_t count;
};
enum cg_err cg_owners_read(struct cg_registry *reg, const char *ns, const char *name, struct cg_owners *out,
                           struct cg_error *err) CG_CHECK;
void cg_owners_free(struct cg_owners *owners);
/* Asks the policy with the crate's owners; fills change->decision. The policy's refusal, or UNAVAILABLE. */
enum cg_err cg_change_decide(struct cg_registry *reg, struct cg_change *change, enum cg_action action,
                             const char *crate, struct cg_error *err) CG_CHECK;
/* What the audit record will say; made printable and cut. */
void cg_change_name(struct cg_change *change, const char *crate, const char *version);
/* An answer that outgrew its buffer is a fault of ours. */
enum cg_err cg_answer_check(const struct cg_buf *out, struct cg_error *err) CG_CHECK;

#endif
