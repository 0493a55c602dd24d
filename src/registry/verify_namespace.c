/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "registry/rows.h"
#include "registry/verify_priv.h"

#define PAGE 100

/* Lists of strings that grow one by one. */
struct list {
    char **items;
    size_t count;
};

static void push(struct list *list, const char *text)
{
    list->items = cg_reallocarray(list->items, list->count + 1, sizeof(*list->items));
    list->items[list->count++] = cg_strdup(text);
}

static void list_free(struct list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct list){0};
}

static enum cg_err collect_name(void *cls, const char *index_name)
{
    push(cls, index_name);
    return CG_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Files that the index does not name */

struct files {
    struct cg_verifying *v;
    struct list names, versions;
    char index_name[CG_CRATE_NAME_MAX + 1]; /* of the text below; walks give the files of one crate in a row */
    struct cg_buf text;
};

static bool names_file(const struct cg_buf *text, const char *name, const char *version)
{
    struct cg_index_entry entry;

    return cg_index_scan_find(cg_buf_str(text), text->len, version, &entry) && strcmp(entry.version, version) == 0 &&
           strcmp(entry.name, name) == 0;
}

static enum cg_err read_index(struct files *f, const char *name)
{
    char index_name[CG_CRATE_NAME_MAX + 1];
    enum cg_err rc;

    if (!cg_index_name(name, index_name)) {
        cg_buf_reset(&f->text); /* no index can name such a file */
        f->index_name[0] = '\0';
        return CG_OK;
    }
    if (strcmp(index_name, f->index_name) == 0)
        return CG_OK;
    cg_buf_free(&f->text);
    f->index_name[0] = '\0';
    rc = cg_namespace_read(f->v->ns, index_name, &f->text, f->v->err);
    if (rc != CG_OK && rc != CG_ERR_ABSENT)
        return rc;
    strcpy(f->index_name, index_name);
    return CG_OK;
}

static enum cg_err collect_unnamed(void *cls, const char *name, const char *version, uint64_t size)
{
    struct files *f = cls;
    enum cg_err rc = read_index(f, name);

    (void)size;
    if (rc == CG_OK && !names_file(&f->text, name, version)) {
        push(&f->names, name);
        push(&f->versions, version);
    }
    return rc;
}

/* Under the lock no publish is between its crate and its line: what has no line now was never acknowledged. */
static enum cg_err check_unnamed_locked(struct files *f, const char *name, const char *version)
{
    struct cg_verifying *v = f->v;
    struct cg_storage *st = v->ns->st;
    struct cg_crate_file file;
    enum cg_err rc;

    f->index_name[0] = '\0'; /* read again */
    rc = read_index(f, name);
    if (rc != CG_OK || names_file(&f->text, name, version))
        return rc;
    rc = st->ops->crate_open(st, name, version, &file, v->err);
    if (rc != CG_OK)
        return rc == CG_ERR_ABSENT ? CG_OK : rc;
    close(file.fd);
    if (v->verify->repair)
        rc = st->ops->crate_remove(st, name, version, v->err);
    if (rc == CG_OK)
        cg_verify_report(v, v->verify->repair,
                         "crate file %s-%s.crate is in no index line: left by an interrupted publish", name, version);
    return rc;
}

static enum cg_err check_unnamed(struct files *f, const char *name, const char *version)
{
    struct cg_storage *st = f->v->ns->st;
    enum cg_err rc = st->ops->lock(st, f->v->err);

    if (rc != CG_OK)
        return rc;
    rc = check_unnamed_locked(f, name, version);
    st->ops->unlock(st);
    return rc;
}

static enum cg_err check_files(struct cg_verifying *v)
{
    struct files files = {.v = v};
    enum cg_err rc;

    /* Where others write too, such a file is theirs, or on its way; whoever looks through the store takes it in. */
    if (v->ns->st->ops->crate_scan)
        return CG_OK;
    cg_buf_init(&files.text, CG_INDEX_FILE_MAX);
    rc = v->ns->st->ops->crate_each(v->ns->st, NULL, collect_unnamed, &files, v->err);
    for (size_t i = 0; rc == CG_OK && i < files.names.count && !cg_verify_stopped(v); i++)
        rc = check_unnamed(&files, files.names.items[i], files.versions.items[i]);
    cg_buf_free(&files.text);
    list_free(&files.names);
    list_free(&files.versions);
    return rc;
}

/* Rows of crates that do not exist */

struct summaries {
    struct cg_map *folded; /* names that exist */
    struct list unknown;   /* names in the database beside them */
};

static enum cg_err collect_summary(void *cls, const struct cg_crate_summary *summary)
{
    struct summaries *s = cls;

    if (!cg_map_get(s->folded, summary->crate))
        push(&s->unknown, summary->name);
    return CG_OK;
}

static enum cg_err list_summaries(struct cg_verifying *v, struct summaries *s)
{
    struct cg_metadata *md = v->ns->reg->md;
    struct cg_search search = {
        .namespace_name = v->ns->name, .query = "", .sort = CG_SORT_ALPHA, .per_page = PAGE, .page = 0};
    uint64_t total = 0;
    enum cg_err rc = CG_OK;

