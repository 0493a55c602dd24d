/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * One connection with its prepared statements, each prepared when first used
 * and kept. A connection belongs to one thread at a time. No statement is ever
 * left open between two calls: an open one would pin the write-ahead log.
 *
 * Errors of all functions: UNAVAILABLE (busy, full, damaged, unreadable),
 * CONFLICT (a uniqueness rule), INTERNAL.
 */
#ifndef CG_METADATA_SQLITE_CONN_H
#define CG_METADATA_SQLITE_CONN_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crategate/err.h"
#include "metadata/sqlite/sqlite_sql.h"

#define CG_SQLITE_BUSY_MS 5000

struct cg_sqlite_conn {
    sqlite3 *db;
    const char *path; /* borrowed */
    struct cg_sqlite_conn *next;
    sqlite3_stmt *prepared[CG_SQL_COUNT];
};

enum cg_sqlite_kind { CG_SQLITE_END, CG_SQLITE_INT, CG_SQLITE_TEXT, CG_SQLITE_BLOB };

/* A value to bind, borrowed until the call returns. */
struct cg_sqlite_arg {
    enum cg_sqlite_kind kind;
    int64_t number; /* of a blob: its length */
    const void *bytes;
    bool nullable; /* a NULL text stays NULL, else it is "" */
};

#define CG_SQL_INT(value)                                                                                              \
    {                                                                                                                  \
        .kind = CG_SQLITE_INT, .number = (int64_t)(value)                                                              \
    }
#define CG_SQL_TEXT(text)                                                                                              \
    {                                                                                                                  \
        .kind = CG_SQLITE_TEXT, .bytes = (text)                                                                        \
    }
#define CG_SQL_TEXT_OR_NULL(text)                                                                                      \
    {                                                                                                                  \
        .kind = CG_SQLITE_TEXT, .bytes = (text), .nullable = true                                                      \
    }
#define CG_SQL_BLOB(start, size)                                                                                       \
    {                                                                                                                  \
        .kind = CG_SQLITE_BLOB, .number = (int64_t)(size), .bytes = (start)                                            \
    }
/* The values of a statement, in order. */
#define CG_SQL_ARGS(...) ((const struct cg_sqlite_arg[]){__VA_ARGS__, {.kind = CG_SQLITE_END}})
#define CG_SQL_NO_ARGS ((const struct cg_sqlite_arg[]){{.kind = CG_SQLITE_END}})

/* Called for each row; non-OK stops and becomes the result. */
typedef enum cg_err (*cg_sqlite_row)(void *cls, sqlite3_stmt *row);

/* Opens an existing file. `writer` false: the connection refuses changes. */
enum cg_err cg_sqlite_conn_open(const char *path, bool writer, struct cg_sqlite_conn **conn_out,
                                struct cg_error *err) CG_CHECK;
void cg_sqlite_conn_close(struct cg_sqlite_conn **conn);

/* What a result code of SQLite means to us; the cause goes to the log. */
enum cg_err cg_sqlite_fail(struct cg_sqlite_conn *conn, int code, struct cg_error *err);
/* Runs constant text, possibly several statements. */
enum cg_err cg_sqlite_script(struct cg_sqlite_conn *conn, const char *text, struct cg_error *err) CG_CHECK;

enum cg_err cg_sqlite_each(struct cg_sqlite_conn *conn, enum cg_sql sql, const struct cg_sqlite_arg *args,
                           cg_sqlite_row row, void *cls, struct cg_error *err) CG_CHECK;
enum cg_err cg_sqlite_run(struct cg_sqlite_conn *conn, enum cg_sql sql, const struct cg_sqlite_arg *args,
                          struct cg_error *err) CG_CHECK;
/* The first column of the only row; *value_out is untouched when there is none. */
enum cg_err cg_sqlite_value(struct cg_sqlite_conn *conn, enum cg_sql sql, const struct cg_sqlite_arg *args,
                            int64_t *value_out, struct cg_error *err) CG_CHECK;
/* A text column, "" for NULL; valid until the next row. */
const char *cg_sqlite_text(sqlite3_stmt *row, int column);

#endif
