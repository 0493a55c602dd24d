/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Kills a program at a chosen durable step: LD_PRELOAD=libcrash.so.
 *
 *   CG_CRASH_DIR         only files below this directory count
 *   CG_CRASH_ARM         while a file of this name exists the library is armed; it holds a number N, and the Nth step
 *                        from then on is not performed: the process is killed by SIGKILL instead. 0: only count.
 *                        Removing the file disarms and starts the count anew.
 *   CG_CRASH_COUNT_FILE  gets the number of steps seen since arming
 *
 * A step is one fsync, fdatasync, rename, link, unlink, mkdir, rmdir or
 * truncation, or one write to a regular file. The library calls the kernel
 * itself and allocates nothing, so it can stand under any program.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool armed;
static long kill_at; /* 0: never */
static long seen;

static bool below_dir(const char *path)
{
    static char dir[PATH_MAX];
    size_t len;

    if (!dir[0]) {
        const char *given = getenv("CG_CRASH_DIR");

        if (!given || !realpath(given, dir))
            return false;
    }
    len = strlen(dir);
    return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static bool path_of_fd(int fd, char out[PATH_MAX])
{
    char link[64];
    long len;

    if (fd == AT_FDCWD)
        return syscall(SYS_getcwd, out, PATH_MAX) > 0;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    len = syscall(SYS_readlinkat, AT_FDCWD, link, out, PATH_MAX - 1);
    if (len < 0)
        return false;
    out[len] = '\0';
    return true;
}

static bool fd_counts(int fd)
{
    char path[PATH_MAX];

    return path_of_fd(fd, path) && below_dir(path);
}

static bool path_counts(int dir, const char *path)
{
    char base[PATH_MAX];

    if (path[0] == '/')
        return below_dir(path);
    return path_of_fd(dir, base) && below_dir(base);
}

static bool write_counts(int fd)
{
    struct stat info;

    return fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && fd_counts(fd);
}

/* The number in the arming file, -1 when there is none. */
static long read_arm(void)
{
    const char *path = getenv("CG_CRASH_ARM");
    char text[32] = "";
    int fd;

    if (!path)
        return -1;
    fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)!syscall(SYS_read, fd, text, sizeof(text) - 1);
    syscall(SYS_close, fd);
    return strtol(text, NULL, 10);
}

static void report(void)
{
    const char *path = getenv("CG_CRASH_COUNT_FILE");
    char text[32];
    int len, fd;

    if (!path)
        return;
    fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    len = snprintf(text, sizeof(text), "%ld\n", seen);
    (void)!syscall(SYS_write, fd, text, (size_t)len);
    syscall(SYS_close, fd);
}

/* Before each step. */
static void step(bool counts)
{
    int saved = errno;
    long number;

    if (!counts)
        goto out;
    pthread_mutex_lock(&lock);
    number = read_arm();
    if (number < 0) {
        armed = false;
    } else {
        if (!armed)
            seen = 0;
        armed = true;
        kill_at = number;
        seen++;
        report();
        if (seen == kill_at)
            raise(SIGKILL);
    }
    pthread_mutex_unlock(&lock);
out:
    errno = saved;
}

int fsync(int fd)
{
    step(fd_counts(fd));
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    step(fd_counts(fd));
    return (int)syscall(SYS_fdatasync, fd);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    step(path_counts(from_dir, from) || path_counts(to_dir, to));
    return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return renameat2(from_dir, from, to_dir, to, 0);
}

int rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    step(path_counts(to_dir, to));
    return (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
}

int link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlinkat(int dir, const char *path, int flags)
{
    step(path_counts(dir, path));
    return (int)syscall(SYS_unlinkat, dir, path, flags);
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int mkdirat(int dir, const char *path, mode_t mode)
{
    step(path_counts(dir, path));
    return (int)syscall(SYS_mkdirat, dir, path, mode);
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

int ftruncate(int fd, off_t size)
{
    step(fd_counts(fd));
    return (int)syscall(SYS_ftruncate, fd, size);
}

int ftruncate64(int fd, off64_t size)
{
    return ftruncate(fd, size);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    step(write_counts(fd));
    return syscall(SYS_write, fd, bytes, len);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    step(write_counts(fd));
    return syscall(SYS_writev, fd, parts, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    step(write_counts(fd));
    return syscall(SYS_pwrite64, fd, bytes, len, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
    return pwrite(fd, bytes, len, at);
}
