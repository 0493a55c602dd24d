/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Every statement that runs after the database is open, by name. All values are bound. */
#ifndef CG_METADATA_SQLITE_SQL_H
#define CG_METADATA_SQLITE_SQL_H

#define CG_SQL_SUMMARY                                                                                                 \
    "SELECT c.ns, c.crate, c.name, c.max_version, c.max_stable_version, c.description, c.keywords, c.categories,"      \
    " c.homepage, c.documentation, c.repository, c.created_at, c.updated_at, coalesce(t.count, 0) AS downloads"
#define CG_SQL_TOTALS " LEFT JOIN download_total t ON t.ns = c.ns AND t.crate = c.crate "

/* ?1 namespace, ?2 limit, ?3 offset, ?4 full-text expression, ?5 the folded name that was meant, ?6 as ?4, of names only.
 * A page is chosen by what the indexes hold, and only its rows are read. A full-text search always leads: the planner
 * would rather ask it about each crate. */
#define CG_SQL_PAGE " LIMIT ?2 OFFSET ?3"
#define CG_SQL_SHOWN(chosen, order)                                                                                    \
    CG_SQL_SUMMARY " FROM (" chosen ") p CROSS JOIN crate c ON c.id = p.id" CG_SQL_TOTALS "ORDER BY " order
#define CG_SQL_ALL(order) CG_SQL_SHOWN("SELECT c.id FROM crate c WHERE c.ns = ?1 ORDER BY " order CG_SQL_PAGE, order)
#define CG_SQL_OF_SPACE                                                                                                \
    " BETWEEN (SELECT first_id FROM space WHERE ns = ?1) AND (SELECT last_id FROM space WHERE ns = ?1)"
#define CG_SQL_MATCHING " WHERE s.search_text MATCH ?4 AND s.rowid" CG_SQL_OF_SPACE
#define CG_SQL_MATCHES(order)                                                                                          \
    CG_SQL_SHOWN("SELECT c.id FROM search_text s CROSS JOIN crate c ON c.id = s.rowid" CG_SQL_MATCHING                 \
                 " ORDER BY " order CG_SQL_PAGE,                                                                       \
                 order)
#define CG_SQL_WEIGHTS "bm25(search_text, 10.0, 1.0, 4.0)"
#define CG_SQL_NAMED "(SELECT id FROM crate WHERE ns = ?1 AND crate = ?5)"
#define CG_SQL_BEGINNING                                                                                               \
    "(SELECT id, crate FROM crate WHERE ns = ?1 AND crate > ?5 AND crate < ?5 || char(1114111) LIMIT 1000)"

/* ?1 namespace, ?2 crate: the edges to it of versions that their crates show. */
#define CG_SQL_EDGES " FROM dependency d WHERE d.ns = ?1 AND d.crate = ?2 AND d.registry = '' AND d.shown"
#define CG_SQL_SHOWN_VERSION                                                                                           \
    "(SELECT v.position FROM crate c JOIN version v ON v.ns = c.ns AND v.crate = c.crate AND v.version = c.max_version" \
    " WHERE c.ns = ?1 AND c.crate = ?2)"

