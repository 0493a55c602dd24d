/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The database: tokens and what was last known of their owners, owners of
 * crates, download counts, and what is derived from the crates (summaries for
 * search, versions, dependencies for reverse lookups), and what is known of
 * stores with other writers: versions in quarantine, yanks as noted there.
 * Drivers: src/metadata/sqlite, and tests/fakes/fake_metadata.
 *
 * `crate` is the folded name everywhere in here (lower case, `_` -> `-`), so
 * that no two spellings are two rows; `name` the spelling as published. What is
 * derived can be dropped (derived_clear) and rebuilt from storage; tokens,
 * owners and counts cannot.
 *
 * Every change is one durable transaction; that of release_put becomes durable
 * with the next one. Errors: ABSENT, CONFLICT (token
 * digest exists), UNAVAILABLE (database busy, full or broken), INTERNAL.
 * Threading: any number of workers at once; never a polling thread.
 */
#ifndef CRATEGATE_METADATA_H
#define CRATEGATE_METADATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crategate/err.h"
#include "crategate/token.h"

struct cg_metadata;

enum cg_owner_kind { CG_OWNER_USER, CG_OWNER_GROUP };

/* An owner of one crate. id is stable for the namespace and crate, > 0 and < 2^32 (cargo-protocol.md 5.4). */
struct cg_owner {
    uint32_t id;
    enum cg_owner_kind kind;
    char *login;      /* "alice" or "group:payments" as it was given */
    char *subject;    /* user: the entry's UUID; group: the canonical DN */
};

/* What search and the crates.io-shaped reads need of a crate. Borrowed pointers when passed in. */
struct cg_crate_summary {
    const char *namespace_name;
    const char *crate; /* folded */
    const char *name;
    const char *max_version;        /* highest not yanked, else highest; prereleases only when there is nothing else */
    const char *max_stable_version; /* "" when there is none */
    const char *description;
    const char *keywords;   /* separated by blanks */
    const char *categories; /* separated by blanks */
    const char *homepage;
    const char *documentation;
    const char *repository;
    int64_t created_at; /* wall seconds */
    int64_t updated_at;
    int64_t downloads; /* out only */
};

struct cg_version_row {
    const char *version;
    const char *license;
    const char *readme_path; /* path inside the package, "" when there is none */
    const char *published_by; /* login, "" when unknown */
    uint64_t crate_size;
    int64_t published_at;
    int64_t downloads; /* out only */
};

/* One dependency edge, for reverse lookups. registry "" means the same registry. */
struct cg_dependency_row {
    const char *crate; /* folded name of the dependency */
    const char *registry;
    const char *req;
    const char *kind; /* normal | dev | build */
    const char *target; /* "" when there is none */
    bool optional;
    bool default_features;
    const char *features; /* separated by blanks */
};

struct cg_reverse_row {
    const char *name;    /* the dependent crate, as published */
    const char *version; /* its version */
    struct cg_dependency_row dependency;
    int64_t downloads;
};

enum cg_search_sort { CG_SORT_RELEVANCE, CG_SORT_ALPHA, CG_SORT_DOWNLOADS, CG_SORT_RECENT_UPDATES, CG_SORT_NEW };

struct cg_search {
    const char *namespace_name;
    const char *query; /* words; blanks separate; "" matches all */
    enum cg_search_sort sort;
    unsigned per_page; /* 1..100 */
    unsigned page;     /* from 1 */
};

struct cg_download_count {
    const char *namespace_name;
    const char *crate;
    const char *version;
    uint64_t count; /* to be added */
};

/* What the directory last said of somebody whose tokens are used: kept so that a restart while the directory is down does
 * not stop every build. Drivers only store it; authn writes it, judges it and trusts it no further than its `mac` goes.
 * Borrowed pointers. */
struct cg_subject_row {
    const char *id;       /* the entry's UUID, or "group:DN" */
    int verdict;          /* authn's */
    int64_t asked_at;     /* wall seconds */
    int64_t gone_since;   /* wall seconds, 0: not gone */
    int64_t suspended_at; /* wall seconds, 0: not suspended */
    const char *identity; /* JSON text */
    unsigned char mac[CG_TOKEN_DIGEST_SIZE];
};

/* A version that is in the index but must not be given out, because its file in a store with other writers is not what it
 * was. Borrowed pointers. */
