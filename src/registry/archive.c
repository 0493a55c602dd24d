/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * source -> gunzip -> tap -> libarchive. The tap reads every byte before libarchive gets it, so for each entry
 * libarchive reports, the tap's own reading of it is waiting in the queue and must be the same.
 */
#include "registry/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "registry/archive_path.h"
#include "registry/gunzip.h"
#include "registry/refuse.h"
#include "registry/tar_tap.h"

struct walk {
    struct archive *reader;
    struct cg_gunzip *gz;
    struct cg_tar_tap *tap;
    struct cg_path_tree *tree;
    const char *root;
    struct cg_buf *manifest, *content;
    const char *wanted;
    bool have_manifest;
    enum cg_err ret; /* of the reading callback, which cannot return one */
    struct cg_error *err;
};

/* The next bytes for both readings. */
static enum cg_err pull(struct walk *w, const unsigned char **bytes, size_t *len)
{
    enum cg_err ret = cg_gunzip_read(w->gz, bytes, len, w->err);
    return ret == CG_OK ? cg_tar_tap_feed(w->tap, *bytes, *len, w->err) : ret;
}

static la_ssize_t read_callback(struct archive *reader, void *cls, const void **bytes_out)
{
    struct walk *w = cls;
    const unsigned char *bytes = NULL;
    size_t len = 0;
    w->ret = pull(w, &bytes, &len);
    if (w->ret != CG_OK) {
        archive_set_error(reader, EINVAL, "refused");
        return -1;
    }
    *bytes_out = bytes;
    return (la_ssize_t)len;
}

/* libarchive's own complaint, unless it only passes on ours. */
static enum cg_err reader_error(struct walk *w)
{
    if (w->ret != CG_OK)
        return w->ret;
    const char *why = archive_error_string(w->reader);
    return cg_refuse(w->err, CG_ERR_INVALID, "tar-format", "the archive is not a tar that every reader reads alike: %s",
                     why ? why : "unknown format");
}

static bool is_failure(int code)
{
    return code != ARCHIVE_OK && code != ARCHIVE_WARN; /* a warning: a name is not of this locale. We compare bytes */
}

static bool open_reader(struct walk *w)
{
    /* The tar format and no filter: nothing else that libarchive knows may ever run on an upload. */
    return archive_read_support_format_tar(w->reader) == ARCHIVE_OK &&
           archive_read_open(w->reader, w, NULL, read_callback, NULL) == ARCHIVE_OK;
}

static bool same_path(struct archive_entry *seen, const char *path)
{
    const char *name = archive_entry_pathname(seen);
    size_t len = strlen(path);
    if (!name || strncmp(name, path, len) != 0)
        return false;
    return name[len] == '\0' || strcmp(name + len, "/") == 0; /* a directory's */
}

/* Do both readings agree on this entry? */
static enum cg_err compare(struct walk *w, struct archive_entry *seen, const struct cg_tar_entry *entry)
{
    bool is_dir = archive_entry_filetype(seen) == AE_IFDIR, is_file = archive_entry_filetype(seen) == AE_IFREG;
    if (same_path(seen, entry->path) && (entry->is_dir ? is_dir : is_file) &&
        (uint64_t)archive_entry_size(seen) == entry->size)
        return CG_OK;
    return cg_refuse(w->err, CG_ERR_INVALID, "tar-format", "two readings of the entry \"%s\" disagree", entry->path);
}

/* What follows "ROOT/", "" for the root folder itself, NULL when the path is outside. */
static const char *below_root(const char *path, const char *root)
{
    size_t len = strlen(root);
    if (strncmp(path, root, len) != 0 || (path[len] != '/' && path[len] != '\0'))
        return NULL;
    return path[len] ? path + len + 1 : path + len;
}

/* The current entry's content, appended as far as it goes into out. */
static enum cg_err copy_content(struct walk *w, uint64_t size, struct cg_buf *out)
{
    void *to = cg_buf_reserve(out, (size_t)size);
    CG_ASSERT(to); /* the caller compared the size with the maximum */
    la_ssize_t got = archive_read_data(w->reader, to, (size_t)size);
    if (got < 0 || (uint64_t)got != size)
        return reader_error(w);
    cg_buf_commit(out, (size_t)size);
    return CG_OK;
}

