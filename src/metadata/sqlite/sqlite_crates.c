/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What is derived from the crates, and the download counts, which are not. */
#include "metadata/sqlite/sqlite_private.h"

static enum cg_err add_count(struct cg_sqlite_conn *conn, const struct cg_download_count *c, struct cg_error *err)
{
    enum cg_err rc = cg_sqlite_run(conn, CG_SQL_DOWNLOADS_ADD,
                                   CG_SQL_ARGS(CG_SQL_TEXT(c->namespace_name), CG_SQL_TEXT(c->crate),
                                               CG_SQL_TEXT(c->version), CG_SQL_INT(c->count)),
                                   err);

    if (rc != CG_OK)
        return rc;
    return cg_sqlite_run(conn, CG_SQL_DOWNLOADS_ADD_TOTAL,
                         CG_SQL_ARGS(CG_SQL_TEXT(c->namespace_name), CG_SQL_TEXT(c->crate), CG_SQL_INT(c->count)), err);
}

enum cg_err cg_sqlite_downloads_add(struct cg_metadata *md, const struct cg_download_count *counts, size_t count,
                                    struct cg_error *err)
{
    struct cg_sqlite_conn *conn;
    enum cg_err rc = cg_sqlite_begin(md, &conn, err);

    if (rc != CG_OK)
        return rc;
    for (size_t i = 0; i < count && rc == CG_OK; i++)
        rc = add_count(conn, &counts[i], err);
    return cg_sqlite_end(md, rc, err);
}

static enum cg_err put_summary(struct cg_sqlite_conn *conn, const struct cg_crate_summary *s, int64_t *id_out,
                               struct cg_error *err)
{
    static const enum cg_sql before[] = {CG_SQL_TOTAL_ADD, CG_SQL_DEPENDENCY_HIDE};
    enum cg_err rc = cg_sqlite_run(conn, CG_SQL_SPACE_ADD, CG_SQL_ARGS(CG_SQL_TEXT(s->namespace_name)), err);

    for (size_t i = 0; rc == CG_OK && i < sizeof(before) / sizeof(before[0]); i++)
        rc = cg_sqlite_run(conn, before[i], CG_SQL_ARGS(CG_SQL_TEXT(s->namespace_name), CG_SQL_TEXT(s->crate)), err);
    if (rc != CG_OK)
        return rc;
    return cg_sqlite_value(conn, CG_SQL_CRATE_PUT,
                           CG_SQL_ARGS(CG_SQL_TEXT(s->namespace_name), CG_SQL_TEXT(s->crate), CG_SQL_TEXT(s->name),
                                       CG_SQL_TEXT(s->max_version), CG_SQL_TEXT(s->max_stable_version),
                                       CG_SQL_TEXT(s->description), CG_SQL_TEXT(s->keywords),
                                       CG_SQL_TEXT(s->categories), CG_SQL_TEXT(s->homepage),
                                       CG_SQL_TEXT(s->documentation), CG_SQL_TEXT(s->repository),
                                       CG_SQL_INT(s->created_at), CG_SQL_INT(s->updated_at)),
                           id_out, err);
}

static enum cg_err put_crate(struct cg_sqlite_conn *conn, const struct cg_crate_summary *summary, struct cg_error *err)
{
    int64_t id = 0;
    enum cg_err rc = put_summary(conn, summary, &id, err);

    if (rc == CG_OK)
        rc = cg_sqlite_run(conn, CG_SQL_DEPENDENCY_SHOW,
                           CG_SQL_ARGS(CG_SQL_TEXT(summary->namespace_name), CG_SQL_TEXT(summary->crate)), err);
    if (rc == CG_OK)
        rc = cg_sqlite_run(conn, CG_SQL_TEXT_DROP, CG_SQL_ARGS(CG_SQL_INT(id)), err);
    if (rc == CG_OK)
        rc = cg_sqlite_run(conn, CG_SQL_TEXT_PUT,
                           CG_SQL_ARGS(CG_SQL_INT(id), CG_SQL_TEXT(summary->name), CG_SQL_TEXT(summary->description),
                                       CG_SQL_TEXT(summary->keywords)),
                           err);
    return rc;
}

enum cg_err cg_sqlite_crate_put(struct cg_metadata *md, const struct cg_crate_summary *summary, struct cg_error *err)
{
    struct cg_sqlite_conn *conn;
    enum cg_err rc = cg_sqlite_begin(md, &conn, err);

