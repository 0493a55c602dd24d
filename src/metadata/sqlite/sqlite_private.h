/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What the files of the SQLite driver share: the sessions, and the operations
 * that fill the table in sqlite_metadata.c.
 *
 * Changes go through the one writing connection, one at a time; reads through
 * at most CG_SQLITE_READERS connections that see the last commit and wait for
 * no writer. A visitor runs while its read connection is held, so it must not
 * come back into the database.
 */
#ifndef CG_METADATA_SQLITE_PRIVATE_H
#define CG_METADATA_SQLITE_PRIVATE_H

#include <pthread.h>

#include "crategate/metadata.h"
#include "metadata/sqlite/sqlite_conn.h"

#define CG_SQLITE_READERS 8

struct cg_sqlite {
    struct cg_metadata base;
    char *path;
    pthread_mutex_t write_lock;
    struct cg_sqlite_conn *writer;
    bool unflushed; /* the writer's commits may not be flushed: whoever needs them to be changes that first */
    pthread_mutex_t read_lock; /* of what follows; never held together with write_lock */
    pthread_cond_t read_freed;
    struct cg_sqlite_conn *idle;
    int readers; /* idle and in use */
    int reader_wait_ms;
};

static inline struct cg_sqlite *cg_sqlite(struct cg_metadata *md)
{
    return (struct cg_sqlite *)md;
}

/* sqlite_schema.c: brings an open database up to date; UNAVAILABLE when it is not ours or of a newer version. */
enum cg_err cg_sqlite_migrate(struct cg_sqlite_conn *conn, struct cg_error *err) CG_CHECK;

/* sqlite_session.c */
void cg_sqlite_session_init(struct cg_sqlite *s);
void cg_sqlite_session_free(struct cg_sqlite *s);
/* A transaction: begin, then end with the result so far, which commits or takes back and gives the final result. */
enum cg_err cg_sqlite_begin(struct cg_metadata *md, struct cg_sqlite_conn **conn_out, struct cg_error *err) CG_CHECK;
/* The same, but the commit does not wait for the disk: a later one that does takes it along. For what can be derived
 * again from files that are newer than what the database knows. */
enum cg_err cg_sqlite_begin_unflushed(struct cg_metadata *md, struct cg_sqlite_conn **conn_out,
                                      struct cg_error *err) CG_CHECK;
enum cg_err cg_sqlite_end(struct cg_metadata *md, enum cg_err rc, struct cg_error *err) CG_CHECK;
/* One statement as a transaction. */
enum cg_err cg_sqlite_change(struct cg_metadata *md, enum cg_sql sql, const struct cg_sqlite_arg *args,
                             struct cg_error *err) CG_CHECK;
/* A connection for reading; waits for one at most reader_wait_ms. */
enum cg_err cg_sqlite_reader_take(struct cg_metadata *md, struct cg_sqlite_conn **conn_out,
                                  struct cg_error *err) CG_CHECK;
void cg_sqlite_reader_give(struct cg_metadata *md, struct cg_sqlite_conn *conn);
/* One statement on a connection for reading. */
enum cg_err cg_sqlite_query(struct cg_metadata *md, enum cg_sql sql, const struct cg_sqlite_arg *args,
                            cg_sqlite_row row, void *cls, struct cg_error *err) CG_CHECK;

/* sqlite_tokens.c */
enum cg_err cg_sqlite_token_insert(struct cg_metadata *md, const struct cg_token *token, int64_t *id_out,
                                   struct cg_error *err) CG_CHECK;
enum cg_err cg_sqlite_token_delete(struct cg_metadata *md, int64_t id, struct cg_error *err) CG_CHECK;
enum cg_err cg_sqlite_token_each(struct cg_metadata *md, cg_token_visit visit, void *cls,
                                 struct cg_error *err) CG_CHECK;
enum cg_err cg_sqlite_token_touch(struct cg_metadata *md, const int64_t *ids, const int64_t *times, size_t count,
                                  struct cg_error *err) CG_CHECK;

/* sqlite_subjects.c */
enum cg_err cg_sqlite_subject_put(struct cg_metadata *md, const struct cg_subject_row *rows, size_t count,
                                  struct cg_error *err) CG_CHECK;
enum cg_err cg_sqlite_subject_each(struct cg_metadata *md, cg_subject_visit visit, void *cls,
                                   struct cg_error *err) CG_CHECK;
