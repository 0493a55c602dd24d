/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* SHA-256 of files, and whether a text is one. No state; any thread. */
#ifndef CG_STORAGE_ARTIFACTORY_ART_SUM_H
#define CG_STORAGE_ARTIFACTORY_ART_SUM_H

#include <stdbool.h>

#include "base/digest.h"

/* Exactly 64 lower-case hex digits? Then it may stand in a file's name. */
bool cg_art_is_sum(const char *text);
/* Of the whole file, by pread. UNAVAILABLE. */
enum cg_err cg_art_sum_fd(int fd, char hex_out[CG_SHA256_HEX_SIZE], struct cg_error *err) CG_CHECK;

#endif
