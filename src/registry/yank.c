/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Yank and unyank (cargo-protocol.md 5.3): one flag of one index line. */
#include <string.h>

#include "log/log.h"
#include "registry/derive.h"
#include "registry/sync_state.h"

struct yank {
    struct cg_namespace *ns;
    struct cg_change *change;
    const char *name, *version; /* as asked */
    char index_name[CG_CRATE_NAME_MAX + 1];
    bool yanked;
    struct cg_error *err;
};

/* Both texts are as long as an index file may be, and a few bytes more for the flag. */
static enum cg_err set_flag(struct yank *y, struct cg_buf *old, struct cg_buf *text, bool *changed_out)
{
    struct cg_index_entry entry;
    enum cg_err rc = cg_namespace_read(y->ns, y->index_name, old, y->err);

    if (rc == CG_ERR_ABSENT)
        return cg_absent_crate(y->err, y->ns->name, y->name);
    if (rc != CG_OK)
        return rc;
    if (!cg_index_scan_find(cg_buf_str(old), old->len, y->version, &entry))
        return cg_absent_version(y->err, y->ns->name, y->name, y->version);
    cg_change_name(y->change, entry.name, entry.version);
    rc = cg_index_set_yanked(cg_buf_str(old), old->len, &entry.semver, y->yanked, text, changed_out, y->err);
    return rc == CG_OK ? cg_answer_check(text, y->err) : rc;
}

/* Which version is shown may change with the flag. */
static void derive(struct yank *y)
{
    struct cg_error err = {0};

    if (cg_derive_again(y->ns, y->index_name, &err) != CG_OK)
        cg_derive_later(y->ns, y->index_name, &err);
}

/* A store with other writers is told too, but nobody waits for that: the index is ours. */
static void note(struct yank *y)
{
    if (y->ns->st->ops->crate_mark)
        cg_sync_state_mark(y->ns->sync, y->change->crate, y->change->version);
}

static enum cg_err yank_locked(struct yank *y)
{
    struct cg_buf old, text;
    bool changed = false;
    enum cg_err rc;

    cg_buf_init(&text, CG_INDEX_FILE_MAX + 64);
    rc = set_flag(y, &old, &text, &changed);
    y->change->unchanged = rc == CG_OK && !changed;
    if (rc == CG_OK && changed) {
        rc = cg_namespace_write(y->ns, y->index_name, cg_buf_str(&text), text.len, y->err);
        if (rc == CG_OK) {
            derive(y);
            note(y);
        }
    }
    cg_buf_free(&text);
    cg_buf_free(&old);
    return rc;
}

enum cg_err cg_registry_yank(struct cg_registry *reg, struct cg_change *change, const char *name, const char *version,
                             bool yanked, struct cg_buf *out, struct cg_error *err)
{
    struct yank y = {.change = change, .name = name, .version = version, .yanked = yanked, .err = err};
    enum cg_err rc;

    cg_change_name(change, name, version);
    rc = cg_change_decide(reg, change, CG_ACTION_YANK, name, err);
    if (rc == CG_OK)
        rc = cg_namespace_get(reg, change->ns, &y.ns, err);
    if (rc != CG_OK)
        return rc;
    if (!cg_index_name(name, y.index_name))
        return cg_absent_crate(err, change->ns, name);
    rc = y.ns->st->ops->lock(y.ns->st, err);
    if (rc != CG_OK)
        return rc;
    rc = yank_locked(&y);
    y.ns->st->ops->unlock(y.ns->st);
    if (rc == CG_OK)
        cg_buf_addstr(out, "{\"ok\":true}");
    return rc == CG_OK ? cg_answer_check(out, err) : rc;
}
