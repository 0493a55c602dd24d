/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Index files, in the folders that Cargo's index format prescribes (cargo-protocol.md 2.1). */
#include "storage/filesystem/fs_private.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/str.h"
#include "storage/filesystem/fs_dir.h"

#define CONFIG_FILE "config.json"
#define CONFIG_MAX (64 * 1024)

/* The one or two folders above an index file; the second is "" where there is one. */
struct folders {
    char name[2][3];
};

static bool name_ok(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > CG_CRATE_NAME_MAX)
        return false;
    for (const char *c = name; *c; c++)
        if (!isascii(*c) || !(islower(*c) || isdigit(*c) || *c == '-' || *c == '_'))
            return false;
    return true;
}

static struct folders folders_of(const char *name)
{
    struct folders f = {0};
    size_t len = strlen(name);

    if (len <= 3) {
        f.name[0][0] = (char)('0' + len);
        if (len == 3)
            f.name[1][0] = name[0];
    } else {
        memcpy(f.name[0], name, 2);
        memcpy(f.name[1], name + 2, 2);
    }
    return f;
}

static enum cg_err open_folder(int parent, const char *name, bool make, int *fd_out, struct cg_error *err)
{
    int fd;

    if (make)
        return cg_fs_dir_make(parent, name, name, fd_out, err);
    fd = cg_fs_dir_open(parent, name);
    if (fd < 0)
        return errno == ENOENT ? cg_error_set(err, CG_ERR_ABSENT, "there is no such crate in the index")
                               : cg_fs_broken(err, errno, "open index directory", name);
    *fd_out = fd;
    return CG_OK;
}

/* The folder an index file stands in. Caller closes *fd_out. */
static enum cg_err open_folders(struct cg_fs_storage *fs, const char *index_name, bool make, int *fd_out,
                                struct cg_error *err)
{
    struct folders f;
    int upper, lower;
    enum cg_err rc;

    CG_ASSERT(name_ok(index_name));
    f = folders_of(index_name);
    rc = open_folder(fs->index_fd, f.name[0], make, &upper, err);
    if (rc != CG_OK)
        return rc;
    if (!f.name[1][0]) {
        *fd_out = upper;
        return CG_OK;
    }
    rc = open_folder(upper, f.name[1], make, &lower, err);
    cg_fs_close(upper);
    if (rc == CG_OK)
        *fd_out = lower;
    return rc;
}

/* Appends a file to out; on error out is as it was. */
static enum cg_err read_file(int dir, const char *name, struct cg_buf *out, int64_t *mtime_out, struct cg_error *err)
{
    struct stat info;
    enum cg_err rc;
    int fd;

    rc = cg_fs_file_open(dir, name, &fd, &info, err);
    if (rc != CG_OK)
        return rc;
    rc = cg_file_read_fd(fd, name, out, err);
    cg_fs_close(fd);
    if (rc != CG_OK)
        return cg_fs_demote(err);
    if (mtime_out)
        *mtime_out = info.st_mtime;
    return CG_OK;
}

enum cg_err cg_fs_index_read(struct cg_storage *st, const char *index_name, struct cg_buf *out, int64_t *mtime_out,
                             struct cg_error *err)
{
    enum cg_err rc;
    int dir;

    rc = open_folders(cg_fs(st), index_name, false, &dir, err);
    if (rc != CG_OK)
        return rc;
    rc = read_file(dir, index_name, out, mtime_out, err);
    cg_fs_close(dir);
    return rc;
}

enum cg_err cg_fs_index_write(struct cg_storage *st, const char *index_name, const char *bytes, size_t len,
                              struct cg_error *err)
{
    enum cg_err rc;
    int dir;

    rc = open_folders(cg_fs(st), index_name, true, &dir, err);
    if (rc != CG_OK)
        return rc;
    rc = cg_fs_file_replace(cg_fs(st)->index_fd, dir, index_name, bytes, len, err);
    cg_fs_close(dir);
    return rc;
}

enum cg_err cg_fs_index_remove(struct cg_storage *st, const char *index_name, struct cg_error *err)
{
    enum cg_err rc;
    int dir;

    rc = open_folders(cg_fs(st), index_name, false, &dir, err);
    if (rc != CG_OK)
        return rc;
    rc = cg_fs_file_remove(dir, index_name, err);
    cg_fs_close(dir);
    return rc;
}

