/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Integrity. Every suspicion is looked at again under the storage lock before
 * it is reported, so that a daemon at work beside it gives no false alarms.
 *
 * What is repaired is what can be: files that no index line names (they were
 * never acknowledged) go, and the database's rows are made from index and
 * crates. A crate that is damaged or missing is somebody's to bring back from a
 * backup; nothing of it is touched.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "registry/derive.h"
#include "registry/edges.h"
#include "registry/stored.h"
#include "registry/verify_priv.h"

void cg_verify_report(struct cg_verifying *v, bool repaired, const char *fmt, ...)
{
    char raw[1024], text[1024];
    va_list args;

    va_start(args, fmt);
    vsnprintf(raw, sizeof(raw), fmt, args);
    va_end(args);
    cg_str_printable(raw, strlen(raw), text, sizeof(text));
    v->verify->problems++;
    v->verify->repaired += repaired;
    v->verify->problem(v->verify->cls, v->ns->name, text, repaired);
}

bool cg_verify_stopped(const struct cg_verifying *v)
{
    return v->verify->stop && *v->verify->stop;
}

/* One crate's index file and what its archives said. */
struct crate {
    struct cg_verifying *v;
    const char *index_name;
    struct cg_buf text;
    struct cg_facts *facts; /* of the versions whose archives are good */
    size_t fact_count;
};

static void count_crate(struct cg_verifying *v)
{
    v->verify->crates++;
    if (v->verify->progress)
        v->verify->progress(v->verify->cls, v->ns->name, v->verify->crates, v->total);
}

/* A crate is missing: is its line still there? It is not while somebody deletes both. */
static enum cg_err report_missing(struct crate *c, const struct cg_index_entry *entry)
{
    struct cg_verifying *v = c->v;
    struct cg_index_entry again;
    struct cg_buf text;
    enum cg_err rc = v->ns->st->ops->lock(v->ns->st, v->err);

    if (rc != CG_OK)
        return rc;
    rc = cg_namespace_read(v->ns, c->index_name, &text, v->err);
    if (rc == CG_OK && cg_index_scan_find(cg_buf_str(&text), text.len, entry->version, &again))
        cg_verify_report(v, false,
                         "crate %s %s: the index has it, but its .crate is missing; bring it back from a backup",
                         entry->name, entry->version);
    cg_buf_free(&text);
    v->ns->st->ops->unlock(v->ns->st);
    return rc == CG_ERR_ABSENT ? CG_OK : rc;
}

/* Does the line say what the package says? Where the crates come from is a matter of the configuration of its day. */
static bool line_fits(const struct cg_index_entry *entry, const struct cg_package *package)
{
    struct cg_edges told = {0}, packaged = {0};
    json_t *line = NULL;
    bool fits = cg_json_parse(entry->line, entry->line_len, &line, NULL) == CG_OK;

    cg_edges_from_line(line, &told);
    cg_edges_from_package(package, &packaged);
    fits = fits && cg_edges_equal(&told, &packaged, false) && cg_features_equal(package, line) &&
           cg_streq(cg_json_str(line, "links"), package->links) &&
           cg_streq(cg_json_str(line, "rust_version"), package->rust_version);
    cg_edges_free(&told);
    cg_edges_free(&packaged);
    json_decref(line);
    return fits;
}

static void check_package(struct crate *c, const struct cg_index_entry *entry, const struct cg_package *package,
                          uint64_t size)
{
    if (strcmp(package->name, entry->name) != 0 || strcmp(package->version, entry->version) != 0)
        cg_verify_report(c->v, false, "crate %s %s: its Cargo.toml is of %s %s", entry->name, entry->version,
                         package->name, package->version);
    else if (!line_fits(entry, package))
        cg_verify_report(c->v, false, "crate %s %s: its index line does not say what its Cargo.toml says", entry->name,
                         entry->version);
    else
        cg_facts_read(package, size, &c->facts[c->fact_count++]);
}

