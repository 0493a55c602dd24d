/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "log/audit_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "log/audit_record.h"

#define CHUNK 32768

struct cg_audit_stream {
    char *path;
    struct stat st;
    gzFile file;
    uint64_t left; /* bytes that may still be read */
    uint64_t number;
    struct cg_buf line;
    bool whole;
    size_t at, end; /* what of the chunk is unread */
    char chunk[CHUNK];
};

static enum cg_err open_fd(const char *path, struct stat *st, int *fd_out, struct cg_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    enum cg_err rc = CG_OK;
    if (fd < 0 || fstat(fd, st) < 0)
        rc = cg_file_error(err, errno, "open", path);
    else if (!S_ISREG(st->st_mode))
        rc = cg_error_set(err, CG_ERR_INVALID, "\"%s\" is not a regular file: it cannot be read again", path);
    if (rc == CG_OK)
        *fd_out = fd;
    else if (fd >= 0)
        close(fd);
    return rc;
}

enum cg_err cg_audit_stream_open(const char *path, struct cg_audit_stream **stream_out, struct cg_error *err)
{
    struct stat st;
    int fd;
    enum cg_err rc = open_fd(path, &st, &fd, err);
    if (rc != CG_OK)
        return rc;
    struct cg_audit_stream *stream = cg_calloc(1, sizeof *stream);
    stream->path = cg_strdup(path);
    stream->st = st;
    stream->file = gzdopen(fd, "r"); /* reads what is not gzipped as it is */
    CG_ASSERT(stream->file);
    stream->left = gzdirect(stream->file) ? (uint64_t)st.st_size : UINT64_MAX;
    cg_buf_init(&stream->line, CG_AUDIT_LINE_MAX);
    *stream_out = stream;
    return CG_OK;
}

void cg_audit_stream_free(struct cg_audit_stream **stream)
{
    if (!*stream)
        return;
    gzclose((*stream)->file);
    cg_buf_free(&(*stream)->line);
    free((*stream)->path);
    free(*stream);
    *stream = NULL;
}

static enum cg_err fill(struct cg_audit_stream *stream, struct cg_error *err)
{
    unsigned want = stream->left < CHUNK ? (unsigned)stream->left : CHUNK;
    int code = Z_OK, n = want ? gzread(stream->file, stream->chunk, want) : 0;
    const char *why = n > 0 || !want ? "" : gzerror(stream->file, &code);
    if (code == Z_ERRNO)
        return cg_file_error(err, errno, "read", stream->path);
    if (code != Z_OK && code != Z_STREAM_END)
        return cg_error_set(err, CG_ERR_UNAVAILABLE, "cannot read \"%s\": %s", stream->path, why);
    stream->at = 0;
    stream->end = (size_t)n;
    if (stream->left != UINT64_MAX)
        stream->left -= (uint64_t)n;
    return CG_OK;
}

/* Takes what the chunk has of the line; true when that was its end. What is over the buffer's maximum is dropped. */
static bool take(struct cg_audit_stream *stream)
{
    const char *from = stream->chunk + stream->at;
    size_t len = stream->end - stream->at, room = stream->line.max - stream->line.len;
    const char *newline = memchr(from, '\n', len);
    if (newline)
        len = (size_t)(newline - from);
    cg_buf_add(&stream->line, from, len < room ? len : room);
    stream->at += len + (newline != NULL);
    return newline != NULL;
}

enum cg_err cg_audit_stream_next(struct cg_audit_stream *stream, bool *more_out, struct cg_error *err)
{
    bool begun = false;
    cg_buf_reset(&stream->line);
    stream->whole = false;
    while (!stream->whole) {
        enum cg_err rc = stream->at < stream->end ? CG_OK : fill(stream, err);
        if (rc != CG_OK)
            return rc;
        if (stream->at == stream->end)
            break;
        begun = true;
        stream->whole = take(stream);
    }
    stream->number += begun;
    *more_out = begun;
    return CG_OK;
}

const struct cg_buf *cg_audit_stream_line(const struct cg_audit_stream *stream)
{
    return &stream->line;
}

uint64_t cg_audit_stream_number(const struct cg_audit_stream *stream)
{
    return stream->number;
}

bool cg_audit_stream_whole(const struct cg_audit_stream *stream)
{
    return stream->whole;
}

const char *cg_audit_stream_path(const struct cg_audit_stream *stream)
{
    return stream->path;
}

const struct stat *cg_audit_stream_stat(const struct cg_audit_stream *stream)
{
    return &stream->st;
}
