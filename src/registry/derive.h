/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The database's rows about a crate, derived from its index file (which says
 * what exists) and its archives (which say the rest). What no crate tells,
 * who published a version and how often it was downloaded, is carried over.
 *
 * An archive may have to come from another server, which nobody waits for under
 * the storage lock: facts that will be needed are gathered before it is taken.
 *
 * Blocking; workers, maintenance and tools.
 */
#ifndef CG_REGISTRY_DERIVE_H
#define CG_REGISTRY_DERIVE_H

#include "registry/package.h"
#include "registry/rows.h"

/* What a version's package says beyond its index line. */
struct cg_facts {
    char version[CG_VERSION_MAX + 1];
    uint64_t crate_size;
    bool unread; /* the archive is missing or damaged: all is empty, and better than no row at all */
    char *license, *readme_path, *description, *keywords, *categories, *homepage, *documentation, *repository;
};

void cg_facts_read(const struct cg_package *package, uint64_t crate_size, struct cg_facts *out);
void cg_facts_free(struct cg_facts *facts);

/* Facts that were read from archives; all 0 is an empty one. */
struct cg_facts_list {
    struct cg_facts *items;
    size_t count;
};
void cg_facts_list_free(struct cg_facts_list *list);

struct cg_derive {
    struct cg_namespace *ns;
    const char *text; /* the index file */
    size_t len;
    const struct cg_facts *facts; /* what is known already; the rest is read from the archives when it is needed */
    size_t fact_count;
    const char *published_by;    /* of versions that have no row yet; NULL: nobody knows, or `saved` does */
    const struct cg_rows *saved; /* rows from before they were cleared, for who published; may be NULL */
    bool look_only;              /* count what does not fit, change nothing */
    struct cg_facts_list *gather; /* with look_only: also read what a change would need from the archives, into here */
    /* out: what did not fit */
    unsigned missing, different, stale; /* versions */
    bool summary;                       /* the crate's own row */
};

/* Makes the rows fit the text, under the storage lock when anything is to be changed. AGAIN: it takes an archive that
 * is not here; it has come to nothing, or to a part. UNAVAILABLE. Only with `gather` does it wait for another server.
 */
enum cg_err cg_derive_crate(struct cg_derive *derive, struct cg_error *err) CG_CHECK;
/* After a publish: the last line of the text is new, with the one package in `facts`. Looks at nothing but that line and
 * the crate's own row, and does all that cg_derive_crate() does where that is not enough. */
enum cg_err cg_derive_added(struct cg_derive *derive, struct cg_error *err) CG_CHECK;
bool cg_derive_fits(const struct cg_derive *derive);
/* The same for the crate's index file as it is now; the storage lock is the caller's. ABSENT: there is none. */
enum cg_err cg_derive_again(struct cg_namespace *ns, const char *index_name, struct cg_error *err) CG_CHECK;
/* The same without that lock: gathers what is needed, then takes it. One crate that no index has is no error. */
enum cg_err cg_derive_now(struct cg_namespace *ns, const char *index_name, struct cg_error *err) CG_CHECK;

/* The crate's rows may not fit: somebody will look (cg_derive_settle). */
void cg_derive_doubt(struct cg_namespace *ns, const char *index_name);
/* The rows of a change that is done could not be written, for the reason that a derivation gave: doubt, and the log. */
void cg_derive_later(struct cg_namespace *ns, const char *index_name, const struct cg_error *why);
/* Those of a namespace that was just opened and listed: all that changed since its rows were last known to fit. */
enum cg_err cg_derive_doubt_start(struct cg_namespace *ns, struct cg_error *err) CG_CHECK;
/* All of one in use, unless as many are waiting already; how many crates it has. */
size_t cg_derive_doubt_again(struct cg_namespace *ns);
/* Looks at doubtful crates until none is left or the time (monotonic ms) has come. */
enum cg_err cg_derive_settle(struct cg_namespace *ns, int64_t until_ms, struct cg_error *err) CG_CHECK;

#endif