    if (rc != CG_OK)
        return rc;
    return cg_sqlite_end(md, put_crate(conn, summary, err), err);
}

static enum cg_err put_version(struct cg_sqlite_conn *conn, const char *ns, const char *crate,
                               const struct cg_version_row *v, int64_t *position_out, struct cg_error *err)
{
    return cg_sqlite_value(conn, CG_SQL_VERSION_PUT,
                           CG_SQL_ARGS(CG_SQL_TEXT(ns), CG_SQL_TEXT(crate), CG_SQL_TEXT(v->version),
                                       CG_SQL_TEXT(v->license), CG_SQL_TEXT(v->readme_path),
                                       CG_SQL_TEXT(v->published_by), CG_SQL_INT(v->crate_size),
                                       CG_SQL_INT(v->published_at)),
                           position_out, err);
}

static enum cg_err put_dependency(struct cg_sqlite_conn *conn, int64_t position, const char *ns,
                                  const struct cg_dependency_row *d, struct cg_error *err)
{
    return cg_sqlite_run(conn, CG_SQL_DEPENDENCY_PUT,
                         CG_SQL_ARGS(CG_SQL_INT(position), CG_SQL_TEXT(ns), CG_SQL_TEXT(d->crate),
                                     CG_SQL_TEXT(d->registry), CG_SQL_TEXT(d->req), CG_SQL_TEXT(d->kind),
                                     CG_SQL_TEXT(d->target), CG_SQL_INT(d->optional), CG_SQL_INT(d->default_features),
                                     CG_SQL_TEXT(d->features)),
                         err);
}

/* In place of those that are there. */
static enum cg_err put_dependencies(struct cg_sqlite_conn *conn, int64_t position, const char *ns,
                                    const struct cg_release *of, struct cg_error *err)
{
    enum cg_err rc = cg_sqlite_run(conn, CG_SQL_DEPENDENCY_DROP, CG_SQL_ARGS(CG_SQL_INT(position)), err);

    for (size_t i = 0; i < of->dep_count && rc == CG_OK; i++)
        rc = put_dependency(conn, position, ns, &of->deps[i], err);
    return rc;
}

enum cg_err cg_sqlite_version_put(struct cg_metadata *md, const char *ns, const char *crate,
                                  const struct cg_version_row *row, const struct cg_dependency_row *deps,
                                  size_t dep_count, struct cg_error *err)
{
    struct cg_sqlite_conn *conn;
    int64_t position = 0;
    enum cg_err rc = cg_sqlite_begin(md, &conn, err);

    if (rc != CG_OK)
        return rc;
    rc = put_version(conn, ns, crate, row, &position, err);
    if (rc == CG_OK)
        rc = put_dependencies(conn, position, ns, &(struct cg_release){.deps = deps, .dep_count = dep_count}, err);
    return cg_sqlite_end(md, rc, err);
}

enum cg_err cg_sqlite_release_put(struct cg_metadata *md, const struct cg_release *release, struct cg_error *err)
{
    const struct cg_crate_summary *crate = release->crate;
    struct cg_sqlite_conn *conn;
    int64_t position = 0;
    enum cg_err rc = cg_sqlite_begin_unflushed(md, &conn, err);

    if (rc != CG_OK)
        return rc;
    rc = put_version(conn, crate->namespace_name, crate->crate, release->version, &position, err);
    if (rc == CG_OK)
        rc = put_dependencies(conn, position, crate->namespace_name, release, err);
    if (rc == CG_OK)
        rc = put_crate(conn, crate, err);
    return cg_sqlite_end(md, rc, err);
}

struct summary_walk {
    cg_summary_visit visit;
    void *cls;
    bool found;
};

static enum cg_err visit_summary(void *cls, sqlite3_stmt *row)
{
    struct summary_walk *walk = cls;
    struct cg_crate_summary summary = cg_sqlite_summary(row);

    walk->found = true;
    return walk->visit(walk->cls, &summary);
}

enum cg_err cg_sqlite_crate_get(struct cg_metadata *md, const char *ns, const char *crate, cg_summary_visit visit,
                                void *cls, struct cg_error *err)
{
    struct summary_walk walk = {.visit = visit, .cls = cls};
    enum cg_err rc = cg_sqlite_query(md, CG_SQL_CRATE_GET, CG_SQL_ARGS(CG_SQL_TEXT(ns), CG_SQL_TEXT(crate)),
                                     visit_summary, &walk, err);

    if (rc == CG_OK && !walk.found)
        return cg_error_set(err, CG_ERR_ABSENT, "crate %s does not exist", crate);
    return rc;
}

