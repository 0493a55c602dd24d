/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A packaged Cargo.toml: whatever is accepted must make an index line that can be read back. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "registry/index_line.h"
#include "registry/manifest.h"
#include "registry/semver.h"
#include "registry/target.h"

#define CKSUM "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is normalised must be read as itself. */
static void check_dep(const struct cg_dep *dep)
{
    struct cg_buf again;
    cg_buf_init(&again, 65536);
    CG_ASSERT(cg_semver_req(dep->req, &again, NULL) == CG_OK);
    CG_ASSERT(strcmp(cg_buf_str(&again), dep->req) == 0);
    cg_buf_reset(&again);
    if (dep->target) {
        CG_ASSERT(cg_target_normalise(dep->target, &again, NULL) == CG_OK);
        CG_ASSERT(strcmp(cg_buf_str(&again), dep->target) == 0);
    }
    CG_ASSERT(cg_crate_name_valid(dep->package));
    cg_buf_free(&again);
}

static void check_line(const struct cg_package *package)
{
    struct cg_buf line;
    struct cg_index_entry entry;
    struct cg_error err = {0};
    cg_buf_init(&line, 64u * 1024 * 1024);
    cg_index_line_write(package, CKSUM, 0, true, &line);
    CG_ASSERT(!cg_buf_failed(&line) && !memchr(line.data, '\n', line.len));
    CG_ASSERT(cg_index_line_read(line.data, line.len, &entry, &err) == CG_OK);
    CG_ASSERT(entry.yanked && strcmp(entry.name, package->name) == 0 && strcmp(entry.version, package->version) == 0);
    cg_buf_free(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cg_package package;
    struct cg_error err = {0};
    if (cg_manifest_parse((const char *)data, size, &package, &err) == CG_OK) {
        for (size_t i = 0; i < package.dep_count; i++)
            check_dep(&package.deps[i]);
        check_line(&package);
        cg_package_free(&package);
    } else {
        CG_ASSERT(err.code != CG_OK && strstr(err.detail, "(rule: "));
    }
    return 0;
}
