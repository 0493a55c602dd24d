/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/ready.h"

#include <string.h>

#include "base/digest.h"

/* In front of the compressed bytes: the tag of the plain ones, and the compressed ones' own sum. */
#define TAG_SIZE ((size_t)CG_ETAG_SIZE - 1)
#define HEAD_SIZE (TAG_SIZE + CG_SHA256_SIZE)

static bool is_of(const struct cg_buf *stored, const struct cg_blob *blob)
{
    unsigned char sum[CG_SHA256_SIZE];

    if (stored->len <= HEAD_SIZE || memcmp(stored->data, blob->etag, TAG_SIZE) != 0)
        return false;
    cg_sha256(stored->data + HEAD_SIZE, stored->len - HEAD_SIZE, sum);
    return memcmp(stored->data + TAG_SIZE, sum, sizeof(sum)) == 0;
}

static bool take_stored(struct cg_namespace *ns, const char *index_name, struct cg_blob *blob)
{
    struct cg_buf stored;
    bool taken;

    cg_buf_init(&stored, HEAD_SIZE + blob->len);
    taken = ns->st->ops->ready_read(ns->st, index_name, &stored, NULL) == CG_OK && is_of(&stored, blob);
    if (taken)
        cg_blob_set_gzip(blob, stored.data + HEAD_SIZE, stored.len - HEAD_SIZE);
    cg_buf_free(&stored);
    return taken;
}

/* Without it the next one makes it again: no reason to tell anybody. */
static void store(struct cg_namespace *ns, const char *index_name, const struct cg_blob *blob)
{
    unsigned char sum[CG_SHA256_SIZE];
    struct cg_buf text;
    enum cg_err ignored = CG_OK;

    cg_sha256(blob->gzip, blob->gzip_len, sum);
    cg_buf_init(&text, HEAD_SIZE + blob->gzip_len);
    cg_buf_add(&text, blob->etag, TAG_SIZE);
    cg_buf_add(&text, sum, sizeof(sum));
    cg_buf_add(&text, blob->gzip, blob->gzip_len);
    if (!cg_buf_failed(&text))
        ignored = ns->st->ops->ready_write(ns->st, index_name, text.data, text.len, NULL);
    (void)ignored;
    cg_buf_free(&text);
}

void cg_ready_attach(struct cg_namespace *ns, const char *index_name, struct cg_blob *blob)
{
    bool stores = blob->len >= CG_READY_MIN && ns->st->ops->ready_read;

    if (stores && take_stored(ns, index_name, blob))
        return;
    cg_blob_compress(blob);
    if (stores && blob->gzip)
        store(ns, index_name, blob);
}
