/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Versions that the index has and that must not be given out, because in a
 * store with other writers their file is gone or no longer what it was. Which
 * ones they are is in the database and, for everybody who asks, in memory. Their
 * index lines are served as yanked, so that new resolutions avoid them; the
 * files on disk stay as they are, and so does what somebody yanks meanwhile.
 *
 * Threading: any worker. Changes come under the namespace's storage lock.
 */
#ifndef CG_REGISTRY_QUARANTINE_H
#define CG_REGISTRY_QUARANTINE_H

#include "base/digest.h"
#include "registry/registry_priv.h"

enum cg_quarantine_reason { CG_QUARANTINE_NONE, CG_QUARANTINE_CHANGED, CG_QUARANTINE_VANISHED };

struct cg_quarantined {
    enum cg_quarantine_reason reason;
    int64_t since; /* wall seconds */
    char cksum[CG_SHA256_HEX_SIZE]; /* of the file as it was found; "" when there is none or nobody knows */
};

struct cg_quarantine *cg_quarantine_new(void);
void cg_quarantine_free(struct cg_quarantine **quarantine);
/* Reads the database's rows again if they have changed since. Under the storage lock, or before anybody asks. */
enum cg_err cg_quarantine_load(struct cg_namespace *ns, struct cg_error *err) CG_CHECK;

/* Are the rows of that generation in memory? */
bool cg_quarantine_current(struct cg_namespace *ns, int64_t generation);
/* Is there any? Without a lock. */
bool cg_quarantine_any(struct cg_namespace *ns);
/* False when the version is in no quarantine. `name` in any spelling. */
bool cg_quarantine_find(struct cg_namespace *ns, const char *name, const char *version, struct cg_quarantined *out);
/* OK, or why the version is not given out: UNAVAILABLE (changed), ABSENT (vanished). Asks no database. */
enum cg_err cg_quarantine_check(struct cg_namespace *ns, const struct cg_index_entry *entry,
                                struct cg_error *err) CG_CHECK;
/* Under the storage lock. The database first. */
enum cg_err cg_quarantine_put(struct cg_namespace *ns, const struct cg_index_entry *entry,
                              const struct cg_quarantined *why, struct cg_error *err) CG_CHECK;
enum cg_err cg_quarantine_remove(struct cg_namespace *ns, const char *name, const char *version,
                                 struct cg_error *err) CG_CHECK;
/* Calls visit with each version; names are folded. The visitor must not come back in here. Non-OK stops. */
enum cg_err cg_quarantine_each(struct cg_namespace *ns,
                               enum cg_err (*visit)(void *cls, const char *folded, const char *version),
                               void *cls) CG_CHECK;

/* An index file's text as it is served: lines of versions in quarantine yanked. Changes `text` in place; *since is raised
 * to when the youngest of them came in. */
void cg_quarantine_apply(struct cg_namespace *ns, const char *index_name, struct cg_buf *text, int64_t *since);

#endif
