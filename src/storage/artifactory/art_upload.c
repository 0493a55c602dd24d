/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A crate on its way in: a file without a name beside the cache, summed while
 * it is written, deployed once, and then kept as the first copy of the cache. A
 * kill at any moment leaves in Artifactory either nothing or the whole file; as
 * long as no index line names it, the same publish finds it there again.
 */
#include "storage/artifactory/art_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "crategate/clock.h"
#include "log/log.h"
#include "storage/filesystem/fs_dir.h"

#define DEADLINE_MS 25000 /* cargo gives up after 30 seconds of silence, and sends the same again */
#define SMALL ((uint64_t)8 << 20)
#define MS_PER_MIB 1000 /* beyond that, what a slow line takes; a transfer that stands still ends sooner */

struct cg_crate_upload {
    int fd;
    uint64_t size;
    int64_t begun_ms;
    bool failed; /* a write was refused: what is there is not the crate */
    bool staged;
    struct cg_sha256 *sha256; /* NULL once they are known */
    struct cg_sha1 *sha1;
    char sha256_hex[CG_SHA256_HEX_SIZE], sha1_hex[CG_SHA1_HEX_SIZE];
};

enum cg_err cg_art_crate_begin(struct cg_storage *st, struct cg_crate_upload **up_out, struct cg_error *err)
{
    struct cg_crate_upload *up;
    int fd = -1;
    enum cg_err rc = cg_art_cache_temp(cg_art(st)->instance->cache, &fd, err);

    if (rc != CG_OK)
        return rc;
    up = cg_calloc(1, sizeof(*up));
    up->fd = fd;
    up->begun_ms = cg_clock_mono_ms();
    up->sha256 = cg_sha256_new();
    up->sha1 = cg_sha1_new();
    *up_out = up;
    return CG_OK;
}

enum cg_err cg_art_crate_write(struct cg_storage *st, struct cg_crate_upload *up, const void *bytes, size_t len,
                               struct cg_error *err)
{
    (void)st;
    CG_ASSERT(up->sha256); /* not after it was staged */
    if (cg_file_write_fd(up->fd, "upload", bytes, len, err) != CG_OK) {
        up->failed = true;
        return cg_fs_demote(err);
    }
    cg_sha256_add(up->sha256, bytes, len);
    cg_sha1_add(up->sha1, bytes, len);
    up->size += len;
    return CG_OK;
}

void cg_art_crate_abort(struct cg_storage *st, struct cg_crate_upload **up)
{
    (void)st;
    if (!*up)
        return;
    cg_fs_close((*up)->fd);
    cg_sha256_free(&(*up)->sha256);
    cg_sha1_free(&(*up)->sha1);
    free(*up);
    *up = NULL;
}

static void end_sums(struct cg_crate_upload *up)
{
    unsigned char digest[CG_SHA256_SIZE];

    if (!up->sha256)
        return;
    cg_sha256_end(up->sha256, digest);
    cg_hex(digest, CG_SHA256_SIZE, up->sha256_hex);
    cg_sha256_free(&up->sha256);
    cg_sha1_end(up->sha1, digest);
    cg_hex(digest, CG_SHA1_SIZE, up->sha1_hex);
    cg_sha1_free(&up->sha1);
}

static int64_t deadline_of(const struct cg_crate_upload *up)
{
    uint64_t beyond = up->size > SMALL ? (up->size - SMALL) >> 20 : 0;

    return up->begun_ms + DEADLINE_MS + (int64_t)beyond * MS_PER_MIB;
}

/* What is at that path is other people's, for ever: nothing is replaced. */
static enum cg_err taken(const struct cg_art_storage *art, const char *path, struct cg_error *err)
{
    return cg_error_set(err, CG_ERR_CONFLICT,
                        "another writer has put other content at %s of the repository %s in Artifactory \"%s\", and "
                        "nothing is overwritten there: publish a new version",
                        path, art->repo, art->instance->name);
}

static enum cg_err deploy(struct cg_art_storage *art, struct cg_crate_upload *up, const char *path,
                          const struct cg_crate_facts *facts, struct cg_error *err)
{
    const struct cg_art_prop props[] = {{CG_ART_PROP_NAMESPACE, art->ns},
                                        {CG_ART_PROP_PUBLISHER, facts ? facts->publisher : ""},
                                        {CG_ART_PROP_CKSUM, up->sha256_hex},
                                        {CG_ART_PROP_YANKED, "false"}};
    struct cg_art_deploy deploy = {.repo = art->repo,
                                   .path = path,
                                   .fd = up->fd,
                                   .size = up->size,
                                   .sha256 = up->sha256_hex,
                                   .sha1 = up->sha1_hex,
                                   .props = props,
                                   .prop_count = sizeof(props) / sizeof(props[0])};
    char *place = cg_asprintf("%s/%s", art->repo, path);
    int64_t deadline = deadline_of(up);
    enum cg_err rc = cg_art_instance_enter(art->instance, place, deadline, err);

    if (rc == CG_OK) {
        rc = cg_art_deploy(art->instance->client, &deploy, deadline, err);
        cg_art_instance_leave(art->instance, place);
    }
    free(place);
    return rc == CG_ERR_CONFLICT ? taken(art, path, err) : rc;
}

static void keep(struct cg_art_storage *art, const struct cg_crate_upload *up)
{
    struct cg_error err = {0};

    if (cg_art_cache_keep(art->instance->cache, up->sha256_hex, up->fd, up->size, &err) != CG_OK)
        cg_log_error(CG_LOG_WARN, "artifactory", NULL, &err, "namespace=%s: a crate is not kept on local disk",
                     art->ns);
}

enum cg_err cg_art_crate_stage(struct cg_storage *st, struct cg_crate_upload *up, const char *name, const char *version,
                               const struct cg_crate_facts *facts, struct cg_error *err)
{
    struct cg_art_storage *art = cg_art(st);
    char path[CG_ART_PATH_MAX];
    enum cg_err rc;

    if (up->failed)
        return cg_fs_broken(err, EIO, "deploy an upload that was not written whole of namespace", art->ns);
    cg_art_crate_path(name, version, path);
    end_sums(up);
    rc = deploy(art, up, path, facts, err);
    if (rc != CG_OK)
        return rc;
    up->staged = true;
    keep(art, up);
    return CG_OK;
}

/* Without `replace` a file that is there is one too many, whatever it holds. */
static enum cg_err check_free(struct cg_art_storage *art, const struct cg_crate_upload *up, const char *name,
                              const char *version, struct cg_error *err)
{
    struct cg_art_item item;
    char path[CG_ART_PATH_MAX];
    enum cg_err rc;

    cg_art_crate_path(name, version, path);
    rc = cg_art_head(art->instance->client, art->repo, path, deadline_of(up), &item, err);
    if (rc == CG_OK)
        return cg_error_set(err, CG_ERR_CONFLICT, "%s is in repository %s already", path, art->repo);
    return rc == CG_ERR_ABSENT ? CG_OK : rc;
}

enum cg_err cg_art_crate_commit(struct cg_storage *st, struct cg_crate_upload **up, const char *name,
                                const char *version, bool replace, struct cg_error *err)
{
    enum cg_err rc = CG_OK;

    if (!(*up)->staged && !replace)
        rc = check_free(cg_art(st), *up, name, version, err);
    if (rc == CG_OK && !(*up)->staged)
        rc = cg_art_crate_stage(st, *up, name, version, NULL, err);
    cg_art_crate_abort(st, up);
    return rc;
}
