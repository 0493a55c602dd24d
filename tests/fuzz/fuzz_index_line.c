/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* An index file: what is read from it, and that yanking changes the flag, nothing else, and can be undone. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "registry/index_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum cg_err check_entry(void *cls, const struct cg_index_entry *entry)
{
    struct cg_semver again;
    (void)cls;
    CG_ASSERT(strlen(entry->cksum) == 64);
    CG_ASSERT(cg_semver_parse(entry->version, &again, NULL) == CG_OK);
    CG_ASSERT(cg_semver_compare(&entry->semver, &again) == 0);
    return CG_OK;
}

static void set(const struct cg_buf *text, const struct cg_semver *version, bool yanked, struct cg_buf *out)
{
    bool changed = false;
    struct cg_index_entry entry;
    CG_ASSERT(cg_index_set_yanked(text->data, text->len, version, yanked, out, &changed, NULL) == CG_OK);
    CG_ASSERT(cg_index_find(out->data, out->len, version, &entry, NULL) == CG_OK);
    CG_ASSERT(entry.yanked == yanked);
    CG_ASSERT(changed || (text->len == out->len && memcmp(text->data, out->data, out->len) == 0));
}

static void yank_there_and_back(const char *text, size_t len, const struct cg_semver *version)
{
    struct cg_buf buf[4];
    for (size_t i = 0; i < 4; i++)
        cg_buf_init(&buf[i], 16u * 1024 * 1024);
    cg_buf_add(&buf[0], text, len);
    set(&buf[0], version, true, &buf[1]);
    set(&buf[1], version, false, &buf[2]);
    set(&buf[2], version, true, &buf[3]);
    CG_ASSERT(buf[1].len == buf[3].len && memcmp(buf[1].data, buf[3].data, buf[1].len) == 0);
    for (size_t i = 0; i < 4; i++)
        cg_buf_free(&buf[i]);
}

static enum cg_err take_version(void *cls, const struct cg_index_entry *entry)
{
    *(struct cg_semver *)cls = entry->semver;
    return CG_ERR_CONFLICT; /* the first will do */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct cg_semver version = {0};
    struct cg_index_entry entry;
    struct cg_error err = {0};
    if (cg_index_each(text, size, check_entry, NULL, &err) != CG_OK)
        CG_ASSERT(err.detail[0]);
    if (cg_index_find(text, size, &version, &entry, NULL) == CG_OK ||
        cg_index_each(text, size, take_version, &version, NULL) == CG_ERR_CONFLICT)
        yank_there_and_back(text, size, &version);
    return 0;
}
