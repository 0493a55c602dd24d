/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* From the lines of an index file to versions to import (cargo-protocol.md 3). */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategatectl/import_registry.h"
#include "registry/index_line.h"
#include "registry/registry_url.h"

struct line {
    const char *text; /* within the file's */
    size_t len;
};

/* Blank lines are none. */
static bool next_line(struct cg_import_registry *r, struct line *out)
{
    while (r->text_at < r->text.len) {
        const char *start = r->text.data + r->text_at;
        const char *end = memchr(start, '\n', r->text.len - r->text_at);
        size_t len = end ? (size_t)(end - start) : r->text.len - r->text_at;

        r->text_at += len + (end != NULL);
        r->line++;
        if (len && start[len - 1] == '\r')
            len--;
        if (!len)
            continue;
        *out = (struct line){.text = start, .len = len};
        return true;
    }
    return false;
}

/* Clients of the registry look there for it; what a `registry` names is somewhere else, unless it names the same. */
static bool is_own(const struct cg_import_registry *r, const json_t *dep)
{
    const char *registry = cg_json_str(dep, "registry");

    return !registry || cg_registry_url_same(r->identity, registry);
}

/* cargo never looks at the dev-dependencies of a crate out of a registry. */
static void follow(struct cg_import_registry *r, const char *line, size_t len)
{
    const json_t *deps;
    json_t *root = NULL;

    if (cg_json_parse(line, len, &root, NULL) != CG_OK)
        return;
    deps = json_object_get(root, "deps");
    for (size_t i = 0; i < json_array_size(deps); i++) {
        const json_t *dep = json_array_get(deps, i);
        const char *package = cg_json_str(dep, "package"), *name = package ? package : cg_json_str(dep, "name");

        if (name && cg_crate_name_valid(name) && !cg_streq(cg_json_str(dep, "kind"), "dev") && is_own(r, dep))
            cg_import_names_add(&r->names, name, NULL);
    }
    json_decref(root);
}

static void set_fault(struct cg_import_registry *r, const char *name, const char *why, struct cg_import_item *out)
{
    char path[CG_INDEX_PATH_SIZE];

    cg_index_path(name, path);
    *out = (struct cg_import_item){.label = cg_asprintf("%s, line %u of its index file", path, r->line),
                                   .fault = cg_strdup(why)};
}

static void set_version(const struct cg_index_entry *entry, struct cg_import_item *out)
{
    *out = (struct cg_import_item){.label = cg_asprintf("%s %s", entry->name, entry->version),
                                   .name = cg_strdup(entry->name),
                                   .version = cg_strdup(entry->version),
                                   .yanked = entry->yanked,
                                   .line = cg_strndup(entry->line, entry->line_len),
                                   .pubtime = entry->pubtime};
    memcpy(out->cksum, entry->cksum, sizeof(out->cksum));
}

bool cg_import_index_next(struct cg_import_source *source, struct cg_import_item *out)
{
    struct cg_import_registry *r = source->registry;
    struct line line;

    while (next_line(r, &line)) {
        const char *wanted = r->want->name;
        struct cg_index_entry entry;
        struct cg_error err = {0};

        if (cg_index_line_read(line.text, line.len, &entry, &err) != CG_OK) {
            set_fault(r, wanted, err.detail, out);
            return true;
        }
        if (!cg_streq_nocase(entry.name, wanted)) {
            set_fault(r, wanted, "it is another crate's line", out);
            return true;
        }
        if (!cg_import_want_take(r->want, entry.version))
            continue;
        set_version(&entry, out);
        if (source->options->with_dependencies) {
            follow(r, out->line, strlen(out->line)); /* the wants may move */
            r->want = &r->names.wants[r->names.at - 1];
        }
        return true;
    }
    return false;
}
