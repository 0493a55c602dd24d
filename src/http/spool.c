/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/secret.h"

#define MEMORY_MAX (256u * 1024u)

struct cg_spool {
    uint64_t max;
    char *dir;   /* NULL: memory only */
    char *bytes; /* what came after the file's part; allocated by the first add */
    size_t len, cap;
    int fd; /* -1: none yet */
    uint64_t file_len;
    bool too_large;
};

struct cg_spool *cg_spool_new(uint64_t max, const char *file_dir)
{
    struct cg_spool *spool = cg_calloc(1, sizeof(*spool));

    CG_ASSERT(file_dir || max <= MEMORY_MAX);
    spool->max = max;
    spool->dir = file_dir ? cg_strdup(file_dir) : NULL;
    spool->cap = max < MEMORY_MAX ? (size_t)max : MEMORY_MAX;
    spool->fd = -1;
    return spool;
}

void cg_spool_free(struct cg_spool **spool)
{
    struct cg_spool *s = *spool;

    if (!s)
        return;
    /* Forms and token requests carry secrets. */
    if (s->bytes)
        cg_wipe(s->bytes, s->len);
    free(s->bytes);
    free(s->dir);
    if (s->fd >= 0)
        close(s->fd);
    free(s);
    *spool = NULL;
}

enum cg_err cg_spool_add(struct cg_spool *spool, const void *bytes, size_t len, size_t *used_out)
{
    size_t room = spool->cap - spool->len;

    if (spool->too_large || len > spool->max - cg_spool_size(spool)) {
        spool->too_large = true;
        *used_out = len;
        return CG_ERR_TOO_LARGE;
    }
    if (!spool->bytes)
        spool->bytes = cg_malloc(spool->cap + 1);
    if (len > room)
        len = room;
    memcpy(spool->bytes + spool->len, bytes, len);
    spool->len += len;
    *used_out = len;
    return CG_OK;
}

bool cg_spool_full(const struct cg_spool *spool)
{
    return spool->len == spool->cap;
}

static enum cg_err failed(struct cg_error *err, const struct cg_spool *spool, const char *what)
{
    return cg_error_hide(err, CG_ERR_UNAVAILABLE, "the upload could not be kept; try again later",
                         "%s a file in %s: %s", what, spool->dir, strerror(errno));
}

/* Unlinked from birth where the file system can do that, right after it where it cannot. */
static int open_unlinked(const char *dir)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    char *path;

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return fd;
    path = cg_asprintf("%s/upload.XXXXXX", dir);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    free(path);
    return fd;
}

enum cg_err cg_spool_flush(struct cg_spool *spool, struct cg_error *err)
{
    size_t done = 0;

    CG_ASSERT(spool->dir != NULL);
    if (spool->fd < 0 && (spool->fd = open_unlinked(spool->dir)) < 0)
        return failed(err, spool, "creating");
    while (done < spool->len) {
        ssize_t n = pwrite(spool->fd, spool->bytes + done, spool->len - done, (off_t)(spool->file_len + done));

        if (n < 0 && errno != EINTR)
            return failed(err, spool, "writing");
        done += n > 0 ? (size_t)n : 0;
    }
    spool->file_len += spool->len;
    spool->len = 0;
    return CG_OK;
}

uint64_t cg_spool_size(const struct cg_spool *spool)
{
    return spool->file_len + spool->len;
}

enum cg_err cg_spool_read(struct cg_spool *spool, uint64_t offset, void *bytes, size_t len, size_t *got_out,
                          struct cg_error *err)
{
    uint64_t size = cg_spool_size(spool), part_end = offset < spool->file_len ? spool->file_len : size;
    ssize_t n;

    if (offset >= size || len == 0) {
        *got_out = 0;
        return CG_OK;
    }
    if (len > part_end - offset)
        len = (size_t)(part_end - offset);
    if (offset >= spool->file_len) {
        memcpy(bytes, spool->bytes + (offset - spool->file_len), len);
        *got_out = len;
        return CG_OK;
    }
    do
        n = pread(spool->fd, bytes, len, (off_t)offset);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return failed(err, spool, "reading");
    *got_out = (size_t)n;
    return CG_OK;
}

const char *cg_spool_memory(struct cg_spool *spool, size_t *len_out)
{
    if (spool->file_len > 0)
        return NULL;
    *len_out = spool->len;
    if (!spool->bytes)
        return "";
    spool->bytes[spool->len] = '\0';
    return spool->bytes;
}
