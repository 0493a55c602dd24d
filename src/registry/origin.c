/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/origin.h"

#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "registry/registry_url.h"
#include "registry/target.h"

json_t *cg_origin_line(const struct cg_origin *origin)
{
    json_t *line = NULL;

    if (!origin || !origin->line || cg_json_parse(origin->line, strlen(origin->line), &line, NULL) != CG_OK)
        return NULL;
    return line;
}

static bool same_kind(const json_t *entry, const struct cg_dep *dep)
{
    const char *kind = cg_json_str(entry, "kind");

    if (cg_streq(kind, "dev") || cg_streq(kind, "build"))
        return dep->kind == (kind[0] == 'd' ? CG_DEP_DEV : CG_DEP_BUILD);
    return dep->kind == CG_DEP_NORMAL;
}

/* The manifest's target is in cargo's own spelling already. */
static bool same_target(const json_t *entry, const struct cg_dep *dep)
{
    const char *target = cg_json_str(entry, "target");
    struct cg_buf normal;
    bool same;

    if (!target || !dep->target)
        return !target && !dep->target;
    cg_buf_init(&normal, 4 * strlen(target) + 16);
    same = cg_target_normalise(target, &normal, NULL) == CG_OK && strcmp(cg_buf_str(&normal), dep->target) == 0;
    cg_buf_free(&normal);
    return same;
}

const json_t *cg_origin_dep(const json_t *line, const struct cg_dep *dep)
{
    const json_t *deps = json_object_get(line, "deps");

    for (size_t i = 0; i < json_array_size(deps); i++) {
        const json_t *entry = json_array_get(deps, i);

        if (cg_streq(cg_json_str(entry, "name"), dep->alias) && same_kind(entry, dep) && same_target(entry, dep))
            return entry;
    }
    return NULL;
}

bool cg_origin_own(const struct cg_origin *origin, const json_t *line, const struct cg_dep *dep, const char **url_out)
{
    const json_t *entry = cg_origin_dep(line, dep);
    const char *url = entry ? cg_json_str(entry, "registry") : dep->registry;

    if (entry && !url)
        return true;
    if (origin->index && cg_registry_url_same(origin->index, url))
        return true;
    *url_out = url;
    return false;
}
