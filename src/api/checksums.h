/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The checksums that a deploy names in its headers: X-Checksum-Sha256, -Sha1,
 * -Md5, or X-Checksum, whose length says which. One thread, a worker.
 */
#ifndef CG_API_CHECKSUMS_H
#define CG_API_CHECKSUMS_H

#include "base/sums.h"
#include "http/http.h"

/* Lower-case hex; "" what was not sent. INVALID: one that is none. */
enum cg_err cg_checksums_sent(struct cg_request *req, struct cg_sums_hex *out, struct cg_error *err) CG_CHECK;
/* Those of the body. The source's error. */
enum cg_err cg_checksums_of(const struct cg_source *body, struct cg_sums_hex *out, struct cg_error *err) CG_CHECK;
/* CONFLICT: one that was sent is not that of the body, and which. */
enum cg_err cg_checksums_compare(const struct cg_sums_hex *sent, const struct cg_sums_hex *found,
                                 struct cg_error *err) CG_CHECK;
/* {"sha1":...} of those that are known. */
void cg_checksums_json(const struct cg_sums_hex *sums, struct cg_buf *out);

#endif
