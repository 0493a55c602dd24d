/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A strict second reading of a tar stream, beside libarchive's.
 *
 * A general reader is made to be forgiving: it skips what it does not know, prefers one of two sizes, takes global
 * headers. Between two forgiving readers a file can hide (CVE-2025-62518). The tap sees the same bytes before
 * libarchive does, accepts only the few header forms that every reader understands alike, and queues what it read, so
 * that each entry can be compared. One thread at a time.
 */
#ifndef CG_REGISTRY_TAR_TAP_H
#define CG_REGISTRY_TAR_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crategate/err.h"

#define CG_TAR_PATH_MAX 1024

struct cg_tar_tap;

struct cg_tar_entry {
    char *path; /* as written, without a directory's final slash */
    uint64_t size;
    bool is_dir;
};

struct cg_tar_tap *cg_tar_tap_new(uint64_t entries_max);
void cg_tar_tap_free(struct cg_tar_tap **tap);
/* INVALID (tar-format, entry-type, entry-path, entry-mode, pax-global, size-mismatch), TOO_LARGE (entry-count). */
enum cg_err cg_tar_tap_feed(struct cg_tar_tap *tap, const unsigned char *bytes, size_t len,
                            struct cg_error *err) CG_CHECK;
/* After the last byte: did the archive end as it should? INVALID (tar-format). */
enum cg_err cg_tar_tap_end(const struct cg_tar_tap *tap, struct cg_error *err) CG_CHECK;
/* Takes the oldest entry not yet taken; false when there is none. The caller frees path. */
bool cg_tar_tap_take(struct cg_tar_tap *tap, struct cg_tar_entry *entry_out);

#endif
