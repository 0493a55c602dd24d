/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/derive.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "crategate/clock.h"
#include "log/log.h"
#include "registry/edges.h"
#include "registry/quarantine.h"
#include "registry/stored.h"

/* A clock that is set back by no more than that loses nothing. */
#define CLOCK_STEP_S 600

static char *text_of(const char *text)
{
    return cg_strdup(text ? text : "");
}

void cg_facts_read(const struct cg_package *package, uint64_t crate_size, struct cg_facts *out)
{
    *out = (struct cg_facts){.crate_size = crate_size,
                             .license = text_of(package->license),
                             .readme_path = text_of(cg_readme_path(package)),
                             .description = text_of(package->description),
                             .keywords = cg_strlist_join(package->keywords, " "),
                             .categories = cg_strlist_join(package->categories, " "),
                             .homepage = text_of(package->homepage),
                             .documentation = text_of(package->documentation),
                             .repository = text_of(package->repository)};
    if (package->version)
        strcpy(out->version, package->version); /* a manifest's is at most CG_VERSION_MAX */
}

void cg_facts_free(struct cg_facts *facts)
{
    char *const texts[] = {facts->license,    facts->readme_path, facts->description,   facts->keywords,
                           facts->categories, facts->homepage,    facts->documentation, facts->repository};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free(texts[i]);
    *facts = (struct cg_facts){0};
}

void cg_facts_list_free(struct cg_facts_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        cg_facts_free(&list->items[i]);
    free(list->items);
    *list = (struct cg_facts_list){0};
}

/* A derivation at work. */
struct work {
    struct cg_derive *d;
    struct cg_index_digest digest;
    char folded[CG_CRATE_NAME_MAX + 1];
    struct cg_rows rows;
    struct cg_facts loaded; /* the last facts read from an archive */
    struct cg_error *err;
};

static struct cg_metadata *database(const struct work *w)
{
    return w->d->ns->reg->md;
}

static const struct cg_facts *known_facts(const struct cg_derive *d, const char *version)
{
    for (size_t i = 0; i < d->fact_count; i++)
        if (strcmp(d->facts[i].version, version) == 0)
            return &d->facts[i];
    for (size_t i = 0; d->gather && i < d->gather->count; i++)
        if (strcmp(d->gather->items[i].version, version) == 0)
            return &d->gather->items[i];
    return NULL;
}

static enum cg_err open_archive(struct work *w, const struct cg_index_entry *entry, struct cg_stored *out,
                                struct cg_error *why)
{
    struct cg_namespace *ns = w->d->ns;
    enum cg_err rc = cg_quarantine_check(ns, entry, why);

    if (rc != CG_OK) /* what is there is not what was published */
        return CG_ERR_ABSENT;
    return w->d->gather ? cg_stored_open_line(ns, entry, out, why) : cg_stored_open_here(ns, entry, out, why);
}

/* An archive that is missing or damaged is for `verify` to tell; its version still exists and gets what rows it can. */
static enum cg_err load_facts(struct work *w, const char *version, struct cg_facts *out)
{
    struct cg_package package = {0};
    struct cg_index_entry entry;
    struct cg_stored stored;
    struct cg_error why = {0};
    uint64_t size = 0;
    bool listed = cg_index_scan_find(w->d->text, w->d->len, version, &entry);
    enum cg_err rc = listed ? open_archive(w, &entry, &stored, &why) : CG_ERR_ABSENT;

    if (rc == CG_OK) {
        size = stored.file.size;
        rc = cg_stored_package(&stored, NULL, NULL, &package, &why);
        cg_stored_close(&stored);
    }
    if (rc == CG_ERR_UNAVAILABLE || rc == CG_ERR_AGAIN) {
        if (w->err)
            *w->err = why;
        return rc;
    }
    cg_facts_read(&package, size, out);
    strcpy(out->version, version);
    out->unread = rc != CG_OK;
    cg_package_free(&package);
    return CG_OK;
}

static const struct cg_facts *gathered(struct cg_facts_list *list, struct cg_facts facts)
{
    list->items = cg_reallocarray(list->items, list->count + 1, sizeof(*list->items));
    list->items[list->count] = facts;
    return &list->items[list->count++];
}

