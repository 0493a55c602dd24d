/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A store with other writers (storage.h crate_scan) against the index of its
 * namespace. Files that the index does not know are taken in by the rules of a
 * publish; versions whose file is gone or another one go into quarantine and
 * come out of it when the right bytes are back; a yank made on either side is
 * made on the other.
 *
 * What is believed: the index as it was before the listing began, the listing
 * if it is complete and not absurd, and, under the namespace's lock, the index
 * once more before each change. So a publish at work beside it is never taken
 * for a stranger's file or a lost one.
 *
 * Threading: blocks, for long; one look at a namespace at a time in a process.
 */
#ifndef CG_REGISTRY_SYNC_H
#define CG_REGISTRY_SYNC_H

#include "registry/registry.h"

enum cg_sync_event {
    CG_SYNC_ADOPTED,  /* a file was taken in */
    CG_SYNC_REFUSED,  /* a file is not taken in: the detail says by which rule */
    CG_SYNC_CHANGED,  /* the file of a version is another one */
    CG_SYNC_VANISHED, /* it is gone */
    CG_SYNC_RELEASED, /* it is what it was again */
    CG_SYNC_YANKED,   /* yanked in the store, so here */
    CG_SYNC_UNYANKED, /* the same the other way */
    CG_SYNC_NOTED,    /* a yank or unyank made here was noted in the store */
    CG_SYNC_EVENTS
};

/* Borrowed during the call. */
struct cg_sync_news {
    enum cg_sync_event event;
    const char *name, *version;
    const char *publisher; /* "" when nobody has noted one */
    const char *detail;    /* a sentence */
    bool done;             /* it was done, just now; else it only is so */
};

struct cg_sync_report {
    /* in */
    bool look_only; /* change nothing, tell what would be */
    bool by_hand;   /* an administrator's: tells standing troubles too, looks again at what was refused, and believes that
                     * many files are gone; other processes are told of each change */
    bool (*stopped)(void *cls); /* NULL, or: true ends it early, with UNAVAILABLE; what was done stays done */
    void (*progress)(void *cls, const char *ns, uint64_t done, uint64_t total); /* of files to be taken in; may be NULL */
    void (*tell)(void *cls, const char *ns, const struct cg_sync_news *news);
    void *cls;
    /* out */
    uint64_t files, versions;       /* in the listing, in the index */
    uint64_t waiting;               /* files that may yet be a publish's under way */
    uint64_t told[CG_SYNC_EVENTS];  /* by event */
};

/* Does the namespace's storage have other writers? */
bool cg_registry_syncs(struct cg_registry *reg, const char *ns);
/* One look. ABSENT for an unknown namespace; UNAVAILABLE when the listing is not complete or not believed (then nothing
 * was changed), or when the store or the database failed in the middle. OK at once where there are no other writers. */
enum cg_err cg_registry_sync(struct cg_registry *reg, const struct cg_conf *conf, const char *ns,
                             struct cg_sync_report *report, struct cg_error *err) CG_CHECK;
/* Tells the store of yanks made since the last time. UNAVAILABLE: some have to wait. */
enum cg_err cg_registry_sync_marks(struct cg_registry *reg, const char *ns, struct cg_error *err) CG_CHECK;

/* Never block. Somebody has reason to think that the store has changed; is a look wanted, asked once? */
void cg_registry_sync_want(struct cg_registry *reg, const char *ns);
bool cg_registry_sync_wanted(struct cg_registry *reg, const char *ns);

#endif
