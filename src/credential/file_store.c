/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "credential/store.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define CONTENT_MAX 65536 /* what cg_secret_read_file takes */

static enum cg_err check_folder(const char *path, struct cg_error *err)
{
    char *copy = cg_strdup(path);
    const char *folder = dirname(copy);
    struct stat st;
    enum cg_err rc = CG_OK;

    if (stat(folder, &st) != 0)
        rc = cg_file_error(err, errno, "stat", folder);
    else if (!S_ISDIR(st.st_mode) || (st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & 022))
        rc = cg_error_set(err, CG_ERR_INVALID,
                          "\"%s\" must be a folder of yours that nobody else may write to: use chmod 0700 \"%s\"",
                          folder, folder);
    free(copy);
    return rc;
}

/* A link could lead to a place that others read, or that a backup of configuration files takes along. */
static enum cg_err check_file(const char *path, struct cg_error *err)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return cg_file_error(err, errno, "stat", path);
    if (S_ISLNK(st.st_mode))
        return cg_error_set(
            err, CG_ERR_INVALID,
            "\"%s\" is a symbolic link; tokens are kept in a regular file only: remove the link and log "
            "in again",
            path);
    return CG_OK;
}

/* All that is in the file; nothing when there is none. */
static enum cg_err read_all(const char *path, struct cg_login_list *list_out, struct cg_error *err)
{
    struct cg_secret content = {0};
    enum cg_err rc = check_folder(path, err);

    if (rc == CG_OK)
        rc = check_file(path, err);
    if (rc == CG_OK)
        rc = cg_secret_read_file(&content, path, err);
    if (rc == CG_ERR_ABSENT) {
        *list_out = (struct cg_login_list){0};
        return CG_OK;
    }
    if (rc == CG_OK && cg_login_list_read((const char *)content.bytes, content.len, list_out, err) != CG_OK)
        rc = cg_error_prefix(err, "\"%s\" is damaged; remove it and log in again", path);
    cg_secret_free(&content);
    return rc;
}

static enum cg_err write_all(const char *path, const struct cg_login_list *list, struct cg_error *err)
{
    struct cg_buf content;
    enum cg_err rc;

    cg_buf_init(&content, CONTENT_MAX);
    CG_ASSERT(cg_buf_reserve(&content, CONTENT_MAX)); /* at once: growing would leave copies behind */
    cg_login_list_write(&content, list);
    if (cg_buf_failed(&content) || list->count > CG_LOGINS_MAX)
        rc = cg_error_set(err, CG_ERR_INVALID, "\"%s\" is full; log out of gateways that are not in use", path);
    else
        rc = cg_file_replace(path, content.data, content.len, 0600, err);
    cg_wipe(content.data, content.cap);
    cg_buf_free(&content);
    return rc;
}

static enum cg_err file_load(struct cg_store *store, const char *base, struct cg_login_record *record_out,
                             struct cg_error *err)
{
    struct cg_login_list list = {0};
    const struct cg_login_record *found;
    enum cg_err rc = read_all(store->where, &list, err);

    if (rc != CG_OK)
        return rc;
    if ((found = cg_login_list_find(&list, base)) != NULL)
        cg_login_record_copy(record_out, found);
    else
        rc = cg_error_set(err, CG_ERR_ABSENT, "\"%s\" has no login to %s", store->where, base);
    cg_login_list_free(&list);
    return rc;
}

static enum cg_err make_folder(const char *path, struct cg_error *err)
{
    char *copy = cg_strdup(path);
    enum cg_err rc = cg_file_mkdirs(dirname(copy), 0700, err);

    free(copy);
    return rc;
}

static enum cg_err file_save(struct cg_store *store, const struct cg_login_record *record, struct cg_error *err)
{
    struct cg_login_list list = {0};
    enum cg_err rc = make_folder(store->where, err);

    if (rc == CG_OK)
        rc = read_all(store->where, &list, err);
    if (rc != CG_OK)
        return rc;
    cg_login_list_put(&list, record);
    rc = write_all(store->where, &list, err);
    cg_login_list_free(&list);
    return rc;
}

static enum cg_err file_remove(struct cg_store *store, const char *base, struct cg_error *err)
{
    struct cg_login_list list = {0};
    enum cg_err rc = read_all(store->where, &list, err);

    if (rc != CG_OK)
        return rc;
    if (cg_login_list_drop(&list, base))
        rc = write_all(store->where, &list, err);
    else
        rc = cg_error_set(err, CG_ERR_ABSENT, "\"%s\" has no login to %s", store->where, base);
    cg_login_list_free(&list);
    return rc;
}

static enum cg_err file_each(struct cg_store *store, cg_store_visit *visit, void *cls, struct cg_error *err)
{
    struct cg_login_list list = {0};
    enum cg_err rc = read_all(store->where, &list, err);

    for (size_t i = 0; rc == CG_OK && i < list.count; i++)
        visit(cls, &list.items[i], store->where);
    cg_login_list_free(&list);
    return rc;
}

static void file_free(struct cg_store **store)
{
    if (*store)
        free((*store)->where);
    free(*store);
    *store = NULL;
}

void cg_file_store_open(const char *path, struct cg_store **store_out)
{
    static const struct cg_store_ops ops = {file_load, file_save, file_remove, file_each, file_free};
    struct cg_store *store = cg_calloc(1, sizeof(*store));

    *store = (struct cg_store){.ops = &ops, .where = cg_strdup(path)};
    *store_out = store;
}
