/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/stored.h"

#include <errno.h>
#include <unistd.h>

#include "base/digest.h"
#include "registry/archive.h"
#include "registry/manifest.h"

#define CHUNK (64 * 1024)

enum cg_err cg_stored_open(struct cg_namespace *ns, const char *name, const char *version, struct cg_stored *out,
                           struct cg_error *err)
{
    struct cg_stored stored = {.name = name, .version = version};
    enum cg_err rc = ns->st->ops->crate_open(ns->st, name, version, &stored.file, err);

    if (rc == CG_OK)
        *out = stored;
    return rc;
}

enum cg_err cg_stored_open_line(struct cg_namespace *ns, const struct cg_index_entry *entry, struct cg_stored *out,
                                struct cg_error *err)
{
    struct cg_stored stored = {.name = entry->name, .version = entry->version};
    struct cg_storage *st = ns->st;
    enum cg_err rc;

    if (!st->ops->crate_read)
        return cg_stored_open(ns, entry->name, entry->version, out, err);
    rc = st->ops->crate_read(st, entry->name, entry->version, entry->cksum, &stored.file, err);
    if (rc == CG_OK)
        *out = stored;
    return rc;
}

enum cg_err cg_stored_open_here(struct cg_namespace *ns, const struct cg_index_entry *entry, struct cg_stored *out,
                                struct cg_error *err)
{
    struct cg_stored stored = {.name = entry->name, .version = entry->version};
    struct cg_storage *st = ns->st;
    enum cg_err rc;

    if (!st->ops->crate_read || !st->ops->crate_send)
        return cg_stored_open(ns, entry->name, entry->version, out, err);
    rc = st->ops->crate_send(st, entry->name, entry->version, entry->cksum, &stored.file, err);
    if (rc == CG_OK && stored.file.feed) {
        cg_crate_file_close(&stored.file);
        rc = cg_error_set(err, CG_ERR_AGAIN, "crate `%s` %s is not here yet", entry->name, entry->version);
    }
    if (rc == CG_OK)
        *out = stored;
    return rc;
}

void cg_stored_close(struct cg_stored *stored)
{
    close(stored->file.fd);
    stored->file.fd = -1;
}

/* Sequential reading by position. */
struct cursor {
    const struct cg_stored *stored;
    off_t at;
};

static enum cg_err read_some(void *cls, void *bytes, size_t len, size_t *got_out, struct cg_error *err)
{
    struct cursor *c = cls;
    ssize_t n;

    do
        n = pread(c->stored->file.fd, bytes, len, c->at);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return cg_error_hide(err, CG_ERR_UNAVAILABLE, "the crate store does not work at the moment; try again later",
                             "cannot read crate %s %s: %m", c->stored->name, c->stored->version);
    c->at += n;
    *got_out = (size_t)n;
    return CG_OK;
}

enum cg_err cg_stored_digest(const struct cg_stored *stored, char hex_out[CG_SHA256_HEX_SIZE], struct cg_error *err)
{
    struct cursor cursor = {.stored = stored};
    struct cg_sha256 *sha = cg_sha256_new();
    unsigned char digest[CG_SHA256_SIZE];
    char chunk[CHUNK];
    size_t got = 1;
    enum cg_err rc = CG_OK;

    while (rc == CG_OK && got) {
        rc = read_some(&cursor, chunk, sizeof(chunk), &got, err);
        if (rc == CG_OK)
            cg_sha256_add(sha, chunk, got);
    }
    cg_sha256_end(sha, digest);
    cg_sha256_free(&sha);
    if (rc == CG_OK)
        cg_hex(digest, sizeof(digest), hex_out);
    return rc;
}

/* What is wanted besides the manifest, and the limit. */
struct wanted {
    const char *path;
    struct cg_buf *content;
    uint64_t unpacked_max;
};

static enum cg_err read_package(const struct cg_stored *stored, const struct wanted *wanted, struct cg_package *out,
                                struct cg_error *err)
{
    struct cursor cursor = {.stored = stored};
    struct cg_archive_source source = {.read = read_some, .cls = &cursor};
    struct cg_archive_limits limits = {.unpacked_max = wanted->unpacked_max, .entries_max = CG_ARCHIVE_ENTRIES_MAX};
    struct cg_buf manifest, root;
    enum cg_err rc;

    cg_buf_init(&manifest, CG_MANIFEST_MAX);
    cg_buf_init(&root, CG_CRATE_NAME_MAX + CG_VERSION_MAX + 2);
    cg_buf_addf(&root, "%s-%s", stored->name, stored->version);
    rc = cg_archive_check(&source, cg_buf_str(&root), &limits, &manifest, wanted->path, wanted->content, err);
    if (rc == CG_OK)
        rc = cg_manifest_parse(cg_buf_str(&manifest), manifest.len, out, err);
    cg_buf_free(&root);
    cg_buf_free(&manifest);
    return rc;
}

enum cg_err cg_stored_package(const struct cg_stored *stored, const char *wanted, struct cg_buf *content,
                              struct cg_package *out, struct cg_error *err)
{
    /* It was within the limits of its day; today's may be lower. */
    struct wanted all = {.path = wanted, .content = content, .unpacked_max = UINT64_MAX};

    return read_package(stored, &all, out, err);
}

enum cg_err cg_stored_check(const struct cg_stored *stored, uint64_t unpacked_max, struct cg_package *out,
                            struct cg_error *err)
{
    struct wanted nothing = {.unpacked_max = unpacked_max};

    return read_package(stored, &nothing, out, err);
}

const char *cg_readme_path(const struct cg_package *package)
{
    const char *path = package->readme;

    while (path && cg_str_starts(path, "./"))
        path += 2;
    return path && *path ? path : NULL;
}
