/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What the endpoints that change a crate share: from the request into a cg_change, and its outcome back for AUDIT. */
#ifndef CG_API_CHANGE_H
#define CG_API_CHANGE_H

#include "http/http.h"

void cg_api_change_begin(struct cg_request *req, struct cg_change *change);
/* What the audit record says of it. */
void cg_api_change_note(struct cg_request *req, const struct cg_change *change);
/* Notes it, and answers. Takes the body. */
enum cg_step cg_api_change_end(struct cg_request *req, const struct cg_change *change, enum cg_err rc,
                               struct cg_buf *body, const struct cg_error *err);

#endif