static void check_stored(struct crate *c, const struct cg_index_entry *entry, const struct cg_stored *stored)
{
    struct cg_package package = {0};
    struct cg_error why = {0};
    char cksum[CG_SHA256_HEX_SIZE];
    enum cg_err rc = cg_stored_digest(stored, cksum, &why);

    if (rc == CG_OK && strcmp(cksum, entry->cksum) != 0) {
        cg_verify_report(c->v, false,
                         "crate %s %s: its checksum is %s, the index says %s; bring the .crate back from a backup",
                         entry->name, entry->version, cksum, entry->cksum);
        return;
    }
    if (rc == CG_OK)
        rc = cg_stored_package(stored, NULL, NULL, &package, &why);
    if (rc == CG_OK)
        check_package(c, entry, &package, stored->file.size);
    else
        cg_verify_report(c->v, false, "crate %s %s: %s %s", entry->name, entry->version, why.detail, why.internal);
    cg_package_free(&package);
}

/* Details of the operating system where there are any; what a store elsewhere says is a whole sentence. */
static const char *reason(const struct cg_error *why)
{
    return *why->internal ? why->internal : why->detail;
}

/* The look at a store with other writers has found it before. */
static bool was_told(const struct cg_verifying *v, const struct cg_index_entry *entry)
{
    char key[CG_CRATE_NAME_MAX + CG_VERSION_MAX + 2];

    snprintf(key, sizeof(key), "%s %s", entry->name, entry->version);
    return v->told && cg_map_get(v->told, key);
}

static enum cg_err check_version(struct crate *c, const struct cg_index_entry *entry)
{
    struct cg_stored stored;
    struct cg_error why = {0};
    enum cg_err rc;

    count_crate(c->v);
    if (was_told(c->v, entry))
        return CG_OK;
    rc = cg_stored_open(c->v->ns, entry->name, entry->version, &stored, &why);
    if (rc == CG_ERR_ABSENT)
        return report_missing(c, entry);
    if (rc != CG_OK) {
        cg_verify_report(c->v, false, "crate %s %s cannot be read: %s", entry->name, entry->version, reason(&why));
        return CG_OK;
    }
    check_stored(c, entry, &stored);
    cg_stored_close(&stored);
    return CG_OK;
}

static int by_version(const void *a, const void *b)
{
    return cg_semver_compare(a, b);
}

static void check_duplicates(struct crate *c, struct cg_semver *versions, size_t count)
{
    qsort(versions, count, sizeof(*versions), by_version);
    for (size_t i = 1; i < count; i++)
        if (cg_semver_compare(&versions[i - 1], &versions[i]) == 0)
            cg_verify_report(c->v, false, "index file %s has version %llu.%llu.%llu%s%s more than once", c->index_name,
                             (unsigned long long)versions[i].major, (unsigned long long)versions[i].minor,
                             (unsigned long long)versions[i].patch, versions[i].pre[0] ? "-" : "", versions[i].pre);
}

static void check_name(struct crate *c, const struct cg_index_entry *entry, const char *first)
{
    if (!cg_streq_nocase(entry->name, c->index_name) || strcmp(entry->name, first) != 0)
        cg_verify_report(c->v, false, "index file %s has a line for the name %s", c->index_name, entry->name);
}

static enum cg_err check_lines(struct crate *c, struct cg_semver *versions, size_t *count_out)
{
    struct cg_index_scan scan;
    struct cg_index_entry entry;
    char first[CG_CRATE_NAME_MAX + 1] = "";
    enum cg_err rc = CG_OK;

    cg_index_scan_begin(&scan, cg_buf_str(&c->text), c->text.len);
    while (rc == CG_OK && !cg_verify_stopped(c->v) && cg_index_scan_next(&scan, &entry)) {
        if (!first[0])
            strcpy(first, entry.name);
        check_name(c, &entry, first);
        versions[(*count_out)++] = entry.semver;
        rc = check_version(c, &entry);
    }
    if (scan.unreadable)
        cg_verify_report(c->v, false, "index file %s has %u lines that cannot be read", c->index_name, scan.unreadable);
    if (rc == CG_OK && !first[0] && !cg_verify_stopped(c->v))
        cg_verify_report(c->v, false, "index file %s has no line that can be read", c->index_name);
    return rc;
}

