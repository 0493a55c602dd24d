/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A namespace as a repository of files: each version of the index is the file
 * crates/NAME/NAME-VERSION.crate. What exists the index says; who published it
 * and how large it is the database's rows tell, or else the storage.
 *
 * Threading: blocks; workers only.
 */
#ifndef CG_REGISTRY_ARTIFACTS_H
#define CG_REGISTRY_ARTIFACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "registry/registry.h"
#include "registry/semver.h"

#define CG_ARTIFACT_PUBLISHER_SIZE 128

struct cg_artifact {
    char name[CG_CRATE_NAME_MAX + 1];
    char version[CG_VERSION_MAX + 1];
    char cksum[65];
    bool yanked;
    int64_t created; /* wall seconds; 0: nobody knows */
    uint64_t size;
    char publisher[CG_ARTIFACT_PUBLISHER_SIZE]; /* login, cut; "" when unknown */
};

/* One file. `name` and `version` exactly as published, as a file's name is. ABSENT. */
enum cg_err cg_registry_artifact(struct cg_registry *reg, const char *ns, const struct cg_coordinates *which,
                                 struct cg_artifact *out, struct cg_error *err) CG_CHECK;

/* A walk over all of them, crates by name, versions as in the index. */
struct cg_artifact_walk {
    /* May the crate of that index name (lower case) have a file that is wanted? NULL: yes. False saves reading it. */
    bool (*may_hold)(void *cls, const char *index_name);
    /* Is this one to be visited? Size, publisher, and `created` where no index line tells, are not known yet. */
    bool (*wanted)(void *cls, const struct cg_artifact *artifact);
    enum cg_err (*visit)(void *cls, const struct cg_artifact *artifact); /* non-OK ends the walk and is its result */
    void *cls;
};
/* `index_name` (in lower case) NULL: every crate; else that one, and none is no error. ABSENT: no such namespace. */
enum cg_err cg_registry_artifacts(struct cg_registry *reg, const char *ns, const char *index_name,
                                  const struct cg_artifact_walk *walk, struct cg_error *err) CG_CHECK;

#endif
