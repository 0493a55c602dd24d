/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/proc.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include "crategate/err.h"

void cg_proc_keep_secrets(void)
{
    const struct rlimit none = {0, 0};
    CG_ASSERT(setrlimit(RLIMIT_CORE, &none) == 0);
    CG_ASSERT(prctl(PR_SET_DUMPABLE, 0) == 0);
}
