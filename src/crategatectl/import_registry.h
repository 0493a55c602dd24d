/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Another registry as a source of `import`: what its config.json says
 * (cargo-protocol.md 1.2), which of its crates are wanted, their index files one
 * after the other, and some crates on their way in ahead of the one that is
 * published. Where the index is, import_sparse.c and import_git.c know. One thread.
 */
#ifndef CG_CRATEGATECTL_IMPORT_REGISTRY_H
#define CG_CRATEGATECTL_IMPORT_REGISTRY_H

#include <sys/types.h>

#include "base/map.h"
#include "crategatectl/fetch.h"
#include "crategatectl/import.h"

#define CG_IMPORT_AHEAD 4

/* A crate that is wanted. */
struct cg_import_want {
    char *name;
    char **versions; /* NULL: all; those that were found have become "" */
};

/* In the order in which they were asked for; each name is there once. */
struct cg_import_names {
    struct cg_import_want *wants;
    size_t count, at;
    struct cg_map *seen; /* lower-case name -> its number + 1, as a pointer */
};

/* A version on its way in. */
struct cg_import_slot {
    struct cg_import_item item;
    struct cg_download *download; /* NULL: it need not be fetched */
    int fd;                       /* -1 with it */
};

struct cg_import_git;

struct cg_import_registry {
    const struct cg_import_options *options;
    struct cg_fetch *fetch;
    char *index;    /* URL, without the kind before it */
    char *identity; /* the same as cargo writes it into manifests */
    bool local;     /* it is on this machine, so its crates may be files */
    char *dl, *api;
    bool auth_required;
    struct cg_import_names names;
    /* The whole index file of a crate, appended. ABSENT: it has no such crate. UNAVAILABLE. */
    enum cg_err (*read)(struct cg_import_registry *registry, const char *name, struct cg_buf *out,
                        struct cg_error *err);
    struct cg_import_git *git; /* of a Git index */

    struct cg_import_want *want; /* of the file below; not across cg_import_names_add */
    struct cg_buf text;          /* the index file being gone through */
    size_t text_at;
    unsigned line;
    struct cg_import_slot slots[CG_IMPORT_AHEAD]; /* a ring */
    size_t first, held;
    bool handed; /* the first one is with the caller */
};

/* import_names.c */
void cg_import_names_init(struct cg_import_names *names);
void cg_import_names_free(struct cg_import_names *names);
/* `version` NULL: all of them. Of one name that was added before, nothing changes but that more versions are wanted,
 * as long as it is not being gone through. */
void cg_import_names_add(struct cg_import_names *names, const char *name, const char *version);
/* What the options name. INVALID: one of them is no crate's name, or no version. */
enum cg_err cg_import_names_given(struct cg_import_names *names, char *const *crates, struct cg_error *err) CG_CHECK;
/* Is that version of it wanted? One of those that were named is it only once. */
bool cg_import_want_take(struct cg_import_want *want, const char *version);
/* A version that was named and not yet taken, now it is; free() it. NULL: there is none. */
char *cg_import_want_left(struct cg_import_want *want);

/* import_registry.c */
/* The credential and the names that the options give are in it already. INVALID. */
enum cg_err cg_import_registry_new(const struct cg_import_source *source, struct cg_import_registry **out,
                                   struct cg_error *err) CG_CHECK;
void cg_import_registry_free(struct cg_import_registry **registry);
/* Takes over the text of config.json. INVALID. */
enum cg_err cg_import_registry_config(struct cg_import_registry *registry, const char *text, size_t len,
                                      struct cg_error *err) CG_CHECK;
/* May the credential be shown at that address? The index's own origin, or where config.json says that all takes it. */
bool cg_import_shows_token(const struct cg_import_registry *registry, const char *url);
/* Tells the administrator when the index's address has no TLS, and is not on this machine. */
void cg_import_registry_warn(const struct cg_import_source *source, const char *url);
/* Makes it the source's: index, next, open. */
void cg_import_registry_serve(struct cg_import_source *source, struct cg_import_registry *registry);

/* import_index.c: the next line of the index file as a version to import, or as one that cannot be, with its fault.
 * False at the file's end. With dependencies wanted, their names are added. */
bool cg_import_index_next(struct cg_import_source *source, struct cg_import_item *out);

/* import_git.c */
void cg_import_git_free(struct cg_import_git **git);

#endif
