/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "metadata/sqlite/sqlite_metadata.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "crategate/clock.h"
#include "metadata/sqlite/sqlite_private.h"

static enum cg_err generation(struct cg_metadata *md, const char *what, int64_t *value_out, struct cg_error *err)
{
    struct cg_sqlite_conn *conn;
    int64_t value = 0;
    enum cg_err rc = cg_sqlite_reader_take(md, &conn, err);

    if (rc != CG_OK)
        return rc;
    rc = cg_sqlite_value(conn, CG_SQL_GENERATION, CG_SQL_ARGS(CG_SQL_TEXT(what)), &value, err);
    cg_sqlite_reader_give(md, conn);
    if (rc == CG_OK)
        *value_out = value;
    return rc;
}

static enum cg_err generation_bump(struct cg_metadata *md, const char *what, struct cg_error *err)
{
    return cg_sqlite_change(md, CG_SQL_GENERATION_BUMP, CG_SQL_ARGS(CG_SQL_TEXT(what)), err);
}

static enum cg_err ping(struct cg_metadata *md, struct cg_error *err)
{
    struct cg_sqlite_conn *conn;
    int64_t now = cg_clock_wall_s();
    int64_t seen = 0;
    enum cg_err rc = cg_sqlite_begin(md, &conn, err);

    if (rc != CG_OK)
        return rc;
    rc = cg_sqlite_value(conn, CG_SQL_PROBE, CG_SQL_ARGS(CG_SQL_INT(now)), &seen, err);
    CG_ASSERT(rc != CG_OK || seen == now);
    return cg_sqlite_end(md, rc, err);
}

static enum cg_err damaged(struct cg_error *err, const char *path, const char *problem)
{
    return cg_error_hide(err, CG_ERR_UNAVAILABLE,
                         "the registry's database is damaged; its administrator has to run \"crategatectl verify "
                         "--repair\" or bring back a backup with \"crategatectl restore\"",
                         "database %s: %s", path, problem);
}

struct check {
    const char *path;
    struct cg_error *err;
};

static enum cg_err look_at_page_check(void *cls, sqlite3_stmt *row)
{
    struct check *check = cls;
    const char *verdict = cg_sqlite_text(row, 0);

    return strcmp(verdict, "ok") == 0 ? CG_OK : damaged(check->err, check->path, verdict);
}

static enum cg_err look_at_key_check(void *cls, sqlite3_stmt *row)
{
    struct check *check = cls;
    char *problem = cg_asprintf("a row of table %s points nowhere", cg_sqlite_text(row, 0));
    enum cg_err rc = damaged(check->err, check->path, problem);

    free(problem);
    return rc;
}

static enum cg_err check(struct cg_metadata *md, struct cg_error *err)
{
    struct check state = {.path = cg_sqlite(md)->path, .err = err};
    enum cg_err rc = cg_sqlite_query(md, CG_SQL_CHECK_PAGES, CG_SQL_NO_ARGS, look_at_page_check, &state, err);

    if (rc == CG_OK)
        rc = cg_sqlite_query(md, CG_SQL_CHECK_KEYS, CG_SQL_NO_ARGS, look_at_key_check, &state, err);
    /* SQLite before 3.44 leaves full-text tables out of its own check. */
    if (rc == CG_OK)
        rc = cg_sqlite_change(md, CG_SQL_CHECK_SEARCH, CG_SQL_NO_ARGS, err);
    return rc;
}

static void sqlite_free(struct cg_metadata *md)
{
    struct cg_sqlite *s = cg_sqlite(md);

    cg_sqlite_session_free(s);
    free(s->path);
    free(s);
}

