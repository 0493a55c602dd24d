/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/gunzip.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"
#include "registry/refuse.h"

#define IN_SIZE (16 * 1024)
#define OUT_SIZE (32 * 1024)
#define GZIP_ONLY (MAX_WBITS + 16) /* zlib's way to ask for the gzip framing, its checksum and length included */

struct cg_gunzip {
    const struct cg_archive_source *source;
    z_stream z;
    uint64_t max, total;
    bool ended;
    unsigned char in[IN_SIZE], out[OUT_SIZE];
};

struct cg_gunzip *cg_gunzip_new(const struct cg_archive_source *source, uint64_t max)
{
    struct cg_gunzip *gz = cg_calloc(1, sizeof *gz);
    gz->source = source;
    gz->max = max;
    CG_ASSERT(inflateInit2(&gz->z, GZIP_ONLY) == Z_OK); /* fails for want of memory only */
    return gz;
}

void cg_gunzip_free(struct cg_gunzip **gz)
{
    if (!*gz)
        return;
    inflateEnd(&(*gz)->z);
    free(*gz);
    *gz = NULL;
}

/* More compressed bytes; leaves avail_in 0 at the source's end. */
static enum cg_err refill(struct cg_gunzip *gz, struct cg_error *err)
{
    size_t got = 0;
    enum cg_err ret = gz->source->read(gz->source->cls, gz->in, sizeof gz->in, &got, err);
    if (ret != CG_OK)
        return ret;
    CG_ASSERT(got <= sizeof gz->in);
    gz->z.next_in = gz->in;
    gz->z.avail_in = (uInt)got;
    return CG_OK;
}

/* zlib tells a wrong trailer from wrong data by its message alone. */
static enum cg_err data_error(const struct cg_gunzip *gz, struct cg_error *err)
{
    const char *why = gz->z.msg ? gz->z.msg : "not a gzip member";
    if (strcmp(why, "incorrect data check") == 0 || strcmp(why, "incorrect length check") == 0)
        return cg_refuse(err, CG_ERR_INVALID, "gzip-trailer",
                         "the archive's gzip trailer does not fit its content (%s)", why);
    return cg_refuse(err, CG_ERR_INVALID, "gzip-member", "the archive is not one gzip member: %s", why);
}

static enum cg_err check_end(struct cg_gunzip *gz, struct cg_error *err)
{
    enum cg_err ret = gz->z.avail_in ? CG_OK : refill(gz, err);
    if (ret == CG_OK && gz->z.avail_in)
        ret = cg_refuse(err, CG_ERR_INVALID, "gzip-member",
                        "bytes follow the archive's gzip member, which cargo would silently ignore");
    return ret;
}

/* Inflates until the output buffer is full or the member ends. */
static enum cg_err fill(struct cg_gunzip *gz, struct cg_error *err)
{
    gz->z.next_out = gz->out;
    gz->z.avail_out = sizeof gz->out;
    while (gz->z.avail_out && !gz->ended) {
        enum cg_err ret = gz->z.avail_in ? CG_OK : refill(gz, err);
        if (ret != CG_OK)
            return ret;
        if (gz->z.avail_in == 0)
            return cg_refuse(err, CG_ERR_INVALID, "gzip-member", "the archive's gzip member is cut short");
        int code = inflate(&gz->z, Z_NO_FLUSH);
        if (code != Z_OK && code != Z_STREAM_END)
            return data_error(gz, err);
        gz->ended = code == Z_STREAM_END;
    }
    return gz->ended ? check_end(gz, err) : CG_OK;
}

enum cg_err cg_gunzip_read(struct cg_gunzip *gz, const unsigned char **bytes_out, size_t *len_out, struct cg_error *err)
{
    size_t len = 0;
    if (!gz->ended) {
        enum cg_err ret = fill(gz, err);
        if (ret != CG_OK)
            return ret;
        len = sizeof gz->out - gz->z.avail_out;
    }
    gz->total += len;
    if (gz->total > gz->max)
        return cg_refuse(err, CG_ERR_TOO_LARGE, "unpacked-size",
                         "the archive unpacks to more than the %" PRIu64 " bytes allowed", gz->max);
    *bytes_out = gz->out;
    *len_out = len;
    return CG_OK;
}
