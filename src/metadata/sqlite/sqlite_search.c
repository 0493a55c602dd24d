/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "metadata/sqlite/sqlite_private.h"

#define WORDS_MAX 16
#define QUERY_MAX 512 /* bytes of a query that are looked at */

struct cg_crate_summary cg_sqlite_summary(sqlite3_stmt *row)
{
    return (struct cg_crate_summary){
        .namespace_name = cg_sqlite_text(row, 0),
        .crate = cg_sqlite_text(row, 1),
        .name = cg_sqlite_text(row, 2),
        .max_version = cg_sqlite_text(row, 3),
        .max_stable_version = cg_sqlite_text(row, 4),
        .description = cg_sqlite_text(row, 5),
        .keywords = cg_sqlite_text(row, 6),
        .categories = cg_sqlite_text(row, 7),
        .homepage = cg_sqlite_text(row, 8),
        .documentation = cg_sqlite_text(row, 9),
        .repository = cg_sqlite_text(row, 10),
        .created_at = sqlite3_column_int64(row, 11),
        .updated_at = sqlite3_column_int64(row, 12),
        .downloads = sqlite3_column_int64(row, 13),
    };
}

static bool is_letter(char c)
{
    return !isascii(c) || isalnum(c);
}

/* Everything else separates words, so nothing that means something to FTS5 ever gets into an expression. */
static bool is_word_char(char c)
{
    return is_letter(c) || c == '-' || c == '_';
}

/* The next word of at least one letter; NULL at the end. */
static const char *next_word(const char **at, const char *end, size_t *len_out)
{
    while (*at < end) {
        const char *start = *at;
        bool letters = false;

        for (; *at < end && is_word_char(**at); ++*at)
            letters |= is_letter(**at);
        *len_out = (size_t)(*at - start);
        if (letters)
            return start;
        if (*at < end && !is_word_char(**at))
            ++*at;
    }
    return NULL;
}

/* "Serde json!" -> expression `"Serde"* "json"*` (all of them, each as a prefix) and name `serde-json`. */
static void read_query(const char *query, struct cg_buf *match, struct cg_buf *name)
{
    const char *end = query + strnlen(query, QUERY_MAX);
    const char *word;
    size_t len;

    for (int i = 0; i < WORDS_MAX && (word = next_word(&query, end, &len)); i++) {
        cg_buf_addf(match, "%s\"%.*s\"*", i ? " " : "", (int)len, word);
        if (i)
            cg_buf_addch(name, '-');
        for (size_t k = 0; k < len; k++)
            cg_buf_addch(name, word[k] == '_' ? '-' : (char)(isascii(word[k]) ? tolower(word[k]) : word[k]));
    }
}

static enum cg_sql statement(enum cg_search_sort sort, bool all)
{
    switch (sort) {
    case CG_SORT_ALPHA:
        return all ? CG_SQL_ALL_ALPHA : CG_SQL_MATCHES_ALPHA;
    case CG_SORT_DOWNLOADS:
        return all ? CG_SQL_ALL_DOWNLOADS : CG_SQL_MATCHES_DOWNLOADS;
    case CG_SORT_RECENT_UPDATES:
        return all ? CG_SQL_ALL_UPDATES : CG_SQL_MATCHES_UPDATES;
    case CG_SORT_NEW:
        return all ? CG_SQL_ALL_NEW : CG_SQL_MATCHES_NEW;
    case CG_SORT_RELEVANCE:
        break;
    }
    return all ? CG_SQL_ALL_ALPHA : CG_SQL_MATCHES_RELEVANCE;
}

/* More matches than that are not all weighed. */
#define BROAD 1000

/* A page and the count of all, from one state of the database. */
struct page {
    enum cg_sql count;
    const struct cg_sqlite_arg *count_args;
    enum cg_sql rows;
    const struct cg_sqlite_arg *row_args;
    enum cg_sql broad_rows; /* instead of the two above where there are more than BROAD */
    const struct cg_sqlite_arg *broad_args; /* NULL: there is no such way */
    cg_sqlite_row row;
    void *cls;
};

static enum cg_err read_rows(struct cg_sqlite_conn *conn, const struct page *page, int64_t total, struct cg_error *err)
{
    if (page->broad_args && total > BROAD)
        return cg_sqlite_each(conn, page->broad_rows, page->broad_args, page->row, page->cls, err);
    return cg_sqlite_each(conn, page->rows, page->row_args, page->row, page->cls, err);
}

static enum cg_err read_page(struct cg_metadata *md, const struct page *page, uint64_t *total_out, struct cg_error *err)
{
    struct cg_sqlite_conn *conn;
    int64_t total = 0;
    enum cg_err rc = cg_sqlite_reader_take(md, &conn, err);

    if (rc != CG_OK)
        return rc;
    rc = cg_sqlite_run(conn, CG_SQL_BEGIN_READ, CG_SQL_NO_ARGS, err);
    if (rc == CG_OK)
        rc = cg_sqlite_value(conn, page->count, page->count_args, &total, err);
    if (rc == CG_OK)
        rc = read_rows(conn, page, total, err);
    if (!sqlite3_get_autocommit(conn->db)) {
        enum cg_err ended = cg_sqlite_run(conn, CG_SQL_ROLLBACK, CG_SQL_NO_ARGS, rc == CG_OK ? err : NULL);

        rc = rc == CG_OK ? ended : rc;
    }
    cg_sqlite_reader_give(md, conn);
    if (rc == CG_OK)
        *total_out = (uint64_t)total;
    return rc;
}

