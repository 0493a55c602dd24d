/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/intake.h"

#include <string.h>

#include "registry/archive.h"
#include "registry/manifest.h"
#include "registry/refuse.h"

/* The bytes as the archive's reader pulls them. */
struct tee {
    struct cg_intake *in;
    struct cg_sha256 *sha;
    uint64_t at;
};

static enum cg_err pull(void *cls, void *bytes, size_t len, size_t *got_out, struct cg_error *err)
{
    struct tee *tee = cls;
    const struct cg_intake *in = tee->in;
    uint64_t left = in->size - tee->at;
    size_t got = 0;
    enum cg_err rc;

    if (left) {
        rc = in->body->read(in->body->cls, in->offset + tee->at, bytes, left < len ? (size_t)left : len, &got, err);
        if (rc != CG_OK)
            return rc;
        if (got == 0)
            return cg_refuse(err, CG_ERR_INVALID, "publish-frame", "the body ends within the .crate");
        cg_sha256_add(tee->sha, bytes, got);
        rc = in->ns->st->ops->crate_write(in->ns->st, in->upload, bytes, got, err);
        if (rc != CG_OK)
            return rc;
    }
    tee->at += got;
    *got_out = got;
    return CG_OK;
}

static enum cg_err check_archive(struct cg_intake *in, struct cg_buf *manifest, struct cg_error *err)
{
    struct tee tee = {.in = in, .sha = cg_sha256_new()};
    struct cg_archive_source source = {.read = pull, .cls = &tee};
    struct cg_archive_limits limits = {.unpacked_max = in->unpacked_max, .entries_max = CG_ARCHIVE_ENTRIES_MAX};
    unsigned char digest[CG_SHA256_SIZE];
    struct cg_buf root;
    enum cg_err rc;

    cg_buf_init(&root, CG_CRATE_NAME_MAX + CG_VERSION_MAX + 2);
    cg_buf_addf(&root, "%s-%s", in->name, in->version);
    rc = cg_archive_check(&source, cg_buf_str(&root), &limits, manifest, NULL, NULL, err);
    cg_buf_free(&root);
    /* It proves that nothing follows the gzip member, so it has seen the last byte. */
    CG_ASSERT(rc != CG_OK || tee.at == in->size);
    cg_sha256_end(tee.sha, digest);
    cg_sha256_free(&tee.sha);
    cg_hex(digest, sizeof(digest), in->cksum);
    return rc;
}

static enum cg_err read_manifest(struct cg_intake *in, struct cg_error *err)
{
    struct cg_buf manifest;
    enum cg_err rc;

    cg_buf_init(&manifest, CG_MANIFEST_MAX);
    rc = check_archive(in, &manifest, err);
    if (rc == CG_OK)
        rc = cg_manifest_parse(cg_buf_str(&manifest), manifest.len, &in->package, err);
    cg_buf_free(&manifest);
    return rc;
}

static enum cg_err check_identity(const struct cg_intake *in, struct cg_error *err)
{
    if (strcmp(in->package.name, in->name) == 0 && strcmp(in->package.version, in->version) == 0)
        return CG_OK;
    return cg_refuse(err, CG_ERR_INVALID, "manifest-identity",
                     "the packaged Cargo.toml is of %s %s, but the upload's metadata says %s %s", in->package.name,
                     in->package.version, in->name, in->version);
}

enum cg_err cg_intake_run(struct cg_intake *intake, struct cg_error *err)
{
    enum cg_err rc = intake->ns->st->ops->crate_begin(intake->ns->st, &intake->upload, err);

    if (rc == CG_OK)
        rc = read_manifest(intake, err);
    if (rc == CG_OK)
        rc = check_identity(intake, err);
    if (rc != CG_OK)
        cg_intake_free(intake);
    return rc;
}

void cg_intake_free(struct cg_intake *intake)
{
    if (intake->upload)
        intake->ns->st->ops->crate_abort(intake->ns->st, &intake->upload);
    cg_package_free(&intake->package);
}
