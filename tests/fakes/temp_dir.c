/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "temp_dir.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "crategate/err.h"

char *cg_temp_dir_new(void)
{
    const char *base = getenv("TMPDIR");
    char *path = cg_asprintf("%s/crategate-test-XXXXXX", base ? base : "/tmp");

    CG_ASSERT(mkdtemp(path));
    return path;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info, (void)type, (void)at;
    return remove(path);
}

void cg_temp_dir_free(char **path)
{
    if (*path)
        (void)nftw(*path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(*path);
    *path = NULL;
}
