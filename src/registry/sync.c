/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/sync_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "crategate/clock.h"
#include "log/log.h"
#include "log/metrics.h"
#include "registry/quarantine.h"
#include "registry/sync_state.h"

/* More than so many versions gone at once, and more than that part of all, is not believed. */
#define GONE_MIN 5
#define GONE_PART 5 /* a fifth */
/* A store may not list at once what it has just taken in. */
#define YOUNG_S 10
/* So many files in a row that the store would not give end a look. */
#define FAILURES_MAX 3

void cg_sync_tell(struct cg_syncing *s, const struct cg_sync_news *news)
{
    struct cg_sync_news full = *news;

    full.publisher = news->publisher ? news->publisher : "";
    full.detail = news->detail ? news->detail : "";
    s->report->told[full.event]++;
    s->report->tell(s->report->cls, s->ns->name, &full);
}

bool cg_sync_stopped(const struct cg_syncing *s)
{
    return s->report->stopped && s->report->stopped(s->report->cls);
}

static enum cg_err check_stopped(const struct cg_syncing *s)
{
    return cg_sync_stopped(s) ? cg_error_set(s->err, CG_ERR_UNAVAILABLE, "the look at the repository was ended early")
                              : CG_OK;
}

enum cg_err cg_sync_changed(struct cg_syncing *s)
{
    struct cg_metadata *md = s->reg->md;

    return s->report->by_hand ? md->ops->generation_bump(md, "index", s->err) : CG_OK;
}

/* The index, before the listing */

struct name_list {
    char **items;
    size_t count;
};

static enum cg_err collect_name(void *cls, const char *index_name)
{
    struct name_list *names = cls;

    if ((names->count & (names->count - 1)) == 0)
        names->items = cg_reallocarray(names->items, names->count ? 2 * names->count : 1, sizeof(*names->items));
    names->items[names->count++] = cg_strdup(index_name);
    return CG_OK;
}

static void add_line(struct cg_syncing *s, const char *index_name, const struct cg_index_entry *entry)
{
    if ((s->line_count & (s->line_count - 1)) == 0)
        s->lines = cg_reallocarray(s->lines, s->line_count ? 2 * s->line_count : 1, sizeof(*s->lines));
    s->lines[s->line_count] = (struct cg_sync_line){.index_name = cg_strdup(index_name), .entry = *entry};
    s->lines[s->line_count++].entry.line = NULL; /* its text goes */
}

static enum cg_err read_file(struct cg_syncing *s, const char *index_name)
{
    struct cg_index_scan scan;
    struct cg_index_entry entry;
    struct cg_buf text;
    enum cg_err rc = cg_namespace_read(s->ns, index_name, &text, s->err);

    if (rc == CG_OK) {
        cg_index_scan_begin(&scan, cg_buf_str(&text), text.len);
        while (cg_index_scan_next(&scan, &entry))
            add_line(s, index_name, &entry);
    }
    cg_buf_free(&text);
    return rc == CG_ERR_ABSENT ? CG_OK : rc; /* deleted meanwhile */
}

static enum cg_err read_lines(struct cg_syncing *s)
{
    struct cg_storage *st = s->ns->st;
    struct name_list names = {0};
    enum cg_err rc = st->ops->index_each(st, collect_name, &names, s->err);

    for (size_t i = 0; i < names.count; i++) {
        if (rc == CG_OK)
            rc = check_stopped(s);
        if (rc == CG_OK)
            rc = read_file(s, names.items[i]);
        free(names.items[i]);
    }
    free(names.items);
    s->report->versions = s->line_count;
    return rc;
}

static enum cg_err take_note(void *cls, const struct cg_yank_note *note)
{
    struct cg_sync_noted *copy = cg_calloc(1, sizeof(*copy));
    char *key = cg_asprintf("%s %s", note->crate, note->version);

    copy->yanked = note->yanked;
    copy->noted_at = note->noted_at;
    cg_map_put(cls, key, copy);
    free(key);
    return CG_OK;
}

static enum cg_err read_notes(struct cg_syncing *s)
{
    struct cg_metadata *md = s->reg->md;

