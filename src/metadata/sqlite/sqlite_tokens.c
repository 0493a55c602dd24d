/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "metadata/sqlite/sqlite_private.h"

/*
 * Lists are stored joined by commas, NULL for "not narrowed". A list that did
 * not read back as it was written would widen the token, so what cannot is
 * refused: an empty list, an empty item, an item with a separator in it.
 */
static bool list_storable(char *const *list)
{
    if (!list)
        return true;
    for (size_t i = 0; list[i]; i++)
        if (!list[i][0] || strpbrk(list[i], ", \t\r\n"))
            return false;
    return list[0] != NULL;
}

static char *list_text(char *const *list)
{
    return list ? cg_strlist_join(list, ",") : NULL;
}

static enum cg_err insert_row(struct cg_sqlite_conn *conn, const struct cg_token *t, struct cg_error *err)
{
    char *crates = list_text(t->crates);
    char *namespaces = list_text(t->namespaces);
    char *grants = list_text(t->grants);
    enum cg_err rc = cg_sqlite_run(
        conn, CG_SQL_TOKEN_INSERT,
        CG_SQL_ARGS(CG_SQL_BLOB(t->digest, sizeof(t->digest)), CG_SQL_INT(t->kind), CG_SQL_TEXT(t->name),
                    CG_SQL_TEXT(t->owner_id), CG_SQL_TEXT(t->owner_name), CG_SQL_INT(t->created_at),
                    CG_SQL_INT(t->expires_at), CG_SQL_INT(atomic_load(&t->last_used_at)), CG_SQL_INT(t->actions),
                    CG_SQL_TEXT_OR_NULL(crates), CG_SQL_TEXT_OR_NULL(namespaces), CG_SQL_TEXT_OR_NULL(grants),
                    CG_SQL_TEXT_OR_NULL(t->group)),
        err);

    free(crates);
    free(namespaces);
    free(grants);
    return rc;
}

/* Part of the transaction that changes tokens: who sees the new number sees the change. */
static enum cg_err bump(struct cg_sqlite_conn *conn, struct cg_error *err)
{
    return cg_sqlite_run(conn, CG_SQL_GENERATION_BUMP, CG_SQL_ARGS(CG_SQL_TEXT("tokens")), err);
}

enum cg_err cg_sqlite_token_insert(struct cg_metadata *md, const struct cg_token *token, int64_t *id_out,
                                   struct cg_error *err)
{
    struct cg_sqlite_conn *conn;
    int64_t id = 0;
    enum cg_err rc;

    if (!list_storable(token->crates) || !list_storable(token->namespaces) || !list_storable(token->grants))
        return cg_error_set(err, CG_ERR_INTERNAL, "a token narrowed to nothing cannot be stored");
    rc = cg_sqlite_begin(md, &conn, err);
    if (rc != CG_OK)
        return rc;
    rc = insert_row(conn, token, err);
    if (rc == CG_ERR_CONFLICT)
        rc = cg_error_set(err, rc, "this token is in the database already");
    id = sqlite3_last_insert_rowid(conn->db);
    if (rc == CG_OK)
        rc = bump(conn, err);
    rc = cg_sqlite_end(md, rc, err);
    if (rc == CG_OK)
        *id_out = id;
    return rc;
}

enum cg_err cg_sqlite_token_delete(struct cg_metadata *md, int64_t id, struct cg_error *err)
{
    struct cg_sqlite_conn *conn;
    enum cg_err rc = cg_sqlite_begin(md, &conn, err);

    if (rc != CG_OK)
        return rc;
    rc = cg_sqlite_run(conn, CG_SQL_TOKEN_DELETE, CG_SQL_ARGS(CG_SQL_INT(id)), err);
    if (rc == CG_OK && sqlite3_changes(conn->db) == 0)
        rc = cg_error_set(err, CG_ERR_ABSENT, "there is no token %lld", (long long)id);
    if (rc == CG_OK)
        rc = bump(conn, err);
    return cg_sqlite_end(md, rc, err);
}

/* False when the column holds a list that narrows to nothing: the row was not written by us. */
static bool read_list(sqlite3_stmt *row, int column, char ***list_out)
{
    if (sqlite3_column_type(row, column) == SQLITE_NULL)
        return true;
    *list_out = cg_strlist_split(cg_sqlite_text(row, column));
    return *list_out != NULL;
}

static bool read_token(sqlite3_stmt *row, struct cg_token *t)
{
    const void *digest = sqlite3_column_blob(row, 1);

    if (!digest || sqlite3_column_bytes(row, 1) != CG_TOKEN_DIGEST_SIZE)
        return false;
    t->id = sqlite3_column_int64(row, 0);
    memcpy(t->digest, digest, CG_TOKEN_DIGEST_SIZE);
    t->kind = sqlite3_column_int(row, 2) == CG_TOKEN_SERVICE ? CG_TOKEN_SERVICE : CG_TOKEN_PERSON;
    t->name = cg_strdup(cg_sqlite_text(row, 3));
    t->owner_id = cg_strdup(cg_sqlite_text(row, 4));
    t->owner_name = cg_strdup(cg_sqlite_text(row, 5));
    t->created_at = sqlite3_column_int64(row, 6);
    t->expires_at = sqlite3_column_int64(row, 7);
    atomic_store(&t->last_used_at, sqlite3_column_int64(row, 8));
    t->actions = (unsigned)sqlite3_column_int(row, 9);
    t->group = sqlite3_column_type(row, 13) == SQLITE_NULL ? NULL : cg_strdup(cg_sqlite_text(row, 13));
    return read_list(row, 10, &t->crates) && read_list(row, 11, &t->namespaces) && read_list(row, 12, &t->grants);
}

struct token_walk {
    cg_token_visit visit;
    void *cls;
    struct cg_error *err;
};

static enum cg_err visit_token(void *cls, sqlite3_stmt *row)
{
    struct token_walk *walk = cls;
    struct cg_token *token = cg_token_new();
    enum cg_err rc;

    if (read_token(row, token))
        rc = walk->visit(walk->cls, token);
    else
        rc = cg_error_set(walk->err, CG_ERR_UNAVAILABLE,
                          "token %lld in the registry's database is damaged; its administrator has to revoke it with "
                          "\"crategatectl token revoke\"",
                          (long long)sqlite3_column_int64(row, 0));
    cg_token_unref(&token);
    return rc;
}

enum cg_err cg_sqlite_token_each(struct cg_metadata *md, cg_token_visit visit, void *cls, struct cg_error *err)
{
    struct token_walk walk = {.visit = visit, .cls = cls, .err = err};

    return cg_sqlite_query(md, CG_SQL_TOKEN_EACH, CG_SQL_NO_ARGS, visit_token, &walk, err);
}

enum cg_err cg_sqlite_token_touch(struct cg_metadata *md, const int64_t *ids, const int64_t *times, size_t count,
                                  struct cg_error *err)
{
    struct cg_sqlite_conn *conn;
    enum cg_err rc = cg_sqlite_begin(md, &conn, err);

    if (rc != CG_OK)
        return rc;
    for (size_t i = 0; i < count && rc == CG_OK; i++)
        rc = cg_sqlite_run(conn, CG_SQL_TOKEN_TOUCH, CG_SQL_ARGS(CG_SQL_INT(ids[i]), CG_SQL_INT(times[i])), err);
    return cg_sqlite_end(md, rc, err);
}
