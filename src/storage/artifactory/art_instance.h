/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What the namespaces of one [artifactory.NAME] share: the client with its
 * breaker, the cache, the fetching threads, and two rules for those who wait
 * for Artifactory on a worker: there are never so many of them, for one
 * instance or for all together, that other namespaces starve, and no two deploy
 * to one path, where the second could overwrite what the first has just put.
 *
 * Made when first named, kept until the end of the process. Any thread.
 */
#ifndef CG_STORAGE_ARTIFACTORY_ART_INSTANCE_H
#define CG_STORAGE_ARTIFACTORY_ART_INSTANCE_H

#include "conf/conf.h"
#include "storage/artifactory/art_cache.h"
#include "storage/artifactory/art_client.h"
#include "storage/artifactory/art_fetch.h"

struct cg_map;

/* How many workers wait for Artifactory, and how many may. */
struct cg_art_places {
    unsigned taken, max;
    int64_t moved_ms; /* monotonic; when one was last taken or given back */
};

struct cg_art_instance {
    char *name;
    struct cg_art_client *client;
    struct cg_art_cache *cache;
    struct cg_art_fetcher *fetcher;
    struct cg_art_places places; /* both under the one lock that all instances share */
    struct cg_map *deploying;    /* "REPO/PATH" */
    struct cg_art_instance *next;
};

/* The one of that name, borrowed. UNAVAILABLE when its cache cannot be made. */
enum cg_err cg_art_instance_get(const struct cg_conf *conf, const char *name, struct cg_art_instance **instance_out,
                                struct cg_error *err) CG_CHECK;

/* Around what waits for Artifactory on a worker. `place` ("REPO/PATH") is a path to be deployed to, or NULL; somebody
 * else who deploys there is waited for until `deadline` (monotonic ms). UNAVAILABLE: too many wait, or it took too
 * long. A place is waited for for half a second, and not at all where nobody has come or gone for as long. */
enum cg_err cg_art_instance_enter(struct cg_art_instance *instance, const char *place, int64_t deadline,
                                  struct cg_error *err) CG_CHECK;
void cg_art_instance_leave(struct cg_art_instance *instance, const char *place);

#endif
