/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/pax.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "registry/refuse.h"

/* What may stand in a header without changing the entry's name, size or kind. */
static const char *const harmless[] = {"mtime", "atime", "ctime", "uid", "gid", "uname", "gname", "comment"};

static enum cg_err malformed(struct cg_error *err, const char *why)
{
    return cg_refuse(err, CG_ERR_INVALID, "tar-format", "a PAX header %s", why);
}

void cg_pax_free(struct cg_pax *pax)
{
    free(pax->path);
    *pax = (struct cg_pax){0};
}

static bool is_harmless(const char *key)
{
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (strcmp(key, harmless[i]) == 0)
            return true;
    return false;
}

static enum cg_err set_path(struct cg_pax *pax, const char *value, struct cg_error *err)
{
    if (pax->path)
        return malformed(err, "gives the path twice");
    pax->path = cg_strdup(value);
    return CG_OK;
}

static enum cg_err set_size(struct cg_pax *pax, const char *value, struct cg_error *err)
{
    if (pax->has_size)
        return malformed(err, "gives the size twice");
    if (cg_parse_u64(value, UINT64_MAX, &pax->size) != CG_OK)
        return malformed(err, "gives a size that is not a number");
    pax->has_size = true;
    return CG_OK;
}

/* "key=value", NUL-terminated. */
static enum cg_err set_record(struct cg_pax *pax, char *record, struct cg_error *err)
{
    char *value = strchr(record, '=');
    if (!value)
        return malformed(err, "has a record without a value");
    *value++ = '\0';
    if (strcmp(record, "path") == 0)
        return set_path(pax, value, err);
    if (strcmp(record, "size") == 0)
        return set_size(pax, value, err);
    if (is_harmless(record))
        return CG_OK;
    return cg_refuse(err, CG_ERR_INVALID, "tar-format", "the PAX record \"%s\" is not accepted", record);
}

/* "LENGTH key=value\n", where LENGTH counts the record with itself; returns it, 0 when there is no such record. */
static size_t record_len(const char *text, size_t len, size_t *body_out)
{
    size_t value = 0, i = 0;
    for (; i < len && i < 6 && text[i] >= '0' && text[i] <= '9'; i++)
        value = value * 10 + (size_t)(text[i] - '0');
    if (i == 0 || i == len || text[i] != ' ' || value > len || value < i + 2 || text[value - 1] != '\n')
        return 0;
    *body_out = i + 1;
    return value;
}

enum cg_err cg_pax_parse(const char *text, size_t len, struct cg_pax *out, struct cg_error *err)
{
    out->present = true;
    for (size_t at = 0; at < len;) {
        size_t body = 0, size = record_len(text + at, len - at, &body);
        if (size == 0)
            return malformed(err, "has a malformed record");
        size_t content_len = size - body - 1;
        if (memchr(text + at + body, '\0', content_len))
            return malformed(err, "has a NUL inside");
        char *record = cg_strndup(text + at + body, content_len);
        enum cg_err ret = set_record(out, record, err);
        free(record);
        if (ret != CG_OK)
            return ret;
        at += size;
    }
    return CG_OK;
}
