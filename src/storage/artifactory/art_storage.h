/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The Artifactory driver of storage.h: crates in a repository at
 * crates/NAME/NAME-VERSION.crate, everything else (index, lock, config.json) in
 * state_dir/namespaces/NS as the filesystem driver has it.
 *
 * Instances are shared by the namespaces that name them, and outlive them: one
 * client, one breaker, one cache (state_dir/cache/artifactory/NAME) each.
 */
#ifndef CG_STORAGE_ARTIFACTORY_ART_STORAGE_H
#define CG_STORAGE_ARTIFACTORY_ART_STORAGE_H

#include "conf/conf.h"
#include "crategate/storage.h"
#include "storage/artifactory/art_client.h"

/* `dir` is state_dir/namespaces/NS; made when missing. No network. UNAVAILABLE. */
enum cg_err cg_art_storage_new(const struct cg_conf *conf, const struct cg_conf_namespace *ns, const char *dir,
                               struct cg_storage **st_out, struct cg_error *err) CG_CHECK;
/* After a reload: what changed in the sections of instances in use. */
void cg_art_instances_reconfigure(const struct cg_conf *conf);
/* Once a second: has instances that are down asked whether they are back. Never blocks on one. */
void cg_art_instances_tick(void);
/* The process ends: first nothing waits any more for a crate that has not begun to come, then, when what was under way
 * has had its time, nothing waits for an instance at all. Neither blocks. */
void cg_art_instances_drain(void);
void cg_art_instances_stop(void);
/* At the very end, when no storage is left. */
void cg_art_instances_free(void);
/* The client of a storage of this driver, for crategatectl check; NULL for another driver's. */
struct cg_art_client *cg_art_storage_client(struct cg_storage *st, const char **repo_out);

#endif
