/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The filesystem driver of storage.h: state_dir/namespaces/NS/{index,crates}, a static sparse registry as it is. */
#ifndef CG_STORAGE_FS_STORAGE_H
#define CG_STORAGE_FS_STORAGE_H

#include "crategate/storage.h"

/* `dir` is state_dir/namespaces/NS; made when missing. */
enum cg_err cg_fs_storage_new(const char *dir, struct cg_storage **st_out, struct cg_error *err) CG_CHECK;

#endif