/* What the package of a version says; borrowed until the next call. */
static enum cg_err find_facts(struct work *w, const char *version, const struct cg_facts **out)
{
    const struct cg_facts *facts = known_facts(w->d, version);
    struct cg_facts fresh = {0};
    enum cg_err rc = CG_OK;

    if (!facts && strcmp(w->loaded.version, version) == 0)
        facts = &w->loaded;
    if (!facts)
        rc = load_facts(w, version, &fresh);
    if (rc != CG_OK)
        return rc;
    if (!facts && w->d->gather) {
        facts = gathered(w->d->gather, fresh);
    } else if (!facts) {
        cg_facts_free(&w->loaded);
        w->loaded = fresh;
        facts = &w->loaded;
    }
    *out = facts;
    return CG_OK;
}

static struct cg_dependency_row *dependency_rows(const struct cg_edges *edges)
{
    struct cg_dependency_row *rows = cg_calloc(edges->count + 1, sizeof(*rows));

    for (size_t i = 0; i < edges->count; i++) {
        const struct cg_edge *edge = &edges->items[i];
        char *folded = cg_malloc(CG_CRATE_NAME_MAX + 1);

        cg_crate_name_fold(edge->package, folded);
        rows[i] = (struct cg_dependency_row){.crate = folded,
                                             .registry = edge->registry ? edge->registry : "",
                                             .req = edge->req,
                                             .kind = edge->kind,
                                             .target = edge->target ? edge->target : "",
                                             .optional = edge->optional,
                                             .default_features = edge->default_features,
                                             .features = cg_strlist_join(edge->features, " ")};
    }
    return rows;
}

static void free_dependency_rows(struct cg_dependency_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free((void *)(uintptr_t)rows[i].crate);
        free((void *)(uintptr_t)rows[i].features);
    }
    free(rows);
}

/* Writes the version's row with its dependencies; with `summary` also the crate's, as what a publish adds. */
static enum cg_err put_rows(struct work *w, const struct cg_index_entry *entry, const struct cg_version_row *row,
                            const struct cg_crate_summary *summary)
{
    struct cg_release release = {.crate = summary, .version = row};
    struct cg_metadata *md = database(w);
    struct cg_edges edges = {0};
    struct cg_dependency_row *deps;
    json_t *line = NULL;
    enum cg_err rc = cg_json_parse(entry->line, entry->line_len, &line, w->err);

    CG_ASSERT(rc == CG_OK); /* it was read as an index line before */
    cg_edges_from_line(line, &edges);
    release.deps = deps = dependency_rows(&edges);
    release.dep_count = edges.count;
    rc = summary ? md->ops->release_put(md, &release, w->err)
                 : md->ops->version_put(md, w->d->ns->name, w->folded, row, deps, edges.count, w->err);
    free_dependency_rows(deps, edges.count);
    cg_edges_free(&edges);
    json_decref(line);
    return rc;
}

static enum cg_err put_version(struct work *w, const struct cg_index_entry *entry, const struct cg_version_row *row)
{
    return put_rows(w, entry, row, NULL);
}

static const char *publisher_of(const struct work *w, const char *version, const struct cg_row *old)
{
    if (!old && w->d->saved)
        old = cg_rows_find(w->d->saved, version);
    if (old)
        return old->row.published_by;
    return w->d->published_by ? w->d->published_by : "";
}

/* The row a version should have; only who published it is taken from the one that is there. */
static struct cg_version_row row_from(const struct work *w, const struct cg_index_entry *entry,
                                      const struct cg_facts *facts, const struct cg_row *old)
{
    return (struct cg_version_row){.version = entry->version,
                                   .license = facts->license,
                                   .readme_path = facts->readme_path,
                                   .published_by = publisher_of(w, entry->version, old),
                                   .crate_size = facts->crate_size,
                                   .published_at = entry->pubtime ? entry->pubtime
                                                   : old          ? old->row.published_at
                                                                  : 0};
}

static bool same_row(const struct cg_version_row *a, const struct cg_version_row *b)
{
    return strcmp(a->license, b->license) == 0 && strcmp(a->readme_path, b->readme_path) == 0 &&
           a->crate_size == b->crate_size && a->published_at == b->published_at;
}

static enum cg_err derive_missing(struct work *w, const struct cg_index_entry *entry)
{
    const struct cg_facts *facts = NULL;
    struct cg_version_row row;
    enum cg_err rc;

