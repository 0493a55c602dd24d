/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <string.h>

#include "metadata/sqlite/sqlite_private.h"

static enum cg_err put_row(struct cg_sqlite_conn *conn, const struct cg_subject_row *r, struct cg_error *err)
{
    return cg_sqlite_run(conn, CG_SQL_SUBJECT_PUT,
                         CG_SQL_ARGS(CG_SQL_TEXT(r->id), CG_SQL_INT(r->verdict), CG_SQL_INT(r->asked_at),
                                     CG_SQL_INT(r->gone_since), CG_SQL_INT(r->suspended_at), CG_SQL_TEXT(r->identity),
                                     CG_SQL_BLOB(r->mac, sizeof(r->mac))),
                         err);
}

enum cg_err cg_sqlite_subject_put(struct cg_metadata *md, const struct cg_subject_row *rows, size_t count,
                                  struct cg_error *err)
{
    struct cg_sqlite_conn *conn;
    enum cg_err rc = cg_sqlite_begin(md, &conn, err);

    if (rc != CG_OK)
        return rc;
    for (size_t i = 0; i < count && rc == CG_OK; i++)
        rc = put_row(conn, &rows[i], err);
    return cg_sqlite_end(md, rc, err);
}

struct subject_walk {
    cg_subject_visit visit;
    void *cls;
};

/* What is not of our making fails the check of its mac, and that is authn's; here it only has to be read safely. */
static enum cg_err visit_subject(void *cls, sqlite3_stmt *row)
{
    struct subject_walk *walk = cls;
    struct cg_subject_row subject = {.id = cg_sqlite_text(row, 0),
                                     .verdict = sqlite3_column_int(row, 1),
                                     .asked_at = sqlite3_column_int64(row, 2),
                                     .gone_since = sqlite3_column_int64(row, 3),
                                     .suspended_at = sqlite3_column_int64(row, 4),
                                     .identity = cg_sqlite_text(row, 5)};
    const void *mac = sqlite3_column_blob(row, 6);

    if (mac && sqlite3_column_bytes(row, 6) == (int)sizeof(subject.mac))
        memcpy(subject.mac, mac, sizeof(subject.mac));
    return walk->visit(walk->cls, &subject);
}

enum cg_err cg_sqlite_subject_each(struct cg_metadata *md, cg_subject_visit visit, void *cls, struct cg_error *err)
{
    struct subject_walk walk = {.visit = visit, .cls = cls};

    return cg_sqlite_query(md, CG_SQL_SUBJECT_EACH, CG_SQL_NO_ARGS, visit_subject, &walk, err);
}

enum cg_err cg_sqlite_subject_delete(struct cg_metadata *md, const char *const *ids, size_t count, struct cg_error *err)
{
    struct cg_sqlite_conn *conn;
    enum cg_err rc = cg_sqlite_begin(md, &conn, err);

    if (rc != CG_OK)
        return rc;
    for (size_t i = 0; i < count && rc == CG_OK; i++)
        rc = cg_sqlite_run(conn, CG_SQL_SUBJECT_DELETE, CG_SQL_ARGS(CG_SQL_TEXT(ids[i])), err);
    return cg_sqlite_end(md, rc, err);
}
