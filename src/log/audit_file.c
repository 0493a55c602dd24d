/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "log/audit_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
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

/* A crash may have left half a line. A file that we may write but not read is taken to be whole. */
static bool ends_torn(const char *path, off_t size)
{
    char last = '\n';
    int fd = size > 0 ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    if (fd < 0)
        return false;
    ssize_t n = pread(fd, &last, 1, size - 1);
    close(fd);
    return n == 1 && last != '\n';
}

/* A file just made is not durable before its directory is. */
static enum cg_err sync_parent(const char *path, struct cg_error *err)
{
    char *copy = cg_strdup(path);
    enum cg_err rc = cg_file_sync_dir(dirname(copy), err);
    free(copy);
    return rc;
}

static enum cg_err open_failed(struct cg_error *err, const char *path, int errnum)
{
    cg_file_error(err, errnum, "open the audit trail", path);
    if (err)
        err->code = CG_ERR_UNAVAILABLE;
    return CG_ERR_UNAVAILABLE;
}

enum cg_err cg_audit_file_open(const char *path, struct cg_audit_file *file_out, struct cg_error *err)
{
    struct cg_audit_file file = {.fd = -1};
    if (path[0]) {
        file.fd = open_append(path);
        struct stat st;
        if (file.fd < 0)
            return open_failed(err, path, errno);
        if (fstat(file.fd, &st) < 0) {
            int saved = errno;
            close(file.fd);
            return open_failed(err, path, saved);
        }
        file.regular = S_ISREG(st.st_mode);
        file.torn = file.regular && ends_torn(path, st.st_size);
        if (file.regular && st.st_size == 0 && sync_parent(path, err) != CG_OK) {
            close(file.fd);
            if (err)
                err->code = CG_ERR_UNAVAILABLE;
            return CG_ERR_UNAVAILABLE;
        }
    }
    file.path = cg_strdup(path);
    *file_out = file;
    return CG_OK;
}

void cg_audit_file_close(struct cg_audit_file *file)
{
    if (file->fd >= 0) {
        (void)cg_audit_file_sync(file);
        close(file->fd);
    }
    free(file->path);
    *file = (struct cg_audit_file){.fd = -1};
}

/* Moves the two parts forward over `n` written bytes. */
static void advance(struct iovec part[2], size_t n)
{
    for (int i = 0; i < 2; i++) {
        size_t step = n < part[i].iov_len ? n : part[i].iov_len;
        part[i].iov_base = (char *)part[i].iov_base + step;
        part[i].iov_len -= step;
        n -= step;
    }
}

/* One system call for a whole line: with O_APPEND another process (crategatectl) cannot write into its middle. */
int cg_audit_file_write(struct cg_audit_file *file, const char *line, size_t len)
{
    static const char newline[] = "\n";
    struct iovec part[2] = {{(void *)(uintptr_t)newline, file->torn ? 1 : 0}, {(void *)(uintptr_t)line, len}};
    while (part[1].iov_len) {
        ssize_t n = writev(file->fd, part, 2);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            file->failed = n < 0 ? errno : EIO;
            return file->failed;
        }
        advance(part, (size_t)n);
        /* Torn when only a part of the line is out; not any more when just the newline of the last one is. */
        file->torn = part[1].iov_len != 0 && part[1].iov_len != len;
    }
    file->failed = 0;
    return 0;
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

int cg_audit_file_reserve(const struct cg_audit_file *file)
{
    struct stat st;
    struct statvfs fs;
    if (file->failed || !file->regular)
        return file->failed;
    if (fstat(file->fd, &st) < 0)
        return errno;
    /* Blocks behind the end, size unchanged: the coming record has them even when the disk fills up now. */
    if (fallocate(file->fd, FALLOC_FL_KEEP_SIZE, st.st_size, RESERVE_BYTES) == 0)
        return 0;
    if (errno != EOPNOTSUPP && errno != ENOSYS)
        return errno;
    if (fstatvfs(file->fd, &fs) < 0)
        return errno;
    return (uintmax_t)fs.f_bavail * fs.f_frsize >= RESERVE_BYTES ? 0 : ENOSPC;
}
