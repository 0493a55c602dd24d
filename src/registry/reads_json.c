/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/reads.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "crategate/clock.h"

json_t *cg_json_text(const char *text)
{
    return text && *text ? json_string(text) : json_null();
}

json_t *cg_json_path(const char *name, const char *fmt, ...)
{
    char tail[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(tail, sizeof(tail), fmt, args);
    va_end(args);
    return json_sprintf("/api/v1/crates/%s%s", name, tail);
}

json_t *cg_json_words(const char *words)
{
    char **list = cg_strlist_split(words);
    json_t *json = json_array();

    for (char **word = list; word && *word; word++)
        json_array_append_new(json, json_string(*word));
    cg_strlist_free(&list);
    return json;
}

json_t *cg_json_time(int64_t wall_s)
{
    char text[CG_TIME_RFC3339_SIZE];

    cg_time_rfc3339(wall_s, text);
    return json_string(text);
}

json_t *cg_json_version_id(const struct cg_index_entry *entry)
{
    char digits[13];

    /* 48 bits: JavaScript counts exactly only to 2^53. */
    snprintf(digits, sizeof(digits), "%.12s", entry->cksum);
    return json_integer((json_int_t)strtoull(digits, NULL, 16));
}

static json_t *crate_links(const char *name)
{
    json_t *links = json_object();

    json_object_set_new(links, "version_downloads", cg_json_path(name, "/downloads"));
    json_object_set_new(links, "versions", cg_json_path(name, "/versions"));
    json_object_set_new(links, "owners", cg_json_path(name, "/owners"));
    json_object_set_new(links, "owner_team", json_null());
    json_object_set_new(links, "owner_user", json_null());
    json_object_set_new(links, "reverse_dependencies", cg_json_path(name, "/reverse_dependencies"));
    return links;
}

json_t *cg_json_crate(const struct cg_crate_summary *s)
{
    json_t *json = json_object();

    json_object_set_new(json, "id", json_string(s->name));
    json_object_set_new(json, "name", json_string(s->name));
    json_object_set_new(json, "description", cg_json_text(s->description));
    json_object_set_new(json, "homepage", cg_json_text(s->homepage));
    json_object_set_new(json, "documentation", cg_json_text(s->documentation));
    json_object_set_new(json, "repository", cg_json_text(s->repository));
    json_object_set_new(json, "max_version", json_string(s->max_version));
    json_object_set_new(json, "max_stable_version", cg_json_text(s->max_stable_version));
    json_object_set_new(json, "newest_version", json_string(s->max_version));
    json_object_set_new(json, "created_at", cg_json_time(s->created_at));
    json_object_set_new(json, "updated_at", cg_json_time(s->updated_at));
    json_object_set_new(json, "downloads", json_integer(s->downloads));
    json_object_set_new(json, "recent_downloads", json_null()); /* days are not counted apart */
    json_object_set_new(json, "versions", json_null());
    json_object_set_new(json, "keywords", cg_json_words(s->keywords));
    json_object_set_new(json, "categories", cg_json_words(s->categories));
    json_object_set_new(json, "badges", json_array());
    json_object_set_new(json, "links", crate_links(s->name));
    json_object_set_new(json, "exact_match", json_false());
    return json;
}

/* Both halves of a line's features as one. */
static json_t *merged_features(const json_t *line)
{
    json_t *features = json_object();

    json_object_update(features, json_object_get(line, "features"));
    json_object_update(features, json_object_get(line, "features2"));
    return features;
}

static json_t *version_links(const struct cg_index_entry *entry)
{
    json_t *links = json_object();

    json_object_set_new(links, "dependencies", cg_json_path(entry->name, "/%s/dependencies", entry->version));
    json_object_set_new(links, "version_downloads", cg_json_path(entry->name, "/downloads"));
    return links;
}

/* The number is made of the login: nobody is numbered here, and clients only want one. */
static json_t *publisher(const char *login)
{
    if (!*login)
        return json_null();
    return json_pack("{s:I,s:s,s:n,s:n,s:n}", "id", (json_int_t)cg_crc32(login, strlen(login)), "login", login, "name",
                     "avatar", "url");
}

static void add_row(json_t *json, const struct cg_version_row *row)
{
    json_object_set_new(json, "downloads", json_integer(row->downloads));
    json_object_set_new(json, "license", cg_json_text(row->license));
    json_object_set_new(json, "crate_size", json_integer((json_int_t)row->crate_size));
    json_object_set_new(json, "published_by", publisher(row->published_by));
}

json_t *cg_json_version(const struct cg_index_entry *entry, const struct cg_version_row *row)
{
    static const struct cg_version_row none = {.license = "", .published_by = ""};
    const struct cg_version_row *known = row ? row : &none;
    int64_t at = entry->pubtime ? entry->pubtime : known->published_at;
    json_t *json = json_object(), *line = NULL;
    enum cg_err rc = cg_json_parse(entry->line, entry->line_len, &line, NULL);

    CG_ASSERT(rc == CG_OK); /* it was read as an index line before */
    json_object_set_new(json, "id", cg_json_version_id(entry));
    json_object_set_new(json, "crate", json_string(entry->name));
    json_object_set_new(json, "num", json_string(entry->version));
    json_object_set_new(json, "dl_path", cg_json_path(entry->name, "/%s/download", entry->version));
    json_object_set_new(json, "readme_path", cg_json_path(entry->name, "/%s/readme", entry->version));
    json_object_set_new(json, "created_at", cg_json_time(at));
    json_object_set_new(json, "updated_at", cg_json_time(at));
    json_object_set_new(json, "features", merged_features(line));
    json_object_set_new(json, "yanked", json_boolean(entry->yanked));
    json_object_set_new(json, "yank_message", json_null());
    json_object_set_new(json, "lib_links", cg_json_text(cg_json_str(line, "links")));
    json_object_set_new(json, "rust_version", cg_json_text(cg_json_str(line, "rust_version")));
    json_object_set_new(json, "checksum", json_string(entry->cksum));
    json_object_set_new(json, "links", version_links(entry));
    json_object_set_new(json, "audit_actions", json_array());
    add_row(json, known);
    json_decref(line);
    return json;
}

enum cg_err cg_answer_json(json_t *json, struct cg_buf *out, struct cg_error *err)
{
    char *text = cg_json_dump(json);

    json_decref(json);
    cg_buf_addstr(out, text);
    free(text);
    return cg_answer_check(out, err);
}
