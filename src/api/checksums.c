/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "api/checksums.h"

#include <string.h>

#include "api/artifactory.h"
#include "base/str.h"

#define BLOCK (64u * 1024u)
#define DIGITS "0123456789abcdefABCDEF"

static const struct {
    const char *header, *key;
    size_t len;
} kinds[] = {{"X-Checksum-Sha1", "sha1", 40}, {"X-Checksum-Md5", "md5", 32}, {"X-Checksum-Sha256", "sha256", 64}};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static char *field(struct cg_sums_hex *sums, size_t kind)
{
    char *const fields[KINDS] = {sums->sha1, sums->md5, sums->sha256};

    return fields[kind];
}

static const char *value(const struct cg_sums_hex *sums, size_t kind)
{
    const char *const fields[KINDS] = {sums->sha1, sums->md5, sums->sha256};

    return fields[kind];
}

static enum cg_err take(const char *header, const char *text, size_t kind, struct cg_sums_hex *out,
                        struct cg_error *err)
{
    if (strlen(text) != kinds[kind].len || strspn(text, DIGITS) != kinds[kind].len)
        return cg_error_set(err, CG_ERR_INVALID, "the header %s holds no checksum of %zu hex digits", header,
                            kinds[kind].len);
    strcpy(field(out, kind), text);
    cg_str_lower(field(out, kind));
    return CG_OK;
}

/* X-Checksum: the length tells; what was named by a header of its own stays. */
static enum cg_err take_any(const char *text, struct cg_sums_hex *out, struct cg_error *err)
{
    for (size_t kind = 0; kind < KINDS; kind++)
        if (strlen(text) == kinds[kind].len)
            return *value(out, kind) ? CG_OK : take("X-Checksum", text, kind, out, err);
    return cg_error_set(err, CG_ERR_INVALID, "the header X-Checksum holds no checksum of 32, 40 or 64 hex digits");
}

enum cg_err cg_checksums_sent(struct cg_request *req, struct cg_sums_hex *out, struct cg_error *err)
{
    const char *any = cg_request_header(req, "X-Checksum");
    struct cg_sums_hex sent = {0};
    enum cg_err rc = CG_OK;

    for (size_t kind = 0; rc == CG_OK && kind < KINDS; kind++) {
        const char *text = cg_request_header(req, kinds[kind].header);

        if (text)
            rc = take(kinds[kind].header, text, kind, &sent, err);
    }
    if (rc == CG_OK && any)
        rc = take_any(any, &sent, err);
    if (rc == CG_OK)
        *out = sent;
    return rc;
}

enum cg_err cg_checksums_of(const struct cg_source *body, struct cg_sums_hex *out, struct cg_error *err)
{
    struct cg_sums *sums = cg_sums_new();
    struct cg_buf block;
    char *bytes;
    size_t got = 0;
    enum cg_err rc;

    cg_buf_init(&block, BLOCK);
    bytes = cg_buf_reserve(&block, BLOCK);
    CG_ASSERT(bytes != NULL);
    for (uint64_t at = 0; (rc = body->read(body->cls, at, bytes, BLOCK, &got, err)) == CG_OK && got; at += got)
        cg_sums_add(sums, bytes, got);
    cg_sums_end(&sums, rc == CG_OK ? out : NULL);
    cg_buf_free(&block);
    return rc;
}

enum cg_err cg_checksums_compare(const struct cg_sums_hex *sent, const struct cg_sums_hex *found, struct cg_error *err)
{
    for (size_t kind = 0; kind < KINDS; kind++) {
        const char *want = value(sent, kind), *have = value(found, kind);

        if (*want && *have && strcmp(want, have) != 0)
            return cg_error_set(err, CG_ERR_CONFLICT,
                                "the %s of what was sent is %s, but the header %s says %s; nothing was stored",
                                kinds[kind].key, have, kinds[kind].header, want);
    }
    return CG_OK;
}

void cg_checksums_json(const struct cg_sums_hex *sums, struct cg_buf *out)
{
    cg_buf_addch(out, '{');
    for (size_t kind = 0; kind < KINDS; kind++)
        if (*value(sums, kind))
            cg_piece_text(out, kinds[kind].key, value(sums, kind));
    cg_buf_addch(out, '}');
}
