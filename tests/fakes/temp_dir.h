/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A directory for one test, below TMPDIR or /tmp. */
#ifndef CG_TESTS_FAKES_TEMP_DIR_H
#define CG_TESTS_FAKES_TEMP_DIR_H

/* A fresh empty directory; free() the path. Aborts when there can be none. */
char *cg_temp_dir_new(void);
/* Removes it with all it holds, frees the path and nulls the pointer. Links are removed, not followed. */
void cg_temp_dir_free(char **path);

#endif
