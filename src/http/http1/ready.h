/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Answers of the library's that are kept for the next one who gets the same.
 * Making one copies every header twice over; one that is sent again needs a new
 * X-Request-Id and nothing else. An answer is in one connection's hands at a
 * time, because the library reads it until it has been sent.
 *
 * The table is small and holds on to what it keeps, so it takes small files only; an open file it lets go of after a
 * minute, so that what has been deleted leaves the disk.
 *
 * Threading: the loop's.
 */
#ifndef CG_HTTP_HTTP1_READY_H
#define CG_HTTP_HTTP1_READY_H

#include <microhttpd.h>

#include "http/http.h"

#define CG_READY_SLOTS 128

struct cg_ready;

struct cg_ready_table {
    struct cg_ready *slots[CG_READY_SLOTS]; /* NULL: free, or in somebody's hands */
    size_t files;                           /* of them open ones */
};

/* Can the answer be kept at all? */
bool cg_ready_fits(const struct cg_response *response);
/* One that was kept, with this request's id in it; the caller's until it is given back. NULL: there is none. */
struct cg_ready *cg_ready_take(struct cg_ready_table *table, const struct cg_request *req);
/* Wraps one that was just made of the request's response; takes over the reference. */
struct cg_ready *cg_ready_new(const struct cg_request *req, struct MHD_Response *made, int64_t now_ms);
struct MHD_Response *cg_ready_response(const struct cg_ready *ready);
/* It has been sent, or never will be. */
void cg_ready_give(struct cg_ready_table *table, struct cg_ready **ready);
/* Lets go of open files whose minute is over. */
void cg_ready_sweep(struct cg_ready_table *table, int64_t now_ms);
void cg_ready_free_all(struct cg_ready_table *table);

#endif
