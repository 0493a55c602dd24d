/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Looks at the repositories that namespaces keep their crates in and that have
 * other writers (registry/sync.h): one thread for each instance of Artifactory,
 * so that an ill one delays nobody else's. Each namespace has its turn every
 * sync_interval, soon after the start, and within a second when somebody wants
 * it; yanks made here are noted there within a second, too.
 *
 * Threading: start, adapt and stop are for the main thread.
 */
#ifndef CG_CRATEGATED_STORE_WATCH_H
#define CG_CRATEGATED_STORE_WATCH_H

#include "http/http.h"

struct cg_store_watch;

/* Takes the configuration of each look from the gateway's policy, and tells log and audit trail what it found. */
struct cg_store_watch *cg_store_watch_new(struct cg_gateway *gw);
/* A thread for each instance of the configuration in force that has none yet. UNAVAILABLE. */
enum cg_err cg_store_watch_adapt(struct cg_store_watch *watch, struct cg_error *err) CG_CHECK;
/* From now on no look begins, and one that comes to nothing is not told of. Does not wait. */
void cg_store_watch_stop(struct cg_store_watch *watch);
/* Ends them; one that waits for its instance is waited for. */
void cg_store_watch_free(struct cg_store_watch **watch);

#endif