struct cg_quarantine_row {
    const char *crate; /* folded */
    const char *version;
    const char *reason; /* "changed" | "vanished" */
    const char *cksum;  /* sha256 of the file as it was found, hex; "" when there is none */
    int64_t since;      /* wall seconds */
};

/* What such a store was last told, or told us, about the yank of a version. Borrowed pointers. */
struct cg_yank_note {
    const char *crate; /* folded */
    const char *version;
    bool yanked;
    int64_t noted_at; /* wall seconds */
};

/* Visitors: the pointers in the row are valid during the call only. Non-OK stops. */
typedef enum cg_err (*cg_token_visit)(void *cls, struct cg_token *token); /* takes its own reference to keep it */
typedef enum cg_err (*cg_subject_visit)(void *cls, const struct cg_subject_row *row);
typedef enum cg_err (*cg_owner_visit)(void *cls, const struct cg_owner *owner);
typedef enum cg_err (*cg_summary_visit)(void *cls, const struct cg_crate_summary *summary);
typedef enum cg_err (*cg_version_visit)(void *cls, const struct cg_version_row *row);
typedef enum cg_err (*cg_reverse_visit)(void *cls, const struct cg_reverse_row *row);
typedef enum cg_err (*cg_quarantine_visit)(void *cls, const struct cg_quarantine_row *row);
typedef enum cg_err (*cg_yank_note_visit)(void *cls, const struct cg_yank_note *note);

/* The rows of a version that was just published; those of the crate as they are with it. Borrowed. */
struct cg_release {
    const struct cg_crate_summary *crate;
    const struct cg_version_row *version;
    const struct cg_dependency_row *deps;
    size_t dep_count;
};

struct cg_metadata_ops {
    const char *name; /* "sqlite" */

    /* Tokens. insert sets *id_out; delete is ABSENT for an unknown id. */
    enum cg_err (*token_insert)(struct cg_metadata *md, const struct cg_token *token, int64_t *id_out,
                                struct cg_error *err) CG_CHECK;
    enum cg_err (*token_delete)(struct cg_metadata *md, int64_t id, struct cg_error *err) CG_CHECK;
    enum cg_err (*token_each)(struct cg_metadata *md, cg_token_visit visit, void *cls, struct cg_error *err) CG_CHECK;
    /* Sets last use of several tokens at once: ids[i] at times[i]. */
    enum cg_err (*token_touch)(struct cg_metadata *md, const int64_t *ids, const int64_t *times, size_t count,
                               struct cg_error *err) CG_CHECK;

    /* Verdicts. put writes several at once, each in place of the one before; delete of an unknown id is OK. */
    enum cg_err (*subject_put)(struct cg_metadata *md, const struct cg_subject_row *rows, size_t count,
                               struct cg_error *err) CG_CHECK;
    enum cg_err (*subject_each)(struct cg_metadata *md, cg_subject_visit visit, void *cls,
                                struct cg_error *err) CG_CHECK;
    enum cg_err (*subject_delete)(struct cg_metadata *md, const char *const *ids, size_t count,
                                  struct cg_error *err) CG_CHECK;

    /* Generations: numbers that grow when something changed, by whichever process: "tokens", "index", "owners",
     * "quarantine". */
    enum cg_err (*generation)(struct cg_metadata *md, const char *what, int64_t *value_out,
                              struct cg_error *err) CG_CHECK;
    enum cg_err (*generation_bump)(struct cg_metadata *md, const char *what, struct cg_error *err) CG_CHECK;

    /* Owners. add of one who is an owner already is OK; remove of one who is not is ABSENT. each with crate NULL: the
     * owners of any crate of the namespace, each subject once. */
    enum cg_err (*owner_add)(struct cg_metadata *md, const char *ns, const char *crate, const struct cg_owner *owner,
                             struct cg_error *err) CG_CHECK;
    enum cg_err (*owner_remove)(struct cg_metadata *md, const char *ns, const char *crate, const char *login,
                                struct cg_error *err) CG_CHECK;
    enum cg_err (*owner_each)(struct cg_metadata *md, const char *ns, const char *crate, cg_owner_visit visit,
                              void *cls, struct cg_error *err) CG_CHECK;

