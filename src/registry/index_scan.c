/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/index_scan.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

void cg_index_scan_begin(struct cg_index_scan *scan, const char *text, size_t len)
{
    *scan = (struct cg_index_scan){.at = text, .end = text + len};
}

/* Length of the line at `at`, and where the next one begins. */
static size_t line_length(const char *at, const char *end, const char **next_out)
{
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    size_t len = (size_t)((newline ? newline : end) - at);

    *next_out = newline ? newline + 1 : end;
    while (len && strchr("\r \t", at[len - 1]))
        len--;
    return len;
}

bool cg_index_scan_next(struct cg_index_scan *scan, struct cg_index_entry *out)
{
    while (scan->at < scan->end) {
        const char *line = scan->at;
        size_t len = line_length(line, scan->end, &scan->at);

        if (len && cg_index_line_read(line, len, out, NULL) == CG_OK)
            return true;
        scan->unreadable += len != 0;
    }
    return false;
}

static bool means(const struct cg_index_entry *entry, const char *version, const struct cg_semver *semver)
{
    if (strcmp(entry->version, version) == 0)
        return true;
    return !semver->build[0] && cg_semver_compare(&entry->semver, semver) == 0;
}

/* Most files are ours, and our spelling of the version finds the line without parsing all those before it. */
static bool find_spelling(const char *text, size_t len, const char *version, struct cg_index_entry *out)
{
    char needle[CG_VERSION_MAX + 16];
    int needle_len = snprintf(needle, sizeof(needle), "\"vers\":\"%s\"", version);
    const char *hit = memmem(text, len, needle, (size_t)needle_len), *line, *next;

    if (!hit)
        return false;
    line = memrchr(text, '\n', (size_t)(hit - text));
    line = line ? line + 1 : text;
    return cg_index_line_read(line, line_length(line, text + len, &next), out, NULL) == CG_OK &&
           strcmp(out->version, version) == 0;
}

bool cg_index_scan_find(const char *text, size_t len, const char *version, struct cg_index_entry *out)
{
    struct cg_index_scan scan;
    struct cg_index_entry entry;
    struct cg_semver semver;

    if (cg_semver_parse(version, &semver, NULL) != CG_OK)
        return false;
    if (find_spelling(text, len, version, out))
        return true;
    if (!cg_index_may_hold(text, len, &semver))
        return false;
    cg_index_scan_begin(&scan, text, len);
    while (cg_index_scan_next(&scan, &entry)) {
        if (!means(&entry, version, &semver))
            continue;
        *out = entry;
        return true;
    }
    return false;
}

/* Is a better to show than b? Not yanked before yanked, releases before pre-releases, then by precedence. */
static bool better(const struct cg_index_entry *a, const struct cg_index_entry *b)
{
    if (!b->version[0])
        return true;
    if (a->yanked != b->yanked)
        return !a->yanked;
    if (!a->semver.pre[0] != !b->semver.pre[0])
        return !a->semver.pre[0];
    return cg_semver_compare(&a->semver, &b->semver) > 0;
}

void cg_index_digest_take(struct cg_index_digest *d, const struct cg_index_entry *entry)
{
    if (better(entry, &d->max))
        d->max = *entry;
    if (!entry->semver.pre[0] && better(entry, &d->max_stable))
        d->max_stable = *entry;
    d->newest = *entry;
    d->count++;
    d->yanked += entry->yanked;
    if (!entry->pubtime)
        return;
    if (!d->created_at || entry->pubtime < d->created_at)
        d->created_at = entry->pubtime;
    if (entry->pubtime > d->updated_at)
        d->updated_at = entry->pubtime;
}

bool cg_index_digest(const char *text, size_t len, struct cg_index_digest *out)
{
    struct cg_index_scan scan;
    struct cg_index_entry entry;

    *out = (struct cg_index_digest){0};
    cg_index_scan_begin(&scan, text, len);
    while (cg_index_scan_next(&scan, &entry)) {
        if (out->count == 0)
            strcpy(out->name, entry.name); /* both hold CG_CRATE_NAME_MAX */
        cg_index_digest_take(out, &entry);
    }
    return out->count > 0;
}