#define CG_SQL_TABLE(X)                                                                                                \
    X(BEGIN_WRITE, "BEGIN IMMEDIATE")                                                                                  \
    X(BEGIN_READ, "BEGIN")                                                                                             \
    X(COMMIT, "COMMIT")                                                                                                \
    X(ROLLBACK, "ROLLBACK")                                                                                            \
    X(PROBE, "INSERT INTO probe (id, at) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET at = excluded.at RETURNING at") \
    /* The full-text table is read first: some versions of SQLite (3.46) otherwise check it against what this           \
     * connection remembers of it from before another one's changes. */                                                \
    X(CHECK_PAGES,                                                                                                     \
      "SELECT i.integrity_check FROM (SELECT count(*) FROM search_text WHERE search_text MATCH 'x') CROSS JOIN"        \
      " pragma_integrity_check i LIMIT 1")                                                                             \
    X(CHECK_KEYS, "PRAGMA foreign_key_check")                                                                          \
    X(CHECK_SEARCH, "INSERT INTO search_text (search_text) VALUES ('integrity-check')")                                \
    X(GENERATION, "SELECT value FROM generation WHERE what = ?1")                                                      \
    X(GENERATION_BUMP,                                                                                                 \
      "INSERT INTO generation (what, value) VALUES (?1, 1) ON CONFLICT (what) DO UPDATE SET value = value + 1")        \
    X(SETTLED, "SELECT at FROM settled WHERE ns = ?1")                                                                  \
    X(SETTLED_CLEAR, "DELETE FROM settled WHERE ns = ?1")                                                               \
    X(SETTLED_SET,                                                                                                     \
      "INSERT INTO settled (ns, at) VALUES (?1, ?2) ON CONFLICT (ns) DO UPDATE SET at = excluded.at")                  \
    X(TOKEN_INSERT,                                                                                                    \
      "INSERT INTO token (digest, kind, name, owner_id, owner_name, created_at, expires_at, last_used_at, actions,"    \
      " crates, namespaces, grants, owner_group) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)")     \
    X(TOKEN_DELETE, "DELETE FROM token WHERE id = ?1")                                                                 \
    X(TOKEN_EACH,                                                                                                      \
      "SELECT id, digest, kind, name, owner_id, owner_name, created_at, expires_at, last_used_at, actions, crates,"    \
      " namespaces, grants, owner_group FROM token ORDER BY id")                                                       \
    X(TOKEN_TOUCH, "UPDATE token SET last_used_at = max(last_used_at, ?2) WHERE id = ?1")                              \
    X(SUBJECT_PUT,                                                                                                     \
      "INSERT INTO subject (id, verdict, asked_at, gone_since, suspended_at, identity, mac)"                           \
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE SET verdict = excluded.verdict,"                \
      " asked_at = excluded.asked_at, gone_since = excluded.gone_since, suspended_at = excluded.suspended_at,"         \
      " identity = excluded.identity, mac = excluded.mac")                                                             \
    X(SUBJECT_EACH, "SELECT id, verdict, asked_at, gone_since, suspended_at, identity, mac FROM subject ORDER BY rowid")              \
    X(SUBJECT_DELETE, "DELETE FROM subject WHERE id = ?1")                                                             \
    X(OWNER_SUPERSEDE,                                                                                                 \
      "UPDATE owner SET active = 0 WHERE ns = ?1 AND crate = ?2 AND login = ?3 AND active"                             \
      " AND NOT (kind = ?4 AND subject = ?5)")                                                                         \
    X(OWNER_ADD,                                                                                                       \
      "INSERT INTO owner (ns, crate, login, kind, subject, active) VALUES (?1, ?2, ?3, ?4, ?5, 1)"                     \
      " ON CONFLICT (ns, crate, kind, subject) DO UPDATE SET login = excluded.login, active = 1")                      \
    X(OWNER_REMOVE, "UPDATE owner SET active = 0 WHERE ns = ?1 AND crate = ?2 AND login = ?3 AND active")              \
    X(OWNER_EACH,                                                                                                      \
      "SELECT id, kind, login, subject FROM owner WHERE ns = ?1 AND crate = ?2 AND active ORDER BY id")                \
    X(OWNER_EACH_OF_SPACE,                                                                                             \
      "SELECT min(id), kind, login, subject FROM owner WHERE ns = ?1 AND active GROUP BY kind, subject")               \
    X(QUARANTINE_PUT,                                                                                                  \
      "INSERT INTO quarantine (ns, crate, version, reason, cksum, since) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"              \
      " ON CONFLICT (ns, crate, version) DO UPDATE SET reason = excluded.reason, cksum = excluded.cksum,"              \
      " since = excluded.since")                                                                                       \
    X(QUARANTINE_REMOVE, "DELETE FROM quarantine WHERE ns = ?1 AND crate = ?2 AND version = ?3")                       \
    X(QUARANTINE_EACH,                                                                                                 \
      "SELECT crate, version, reason, cksum, since FROM quarantine WHERE ns = ?1 ORDER BY crate, version")             \
    X(YANK_NOTE_PUT,                                                                                                   \
      "INSERT INTO yank_note (ns, crate, version, yanked, noted_at) VALUES (?1, ?2, ?3, ?4, ?5)"                       \
      " ON CONFLICT (ns, crate, version) DO UPDATE SET yanked = excluded.yanked, noted_at = excluded.noted_at")        \
    X(YANK_NOTE_EACH,                                                                                                  \
      "SELECT crate, version, yanked, noted_at FROM yank_note WHERE ns = ?1 ORDER BY crate, version")                  \
    X(DOWNLOADS_ADD,                                                                                                   \
      "INSERT INTO download (ns, crate, version, count) VALUES (?1, ?2, ?3, ?4)"                                       \
      " ON CONFLICT (ns, crate, version) DO UPDATE SET count = count + excluded.count")                                \
    X(DOWNLOADS_ADD_TOTAL,                                                                                             \
      "INSERT INTO download_total (ns, crate, count) VALUES (?1, ?2, ?3)"                                              \
      " ON CONFLICT (ns, crate) DO UPDATE SET count = count + excluded.count")                                         \
    X(SPACE_ADD, "INSERT INTO space (ns, crates) VALUES (?1, 0) ON CONFLICT (ns) DO NOTHING")                          \
    X(SPACE_CLEAR, "UPDATE space SET crates = 0 WHERE ns = ?1")                                                        \
    X(TOTAL_ADD, "INSERT INTO download_total (ns, crate, count) VALUES (?1, ?2, 0) ON CONFLICT (ns, crate) DO NOTHING") \
    X(CRATE_PUT,                                                                                                       \
      "INSERT INTO crate (id, ns, crate, name, max_version, max_stable_version, description, keywords, categories,"    \
      " homepage, documentation, repository, created_at, updated_at)"                                                  \
      " SELECT coalesce((SELECT max(id) + 1 FROM crate WHERE id BETWEEN s.first_id AND s.last_id), s.first_id),"       \
      " ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13 FROM space s WHERE s.ns = ?1"                           \
      " ON CONFLICT (ns, crate) DO UPDATE SET name = excluded.name, max_version = excluded.max_version,"               \
      " max_stable_version = excluded.max_stable_version, description = excluded.description,"                         \
      " keywords = excluded.keywords, categories = excluded.categories, homepage = excluded.homepage,"                 \
      " documentation = excluded.documentation, repository = excluded.repository,"                                     \
      " created_at = excluded.created_at, updated_at = excluded.updated_at RETURNING id")                              \
    X(CRATE_GET, CG_SQL_SUMMARY " FROM crate c" CG_SQL_TOTALS "WHERE c.ns = ?1 AND c.crate = ?2")                      \
    X(CRATE_REMOVE, "DELETE FROM crate WHERE ns = ?1 AND crate = ?2")                                                  \
    X(CRATE_CLEAR, "DELETE FROM crate WHERE ns = ?1")                                                                  \
    X(TEXT_DROP, "DELETE FROM search_text WHERE rowid = ?1")                                                           \
    X(TEXT_PUT, /* the name also without its separators: "serdejson" finds serde_json */                               \
      "INSERT INTO search_text (rowid, name, description, keywords)"                                                   \
      " VALUES (?1, ?2 || ' ' || replace(replace(?2, '-', ''), '_', ''), ?3, ?4)")                                     \
    X(TEXT_REMOVE,                                                                                                     \
      "DELETE FROM search_text WHERE rowid IN (SELECT id FROM crate WHERE ns = ?1 AND crate = ?2)")                    \
    X(TEXT_CLEAR, "DELETE FROM search_text WHERE rowid IN (SELECT id FROM crate WHERE ns = ?1)")                       \
    X(TEXT_REBUILD, "INSERT INTO search_text (search_text) VALUES ('rebuild')")                                        \
    X(VERSION_PUT,                                                                                                     \
      "INSERT INTO version (ns, crate, version, license, readme_path, published_by, crate_size, published_at)"         \
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"                                                                       \
      " ON CONFLICT (ns, crate, version) DO UPDATE SET license = excluded.license,"                                    \
      " readme_path = excluded.readme_path, published_by = excluded.published_by,"                                     \
      " crate_size = excluded.crate_size, published_at = excluded.published_at RETURNING position")                    \
    X(VERSION_EACH,                                                                                                    \
      "SELECT v.version, v.license, v.readme_path, v.published_by, v.crate_size, v.published_at,"                      \
      " coalesce(d.count, 0) FROM version v LEFT JOIN download d"                                                      \
      " ON d.ns = v.ns AND d.crate = v.crate AND d.version = v.version"                                                \
      " WHERE v.ns = ?1 AND v.crate = ?2 ORDER BY v.position")                                                         \
    X(VERSION_REMOVE, "DELETE FROM version WHERE ns = ?1 AND crate = ?2")                                              \
    X(VERSION_CLEAR, "DELETE FROM version WHERE ns = ?1")                                                              \
    X(DEPENDENCY_DROP, "DELETE FROM dependency WHERE version = ?1")                                                    \
    X(DEPENDENCY_PUT,                                                                                                  \
      "INSERT INTO dependency (version, ns, crate, registry, req, kind, target, optional, default_features,"           \
      " features, shown) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, EXISTS (SELECT 1 FROM version v JOIN crate c" \
      " ON c.ns = v.ns AND c.crate = v.crate AND c.max_version = v.version WHERE v.position = ?1))")                   \
    X(DEPENDENCY_HIDE, "UPDATE dependency SET shown = 0 WHERE shown AND version = " CG_SQL_SHOWN_VERSION)               \
    X(DEPENDENCY_SHOW, "UPDATE dependency SET shown = 1 WHERE NOT shown AND version = " CG_SQL_SHOWN_VERSION)                                                   \
    X(DOWNLOAD_REMOVE, "DELETE FROM download WHERE ns = ?1 AND crate = ?2")                                            \
    X(DOWNLOAD_TOTAL_REMOVE, "DELETE FROM download_total WHERE ns = ?1 AND crate = ?2")                                \
    X(COUNT_ALL, "SELECT crates FROM space WHERE ns = ?1")                                                             \
    X(COUNT_MATCHES,                                                                                                   \
      "SELECT count(*) FROM search_text s WHERE s.search_text MATCH ?2 AND s.rowid" CG_SQL_OF_SPACE)                   \
    X(ALL_ALPHA, CG_SQL_ALL("c.crate"))                                                                                \
    X(ALL_DOWNLOADS,                                                                                                   \
      CG_SQL_SHOWN("SELECT c.id FROM download_total t CROSS JOIN crate c ON c.ns = t.ns AND c.crate = t.crate"         \
                   " WHERE t.ns = ?1 ORDER BY t.count DESC, t.crate" CG_SQL_PAGE,                                      \
                   "downloads DESC, c.crate"))                                                                         \
    X(ALL_UPDATES, CG_SQL_ALL("c.updated_at DESC, c.crate"))                                                           \
    X(ALL_NEW, CG_SQL_ALL("c.created_at DESC, c.crate"))                                                               \
    X(MATCHES_RELEVANCE,                                                                                               \
      CG_SQL_SHOWN("SELECT c.id, c.crate = ?5 AS same, substr(c.crate, 1, length(?5)) = ?5 AS begins,"                 \
                   " " CG_SQL_WEIGHTS " AS weight"                                                                     \
                   " FROM search_text s CROSS JOIN crate c ON c.id = s.rowid" CG_SQL_MATCHING                          \
                   " ORDER BY same DESC, begins DESC, weight, c.crate" CG_SQL_PAGE,                                    \
                   "p.same DESC, p.begins DESC, p.weight, c.crate"))                                                   \
    /* For very many matches: that name, names that begin with it (short ones first), the weightiest of a thousand that \
     * have the words in their names, and the rest as they come. */                                                    \
    X(MATCHES_BROAD,                                                                                                   \
      CG_SQL_SHOWN("WITH best (id, weight) AS MATERIALIZED (SELECT s.rowid, " CG_SQL_WEIGHTS " FROM search_text s"     \
                   " WHERE s.search_text MATCH ?6 AND s.rowid" CG_SQL_OF_SPACE " LIMIT 1000)"                          \
                   " SELECT id, 0 AS tier, 0 AS weight, '' AS name FROM " CG_SQL_NAMED                                 \
                   " UNION ALL SELECT id, 1, length(crate), crate FROM " CG_SQL_BEGINNING                              \
                   " UNION ALL SELECT id, 2, weight, '' FROM best WHERE id NOT IN " CG_SQL_NAMED                       \
                   " AND id NOT IN (SELECT id FROM " CG_SQL_BEGINNING ")"                                              \
                   " UNION ALL SELECT * FROM (SELECT s.rowid, 3, s.rowid, '' FROM search_text s" CG_SQL_MATCHING       \
                   " AND s.rowid NOT IN (SELECT id FROM best) AND s.rowid NOT IN " CG_SQL_NAMED                        \
                   " AND s.rowid NOT IN (SELECT id FROM " CG_SQL_BEGINNING ") LIMIT ?2 + ?3)"                          \
                   " ORDER BY tier, weight, name, id" CG_SQL_PAGE,                                                     \
                   "p.tier, p.weight, p.name, p.id"))                                                                  \
    X(MATCHES_ALPHA, CG_SQL_MATCHES("c.crate"))                                                                        \
    X(MATCHES_DOWNLOADS,                                                                                               \
      CG_SQL_SHOWN("SELECT c.id FROM search_text s CROSS JOIN crate c ON c.id = s.rowid CROSS JOIN download_total t"   \
                   " ON t.ns = c.ns AND t.crate = c.crate" CG_SQL_MATCHING                                             \
                   " ORDER BY t.count DESC, c.crate" CG_SQL_PAGE,                                                      \
                   "downloads DESC, c.crate"))                                                                         \
    X(MATCHES_UPDATES, CG_SQL_MATCHES("c.updated_at DESC, c.crate"))                                                   \
    X(MATCHES_NEW, CG_SQL_MATCHES("c.created_at DESC, c.crate"))                                                       \
    X(COUNT_REVERSE, "SELECT count(DISTINCT d.version)" CG_SQL_EDGES)                                                  \
    X(REVERSE, /* a dependent once, by its weightiest edge: SQLite takes the plain columns from the row of min() */    \
      "SELECT p.name, p.number, d.crate, d.registry, d.req, d.kind, d.target, d.optional, d.default_features,"         \
      " d.features, p.downloads, min(CASE d.kind WHEN 'normal' THEN 0 WHEN 'build' THEN 1 ELSE 2 END * 1000000000000"  \
      " + d.id) FROM (SELECT v.position, v.version AS number, c.name, c.crate, t.count AS downloads"                   \
      " FROM (SELECT DISTINCT d.version" CG_SQL_EDGES ") e CROSS JOIN version v ON v.position = e.version"             \
      " CROSS JOIN crate c ON c.ns = v.ns AND c.crate = v.crate"                                                       \
      " CROSS JOIN download_total t ON t.ns = v.ns AND t.crate = v.crate"                                              \
      " ORDER BY t.count DESC, v.crate LIMIT ?3 OFFSET ?4) p CROSS JOIN dependency d ON d.version = p.position"        \
      " WHERE d.ns = ?1 AND d.crate = ?2 AND d.registry = '' GROUP BY p.position ORDER BY p.downloads DESC, p.crate")

enum cg_sql {
#define X(name, text) CG_SQL_##name,
    CG_SQL_TABLE(X)
#undef X
        CG_SQL_COUNT
};

#endif