    w->d->missing++;
    if (w->d->look_only && !w->d->gather)
        return CG_OK;
    rc = find_facts(w, entry->version, &facts);
    if (rc != CG_OK || w->d->look_only)
        return rc;
    row = row_from(w, entry, facts, NULL);
    return put_version(w, entry, &row);
}

static enum cg_err derive_version(struct work *w, const struct cg_index_entry *entry)
{
    const struct cg_facts *facts = known_facts(w->d, entry->version);
    struct cg_row *old = cg_rows_find(&w->rows, entry->version);
    struct cg_version_row row;

    if (!old)
        return derive_missing(w, entry);
    old->listed = true;
    if (!facts || facts->unread) /* nobody doubts it enough to have opened the archive, or nothing was in it */
        return CG_OK;
    row = row_from(w, entry, facts, old);
    if (same_row(&row, &old->row))
        return CG_OK;
    w->d->different++;
    return w->d->look_only ? CG_OK : put_version(w, entry, &row);
}

typedef enum cg_err (*entry_visit)(struct work *w, const struct cg_index_entry *entry);

static enum cg_err each_version(struct work *w, entry_visit visit)
{
    struct cg_index_scan scan;
    struct cg_index_entry entry;
    enum cg_err rc = CG_OK;

    cg_index_scan_begin(&scan, w->d->text, w->d->len);
    while (rc == CG_OK && cg_index_scan_next(&scan, &entry))
        rc = visit(w, &entry);
    return rc;
}

static enum cg_err put_back(struct work *w, const struct cg_index_entry *entry)
{
    const struct cg_row *old = cg_rows_find(&w->rows, entry->version);
    struct cg_download_count count = {.namespace_name = w->d->ns->name, .crate = w->folded, .version = entry->version};
    enum cg_err rc;

    if (!old)
        return derive_missing(w, entry);
    rc = put_version(w, entry, &old->row);
    count.count = (uint64_t)old->row.downloads;
    if (rc == CG_OK && count.count)
        rc = database(w)->ops->downloads_add(database(w), &count, 1, w->err);
    return rc;
}

/* A single row cannot be removed, only all of a crate's; the good ones and their counts are put back. */
static enum cg_err drop_stale(struct work *w)
{
    enum cg_err rc;

    for (size_t i = 0; i < w->rows.count; i++)
        w->d->stale += !w->rows.items[i].listed;
    if (!w->d->stale || w->d->look_only)
        return CG_OK;
    rc = database(w)->ops->crate_remove(database(w), w->d->ns->name, w->folded, w->err);
    w->rows.has_summary = false;
    return rc == CG_OK ? each_version(w, put_back) : rc;
}

/* The texts are those of the version that is shown. They are taken from the old row when that already showed it. */
static enum cg_err fill_texts(struct work *w, struct cg_crate_summary *s)
{
    const struct cg_crate_summary *old = &w->rows.summary;
    const struct cg_facts *facts = known_facts(w->d, s->max_version);
    enum cg_err rc = CG_OK;

    if (!facts && ((w->d->look_only && !w->d->gather) || strcmp(old->max_version, s->max_version) == 0)) {
        s->description = old->description;
        s->keywords = old->keywords;
        s->categories = old->categories;
        s->homepage = old->homepage;
        s->documentation = old->documentation;
        s->repository = old->repository;
        return CG_OK;
    }
    rc = find_facts(w, s->max_version, &facts);
    if (rc != CG_OK)
        return rc;
    s->description = facts->description;
    s->keywords = facts->keywords;
    s->categories = facts->categories;
    s->homepage = facts->homepage;
    s->documentation = facts->documentation;
    s->repository = facts->repository;
    return CG_OK;
}

static bool same_summary(const struct cg_crate_summary *a, const struct cg_crate_summary *b)
{
    const char *const pairs[][2] = {{a->name, b->name},
                                    {a->max_version, b->max_version},
                                    {a->max_stable_version, b->max_stable_version},
                                    {a->description, b->description},
                                    {a->keywords, b->keywords},
                                    {a->categories, b->categories},
                                    {a->homepage, b->homepage},
                                    {a->documentation, b->documentation},
                                    {a->repository, b->repository}};

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (strcmp(pairs[i][0], pairs[i][1]) != 0)
            return false;
    return a->created_at == b->created_at && a->updated_at == b->updated_at;
}

