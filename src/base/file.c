/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/mem.h"

#define READ_CHUNK 65536

static enum cg_err code_of(int errnum)
{
    switch (errnum) {
    case ENOENT:
        return CG_ERR_ABSENT;
    case EEXIST:
        return CG_ERR_CONFLICT;
    case EACCES:
    case EPERM:
        return CG_ERR_DENIED;
    default:
        return CG_ERR_UNAVAILABLE;
    }
}

enum cg_err cg_file_error(struct cg_error *err, int errnum, const char *what, const char *path)
{
    char room[128];
    const char *reason = strerror_r(errnum, room, sizeof room); /* GNU's: strerror is not thread safe */
    return cg_error_set(err, code_of(errnum), "cannot %s \"%s\": %s", what, path, reason);
}

/* The directory a path stands in; free() it. "file" is in ".", "/file" in "/". */
static char *parent_of(const char *path)
{
    char *copy = cg_strdup(path);
    char *parent = cg_strdup(dirname(copy));
    free(copy);
    return parent;
}

/* What one read may put where; with a full buffer one byte aside, which tells the exact fit from too much. */
static ssize_t read_some(int fd, struct cg_buf *out, char *aside)
{
    size_t room = out->max - out->len;
    size_t spare = out->cap > out->len ? out->cap - out->len - 1 : 0;
    size_t want = spare ? spare : READ_CHUNK;
    if (want > room)
        want = room;
    void *to = want ? cg_buf_reserve(out, want) : aside;
    if (!to) {
        errno = ENOMEM;
        return -1;
    }
    ssize_t n;
    do
        n = read(fd, to, want ? want : 1);
    while (n < 0 && errno == EINTR);
    return n;
}

enum cg_err cg_file_read_fd(int fd, const char *path, struct cg_buf *out, struct cg_error *err)
{
    const size_t start = out->len;
    char aside = 0;
    if (out->failed)
        return cg_error_set(err, CG_ERR_TOO_LARGE, "\"%s\" does not fit a buffer that is already full", path);
    struct stat st;
    if (fstat(fd, &st) == 0 && st.st_size > 0 && (uintmax_t)st.st_size < out->max - out->len)
        (void)cg_buf_reserve(out, (size_t)st.st_size + 1); /* a hint: one allocation, and room to see the end */
    for (;;) {
        bool full = out->len == out->max;
        ssize_t n = read_some(fd, out, &aside);
        if (n == 0)
            return CG_OK;
        if (n > 0 && !full) {
            cg_buf_commit(out, (size_t)n);
            continue;
        }
        int saved = errno;
        out->len = start;
        if (out->data)
            out->data[start] = '\0';
        if (n < 0)
            return cg_file_error(err, saved, "read", path);
        return cg_error_set(err, CG_ERR_TOO_LARGE, "\"%s\" is larger than the %zu bytes allowed", path,
                            out->max - start);
    }
}

enum cg_err cg_file_read(const char *path, struct cg_buf *out, struct cg_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return cg_file_error(err, errno, "open", path);
    enum cg_err rc = cg_file_read_fd(fd, path, out, err);
    close(fd);
    return rc;
}

enum cg_err cg_file_write_fd(int fd, const char *path, const void *bytes, size_t len, struct cg_error *err)
{
    const char *at = bytes;
    while (len) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return cg_file_error(err, n < 0 ? errno : EIO, "write", path);
        at += n;
        len -= (size_t)n;
    }
    return CG_OK;
}

enum cg_err cg_file_sync_fd(int fd, const char *path, struct cg_error *err)
{
    /* Never again after a failure: the kernel has dropped the dirty pages and the next fsync would lie.
     * EINVAL: the thing (a pipe, a directory of some file systems) has nothing to be flushed to. */
    if (fsync(fd) < 0 && errno != EINVAL)
        return cg_file_error(err, errno, "fsync", path);
    return CG_OK;
}