    return md->ops->yank_note_each(md, s->ns->name, take_note, s->notes, s->err);
}

/* The listing */

static void free_file(void *value)
{
    struct cg_sync_file *file = value;

    free(file->name);
    free(file->version);
    free(file->publisher);
    free(file);
}

static enum cg_err take_file(void *cls, const struct cg_crate_seen *seen)
{
    struct cg_syncing *s = cls;
    struct cg_sync_file *file = cg_calloc(1, sizeof(*file));
    char *key = cg_asprintf("%s %s", seen->name, seen->version);

    *file = (struct cg_sync_file){.name = cg_strdup(seen->name),
                                  .version = cg_strdup(seen->version),
                                  .publisher = cg_strdup(seen->publisher),
                                  .size = seen->size,
                                  .modified = seen->modified,
                                  .yanked = seen->yanked};
    snprintf(file->cksum, sizeof(file->cksum), "%s", seen->cksum);
    cg_map_put(s->files, key, file);
    free(key);
    return check_stopped(s);
}

static struct cg_sync_file *file_of(const struct cg_syncing *s, const struct cg_sync_line *line)
{
    char key[CG_CRATE_NAME_MAX + CG_VERSION_MAX + 2];

    snprintf(key, sizeof(key), "%s %s", line->entry.name, line->entry.version);
    return cg_map_get(s->files, key);
}

/* The line is so new that the listing may not have its file yet. */
static bool too_young(const struct cg_syncing *s, const struct cg_sync_line *line)
{
    return line->entry.pubtime > s->started - YOUNG_S;
}

static size_t newly_gone(struct cg_syncing *s)
{
    struct cg_quarantined why;
    size_t gone = 0;

    for (size_t i = 0; i < s->line_count; i++) {
        const struct cg_sync_line *line = &s->lines[i];
        struct cg_sync_file *file = file_of(s, line);

        if (file)
            file->indexed = true;
        else if (!too_young(s, line) && !(cg_quarantine_find(s->ns, line->entry.name, line->entry.version, &why) &&
                                          why.reason == CG_QUARANTINE_VANISHED))
            gone++;
    }
    return gone;
}

/* A repository that was emptied, renamed or hidden looks like one whose crates are all gone. */
static enum cg_err check_believable(struct cg_syncing *s)
{
    size_t gone = newly_gone(s), limit = s->line_count / GONE_PART;

    if (s->report->by_hand || gone == 0)
        return CG_OK;
    if (limit < GONE_MIN)
        limit = GONE_MIN;
    if (gone <= limit && cg_map_count(s->files))
        return CG_OK;
    return cg_error_set(s->err, CG_ERR_UNAVAILABLE,
                        "the files of %zu of %zu versions in namespace \"%s\" would be gone from the repository at once, "
                        "which is not believed; nothing was changed. If it is true: crategatectl verify --repair %s",
                        gone, s->line_count, s->ns->name, s->ns->name);
}

/* What follows */

static enum cg_err settle_lines(struct cg_syncing *s)
{
    enum cg_err rc = CG_OK;

    for (size_t i = 0; rc == CG_OK && i < s->line_count; i++) {
        const struct cg_sync_line *line = &s->lines[i];
        const struct cg_sync_file *file = file_of(s, line);

        rc = check_stopped(s);
        if (rc == CG_OK && (file || !too_young(s, line)))
            rc = cg_sync_settle(s, line, file);
    }
    return rc;
}

struct unknown {
    struct cg_sync_file **files;
    size_t count;
};

static bool take_unknown(void *cls, const void *key, size_t len, void *value)
{
    struct unknown *unknown = cls;
    struct cg_sync_file *file = value;

    (void)key, (void)len;
    if (file->indexed)
        return false;
    unknown->files = cg_reallocarray(unknown->files, unknown->count + 1, sizeof(struct cg_sync_file *));
    unknown->files[unknown->count++] = file;
    return false;
}

