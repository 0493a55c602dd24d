/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/download_url.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define PREFIX_SIZE 8 /* "ab/cd" and NUL */
#define URL_MAX 65536

/* The folder of a name in an index, in the name's own case. */
static void prefix_of(const char *name, char out[PREFIX_SIZE])
{
    size_t len = strlen(name);

    if (len <= 2)
        snprintf(out, PREFIX_SIZE, "%zu", len);
    else if (len == 3)
        snprintf(out, PREFIX_SIZE, "3/%.1s", name);
    else
        snprintf(out, PREFIX_SIZE, "%.2s/%.2s", name, name + 2);
}

struct marker {
    const char *text, *value;
};

/* The marker that `at` begins with. */
static const struct marker *marker_at(const struct marker *markers, const char *at)
{
    for (; markers->text; markers++)
        if (cg_str_starts(at, markers->text))
            return markers;
    return NULL;
}

char *cg_download_url(const char *dl, const struct cg_download_parts *parts)
{
    char prefix[PREFIX_SIZE], lower[PREFIX_SIZE];
    const struct marker markers[] = {
        {"{crate}", parts->name}, {"{version}", parts->version},       {"{prefix}", prefix},
        {"{lowerprefix}", lower}, {"{sha256-checksum}", parts->cksum}, {NULL, NULL}};
    bool filled = false;
    struct cg_buf url;

    prefix_of(parts->name, prefix);
    strcpy(lower, prefix);
    cg_str_lower(lower);
    cg_buf_init(&url, URL_MAX);
    for (const char *at = dl; *at;) {
        const struct marker *marker = marker_at(markers, at);

        if (marker)
            cg_buf_addstr(&url, marker->value);
        else
            cg_buf_addch(&url, *at);
        at += marker ? strlen(marker->text) : 1;
        filled |= marker != NULL;
    }
    if (!filled)
        cg_buf_addf(&url, "/%s/%s/download", parts->name, parts->version);
    if (!cg_buf_failed(&url))
        return cg_buf_take(&url);
    cg_buf_free(&url);
    return cg_strdup("");
}
