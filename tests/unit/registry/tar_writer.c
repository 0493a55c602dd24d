/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "tar_writer.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

static void put(char *block, size_t at, size_t len, const char *text)
{
    size_t text_len = strlen(text);
    memcpy(block + at, text, text_len < len ? text_len : len);
}

static void put_checksum(char *block, int delta)
{
    unsigned sum = 0;
    char text[8];
    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += (unsigned char)block[i];
    snprintf(text, sizeof text, "%06o", (sum + (unsigned)delta) & 0777777u);
    memcpy(block + 148, text, 7);
}

static void pad(struct cg_buf *tar)
{
    static const char zeros[TAR_BLOCK];
    cg_buf_add(tar, zeros, (TAR_BLOCK - tar->len % TAR_BLOCK) % TAR_BLOCK);
}

void tar_entry(struct cg_buf *tar, const struct tar_field *f)
{
    char block[TAR_BLOCK] = {0}, size[24];
    snprintf(size, sizeof size, "%011zo", f->content_len);
    put(block, 0, 100, f->name);
    put(block, 100, 8, f->mode ? f->mode : "0000644");
    put(block, 124, 12, f->size ? f->size : size);
    put(block, 136, 12, "10461331630");
    block[156] = f->type == '~' ? '\0' : f->type ? f->type : '0';
    memcpy(block + 257, f->magic ? f->magic : f->prefix ? "ustar\00000" : "ustar  ", 8);
    if (f->prefix)
        put(block, 345, 155, f->prefix);
    if (f->sparse)
        put(block, 386, 24, f->sparse);
    put_checksum(block, f->checksum_delta);
    cg_buf_add(tar, block, sizeof block);
    if (f->content_len)
        cg_buf_add(tar, f->content, f->content_len);
    pad(tar);
}

void tar_file(struct cg_buf *tar, const char *name, const char *content)
{
    tar_entry(tar, &(struct tar_field){.name = name, .content = content, .content_len = strlen(content)});
}

void tar_long_name(struct cg_buf *tar, const char *name)
{
    tar_entry(tar, &(struct tar_field){
                       .name = "././@LongLink", .type = 'L', .content = name, .content_len = strlen(name) + 1});
}

void tar_pax(struct cg_buf *tar, char type, const char *key, const char *value)
{
    char text[4096];
    int len = snprintf(text, sizeof text, "%s", value);
    if (key) {
        int body = (int)(strlen(key) + strlen(value)) + 3; /* blank, "=", newline */
        int digits = body + 1 < 10 ? 1 : body + 2 < 100 ? 2 : body + 3 < 1000 ? 3 : 4;
        len = snprintf(text, sizeof text, "%d %s=%s\n", body + digits, key, value);
    }
    tar_entry(tar,
              &(struct tar_field){.name = "PaxHeaders/x", .type = type, .content = text, .content_len = (size_t)len});
}

void tar_end(struct cg_buf *tar)
{
    static const char zeros[2 * TAR_BLOCK];
    cg_buf_add(tar, zeros, sizeof zeros);
}

void tar_gzip(const struct cg_buf *tar, struct cg_buf *crate)
{
    z_stream z = {0};
    CG_ASSERT(deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    size_t room = deflateBound(&z, (uLong)tar->len) + 64;
    z.next_in = (Bytef *)tar->data;
    z.avail_in = (uInt)tar->len;
    z.next_out = cg_buf_reserve(crate, room);
    z.avail_out = (uInt)room;
    CG_ASSERT(z.next_out && deflate(&z, Z_FINISH) == Z_STREAM_END);
    cg_buf_commit(crate, room - z.avail_out);
    deflateEnd(&z);
}
