/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "storage/filesystem/fs_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/str.h"
#include "crategate/clock.h"

#define STALE_AFTER_S (24 * 60 * 60)
#define PUBLIC_DETAIL "the crate store does not work at the moment and nothing was changed; try again later"

enum cg_err cg_fs_broken(struct cg_error *err, int errnum, const char *what, const char *where)
{
    const char *hint = errnum == ELOOP || errnum == ENOTDIR ? " (links are not followed below a namespace)" : "";

    errno = errnum; /* for %m: strerror is not thread safe */
    return cg_error_hide(err, CG_ERR_UNAVAILABLE, PUBLIC_DETAIL, "cannot %s %s: %m%s", what, where, hint);
}

enum cg_err cg_fs_demote(struct cg_error *err)
{
    return cg_error_hide(err, CG_ERR_UNAVAILABLE, PUBLIC_DETAIL, "%s", err ? err->detail : "");
}

void cg_fs_close(int fd)
{
    int saved = errno;

    if (fd >= 0)
        close(fd);
    errno = saved;
}

int cg_fs_dir_open(int parent, const char *name)
{
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static enum cg_err stop_at_first(void *cls, int dir, const char *name, const struct stat *info)
{
    (void)cls, (void)dir, (void)name, (void)info;
    return CG_ERR_CONFLICT;
}

/*
 * A directory that was found empty may have been made by somebody who was
 * killed before flushing its parent; nothing would flush it later. One that
 * holds something was flushed before that something came in.
 */
static bool may_be_volatile(int dir, const char *where)
{
    return cg_fs_dir_each(dir, where, stop_at_first, NULL, NULL) != CG_ERR_CONFLICT;
}

enum cg_err cg_fs_dir_make(int parent, const char *name, const char *where, int *fd_out, struct cg_error *err)
{
    bool made = mkdirat(parent, name, 0755) == 0;
    enum cg_err rc = CG_OK;
    int fd;

    if (!made && errno != EEXIST)
        return cg_fs_broken(err, errno, "make directory", where);
    fd = cg_fs_dir_open(parent, name);
    if (fd < 0)
        return cg_fs_broken(err, errno, "open directory", where);
    if ((made || may_be_volatile(fd, where)) && cg_file_sync_fd(parent, where, err) != CG_OK) {
        rc = cg_fs_demote(err);
        goto out;
    }
    *fd_out = fd;
    fd = -1;
out:
    cg_fs_close(fd);
    return rc;
}

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

typedef int (*examine)(int dir, const struct dirent *entry, struct stat *info);

static int by_inode(int dir, const struct dirent *entry, struct stat *info)
{
    return fstatat(dir, entry->d_name, info, AT_SYMLINK_NOFOLLOW);
}

/* Not every filesystem keeps the types with the names. */
static int by_type(int dir, const struct dirent *entry, struct stat *info)
{
    if (entry->d_type == DT_UNKNOWN)
        return by_inode(dir, entry, info);
    *info = (struct stat){.st_mode = (mode_t)DTTOIF(entry->d_type)};
    return 0;
}

/* A listing under way. */
struct listing {
    DIR *stream;
    const char *where;
    examine look;
};

static enum cg_err each_entry(const struct listing *l, cg_fs_entry_visit visit, void *cls, struct cg_error *err)
{
    int dir = dirfd(l->stream);
    enum cg_err rc = CG_OK;

    while (rc == CG_OK) {
        struct dirent *entry;
        struct stat info;

        errno = 0;
        entry = readdir(l->stream);
        if (!entry)
            return errno ? cg_fs_broken(err, errno, "list", l->where) : CG_OK;
        if (is_dot(entry->d_name))
            continue;
        if (l->look(dir, entry, &info) == 0)
            rc = visit(cls, dir, entry->d_name, &info);
        else if (errno != ENOENT)
            return cg_fs_broken(err, errno, "examine a file in", l->where);
    }
    return rc;
}

static enum cg_err list(int dir, struct listing l, cg_fs_entry_visit visit, void *cls, struct cg_error *err)
{
    /* Its own open file: the offset of a duplicate would be shared with other walks. */
    int fd = cg_fs_dir_open(dir, ".");
    enum cg_err rc;

    l.stream = fd >= 0 ? fdopendir(fd) : NULL;
    if (!l.stream) {
        rc = cg_fs_broken(err, errno, "list", l.where);
        cg_fs_close(fd);
        return rc;
    }
    rc = each_entry(&l, visit, cls, err);
    closedir(l.stream);
    return rc;
}

enum cg_err cg_fs_dir_each(int dir, const char *where, cg_fs_entry_visit visit, void *cls, struct cg_error *err)
{
    return list(dir, (struct listing){.where = where, .look = by_inode}, visit, cls, err);
}

enum cg_err cg_fs_dir_types(int dir, const char *where, cg_fs_entry_visit visit, void *cls, struct cg_error *err)
{
    return list(dir, (struct listing){.where = where, .look = by_type}, visit, cls, err);
}

static enum cg_err sweep_entry(void *cls, int dir, const char *name, const struct stat *info)
{
    if (cg_str_starts(name, cls) && S_ISREG(info->st_mode) && info->st_mtime < cg_clock_wall_s() - STALE_AFTER_S)
        (void)unlinkat(dir, name, 0);
    return CG_OK;
}

void cg_fs_dir_sweep(int dir, const char *prefix)
{
    /* Litter that cannot be removed today costs space only and is tried again at the next start. */
    enum cg_err ignored = cg_fs_dir_each(dir, "", sweep_entry, (void *)(uintptr_t)prefix, NULL);

    (void)ignored;
}

void cg_fs_temp_name(const char *prefix, char out[CG_FS_TEMP_SIZE])
{
    unsigned char random[8];
    char hex[sizeof(random) * 2 + 1];

    cg_random(random, sizeof(random));
    cg_hex(random, sizeof(random), hex);
    snprintf(out, CG_FS_TEMP_SIZE, "%s%s", prefix, hex);
}

int cg_fs_file_create(int dir, const char *name)
{
    /* 0644 less the umask: the tree can be served by any web server. */
    return openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
}

enum cg_err cg_fs_file_open(int dir, const char *name, int *fd_out, struct stat *info_out, struct cg_error *err)
{
    /* O_NONBLOCK: a pipe that somebody put there must not hold a worker up for ever. */
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    enum cg_err rc = CG_OK;
    struct stat info;

    if (fd < 0 && errno == ENOENT)
        return cg_error_set(err, CG_ERR_ABSENT, "%s is not in the crate store", name);
    if (fd < 0 || fstat(fd, &info) != 0)
        rc = cg_fs_broken(err, errno, "open", name);
    else if (!S_ISREG(info.st_mode))
        rc = cg_fs_broken(err, S_ISDIR(info.st_mode) ? EISDIR : EINVAL, "read what is no regular file:", name);
    if (rc != CG_OK) {
        cg_fs_close(fd);
        return rc;
    }
    *fd_out = fd;
    *info_out = info;
    return CG_OK;
}

static enum cg_err write_temp(int dir, const char *temp, const char *bytes, size_t len, bool flush,
                              struct cg_error *err)
{
    int fd = cg_fs_file_create(dir, temp);
    enum cg_err rc;

    if (fd < 0)
        return cg_fs_broken(err, errno, "create", temp);
    rc = cg_file_write_fd(fd, temp, bytes, len, err);
    if (rc == CG_OK && flush)
        rc = cg_file_sync_fd(fd, temp, err);
    cg_fs_close(fd);
    return rc == CG_OK ? CG_OK : cg_fs_demote(err);
}

/* Without leaving a temporary behind. */
static enum cg_err put_in_place(int temp_dir, int dir, const char *name, const char *bytes, size_t len, bool flush,
                                struct cg_error *err)
{
    char temp[CG_FS_TEMP_SIZE];
    enum cg_err rc;

    cg_fs_temp_name(".tmp-", temp);
    rc = write_temp(temp_dir, temp, bytes, len, flush, err);
    if (rc == CG_OK && renameat(temp_dir, temp, dir, name) != 0)
        rc = cg_fs_broken(err, errno, "put in place", name);
    if (rc != CG_OK)
        (void)unlinkat(temp_dir, temp, 0);
    return rc;
}

enum cg_err cg_fs_file_put(int temp_dir, int dir, const char *name, const char *bytes, size_t len,
                           struct cg_error *err)
{
    return put_in_place(temp_dir, dir, name, bytes, len, false, err);
}

enum cg_err cg_fs_file_replace(int temp_dir, int dir, const char *name, const char *bytes, size_t len,
                               struct cg_error *err)
{
    enum cg_err rc = put_in_place(temp_dir, dir, name, bytes, len, true, err);

    if (rc != CG_OK)
        return rc;
    /* When this flush fails, the new bytes are seen already but a crash may bring the old ones back: there is no way
     * back from a rename, so the caller is told not to rely on it. Writing the same again is always right. */
    return cg_file_sync_fd(dir, name, err) == CG_OK ? CG_OK : cg_fs_demote(err);
}

enum cg_err cg_fs_file_remove(int dir, const char *name, struct cg_error *err)
{
    if (unlinkat(dir, name, 0) != 0)
        return errno == ENOENT ? cg_error_set(err, CG_ERR_ABSENT, "%s is not in the crate store", name)
                               : cg_fs_broken(err, errno, "remove", name);
    return cg_file_sync_fd(dir, name, err) == CG_OK ? CG_OK : cg_fs_demote(err);
}
