/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Reading crates back from the storage: their digest, their manifest, a file in them. Blocking; workers and tools. */
#ifndef CG_REGISTRY_STORED_H
#define CG_REGISTRY_STORED_H

#include "base/digest.h"
#include "registry/package.h"
#include "registry/registry_priv.h"

/* An open crate; pread() leaves no position behind, so it can be gone through several times. */
struct cg_stored {
    struct cg_crate_file file;
    const char *name, *version; /* borrowed */
};

/* As the store has it now, whatever the index says. ABSENT, UNAVAILABLE. */
enum cg_err cg_stored_open(struct cg_namespace *ns, const char *name, const char *version, struct cg_stored *out,
                           struct cg_error *err) CG_CHECK;
/* The bytes that an index line names, which another server is not asked for when they are kept here. `out` borrows the
 * entry's texts. Errors as above. */
enum cg_err cg_stored_open_line(struct cg_namespace *ns, const struct cg_index_entry *entry, struct cg_stored *out,
                                struct cg_error *err) CG_CHECK;
/* The same, but never waits for another server: AGAIN when they are not here; they are asked for then. */
enum cg_err cg_stored_open_here(struct cg_namespace *ns, const struct cg_index_entry *entry, struct cg_stored *out,
                                struct cg_error *err) CG_CHECK;
void cg_stored_close(struct cg_stored *stored);
/* SHA-256 of its bytes, lower-case hex. */
enum cg_err cg_stored_digest(const struct cg_stored *stored, char hex_out[CG_SHA256_HEX_SIZE],
                             struct cg_error *err) CG_CHECK;
/* Its manifest, by the checks of archive.h. `wanted` and `content` as there. INVALID, UNAVAILABLE. */
enum cg_err cg_stored_package(const struct cg_stored *stored, const char *wanted, struct cg_buf *content,
                              struct cg_package *out, struct cg_error *err) CG_CHECK;
/* The same of a crate that was never taken in, within today's limits. */
enum cg_err cg_stored_check(const struct cg_stored *stored, uint64_t unpacked_max, struct cg_package *out,
                            struct cg_error *err) CG_CHECK;
/* Where the readme lies below the root, as archive.h wants it; NULL when the package names none. Borrowed. */
const char *cg_readme_path(const struct cg_package *package);

#endif