static enum cg_err copy_manifest(struct walk *w, uint64_t size)
{
    if (size > w->manifest->max)
        return cg_refuse(w->err, CG_ERR_TOO_LARGE, "manifest-size",
                         "Cargo.toml has %llu bytes, more than the %zu allowed", (unsigned long long)size,
                         w->manifest->max);
    w->have_manifest = true;
    return copy_content(w, size, w->manifest);
}

static enum cg_err visit_file(struct walk *w, const char *path, uint64_t size)
{
    if (strcmp(path, "Cargo.toml") == 0)
        return copy_manifest(w, size);
    if (w->wanted && strcmp(path, w->wanted) == 0 && size <= w->content->max)
        return copy_content(w, size, w->content);
    return CG_OK;
}

static enum cg_err visit(struct walk *w, const struct cg_tar_entry *entry)
{
    const char *path = below_root(entry->path, w->root);
    if (!path || (*path == '\0' && !entry->is_dir))
        return cg_refuse(w->err, CG_ERR_INVALID, "path-prefix", "the path \"%s\" is not below \"%s/\"", entry->path,
                         w->root);
    if (*path == '\0')
        return CG_OK;
    enum cg_err ret = cg_archive_path_check(path, w->err);
    if (ret == CG_OK)
        ret = cg_path_tree_add(w->tree, path, entry->is_dir, w->err);
    if (ret == CG_OK && !entry->is_dir)
        ret = visit_file(w, path, entry->size);
    return ret;
}

static enum cg_err next_entry(struct walk *w, bool *end_out)
{
    struct archive_entry *seen = NULL;
    struct cg_tar_entry entry;
    int code = archive_read_next_header(w->reader, &seen);
    *end_out = code == ARCHIVE_EOF;
    if (code == ARCHIVE_EOF)
        return CG_OK;
    if (is_failure(code))
        return reader_error(w);
    if (!cg_tar_tap_take(w->tap, &entry))
        return cg_refuse(w->err, CG_ERR_INVALID, "tar-format", "one reading finds an entry that another does not");
    enum cg_err ret = compare(w, seen, &entry);
    if (ret == CG_OK)
        ret = visit(w, &entry);
    free(entry.path);
    return ret;
}

/* libarchive stops at the first blocks of zeros; what is behind them counts too. */
static enum cg_err drain(struct walk *w)
{
    struct cg_tar_entry left;
    const unsigned char *bytes;
    size_t len = 1;
    enum cg_err ret = CG_OK;
    while (ret == CG_OK && len)
        ret = pull(w, &bytes, &len);
    if (ret == CG_OK)
        ret = cg_tar_tap_end(w->tap, w->err);
    if (ret == CG_OK && cg_tar_tap_take(w->tap, &left)) {
        ret = cg_refuse(w->err, CG_ERR_INVALID, "tar-format", "one reading finds an entry that another does not");
        free(left.path);
    }
    return ret;
}

static enum cg_err walk(struct walk *w)
{
    bool end = false;
    enum cg_err ret = open_reader(w) ? CG_OK : reader_error(w);
    while (ret == CG_OK && !end)
        ret = next_entry(w, &end);
    if (ret == CG_OK)
        ret = drain(w);
    if (ret == CG_OK && !w->have_manifest)
        ret = cg_refuse(w->err, CG_ERR_INVALID, "manifest-missing", "the archive has no \"%s/Cargo.toml\"", w->root);
    return ret;
}

enum cg_err cg_archive_check(const struct cg_archive_source *source, const char *root,
                             const struct cg_archive_limits *limits, struct cg_buf *manifest, const char *wanted,
                             struct cg_buf *content, struct cg_error *err)
{
    struct walk w = {.root = root, .manifest = manifest, .content = content, .err = err};
    w.wanted = content ? wanted : NULL;
    w.reader = archive_read_new();
    CG_ASSERT(w.reader);
    w.gz = cg_gunzip_new(source, limits->unpacked_max);
    w.tap = cg_tar_tap_new(limits->entries_max);
    w.tree = cg_path_tree_new(limits->entries_max);
    enum cg_err ret = walk(&w);
    archive_read_free(w.reader);
    cg_gunzip_free(&w.gz);
    cg_tar_tap_free(&w.tap);
    cg_path_tree_free(&w.tree);
    if (ret != CG_OK) {
        cg_buf_reset(manifest);
        if (content)
            cg_buf_reset(content);
    }
    return ret;
}