/* Of two that exclude each other the older one comes first, whenever they are found. */
static int by_age(const void *a, const void *b)
{
    const struct cg_sync_file *left = *(struct cg_sync_file *const *)a, *right = *(struct cg_sync_file *const *)b;
    int order = (left->modified > right->modified) - (left->modified < right->modified);

    if (order == 0)
        order = strcmp(left->name, right->name);
    return order ? order : strcmp(left->version, right->version);
}

/* A file that the store does not give now does not keep the others out; a store that gives none ends the look. */
static enum cg_err adopt_unknown(struct cg_syncing *s, const struct unknown *unknown)
{
    unsigned failures = 0;
    struct cg_error *err = s->err, own = {0};
    enum cg_err rc = CG_OK, worst = CG_OK;

    s->err = &own;
    for (size_t i = 0; i < unknown->count && failures < FAILURES_MAX && !cg_sync_stopped(s); i++) {
        rc = cg_sync_adopt(s, unknown->files[i]);
        failures = rc == CG_OK ? 0 : failures + 1;
        if (rc != CG_OK)
            worst = rc;
        if (s->report->progress)
            s->report->progress(s->report->cls, s->ns->name, i + 1, unknown->count);
    }
    s->err = err;
    if (worst != CG_OK) {
        if (err)
            *err = own;
        return worst;
    }
    return check_stopped(s);
}

static enum cg_err adopt_files(struct cg_syncing *s)
{
    struct unknown unknown = {0};
    enum cg_err rc;

    cg_map_each(s->files, take_unknown, &unknown);
    if (unknown.count)
        qsort(unknown.files, unknown.count, sizeof(*unknown.files), by_age);
    rc = adopt_unknown(s, &unknown);
    free(unknown.files);
    return rc;
}

/* Versions in quarantine that left the index meanwhile (an administrator deleted them) have nothing to be kept from. */

struct leftovers {
    struct cg_map *indexed; /* "FOLDED VERSION" */
    char **names, **versions;
    size_t count;
};

static enum cg_err take_leftover(void *cls, const char *folded, const char *version)
{
    struct leftovers *l = cls;
    char *key = cg_asprintf("%s %s", folded, version);

    if (!cg_map_get(l->indexed, key)) {
        l->names = cg_reallocarray(l->names, l->count + 1, sizeof(*l->names));
        l->versions = cg_reallocarray(l->versions, l->count + 1, sizeof(*l->versions));
        l->names[l->count] = cg_strdup(folded);
        l->versions[l->count++] = cg_strdup(version);
    }
    free(key);
    return CG_OK;
}

static void index_lines(struct cg_syncing *s, struct cg_map *out)
{
    char folded[CG_CRATE_NAME_MAX + 1];

    for (size_t i = 0; i < s->line_count; i++) {
        char *key;

        cg_crate_name_fold(s->lines[i].entry.name, folded);
        key = cg_asprintf("%s %s", folded, s->lines[i].entry.version);
        cg_map_put(out, key, s);
        free(key);
    }
}

static enum cg_err drop_leftover(struct cg_syncing *s, const char *folded, const char *version)
{
    struct cg_storage *st = s->ns->st;
    enum cg_err rc = st->ops->lock(st, s->err);

    if (rc != CG_OK)
        return rc;
    rc = cg_quarantine_remove(s->ns, folded, version, s->err);
    st->ops->unlock(st);
    return rc;
}

static enum cg_err drop_leftovers(struct cg_syncing *s)
{
    struct leftovers l = {.indexed = cg_map_new(NULL)};
    enum cg_err rc;

    index_lines(s, l.indexed);
    rc = cg_quarantine_each(s->ns, take_leftover, &l);
    for (size_t i = 0; i < l.count; i++) {
        if (rc == CG_OK)
            rc = drop_leftover(s, l.names[i], l.versions[i]);
        free(l.names[i]);
        free(l.versions[i]);
    }
    free(l.names);
    free(l.versions);
    cg_map_free(&l.indexed);
    return rc;
}

static enum cg_err look(struct cg_syncing *s)
{
    struct cg_storage *st = s->ns->st;
    enum cg_err rc = read_lines(s);

