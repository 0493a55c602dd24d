/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Where a crate's index file stands (cargo-protocol.md 2.1). */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "registry/index_line.h"

void cg_index_path(const char *name, char out[CG_INDEX_PATH_SIZE])
{
    size_t len = strlen(name);
    CG_ASSERT(len >= 1 && len <= CG_CRATE_NAME_MAX);
    if (len <= 2)
        snprintf(out, CG_INDEX_PATH_SIZE, "%zu/%s", len, name);
    else if (len == 3)
        snprintf(out, CG_INDEX_PATH_SIZE, "3/%.1s/%s", name, name);
    else
        snprintf(out, CG_INDEX_PATH_SIZE, "%.2s/%.2s/%s", name, name + 2, name);
    cg_str_lower(out);
}

const char *cg_index_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    char canonical[CG_INDEX_PATH_SIZE];
    if (!slash || !cg_crate_name_valid(slash + 1))
        return NULL;
    cg_index_path(slash + 1, canonical); /* lower case, so another spelling of the name is no path */
    return strcmp(canonical, path) == 0 ? slash + 1 : NULL;
}
