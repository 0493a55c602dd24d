/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "log/audit_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#define RESERVE_BYTES 65536
#define FILE_MODE 0640

/* O_NONBLOCK: a FIFO that nobody reads must be an error at start and not a daemon that hangs; it is taken off again. */
static int open_append(const char *path)
{
    /* What systemd and containers connect there may be a socket, which cannot be opened by its name. */
    if (cg_streq(path, "/dev/stdout"))
        return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (cg_streq(path, "/dev/stderr"))
        return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, FILE_MODE);
    if (fd < 0)
        return -1;
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0)
        (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    return fd;
}

/* The same file again, unless it was exchanged meanwhile; what we may not read is written without being read. */
static int open_reading(const char *path, const struct stat *of)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd >= 0 && (fstat(fd, &st) < 0 || st.st_dev != of->st_dev || st.st_ino != of->st_ino)) {
        close(fd);
        return -1;
    }
    return fd;
}

static enum cg_err open_failed(struct cg_error *err, const char *path, int errnum)
{
    cg_file_error(err, errnum, "open the audit trail", path);
    if (err)
        err->code = CG_ERR_UNAVAILABLE;
    return CG_ERR_UNAVAILABLE;
}

static enum cg_err examine(const char *path, struct cg_audit_file *file, struct cg_error *err)
{
    struct stat st;
    if (fstat(file->fd, &st) < 0)
        return open_failed(err, path, errno);
    file->regular = S_ISREG(st.st_mode);
    if (!file->regular)
        return CG_OK;
    file->read_fd = open_reading(path, &st);
    /* A file just made is not durable before its directory is. */
    if (st.st_size > 0 || cg_file_sync_parent(path, err) == CG_OK)
        return CG_OK;
    if (err)
        err->code = CG_ERR_UNAVAILABLE;
    return CG_ERR_UNAVAILABLE;
}

enum cg_err cg_audit_file_open(const char *path, struct cg_audit_file *file_out, struct cg_error *err)
{
    struct cg_audit_file file = {.fd = -1, .read_fd = -1};
    enum cg_err rc = CG_OK;
    if (path[0]) {
        file.fd = open_append(path);
        rc = file.fd < 0 ? open_failed(err, path, errno) : examine(path, &file, err);
    }
    if (rc != CG_OK) {
        cg_audit_file_close(&file);
        return rc;
    }
    file.path = cg_strdup(path);
    *file_out = file;
    return CG_OK;
}

void cg_audit_file_close(struct cg_audit_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    if (file->read_fd >= 0)
        close(file->read_fd);
    free(file->path);
    *file = (struct cg_audit_file){.fd = -1, .read_fd = -1};
}

int cg_audit_file_append(struct cg_audit_file *file, const char *bytes, size_t len, size_t *written_out)
{
    size_t done = 0;
    file->failed = 0;
    while (done < len && !file->failed) {
        ssize_t n = write(file->fd, bytes + done, len - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            file->failed = n < 0 ? errno : EIO;
    }
    *written_out = done;
    return file->failed;
}

int cg_audit_file_sync(struct cg_audit_file *file)
{
    if (fdatasync(file->fd) == 0)
        return 0;
    if (!file->regular && (errno == EINVAL || errno == EROFS || errno == ENOTSUP))
        return 0;
    file->failed = errno;
    return file->failed;
}

int cg_audit_file_state(const struct cg_audit_file *file, off_t *size_out, bool *linked_out)
{
    struct stat st = {.st_nlink = 1};
    if (file->regular && fstat(file->fd, &st) < 0)
        return errno;
    *size_out = file->regular ? st.st_size : 0;
    *linked_out = st.st_nlink > 0;
    return 0;
}

int cg_audit_file_tail(const struct cg_audit_file *file, off_t size, struct cg_buf *out)
{
    size_t want = (uintmax_t)size < out->max ? (size_t)size : out->max;
    off_t at = size - (off_t)want;
    char *to = want ? cg_buf_reserve(out, want) : NULL;
    for (size_t done = 0; to && done < want;) {
        ssize_t n = pread(file->read_fd, to + done, want - done, at + (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        done += (size_t)n;
    }
    if (to)
        cg_buf_commit(out, want);
    return 0;
}

static bool over_limit(off_t size)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
           (rlim_t)size + RESERVE_BYTES > limit.rlim_cur;
}

int cg_audit_file_reserve(const struct cg_audit_file *file)
{
    struct stat st;
    struct statvfs fs;
    if (file->failed || !file->regular)
        return file->failed;
    if (fstat(file->fd, &st) < 0)
        return errno;
    if (over_limit(st.st_size))
        return EFBIG;
    /* Blocks behind the end, size unchanged: the coming record has them even when the disk fills up now. */
    if (fallocate(file->fd, FALLOC_FL_KEEP_SIZE, st.st_size, RESERVE_BYTES) == 0)
        return 0;
    if (errno != EOPNOTSUPP && errno != ENOSYS)
        return errno;
    if (fstatvfs(file->fd, &fs) < 0)
        return errno;
    return (uintmax_t)fs.f_bavail * fs.f_frsize >= RESERVE_BYTES ? 0 : ENOSPC;
}