enum cg_err cg_sqlite_subject_delete(struct cg_metadata *md, const char *const *ids, size_t count,
                                     struct cg_error *err) CG_CHECK;

/* sqlite_owners.c */
enum cg_err cg_sqlite_owner_add(struct cg_metadata *md, const char *ns, const char *crate, const struct cg_owner *owner,
                                struct cg_error *err) CG_CHECK;
enum cg_err cg_sqlite_owner_remove(struct cg_metadata *md, const char *ns, const char *crate, const char *login,
                                   struct cg_error *err) CG_CHECK;
enum cg_err cg_sqlite_owner_each(struct cg_metadata *md, const char *ns, const char *crate, cg_owner_visit visit,
                                 void *cls, struct cg_error *err) CG_CHECK;

/* sqlite_mirror.c */
enum cg_err cg_sqlite_quarantine_put(struct cg_metadata *md, const char *ns, const struct cg_quarantine_row *row,
                                     struct cg_error *err) CG_CHECK;
enum cg_err cg_sqlite_quarantine_remove(struct cg_metadata *md, const char *ns, const char *crate, const char *version,
                                        struct cg_error *err) CG_CHECK;
enum cg_err cg_sqlite_quarantine_each(struct cg_metadata *md, const char *ns, cg_quarantine_visit visit, void *cls,
                                      struct cg_error *err) CG_CHECK;
enum cg_err cg_sqlite_yank_note_put(struct cg_metadata *md, const char *ns, const struct cg_yank_note *note,
                                    struct cg_error *err) CG_CHECK;
enum cg_err cg_sqlite_yank_note_each(struct cg_metadata *md, const char *ns, cg_yank_note_visit visit, void *cls,
                                     struct cg_error *err) CG_CHECK;

/* sqlite_crates.c */
enum cg_err cg_sqlite_downloads_add(struct cg_metadata *md, const struct cg_download_count *counts, size_t count,
                                    struct cg_error *err) CG_CHECK;
enum cg_err cg_sqlite_crate_put(struct cg_metadata *md, const struct cg_crate_summary *summary,
                                struct cg_error *err) CG_CHECK;
enum cg_err cg_sqlite_version_put(struct cg_metadata *md, const char *ns, const char *crate,
                                  const struct cg_version_row *row, const struct cg_dependency_row *deps,
                                  size_t dep_count, struct cg_error *err) CG_CHECK;
enum cg_err cg_sqlite_release_put(struct cg_metadata *md, const struct cg_release *release,
                                  struct cg_error *err) CG_CHECK;
enum cg_err cg_sqlite_crate_get(struct cg_metadata *md, const char *ns, const char *crate, cg_summary_visit visit,
                                void *cls, struct cg_error *err) CG_CHECK;
enum cg_err cg_sqlite_version_each(struct cg_metadata *md, const char *ns, const char *crate, cg_version_visit visit,
                                   void *cls, struct cg_error *err) CG_CHECK;
enum cg_err cg_sqlite_crate_remove(struct cg_metadata *md, const char *ns, const char *crate,
                                   struct cg_error *err) CG_CHECK;
enum cg_err cg_sqlite_settled(struct cg_metadata *md, const char *ns, int64_t *at_out, struct cg_error *err) CG_CHECK;
enum cg_err cg_sqlite_settled_set(struct cg_metadata *md, const char *ns, int64_t at, struct cg_error *err) CG_CHECK;
enum cg_err cg_sqlite_derived_clear(struct cg_metadata *md, const char *ns, struct cg_error *err) CG_CHECK;

/* sqlite_search.c */
/* A row selected by CG_SQL_SUMMARY, borrowed. */
struct cg_crate_summary cg_sqlite_summary(sqlite3_stmt *row);
enum cg_err cg_sqlite_search(struct cg_metadata *md, const struct cg_search *search, cg_summary_visit visit, void *cls,
                             uint64_t *total_out, struct cg_error *err) CG_CHECK;
enum cg_err cg_sqlite_reverse(struct cg_metadata *md, const char *ns, const char *crate, unsigned per_page,
                              unsigned page, cg_reverse_visit visit, void *cls, uint64_t *total_out,
                              struct cg_error *err) CG_CHECK;

#endif
