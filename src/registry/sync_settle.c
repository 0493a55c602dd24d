/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* One version of the index and its file in the store: is it there, is it the one, is it yanked on both sides? */
#include <stdio.h>
#include <string.h>

#include "crategate/clock.h"
#include "log/log.h"
#include "registry/derive.h"
#include "registry/quarantine.h"
#include "registry/sync_priv.h"
#include "registry/sync_state.h"

static void tell(struct cg_syncing *s, enum cg_sync_event event, const struct cg_index_entry *entry,
                 const char *detail, bool done)
{
    cg_sync_tell(s, &(struct cg_sync_news){.event = event,
                                           .name = entry->name,
                                           .version = entry->version,
                                           .detail = detail,
                                           .done = done});
}

/* Is the line still what it was before the listing? Under the lock; the text stays the caller's to free. */
static enum cg_err read_again(struct cg_syncing *s, const struct cg_sync_line *line, struct cg_buf *text, bool *same_out)
{
    struct cg_index_entry now;
    enum cg_err rc = cg_namespace_read(s->ns, line->index_name, text, s->err);

    *same_out = rc == CG_OK && cg_index_scan_find(cg_buf_str(text), text->len, line->entry.version, &now) &&
                strcmp(now.version, line->entry.version) == 0 && strcmp(now.cksum, line->entry.cksum) == 0 &&
                now.pubtime == line->entry.pubtime;
    return rc == CG_ERR_ABSENT ? CG_OK : rc;
}

/* Into quarantine, or with `why` NULL out of it. */
static enum cg_err change_locked(struct cg_syncing *s, const struct cg_sync_line *line, const struct cg_quarantined *why,
                                 bool *done_out)
{
    struct cg_buf text;
    enum cg_err rc = read_again(s, line, &text, done_out);

    cg_buf_free(&text);
    if (rc != CG_OK || !*done_out)
        return rc;
    return why ? cg_quarantine_put(s->ns, &line->entry, why, s->err)
               : cg_quarantine_remove(s->ns, line->entry.name, line->entry.version, s->err);
}

static enum cg_err change_quarantine(struct cg_syncing *s, const struct cg_sync_line *line,
                                     const struct cg_quarantined *why, bool *done_out)
{
    struct cg_storage *st = s->ns->st;
    enum cg_err rc;

    if (s->report->look_only)
        return CG_OK;
    rc = st->ops->lock(st, s->err);
    if (rc != CG_OK)
        return rc;
    rc = change_locked(s, line, why, done_out);
    st->ops->unlock(st);
    return rc;
}

/* Is it in quarantine for that already? */
static bool is_known(struct cg_syncing *s, const struct cg_sync_line *line, const struct cg_quarantined *why)
{
    struct cg_quarantined old;

    return cg_quarantine_find(s->ns, line->entry.name, line->entry.version, &old) && old.reason == why->reason &&
           strcmp(old.cksum, why->cksum) == 0;
}

static enum cg_err tell_known(struct cg_syncing *s, const struct cg_sync_line *line, enum cg_sync_event event,
                              const char *detail)
{
    if (s->report->by_hand)
        tell(s, event, &line->entry, detail, false);
    return CG_OK;
}

static enum cg_err quarantine(struct cg_syncing *s, const struct cg_sync_line *line, const struct cg_quarantined *why,
                              const char *detail)
{
    enum cg_sync_event event = why->reason == CG_QUARANTINE_CHANGED ? CG_SYNC_CHANGED : CG_SYNC_VANISHED;
    bool done = false;
    enum cg_err rc;

    rc = change_quarantine(s, line, why, &done);
    if (rc == CG_OK && (done || s->report->look_only))
        tell(s, event, &line->entry, detail, done);
    return rc;
}

/* A listing may be behind, or lack what one node of several has: before a version is taken for gone, its file is asked
 * for. What is there after all is left to the next look. */
static enum cg_err vanished(struct cg_syncing *s, const struct cg_sync_line *line)
{
    static const char detail[] = "its file is gone from the repository; put the same file back";
    struct cg_quarantined why = {.reason = CG_QUARANTINE_VANISHED, .since = cg_clock_wall_s()};
    struct cg_storage *st = s->ns->st;
    enum cg_err rc;