    s->started = cg_clock_wall_s();
    if (rc == CG_OK)
        rc = read_notes(s);
    if (rc == CG_OK)
        rc = st->ops->crate_scan(st, take_file, s, s->err);
    s->report->files = cg_map_count(s->files);
    if (rc == CG_OK)
        rc = check_believable(s);
    if (rc == CG_OK)
        rc = settle_lines(s);
    if (rc == CG_OK && !s->report->look_only && cg_quarantine_any(s->ns))
        rc = drop_leftovers(s);
    return rc == CG_OK ? adopt_files(s) : rc;
}

enum cg_err cg_registry_sync(struct cg_registry *reg, const struct cg_conf *conf, const char *ns,
                             struct cg_sync_report *report, struct cg_error *err)
{
    struct cg_syncing s = {.reg = reg, .conf = conf, .report = report, .err = err};
    enum cg_err rc = cg_namespace_get(reg, ns, &s.ns, err);

    report->files = report->versions = report->waiting = 0;
    memset(report->told, 0, sizeof(report->told));
    if (rc != CG_OK || !s.ns->st->ops->crate_scan)
        return rc;
    s.files = cg_map_new(free_file);
    s.notes = cg_map_new(free);
    s.theirs = cg_map_new(free);
    rc = look(&s);
    cg_metric_add(rc == CG_OK ? CG_METRIC_SYNCS : CG_METRIC_SYNC_FAILED, 1);
    for (size_t i = 0; i < s.line_count; i++)
        free(s.lines[i].index_name);
    free(s.lines);
    cg_map_free(&s.files);
    cg_map_free(&s.notes);
    cg_map_free(&s.theirs);
    return rc;
}

static struct cg_namespace *find(struct cg_registry *reg, const char *ns)
{
    return cg_map_get(atomic_load(&reg->table), ns);
}

bool cg_registry_syncs(struct cg_registry *reg, const char *ns)
{
    struct cg_namespace *n = find(reg, ns);

    return n && n->st->ops->crate_scan;
}

void cg_registry_sync_want(struct cg_registry *reg, const char *ns)
{
    struct cg_namespace *n = find(reg, ns);

    if (n)
        cg_sync_state_want(n->sync);
}

bool cg_registry_sync_wanted(struct cg_registry *reg, const char *ns)
{
    struct cg_namespace *n = find(reg, ns);

    return n && cg_sync_state_wanted(n->sync);
}

/* Yanks the store is to be told of */

struct marking {
    struct cg_namespace *ns;
    struct cg_error *err;
    enum cg_err rc; /* the first fault that is worth another attempt */
};

/* What cannot be told now waits; what the store refuses is found again by the next look. */
static bool mark_one(void *cls, const void *key, size_t len, void *value)
{
    struct marking *m = cls;
    char *name = cg_strndup(key, len), *version = strchr(name, ' ');
    struct cg_error err = {0};
    enum cg_err rc = m->rc;

    (void)value;
    *version++ = '\0';
    if (rc == CG_OK)
        rc = cg_sync_mark(m->ns, name, version, &err);
    if (rc == CG_ERR_UNAVAILABLE) {
        cg_sync_state_mark(m->ns->sync, name, version);
        if (m->rc == CG_OK && m->err)
            *m->err = err;
        m->rc = rc;
    } else if (rc != CG_OK && rc != CG_ERR_ABSENT) {
        cg_log_error(CG_LOG_WARN, "registry", NULL, &err, "namespace=%s crate=%s version=%s: the store was not told of "
                     "the yank", m->ns->name, name, version);
    }
    free(name);
    return false;
}

enum cg_err cg_registry_sync_marks(struct cg_registry *reg, const char *ns, struct cg_error *err)
{
    struct marking m = {.err = err};
    struct cg_map *marks;
    enum cg_err rc = cg_namespace_get(reg, ns, &m.ns, err);

    if (rc != CG_OK || !m.ns->st->ops->crate_mark)
        return rc;
    marks = cg_sync_state_take_marks(m.ns->sync);
    if (marks)
        cg_map_each(marks, mark_one, &m);
    cg_map_free(&marks);
    return m.rc;
}
