/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "storage/artifactory/art_path.h"

#include <string.h>

#include "base/str.h"

static bool part_ok(const char *part, size_t len)
{
    return len > 0 && !(part[0] == '.' && (len == 1 || (len == 2 && part[1] == '.')));
}

static bool text_ok(const char *path)
{
    for (const char *at = path; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f || *at == '\\')
            return false;
    return cg_is_utf8(path, strlen(path));
}

bool cg_art_path_ok(const char *path)
{
    if (strlen(path) > CG_ART_PATH_MAX || !text_ok(path))
        return false;
    for (const char *at = path;; at++) {
        size_t len = strcspn(at, "/");

        if (!part_ok(at, len))
            return false;
        at += len;
        if (!*at)
            return true;
    }
}

static void encode_part(struct cg_buf *out, const char *part, size_t len)
{
    char text[CG_ART_PATH_MAX + 1];

    CG_ASSERT(len < sizeof(text));
    memcpy(text, part, len);
    text[len] = '\0';
    cg_percent_encode(text, out);
}

void cg_art_path_encode(struct cg_buf *out, const char *path)
{
    CG_ASSERT(strlen(path) <= CG_ART_PATH_MAX);
    for (;;) {
        size_t len = strcspn(path, "/");

        encode_part(out, path, len);
        path += len;
        if (!*path)
            return;
        cg_buf_addch(out, *path++);
    }
}

/* A backslash before what separates values, and that encoded like the rest. */
static void encode_value(struct cg_buf *out, const char *value)
{
    for (; *value; value++) {
        char one[2] = {*value, '\0'};

        if (strchr(";=,|\\", *value))
            cg_percent_encode("\\", out);
        cg_percent_encode(one, out);
    }
}

void cg_art_path_props(struct cg_buf *out, const char *lead, const struct cg_art_prop *props, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!*props[i].value)
            continue;
        cg_buf_addstr(out, lead);
        cg_percent_encode(props[i].name, out);
        cg_buf_addch(out, '=');
        encode_value(out, props[i].value);
        lead = ";";
    }
}

static void add_place(struct cg_buf *out, const char *repo, const char *path)
{
    cg_art_path_encode(out, repo);
    if (*path) {
        cg_buf_addch(out, '/');
        cg_art_path_encode(out, path);
    }
}

void cg_art_path_file(struct cg_buf *out, const char *base, const char *repo, const char *path)
{
    cg_buf_addf(out, "%s/", base);
    add_place(out, repo, path);
}

void cg_art_path_storage(struct cg_buf *out, const char *base, const char *repo, const char *path)
{
    cg_buf_addf(out, "%s/api/storage/", base);
    add_place(out, repo, path);
}
