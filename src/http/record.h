/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* AUDIT: what stays of a request: audit records, the log line, metrics. */
#ifndef CG_HTTP_RECORD_H
#define CG_HTTP_RECORD_H

#include "http/http.h"

/* On a worker, right after a handler that changes something: the record is on disk before the answer goes out. */
void cg_record_change(struct cg_request *req);
/* On every way out, whatever became of the request. Never blocks. */
void cg_record_end(struct cg_request *req, bool sent);

#endif
