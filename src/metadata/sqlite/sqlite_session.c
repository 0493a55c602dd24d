/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Who may use which connection when. */
#include <time.h>

#include "crategate/clock.h"
#include "log/metrics.h"
#include "metadata/sqlite/sqlite_private.h"

void cg_sqlite_session_init(struct cg_sqlite *s)
{
    pthread_condattr_t attr;

    s->reader_wait_ms = CG_SQLITE_BUSY_MS;
    pthread_mutex_init(&s->write_lock, NULL);
    pthread_mutex_init(&s->read_lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->read_freed, &attr);
    pthread_condattr_destroy(&attr);
}

void cg_sqlite_session_free(struct cg_sqlite *s)
{
    while (s->idle) {
        struct cg_sqlite_conn *conn = s->idle;

        s->idle = conn->next;
        cg_sqlite_conn_close(&conn);
        s->readers--;
    }
    CG_ASSERT(s->readers == 0);
    /* Last, because the last one to close puts the write-ahead log into the database. */
    cg_sqlite_conn_close(&s->writer);
    pthread_cond_destroy(&s->read_freed);
    pthread_mutex_destroy(&s->read_lock);
    pthread_mutex_destroy(&s->write_lock);
}

/* Outside of a transaction; stays so until it is changed. When it cannot be changed, commits count as not flushed. */
static enum cg_err set_flushing(struct cg_sqlite *s, bool unflushed, struct cg_error *err)
{
    enum cg_err rc;

    if (s->unflushed == unflushed)
        return CG_OK;
    s->unflushed = true;
    rc = cg_sqlite_script(s->writer, unflushed ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL", err);
    if (rc == CG_OK)
        s->unflushed = unflushed;
    return rc;
}

static enum cg_err begin(struct cg_sqlite *s, bool unflushed, struct cg_sqlite_conn **conn_out, struct cg_error *err)
{
    enum cg_err rc;

    cg_metric_add(CG_METRIC_DATABASE_CALLS, 1);
    pthread_mutex_lock(&s->write_lock);
    rc = set_flushing(s, unflushed, err);
    /* IMMEDIATE: a transaction that reads first could be refused the write lock half way, without waiting. */
    if (rc == CG_OK)
        rc = cg_sqlite_run(s->writer, CG_SQL_BEGIN_WRITE, CG_SQL_NO_ARGS, err);
    if (rc == CG_OK)
        *conn_out = s->writer;
    else
        pthread_mutex_unlock(&s->write_lock);
    return rc;
}

enum cg_err cg_sqlite_begin(struct cg_metadata *md, struct cg_sqlite_conn **conn_out, struct cg_error *err)
{
    return begin(cg_sqlite(md), false, conn_out, err);
}

enum cg_err cg_sqlite_begin_unflushed(struct cg_metadata *md, struct cg_sqlite_conn **conn_out, struct cg_error *err)
{
    return begin(cg_sqlite(md), true, conn_out, err);
}

enum cg_err cg_sqlite_end(struct cg_metadata *md, enum cg_err rc, struct cg_error *err)
{
    struct cg_sqlite *s = cg_sqlite(md);

    if (rc == CG_OK)
        rc = cg_sqlite_run(s->writer, CG_SQL_COMMIT, CG_SQL_NO_ARGS, err);
    /* After some failures SQLite has rolled back by itself. */
    if (rc != CG_OK && !sqlite3_get_autocommit(s->writer->db)) {
        enum cg_err undone = cg_sqlite_run(s->writer, CG_SQL_ROLLBACK, CG_SQL_NO_ARGS, NULL);

        CG_ASSERT(undone == CG_OK || sqlite3_get_autocommit(s->writer->db));
    }
    pthread_mutex_unlock(&s->write_lock);
    return rc;
}

enum cg_err cg_sqlite_change(struct cg_metadata *md, enum cg_sql sql, const struct cg_sqlite_arg *args,
                             struct cg_error *err)
{
    struct cg_sqlite_conn *conn;
    enum cg_err rc = cg_sqlite_begin(md, &conn, err);

    if (rc != CG_OK)
        return rc;
    rc = cg_sqlite_run(conn, sql, args, err);
    return cg_sqlite_end(md, rc, err);
}

/* An idle connection, or NULL with a place taken for a new one, or `full` when the deadline passed. */
static struct cg_sqlite_conn *wait_for_reader(struct cg_sqlite *s, bool *full_out)
{
    struct cg_sqlite_conn *conn;
    int64_t deadline = cg_clock_mono_ms() + s->reader_wait_ms;
    const struct timespec until = {.tv_sec = deadline / 1000, .tv_nsec = deadline % 1000 * 1000000};
    int rc = 0;

    pthread_mutex_lock(&s->read_lock);
    while (!s->idle && s->readers == CG_SQLITE_READERS && rc == 0)
        rc = pthread_cond_timedwait(&s->read_freed, &s->read_lock, &until);
    conn = s->idle;
    *full_out = !conn && s->readers == CG_SQLITE_READERS;
    if (conn)
        s->idle = conn->next;
    else if (!*full_out)
        s->readers++;
    pthread_mutex_unlock(&s->read_lock);
    return conn;
}

static void give_place(struct cg_sqlite *s, struct cg_sqlite_conn *conn)
{
    pthread_mutex_lock(&s->read_lock);
    if (conn) {
        conn->next = s->idle;
        s->idle = conn;
    } else {
        s->readers--;
    }
    pthread_cond_signal(&s->read_freed);
    pthread_mutex_unlock(&s->read_lock);
}

enum cg_err cg_sqlite_reader_take(struct cg_metadata *md, struct cg_sqlite_conn **conn_out, struct cg_error *err)
{
    struct cg_sqlite *s = cg_sqlite(md);
    struct cg_sqlite_conn *conn;
    enum cg_err rc = CG_OK;
    bool full;

    cg_metric_add(CG_METRIC_DATABASE_CALLS, 1);
    conn = wait_for_reader(s, &full);
    if (full)
        return cg_error_hide(err, CG_ERR_UNAVAILABLE, "the registry's database is busy; try again later",
                             "database %s: all %d read connections in use for %d ms", s->path, CG_SQLITE_READERS,
                             s->reader_wait_ms);
    if (!conn)
        rc = cg_sqlite_conn_open(s->path, false, &conn, err);
    if (rc == CG_OK)
        *conn_out = conn;
    else
        give_place(s, NULL);
    return rc;
}

void cg_sqlite_reader_give(struct cg_metadata *md, struct cg_sqlite_conn *conn)
{
    give_place(cg_sqlite(md), conn);
}

enum cg_err cg_sqlite_query(struct cg_metadata *md, enum cg_sql sql, const struct cg_sqlite_arg *args,
                            cg_sqlite_row row, void *cls, struct cg_error *err)
{
    struct cg_sqlite_conn *conn;
    enum cg_err rc = cg_sqlite_reader_take(md, &conn, err);

    if (rc != CG_OK)
        return rc;
    rc = cg_sqlite_each(conn, sql, args, row, cls, err);
    cg_sqlite_reader_give(md, conn);
    return rc;
}
