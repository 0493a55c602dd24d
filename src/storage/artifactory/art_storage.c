/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "storage/artifactory/art_storage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "log/log.h"
#include "storage/artifactory/art_index.h"
#include "storage/artifactory/art_private.h"
#include "storage/artifactory/art_sum.h"
#include "storage/filesystem/fs_storage.h"

#define FOLDER "crates/"
#define SUFFIX ".crate"
#define VERSION_MAX 150
#define ASK_MS 20000 /* cargo waits 30 seconds in all */

static bool version_ok(const char *version)
{
    return version[0] && version[0] != '.' && !strchr(version, '/') && strlen(version) <= VERSION_MAX;
}

void cg_art_crate_path(const char *name, const char *version, char out[CG_ART_PATH_MAX])
{
    CG_ASSERT(name[0] && name[0] != '.' && !strchr(name, '/') && strlen(name) <= CG_CRATE_NAME_MAX);
    CG_ASSERT(version_ok(version));
    snprintf(out, CG_ART_PATH_MAX, FOLDER "%s/%s-%s" SUFFIX, name, name, version);
}

/* What is on disk */

static enum cg_err index_read(struct cg_storage *st, const char *index_name, struct cg_buf *out, int64_t *mtime_out,
                              struct cg_error *err)
{
    struct cg_storage *disk = cg_art(st)->disk;

    return disk->ops->index_read(disk, index_name, out, mtime_out, err);
}

static enum cg_err index_write(struct cg_storage *st, const char *index_name, const char *bytes, size_t len,
                               struct cg_error *err)
{
    struct cg_storage *disk = cg_art(st)->disk;

    return disk->ops->index_write(disk, index_name, bytes, len, err);
}

static enum cg_err index_remove(struct cg_storage *st, const char *index_name, struct cg_error *err)
{
    struct cg_storage *disk = cg_art(st)->disk;

    return disk->ops->index_remove(disk, index_name, err);
}

static enum cg_err index_each(struct cg_storage *st, cg_index_visit visit, void *cls, struct cg_error *err)
{
    struct cg_storage *disk = cg_art(st)->disk;

    return disk->ops->index_each(disk, visit, cls, err);
}

static enum cg_err index_since(struct cg_storage *st, int64_t since, cg_index_visit visit, void *cls,
                               struct cg_error *err)
{
    struct cg_storage *disk = cg_art(st)->disk;

    return disk->ops->index_since(disk, since, visit, cls, err);
}

static enum cg_err ready_read(struct cg_storage *st, const char *index_name, struct cg_buf *out, struct cg_error *err)
{
    struct cg_storage *disk = cg_art(st)->disk;

    return disk->ops->ready_read(disk, index_name, out, err);
}

static enum cg_err ready_write(struct cg_storage *st, const char *index_name, const char *bytes, size_t len,
                               struct cg_error *err)
{
    struct cg_storage *disk = cg_art(st)->disk;

    return disk->ops->ready_write(disk, index_name, bytes, len, err);
}

static enum cg_err config_write(struct cg_storage *st, const char *bytes, size_t len, struct cg_error *err)
{
    struct cg_storage *disk = cg_art(st)->disk;

    return disk->ops->config_write(disk, bytes, len, err);
}

static enum cg_err lock(struct cg_storage *st, struct cg_error *err)
{
    struct cg_storage *disk = cg_art(st)->disk;

    return disk->ops->lock(disk, err);
}

static void unlock(struct cg_storage *st)
{
    struct cg_storage *disk = cg_art(st)->disk;

    disk->ops->unlock(disk);
}

static enum cg_err ping(struct cg_storage *st, struct cg_error *err)
{
    struct cg_storage *disk = cg_art(st)->disk;

    return disk->ops->ping(disk, err);
}

/* Crates on their way out */

/* Whole, for whoever takes it apart. Artifactory says what there is now, and so what may be in the cache. */
static enum cg_err open_whole(struct cg_art_storage *art, const char *path, struct cg_crate_file *file_out,
                              struct cg_error *err)
{
    struct cg_art_item item = {0};
    enum cg_err rc = cg_art_head(art->instance->client, art->repo, path, cg_clock_mono_ms() + ASK_MS, &item, err);

    if (rc != CG_OK)
        return rc;
    cg_str_lower(item.sha256);
    rc = cg_art_fetch(art->instance->fetcher, art->repo, path, cg_art_is_sum(item.sha256) ? item.sha256 : "", true,
                      file_out, err);
    if (rc == CG_OK && item.modified)
        file_out->mtime = item.modified;
    return rc;
}

