/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Where the crates and the index of one namespace are kept. Drivers:
 * src/storage/filesystem, src/storage/artifactory (crates in Artifactory, the
 * index on disk), and tests/fakes/fake_storage.
 *
 * A driver knows bytes, names and durability, nothing of Cargo's semantics.
 * `name` is the crate's name as published, `index_name` the same in lower case
 * (cargo-protocol.md 2.1). Callers have validated both (ASCII letters, digits,
 * `-`, `_`, at most 64) and `version` (SemVer, at most 150 bytes); a driver
 * asserts that neither holds '/' nor begins with '.'.
 *
 * Every write that returns OK is durable. Every write is atomic: after a crash
 * at any moment it has happened wholly or not at all.
 *
 * Errors: ABSENT (nothing there), CONFLICT (crate_commit without replace and
 * the file exists), UNAVAILABLE (the medium failed or is full; nothing was
 * changed), INTERNAL.
 *
 * Threading: all operations may run on many threads, on workers only. lock()
 * excludes every other thread and process that takes it; the writes of one
 * change happen under it.
 */
#ifndef CRATEGATE_STORAGE_H
#define CRATEGATE_STORAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crategate/err.h"

struct cg_blob;
struct cg_buf;
struct cg_feed;
struct cg_storage;
struct cg_crate_upload; /* a crate on its way in; opaque, each driver's own */

/* An open crate for reading, whole (fd, which the caller closes), still on its way in (feed, a reference of the
 * caller's; fd is -1) or shared with others, in memory or as an open file (blob, likewise;
 * no driver gives that). See cg_crate_file_close. */
struct cg_crate_file {
    int fd;
    struct cg_feed *feed;
    struct cg_blob *blob;
    uint64_t size;
    int64_t mtime; /* wall seconds */
};

/* Gives back whichever it is; leaves it empty. */
void cg_crate_file_close(struct cg_crate_file *file);

/* Return non-OK to stop; it becomes the result of the walk. */
typedef enum cg_err (*cg_index_visit)(void *cls, const char *index_name);
typedef enum cg_err (*cg_crate_visit)(void *cls, const char *name, const char *version, uint64_t size);

/* What is known of a publish besides its bytes, for stores that keep notes with the files. Borrowed. */
struct cg_crate_facts {
    const char *cksum;     /* sha256, hex */
    const char *publisher; /* login */
};

/* A crate file as the store itself tells of it, whoever put it there. Borrowed during the call. */
struct cg_crate_seen {
    const char *name, *version;
    const char *cksum; /* sha256, hex; "" when the store does not tell */
    uint64_t size;
    int64_t modified; /* wall seconds */
    const char *publisher; /* "" when nobody has noted one */
    int yanked;            /* 1, 0, or -1: nobody has noted it */
};
typedef enum cg_err (*cg_seen_visit)(void *cls, const struct cg_crate_seen *seen);

struct cg_storage_ops {
    const char *name; /* "filesystem" */

    /* The whole index file of a crate into `out` (appended). *mtime_out (wall seconds) may be NULL. */
    enum cg_err (*index_read)(struct cg_storage *st, const char *index_name, struct cg_buf *out, int64_t *mtime_out,
                              struct cg_error *err) CG_CHECK;
    /* Replaces it. */
    enum cg_err (*index_write)(struct cg_storage *st, const char *index_name, const char *bytes, size_t len,
                               struct cg_error *err) CG_CHECK;
    enum cg_err (*index_remove)(struct cg_storage *st, const char *index_name, struct cg_error *err) CG_CHECK;
    enum cg_err (*index_each)(struct cg_storage *st, cg_index_visit visit, void *cls, struct cg_error *err) CG_CHECK;
    /* Those whose file may have changed at that time or later, wall seconds, whatever its own date says. NULL: it cannot
     * be told. */
    enum cg_err (*index_since)(struct cg_storage *st, int64_t since, cg_index_visit visit, void *cls,
                               struct cg_error *err) CG_CHECK;
    /* What can be made again of an index file but takes a while, by the same name; whoever reads it checks it. Whole or not
     * at all while the machine runs, but not durable, and out of what a web server would serve. NULL: nothing is kept. */
    enum cg_err (*ready_read)(struct cg_storage *st, const char *index_name, struct cg_buf *out,
                              struct cg_error *err) CG_CHECK;
    enum cg_err (*ready_write)(struct cg_storage *st, const char *index_name, const char *bytes, size_t len,
                               struct cg_error *err) CG_CHECK;
    /* The config.json that a static web server would serve; rewritten only when it differs. */
    enum cg_err (*config_write)(struct cg_storage *st, const char *bytes, size_t len, struct cg_error *err) CG_CHECK;

