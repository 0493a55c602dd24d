/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A folder of .crate files, at any depth: a mirror, cargo's own cache, a backup. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategatectl/import.h"
#include "registry/semver.h"

#define DEPTH_MAX 32
#define SUFFIX ".crate"

/* "NAME-VERSION.crate" taken apart: names have no dots and versions have two, so there is one way at most. */
static void split(const char *file, struct cg_import_item *item)
{
    char *text = cg_strndup(file, strlen(file) - strlen(SUFFIX));
    struct cg_semver semver;

    for (char *dash = strchr(text, '-'); dash && !item->name; dash = strchr(dash + 1, '-')) {
        *dash = '\0';
        if (cg_crate_name_valid(text) && cg_semver_parse(dash + 1, &semver, NULL) == CG_OK) {
            item->name = cg_strdup(text);
            item->version = cg_strdup(dash + 1);
        }
        *dash = '-';
    }
    free(text);
}

static void add_file(struct cg_import_source *source, const char *path, const char *file)
{
    struct cg_import_item item = {.label = (char *)(uintptr_t)path};

    split(file, &item);
    cg_import_add(source, &item);
    free(item.name);
    free(item.version);
}

static enum cg_err walk(struct cg_import_source *source, const char *path, unsigned depth, struct cg_error *err);

/* Links to folders are not followed: they may lead round and round. */
static enum cg_err walk_entry(struct cg_import_source *source, const char *path, const char *file, unsigned depth,
                              struct cg_error *err)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return errno == ENOENT ? CG_OK : cg_file_error(err, errno, "stat", path);
    if (S_ISDIR(st.st_mode))
        return walk(source, path, depth + 1, err);
    if (cg_str_ends(file, SUFFIX) && stat(path, &st) == 0 && S_ISREG(st.st_mode))
        add_file(source, path, file);
    return CG_OK;
}

static enum cg_err walk(struct cg_import_source *source, const char *path, unsigned depth, struct cg_error *err)
{
    struct dirent *entry;
    enum cg_err rc = CG_OK;
    DIR *dir;

    if (depth > DEPTH_MAX)
        return cg_error_set(err, CG_ERR_INVALID, "%s: folders are nested more than %d deep", path, DEPTH_MAX);
    dir = opendir(path);
    if (!dir)
        return cg_file_error(err, errno, "open", path);
    while (rc == CG_OK && (entry = readdir(dir)) != NULL) {
        char *below;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        below = cg_asprintf("%s/%s", path, entry->d_name);
        rc = walk_entry(source, below, entry->d_name, depth, err);
        free(below);
    }
    closedir(dir);
    return rc;
}

static enum cg_err open_file(struct cg_import_source *source, struct cg_import_item *item, int *fd_out,
                             uint64_t *size_out, struct cg_error *err)
{
    struct stat st;
    int fd = open(item->label, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    (void)source;
    if (fd < 0)
        return cg_file_error(err, errno, "open", item->label);
    if (fstat(fd, &st) != 0) {
        int errnum = errno;

        close(fd);
        return cg_file_error(err, errnum, "stat", item->label);
    }
    *fd_out = fd;
    *size_out = (uint64_t)st.st_size;
    return CG_OK;
}

enum cg_err cg_import_folder(struct cg_import_source *source, struct cg_error *err)
{
    source->open = open_file;
    return walk(source, source->text, 0, err);
}
