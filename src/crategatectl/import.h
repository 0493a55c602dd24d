/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * crategatectl import: crates from somewhere else, each by the way of a publish.
 * A source lists what it has and opens one crate after the other; import.c does
 * the rest. One thread.
 */
#ifndef CG_CRATEGATECTL_IMPORT_H
#define CG_CRATEGATECTL_IMPORT_H

#include "crategatectl/registry_session.h"

struct cg_import_item {
    char *label;          /* what the administrator knows it by: a path */
    char *name, *version; /* NULL: the file's name does not tell */
    bool yanked;
};

struct cg_import_source {
    struct cg_ctl *ctl;
    const char *text; /* as given */
    struct cg_import_item *items;
    size_t count;
    struct cg_storage *st; /* of a repository */
    /* A descriptor of its crate for the caller to close, read from position 0. ABSENT, UNAVAILABLE. */
    enum cg_err (*open)(struct cg_import_source *source, const struct cg_import_item *item, int *fd_out,
                        uint64_t *size_out, struct cg_error *err);
};

void cg_import_add(struct cg_import_source *source, const struct cg_import_item *item); /* copies */
void cg_import_source_free(struct cg_import_source *source);

/* import_folder.c: every *.crate file below a folder. */
enum cg_err cg_import_folder(struct cg_import_source *source, struct cg_error *err) CG_CHECK;
/* import_repository.c: the crates of a repository of a configured instance of Artifactory. ABSENT when the text names
 * none. `ns` is where they are to go. */
enum cg_err cg_import_repository(struct cg_import_source *source, const char *ns, struct cg_error *err) CG_CHECK;

/* import_publish.c: publishes as an administrator, with a record in the audit trail. */
struct cg_import_publisher;
enum cg_err cg_import_publisher_new(struct cg_ctl *ctl, const char *ns, struct cg_import_publisher **out,
                                    struct cg_error *err) CG_CHECK;
void cg_import_publisher_free(struct cg_import_publisher **publisher);
/* *same_out: it was there already. What a publish refuses, or UNAVAILABLE, INTERNAL. */
enum cg_err cg_import_publish(struct cg_import_publisher *publisher, struct cg_import_source *source,
                              const struct cg_import_item *item, bool *same_out, struct cg_error *err) CG_CHECK;

#endif
