/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * crategatectl import: crates from somewhere else, each by the way of a publish.
 * A source gives its crates one after the other and opens each; import.c does
 * the rest. One thread.
 */
#ifndef CG_CRATEGATECTL_IMPORT_H
#define CG_CRATEGATECTL_IMPORT_H

#include <signal.h>

#include "base/digest.h"
#include "base/secret.h"
#include "crategatectl/registry_session.h"

/* What the command line says besides source and namespace. */
struct cg_import_options {
    struct cg_secret token; /* as Authorization says it; empty: none */
    char **crates;          /* NULL-terminated "NAME" or "NAME@VERSION"; NULL: none was named */
    bool with_dependencies;
};

struct cg_import_item {
    char *label;          /* what the administrator knows it by: a path, or "NAME VERSION" */
    char *name, *version; /* NULL: the file's name does not tell */
    bool yanked;
    /* Of an index: */
    char cksum[CG_SHA256_HEX_SIZE]; /* "": it is not known before the file is read */
    char *line;                     /* the index line, else NULL */
    int64_t pubtime;
    char *fault; /* why it cannot be imported at all, else NULL */
    bool lost;   /* out: another server did not answer; others may have more luck */
    bool yanked_now; /* out: it was there, and has been yanked at its source since */
};

struct cg_import_publisher;

struct cg_import_source {
    struct cg_ctl *ctl;
    const char *text; /* as given */
    const char *ns;
    const struct cg_import_options *options;
    struct cg_import_publisher *publisher;
    volatile sig_atomic_t *stop;

    struct cg_import_item *items; /* of sources that list all at once */
    size_t count;                 /* versions known so far */
    size_t at, units;             /* progress: of so many files, or crates */
    uint64_t bytes;               /* fetched */
    const char *index;            /* URL of the registry it is, else NULL */
    struct cg_storage *st;        /* of a repository */
    struct cg_import_registry *registry;

    /* The next one, the source's until it is asked again; NULL at the end. Errors end the import. */
    enum cg_err (*next)(struct cg_import_source *source, struct cg_import_item **item_out, struct cg_error *err);
    /* A descriptor of its crate for the caller to close, read from position 0. ABSENT, UNAVAILABLE. */
    enum cg_err (*open)(struct cg_import_source *source, struct cg_import_item *item, int *fd_out, uint64_t *size_out,
                        struct cg_error *err);
};

void cg_import_item_free(struct cg_import_item *item); /* its content */
/* For sources that list all at once: a copy; it has no line and no fault. */
void cg_import_add(struct cg_import_source *source, const struct cg_import_item *item);
void cg_import_source_free(struct cg_import_source *source);

/* import_options.c: takes the options out of the words; the last two words are then source and namespace. Free `out` in
 * any case. INVALID, or what reading a file brings; *usage_out: the synopsis is what helps. */
enum cg_err cg_import_options_read(int argc, char **argv, struct cg_import_options *out, bool *usage_out,
                                   struct cg_error *err) CG_CHECK;
void cg_import_options_free(struct cg_import_options *options);
/* Were any given? */
bool cg_import_options_any(const struct cg_import_options *options);

/* import_progress.c: on a terminal the last line is kept up to date; elsewhere one is written now and then. */
void cg_import_progress(const struct cg_import_source *source);
void cg_import_progress_clear(void);

/* import_folder.c: every *.crate file below a folder. */
enum cg_err cg_import_folder(struct cg_import_source *source, struct cg_error *err) CG_CHECK;
/* import_repository.c: the crates of a repository of a configured instance of Artifactory. */
bool cg_import_is_repository(const struct cg_conf *conf, const char *text) CG_CHECK;
enum cg_err cg_import_repository(struct cg_import_source *source, struct cg_error *err) CG_CHECK;
/* import_sparse.c, import_git.c: another registry, by its index. */
bool cg_import_is_sparse(const char *text) CG_CHECK;
enum cg_err cg_import_sparse(struct cg_import_source *source, struct cg_error *err) CG_CHECK;
bool cg_import_is_git(const char *text) CG_CHECK;
enum cg_err cg_import_git(struct cg_import_source *source, struct cg_error *err) CG_CHECK;

/* import_publish.c: publishes as an administrator, with a record in the audit trail. */
enum cg_err cg_import_publisher_new(struct cg_ctl *ctl, const char *ns, struct cg_import_publisher **out,
                                    struct cg_error *err) CG_CHECK;
void cg_import_publisher_free(struct cg_import_publisher **publisher);
/* Is it there already, by the checksum that its index tells? OK: the same bytes. CONFLICT: others. ABSENT: it is not,
 * or cannot be told. */
enum cg_err cg_import_there(struct cg_import_publisher *publisher, const struct cg_import_item *item,
                            struct cg_error *err) CG_CHECK;
/* *same_out: it was there already; then a yank is taken over, but none is taken back. What a publish refuses, or
 * UNAVAILABLE, INTERNAL. */
enum cg_err cg_import_publish(struct cg_import_publisher *publisher, struct cg_import_source *source,
                              struct cg_import_item *item, bool *same_out, struct cg_error *err) CG_CHECK;

#endif
