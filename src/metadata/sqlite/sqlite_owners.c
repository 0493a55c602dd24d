/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdlib.h>

#include "base/mem.h"
#include "metadata/sqlite/sqlite_private.h"

static enum cg_err bump(struct cg_sqlite_conn *conn, struct cg_error *err)
{
    return cg_sqlite_run(conn, CG_SQL_GENERATION_BUMP, CG_SQL_ARGS(CG_SQL_TEXT("owners")), err);
}

/*
 * The subject is who owns; the login is how it is called. When a login has come
 * to mean somebody else since, the new one takes its place and does not share it.
 */
enum cg_err cg_sqlite_owner_add(struct cg_metadata *md, const char *ns, const char *crate, const struct cg_owner *owner,
                                struct cg_error *err)
{
    struct cg_sqlite_arg args[] = {CG_SQL_TEXT(ns),         CG_SQL_TEXT(crate),          CG_SQL_TEXT(owner->login),
                                   CG_SQL_INT(owner->kind), CG_SQL_TEXT(owner->subject), {.kind = CG_SQLITE_END}};
    struct cg_sqlite_conn *conn;
    enum cg_err rc = cg_sqlite_begin(md, &conn, err);

    if (rc != CG_OK)
        return rc;
    rc = cg_sqlite_run(conn, CG_SQL_OWNER_SUPERSEDE, args, err);
    if (rc == CG_OK)
        rc = cg_sqlite_run(conn, CG_SQL_OWNER_ADD, args, err);
    if (rc == CG_OK)
        rc = bump(conn, err);
    return cg_sqlite_end(md, rc, err);
}

enum cg_err cg_sqlite_owner_remove(struct cg_metadata *md, const char *ns, const char *crate, const char *login,
                                   struct cg_error *err)
{
    struct cg_sqlite_conn *conn;
    enum cg_err rc = cg_sqlite_begin(md, &conn, err);

    if (rc != CG_OK)
        return rc;
    rc = cg_sqlite_run(conn, CG_SQL_OWNER_REMOVE, CG_SQL_ARGS(CG_SQL_TEXT(ns), CG_SQL_TEXT(crate), CG_SQL_TEXT(login)),
                       err);
    if (rc == CG_OK && sqlite3_changes(conn->db) == 0)
        rc = cg_error_set(err, CG_ERR_ABSENT, "%s is not an owner of %s", login, crate);
    if (rc == CG_OK)
        rc = bump(conn, err);
    return cg_sqlite_end(md, rc, err);
}

struct owner_walk {
    cg_owner_visit visit;
    void *cls;
};

static enum cg_err visit_owner(void *cls, sqlite3_stmt *row)
{
    struct owner_walk *walk = cls;
    struct cg_owner owner = {
        .id = (uint32_t)sqlite3_column_int64(row, 0),
        .kind = sqlite3_column_int(row, 1) == CG_OWNER_GROUP ? CG_OWNER_GROUP : CG_OWNER_USER,
        .login = cg_strdup(cg_sqlite_text(row, 2)),
        .subject = cg_strdup(cg_sqlite_text(row, 3)),
    };
    enum cg_err rc = walk->visit(walk->cls, &owner);

    free(owner.login);
    free(owner.subject);
    return rc;
}

enum cg_err cg_sqlite_owner_each(struct cg_metadata *md, const char *ns, const char *crate, cg_owner_visit visit,
                                 void *cls, struct cg_error *err)
{
    struct owner_walk walk = {.visit = visit, .cls = cls};

    if (!crate)
        return cg_sqlite_query(md, CG_SQL_OWNER_EACH_OF_SPACE, CG_SQL_ARGS(CG_SQL_TEXT(ns)), visit_owner, &walk, err);
    return cg_sqlite_query(md, CG_SQL_OWNER_EACH, CG_SQL_ARGS(CG_SQL_TEXT(ns), CG_SQL_TEXT(crate)), visit_owner, &walk,
                           err);
}