static void report_rows(struct crate *c, const struct cg_derive *d, bool repaired)
{
    cg_verify_report(
        c->v, repaired,
        "crate %s: the database's rows do not fit it (versions missing: %u, different: %u, too many: %u%s)",
        c->index_name, d->missing, d->different, d->stale, d->summary ? "; summary" : "");
}

static const struct cg_rows *saved_rows(const struct crate *c)
{
    return c->v->saved ? cg_map_get(c->v->saved, c->index_name) : NULL;
}

/* Rows against index and archives, as things are under the lock. */
static enum cg_err check_rows_locked(struct crate *c)
{
    struct cg_verifying *v = c->v;
    struct cg_derive d = {.ns = v->ns,
                          .facts = c->facts,
                          .fact_count = c->fact_count,
                          .saved = saved_rows(c),
                          .look_only = !v->verify->repair};
    enum cg_err rc;

    cg_buf_free(&c->text);
    rc = cg_namespace_read(v->ns, c->index_name, &c->text, v->err);
    if (rc != CG_OK)
        return rc == CG_ERR_ABSENT ? CG_OK : rc;
    d.text = cg_buf_str(&c->text);
    d.len = c->text.len;
    rc = cg_derive_crate(&d, v->err);
    if ((rc == CG_OK && !cg_derive_fits(&d)) || rc == CG_ERR_AGAIN) /* again: it was changed since the look before */
        report_rows(c, &d, v->verify->repair && rc == CG_OK);
    return rc == CG_ERR_AGAIN ? CG_OK : rc;
}

/* What was gathered of versions whose archives are not good: there is room for one of each line. */
static void add_facts(struct crate *c, struct cg_facts_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        c->facts[c->fact_count++] = list->items[i];
    free(list->items);
    *list = (struct cg_facts_list){0};
}

static enum cg_err check_rows(struct crate *c)
{
    struct cg_verifying *v = c->v;
    struct cg_facts_list gathered = {0};
    struct cg_derive d = {.ns = v->ns,
                          .text = cg_buf_str(&c->text),
                          .len = c->text.len,
                          .facts = c->facts,
                          .fact_count = c->fact_count,
                          .look_only = true,
                          .gather = v->verify->repair ? &gathered : NULL};
    enum cg_err rc = cg_derive_crate(&d, v->err);

    add_facts(c, &gathered);
    if (rc != CG_OK || cg_derive_fits(&d))
        return rc;
    rc = v->ns->st->ops->lock(v->ns->st, v->err);
    if (rc != CG_OK)
        return rc;
    rc = check_rows_locked(c);
    v->ns->st->ops->unlock(v->ns->st);
    return rc;
}

static size_t count_lines(const struct cg_buf *text)
{
    size_t lines = 1;

    for (size_t i = 0; i < text->len; i++)
        lines += text->data[i] == '\n';
    return lines;
}

static enum cg_err check_crate(struct crate *c)
{
    size_t lines = count_lines(&c->text), count = 0;
    struct cg_semver *versions = cg_calloc(lines, sizeof(*versions));
    enum cg_err rc;

    c->facts = cg_calloc(lines, sizeof(*c->facts));
    rc = check_lines(c, versions, &count);
    check_duplicates(c, versions, count);
    if (rc == CG_OK && !cg_verify_stopped(c->v))
        rc = check_rows(c);
    for (size_t i = 0; i < c->fact_count; i++)
        cg_facts_free(&c->facts[i]);
    free(c->facts);
    free(versions);
    return rc;
}

enum cg_err cg_verify_crate(struct cg_verifying *v, const char *index_name)
{
    struct crate crate = {.v = v, .index_name = index_name};
    struct cg_error why = {0};
    enum cg_err rc = cg_namespace_read(v->ns, index_name, &crate.text, &why);

    if (rc == CG_OK) {
        rc = check_crate(&crate);
    } else {
        if (rc != CG_ERR_ABSENT) /* deleted meanwhile */
            cg_verify_report(v, false, "index file %s cannot be read: %s", index_name, reason(&why));
        rc = CG_OK; /* the others can still be looked at */
    }
    cg_buf_free(&crate.text);
    return rc;
}