    /* An upload: begin, write as often as needed, then commit (which frees it on OK and on error) or abort. */
    enum cg_err (*crate_begin)(struct cg_storage *st, struct cg_crate_upload **up_out, struct cg_error *err) CG_CHECK;
    enum cg_err (*crate_write)(struct cg_storage *st, struct cg_crate_upload *up, const void *bytes, size_t len,
                               struct cg_error *err) CG_CHECK;
    /* Before the lock is taken: the bytes that were written, and the place for a crate of that name, become durable, so
     * that commit holds up the others for less. NULL where that gains nothing. */
    enum cg_err (*crate_flush)(struct cg_storage *st, struct cg_crate_upload *up, const char *name,
                               struct cg_error *err) CG_CHECK;
    /* Before the lock is taken: brings the bytes to where they will be read from, however long that takes, without
     * replacing anything. OK also when the same bytes are there. CONFLICT: others are. A file that no index line comes
     * to name afterwards is no crate. crate_commit follows. NULL where commit is quick. */
    enum cg_err (*crate_stage)(struct cg_storage *st, struct cg_crate_upload *up, const char *name, const char *version,
                               const struct cg_crate_facts *facts, struct cg_error *err) CG_CHECK;
    enum cg_err (*crate_commit)(struct cg_storage *st, struct cg_crate_upload **up, const char *name,
                                const char *version, bool replace, struct cg_error *err) CG_CHECK;
    void (*crate_abort)(struct cg_storage *st, struct cg_crate_upload **up);

    enum cg_err (*crate_open)(struct cg_storage *st, const char *name, const char *version,
                              struct cg_crate_file *file_out, struct cg_error *err) CG_CHECK;
    /* For sending it to somebody: as crate_open, but it may come as a feed. `cksum` is what its index line says (hex);
     * what differs is never given out whole: UNAVAILABLE, or the feed fails before its last byte. NULL where crate_open
     * is all there is. */
    enum cg_err (*crate_send)(struct cg_storage *st, const char *name, const char *version, const char *cksum,
                              struct cg_crate_file *file_out, struct cg_error *err) CG_CHECK;
    /* As crate_open, for whoever knows what the index line says (`cksum`, hex): from what is kept here, if it is,
     * without another server being asked; what differs is UNAVAILABLE. NULL where crate_open is all there is, and asks
     * nobody. */
    enum cg_err (*crate_read)(struct cg_storage *st, const char *name, const char *version, const char *cksum,
                              struct cg_crate_file *file_out, struct cg_error *err) CG_CHECK;
    /* How large it is, in the same way. NULL where crate_each is as cheap. */
    enum cg_err (*crate_size)(struct cg_storage *st, const char *name, const char *version, const char *cksum,
                              uint64_t *size_out, struct cg_error *err) CG_CHECK;
    enum cg_err (*crate_remove)(struct cg_storage *st, const char *name, const char *version,
                                struct cg_error *err) CG_CHECK;
    /* name NULL: every crate of the namespace. */
    enum cg_err (*crate_each)(struct cg_storage *st, const char *name, cg_crate_visit visit, void *cls,
                              struct cg_error *err) CG_CHECK;

    /* For stores that have other writers, else NULL. scan: every crate file there is, complete, or UNAVAILABLE after some
     * visits; it may be a little behind. there: asks for one file, which is not behind: OK or ABSENT. mark: notes with
     * the file whether it is yanked; ABSENT when there is no such file. */
    enum cg_err (*crate_scan)(struct cg_storage *st, cg_seen_visit visit, void *cls, struct cg_error *err) CG_CHECK;
    enum cg_err (*crate_there)(struct cg_storage *st, const char *name, const char *version,
                               struct cg_error *err) CG_CHECK;
    enum cg_err (*crate_mark)(struct cg_storage *st, const char *name, const char *version, bool yanked,
                              struct cg_error *err) CG_CHECK;
    /* What the store's own index has of a crate, whatever that is worth: the text of its file, appended. It may come
     * later than the crate. ABSENT: nothing, or nothing that could be read; UNAVAILABLE only when the store does not
     * answer. NULL: it keeps no index. */
    enum cg_err (*crate_lines)(struct cg_storage *st, const char *index_name, struct cg_buf *out,
                               struct cg_error *err) CG_CHECK;
    /* Is a backend behind it down while what is here still serves? `why` says which and why. NULL: never. */
    bool (*degraded)(struct cg_storage *st, struct cg_error *why);

    enum cg_err (*lock)(struct cg_storage *st, struct cg_error *err) CG_CHECK;
    void (*unlock)(struct cg_storage *st);
    /* Can it be read from now (and, where that takes no other server, written to)? For readiness. */
    enum cg_err (*ping)(struct cg_storage *st, struct cg_error *err) CG_CHECK;
    void (*free)(struct cg_storage *st);
};

/* Drivers embed this first. */
struct cg_storage {
    const struct cg_storage_ops *ops;
};

static inline void cg_storage_free(struct cg_storage **st)
{
    if (*st)
        (*st)->ops->free(*st);
    *st = 0;
}

#endif