enum cg_err cg_fs_ready_read(struct cg_storage *st, const char *index_name, struct cg_buf *out, struct cg_error *err)
{
    enum cg_err rc;
    int dir;

    CG_ASSERT(name_ok(index_name));
    rc = open_folder(cg_fs(st)->root_fd, "ready", false, &dir, err);
    if (rc != CG_OK)
        return rc;
    rc = read_file(dir, index_name, out, NULL, err);
    cg_fs_close(dir);
    return rc;
}

enum cg_err cg_fs_ready_write(struct cg_storage *st, const char *index_name, const char *bytes, size_t len,
                              struct cg_error *err)
{
    enum cg_err rc;
    int dir;

    CG_ASSERT(name_ok(index_name));
    rc = open_folder(cg_fs(st)->root_fd, "ready", true, &dir, err);
    if (rc != CG_OK)
        return rc;
    rc = cg_fs_file_put(cg_fs(st)->index_fd, dir, index_name, bytes, len, err);
    cg_fs_close(dir);
    return rc;
}

enum cg_err cg_fs_config_write(struct cg_storage *st, const char *bytes, size_t len, struct cg_error *err)
{
    struct cg_fs_storage *fs = cg_fs(st);
    struct cg_buf old;
    bool same;

    /* What cannot be read is replaced: it is derived from the configuration alone. */
    cg_buf_init(&old, CONFIG_MAX);
    same = read_file(fs->index_fd, CONFIG_FILE, &old, NULL, NULL) == CG_OK && old.len == len &&
           memcmp(cg_buf_str(&old), bytes, len) == 0;
    cg_buf_free(&old);
    return same ? CG_OK : cg_fs_file_replace(fs->index_fd, fs->index_fd, CONFIG_FILE, bytes, len, err);
}

/* Where a walk of the index stands. */
struct walk {
    bool all;      /* no file is examined, only listed */
    int64_t since; /* else: those that changed since */
    cg_index_visit visit;
    void *cls;
    struct cg_error *err;
    struct folders at;
    int depth;
};

static enum cg_err walk_entry(void *cls, int dir, const char *name, const struct stat *info);

static enum cg_err walk_down(struct walk *w, int dir, const char *name)
{
    int fd = cg_fs_dir_open(dir, name);
    enum cg_err rc;

    if (fd < 0)
        return errno == ENOENT ? CG_OK : cg_fs_broken(w->err, errno, "open index directory", name);
    memcpy(w->at.name[w->depth++], name, strlen(name) + 1);
    rc = (w->all ? cg_fs_dir_types : cg_fs_dir_each)(fd, name, walk_entry, w, w->err);
    w->at.name[--w->depth][0] = '\0';
    cg_fs_close(fd);
    return rc;
}

/* A file is an index file when it stands where its name belongs; temporaries and config.json never do. */
static bool belongs_here(const struct walk *w, const char *name)
{
    struct folders f;

    if (!name_ok(name))
        return false;
    f = folders_of(name);
    return strcmp(f.name[0], w->at.name[0]) == 0 && strcmp(f.name[1], w->at.name[1]) == 0;
}

static enum cg_err walk_entry(void *cls, int dir, const char *name, const struct stat *info)
{
    struct walk *w = cls;

    if (S_ISDIR(info->st_mode) && w->depth < 2 && strlen(name) <= 2 && name_ok(name))
        return walk_down(w, dir, name);
    /* The time of the change of the inode: nobody can set it, so a file that was brought back with its old date shows. */
    if (S_ISREG(info->st_mode) && belongs_here(w, name) && (w->all || info->st_ctime >= w->since))
        return w->visit(w->cls, name);
    return CG_OK;
}

enum cg_err cg_fs_index_each(struct cg_storage *st, cg_index_visit visit, void *cls, struct cg_error *err)
{
    struct walk w = {.all = true, .visit = visit, .cls = cls, .err = err};

    return cg_fs_dir_types(cg_fs(st)->index_fd, "index", walk_entry, &w, err);
}

enum cg_err cg_fs_index_since(struct cg_storage *st, int64_t since, cg_index_visit visit, void *cls,
                              struct cg_error *err)
{
    struct walk w = {.since = since, .visit = visit, .cls = cls, .err = err};

    return cg_fs_dir_each(cg_fs(st)->index_fd, "index", walk_entry, &w, err);
}