/* When it is the gateway's account that may not read, that says nothing of the crate, and nobody asked in their own
 * name. */
static enum cg_err not_ours(enum cg_err rc, struct cg_error *err)
{
    if (rc != CG_ERR_DENIED)
        return rc;
    if (err)
        err->code = CG_ERR_UNAVAILABLE;
    return CG_ERR_UNAVAILABLE;
}

static enum cg_err crate_open(struct cg_storage *st, const char *name, const char *version,
                              struct cg_crate_file *file_out, struct cg_error *err)
{
    struct cg_art_storage *art = cg_art(st);
    char path[CG_ART_PATH_MAX];
    enum cg_err rc;

    cg_art_crate_path(name, version, path);
    rc = cg_art_instance_enter(art->instance, NULL, 0, err);
    if (rc != CG_OK)
        return rc;
    rc = open_whole(art, path, file_out, err);
    cg_art_instance_leave(art->instance, NULL);
    return not_ours(rc, err);
}

/* The sum that an index line has, in lower case. */
static enum cg_err take_sum(const char *cksum, const char *name, const char *version, char sum[CG_SHA256_HEX_SIZE],
                            struct cg_error *err)
{
    snprintf(sum, CG_SHA256_HEX_SIZE, "%.64s", cksum);
    cg_str_lower(sum);
    if (cg_art_is_sum(sum) && strlen(cksum) == strlen(sum))
        return CG_OK;
    return cg_error_set(err, CG_ERR_UNAVAILABLE,
                        "the index has no checksum of %s %s; tell the registry's administrators", name, version);
}

static enum cg_err crate_read(struct cg_storage *st, const char *name, const char *version, const char *cksum,
                              struct cg_crate_file *file_out, struct cg_error *err)
{
    struct cg_art_storage *art = cg_art(st);
    char path[CG_ART_PATH_MAX], sum[CG_SHA256_HEX_SIZE];
    enum cg_err rc = take_sum(cksum, name, version, sum, err);

    if (rc != CG_OK || cg_art_cache_open(art->instance->cache, sum, file_out, NULL) == CG_OK)
        return rc;
    cg_art_crate_path(name, version, path);
    rc = cg_art_instance_enter(art->instance, NULL, 0, err);
    if (rc != CG_OK)
        return rc;
    rc = cg_art_fetch(art->instance->fetcher, art->repo, path, sum, true, file_out, err);
    cg_art_instance_leave(art->instance, NULL);
    return not_ours(rc, err);
}

static enum cg_err crate_size(struct cg_storage *st, const char *name, const char *version, const char *cksum,
                              uint64_t *size_out, struct cg_error *err)
{
    struct cg_art_storage *art = cg_art(st);
    struct cg_crate_file kept = {.fd = -1};
    struct cg_art_item item = {0};
    char path[CG_ART_PATH_MAX], sum[CG_SHA256_HEX_SIZE];
    enum cg_err rc = take_sum(cksum, name, version, sum, err);

    if (rc != CG_OK)
        return rc;
    if (cg_art_cache_open(art->instance->cache, sum, &kept, NULL) == CG_OK) {
        *size_out = kept.size;
        cg_crate_file_close(&kept);
        return CG_OK;
    }
    cg_art_crate_path(name, version, path);
    rc = cg_art_instance_enter(art->instance, NULL, 0, err);
    if (rc != CG_OK)
        return rc;
    rc = cg_art_head(art->instance->client, art->repo, path, cg_clock_mono_ms() + ASK_MS, &item, err);
    cg_art_instance_leave(art->instance, NULL);
    if (rc == CG_OK && item.size == UINT64_MAX)
        rc = cg_error_set(err, CG_ERR_UNAVAILABLE, "Artifactory does not say how large %s is", path);
    if (rc == CG_OK)
        *size_out = item.size;
    return not_ours(rc, err);
}

static enum cg_err crate_send(struct cg_storage *st, const char *name, const char *version, const char *cksum,
                              struct cg_crate_file *file_out, struct cg_error *err)
{
    struct cg_art_storage *art = cg_art(st);
    char path[CG_ART_PATH_MAX], sum[CG_SHA256_HEX_SIZE];

    enum cg_err rc = take_sum(cksum, name, version, sum, err);

    if (rc != CG_OK)
        return rc;
    cg_art_crate_path(name, version, path);
    return cg_art_fetch_begin(art->instance->fetcher, art->repo, path, sum, file_out, err);
}