    do {
        search.page++;
        rc = md->ops->search(md, &search, collect_summary, s, &total, v->err);
    } while (rc == CG_OK && (uint64_t)search.page * PAGE < total);
    return rc;
}

static enum cg_err check_summary_locked(struct cg_verifying *v, const char *name)
{
    struct cg_metadata *md = v->ns->reg->md;
    char folded[CG_CRATE_NAME_MAX + 1], index_name[CG_CRATE_NAME_MAX + 1];
    struct cg_buf text;
    bool exists;
    enum cg_err rc;

    cg_crate_name_fold(name, folded);
    strcpy(index_name, name);
    cg_str_lower(index_name);
    rc = cg_namespace_read(v->ns, index_name, &text, v->err);
    exists = rc == CG_OK; /* published meanwhile */
    cg_buf_free(&text);
    if (exists || rc != CG_ERR_ABSENT)
        return rc;
    rc = v->verify->repair ? md->ops->crate_remove(md, v->ns->name, folded, v->err) : CG_OK;
    if (rc == CG_OK)
        cg_verify_report(v, v->verify->repair, "crate %s: the database has it, the index does not", name);
    return rc;
}

static enum cg_err check_summary(struct cg_verifying *v, const char *name)
{
    enum cg_err rc;

    if (!cg_crate_name_valid(name))
        return CG_OK;
    rc = v->ns->st->ops->lock(v->ns->st, v->err);
    if (rc != CG_OK)
        return rc;
    rc = check_summary_locked(v, name);
    v->ns->st->ops->unlock(v->ns->st);
    return rc;
}

static enum cg_err check_summaries(struct cg_verifying *v, const struct list *names)
{
    struct summaries s = {.folded = cg_map_new(NULL)};
    char folded[CG_CRATE_NAME_MAX + 1];
    enum cg_err rc;

    for (size_t i = 0; i < names->count; i++) {
        cg_crate_name_fold(names->items[i], folded);
        cg_map_put(s.folded, folded, s.folded);
    }
    rc = list_summaries(v, &s);
    for (size_t i = 0; rc == CG_OK && i < s.unknown.count && !cg_verify_stopped(v); i++)
        rc = check_summary(v, s.unknown.items[i]);
    list_free(&s.unknown);
    cg_map_free(&s.folded);
    return rc;
}

/* The database's own structure */

static void free_saved(void *value)
{
    cg_rows_free(value);
    free(value);
}

/* What can still be read: who published is in no crate. */
static void save_rows(struct cg_verifying *v, const struct list *names)
{
    v->saved = cg_map_new(free_saved);
    for (size_t i = 0; i < names->count; i++) {
        struct cg_rows *rows = cg_calloc(1, sizeof(*rows));

        if (cg_rows_read(v->ns->reg, v->ns->name, names->items[i], rows, NULL) == CG_OK)
            cg_map_put(v->saved, names->items[i], rows);
        else
            free(rows);
    }
}

static enum cg_err check_database(struct cg_verifying *v, const struct list *names)
{
    struct cg_metadata *md = v->ns->reg->md;
    struct cg_error why = {0};
    bool good;

    if (md->ops->check(md, &why) == CG_OK)
        return CG_OK;
    if (!v->verify->repair) {
        cg_verify_report(v, false, "the database is damaged: %s", why.internal[0] ? why.internal : why.detail);
        return CG_OK;
    }
    save_rows(v, names);
    enum cg_err rc = md->ops->derived_clear(md, v->ns->name, v->err);
    good = rc == CG_OK && md->ops->check(md, NULL) == CG_OK;
    cg_verify_report(v, good, "the database is damaged: %s", why.internal[0] ? why.internal : why.detail);
    return rc;
}

static enum cg_err count_file(void *cls, const char *name, const char *version, uint64_t size)
{
    (void)name, (void)version, (void)size;
    ++*(uint64_t *)cls;
    return CG_OK;
}

static enum cg_err check_all(struct cg_verifying *v, const struct list *names)
{
    enum cg_err rc = check_database(v, names);

    for (size_t i = 0; rc == CG_OK && i < names->count && !cg_verify_stopped(v); i++)
        rc = cg_verify_crate(v, names->items[i]);
    if (rc == CG_OK && !cg_verify_stopped(v) && !v->told)
        rc = check_files(v);
    if (rc == CG_OK && !cg_verify_stopped(v))
        rc = check_summaries(v, names);
    return rc;
}

enum cg_err cg_registry_verify(struct cg_registry *reg, const char *ns, struct cg_verify *verify, struct cg_error *err)
{
    struct cg_verifying v = {.verify = verify, .err = err};
    struct list names = {0};
    enum cg_err rc = cg_namespace_get(reg, ns, &v.ns, err);

    verify->crates = verify->problems = verify->repaired = 0;
    if (rc != CG_OK)
        return rc;
    if (v.ns->st->ops->crate_scan) /* it lists the store, and counts */
        rc = cg_verify_store(&v);
    else
        rc = v.ns->st->ops->crate_each(v.ns->st, NULL, count_file, &v.total, err);
    if (rc == CG_OK)
        rc = v.ns->st->ops->index_each(v.ns->st, collect_name, &names, err);
    if (rc == CG_OK) {
        if (names.count)
            qsort(names.items, names.count, sizeof(*names.items), by_text);
        rc = check_all(&v, &names);
    }
    list_free(&names);
    cg_map_free(&v.saved);
    cg_map_free(&v.told);
    return rc;
}