    /* Quarantine. put replaces; remove of what is not in it is OK. */
    enum cg_err (*quarantine_put)(struct cg_metadata *md, const char *ns, const struct cg_quarantine_row *row,
                                  struct cg_error *err) CG_CHECK;
    enum cg_err (*quarantine_remove)(struct cg_metadata *md, const char *ns, const char *crate, const char *version,
                                     struct cg_error *err) CG_CHECK;
    enum cg_err (*quarantine_each)(struct cg_metadata *md, const char *ns, cg_quarantine_visit visit, void *cls,
                                   struct cg_error *err) CG_CHECK;
    /* Yanks as noted in the store. put replaces. */
    enum cg_err (*yank_note_put)(struct cg_metadata *md, const char *ns, const struct cg_yank_note *note,
                                 struct cg_error *err) CG_CHECK;
    enum cg_err (*yank_note_each)(struct cg_metadata *md, const char *ns, cg_yank_note_visit visit, void *cls,
                                  struct cg_error *err) CG_CHECK;

    /* Download counts, added in a batch. */
    enum cg_err (*downloads_add)(struct cg_metadata *md, const struct cg_download_count *counts, size_t count,
                                 struct cg_error *err) CG_CHECK;

    /* Derived data. crate_put replaces the summary; version_put replaces the version's row and dependencies. */
    enum cg_err (*crate_put)(struct cg_metadata *md, const struct cg_crate_summary *summary,
                             struct cg_error *err) CG_CHECK;
    enum cg_err (*version_put)(struct cg_metadata *md, const char *ns, const char *crate,
                               const struct cg_version_row *row, const struct cg_dependency_row *deps,
                               size_t dep_count, struct cg_error *err) CG_CHECK;
    /* Both for a version that was just published, as one transaction that is not flushed. A loss of power may take it
     * back, and all of its kind since the last change that was flushed, never one of them in part. That loses nothing:
     * the index file, which is durable before, has changed since `settled`, so the next start makes the rows again.
     * Only who published is then known to the audit trail alone. */
    enum cg_err (*release_put)(struct cg_metadata *md, const struct cg_release *release, struct cg_error *err) CG_CHECK;
    enum cg_err (*crate_get)(struct cg_metadata *md, const char *ns, const char *crate, cg_summary_visit visit,
                             void *cls, struct cg_error *err) CG_CHECK; /* ABSENT when unknown */
    enum cg_err (*version_each)(struct cg_metadata *md, const char *ns, const char *crate, cg_version_visit visit,
                                void *cls, struct cg_error *err) CG_CHECK;
    enum cg_err (*crate_remove)(struct cg_metadata *md, const char *ns, const char *crate,
                                struct cg_error *err) CG_CHECK; /* derived rows and counts; owners stay */
    /* Until when (wall seconds) all derived rows of a namespace are known to fit its index; 0 when nobody has said so.
     * To set it is a flushed change: it becomes durable after the rows it speaks of. */
    enum cg_err (*settled)(struct cg_metadata *md, const char *ns, int64_t *at_out, struct cg_error *err) CG_CHECK;
    enum cg_err (*settled_set)(struct cg_metadata *md, const char *ns, int64_t at, struct cg_error *err) CG_CHECK;
    enum cg_err (*derived_clear)(struct cg_metadata *md, const char *ns, struct cg_error *err) CG_CHECK;

    /* Page of matches; *total_out counts all. */
    enum cg_err (*search)(struct cg_metadata *md, const struct cg_search *search, cg_summary_visit visit, void *cls,
                          uint64_t *total_out, struct cg_error *err) CG_CHECK;
    /* Who depends on (ns, crate)? Only dependents in the same namespace. */
    enum cg_err (*reverse)(struct cg_metadata *md, const char *ns, const char *crate, unsigned per_page, unsigned page,
                           cg_reverse_visit visit, void *cls, uint64_t *total_out, struct cg_error *err) CG_CHECK;

    /* Reads and writes a probe. */
    enum cg_err (*ping)(struct cg_metadata *md, struct cg_error *err) CG_CHECK;
    /* Structural check of the database; UNAVAILABLE with the first problem found. */
    enum cg_err (*check)(struct cg_metadata *md, struct cg_error *err) CG_CHECK;
    void (*free)(struct cg_metadata *md);
};

/* Drivers embed this first. */
struct cg_metadata {
    const struct cg_metadata_ops *ops;
};

static inline void cg_metadata_free(struct cg_metadata **md)
{
    if (*md)
        (*md)->ops->free(*md);
    *md = 0;
}

#endif
