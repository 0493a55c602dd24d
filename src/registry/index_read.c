/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Reading index files back: entries, one entry, the yanked flag. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "registry/index_line.h"
#include "registry/json_scan.h"

static enum cg_err not_ours(struct cg_error *err, const char *why)
{
    return cg_error_set(err, CG_ERR_INVALID, "not an index line: %s", why);
}

static bool is_sha256(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64; /* cargo compares it as text */
}

static enum cg_err read_identity(const json_t *line, struct cg_index_entry *out, struct cg_error *err)
{
    const char *name = cg_json_str(line, "name"), *version = cg_json_str(line, "vers");
    if (!name || !cg_crate_name_valid(name))
        return not_ours(err, "\"name\" is not a crate name");
    if (!version)
        return not_ours(err, "\"vers\" is missing");
    strcpy(out->name, name); /* at most 64 */
    enum cg_err ret = cg_semver_parse(version, &out->semver, err);
    if (ret == CG_OK)
        strcpy(out->version, version); /* at most CG_VERSION_MAX */
    return ret;
}

static enum cg_err read_state(const json_t *line, struct cg_index_entry *out, struct cg_error *err)
{
    const char *cksum = cg_json_str(line, "cksum"), *pubtime = NULL;
    const json_t *yanked = json_object_get(line, "yanked");
    if (!cksum || !is_sha256(cksum))
        return not_ours(err, "\"cksum\" is not 64 lower-case hex digits");
    strcpy(out->cksum, cksum);
    if (yanked && !json_is_boolean(yanked) && !json_is_null(yanked))
        return not_ours(err, "\"yanked\" is not a boolean");
    out->yanked = json_is_true(yanked);
    enum cg_err ret = cg_json_get_str(line, "pubtime", &pubtime, err);
    if (ret != CG_OK || !pubtime)
        return ret;
    if (strlen(pubtime) != CG_TIME_RFC3339_SIZE - 1 || cg_time_parse_rfc3339(pubtime, &out->pubtime) != CG_OK)
        return not_ours(err, "\"pubtime\" is not of the form 2026-11-22T06:07:55Z");
    return CG_OK;
}

enum cg_err cg_index_line_read(const char *line, size_t len, struct cg_index_entry *out, struct cg_error *err)
{
    json_t *root = NULL;
    struct cg_index_entry entry = {.line = line, .line_len = len};
    if (memchr(line, '\0', len)) /* jansson passes over one behind a number, others do not */
        return not_ours(err, "it has a NUL inside");
    enum cg_err ret = cg_json_parse(line, len, &root, err);
    if (ret != CG_OK)
        return ret;
    if (!json_is_object(root) || !json_is_array(json_object_get(root, "deps")))
        ret = not_ours(err, "it is not an object with \"deps\"");
    if (ret == CG_OK)
        ret = read_identity(root, &entry, err);
    if (ret == CG_OK)
        ret = read_state(root, &entry, err);
    if (ret == CG_OK)
        *out = entry;
    json_decref(root);
    return ret;
}

/* The line at *at without its end, which may be CRLF; *at moves behind it. False at the end of the text. */
static bool next_line(const char **at, const char *end, const char **line_out, size_t *len_out)
{
    if (*at == end)
        return false;
    const char *line = *at, *newline = memchr(line, '\n', (size_t)(end - line));
    *at = newline ? newline + 1 : end;
    size_t len = (size_t)((newline ? newline : end) - line);
    while (len && (line[len - 1] == '\r' || line[len - 1] == ' ' || line[len - 1] == '\t'))
        len--;
    *line_out = line;
    *len_out = len;
    return true;
}

enum cg_err cg_index_each(const char *text, size_t len, cg_index_entry_visit visit, void *cls, struct cg_error *err)
{
    const char *at = text, *line;
    size_t line_len;
    enum cg_err ret = CG_OK;
    for (unsigned number = 1; ret == CG_OK && next_line(&at, text + len, &line, &line_len); number++) {
        struct cg_index_entry entry;
        if (line_len == 0)
            continue;
        ret = cg_index_line_read(line, line_len, &entry, err);
        if (ret == CG_OK)
            ret = visit(cls, &entry);
        else
            cg_error_prefix(err, "line %u", number);
    }
    return ret;
}