static const struct cg_metadata_ops sqlite_ops = {
    .name = "sqlite",
    .token_insert = cg_sqlite_token_insert,
    .token_delete = cg_sqlite_token_delete,
    .token_each = cg_sqlite_token_each,
    .token_touch = cg_sqlite_token_touch,
    .subject_put = cg_sqlite_subject_put,
    .subject_each = cg_sqlite_subject_each,
    .subject_delete = cg_sqlite_subject_delete,
    .generation = generation,
    .generation_bump = generation_bump,
    .owner_add = cg_sqlite_owner_add,
    .owner_remove = cg_sqlite_owner_remove,
    .owner_each = cg_sqlite_owner_each,
    .quarantine_put = cg_sqlite_quarantine_put,
    .quarantine_remove = cg_sqlite_quarantine_remove,
    .quarantine_each = cg_sqlite_quarantine_each,
    .yank_note_put = cg_sqlite_yank_note_put,
    .yank_note_each = cg_sqlite_yank_note_each,
    .downloads_add = cg_sqlite_downloads_add,
    .crate_put = cg_sqlite_crate_put,
    .version_put = cg_sqlite_version_put,
    .release_put = cg_sqlite_release_put,
    .crate_get = cg_sqlite_crate_get,
    .version_each = cg_sqlite_version_each,
    .crate_remove = cg_sqlite_crate_remove,
    .settled = cg_sqlite_settled,
    .settled_set = cg_sqlite_settled_set,
    .derived_clear = cg_sqlite_derived_clear,
    .search = cg_sqlite_search,
    .reverse = cg_sqlite_reverse,
    .ping = ping,
    .check = check,
    .free = sqlite_free,
};

static enum cg_err broken_file(struct cg_error *err, const char *what, const char *path)
{
    return cg_error_set(err, CG_ERR_UNAVAILABLE, "cannot %s the database %s: %m", what, path);
}

static enum cg_err create_file(const char *path, struct cg_error *err)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash ? cg_strndup(path, slash == path ? 1 : (size_t)(slash - path)) : cg_strdup(".");
    struct cg_error cause = {0};
    enum cg_err rc = cg_file_mkdirs(dir, 0755, &cause);

    /* mknod opens nothing, see below. */
    if (rc == CG_OK && mknod(path, S_IFREG | 0600, 0) != 0 && errno != EEXIST)
        rc = broken_file(&cause, "create", path);
    /* SQLite flushes the folder for its logs, but not for the database itself. */
    if (rc == CG_OK)
        rc = cg_file_sync_dir(dir, &cause);
    free(dir);
    return rc == CG_OK ? CG_OK : cg_error_set(err, CG_ERR_UNAVAILABLE, "no database: %s", cause.detail);
}

/*
 * The file is there and nobody else may read it; SQLite gives its logs the same
 * mode. The file is handled by path only: to close a descriptor of it would drop
 * the locks that another connection of this process holds (POSIX locks belong
 * to the process).
 */
static enum cg_err prepare_file(const char *path, struct cg_error *err)
{
    struct stat info;

    if (stat(path, &info) != 0)
        return errno == ENOENT ? create_file(path, err) : broken_file(err, "find", path);
    if (!S_ISREG(info.st_mode))
        return cg_error_set(err, CG_ERR_UNAVAILABLE, "the database %s is not a regular file", path);
    if ((info.st_mode & 07777) != 0600 && chmod(path, 0600) != 0)
        return broken_file(err, "take others' rights from", path);
    return CG_OK;
}

/* The switch to WAL needs the file for itself and does not wait like everything else does. */
static enum cg_err use_wal(struct cg_sqlite_conn *conn, struct cg_error *err)
{
    const struct timespec pause = {.tv_nsec = 20 * 1000000};
    int64_t deadline = cg_clock_mono_ms() + CG_SQLITE_BUSY_MS;
    int code;

    while ((code = sqlite3_exec(conn->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL)) != SQLITE_OK) {
        if ((code & 0xff) != SQLITE_BUSY || cg_clock_mono_ms() >= deadline)
            return cg_sqlite_fail(conn, code, err);
        nanosleep(&pause, NULL);
    }
    return CG_OK;
}

enum cg_err cg_sqlite_metadata_new(const char *path, struct cg_metadata **md_out, struct cg_error *err)
{
    struct cg_sqlite *s = cg_calloc(1, sizeof(*s));
    int64_t ignored = 0;
    enum cg_err rc;

    s->base.ops = &sqlite_ops;
    s->path = cg_strdup(path);
    cg_sqlite_session_init(s);
    rc = prepare_file(path, err);
    if (rc == CG_OK)
        rc = cg_sqlite_conn_open(s->path, true, &s->writer, err);
    /* A database that is not ours is refused before anything in it is touched. */
    if (rc == CG_OK)
        rc = cg_sqlite_migrate(s->writer, err);
    if (rc == CG_OK)
        rc = use_wal(s->writer, err);
    /* Opens a first read connection, so that a start fails where the first request would. */
    if (rc == CG_OK)
        rc = generation(&s->base, "tokens", &ignored, err);
    if (rc == CG_OK)
        *md_out = &s->base;
    else
        sqlite_free(&s->base);
    return rc;
}