static enum cg_err delete_file(struct cg_art_storage *art, const char *path, struct cg_error *err)
{
    enum cg_err rc = cg_art_delete(art->instance->client, art->repo, path, err);

    if (rc == CG_ERR_DENIED)
        return cg_error_set(err, rc,
                            "the gateway's account in Artifactory may not delete, as it should be: delete %s from "
                            "repository %s in Artifactory \"%s\" yourself, then do this again",
                            path, art->repo, art->instance->name);
    return rc == CG_ERR_ABSENT ? CG_OK : rc; /* gone: by an attempt whose answer was lost */
}

/* By an administrator, and only as far as Artifactory lets our account. */
static enum cg_err crate_remove(struct cg_storage *st, const char *name, const char *version, struct cg_error *err)
{
    struct cg_art_storage *art = cg_art(st);
    struct cg_art_item item = {0};
    char path[CG_ART_PATH_MAX];
    enum cg_err rc;

    cg_art_crate_path(name, version, path);
    rc = cg_art_instance_enter(art->instance, NULL, 0, err);
    if (rc != CG_OK)
        return rc;
    rc = cg_art_head(art->instance->client, art->repo, path, cg_clock_mono_ms() + ASK_MS, &item, err);
    if (rc == CG_OK)
        rc = delete_file(art, path, err);
    cg_art_instance_leave(art->instance, NULL);
    if (rc != CG_OK)
        return rc;
    cg_str_lower(item.sha256);
    cg_art_cache_drop(art->instance->cache, item.sha256);
    return CG_OK;
}

/* What is there */

struct walk {
    cg_crate_visit visit; /* one of the two */
    cg_seen_visit seen;
    void *cls;
};

/* crates/NAME/NAME-VERSION.crate, or false for any other place. */
static bool take_apart(const char *path, char name_out[CG_CRATE_NAME_MAX + 1], char version_out[VERSION_MAX + 1])
{
    const char *name = path + strlen(FOLDER), *slash, *file;
    size_t len, rest;

    if (!cg_str_starts(path, FOLDER) || !(slash = strchr(name, '/')))
        return false;
    len = (size_t)(slash - name);
    file = slash + 1;
    if (len > CG_CRATE_NAME_MAX || strncmp(file, name, len) != 0 || file[len] != '-' || !cg_str_ends(file, SUFFIX))
        return false;
    rest = strlen(file + len + 1);
    if (rest <= strlen(SUFFIX) || rest - strlen(SUFFIX) > VERSION_MAX)
        return false;
    snprintf(name_out, CG_CRATE_NAME_MAX + 1, "%.*s", (int)len, name);
    snprintf(version_out, VERSION_MAX + 1, "%.*s", (int)(rest - strlen(SUFFIX)), file + len + 1);
    return cg_crate_name_valid(name_out) && version_ok(version_out);
}

static enum cg_err visit_listed(void *cls, const struct cg_art_listed *file)
{
    const struct walk *walk = cls;
    char name[CG_CRATE_NAME_MAX + 1], version[VERSION_MAX + 1];
    struct cg_crate_seen seen = {.name = name,
                                 .version = version,
                                 .cksum = file->item.sha256,
                                 .size = file->item.size,
                                 .modified = file->item.modified,
                                 .publisher = file->publisher,
                                 .yanked = file->yanked};

    if (!take_apart(file->path, name, version))
        return CG_OK;
    return walk->seen ? walk->seen(walk->cls, &seen) : walk->visit(walk->cls, name, version, file->item.size);
}

static enum cg_err crate_each(struct cg_storage *st, const char *name, cg_crate_visit visit, void *cls,
                              struct cg_error *err)
{
    struct cg_art_storage *art = cg_art(st);
    struct cg_art_crate crate = {.repo = art->repo, .name = name};
    struct walk walk = {.visit = visit, .cls = cls};
    enum cg_err rc = cg_art_instance_enter(art->instance, NULL, 0, err);

    if (rc != CG_OK)
        return rc;
    rc = name ? cg_art_list_crate(art->instance->client, &crate, visit_listed, &walk, err)
              : cg_art_list(art->instance->client, art->repo, visit_listed, &walk, err);
    cg_art_instance_leave(art->instance, NULL);
    return rc;
}

static enum cg_err crate_scan(struct cg_storage *st, cg_seen_visit visit, void *cls, struct cg_error *err)
{
    struct walk walk = {.seen = visit, .cls = cls};