    if (is_known(s, line, &why))
        return tell_known(s, line, CG_SYNC_VANISHED, detail);
    rc = st->ops->crate_there(st, line->entry.name, line->entry.version, s->err);
    return rc == CG_ERR_ABSENT ? quarantine(s, line, &why, detail) : rc;
}

static enum cg_err changed(struct cg_syncing *s, const struct cg_sync_line *line, const struct cg_sync_file *file)
{
    struct cg_quarantined why = {.reason = CG_QUARANTINE_CHANGED, .since = cg_clock_wall_s()};
    char detail[256];

    strcpy(why.cksum, file->cksum);
    snprintf(detail, sizeof(detail), "its file in the repository has the checksum %s, the index says %s; put the original back",
             file->cksum, line->entry.cksum);
    if (is_known(s, line, &why))
        return tell_known(s, line, CG_SYNC_CHANGED, detail);
    return quarantine(s, line, &why, detail);
}

/* A store that does not tell checksums can show that a file is back, not that it is the same one again. */
static enum cg_err release(struct cg_syncing *s, const struct cg_sync_line *line, const struct cg_sync_file *file)
{
    struct cg_quarantined why;
    bool done = false;
    enum cg_err rc;

    if (!cg_quarantine_find(s->ns, line->entry.name, line->entry.version, &why) ||
        (why.reason == CG_QUARANTINE_CHANGED && !file->cksum[0]))
        return CG_OK;
    rc = change_quarantine(s, line, NULL, &done);
    if (rc == CG_OK && (done || s->report->look_only))
        tell(s, CG_SYNC_RELEASED, &line->entry, "its file is what it was", done);
    return rc;
}

/* Yanks: what was last noted tells which side has changed since. */

enum cg_err cg_sync_note(struct cg_namespace *ns, const char *name, const char *version, bool yanked,
                         struct cg_error *err)
{
    struct cg_metadata *md = ns->reg->md;
    char folded[CG_CRATE_NAME_MAX + 1];
    struct cg_yank_note note = {.crate = folded, .version = version, .yanked = yanked, .noted_at = cg_clock_wall_s()};

    cg_crate_name_fold(name, folded);
    return md->ops->yank_note_put(md, ns->name, &note, err);
}

static const struct cg_sync_noted *note_of(const struct cg_syncing *s, const struct cg_index_entry *entry)
{
    char key[CG_CRATE_NAME_MAX + CG_VERSION_MAX + 2], folded[CG_CRATE_NAME_MAX + 1];

    cg_crate_name_fold(entry->name, folded);
    snprintf(key, sizeof(key), "%s %s", folded, entry->version);
    return cg_map_get(s->notes, key);
}

enum cg_err cg_sync_mark(struct cg_namespace *ns, const char *name, const char *version, struct cg_error *err)
{
    char index_name[CG_CRATE_NAME_MAX + 1];
    struct cg_index_entry entry;
    struct cg_buf text;
    enum cg_err rc;

    if (!cg_index_name(name, index_name))
        return cg_absent_crate(err, ns->name, name);
    rc = cg_namespace_read(ns, index_name, &text, err);
    if (rc == CG_OK && !cg_index_scan_find(cg_buf_str(&text), text.len, version, &entry))
        rc = cg_absent_version(err, ns->name, name, version);
    if (rc == CG_OK)
        rc = ns->st->ops->crate_mark(ns->st, entry.name, entry.version, entry.yanked, err);
    if (rc == CG_OK)
        rc = cg_sync_note(ns, entry.name, entry.version, entry.yanked, err);
    cg_buf_free(&text);
    return rc;
}

/* The index stays right whether the store can be told or not: a fault ends the telling, not the look. */
static enum cg_err push(struct cg_syncing *s, const struct cg_index_entry *entry)
{
    const char *detail = entry->yanked ? "yanked here, and noted so in the repository"
                                       : "not yanked any more here, and noted so in the repository";
    struct cg_error err = {0};
    enum cg_err rc = CG_OK;

