/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What is the SQLite driver's own: the file, its schema, damage, crashes, limits. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "temp_dir.h"
#include "base/mem.h"
#include "log/metrics.h"
#include "metadata/sqlite/sqlite_metadata.h"
#include "metadata/sqlite/sqlite_private.h"

struct fixture {
    char *dir;
    char *path;
    struct cg_metadata *md;
    struct cg_error err;
};

static int setup(void **state)
{
    struct fixture *f = cg_calloc(1, sizeof(*f));

    umask(022);
    f->dir = cg_temp_dir_new();
    f->path = cg_asprintf("%s/state/crategate.db", f->dir);
    assert_int_equal(cg_sqlite_metadata_new(f->path, &f->md, NULL), CG_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    cg_metadata_free(&f->md);
    cg_temp_dir_free(&f->dir);
    free(f->path);
    free(f);
    return 0;
}

static enum cg_err reopen(struct fixture *f)
{
    cg_metadata_free(&f->md);
    memset(&f->err, 0, sizeof(f->err));
    return cg_sqlite_metadata_new(f->path, &f->md, &f->err);
}

/* Another program at work on the file. */
static void sql(struct fixture *f, const char *text)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static int64_t ask(struct fixture *f, const char *text)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int64_t value;

    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return value;
}

static enum cg_err put_crate(struct fixture *f, const char *name, const char *description)
{
    struct cg_crate_summary s = {.namespace_name = "ns", .crate = name, .name = name, .description = description};

    return f->md->ops->crate_put(f->md, &s, &f->err);
}

static enum cg_err insert(struct cg_metadata *md, int number, int64_t *id_out, struct cg_error *err)
{
    struct cg_token *t = cg_token_new();
    enum cg_err rc;

    memcpy(t->digest, &number, sizeof(number));
    t->name = cg_asprintf("token-%d", number);
    t->owner_id = cg_strdup("u1");
    t->owner_name = cg_strdup("alice");
    t->expires_at = 1;
    rc = md->ops->token_insert(md, t, id_out, err);
    cg_token_unref(&t);
    return rc;
}

static enum cg_err count_token(void *cls, struct cg_token *t)
{
    (void)t;
    ++*(int *)cls;
    return CG_OK;
}

static void flip_bytes(struct fixture *f, off_t at, size_t len)
{
    char *noise = cg_malloc(len);
    int fd = open(f->path, O_RDWR);

    assert_true(fd >= 0);
    memset(noise, 0xa5, len);
    assert_int_equal(pwrite(fd, noise, len, at), (ssize_t)len);
    close(fd);
    free(noise);
}

static mode_t mode_of(struct fixture *f, const char *suffix)
{
    char *path = cg_asprintf("%s%s", f->path, suffix);
    struct stat info = {0};

    assert_int_equal(stat(path, &info), 0);
    free(path);
    return info.st_mode & 07777;
}

static void database_and_its_logs_are_closed_to_others(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(mode_of(f, ""), 0600);
    assert_int_equal(mode_of(f, "-wal"), 0600);
    assert_int_equal(mode_of(f, "-shm"), 0600);
    cg_metadata_free(&f->md);
    assert_int_equal(chmod(f->path, 0644), 0);
    assert_int_equal(reopen(f), CG_OK);
    assert_int_equal(mode_of(f, ""), 0600);
    assert_int_equal(mode_of(f, "-wal"), 0600);
}

