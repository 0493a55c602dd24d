/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The dependencies of one version, from whichever of the three places that tell
 * them: the packaged manifest, an index line, the metadata of a publish. Put
 * side by side in here, spellings that mean the same being the same. One thread.
 */
#ifndef CG_REGISTRY_EDGES_H
#define CG_REGISTRY_EDGES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"
#include "registry/package.h"

/* NULL target: every one; NULL registry: this one. All strings are the edge's own but `kind`. */
struct cg_edge {
    char *alias, *package, *req, *target, *registry;
    const char *kind; /* normal | dev | build */
    bool optional, default_features;
    char **features; /* never NULL */
};

struct cg_edges {
    struct cg_edge *items;
    size_t count;
};

/* Of an index line (an object); what is not a dependency in it is passed over. */
void cg_edges_from_line(const json_t *line, struct cg_edges *out);
/* Of the JSON of a publish; ns and conf tell which URLs mean this registry. */
void cg_edges_from_metadata(const json_t *metadata, const struct cg_conf *conf, const char *ns, struct cg_edges *out);
void cg_edges_from_package(const struct cg_package *package, struct cg_edges *out);
void cg_edges_free(struct cg_edges *edges);
/* Whatever their order. `registries` false: where the crates come from is not compared. */
bool cg_edges_equal(const struct cg_edges *a, const struct cg_edges *b, bool registries);

/* The features of a package against a JSON object's "features" and, in an index line, "features2". */
bool cg_features_equal(const struct cg_package *package, const json_t *object);

#endif
