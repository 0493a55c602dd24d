/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "storage/filesystem/fs_storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "storage/filesystem/fs_dir.h"
#include "storage/filesystem/fs_private.h"

/* A small file is written and removed: that finds a read-only, a full and a vanished filesystem. It is not flushed,
 * because readiness is asked every few seconds. */
static enum cg_err ping(struct cg_storage *st, struct cg_error *err)
{
    struct cg_fs_storage *fs = cg_fs(st);
    char temp[CG_FS_TEMP_SIZE];
    enum cg_err rc = CG_OK;
    int fd;

    cg_fs_temp_name(".tmp-", temp);
    fd = cg_fs_file_create(fs->index_fd, temp);
    if (fd < 0)
        return cg_fs_broken(err, errno, "create a file in", fs->dir);
    if (cg_file_write_fd(fd, fs->dir, "?", 1, err) != CG_OK)
        rc = cg_fs_demote(err);
    if (unlinkat(fs->index_fd, temp, 0) != 0 && rc == CG_OK)
        rc = cg_fs_broken(err, errno, "remove a file from", fs->dir);
    cg_fs_close(fd);
    return rc;
}

static void fs_free(struct cg_storage *st)
{
    struct cg_fs_storage *fs = cg_fs(st);

    cg_fs_lock_free(fs);
    cg_fs_close(fs->crates_fd);
    cg_fs_close(fs->index_fd);
    cg_fs_close(fs->root_fd);
    free(fs->dir);
    free(fs);
}

static const struct cg_storage_ops fs_ops = {
    .name = "filesystem",
    .index_read = cg_fs_index_read,
    .index_write = cg_fs_index_write,
    .index_remove = cg_fs_index_remove,
    .index_each = cg_fs_index_each,
    .index_since = cg_fs_index_since,
    .ready_read = cg_fs_ready_read,
    .ready_write = cg_fs_ready_write,
    .config_write = cg_fs_config_write,
    .crate_begin = cg_fs_crate_begin,
    .crate_write = cg_fs_crate_write,
    .crate_flush = cg_fs_crate_flush,
    .crate_commit = cg_fs_crate_commit,
    .crate_abort = cg_fs_crate_abort,
    .crate_open = cg_fs_crate_open,
    .crate_remove = cg_fs_crate_remove,
    .crate_each = cg_fs_crate_each,
    .lock = cg_fs_lock,
    .unlock = cg_fs_unlock,
    .ping = ping,
    .free = fs_free,
};

static enum cg_err open_root(struct cg_fs_storage *fs, struct cg_error *err)
{
    if (cg_file_mkdirs(fs->dir, 0755, err) != CG_OK)
        return cg_fs_demote(err);
    fs->root_fd = open(fs->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fs->root_fd < 0 ? cg_fs_broken(err, errno, "open", fs->dir) : CG_OK;
}

/* Some filesystems refuse O_TMPFILE, some refuse to link such a file, and some chroots have no /proc: try it. */
static bool can_be_nameless(int dir)
{
    char temp[CG_FS_TEMP_SIZE], proc[32];
    int fd = openat(dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
    bool linked;

    if (fd < 0)
        return false;
    cg_fs_temp_name(".upload-", temp);
    snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
    linked = linkat(AT_FDCWD, proc, dir, temp, AT_SYMLINK_FOLLOW) == 0;
    if (linked)
        (void)unlinkat(dir, temp, 0);
    cg_fs_close(fd);
    return linked;
}

/* Under the lock; when a writer is at work this can wait for the next start. */
static void sweep(struct cg_fs_storage *fs)
{
    if (!cg_fs_lock_try(fs))
        return;
    cg_fs_dir_sweep(fs->crates_fd, ".upload-");
    cg_fs_dir_sweep(fs->index_fd, ".tmp-");
    cg_fs_unlock(&fs->base);
}

enum cg_err cg_fs_storage_new(const char *dir, struct cg_storage **st_out, struct cg_error *err)
{
    struct cg_fs_storage *fs = cg_calloc(1, sizeof(*fs));
    enum cg_err rc;

    fs->base.ops = &fs_ops;
    fs->dir = cg_strdup(dir);
    fs->root_fd = fs->index_fd = fs->crates_fd = -1;
    cg_fs_lock_init(fs);
    rc = open_root(fs, err);
    if (rc == CG_OK)
        rc = cg_fs_dir_make(fs->root_fd, "index", fs->dir, &fs->index_fd, err);
    if (rc == CG_OK)
        rc = cg_fs_dir_make(fs->root_fd, "crates", fs->dir, &fs->crates_fd, err);
    if (rc == CG_OK)
        rc = cg_fs_lock_open(fs, err);
    if (rc != CG_OK)
        goto out;
    fs->nameless = can_be_nameless(fs->crates_fd);
    sweep(fs);
    *st_out = &fs->base;
    fs = NULL;
out:
    if (fs)
        fs_free(&fs->base);
    return rc;
}