static void database_is_durable_and_ours(void **state)
{
    struct fixture *f = *state;
    struct cg_sqlite_conn *w = cg_sqlite(f->md)->writer;
    sqlite3_stmt *stmt = NULL;

    assert_int_equal(ask(f, "PRAGMA user_version"), 4);
    assert_int_equal(ask(f, "PRAGMA application_id"), 0x43475445);
    assert_int_equal(ask(f, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"), 1);
    assert_int_equal(sqlite3_prepare_v2(w->db,
                                        "SELECT s.synchronous, k.foreign_keys FROM pragma_synchronous s,"
                                        " pragma_foreign_keys k",
                                        -1, &stmt, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(stmt, 0), 2);
    assert_int_equal(sqlite3_column_int(stmt, 1), 1);
    sqlite3_finalize(stmt);
}

static enum cg_err ignore_summary(void *cls, const struct cg_crate_summary *summary)
{
    (void)summary;
    if (cls)
        ++*(int *)cls;
    return CG_OK;
}

/* As the first version left it: without the tables and columns that came later. */
static void older_schema_is_brought_up_to_date_and_keeps_its_tokens(void **state)
{
    struct fixture *f = *state;
    int64_t id = 0;
    int count = 0;

    struct cg_crate_summary crate = {.namespace_name = "ns", .crate = "a-b", .name = "a_b", .max_version = "1.0.0"};
    struct cg_search search = {.namespace_name = "ns", .query = "ab", .per_page = 10, .page = 1};
    uint64_t total = 0;

    assert_int_equal(insert(f->md, 1, &id, NULL), CG_OK);
    assert_int_equal(f->md->ops->crate_put(f->md, &crate, NULL), CG_OK);
    cg_metadata_free(&f->md);
    sql(f, "DROP TABLE quarantine; DROP TABLE yank_note; DROP TABLE subject; ALTER TABLE token DROP COLUMN owner_group;"
           "DROP TRIGGER crate_added; DROP TRIGGER crate_removed; DROP TABLE space; DROP TABLE settled;"
           "DROP INDEX dependency_shown; ALTER TABLE dependency DROP COLUMN shown;"
           "CREATE INDEX dependency_crate ON dependency (ns, crate);"
           "DROP INDEX crate_updated; DROP INDEX crate_created; DROP INDEX download_total_count;"
           "DELETE FROM download_total; UPDATE crate SET id = 1; PRAGMA user_version = 1");
    assert_int_equal(reopen(f), CG_OK);
    assert_int_equal(ask(f, "PRAGMA user_version"), 4);
    assert_int_equal(ask(f, "SELECT count(*) FROM token WHERE owner_group IS NULL"), 1);
    assert_int_equal(ask(f, "SELECT count(*) FROM subject"), 0);
    assert_int_equal(f->md->ops->token_each(f->md, count_token, &count, NULL), CG_OK);
    assert_int_equal(count, 1);
    assert_int_equal(f->md->ops->search(f->md, &search, ignore_summary, NULL, &total, NULL), CG_OK);
    assert_int_equal(total, 1);
    search.query = "";
    search.sort = CG_SORT_DOWNLOADS;
    assert_int_equal(f->md->ops->search(f->md, &search, ignore_summary, &count, &total, NULL), CG_OK);
    assert_int_equal(total, 1);
    assert_int_equal(count, 2);
    assert_int_equal(insert(f->md, 2, &id, NULL), CG_OK);
    assert_int_equal(f->md->ops->check(f->md, NULL), CG_OK);
}

static const char *const statements[] = {
#define X(name, text) [CG_SQL_##name] = text,
    CG_SQL_TABLE(X)
#undef X
};

/* Tables are entered by an index; what is read whole is small: a page, a thousand candidates, a full-text result. */
static bool is_scan(const char *step)
{
    static const char *const small[] = {
        "SCAN s VIRTUAL TABLE", "SCAN search_text VIRTUAL TABLE INDEX 0:=", "SCAN p", "SCAN e", "SCAN best", "SCAN (subquery"};

    if (strncmp(step, "SCAN ", 5) != 0)
        return false;
    for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++)
        if (strncmp(step, small[i], strlen(small[i])) == 0)
            return false;
    return true;
}

static void read_statements_scan_no_table(void **state)
{
    static const enum cg_sql reads[] = {
        CG_SQL_GENERATION,      CG_SQL_OWNER_EACH,        CG_SQL_OWNER_EACH_OF_SPACE, CG_SQL_CRATE_GET,
        CG_SQL_VERSION_EACH,    CG_SQL_COUNT_ALL,         CG_SQL_COUNT_MATCHES,       CG_SQL_ALL_ALPHA,
        CG_SQL_ALL_DOWNLOADS,   CG_SQL_ALL_UPDATES,       CG_SQL_ALL_NEW,             CG_SQL_MATCHES_RELEVANCE,
        CG_SQL_MATCHES_BROAD,   CG_SQL_MATCHES_ALPHA,     CG_SQL_MATCHES_DOWNLOADS,   CG_SQL_MATCHES_UPDATES,
        CG_SQL_MATCHES_NEW,     CG_SQL_COUNT_REVERSE,     CG_SQL_REVERSE,             CG_SQL_QUARANTINE_EACH,
        CG_SQL_YANK_NOTE_EACH,  CG_SQL_SETTLED,           CG_SQL_CRATE_PUT,           CG_SQL_TEXT_REMOVE,
        CG_SQL_CRATE_REMOVE,    CG_SQL_VERSION_REMOVE,    CG_SQL_DEPENDENCY_DROP,     CG_SQL_DOWNLOADS_ADD};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
        char *text = cg_asprintf("EXPLAIN QUERY PLAN %s", statements[reads[i]]);
        sqlite3_stmt *stmt = NULL;

        assert_int_equal(sqlite3_prepare_v2(cg_sqlite(f->md)->writer->db, text, -1, &stmt, NULL), SQLITE_OK);
        while (sqlite3_step(stmt) == SQLITE_ROW) {
            const char *step = (const char *)sqlite3_column_text(stmt, 3);

            if (is_scan(step))
                fail_msg("%s: %s", step, text);
            /* A search that would be made for each crate anew. */
            if (strstr(step, "VIRTUAL TABLE INDEX 0:=M") != NULL)
                fail_msg("%s: %s", step, text);
        }
        sqlite3_finalize(stmt);
        free(text);
    }
}

static void newer_schema_is_refused_untouched(void **state)
{
    struct fixture *f = *state;

    cg_metadata_free(&f->md);
    sql(f, "PRAGMA user_version = 7");
    assert_int_equal(reopen(f), CG_ERR_UNAVAILABLE);
    assert_null(f->md);
    assert_non_null(strstr(f->err.detail, "newer crategate (schema 7"));
    assert_non_null(strstr(f->err.detail, f->path));
    assert_int_equal(ask(f, "PRAGMA user_version"), 7);
}

static void database_of_another_program_is_refused_untouched(void **state)
{
    struct fixture *f = *state;

    cg_metadata_free(&f->md);
    assert_int_equal(unlink(f->path), 0);
    sql(f, "CREATE TABLE t (x)");
    assert_int_equal(reopen(f), CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(f->err.detail, "another program"));
    assert_int_equal(ask(f, "SELECT count(*) FROM sqlite_schema"), 1);
}

static void file_that_is_no_database_is_damage(void **state)
{
    struct fixture *f = *state;

    cg_metadata_free(&f->md);
    flip_bytes(f, 0, 4096);
    assert_int_equal(reopen(f), CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(f->err.detail, "crategatectl verify --repair"));
    assert_non_null(strstr(f->err.detail, "crategatectl restore"));
    assert_non_null(strstr(f->err.internal, f->path));
}

static void places_that_hold_no_file_are_unavailable(void **state)
{
    struct fixture *f = *state;
    char *below_file = cg_asprintf("%s/x/y.db", f->path);
    struct cg_metadata *md = NULL;

    assert_int_equal(cg_sqlite_metadata_new(f->dir, &md, &f->err), CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(f->err.detail, "not a regular file"));
    assert_int_equal(cg_sqlite_metadata_new(below_file, &md, &f->err), CG_ERR_UNAVAILABLE);
    assert_int_equal(cg_sqlite_metadata_new("/proc/crategate.db", &md, &f->err), CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(f->err.detail, "/proc/crategate.db"));
    assert_null(md);
    free(below_file);
}

/* Everything but the first page, which holds the schema. */
static void damage_beyond_the_first_page_refuses_to_open(void **state)
{
    struct fixture *f = *state;
    int64_t id = 0;

    for (int i = 0; i < 300; i++)
        assert_int_equal(insert(f->md, i, &id, NULL), CG_OK);
    cg_metadata_free(&f->md);
    flip_bytes(f, 4096, (size_t)(ask(f, "PRAGMA page_count") - 1) * 4096);
    assert_int_equal(reopen(f), CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(f->err.detail, "crategatectl verify --repair"));
}

static void damaged_table_is_unavailable_not_empty(void **state)
{
    struct fixture *f = *state;
    int64_t id = 0, root;
    int count = 0;

    assert_int_equal(insert(f->md, 1, &id, NULL), CG_OK);
    root = ask(f, "SELECT rootpage FROM sqlite_schema WHERE name = 'token'");
    cg_metadata_free(&f->md);
    flip_bytes(f, (off_t)(root - 1) * 4096, 4096);
    assert_int_equal(reopen(f), CG_OK);
    assert_int_equal(f->md->ops->token_each(f->md, count_token, &count, &f->err), CG_ERR_UNAVAILABLE);
    assert_int_equal(count, 0);
    assert_non_null(strstr(f->err.detail, "crategatectl restore"));
    assert_int_equal(insert(f->md, 2, &id, &f->err), CG_ERR_UNAVAILABLE);
    memset(&f->err, 0, sizeof(f->err));
    assert_int_equal(f->md->ops->check(f->md, &f->err), CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(f->err.internal, f->path));
    assert_int_equal(f->md->ops->ping(f->md, NULL), CG_OK); /* the rest still works */
}

static void check_finds_rows_that_point_nowhere(void **state)
{
    struct fixture *f = *state;

    sql(f, "INSERT INTO dependency (version, ns, crate, registry, req, kind, target, optional, default_features,"
           " features) VALUES (99, 'ns', 'x', '', '*', 'normal', '', 0, 1, '')");
    assert_int_equal(f->md->ops->check(f->md, &f->err), CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(f->err.internal, "dependency"));
}

static void damaged_search_index_is_found_and_cleared_with_the_rest(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(put_crate(f, "foo", "something to find"), CG_OK);
    sql(f, "DELETE FROM search_text_idx; UPDATE search_text_data SET block = x'0102030405060708' WHERE id > 10");
    assert_int_equal(f->md->ops->check(f->md, &f->err), CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(f->err.detail, "crategatectl verify --repair"));
    assert_int_equal(f->md->ops->derived_clear(f->md, "ns", &f->err), CG_OK);
    assert_int_equal(f->md->ops->check(f->md, &f->err), CG_OK);
    assert_int_equal(put_crate(f, "foo", "something to find"), CG_OK);
}

/* Somebody edited the database by hand: a token must never come out wider than it was made. */
static void damaged_token_row_is_unavailable_not_unlimited(void **state)
{
    struct fixture *f = *state;
    int64_t id = 0;
    int count = 0;

    assert_int_equal(insert(f->md, 1, &id, NULL), CG_OK);
    sql(f, "UPDATE token SET crates = ' , '");
    assert_int_equal(f->md->ops->token_each(f->md, count_token, &count, &f->err), CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(f->err.detail, "token 1 "));
    sql(f, "PRAGMA ignore_check_constraints = 1; UPDATE token SET crates = NULL, digest = x'01'");
    assert_int_equal(f->md->ops->token_each(f->md, count_token, &count, &f->err), CG_ERR_UNAVAILABLE);
    assert_int_equal(count, 0);
}

static void rule_of_the_schema_that_is_broken_is_internal(void **state)
{
    struct fixture *f = *state;
    struct cg_owner owner = {.login = (char[]){"alice"}, .subject = (char[]){"u1"}};

    sql(f, "INSERT INTO sqlite_sequence (name, seq) VALUES ('owner', 4294967295)"); /* ids are used up */
    assert_int_equal(f->md->ops->owner_add(f->md, "ns", "foo", &owner, &f->err), CG_ERR_INTERNAL);
    sql(f, "DELETE FROM sqlite_sequence");
    assert_int_equal(f->md->ops->owner_add(f->md, "ns", "foo", &owner, &f->err), CG_OK);
    sql(f, "DROP TABLE owner");
    assert_int_equal(f->md->ops->owner_add(f->md, "ns", "foo", &owner, &f->err), CG_ERR_INTERNAL);
}

static void writer_elsewhere_makes_us_busy_not_wrong(void **state)
{
    struct fixture *f = *state;
    sqlite3 *db = NULL;
    int64_t id = 0;
    int count = 0;

    sqlite3_busy_timeout(cg_sqlite(f->md)->writer->db, 30);
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(insert(f->md, 1, &id, &f->err), CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(f->err.detail, "busy"));
    assert_int_equal(f->md->ops->ping(f->md, NULL), CG_ERR_UNAVAILABLE);
    assert_int_equal(f->md->ops->token_delete(f->md, 1, NULL), CG_ERR_UNAVAILABLE);
    assert_int_equal(f->md->ops->token_touch(f->md, NULL, NULL, 0, NULL), CG_ERR_UNAVAILABLE);
    assert_int_equal(f->md->ops->downloads_add(f->md, NULL, 0, NULL), CG_ERR_UNAVAILABLE);
    assert_int_equal(f->md->ops->owner_remove(f->md, "ns", "foo", "a", NULL), CG_ERR_UNAVAILABLE);
    assert_int_equal(f->md->ops->crate_remove(f->md, "ns", "foo", NULL), CG_ERR_UNAVAILABLE);
    assert_int_equal(f->md->ops->derived_clear(f->md, "ns", NULL), CG_ERR_UNAVAILABLE);
    assert_int_equal(put_crate(f, "foo", ""), CG_ERR_UNAVAILABLE);
    assert_int_equal(f->md->ops->token_each(f->md, count_token, &count, NULL), CG_OK); /* readers do not wait */
    sqlite3_close(db);
    assert_int_equal(insert(f->md, 1, &id, NULL), CG_OK);
}

/* A file size limit refuses the write-ahead log's growth, as a full disk does. */
static void full_disk_is_unavailable_and_takes_the_change_back(void **state)
{
    struct fixture *f = *state;
    const struct rlimit small = {.rlim_cur = 200 * 1024, .rlim_max = RLIM_INFINITY};
    char *big = cg_calloc(1, 400 * 1024);
    struct rlimit before;
    enum cg_err rc;
    int64_t id = 0;
    int count = 0;

    memset(big, 'x', 400 * 1024 - 1);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(insert(f->md, 1, &id, NULL), CG_OK);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    rc = put_crate(f, "foo", big);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(rc, CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(f->err.detail, "nothing was changed"));
    assert_int_equal(insert(f->md, 2, &id, NULL), CG_OK);
    assert_int_equal(put_crate(f, "foo", "small"), CG_OK);
    assert_int_equal(f->md->ops->token_each(f->md, count_token, &count, NULL), CG_OK);
    assert_int_equal(count, 2);
    assert_int_equal(f->md->ops->check(f->md, NULL), CG_OK);
    free(big);
}

static void database_that_may_not_grow_says_full(void **state)
{
    struct fixture *f = *state;
    char *big = cg_calloc(1, 400 * 1024);

    memset(big, 'x', 400 * 1024 - 1);
    assert_int_equal(sqlite3_exec(cg_sqlite(f->md)->writer->db, "PRAGMA max_page_count = 60", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(put_crate(f, "foo", big), CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(f->err.detail, "full"));
    assert_int_equal(put_crate(f, "foo", "small"), CG_OK);
    free(big);
}

static enum cg_err nest(void *cls, struct cg_token *t)
{
    struct fixture *f = cls;
    struct cg_sqlite_conn *held[CG_SQLITE_READERS];
    int64_t value = -9;

    (void)t;
    for (int i = 0; i < CG_SQLITE_READERS - 1; i++)
        assert_int_equal(cg_sqlite_reader_take(f->md, &held[i], NULL), CG_OK);
    assert_int_equal(f->md->ops->generation(f->md, "tokens", &value, &f->err), CG_ERR_UNAVAILABLE);
    assert_int_equal(value, -9);
    for (int i = 0; i < CG_SQLITE_READERS - 1; i++)
        cg_sqlite_reader_give(f->md, held[i]);
    assert_int_equal(f->md->ops->generation(f->md, "tokens", &value, &f->err), CG_OK);
    return CG_OK;
}

static void read_connections_are_bounded_and_waiting_ends(void **state)
{
    struct fixture *f = *state;
    int64_t id = 0;

    cg_sqlite(f->md)->reader_wait_ms = 50;
    assert_int_equal(insert(f->md, 1, &id, NULL), CG_OK);
    assert_int_equal(f->md->ops->token_each(f->md, nest, f, NULL), CG_OK);
    assert_non_null(strstr(f->err.internal, "all 8 read connections"));
    assert_int_equal(cg_sqlite(f->md)->readers, CG_SQLITE_READERS);
}

static void reader_that_cannot_open_gives_its_place_back(void **state)
{
    struct fixture *f = *state;
    struct cg_sqlite *s = cg_sqlite(f->md);
    struct cg_sqlite_conn *first;
    int64_t value = 0;
    char *right = s->path;

    assert_int_equal(cg_sqlite_reader_take(f->md, &first, NULL), CG_OK);
    s->path = f->dir; /* a directory */
    for (int i = 0; i < 2 * CG_SQLITE_READERS; i++)
        assert_int_equal(f->md->ops->generation(f->md, "tokens", &value, &f->err), CG_ERR_UNAVAILABLE);
    s->path = right;
    assert_int_equal(s->readers, 1);
    cg_sqlite_reader_give(f->md, first);
}

static void readers_cannot_change_anything(void **state)
{
    struct fixture *f = *state;
    struct cg_sqlite_conn *conn;

    assert_int_equal(cg_sqlite_reader_take(f->md, &conn, NULL), CG_OK);
    assert_int_equal(cg_sqlite_run(conn, CG_SQL_CRATE_CLEAR, CG_SQL_ARGS(CG_SQL_TEXT("ns")), &f->err),
                     CG_ERR_UNAVAILABLE);
    cg_sqlite_reader_give(f->md, conn);
}

static void every_call_is_counted_once(void **state)
{
    struct fixture *f = *state;
    int64_t before = cg_metric_get(CG_METRIC_DATABASE_CALLS);
    struct cg_search s = {.namespace_name = "ns", .query = "x", .per_page = 1, .page = 1};
    uint64_t total;
    int64_t id = 0;
    int count = 0;

    assert_int_equal(insert(f->md, 1, &id, NULL), CG_OK);
    assert_int_equal(f->md->ops->token_each(f->md, count_token, &count, NULL), CG_OK);
    assert_int_equal(f->md->ops->search(f->md, &s, NULL, NULL, &total, NULL), CG_OK);
    assert_int_equal(put_crate(f, "foo", ""), CG_OK);
    assert_int_equal(f->md->ops->ping(f->md, NULL), CG_OK);
    assert_int_equal(cg_metric_get(CG_METRIC_DATABASE_CALLS) - before, 5);
}

/* Inserts for ever and says each number once it is promised. */
static void insert_and_report(const char *path, int fd)
{
    struct cg_metadata *md;

    if (cg_sqlite_metadata_new(path, &md, NULL) != CG_OK)
        _exit(1);
    for (int i = 1;; i++) {
        int64_t id;

        if (insert(md, i, &id, NULL) != CG_OK || write(fd, &i, sizeof(i)) != sizeof(i))
            _exit(2);
    }
}

static void what_was_promised_survives_a_kill(void **state)
{
    struct fixture *f = *state;

    for (int round = 0; round < 3; round++) {
        int pipe_fds[2], promised = 0, number, count = 0;
        pid_t pid;

        cg_metadata_free(&f->md);
        sql(f, "DELETE FROM token");
        assert_int_equal(pipe(pipe_fds), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            insert_and_report(f->path, pipe_fds[1]);
        close(pipe_fds[1]);
        while (promised < 40 + round * 17 && read(pipe_fds[0], &number, sizeof(number)) == sizeof(number))
            promised = number;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        while (read(pipe_fds[0], &number, sizeof(number)) == sizeof(number))
            promised = number;
        close(pipe_fds[0]);
        assert_true(promised >= 40);
        assert_int_equal(reopen(f), CG_OK);
        assert_int_equal(f->md->ops->token_each(f->md, count_token, &count, NULL), CG_OK);
        assert_true(count == promised || count == promised + 1);
        assert_int_equal(f->md->ops->check(f->md, NULL), CG_OK);
    }
}

static void *open_and_insert(void *cls)
{
    struct fixture *f = cls;
    struct cg_metadata *md = NULL;
    static atomic_int number;
    int64_t id = 0;

    if (cg_sqlite_metadata_new(f->path, &md, NULL) != CG_OK ||
        insert(md, atomic_fetch_add(&number, 1), &id, NULL) != CG_OK)
        abort();
    cg_metadata_free(&md);
    return NULL;
}

static void first_starts_at_once_make_one_schema(void **state)
{
    struct fixture *f = *state;

    for (int round = 0; round < 5; round++) {
        pthread_t threads[6];
        int count = 0;

        cg_metadata_free(&f->md);
        cg_temp_dir_free(&f->dir);
        free(f->path);
        f->dir = cg_temp_dir_new();
        f->path = cg_asprintf("%s/crategate.db", f->dir);
        for (int i = 0; i < 6; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, open_and_insert, f), 0);
        for (int i = 0; i < 6; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(reopen(f), CG_OK);
        assert_int_equal(f->md->ops->token_each(f->md, count_token, &count, NULL), CG_OK);
        assert_int_equal(count, 6);
    }
}

/* 1: a commit may be lost with the power; 2: it is on the disk when it returns. */
static int64_t level(struct fixture *f)
{
    sqlite3_stmt *stmt = NULL;
    int64_t value;

    assert_int_equal(sqlite3_prepare_v2(cg_sqlite(f->md)->writer->db, "PRAGMA synchronous", -1, &stmt, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return value;
}

static void only_the_rows_of_a_release_are_not_flushed(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_summary crate = {.namespace_name = "ns", .crate = "foo", .name = "foo", .max_version = "1.0.0"};
    struct cg_version_row version = {.version = "1.0.0"};
    struct cg_release release = {.crate = &crate, .version = &version};
    int64_t id = 0;

    assert_int_equal(level(f), 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(f->md->ops->release_put(f->md, &release, &f->err), CG_OK);
        assert_int_equal(f->md->ops->release_put(f->md, &release, &f->err), CG_OK);
        assert_int_equal(level(f), 1);
        if (i)
            assert_int_equal(f->md->ops->settled_set(f->md, "ns", 7, &f->err), CG_OK);
        else
            assert_int_equal(insert(f->md, 1, &id, &f->err), CG_OK);
        assert_int_equal(level(f), 2);
    }
    assert_int_equal(reopen(f), CG_OK);
    assert_int_equal(ask(f, "SELECT count(*) FROM version"), 1);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(only_the_rows_of_a_release_are_not_flushed),
        T(database_and_its_logs_are_closed_to_others),
        T(database_is_durable_and_ours),
        T(older_schema_is_brought_up_to_date_and_keeps_its_tokens),
        T(read_statements_scan_no_table),
        T(newer_schema_is_refused_untouched),
        T(database_of_another_program_is_refused_untouched),
        T(file_that_is_no_database_is_damage),
        T(places_that_hold_no_file_are_unavailable),
        T(damage_beyond_the_first_page_refuses_to_open),
        T(damaged_table_is_unavailable_not_empty),
        T(check_finds_rows_that_point_nowhere),
        T(damaged_search_index_is_found_and_cleared_with_the_rest),
        T(damaged_token_row_is_unavailable_not_unlimited),
        T(rule_of_the_schema_that_is_broken_is_internal),
        T(writer_elsewhere_makes_us_busy_not_wrong),
        T(full_disk_is_unavailable_and_takes_the_change_back),
        T(database_that_may_not_grow_says_full),
        T(read_connections_are_bounded_and_waiting_ends),
        T(reader_that_cannot_open_gives_its_place_back),
        T(readers_cannot_change_anything),
        T(every_call_is_counted_once),
        T(what_was_promised_survives_a_kill),
        T(first_starts_at_once_make_one_schema),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
