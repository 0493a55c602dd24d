/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Immutable bytes shared by reference count: an index file in memory, a
 * configuration answer. Created once, then read by any thread without a lock.
 * Or an open file that is shared in the same way.
 */
#ifndef CG_BASE_BLOB_H
#define CG_BASE_BLOB_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "crategate/clock.h"

#define CG_ETAG_SIZE 35 /* quoted 32 hex digits and NUL */

struct cg_blob {
    atomic_uint refs;
    size_t len;
    int fd;                  /* -1; else the file that has the bytes, and none are here */
    int64_t mtime;           /* wall seconds, for Last-Modified; 0: none */
    char modified[CG_TIME_HTTP_SIZE]; /* the same as a header has it, "" for none */
    char etag[CG_ETAG_SIZE]; /* strong: quoted first half of the bytes' SHA-256 */
    char *gzip;              /* the same bytes as one gzip member, or NULL when that does not pay */
    size_t gzip_len;
    char gzip_etag[CG_ETAG_SIZE + 3]; /* its own strong tag, "....-gz" */
    char bytes[];            /* NUL-terminated beyond len */
};

/* Copies the bytes and computes the tag. `compress`: also keep a gzip form when it saves at least a tenth. */
struct cg_blob *cg_blob_new(const void *bytes, size_t len, int64_t mtime, int compress);
/* Stands for an open file, which it closes at the end: no bytes, no tags. */
struct cg_blob *cg_blob_of_file(int fd);
/* For one that nobody else has yet and that has none: makes its gzip form as above, or takes one (a copy) that was made
 * of the very same bytes. */
void cg_blob_compress(struct cg_blob *blob);
void cg_blob_set_gzip(struct cg_blob *blob, const void *gzip, size_t len);
struct cg_blob *cg_blob_ref(struct cg_blob *blob);
void cg_blob_unref(struct cg_blob **blob);
/* Memory it holds, for cache accounting. */
size_t cg_blob_weight(const struct cg_blob *blob);

#endif
