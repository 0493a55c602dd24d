/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A .crate of the package a-1.0.0. Input that does not begin as gzip is taken for the tar inside: its headers get their
 * checksums and it is packed first, so that the fuzzer need not guess either.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "registry/archive.h"

#define UNPACKED_MAX (4u * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const unsigned char *at;
    size_t left;
};

static enum cg_err read_input(void *cls, void *bytes, size_t len, size_t *got_out, struct cg_error *err)
{
    struct input *in = cls;
    (void)err;
    *got_out = len < in->left ? len : in->left;
    if (*got_out)
        memcpy(bytes, in->at, *got_out);
    in->at += *got_out;
    in->left -= *got_out;
    return CG_OK;
}

static void fix_checksum(unsigned char *block)
{
    char text[8];
    unsigned sum = 0;
    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < 512; i++)
        sum += block[i];
    snprintf(text, sizeof text, "%06o", sum);
    memcpy(block + 148, text, 7);
}

static void fix_headers(struct cg_buf *tar)
{
    for (size_t at = 0; at + 512 <= tar->len; at += 512)
        if (memcmp(tar->data + at + 257, "ustar", 5) == 0)
            fix_checksum((unsigned char *)tar->data + at);
}

static void pack(const uint8_t *data, size_t size, struct cg_buf *out)
{
    z_stream z = {0};
    CG_ASSERT(deflateInit2(&z, Z_NO_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    size_t room = deflateBound(&z, (uLong)size) + 64;
    z.next_in = (Bytef *)data;
    z.avail_in = (uInt)size;
    z.next_out = cg_buf_reserve(out, room);
    z.avail_out = (uInt)room;
    CG_ASSERT(z.next_out && deflate(&z, Z_FINISH) == Z_STREAM_END);
    cg_buf_commit(out, room - z.avail_out);
    deflateEnd(&z);
}

static void check(const void *bytes, size_t len)
{
    struct input in = {.at = bytes, .left = len};
    struct cg_archive_source source = {.read = read_input, .cls = &in};
    struct cg_archive_limits limits = {.unpacked_max = UNPACKED_MAX, .entries_max = 100};
    struct cg_error err = {0};
    struct cg_buf manifest, content;
    cg_buf_init(&manifest, 4096);
    cg_buf_init(&content, 4096);
    if (cg_archive_check(&source, "a-1.0.0", &limits, &manifest, "README.md", &content, &err) == CG_OK) {
        CG_ASSERT(in.left == 0); /* nothing unread is accepted */
    } else {
        CG_ASSERT(err.code == CG_ERR_INVALID || err.code == CG_ERR_TOO_LARGE);
        CG_ASSERT(strstr(err.detail, "(rule: ") && manifest.len == 0 && content.len == 0);
    }
    cg_buf_free(&manifest);
    cg_buf_free(&content);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cg_buf tar, packed;
    cg_buf_init(&tar, UNPACKED_MAX);
    cg_buf_init(&packed, UNPACKED_MAX);
    if (size > UNPACKED_MAX / 2)
        return 0;
    if (size >= 2 && data[0] == 0x1f && data[1] == 0x8b) {
        check(data, size);
    } else {
        cg_buf_add(&tar, data, size);
        fix_headers(&tar);
        pack((const uint8_t *)cg_buf_str(&tar), tar.len, &packed);
        check(packed.data, packed.len);
    }
    cg_buf_free(&tar);
    cg_buf_free(&packed);
    return 0;
}