/* All but the texts, borrowed from the digest. */
static struct cg_crate_summary bare_summary(const struct work *w)
{
    return (struct cg_crate_summary){.namespace_name = w->d->ns->name,
                                     .crate = w->folded,
                                     .name = w->digest.name,
                                     .max_version = w->digest.max.version,
                                     .max_stable_version = w->digest.max_stable.version,
                                     .created_at = w->digest.created_at,
                                     .updated_at = w->digest.updated_at};
}

static enum cg_err derive_summary(struct work *w)
{
    struct cg_crate_summary summary = bare_summary(w);
    enum cg_err rc = fill_texts(w, &summary);

    if (rc != CG_OK || (w->rows.has_summary && same_summary(&summary, &w->rows.summary)))
        return rc;
    w->d->summary = true;
    return w->d->look_only ? CG_OK : database(w)->ops->crate_put(database(w), &summary, w->err);
}

enum cg_err cg_derive_crate(struct cg_derive *derive, struct cg_error *err)
{
    struct work w = {.d = derive, .err = err};
    enum cg_err rc;

    derive->missing = derive->different = derive->stale = 0;
    derive->summary = false;
    if (!cg_index_digest(derive->text, derive->len, &w.digest))
        return CG_OK; /* nothing readable: nothing to derive */
    cg_crate_name_fold(w.digest.name, w.folded);
    rc = cg_rows_read(derive->ns->reg, derive->ns->name, w.folded, &w.rows, err);
    if (rc != CG_OK)
        return rc;
    rc = each_version(&w, derive_version);
    if (rc == CG_OK)
        rc = drop_stale(&w);
    if (rc == CG_OK)
        rc = derive_summary(&w);
    cg_facts_free(&w.loaded);
    cg_rows_free(&w.rows);
    return rc;
}

static bool read_last_line(const struct cg_derive *d, struct cg_index_entry *out)
{
    size_t len = d->len && d->text[d->len - 1] == '\n' ? d->len - 1 : d->len;
    const char *before = memrchr(d->text, '\n', len), *line = before ? before + 1 : d->text;

    return cg_index_line_read(line, len - (size_t)(line - d->text), out, NULL) == CG_OK &&
           strcmp(out->version, d->facts[0].version) == 0;
}

/* A crate of one version has no rows, and what the line says is all there is. */
static bool digest_from_line(struct work *w, const struct cg_index_entry *last)
{
    return last->line == w->d->text && cg_index_digest(w->d->text, w->d->len, &w->digest);
}

/* The digest of all lines, from the crate's row and the last of them. False when the row does not do. */
static bool digest_from_row(struct work *w, const struct cg_index_entry *last)
{
    const struct cg_crate_summary *row = &w->rows.summary;
    struct cg_index_digest *d = &w->digest;

    if (!cg_index_scan_find(w->d->text, w->d->len, row->max_version, &d->max) ||
        (row->max_stable_version[0] &&
         !cg_index_scan_find(w->d->text, w->d->len, row->max_stable_version, &d->max_stable)))
        return false;
    strcpy(d->name, row->name);
    d->created_at = row->created_at;
    d->updated_at = row->updated_at;
    cg_index_digest_take(d, last);
    return true;
}

static enum cg_err take_summary(void *cls, const struct cg_crate_summary *summary)
{
    cg_rows_keep_summary(cls, summary);
    return CG_OK;
}

static enum cg_err derive_last(struct work *w, const struct cg_index_entry *last)
{
    struct cg_version_row row = row_from(w, last, &w->d->facts[0], NULL);
    struct cg_crate_summary summary = bare_summary(w);
    enum cg_err rc = fill_texts(w, &summary);

    return rc == CG_OK ? put_rows(w, last, &row, &summary) : rc;
}

enum cg_err cg_derive_added(struct cg_derive *derive, struct cg_error *err)
{
    struct work w = {.d = derive, .err = err};
    struct cg_metadata *md = database(&w);
    struct cg_index_entry last;
    enum cg_err rc;