    if (s->marks_fail || !s->ns->st->ops->crate_mark)
        return CG_OK;
    if (!s->report->look_only)
        rc = cg_sync_mark(s->ns, entry->name, entry->version, &err);
    if (rc == CG_OK) {
        tell(s, CG_SYNC_NOTED, entry, detail, !s->report->look_only);
    } else if (rc != CG_ERR_ABSENT) {
        s->marks_fail = true;
        cg_log_error(CG_LOG_WARN, "registry", NULL, &err, "namespace=%s crate=%s version=%s: the yank could not be noted "
                     "in the repository", s->ns->name, entry->name, entry->version);
    }
    return CG_OK;
}

static void derive(struct cg_syncing *s, const char *index_name)
{
    struct cg_error err = {0};

    if (cg_derive_again(s->ns, index_name, &err) != CG_OK)
        cg_derive_later(s->ns, index_name, &err);
}

static enum cg_err take_over_locked(struct cg_syncing *s, const struct cg_sync_line *line, bool yanked, bool *done_out)
{
    struct cg_buf text, fresh;
    bool same = false, changes = false;
    enum cg_err rc = read_again(s, line, &text, &same);

    cg_buf_init(&fresh, CG_INDEX_FILE_MAX + 64);
    /* One made here in the same moment is ours. */
    if (rc == CG_OK && same && !cg_sync_state_marked(s->ns->sync, line->entry.name, line->entry.version))
        rc = cg_index_set_yanked(cg_buf_str(&text), text.len, &line->entry.semver, yanked, &fresh, &changes, s->err);
    if (rc == CG_OK && changes)
        rc = cg_namespace_write(s->ns, line->index_name, cg_buf_str(&fresh), fresh.len, s->err);
    if (rc == CG_OK && changes) {
        derive(s, line->index_name);
        rc = cg_sync_note(s->ns, line->entry.name, line->entry.version, yanked, s->err);
        *done_out = rc == CG_OK;
    }
    cg_buf_free(&fresh);
    cg_buf_free(&text);
    return rc;
}

static enum cg_err take_over(struct cg_syncing *s, const struct cg_sync_line *line, bool yanked)
{
    struct cg_storage *st = s->ns->st;
    const char *detail = yanked ? "yanked in the repository" : "not yanked in the repository any more";
    bool done = false;
    enum cg_err rc = CG_OK;

    if (!s->report->look_only) {
        rc = st->ops->lock(st, s->err);
        if (rc != CG_OK)
            return rc;
        rc = take_over_locked(s, line, yanked, &done);
        st->ops->unlock(st);
        if (rc == CG_OK && done)
            rc = cg_sync_changed(s);
    }
    if (done || (rc == CG_OK && s->report->look_only))
        tell(s, yanked ? CG_SYNC_YANKED : CG_SYNC_UNYANKED, &line->entry, detail, done);
    return rc;
}

static enum cg_err settle_yank(struct cg_syncing *s, const struct cg_sync_line *line, const struct cg_sync_file *file)
{
    const struct cg_index_entry *entry = &line->entry;
    const struct cg_sync_noted *note = note_of(s, entry);
    bool noted = note && note->yanked, ours = entry->yanked;

    if (file->yanked == (int)ours) {
        if (noted == ours || s->report->look_only)
            return CG_OK;
        return cg_sync_note(s->ns, entry->name, entry->version, ours, s->err);
    }
    if (file->yanked < 0) /* nobody has noted anything: that is no opinion */
        return ours ? push(s, entry) : CG_OK;
    if (note && note->noted_at > s->started) /* the listing is older than the note */
        return CG_OK;
    return file->yanked == (int)noted ? push(s, entry) : take_over(s, line, file->yanked == 1);
}

enum cg_err cg_sync_settle(struct cg_syncing *s, const struct cg_sync_line *line, const struct cg_sync_file *file)
{
    enum cg_err rc;

    if (!file)
        return vanished(s, line);
    if (file->cksum[0] && strcmp(file->cksum, line->entry.cksum) != 0)
        return changed(s, line, file);
    rc = release(s, line, file);
    return rc == CG_OK ? settle_yank(s, line, file) : rc;
}
