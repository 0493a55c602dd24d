/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Crate files. An upload has no name where the filesystem can do that
 * (O_TMPFILE), so that a killed process leaves nothing behind; elsewhere it is
 * a ".upload-*" file that is swept up when it is a day old.
 */
#include "storage/filesystem/fs_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "storage/filesystem/fs_dir.h"

#define SUFFIX ".crate"
#define VERSION_MAX 150
#define FOLDER_TRIES 8
#define FILE_NAME_SIZE (CG_CRATE_NAME_MAX + 1 + VERSION_MAX + sizeof(SUFFIX))

struct cg_crate_upload {
    int fd;
    bool failed;                /* a write was refused: what is there is not the crate */
    bool flushed;               /* all that was written is on the disk */
    char temp[CG_FS_TEMP_SIZE]; /* "" while it has no name */
    int dir;                    /* the folder of its crate, durable in its parent; -1 before it is needed */
    char folder[CG_CRATE_NAME_MAX + 1];
};

static bool name_ok(const char *name)
{
    return name[0] && name[0] != '.' && !strchr(name, '/') && strlen(name) <= CG_CRATE_NAME_MAX;
}

static bool version_ok(const char *version)
{
    return version[0] && version[0] != '.' && !strchr(version, '/') && strlen(version) <= VERSION_MAX;
}

static void file_name(const char *name, const char *version, char out[FILE_NAME_SIZE])
{
    CG_ASSERT(name_ok(name) && version_ok(version));
    snprintf(out, FILE_NAME_SIZE, "%s-%s" SUFFIX, name, version);
}

enum cg_err cg_fs_crate_begin(struct cg_storage *st, struct cg_crate_upload **up_out, struct cg_error *err)
{
    struct cg_fs_storage *fs = cg_fs(st);
    struct cg_crate_upload *up = cg_calloc(1, sizeof(*up));

    up->dir = -1;
    if (fs->nameless) {
        up->fd = openat(fs->crates_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
    } else {
        cg_fs_temp_name(".upload-", up->temp);
        up->fd = cg_fs_file_create(fs->crates_fd, up->temp);
    }
    if (up->fd < 0) {
        enum cg_err rc = cg_fs_broken(err, errno, "begin an upload in", fs->dir);

        free(up);
        return rc;
    }
    *up_out = up;
    return CG_OK;
}

enum cg_err cg_fs_crate_write(struct cg_storage *st, struct cg_crate_upload *up, const void *bytes, size_t len,
                              struct cg_error *err)
{
    up->flushed = false;
    if (cg_file_write_fd(up->fd, cg_fs(st)->dir, bytes, len, err) == CG_OK)
        return CG_OK;
    up->failed = true;
    return cg_fs_demote(err);
}

/* Its crate's folder, made and durable. */
static enum cg_err take_folder(struct cg_fs_storage *fs, struct cg_crate_upload *up, struct cg_error *err)
{
    return up->dir >= 0 ? CG_OK : cg_fs_dir_make(fs->crates_fd, up->folder, up->folder, &up->dir, err);
}

/* A folder goes only when it is empty; so only one that was made for nothing does. */
static void leave_folder(struct cg_fs_storage *fs, struct cg_crate_upload *up)
{
    if (up->folder[0])
        (void)unlinkat(fs->crates_fd, up->folder, AT_REMOVEDIR);
    cg_fs_close(up->dir);
    up->dir = -1;
}

void cg_fs_crate_abort(struct cg_storage *st, struct cg_crate_upload **up)
{
    if (!*up)
        return;
    if ((*up)->temp[0])
        (void)unlinkat(cg_fs(st)->crates_fd, (*up)->temp, 0);
    leave_folder(cg_fs(st), *up);
    cg_fs_close((*up)->fd);
    free(*up);
    *up = NULL;
}

/* Links the upload to a name that must be free: 0, or -1 and errno. */
static int give_name(struct cg_fs_storage *fs, struct cg_crate_upload *up, int dir, const char *name)
{
    char proc[32];

    if (up->temp[0])
        return linkat(fs->crates_fd, up->temp, dir, name, 0);
    /* AT_EMPTY_PATH would need CAP_DAC_READ_SEARCH; this is open(2)'s way for everybody else. */
    snprintf(proc, sizeof(proc), "/proc/self/fd/%d", up->fd);
    return linkat(AT_FDCWD, proc, dir, name, AT_SYMLINK_FOLLOW);
}

/* A rename replaces, a link does not: where a file is in the way, a nameless upload gets a temporary name first. */
static int move_over(struct cg_fs_storage *fs, struct cg_crate_upload *up, int dir, const char *name)
{
    if (!up->temp[0]) {
        char temp[CG_FS_TEMP_SIZE];

        if (give_name(fs, up, dir, name) == 0)
            return 0;
        if (errno != EEXIST)
            return -1;
        cg_fs_temp_name(".upload-", temp);
        if (give_name(fs, up, fs->crates_fd, temp) != 0)
            return -1;
        memcpy(up->temp, temp, sizeof(temp));
    }
    if (renameat(fs->crates_fd, up->temp, dir, name) != 0)
        return -1;
    up->temp[0] = '\0';
    return 0;
}

static int enter_folder(struct cg_fs_storage *fs, struct cg_crate_upload *up, const char *file, bool replace)
{
    return replace ? move_over(fs, up, up->dir, file) : give_name(fs, up, up->dir, file);
}

/* Puts the flushed upload in place and flushes the folder. */
static enum cg_err place(struct cg_fs_storage *fs, struct cg_crate_upload *up, const char *file, bool replace,
                         struct cg_error *err)
{
    int result = enter_folder(fs, up, file, replace);
    enum cg_err rc;