static int64_t offset_of(unsigned per_page, unsigned page)
{
    CG_ASSERT(per_page > 0 && page > 0);
    return ((int64_t)page - 1) * per_page;
}

struct search_walk {
    cg_summary_visit visit;
    void *cls;
};

static enum cg_err visit_match(void *cls, sqlite3_stmt *row)
{
    struct search_walk *walk = cls;
    struct cg_crate_summary summary = cg_sqlite_summary(row);

    return walk->visit(walk->cls, &summary);
}

/* A query as the statements take it. */
struct asked {
    struct cg_buf match, named; /* expressions: all columns, names only */
    struct cg_buf name;         /* the folded name that was meant */
};

static void ask(struct asked *asked, const char *query)
{
    cg_buf_init(&asked->match, 2 * QUERY_MAX);
    cg_buf_init(&asked->named, 3 * QUERY_MAX);
    cg_buf_init(&asked->name, 2 * QUERY_MAX);
    read_query(query ? query : "", &asked->match, &asked->name);
    cg_buf_addf(&asked->named, "name : (%s)", cg_buf_str(&asked->match));
}

static void asked_free(struct asked *asked)
{
    cg_buf_free(&asked->match);
    cg_buf_free(&asked->named);
    cg_buf_free(&asked->name);
}

enum cg_err cg_sqlite_search(struct cg_metadata *md, const struct cg_search *search, cg_summary_visit visit, void *cls,
                             uint64_t *total_out, struct cg_error *err)
{
    struct search_walk walk = {.visit = visit, .cls = cls};
    struct cg_sqlite_arg count_args[3] = {CG_SQL_TEXT(search->namespace_name)};
    struct cg_sqlite_arg row_args[7] = {CG_SQL_TEXT(search->namespace_name), CG_SQL_INT(search->per_page),
                                        CG_SQL_INT(offset_of(search->per_page, search->page))};
    struct cg_sqlite_arg broad_args[7];
    struct page page = {.count_args = count_args, .row_args = row_args, .row = visit_match, .cls = &walk};
    struct asked asked;
    enum cg_err rc;
    bool all;

    ask(&asked, search->query);
    all = asked.match.len == 0;
    page.count = all ? CG_SQL_COUNT_ALL : CG_SQL_COUNT_MATCHES;
    page.rows = statement(search->sort, all);
    if (!all)
        count_args[1] = row_args[3] = (struct cg_sqlite_arg)CG_SQL_TEXT(cg_buf_str(&asked.match));
    if (page.rows == CG_SQL_MATCHES_RELEVANCE) {
        row_args[4] = (struct cg_sqlite_arg)CG_SQL_TEXT(cg_buf_str(&asked.name));
        memcpy(broad_args, row_args, sizeof(broad_args));
        broad_args[5] = (struct cg_sqlite_arg)CG_SQL_TEXT(cg_buf_str(&asked.named));
        page.broad_rows = CG_SQL_MATCHES_BROAD;
        page.broad_args = broad_args;
    }
    rc = read_page(md, &page, total_out, err);
    asked_free(&asked);
    return rc;
}

struct reverse_walk {
    cg_reverse_visit visit;
    void *cls;
};

static enum cg_err visit_dependent(void *cls, sqlite3_stmt *row)
{
    struct reverse_walk *walk = cls;
    struct cg_reverse_row dependent = {
        .name = cg_sqlite_text(row, 0),
        .version = cg_sqlite_text(row, 1),
        .dependency =
            {
                .crate = cg_sqlite_text(row, 2),
                .registry = cg_sqlite_text(row, 3),
                .req = cg_sqlite_text(row, 4),
                .kind = cg_sqlite_text(row, 5),
                .target = cg_sqlite_text(row, 6),
                .optional = sqlite3_column_int(row, 7) != 0,
                .default_features = sqlite3_column_int(row, 8) != 0,
                .features = cg_sqlite_text(row, 9),
            },
        .downloads = sqlite3_column_int64(row, 10),
    };

    return walk->visit(walk->cls, &dependent);
}

enum cg_err cg_sqlite_reverse(struct cg_metadata *md, const char *ns, const char *crate, unsigned per_page,
                              unsigned page, cg_reverse_visit visit, void *cls, uint64_t *total_out,
                              struct cg_error *err)
{
    struct reverse_walk walk = {.visit = visit, .cls = cls};
    struct page p = {
        .count = CG_SQL_COUNT_REVERSE,
        .count_args = CG_SQL_ARGS(CG_SQL_TEXT(ns), CG_SQL_TEXT(crate)),
        .rows = CG_SQL_REVERSE,
        .row_args = CG_SQL_ARGS(CG_SQL_TEXT(ns), CG_SQL_TEXT(crate), CG_SQL_INT(per_page),
                                CG_SQL_INT(offset_of(per_page, page))),
        .row = visit_dependent,
        .cls = &walk,
    };

    return read_page(md, &p, total_out, err);
}
