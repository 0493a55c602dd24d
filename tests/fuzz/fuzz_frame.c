/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A publish body: where the crate lies, or a refusal. The parts must make up the whole. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "registry/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct body {
    const uint8_t *data;
    size_t size;
};

static enum cg_err read_body(void *cls, uint64_t offset, void *bytes, size_t len, size_t *got_out, struct cg_error *err)
{
    const struct body *body = cls;
    (void)err;
    CG_ASSERT(offset <= body->size); /* nobody may ask beyond the end */
    size_t left = body->size - (size_t)offset;
    *got_out = len < left ? len : left;
    if (*got_out)
        memcpy(bytes, body->data + offset, *got_out);
    return CG_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct body body = {.data = data, .size = size};
    struct cg_source source = {.size = size, .read = read_body, .cls = &body};
    struct cg_frame frame;
    struct cg_error err = {0};
    struct cg_buf json;
    cg_buf_init(&json, CG_FRAME_JSON_MAX);
    if (cg_frame_read(&source, 1024 * 1024, &json, &frame, &err) == CG_OK) {
        CG_ASSERT(frame.crate_offset == 8 + json.len);
        CG_ASSERT(frame.crate_offset + frame.crate_size == size);
        CG_ASSERT(json.len == 0 || memcmp(json.data, data + 4, json.len) == 0);
    } else {
        CG_ASSERT(err.code != CG_OK && err.detail[0]);
    }
    cg_buf_free(&json);
    return 0;
}
