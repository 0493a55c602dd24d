/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "storage/artifactory/art_sum.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "storage/filesystem/fs_dir.h"

#define CHUNK 65536

bool cg_art_is_sum(const char *text)
{
    return strspn(text, "0123456789abcdef") == CG_SHA256_HEX_SIZE - 1 && text[CG_SHA256_HEX_SIZE - 1] == '\0';
}

enum cg_err cg_art_sum_fd(int fd, char hex_out[CG_SHA256_HEX_SIZE], struct cg_error *err)
{
    struct cg_sha256 *sha = cg_sha256_new();
    unsigned char digest[CG_SHA256_SIZE];
    enum cg_err rc = CG_OK;
    char chunk[CHUNK];
    off_t at = 0;
    ssize_t n;

    while ((n = pread(fd, chunk, sizeof(chunk), at)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            rc = cg_fs_broken(err, errno, "read", "a kept crate");
            break;
        }
        cg_sha256_add(sha, chunk, (size_t)n);
        at += n;
    }
    cg_sha256_end(sha, digest);
    cg_sha256_free(&sha);
    if (rc == CG_OK)
        cg_hex(digest, sizeof(digest), hex_out);
    return rc;
}
