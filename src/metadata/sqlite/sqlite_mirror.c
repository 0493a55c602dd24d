/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What is known of crates in stores with other writers: which are in quarantine, and what was noted of their yanks. */
#include "metadata/sqlite/sqlite_private.h"

/* A change of the quarantine is one transaction with its generation. */
static enum cg_err change_quarantine(struct cg_metadata *md, enum cg_sql sql, const struct cg_sqlite_arg *args,
                                     struct cg_error *err)
{
    struct cg_sqlite_conn *conn;
    enum cg_err rc = cg_sqlite_begin(md, &conn, err);

    if (rc != CG_OK)
        return rc;
    rc = cg_sqlite_run(conn, sql, args, err);
    if (rc == CG_OK)
        rc = cg_sqlite_run(conn, CG_SQL_GENERATION_BUMP, CG_SQL_ARGS(CG_SQL_TEXT("quarantine")), err);
    return cg_sqlite_end(md, rc, err);
}

enum cg_err cg_sqlite_quarantine_put(struct cg_metadata *md, const char *ns, const struct cg_quarantine_row *row,
                                     struct cg_error *err)
{
    return change_quarantine(md, CG_SQL_QUARANTINE_PUT,
                             CG_SQL_ARGS(CG_SQL_TEXT(ns), CG_SQL_TEXT(row->crate), CG_SQL_TEXT(row->version),
                                         CG_SQL_TEXT(row->reason), CG_SQL_TEXT(row->cksum), CG_SQL_INT(row->since)),
                             err);
}

enum cg_err cg_sqlite_quarantine_remove(struct cg_metadata *md, const char *ns, const char *crate, const char *version,
                                        struct cg_error *err)
{
    return change_quarantine(md, CG_SQL_QUARANTINE_REMOVE,
                             CG_SQL_ARGS(CG_SQL_TEXT(ns), CG_SQL_TEXT(crate), CG_SQL_TEXT(version)), err);
}

struct quarantine_walk {
    cg_quarantine_visit visit;
    void *cls;
};

static enum cg_err visit_quarantine(void *cls, sqlite3_stmt *row)
{
    struct quarantine_walk *walk = cls;
    struct cg_quarantine_row found = {.crate = cg_sqlite_text(row, 0),
                                      .version = cg_sqlite_text(row, 1),
                                      .reason = cg_sqlite_text(row, 2),
                                      .cksum = cg_sqlite_text(row, 3),
                                      .since = sqlite3_column_int64(row, 4)};

    return walk->visit(walk->cls, &found);
}

enum cg_err cg_sqlite_quarantine_each(struct cg_metadata *md, const char *ns, cg_quarantine_visit visit, void *cls,
                                      struct cg_error *err)
{
    struct quarantine_walk walk = {.visit = visit, .cls = cls};

    return cg_sqlite_query(md, CG_SQL_QUARANTINE_EACH, CG_SQL_ARGS(CG_SQL_TEXT(ns)), visit_quarantine, &walk, err);
}

enum cg_err cg_sqlite_yank_note_put(struct cg_metadata *md, const char *ns, const struct cg_yank_note *note,
                                    struct cg_error *err)
{
    return cg_sqlite_change(md, CG_SQL_YANK_NOTE_PUT,
                            CG_SQL_ARGS(CG_SQL_TEXT(ns), CG_SQL_TEXT(note->crate), CG_SQL_TEXT(note->version),
                                        CG_SQL_INT(note->yanked), CG_SQL_INT(note->noted_at)),
                            err);
}

struct note_walk {
    cg_yank_note_visit visit;
    void *cls;
};

static enum cg_err visit_note(void *cls, sqlite3_stmt *row)
{
    struct note_walk *walk = cls;
    struct cg_yank_note note = {.crate = cg_sqlite_text(row, 0),
                                .version = cg_sqlite_text(row, 1),
                                .yanked = sqlite3_column_int(row, 2) != 0,
                                .noted_at = sqlite3_column_int64(row, 3)};

    return walk->visit(walk->cls, &note);
}

enum cg_err cg_sqlite_yank_note_each(struct cg_metadata *md, const char *ns, cg_yank_note_visit visit, void *cls,
                                     struct cg_error *err)
{
    struct note_walk walk = {.visit = visit, .cls = cls};

    return cg_sqlite_query(md, CG_SQL_YANK_NOTE_EACH, CG_SQL_ARGS(CG_SQL_TEXT(ns)), visit_note, &walk, err);
}