    /* The folder was made before the lock was taken: whoever found it empty meanwhile may have removed it. */
    for (int again = 0; result != 0 && errno == ENOENT && again < FOLDER_TRIES; again++) {
        cg_fs_close(up->dir);
        up->dir = -1;
        rc = take_folder(fs, up, err);
        if (rc != CG_OK)
            return rc;
        result = enter_folder(fs, up, file, replace);
    }
    if (result != 0)
        return errno == EEXIST && !replace
                   ? cg_error_set(err, CG_ERR_CONFLICT, "%s is in the crate store already", file)
                   : cg_fs_broken(err, errno, "put in place", file);
    if (cg_file_sync_fd(up->dir, file, err) == CG_OK)
        return CG_OK;
    /* Nothing may stay of what was not promised. A replaced file cannot be brought back; the new one is whole. */
    if (!replace)
        (void)unlinkat(up->dir, file, 0);
    return cg_fs_demote(err);
}

static enum cg_err flush(struct cg_fs_storage *fs, struct cg_crate_upload *up, struct cg_error *err)
{
    if (up->failed)
        return cg_fs_broken(err, EIO, "commit an upload that was not written whole in", fs->dir);
    if (up->flushed)
        return CG_OK;
    /* A flush that failed is not tried again: the kernel may have let go of the bytes, and then it would succeed. */
    up->flushed = cg_file_sync_fd(up->fd, fs->dir, err) == CG_OK;
    up->failed = !up->flushed;
    return up->flushed ? CG_OK : cg_fs_demote(err);
}

enum cg_err cg_fs_crate_flush(struct cg_storage *st, struct cg_crate_upload *up, const char *name, struct cg_error *err)
{
    enum cg_err rc;

    CG_ASSERT(name_ok(name) && (!up->folder[0] || strcmp(up->folder, name) == 0));
    strcpy(up->folder, name);
    /* A new folder comes first: most filesystems then write it with the crate's bytes, and the flush that take_folder
     * gives every empty folder has little left to do. */
    if (up->dir < 0)
        (void)mkdirat(cg_fs(st)->crates_fd, name, 0755);
    rc = flush(cg_fs(st), up, err);
    return rc == CG_OK ? take_folder(cg_fs(st), up, err) : rc;
}

enum cg_err cg_fs_crate_commit(struct cg_storage *st, struct cg_crate_upload **up, const char *name,
                               const char *version, bool replace, struct cg_error *err)
{
    struct cg_fs_storage *fs = cg_fs(st);
    char file[FILE_NAME_SIZE];
    enum cg_err rc;

    file_name(name, version, file);
    rc = cg_fs_crate_flush(st, *up, name, err);
    if (rc == CG_OK)
        rc = place(fs, *up, file, replace, err);
    if (rc == CG_OK)
        (*up)->folder[0] = '\0'; /* it has the crate now */
    cg_fs_crate_abort(st, up);   /* drops the upload's own name, if it has one, and a folder made in vain */
    return rc;
}

/* The folder of a crate, or ABSENT. Caller closes *fd_out. */
static enum cg_err open_folder(struct cg_fs_storage *fs, const char *name, int *fd_out, struct cg_error *err)
{
    int fd = cg_fs_dir_open(fs->crates_fd, name);