struct version_walk {
    cg_version_visit visit;
    void *cls;
};

static enum cg_err visit_version(void *cls, sqlite3_stmt *row)
{
    struct version_walk *walk = cls;
    struct cg_version_row version = {
        .version = cg_sqlite_text(row, 0),
        .license = cg_sqlite_text(row, 1),
        .readme_path = cg_sqlite_text(row, 2),
        .published_by = cg_sqlite_text(row, 3),
        .crate_size = (uint64_t)sqlite3_column_int64(row, 4),
        .published_at = sqlite3_column_int64(row, 5),
        .downloads = sqlite3_column_int64(row, 6),
    };

    return walk->visit(walk->cls, &version);
}

enum cg_err cg_sqlite_version_each(struct cg_metadata *md, const char *ns, const char *crate, cg_version_visit visit,
                                   void *cls, struct cg_error *err)
{
    struct version_walk walk = {.visit = visit, .cls = cls};

    return cg_sqlite_query(md, CG_SQL_VERSION_EACH, CG_SQL_ARGS(CG_SQL_TEXT(ns), CG_SQL_TEXT(crate)), visit_version,
                           &walk, err);
}

/* Several statements with the same values, as one transaction. */
static enum cg_err run_all(struct cg_metadata *md, const enum cg_sql *sqls, size_t count,
                           const struct cg_sqlite_arg *args, struct cg_error *err)
{
    struct cg_sqlite_conn *conn;
    enum cg_err rc = cg_sqlite_begin(md, &conn, err);

    if (rc != CG_OK)
        return rc;
    for (size_t i = 0; i < count && rc == CG_OK; i++)
        rc = cg_sqlite_run(conn, sqls[i], args, err);
    return cg_sqlite_end(md, rc, err);
}

enum cg_err cg_sqlite_crate_remove(struct cg_metadata *md, const char *ns, const char *crate, struct cg_error *err)
{
    static const enum cg_sql sqls[] = {CG_SQL_TEXT_REMOVE, CG_SQL_CRATE_REMOVE, CG_SQL_VERSION_REMOVE,
                                       CG_SQL_DOWNLOAD_REMOVE, CG_SQL_DOWNLOAD_TOTAL_REMOVE};

    return run_all(md, sqls, sizeof(sqls) / sizeof(sqls[0]), CG_SQL_ARGS(CG_SQL_TEXT(ns), CG_SQL_TEXT(crate)), err);
}

static enum cg_err take_time(void *cls, sqlite3_stmt *row)
{
    *(int64_t *)cls = sqlite3_column_int64(row, 0);
    return CG_OK;
}

enum cg_err cg_sqlite_settled(struct cg_metadata *md, const char *ns, int64_t *at_out, struct cg_error *err)
{
    int64_t at = 0;
    enum cg_err rc = cg_sqlite_query(md, CG_SQL_SETTLED, CG_SQL_ARGS(CG_SQL_TEXT(ns)), take_time, &at, err);

    if (rc == CG_OK)
        *at_out = at;
    return rc;
}

enum cg_err cg_sqlite_settled_set(struct cg_metadata *md, const char *ns, int64_t at, struct cg_error *err)
{
    return cg_sqlite_change(md, CG_SQL_SETTLED_SET, CG_SQL_ARGS(CG_SQL_TEXT(ns), CG_SQL_INT(at)), err);
}

enum cg_err cg_sqlite_derived_clear(struct cg_metadata *md, const char *ns, struct cg_error *err)
{
    static const enum cg_sql sqls[] = {CG_SQL_TEXT_CLEAR, CG_SQL_CRATE_CLEAR, CG_SQL_VERSION_CLEAR, CG_SQL_SPACE_CLEAR,
                                       CG_SQL_SETTLED_CLEAR};
    /* What is cleared may be cleared because it is damaged; the full-text index is made anew from its own rows first,
     * or nothing could be deleted from it. */
    enum cg_err rc = cg_sqlite_change(md, CG_SQL_TEXT_REBUILD, CG_SQL_NO_ARGS, err);

    if (rc != CG_OK)
        return rc;
    return run_all(md, sqls, sizeof(sqls) / sizeof(sqls[0]), CG_SQL_ARGS(CG_SQL_TEXT(ns)), err);
}
