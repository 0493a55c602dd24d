/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "storage/artifactory/art_transfer.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "log/log.h"
#include "storage/artifactory/art_sum.h"
#include "storage/filesystem/fs_dir.h"

#define SIZE_MAX_BYTES ((uint64_t)4 << 30) /* no crate is as large: it would only fill the disk */
#define CHUNK 65536

struct load {
    const struct cg_art_transfer *t;
    struct cg_sha256 *sha;
    uint64_t size, got;
    int aside; /* where the bytes go while their number is not known; else -1 */
};

static enum cg_err too_large(const struct load *load, struct cg_error *err)
{
    return cg_error_set(err, CG_ERR_UNAVAILABLE, "%s in repository %s is larger than any crate may be", load->t->path,
                        load->t->repo);
}

static enum cg_err check_stopping(const struct load *load, struct cg_error *err)
{
    return atomic_load(load->t->stopping) ? cg_art_stopped(err) : CG_OK;
}

/* A feed begins with its size. Without one, nothing can be sent before the end. */
static enum cg_err on_begin(void *cls, uint64_t size, struct cg_error *err)
{
    struct load *load = cls;
    enum cg_err rc = check_stopping(load, err);

    load->size = size;
    if (rc != CG_OK)
        return rc;
    if (size == UINT64_MAX)
        return cg_art_cache_temp(load->t->cache, &load->aside, err);
    if (size > SIZE_MAX_BYTES)
        return too_large(load, err);
    cg_feed_begin(load->t->feed, size);
    return CG_OK;
}

static enum cg_err put_aside(struct load *load, const char *bytes, size_t len, struct cg_error *err)
{
    if (len > SIZE_MAX_BYTES - load->got)
        return too_large(load, err);
    while (len) {
        ssize_t n = pwrite(load->aside, bytes, len, (off_t)load->got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return cg_fs_broken(err, n < 0 ? errno : EIO, "write", "a crate that is coming in");
        bytes += n;
        len -= (size_t)n;
        load->got += (uint64_t)n;
    }
    return CG_OK;
}

static enum cg_err on_bytes(void *cls, const void *bytes, size_t len, struct cg_error *err)
{
    struct load *load = cls;
    enum cg_err rc = check_stopping(load, err);

    if (rc != CG_OK)
        return rc;
    cg_sha256_add(load->sha, bytes, len);
    if (load->aside >= 0)
        return put_aside(load, bytes, len, err);
    load->got += len;
    rc = cg_feed_append(load->t->feed, bytes, len, err);
    if (rc == CG_ERR_INVALID && err)
        err->code = CG_ERR_UNAVAILABLE;
    return rc == CG_ERR_INVALID ? CG_ERR_UNAVAILABLE : rc;
}

/* What came without a size is good: now it may be sent. */
static enum cg_err pour(struct load *load, struct cg_error *err)
{
    char chunk[CHUNK];
    enum cg_err rc = CG_OK;
    uint64_t at = 0;

    cg_feed_begin(load->t->feed, load->got);
    while (rc == CG_OK && at < load->got) {
        ssize_t n = pread(load->aside, chunk, sizeof(chunk), (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return cg_fs_broken(err, n < 0 ? errno : EIO, "read", "a crate that has come in");
        rc = cg_feed_append(load->t->feed, chunk, (size_t)n, err);
        at += (uint64_t)n;
    }
    return rc;
}

/* Wrong bytes (F17): somebody has to know, and nobody gets them. */
static enum cg_err check_sum(const struct load *load, struct cg_error *err)
{
    unsigned char digest[CG_SHA256_SIZE];
    char sum[CG_SHA256_HEX_SIZE];

    cg_sha256_end(load->sha, digest);
    cg_hex(digest, sizeof(digest), sum);
    if (!*load->t->cksum || strcmp(sum, load->t->cksum) == 0)
        return CG_OK;
    cg_log(CG_LOG_ERROR, "artifactory", NULL,
           "repository=%s path=%s: WRONG BYTES: the index says sha256 %s, what came has %s; it is not given to anybody",
           load->t->repo, load->t->path, load->t->cksum, sum);
    return cg_error_set(err, CG_ERR_UNAVAILABLE,
                        "what Artifactory has at %s are not the bytes that were published; tell the registry's "
                        "administrators",
                        load->t->path);
}

/* The index names it, and it is not there. */
static void tell_missing(const struct cg_art_transfer *t, struct cg_error *err)
{
    cg_log_error(CG_LOG_ERROR, "artifactory", NULL, err, "repository=%s path=%s: in the index, but its .crate is gone",
                 t->repo, t->path);
    (void)cg_error_set(err, CG_ERR_ABSENT,
                       "the file of the crate is missing from the registry's store (%s in Artifactory); tell its "
                       "administrators",
                       t->path);
}

static void keep(const struct cg_art_transfer *t, uint64_t size)
{
    struct cg_error err = {0};

    if (*t->cksum && cg_art_cache_keep(t->cache, t->cksum, cg_feed_fd(t->feed), size, &err) != CG_OK)
        cg_log_error(CG_LOG_WARN, "artifactory", NULL, &err, "a crate is not kept on local disk");
}

static enum cg_err load_all(struct load *load, struct cg_error *err)
{
    struct cg_art_sink sink = {.begin = on_begin, .bytes = on_bytes, .cls = load};
    enum cg_err rc = cg_art_get(load->t->client, load->t->repo, load->t->path, &sink, err);

    if (rc == CG_OK && load->aside < 0 && load->got != load->size)
        rc = cg_error_set(err, CG_ERR_UNAVAILABLE, "%s ended before its announced size", load->t->path);
    if (rc == CG_OK)
        rc = check_sum(load, err);
    if (rc == CG_OK && load->aside >= 0)
        rc = pour(load, err);
    return rc;
}

enum cg_err cg_art_transfer(const struct cg_art_transfer *transfer)
{
    struct load load = {.t = transfer, .sha = cg_sha256_new(), .aside = -1};
    struct cg_error err = {0};
    enum cg_err rc = load_all(&load, &err);

    /* Before the end is told: whoever asks after it finds it there. */
    if (rc == CG_OK)
        keep(transfer, load.got);
    if (rc == CG_ERR_ABSENT && *transfer->cksum)
        tell_missing(transfer, &err);
    cg_fs_close(load.aside);
    cg_sha256_free(&load.sha);
    cg_feed_finish(transfer->feed, rc, rc == CG_OK ? NULL : &err);
    return rc;
}
