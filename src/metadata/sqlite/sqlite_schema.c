/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The schema and its migrations. user_version counts the migrations a database
 * has had; released ones are never edited, new ones are added at the end.
 */
#include <stdio.h>

#include "metadata/sqlite/sqlite_private.h"

#define APPLICATION_ID 0x43475445 /* "CGTE": tells our database from any other SQLite file */

static const char migration_1[] =
    "PRAGMA application_id = 1128748101;"
    "CREATE TABLE probe (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL);"
    "CREATE TABLE generation (what TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    /* AUTOINCREMENT here and below: the id of something deleted must never come to mean something else. */
    "CREATE TABLE token ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),"
    " kind INTEGER NOT NULL, name TEXT NOT NULL, owner_id TEXT NOT NULL, owner_name TEXT NOT NULL,"
    " created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, last_used_at INTEGER NOT NULL,"
    " actions INTEGER NOT NULL,"
    /* NULL is 'not narrowed'; never '', which would read back as that */
    " crates TEXT CHECK (crates <> ''), namespaces TEXT CHECK (namespaces <> ''), grants TEXT CHECK (grants <> ''));"
    /* A removed owner keeps the row, so that coming back gives the same id. */
    "CREATE TABLE owner ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id BETWEEN 1 AND 4294967295),"
    " ns TEXT NOT NULL, crate TEXT NOT NULL, kind INTEGER NOT NULL, subject TEXT NOT NULL, login TEXT NOT NULL,"
    " active INTEGER NOT NULL, UNIQUE (ns, crate, kind, subject));"
    "CREATE TABLE download ("
    " ns TEXT NOT NULL, crate TEXT NOT NULL, version TEXT NOT NULL, count INTEGER NOT NULL,"
    " PRIMARY KEY (ns, crate, version)) WITHOUT ROWID;"
    "CREATE TABLE download_total ("
    " ns TEXT NOT NULL, crate TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (ns, crate)) WITHOUT ROWID;"
    "CREATE TABLE crate ("
    " id INTEGER PRIMARY KEY, ns TEXT NOT NULL, crate TEXT NOT NULL, name TEXT NOT NULL,"
    " max_version TEXT NOT NULL, max_stable_version TEXT NOT NULL, description TEXT NOT NULL, keywords TEXT NOT NULL,"
    " categories TEXT NOT NULL, homepage TEXT NOT NULL, documentation TEXT NOT NULL, repository TEXT NOT NULL,"
    " created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, UNIQUE (ns, crate));"
    /* position is the order of publication: SQL cannot order versions. */
    "CREATE TABLE version ("
    " position INTEGER PRIMARY KEY AUTOINCREMENT, ns TEXT NOT NULL, crate TEXT NOT NULL, version TEXT NOT NULL,"
    " license TEXT NOT NULL, readme_path TEXT NOT NULL, published_by TEXT NOT NULL, crate_size INTEGER NOT NULL,"
    " published_at INTEGER NOT NULL, UNIQUE (ns, crate, version));"
    "CREATE TABLE dependency ("
    " id INTEGER PRIMARY KEY, version INTEGER NOT NULL REFERENCES version (position) ON DELETE CASCADE,"
    " ns TEXT NOT NULL, crate TEXT NOT NULL, registry TEXT NOT NULL, req TEXT NOT NULL, kind TEXT NOT NULL,"
    " target TEXT NOT NULL, optional INTEGER NOT NULL, default_features INTEGER NOT NULL, features TEXT NOT NULL);"
    "CREATE INDEX dependency_version ON dependency (version);"
    "CREATE INDEX dependency_crate ON dependency (ns, crate);"
    /* rowid is crate.id. unicode61 takes '-' and '_' for separators. */
    "CREATE VIRTUAL TABLE search_text USING fts5 ("
    " name, description, keywords, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3');";

static const char migration_2[] =
    "ALTER TABLE token ADD COLUMN owner_group TEXT CHECK (owner_group <> '');"
    "CREATE TABLE subject ("
    " id TEXT PRIMARY KEY, verdict INTEGER NOT NULL, asked_at INTEGER NOT NULL, gone_since INTEGER NOT NULL,"
    " suspended_at INTEGER NOT NULL, identity TEXT NOT NULL, mac BLOB NOT NULL CHECK (length(mac) = 32));";

static const char migration_3[] =
    "CREATE TABLE quarantine ("
    " ns TEXT NOT NULL, crate TEXT NOT NULL, version TEXT NOT NULL, reason TEXT NOT NULL, cksum TEXT NOT NULL,"
    " since INTEGER NOT NULL, PRIMARY KEY (ns, crate, version)) WITHOUT ROWID;"
    "CREATE TABLE yank_note ("
    " ns TEXT NOT NULL, crate TEXT NOT NULL, version TEXT NOT NULL, yanked INTEGER NOT NULL,"
    " noted_at INTEGER NOT NULL, PRIMARY KEY (ns, crate, version)) WITHOUT ROWID;";

/* The crates of a namespace have the ids of one range, so that a full-text search, which knows rowids only, stays in its
 * namespace without asking about each match; and they are counted as they come and go. */
