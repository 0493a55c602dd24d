/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A .crate, opened by streaming (cargo-protocol.md 7, peers.md 5): the gzip
 * member is inflated and the tar walked once, with nothing kept but paths,
 * Cargo.toml and, when asked for, one other file. What no cargo could unpack
 * safely is refused, each with the rule's name:
 *
 *   gzip-member, gzip-trailer, tar-format, entry-type, entry-path, entry-mode, path-prefix, path-duplicate, path-case,
 *   path-device, pax-global, size-mismatch, unpacked-size, entry-count, manifest-missing, manifest-case, manifest-size
 *
 * INVALID (UNPROCESSABLE never), TOO_LARGE for the limits (unpacked-size, entry-count, manifest-size), or the source's own error. Any thread.
 */
#ifndef CG_REGISTRY_ARCHIVE_H
#define CG_REGISTRY_ARCHIVE_H

#include <stdint.h>

#include "base/buf.h"
#include "crategate/err.h"

#define CG_ARCHIVE_ENTRIES_MAX 50000

/* Sequential reader of the archive's bytes; *got_out 0 at the end. */
struct cg_archive_source {
    enum cg_err (*read)(void *cls, void *bytes, size_t len, size_t *got_out, struct cg_error *err);
    void *cls;
};

struct cg_archive_limits {
    uint64_t unpacked_max; /* bytes */
    uint64_t entries_max;
};

/* Walks it all. `root` is "NAME-VERSION". *manifest, empty before, gets Cargo.toml (capped by its maximum).
 * wanted: a path below the root (a readme) to copy into `content`; both may be NULL. A wanted file that is missing or
 * too large leaves content empty. */
enum cg_err cg_archive_check(const struct cg_archive_source *source, const char *root,
                             const struct cg_archive_limits *limits, struct cg_buf *manifest, const char *wanted,
                             struct cg_buf *content, struct cg_error *err) CG_CHECK;

#endif
