/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/frame.h"

#include <inttypes.h>
#include <stddef.h>

#include "registry/refuse.h"

#define LENGTH_SIZE 4

static enum cg_err truncated(struct cg_error *err)
{
    return cg_refuse(err, CG_ERR_INVALID, "publish-frame", "the body ends before the frame that its lengths announce");
}

/* Exactly len bytes, which the caller knows to lie within body->size. */
static enum cg_err read_all(const struct cg_source *body, uint64_t offset, void *bytes, size_t len,
                            struct cg_error *err)
{
    for (size_t done = 0; done < len;) {
        size_t got = 0;
        enum cg_err ret = body->read(body->cls, offset + done, (char *)bytes + done, len - done, &got, err);
        if (ret != CG_OK)
            return ret;
        if (got == 0 || got > len - done)
            return truncated(err);
        done += got;
    }
    return CG_OK;
}

/* The little-endian u32 at offset. */
static enum cg_err read_length(const struct cg_source *body, uint64_t offset, uint64_t *out, struct cg_error *err)
{
    unsigned char b[LENGTH_SIZE];
    if (body->size < offset + LENGTH_SIZE)
        return truncated(err);
    enum cg_err ret = read_all(body, offset, b, sizeof b, err);
    if (ret == CG_OK)
        *out = (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24;
    return ret;
}

static enum cg_err read_json(const struct cg_source *body, uint64_t size, struct cg_buf *json, struct cg_error *err)
{
    if (size > CG_FRAME_JSON_MAX)
        return cg_refuse(err, CG_ERR_TOO_LARGE, "metadata-size",
                         "the metadata has %" PRIu64 " bytes, more than the %u allowed", size, CG_FRAME_JSON_MAX);
    if (size > body->size - LENGTH_SIZE)
        return truncated(err);
    void *to = cg_buf_reserve(json, (size_t)size);
    if (!to)
        return cg_refuse(err, CG_ERR_TOO_LARGE, "metadata-size", "the metadata does not fit into its buffer");
    enum cg_err ret = read_all(body, LENGTH_SIZE, to, (size_t)size, err);
    if (ret == CG_OK)
        cg_buf_commit(json, (size_t)size);
    return ret;
}

static enum cg_err check_size(uint64_t crate_size, uint64_t crate_max, struct cg_error *err)
{
    if (crate_size <= crate_max)
        return CG_OK;
    return cg_refuse(err, CG_ERR_TOO_LARGE, "crate-size",
                     "the .crate has %" PRIu64 " bytes, more than the %" PRIu64 " allowed", crate_size, crate_max);
}

enum cg_err cg_frame_bare(const struct cg_source *body, uint64_t crate_max, struct cg_frame *frame_out,
                          struct cg_error *err)
{
    enum cg_err ret = check_size(body->size, crate_max, err);
    if (ret == CG_OK && body->size == 0)
        ret = cg_refuse(err, CG_ERR_INVALID, "publish-frame", "the body is empty; it must be a .crate");
    if (ret == CG_OK)
        *frame_out = (struct cg_frame){.crate_size = body->size};
    return ret;
}

enum cg_err cg_frame_read(const struct cg_source *body, uint64_t crate_max, struct cg_buf *json,
                          struct cg_frame *frame_out, struct cg_error *err)
{
    uint64_t json_size = 0, crate_size = 0;
    enum cg_err ret = read_length(body, 0, &json_size, err);
    if (ret == CG_OK)
        ret = read_json(body, json_size, json, err);
    if (ret != CG_OK)
        return ret;
    uint64_t crate_offset = LENGTH_SIZE + json_size + LENGTH_SIZE;
    ret = read_length(body, crate_offset - LENGTH_SIZE, &crate_size, err);
    if (ret != CG_OK)
        return ret;
    ret = check_size(crate_size, crate_max, err);
    if (ret != CG_OK)
        return ret;
    if (crate_size > body->size - crate_offset)
        return truncated(err);
    if (crate_size < body->size - crate_offset)
        return cg_refuse(err, CG_ERR_INVALID, "publish-frame", "%" PRIu64 " bytes follow the .crate; nothing may",
                         body->size - crate_offset - crate_size);
    *frame_out = (struct cg_frame){.crate_offset = crate_offset, .crate_size = crate_size};
    return CG_OK;
}
