/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A look at a store at work: what sync.c (the comparison), sync_settle.c (versions of the index) and sync_adopt.c (files
 * that it does not know) share. One thread. */
#ifndef CG_REGISTRY_SYNC_PRIV_H
#define CG_REGISTRY_SYNC_PRIV_H

#include "base/digest.h"
#include "registry/package.h"
#include "registry/registry_priv.h"
#include "registry/sync.h"

/* A file of the listing. */
struct cg_sync_file {
    char *name, *version, *publisher;
    char cksum[CG_SHA256_HEX_SIZE]; /* "" when the store does not tell */
    uint64_t size;
    int64_t modified;
    int yanked;
    bool indexed; /* a line of the index is about it */
};

/* A line of the index, as it was before the listing began. */
struct cg_sync_line {
    char *index_name;
    struct cg_index_entry entry; /* without its text */
};

struct cg_syncing {
    struct cg_registry *reg;
    const struct cg_conf *conf;
    struct cg_namespace *ns;
    struct cg_sync_report *report;
    struct cg_error *err;
    int64_t started;      /* wall seconds, before the listing */
    struct cg_map *files; /* "NAME VERSION" -> struct cg_sync_file */
    struct cg_map *notes; /* "FOLDED VERSION" -> struct cg_sync_noted */
    struct cg_sync_line *lines;
    size_t line_count;
    struct cg_map *theirs; /* index name -> the file of the store's own index, a text, "": there is none */
    size_t theirs_size;    /* of all these */
    bool marks_fail; /* the store has refused to be told of a yank: it is not asked again in this look */
};

struct cg_sync_noted {
    bool yanked;
    int64_t noted_at;
};

/* sync.c */
void cg_sync_tell(struct cg_syncing *s, const struct cg_sync_news *news);
bool cg_sync_stopped(const struct cg_syncing *s);
/* After a change: other processes are told. */
enum cg_err cg_sync_changed(struct cg_syncing *s) CG_CHECK;

/* sync_settle.c: one line and its file (NULL: gone). */
enum cg_err cg_sync_settle(struct cg_syncing *s, const struct cg_sync_line *line, const struct cg_sync_file *file) CG_CHECK;
/* The store is told what the index says of a version's yank, and that is noted. ABSENT: there is no such version or file. */
enum cg_err cg_sync_mark(struct cg_namespace *ns, const char *name, const char *version, struct cg_error *err) CG_CHECK;
/* What the store is known to say of it from now on. */
enum cg_err cg_sync_note(struct cg_namespace *ns, const char *name, const char *version, bool yanked,
                         struct cg_error *err) CG_CHECK;

/* sync_theirs.c: what the store's own index says of a file. Zeroed: nothing. */
struct cg_sync_theirs {
    struct cg_origin origin; /* without an index URL */
    char *text;              /* the line */
    bool may_come;           /* there is none, and the file is so new that there may yet be one */
};

/* OK also when it says nothing, or nothing sound: another name, version or checksum. UNAVAILABLE: the store does not
 * answer. Asks the network; free it in any case. */
enum cg_err cg_sync_theirs_find(struct cg_syncing *s, const struct cg_sync_file *file, const char *cksum,
                                struct cg_sync_theirs *out, struct cg_error *err) CG_CHECK;
void cg_sync_theirs_free(struct cg_sync_theirs *theirs);
/* Which registries the dependencies mean. The archive is believed first; where it names a registry that means nothing
 * here, the line's word is taken, if it is about the same dependencies. Refusals as registry_url.h. */
enum cg_err cg_sync_theirs_resolve(const struct cg_syncing *s, const struct cg_sync_theirs *theirs,
                                   struct cg_package *package, struct cg_error *err) CG_CHECK;

/* sync_adopt.c: a file without a line. OK also when it was refused, which is told. */
enum cg_err cg_sync_adopt(struct cg_syncing *s, const struct cg_sync_file *file) CG_CHECK;

#endif