    return cg_art_list(cg_art(st)->instance->client, cg_art(st)->repo, visit_listed, &walk, err);
}

/* Of one that the list lacks; the workers do not wait for that. */
static enum cg_err crate_there(struct cg_storage *st, const char *name, const char *version, struct cg_error *err)
{
    struct cg_art_storage *art = cg_art(st);
    struct cg_art_item item;
    char path[CG_ART_PATH_MAX];

    cg_art_crate_path(name, version, path);
    return not_ours(
        cg_art_head(art->instance->client, art->repo, path, cg_clock_mono_ms() + ASK_MS, &item, err), err);
}

static enum cg_err crate_mark(struct cg_storage *st, const char *name, const char *version, bool yanked,
                              struct cg_error *err)
{
    struct cg_art_storage *art = cg_art(st);
    const struct cg_art_prop prop = {CG_ART_PROP_YANKED, yanked ? "true" : "false"};
    char path[CG_ART_PATH_MAX];
    enum cg_err rc;

    cg_art_crate_path(name, version, path);
    rc = cg_art_instance_enter(art->instance, NULL, 0, err);
    if (rc != CG_OK)
        return rc;
    rc = cg_art_set_props(art->instance->client, art->repo, path, &prop, 1, err);
    cg_art_instance_leave(art->instance, NULL);
    return rc;
}

static enum cg_err crate_lines(struct cg_storage *st, const char *index_name, struct cg_buf *out, struct cg_error *err)
{
    struct cg_art_storage *art = cg_art(st);
    const struct cg_art_crate crate = {.repo = art->repo, .name = index_name};
    enum cg_err rc = cg_art_instance_enter(art->instance, NULL, 0, err);

    if (rc != CG_OK)
        return rc;
    rc = cg_art_index_get(art->instance->client, &crate, out, err);
    cg_art_instance_leave(art->instance, NULL);
    return rc;
}

static bool degraded(struct cg_storage *st, struct cg_error *why)
{
    return cg_art_client_down(cg_art(st)->instance->client, why);
}

/* Its life */

static void art_free(struct cg_storage *st)
{
    struct cg_art_storage *art = cg_art(st);

    cg_storage_free(&art->disk);
    free(art->ns);
    free(art->repo);
    free(art);
}

static const struct cg_storage_ops art_ops = {
    .name = "artifactory",
    .index_read = index_read,
    .index_write = index_write,
    .index_remove = index_remove,
    .index_each = index_each,
    .index_since = index_since,
    .ready_read = ready_read,
    .ready_write = ready_write,
    .config_write = config_write,
    .crate_begin = cg_art_crate_begin,
    .crate_write = cg_art_crate_write,
    .crate_stage = cg_art_crate_stage,
    .crate_commit = cg_art_crate_commit,
    .crate_abort = cg_art_crate_abort,
    .crate_open = crate_open,
    .crate_send = crate_send,
    .crate_read = crate_read,
    .crate_size = crate_size,
    .crate_remove = crate_remove,
    .crate_each = crate_each,
    .crate_scan = crate_scan,
    .crate_there = crate_there,
    .crate_mark = crate_mark,
    .crate_lines = crate_lines,
    .degraded = degraded,
    .lock = lock,
    .unlock = unlock,
    .ping = ping,
    .free = art_free,
};

enum cg_err cg_art_storage_new(const struct cg_conf *conf, const struct cg_conf_namespace *ns, const char *dir,
                               struct cg_storage **st_out, struct cg_error *err)
{
    struct cg_art_instance *instance = NULL;
    struct cg_storage *disk = NULL;
    struct cg_art_storage *art;
    enum cg_err rc = cg_art_instance_get(conf, ns->artifactory, &instance, err);

    if (rc == CG_OK)
        rc = cg_fs_storage_new(dir, &disk, err);
    if (rc != CG_OK)
        return rc;
    art = cg_calloc(1, sizeof(*art));
    art->base.ops = &art_ops;
    art->disk = disk;
    art->instance = instance;
    art->ns = cg_strdup(ns->name);
    art->repo = cg_strdup(ns->repository);
    *st_out = &art->base;
    return CG_OK;
}

struct cg_art_client *cg_art_storage_client(struct cg_storage *st, const char **repo_out)
{
    if (st->ops != &art_ops)
        return NULL;
    *repo_out = cg_art(st)->repo;
    return cg_art(st)->instance->client;
}