    CG_ASSERT(derive->fact_count == 1);
    if (!read_last_line(derive, &last))
        return cg_derive_crate(derive, err);
    cg_crate_name_fold(last.name, w.folded);
    rc = md->ops->crate_get(md, derive->ns->name, w.folded, take_summary, &w.rows, NULL);
    if ((rc == CG_OK && digest_from_row(&w, &last)) || (rc == CG_ERR_ABSENT && digest_from_line(&w, &last)))
        rc = derive_last(&w, &last);
    else
        rc = cg_derive_crate(derive, err);
    cg_rows_free(&w.rows);
    return rc;
}

bool cg_derive_fits(const struct cg_derive *derive)
{
    return !derive->missing && !derive->different && !derive->stale && !derive->summary;
}

/* With the text of the index file as it is now. */
static enum cg_err derive_file(struct cg_derive *derive, const char *index_name, struct cg_error *err)
{
    struct cg_buf text;
    enum cg_err rc = cg_namespace_read(derive->ns, index_name, &text, err);

    derive->text = cg_buf_str(&text);
    derive->len = text.len;
    if (rc == CG_OK)
        rc = cg_derive_crate(derive, err);
    derive->text = NULL;
    derive->len = 0;
    cg_buf_free(&text);
    return rc;
}

enum cg_err cg_derive_again(struct cg_namespace *ns, const char *index_name, struct cg_error *err)
{
    struct cg_derive derive = {.ns = ns};

    return derive_file(&derive, index_name, err);
}

/* Most doubts are unfounded, so the lock is taken only for those that are not, and then all is read again. */
static enum cg_err derive_now(struct cg_namespace *ns, const char *index_name, bool *fits_out, struct cg_error *err)
{
    struct cg_facts_list facts = {0};
    struct cg_derive look = {.ns = ns, .look_only = true, .gather = &facts}, derive = {.ns = ns};
    enum cg_err rc = derive_file(&look, index_name, err);

    *fits_out = cg_derive_fits(&look);
    if (rc == CG_OK && !*fits_out) {
        derive.facts = facts.items;
        derive.fact_count = facts.count;
        rc = ns->st->ops->lock(ns->st, err);
        if (rc == CG_OK) {
            rc = derive_file(&derive, index_name, err);
            ns->st->ops->unlock(ns->st);
        }
    }
    cg_facts_list_free(&facts);
    return rc == CG_ERR_ABSENT ? CG_OK : rc;
}

enum cg_err cg_derive_now(struct cg_namespace *ns, const char *index_name, struct cg_error *err)
{
    bool fits;

    return derive_now(ns, index_name, &fits, err);
}

/* At the far end: one that cannot be settled must not keep the others waiting. */
void cg_derive_doubt(struct cg_namespace *ns, const char *index_name)
{
    pthread_mutex_lock(&ns->doubts_lock);
    ns->doubts = cg_reallocarray(ns->doubts, ns->doubt_count + 1, sizeof(*ns->doubts));
    memmove(ns->doubts + 1, ns->doubts, ns->doubt_count * sizeof(*ns->doubts));
    ns->doubts[0] = cg_strdup(index_name);
    ns->doubt_count++;
    pthread_mutex_unlock(&ns->doubts_lock);
}

void cg_derive_later(struct cg_namespace *ns, const char *index_name, const struct cg_error *why)
{
    /* That an archive has to be fetched first is nothing to be told of. */
    cg_log_error(why->code == CG_ERR_AGAIN ? CG_LOG_DEBUG : CG_LOG_WARN, "registry", NULL, why,
                 "namespace=%s crate=%s: the database's rows have to wait", ns->name, index_name);
    cg_derive_doubt(ns, index_name);
}

/* Behind those that are there; the names, and the list, are taken over. */
static void add_doubts(struct cg_namespace *ns, char **names, size_t count)
{
    if (!count) {
        free(names);
        return;
    }
    pthread_mutex_lock(&ns->doubts_lock);
    ns->doubts = cg_reallocarray(ns->doubts, ns->doubt_count + count, sizeof(*ns->doubts));
    memmove(ns->doubts + count, ns->doubts, ns->doubt_count * sizeof(*ns->doubts));
    memcpy(ns->doubts, names, count * sizeof(*names));
    ns->doubt_count += count;
    pthread_mutex_unlock(&ns->doubts_lock);
    free(names);
}

static size_t doubts_left(struct cg_namespace *ns)
{
    pthread_mutex_lock(&ns->doubts_lock);
    size_t count = ns->doubt_count;
    pthread_mutex_unlock(&ns->doubts_lock);
    return count;
}