    if (fd < 0)
        return errno == ENOENT ? cg_error_set(err, CG_ERR_ABSENT, "crate %s is not in the crate store", name)
                               : cg_fs_broken(err, errno, "open crate directory", name);
    *fd_out = fd;
    return CG_OK;
}

enum cg_err cg_fs_crate_open(struct cg_storage *st, const char *name, const char *version,
                             struct cg_crate_file *file_out, struct cg_error *err)
{
    char file[FILE_NAME_SIZE];
    struct stat info;
    enum cg_err rc;
    int dir = -1, fd = -1;

    file_name(name, version, file);
    rc = open_folder(cg_fs(st), name, &dir, err);
    if (rc != CG_OK)
        return rc;
    rc = cg_fs_file_open(dir, file, &fd, &info, err);
    cg_fs_close(dir);
    if (rc == CG_OK)
        *file_out = (struct cg_crate_file){.fd = fd, .size = (uint64_t)info.st_size, .mtime = info.st_mtime};
    return rc;
}

enum cg_err cg_fs_crate_remove(struct cg_storage *st, const char *name, const char *version, struct cg_error *err)
{
    struct cg_fs_storage *fs = cg_fs(st);
    char file[FILE_NAME_SIZE];
    enum cg_err rc;
    int dir = -1;

    file_name(name, version, file);
    rc = open_folder(fs, name, &dir, err);
    if (rc != CG_OK)
        return rc;
    rc = cg_fs_file_remove(dir, file, err);
    cg_fs_close(dir);
    /* The last version takes the folder along. An empty one that a crash brings back is harmless, hence no flush. */
    if (rc == CG_OK)
        (void)unlinkat(fs->crates_fd, name, AT_REMOVEDIR);
    return rc;
}

struct walk {
    cg_crate_visit visit;
    void *cls;
    struct cg_error *err;
    const char *name; /* the folder's, and so the crate's: names may hold '-' and digits like versions do */
};

static enum cg_err visit_file(void *cls, int dir, const char *file, const struct stat *info)
{
    struct walk *w = cls;
    size_t name_len = strlen(w->name);
    size_t len = strlen(file);
    char version[VERSION_MAX + 1];
    size_t version_len;

    (void)dir;
    if (!S_ISREG(info->st_mode) || !cg_str_starts(file, w->name) || file[name_len] != '-' || !cg_str_ends(file, SUFFIX))
        return CG_OK;
    if (len <= name_len + 1 + strlen(SUFFIX))
        return CG_OK;
    version_len = len - name_len - 1 - strlen(SUFFIX);
    if (version_len > VERSION_MAX)
        return CG_OK;
    memcpy(version, file + name_len + 1, version_len);
    version[version_len] = '\0';
    return version_ok(version) ? w->visit(w->cls, w->name, version, (uint64_t)info->st_size) : CG_OK;
}

static enum cg_err visit_folder(void *cls, int dir, const char *name, const struct stat *info)
{
    struct walk *w = cls;
    enum cg_err rc;
    int fd;

    if (!S_ISDIR(info->st_mode) || !name_ok(name))
        return CG_OK;
    fd = cg_fs_dir_open(dir, name);
    if (fd < 0)
        return errno == ENOENT ? CG_OK : cg_fs_broken(w->err, errno, "open crate directory", name);
    w->name = name;
    rc = cg_fs_dir_each(fd, name, visit_file, w, w->err);
    cg_fs_close(fd);
    return rc;
}

enum cg_err cg_fs_crate_each(struct cg_storage *st, const char *name, cg_crate_visit visit, void *cls,
                             struct cg_error *err)
{
    struct walk w = {.visit = visit, .cls = cls, .err = err};
    struct stat info = {.st_mode = S_IFDIR};

    if (!name)
        return cg_fs_dir_each(cg_fs(st)->crates_fd, "crates", visit_folder, &w, err);
    CG_ASSERT(name_ok(name));
    return visit_folder(&w, cg_fs(st)->crates_fd, name, &info);
}