static const char migration_4[] =
    "CREATE TABLE space ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id < 4194304), ns TEXT NOT NULL UNIQUE, crates INTEGER NOT NULL,"
    " first_id INTEGER GENERATED ALWAYS AS (id << 40), last_id INTEGER GENERATED ALWAYS AS ((id << 40) | 1099511627775));"
    "INSERT INTO space (ns, crates) SELECT ns, count(*) FROM crate GROUP BY ns;"
    "UPDATE crate SET id = id + (SELECT first_id FROM space WHERE space.ns = crate.ns);"
    "CREATE TRIGGER crate_added AFTER INSERT ON crate BEGIN"
    " UPDATE space SET crates = crates + 1 WHERE ns = NEW.ns; END;"
    "CREATE TRIGGER crate_removed AFTER DELETE ON crate BEGIN"
    " UPDATE space SET crates = crates - 1 WHERE ns = OLD.ns; END;"
    "DROP TABLE search_text;"
    "CREATE VIRTUAL TABLE search_text USING fts5 ("
    " name, description, keywords, tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3');"
    "INSERT INTO search_text (rowid, name, description, keywords)"
    " SELECT id, name || ' ' || replace(replace(name, '-', ''), '_', ''), description, keywords FROM crate;"
    "CREATE INDEX crate_updated ON crate (ns, updated_at DESC, crate);"
    "CREATE INDEX crate_created ON crate (ns, created_at DESC, crate);"
    "INSERT INTO download_total (ns, crate, count) SELECT ns, crate, 0 FROM crate WHERE true"
    " ON CONFLICT (ns, crate) DO NOTHING;"
    "CREATE INDEX download_total_count ON download_total (ns, count DESC, crate);"
    /* Who depends on a crate is asked of the versions that are shown, so only those are in the index for it. */
    "ALTER TABLE dependency ADD COLUMN shown INTEGER NOT NULL DEFAULT 0;"
    "UPDATE dependency SET shown = 1 WHERE version IN (SELECT v.position FROM crate c JOIN version v"
    " ON v.ns = c.ns AND v.crate = c.crate AND v.version = c.max_version);"
    "DROP INDEX dependency_crate;"
    "CREATE INDEX dependency_shown ON dependency (ns, crate, version) WHERE registry = '' AND shown;"
    /* Until when all derived rows of a namespace are known to fit its index, wall seconds. */
    "CREATE TABLE settled (ns TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;";

static const char *const migrations[] = {migration_1, migration_2, migration_3, migration_4};

#define MIGRATION_COUNT ((int64_t)(sizeof(migrations) / sizeof(migrations[0])))

static enum cg_err ask(struct cg_sqlite_conn *conn, const char *text, int64_t *value_out, struct cg_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(conn->db, text, -1, &stmt, NULL);
    enum cg_err rc = CG_OK;

    if (code == SQLITE_OK)
        code = sqlite3_step(stmt);
    if (code == SQLITE_ROW)
        *value_out = sqlite3_column_int64(stmt, 0);
    else
        rc = cg_sqlite_fail(conn, code, err);
    sqlite3_finalize(stmt);
    return rc;
}

/* Is the database ours to change, and how many migrations has it had? */
static enum cg_err examine(struct cg_sqlite_conn *conn, int64_t *version_out, struct cg_error *err)
{
    int64_t objects, application, version;
    /* In this order: somebody else may make the schema meanwhile, and the tables come with the mark of whose they are.
     */
    enum cg_err rc = ask(conn, "SELECT count(*) FROM sqlite_schema", &objects, err);

    if (rc == CG_OK)
        rc = ask(conn, "PRAGMA application_id", &application, err);
    if (rc == CG_OK)
        rc = ask(conn, "PRAGMA user_version", &version, err);
    if (rc != CG_OK)
        return rc;
    if (application != APPLICATION_ID && (application != 0 || objects != 0))
        return cg_error_set(err, CG_ERR_UNAVAILABLE,
                            "%s is the database of another program; state_dir has to be crategate's own", conn->path);
    if (version > MIGRATION_COUNT)
        return cg_error_set(err, CG_ERR_UNAVAILABLE,
                            "%s was made by a newer crategate (schema %lld, this one knows %lld); install that version "
                            "again, or bring back a backup made before",
                            conn->path, (long long)version, (long long)MIGRATION_COUNT);
    *version_out = version;
    return CG_OK;
}

static enum cg_err migrate_rest(struct cg_sqlite_conn *conn, struct cg_error *err)
{
    char text[64];
    int64_t version;
    /* Again, now that nobody else can be migrating. */
    enum cg_err rc = examine(conn, &version, err);

    if (rc != CG_OK)
        return rc;
    for (int64_t i = version; i < MIGRATION_COUNT && rc == CG_OK; i++)
        rc = cg_sqlite_script(conn, migrations[i], err);
    if (rc == CG_OK) {
        snprintf(text, sizeof(text), "PRAGMA user_version = %lld", (long long)MIGRATION_COUNT);
        rc = cg_sqlite_script(conn, text, err);
    }
    return rc;
}

enum cg_err cg_sqlite_migrate(struct cg_sqlite_conn *conn, struct cg_error *err)
{
    int64_t version = 0;
    enum cg_err rc = examine(conn, &version, err);

    if (rc != CG_OK || version == MIGRATION_COUNT)
        return rc;
    rc = cg_sqlite_run(conn, CG_SQL_BEGIN_WRITE, CG_SQL_NO_ARGS, err);
    if (rc != CG_OK)
        return rc;
    rc = migrate_rest(conn, err);
    if (rc == CG_OK)
        rc = cg_sqlite_run(conn, CG_SQL_COMMIT, CG_SQL_NO_ARGS, err);
    /* On failure the connection is closed, and that takes everything back. */
    return rc;
}