enum cg_err cg_file_sync_dir(const char *path, struct cg_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return cg_file_error(err, errno, "open", path);
    enum cg_err rc = cg_file_sync_fd(fd, path, err);
    close(fd);
    return rc;
}

enum cg_err cg_file_sync_parent(const char *path, struct cg_error *err)
{
    char *parent = parent_of(path);
    enum cg_err rc = cg_file_sync_dir(parent, err);
    free(parent);
    return rc;
}

/* "DIR/.NAME.tmp.RANDOM"; free() it. A long name is cut, so that the temporary's is never longer than allowed. */
static char *temporary_beside(const char *path)
{
    unsigned char noise[8];
    char hex[2 * sizeof noise + 1];
    cg_random(noise, sizeof noise);
    cg_hex(noise, sizeof noise, hex);
    char *parent = parent_of(path);
    const char *slash = strrchr(path, '/');
    char *temporary = cg_asprintf("%s/.%.200s.tmp.%s", parent, slash ? slash + 1 : path, hex);
    free(parent);
    return temporary;
}

/* A new file with these bytes and exactly this mode, flushed. */
static enum cg_err write_new(const char *path, const void *bytes, size_t len, mode_t mode, struct cg_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode & 0600);
    if (fd < 0)
        return cg_file_error(err, errno, "create", path);
    enum cg_err rc = cg_file_write_fd(fd, path, bytes, len, err);
    if (rc == CG_OK && fchmod(fd, mode) < 0) /* the umask has had its say in open */
        rc = cg_file_error(err, errno, "chmod", path);
    if (rc == CG_OK)
        rc = cg_file_sync_fd(fd, path, err);
    if (close(fd) < 0 && rc == CG_OK && errno != EINTR)
        rc = cg_file_error(err, errno, "close", path);
    if (rc != CG_OK)
        unlink(path);
    return rc;
}

enum cg_err cg_file_replace(const char *path, const void *bytes, size_t len, mode_t mode, struct cg_error *err)
{
    char *temporary = temporary_beside(path);
    enum cg_err rc = write_new(temporary, bytes, len, mode, err);
    if (rc != CG_OK)
        goto out;
    if (rename(temporary, path) < 0) {
        rc = cg_file_error(err, errno, "replace", path);
        unlink(temporary);
        goto out;
    }
    rc = cg_file_sync_parent(path, err);
out:
    free(temporary);
    return rc;
}

/* One level. A directory that is already there was made durable by whoever made it. */
static enum cg_err make_dir(const char *path, mode_t mode, struct cg_error *err)
{
    if (mkdir(path, mode) == 0)
        return cg_file_sync_parent(path, err);
    if (errno == EEXIST)
        return CG_OK;
    return cg_file_error(err, errno, "create the directory", path);
}

enum cg_err cg_file_mkdirs(const char *path, mode_t mode, struct cg_error *err)
{
    if (!path[0])
        return cg_file_error(err, ENOENT, "create the directory", path);
    char *prefix = cg_strdup(path);
    enum cg_err rc = CG_OK;
    for (char *at = prefix + 1; rc == CG_OK && *at; at++) {
        if (*at != '/' || at[-1] == '/')
            continue;
        *at = '\0';
        rc = make_dir(prefix, mode, err);
        *at = '/';
    }
    if (rc == CG_OK)
        rc = make_dir(prefix, mode, err);
    struct stat st;
    if (rc == CG_OK && stat(path, &st) < 0)
        rc = cg_file_error(err, errno, "stat", path);
    else if (rc == CG_OK && !S_ISDIR(st.st_mode))
        rc = cg_error_set(err, CG_ERR_CONFLICT, "\"%s\" is in the way: it is not a directory", path);
    free(prefix);
    return rc;
}

enum cg_err cg_file_remove(const char *path, struct cg_error *err)
{
    if (unlink(path) < 0)
        return cg_file_error(err, errno, "remove", path);
    return cg_file_sync_parent(path, err);
}
