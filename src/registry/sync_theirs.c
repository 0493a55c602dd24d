/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What the store's own index says of a file that another writer put there. That is made by another program from what
 * another client sent, so what the archive says clearly is never overruled by it. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "log/log.h"
#include "registry/origin.h"
#include "registry/registry_url.h"
#include "registry/sync_priv.h"

#define KEPT_MAX ((size_t)16 << 20) /* of files for the other versions of their crates, which follow */
#define COMES_S (10 * 60)           /* so long after its file a line may come */

/* Keeps a file, the only one if all together are too large; returns the copy. */
static const char *keep(struct cg_syncing *s, const char *index_name, const struct cg_buf *text)
{
    char *copy = cg_strndup(cg_buf_str(text), text->len);

    if (s->theirs_size + text->len > KEPT_MAX) {
        cg_map_clear(s->theirs);
        s->theirs_size = 0;
    }
    s->theirs_size += text->len;
    cg_map_put(s->theirs, index_name, copy);
    return copy;
}

/* The crate's file, asked for once in a look. */
static enum cg_err read_file(struct cg_syncing *s, const char *index_name, const char **text_out, struct cg_error *err)
{
    struct cg_storage *st = s->ns->st;
    struct cg_buf text;
    enum cg_err rc;

    *text_out = cg_map_get(s->theirs, index_name);
    if (*text_out)
        return CG_OK;
    cg_buf_init(&text, KEPT_MAX);
    rc = st->ops->crate_lines(st, index_name, &text, err);
    if (rc == CG_OK || rc == CG_ERR_ABSENT) {
        *text_out = keep(s, index_name, &text);
        rc = CG_OK;
    }
    cg_buf_free(&text);
    return rc;
}

static void take_line(const char *text, const struct cg_sync_file *file, const char *cksum, struct cg_sync_theirs *out)
{
    struct cg_index_scan scan;
    struct cg_index_entry entry;

    cg_index_scan_begin(&scan, text, strlen(text));
    while (!out->text && cg_index_scan_next(&scan, &entry)) {
        if (strcmp(entry.name, file->name) != 0 || strcmp(entry.version, file->version) != 0 ||
            strcmp(entry.cksum, cksum) != 0)
            continue;
        out->text = cg_strndup(entry.line, entry.line_len);
        out->origin = (struct cg_origin){.line = out->text, .pubtime = entry.pubtime, .yanked = entry.yanked};
    }
}

enum cg_err cg_sync_theirs_find(struct cg_syncing *s, const struct cg_sync_file *file, const char *cksum,
                                struct cg_sync_theirs *out, struct cg_error *err)
{
    char index_name[CG_CRATE_NAME_MAX + 1];
    const char *text = NULL;
    enum cg_err rc;

    if (!s->ns->st->ops->crate_lines || !cg_index_name(file->name, index_name))
        return CG_OK;
    rc = read_file(s, index_name, &text, err);
    if (rc != CG_OK)
        return rc;
    take_line(text, file, cksum, out);
    out->may_come = !out->text && !s->report->by_hand && file->modified > s->started - COMES_S;
    return CG_OK;
}

void cg_sync_theirs_free(struct cg_sync_theirs *theirs)
{
    free(theirs->text);
    *theirs = (struct cg_sync_theirs){0};
}

/* Does the line have that dependency as the archive has it? Those of tests and examples need not be in it. What names
 * no registry in an archive is from crates.io; a line that says null there is one of those that say so of all. */
static bool agrees_on(const json_t *line, const struct cg_dep *dep, size_t *found)
{
    const json_t *entry = cg_origin_dep(line, dep);
    const char *url, *package;

    if (!entry)
        return dep->kind == CG_DEP_DEV;
    ++*found;
    url = cg_json_str(entry, "registry");
    package = cg_json_str(entry, "package");
    if (!cg_streq(package ? package : dep->alias, dep->package))
        return false;
    return dep->registry || (url && cg_registry_url_same(url, NULL));
}

static bool agrees(const json_t *line, const struct cg_package *package)
{
    size_t found = 0;
    bool same = true;

    for (size_t i = 0; same && i < package->dep_count; i++)
        same = agrees_on(line, &package->deps[i], &found);
    return same && found == json_array_size(json_object_get(line, "deps"));
}

/* The line, where the dependencies in it are the archive's; json_decref() it. */
static json_t *sound_line(const struct cg_syncing *s, const struct cg_sync_theirs *theirs,
                          const struct cg_package *package)
{
    json_t *line = cg_origin_line(&theirs->origin);

    if (!line || agrees(line, package))
        return line;
    json_decref(line);
    cg_log(
        CG_LOG_INFO, "registry", NULL,
        "namespace=%s crate=%s version=%s: its dependencies in the index of the repository itself are not those of its "
        "Cargo.toml, which is believed",
        s->ns->name, package->name, package->version);
    return NULL;
}

/* Of a repository of Artifactory, under whatever host name or as part of whatever other repository. */
static bool is_of_a_repository(const char *url)
{
    return url && (strstr(url, "/api/cargo/") || strstr(url, "/git/"));
}

/* The archive's own word was refused (err says why). */
static enum cg_err resolve_by_line(const struct cg_syncing *s, const json_t *line, const struct cg_dep *dep, char **out,
                                   struct cg_error *err)
{
    static const struct cg_origin nowhere = {0};
    const char *url = dep->registry;

    if (!cg_origin_own(&nowhere, line, dep, &url))
        return cg_registry_url_resolve(s->conf, s->ns->name, url, out, err);
    if (!is_of_a_repository(dep->registry))
        return CG_ERR_DENIED; /* as was said */
    *out = NULL;
    return CG_OK;
}

static enum cg_err resolve(const struct cg_syncing *s, const json_t *line, struct cg_dep *dep, struct cg_error *err)
{
    char *resolved = NULL;
    enum cg_err rc = cg_registry_url_resolve(s->conf, s->ns->name, dep->registry, &resolved, err);

    if (rc == CG_ERR_DENIED && line)
        rc = resolve_by_line(s, line, dep, &resolved, err);
    if (rc == CG_OK) {
        free(dep->registry);
        dep->registry = resolved;
    }
    return rc;
}

enum cg_err cg_sync_theirs_resolve(const struct cg_syncing *s, const struct cg_sync_theirs *theirs,
                                   struct cg_package *package, struct cg_error *err)
{
    json_t *line = sound_line(s, theirs, package);
    enum cg_err rc = CG_OK;

    for (size_t i = 0; rc == CG_OK && i < package->dep_count; i++)
        rc = resolve(s, line, &package->deps[i], err);
    json_decref(line);
    return rc;
}
