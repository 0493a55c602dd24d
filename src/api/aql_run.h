/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A query over everything that its caller may read. Bounded: what is found is
 * kept up to CG_HITS_MAX, and a query that would find more, or would ask too many
 * items about too many criteria, is refused with the advice to narrow it, never
 * cut short in silence. Blocks; workers only.
 */
#ifndef CG_API_AQL_RUN_H
#define CG_API_AQL_RUN_H

#include "api/aql.h"
#include "api/artifactory.h"

#define CG_HITS_MAX 50000

/* One item: a file; or with `level` 1 the folder of a crate (artifact.name), with 0 the folder "crates". */
struct cg_hit {
    const char *ns; /* the policy's, like the request's reference to it */
    int level;      /* 2: a file */
    size_t order;   /* as it was found */
    struct cg_artifact artifact;
};

struct cg_hits {
    struct cg_hit *items;
    size_t count, room;
};

#define CG_HIT_NAME_SIZE CG_ARTIFACT_PATH_SIZE
/* Its path and name as queries compare them: "crates/demo" and "demo-1.0.0.crate". */
void cg_hit_place(const struct cg_hit *hit, char path[CG_HIT_NAME_SIZE], char name[CG_HIT_NAME_SIZE]);

/* Sorted, and cut by offset and limit. INVALID (too many, too costly), UNAVAILABLE, also when some namespace cannot be
 * judged, for then nobody knows whether the answer is complete; the reason is in req->error. */
enum cg_err cg_aql_run(struct cg_request *req, const struct cg_aql *aql, struct cg_hits *hits_out) CG_CHECK;
void cg_hits_free(struct cg_hits *hits);

#endif
