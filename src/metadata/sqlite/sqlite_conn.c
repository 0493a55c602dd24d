/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "metadata/sqlite/sqlite_conn.h"

#include <stdlib.h>

#include "base/mem.h"

static const char *const sql_text[] = {
#define X(name, text) [CG_SQL_##name] = text,
    CG_SQL_TABLE(X)
#undef X
};

/* FULL: a commit is on the disk when it returns, which WAL's default does not promise. */
#define SETTINGS                                                                                                       \
    "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"   \
    "PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864;"

#define UNCHANGED "and nothing was changed; try again later"

enum cg_err cg_sqlite_fail(struct cg_sqlite_conn *conn, int code, struct cg_error *err)
{
    enum cg_err rc = CG_ERR_UNAVAILABLE;
    const char *detail = "the registry's database cannot be used at the moment " UNCHANGED;

    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        detail = "the registry's database is busy " UNCHANGED;
        break;
    case SQLITE_FULL:
        detail = "the disk of the registry's database is full " UNCHANGED;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        detail = "the registry's database is damaged; its administrator has to run \"crategatectl verify --repair\" or "
                 "bring back a backup with \"crategatectl restore\"";
        break;
    case SQLITE_READONLY:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_NOMEM:
    case SQLITE_PROTOCOL:
        break;
    case SQLITE_CONSTRAINT:
        rc = code == SQLITE_CONSTRAINT_UNIQUE ? CG_ERR_CONFLICT : CG_ERR_INTERNAL;
        detail = "the registry's database has such an entry already";
        break;
    default:
        rc = CG_ERR_INTERNAL;
        detail = "the registry's database refused what it was asked";
    }
    return cg_error_hide(err, rc, detail, "database %s: %s (%d)", conn->path,
                         conn->db ? sqlite3_errmsg(conn->db) : sqlite3_errstr(code), code);
}

enum cg_err cg_sqlite_script(struct cg_sqlite_conn *conn, const char *text, struct cg_error *err)
{
    int code = sqlite3_exec(conn->db, text, NULL, NULL, NULL);

    return code == SQLITE_OK ? CG_OK : cg_sqlite_fail(conn, code, err);
}

enum cg_err cg_sqlite_conn_open(const char *path, bool writer, struct cg_sqlite_conn **conn_out, struct cg_error *err)
{
    struct cg_sqlite_conn *conn = cg_calloc(1, sizeof(*conn));
    enum cg_err rc;
    int code;

    conn->path = path;
    /* A reader of a write-ahead log has to write its index, so it opens for writing too and refuses changes itself. */
    code = sqlite3_open_v2(path, &conn->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    rc = code == SQLITE_OK ? CG_OK : cg_sqlite_fail(conn, code, err);
    if (rc == CG_OK) {
        sqlite3_busy_timeout(conn->db, CG_SQLITE_BUSY_MS);
        sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
        sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
        rc = cg_sqlite_script(conn, writer ? SETTINGS : SETTINGS "PRAGMA query_only = ON;", err);
    }
    if (rc == CG_OK)
        *conn_out = conn;
    else
        cg_sqlite_conn_close(&conn);
    return rc;
}

void cg_sqlite_conn_close(struct cg_sqlite_conn **conn)
{
    if (!*conn)
        return;
    for (int i = 0; i < CG_SQL_COUNT; i++)
        sqlite3_finalize((*conn)->prepared[i]);
    sqlite3_close((*conn)->db);
    free(*conn);
    *conn = NULL;
}

static int bind_one(sqlite3_stmt *stmt, int at, const struct cg_sqlite_arg *arg)
{
    switch (arg->kind) {
    case CG_SQLITE_INT:
        return sqlite3_bind_int64(stmt, at, arg->number);
    case CG_SQLITE_BLOB:
        return sqlite3_bind_blob64(stmt, at, arg->bytes, (sqlite3_uint64)arg->number, SQLITE_STATIC);
    case CG_SQLITE_TEXT:
    case CG_SQLITE_END:
        break;
    }
    if (!arg->bytes && arg->nullable)
        return sqlite3_bind_null(stmt, at);
    return sqlite3_bind_text(stmt, at, arg->bytes ? arg->bytes : "", -1, SQLITE_STATIC);
}

/* The statement, prepared and with its values bound. */
static enum cg_err ready(struct cg_sqlite_conn *conn, enum cg_sql sql, const struct cg_sqlite_arg *args,
                         sqlite3_stmt **stmt_out, struct cg_error *err)
{
    sqlite3_stmt **stmt = &conn->prepared[sql];
    int code = SQLITE_OK;
    int count = 0;

    if (!*stmt)
        code = sqlite3_prepare_v3(conn->db, sql_text[sql], -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
    if (code != SQLITE_OK)
        return cg_sqlite_fail(conn, code, err);
    for (; args[count].kind != CG_SQLITE_END && code == SQLITE_OK; count++)
        code = bind_one(*stmt, count + 1, &args[count]);
    if (code != SQLITE_OK)
        return cg_sqlite_fail(conn, code, err);
    CG_ASSERT(count == sqlite3_bind_parameter_count(*stmt));
    *stmt_out = *stmt;
    return CG_OK;
}

enum cg_err cg_sqlite_each(struct cg_sqlite_conn *conn, enum cg_sql sql, const struct cg_sqlite_arg *args,
                           cg_sqlite_row row, void *cls, struct cg_error *err)
{
    sqlite3_stmt *stmt = NULL;
    enum cg_err rc = ready(conn, sql, args, &stmt, err);
    int code = SQLITE_ROW;

    if (rc != CG_OK)
        return rc;
    while (rc == CG_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = row ? row(cls, stmt) : CG_OK;
    if (rc == CG_OK && code != SQLITE_DONE)
        rc = cg_sqlite_fail(conn, code, err);
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt); /* they point at memory of the caller */
    return rc;
}

enum cg_err cg_sqlite_run(struct cg_sqlite_conn *conn, enum cg_sql sql, const struct cg_sqlite_arg *args,
                          struct cg_error *err)
{
    return cg_sqlite_each(conn, sql, args, NULL, NULL, err);
}

static enum cg_err take_value(void *cls, sqlite3_stmt *row)
{
    *(int64_t *)cls = sqlite3_column_int64(row, 0);
    return CG_OK;
}

enum cg_err cg_sqlite_value(struct cg_sqlite_conn *conn, enum cg_sql sql, const struct cg_sqlite_arg *args,
                            int64_t *value_out, struct cg_error *err)
{
    int64_t value = *value_out;
    enum cg_err rc = cg_sqlite_each(conn, sql, args, take_value, &value, err);

    if (rc == CG_OK)
        *value_out = value;
    return rc;
}

const char *cg_sqlite_text(sqlite3_stmt *row, int column)
{
    const unsigned char *text = sqlite3_column_text(row, column);

    return text ? (const char *)text : "";
}
