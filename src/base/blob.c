/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/blob.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/digest.h"
#include "base/mem.h"
#include "crategate/err.h"

/* Below this the answer fits a packet anyway. */
#define GZIP_MIN 512
#define GZIP_LEVEL 9          /* once at creation, then sent many times */
#define GZIP_WINDOW (15 + 16) /* zlib: 15 bits, and a gzip header (whose time stays 0: equal bytes, equal form) */

/* Into room that is a tenth smaller than the bytes: what does not fit does not pay. Length, or 0. */
static size_t deflate_into(const void *bytes, size_t len, char *out, size_t room)
{
    z_stream z = {0};
    if (deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    z.next_in = (Bytef *)(uintptr_t)bytes; /* zlib only reads it */
    z.avail_in = (uInt)len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)room;
    int rc = deflate(&z, Z_FINISH);
    size_t made = rc == Z_STREAM_END ? (size_t)z.total_out : 0;
    deflateEnd(&z);
    return made;
}

void cg_blob_set_gzip(struct cg_blob *blob, const void *gzip, size_t len)
{
    CG_ASSERT(!blob->gzip && len);
    blob->gzip = cg_malloc(len);
    memcpy(blob->gzip, gzip, len);
    blob->gzip_len = len;
}

void cg_blob_compress(struct cg_blob *blob)
{
    if (blob->len < GZIP_MIN || blob->len > UINT_MAX)
        return;
    size_t room = blob->len - blob->len / 10;
    char *out = cg_malloc(room);
    size_t made = deflate_into(blob->bytes, blob->len, out, room);
    if (!made) {
        free(out);
        return;
    }
    blob->gzip = cg_reallocarray(out, made, 1);
    blob->gzip_len = made;
}

struct cg_blob *cg_blob_new(const void *bytes, size_t len, int64_t mtime, int compress)
{
    struct cg_blob *blob = cg_malloc(sizeof *blob + len + 1);
    *blob = (struct cg_blob){.len = len, .fd = -1, .mtime = mtime};
    atomic_init(&blob->refs, 1);
    if (mtime)
        cg_time_http(mtime, blob->modified);
    if (len)
        memcpy(blob->bytes, bytes, len);
    blob->bytes[len] = '\0';
    unsigned char digest[CG_SHA256_SIZE];
    char hex[CG_SHA256_HEX_SIZE];
    cg_sha256(bytes, len, digest);
    cg_hex(digest, sizeof digest, hex);
    snprintf(blob->etag, sizeof blob->etag, "\"%.32s\"", hex);
    snprintf(blob->gzip_etag, sizeof blob->gzip_etag, "\"%.32s-gz\"", hex);
    if (compress)
        cg_blob_compress(blob);
    return blob;
}

struct cg_blob *cg_blob_of_file(int fd)
{
    struct cg_blob *blob = cg_calloc(1, sizeof *blob + 1);
    blob->fd = fd;
    atomic_init(&blob->refs, 1);
    return blob;
}

struct cg_blob *cg_blob_ref(struct cg_blob *blob)
{
    atomic_fetch_add_explicit(&blob->refs, 1, memory_order_relaxed);
    return blob;
}

void cg_blob_unref(struct cg_blob **blob)
{
    struct cg_blob *b = *blob;
    *blob = NULL;
    if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (b->fd >= 0)
        close(b->fd);
    free(b->gzip);
    free(b);
}

size_t cg_blob_weight(const struct cg_blob *blob)
{
    return sizeof *blob + blob->len + 1 + blob->gzip_len;
}
