/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/package.h"

#include <stdlib.h>

#include "crategate/token.h"

static void free_dep(struct cg_dep *dep)
{
    free(dep->alias);
    free(dep->package);
    free(dep->req);
    free(dep->registry);
    free(dep->target);
    free(dep->bindep_target);
    cg_strlist_free(&dep->features);
    cg_strlist_free(&dep->artifact);
}

void cg_package_free(struct cg_package *package)
{
    char *const texts[] = {package->name,     package->version,       package->links,     package->rust_version,
                           package->license,  package->license_file,  package->readme,    package->description,
                           package->homepage, package->documentation, package->repository};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    cg_strlist_free(&package->authors);
    cg_strlist_free(&package->keywords);
    cg_strlist_free(&package->categories);
    for (size_t i = 0; i < package->dep_count; i++)
        free_dep(&package->deps[i]);
    free(package->deps);
    for (size_t i = 0; i < package->feature_count; i++) {
        free(package->features[i].name);
        cg_strlist_free(&package->features[i].values);
    }
    free(package->features);
    *package = (struct cg_package){0};
}