/* How a version begins where a line tells it: one that is equal has these letters behind a quotation mark, and JSON has
 * but one way to write them otherwise. So most lines need not be parsed to know that they are of another version. */
struct spelling {
    char text[CG_VERSION_MAX + 72];
    size_t len;
};

static struct spelling spelling_of(const struct cg_semver *v)
{
    struct spelling s;
    int len = snprintf(s.text, sizeof(s.text), "\"%" PRIu64 ".%" PRIu64 ".%" PRIu64 "%s%s", v->major, v->minor, v->patch,
                       v->pre[0] ? "-" : "", v->pre);

    s.len = (size_t)len;
    return s;
}

static bool may_hold(const char *text, size_t len, const struct spelling *s)
{
    return memmem(text, len, s->text, s->len) || memmem(text, len, "\\u", 2);
}

bool cg_index_may_hold(const char *text, size_t len, const struct cg_semver *version)
{
    struct spelling s = spelling_of(version);

    return may_hold(text, len, &s);
}

/* What is asked of each line, and its answer. */
struct wanted {
    const struct cg_semver *version;
    struct spelling spelling;
    struct cg_index_entry entry;
};

/* Reads a line and says whether it is of that version. Unreadable lines are passed over, as cargo does. */
static bool is_version(const char *line, size_t len, struct wanted *w)
{
    return len && may_hold(line, len, &w->spelling) && cg_index_line_read(line, len, &w->entry, NULL) == CG_OK &&
           cg_semver_compare(&w->entry.semver, w->version) == 0;
}

static enum cg_err absent(struct cg_error *err)
{
    return cg_error_set(err, CG_ERR_ABSENT, "there is no such version of this crate");
}

enum cg_err cg_index_find(const char *text, size_t len, const struct cg_semver *version, struct cg_index_entry *out,
                          struct cg_error *err)
{
    const char *at = text, *line;
    size_t line_len;
    struct wanted w = {.version = version, .spelling = spelling_of(version)};
    if (!may_hold(text, len, &w.spelling))
        return absent(err);
    while (next_line(&at, text + len, &line, &line_len))
        if (is_version(line, line_len, &w)) {
            *out = w.entry;
            return CG_OK;
        }
    return absent(err);
}

/* The line with its flag set and every other byte as it was. */
static void flag_line(const struct cg_index_entry *entry, bool yanked, struct cg_buf *out)
{
    const char *value = yanked ? "true" : "false";
    size_t start, end;
    if (cg_json_scan_member(entry->line, entry->line_len, "yanked", &start, &end)) {
        cg_buf_add(out, entry->line, start);
        cg_buf_addstr(out, value);
        cg_buf_add(out, entry->line + end, entry->line_len - end);
    } else { /* the line is an object with members, so only "}" follows them */
        cg_buf_add(out, entry->line, entry->line_len - 1);
        cg_buf_addf(out, ",\"yanked\":%s}", value);
    }
}

enum cg_err cg_index_set_yanked(const char *text, size_t len, const struct cg_semver *version, bool yanked,
                                struct cg_buf *out, bool *changed_out, struct cg_error *err)
{
    const char *at = text, *line;
    size_t line_len;
    bool found = false, changed = false;
    struct wanted w = {.version = version, .spelling = spelling_of(version)};
    while (next_line(&at, text + len, &line, &line_len)) {
        bool ours = is_version(line, line_len, &w);
        found |= ours;
        if (!ours || w.entry.yanked == yanked) {
            cg_buf_add(out, line, (size_t)(at - line));
            continue;
        }
        changed = true;
        flag_line(&w.entry, yanked, out);
        cg_buf_add(out, line + line_len, (size_t)(at - line) - line_len);
    }
    if (!found) {
        cg_buf_reset(out);
        return absent(err);
    }
    *changed_out = changed;
    return CG_OK;
}