struct names {
    char **items;
    size_t count;
};

static enum cg_err take_name(void *cls, const char *index_name)
{
    struct names *names = cls;

    if ((names->count & (names->count - 1)) == 0)
        names->items = cg_reallocarray(names->items, names->count ? 2 * names->count : 1, sizeof(*names->items));
    names->items[names->count++] = cg_strdup(index_name);
    return CG_OK;
}

static size_t count_names(char **names)
{
    size_t count = 0;

    while (names[count])
        count++;
    return count;
}

static enum cg_err changed_names(struct cg_namespace *ns, int64_t since, struct names *out, struct cg_error *err)
{
    struct names names = {0};
    enum cg_err rc;

    if (!since || !ns->st->ops->index_since) {
        out->items = cg_index_memory_names(ns->mem);
        out->count = count_names(out->items);
        return CG_OK;
    }
    rc = ns->st->ops->index_since(ns->st, since - CLOCK_STEP_S, take_name, &names, err);
    if (rc == CG_OK) {
        *out = names;
        return CG_OK;
    }
    for (size_t i = 0; i < names.count; i++)
        free(names.items[i]);
    free(names.items);
    return rc;
}

enum cg_err cg_derive_doubt_start(struct cg_namespace *ns, struct cg_error *err)
{
    struct cg_metadata *md = ns->reg->md;
    struct names names = {0};
    int64_t since = 0, now = cg_clock_wall_s();
    enum cg_err rc = md->ops->settled(md, ns->name, &since, err);

    if (rc == CG_OK)
        rc = changed_names(ns, since, &names, err);
    if (rc != CG_OK)
        return rc;
    add_doubts(ns, names.items, names.count);
    pthread_mutex_lock(&ns->doubts_lock);
    ns->doubted_at = now;
    pthread_mutex_unlock(&ns->doubts_lock);
    return CG_OK;
}

size_t cg_derive_doubt_again(struct cg_namespace *ns)
{
    char **names = cg_index_memory_names(ns->mem);
    size_t count = count_names(names);

    if (doubts_left(ns) < count)
        add_doubts(ns, names, count);
    else
        cg_strlist_free(&names);
    return count;
}

static char *take_doubt(struct cg_namespace *ns)
{
    char *name = NULL;

    pthread_mutex_lock(&ns->doubts_lock);
    if (ns->doubt_count)
        name = ns->doubts[--ns->doubt_count];
    pthread_mutex_unlock(&ns->doubts_lock);
    return name;
}

static enum cg_err settle(struct cg_namespace *ns, const char *index_name, struct cg_error *err)
{
    bool fits = true;
    enum cg_err rc = derive_now(ns, index_name, &fits, err);

    if (rc == CG_OK && !fits)
        cg_log(CG_LOG_INFO, "registry", NULL, "namespace=%s crate=%s: the database's rows were made to fit the index",
               ns->name, index_name);
    return rc;
}

/* When those of the start were collected, if none is left; else 0. */
static int64_t settled_since(struct cg_namespace *ns)
{
    pthread_mutex_lock(&ns->doubts_lock);
    int64_t since = ns->doubt_count ? 0 : ns->doubted_at;
    pthread_mutex_unlock(&ns->doubts_lock);
    return since;
}

/* Not again before the next start: what another process leaves undone meanwhile has to be found then. */
static enum cg_err note_settled(struct cg_namespace *ns, struct cg_error *err)
{
    struct cg_metadata *md = ns->reg->md;
    int64_t since = settled_since(ns);
    enum cg_err rc;

    if (ns->settled || !since)
        return CG_OK;
    rc = md->ops->settled_set(md, ns->name, since, err);
    ns->settled = rc == CG_OK;
    return rc;
}

enum cg_err cg_derive_settle(struct cg_namespace *ns, int64_t until_ms, struct cg_error *err)
{
    enum cg_err rc = CG_OK;
    char *name;

    while (rc == CG_OK && cg_clock_mono_ms() < until_ms && (name = take_doubt(ns)) != NULL) {
        rc = settle(ns, name, err);
        if (rc != CG_OK)
            cg_derive_doubt(ns, name);
        free(name);
    }
    return rc == CG_OK ? note_settled(ns, err) : rc;
}
