/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The configuration: text -> immutable, reference-counted snapshot.
 *
 * conf/schema.c holds the one table (key, type, default, limits, documentation,
 * where it goes in the structs below) that drives the parser, the defaults,
 * `-t`, `--dump-config`, etc/crategate.toml, docs/configuration.md and the man
 * page. Loading never touches the network; it checks that files named by the
 * configuration exist, are readable and, for secrets, are 0600 or 0400.
 *
 * Errors are INVALID with "FILE:LINE: KEY: reason", all problems found, one a
 * line in the report (not only the first).
 * Threading: a snapshot is read by any thread; load is for one thread at a time.
 */
#ifndef CG_CONF_CONF_H
#define CG_CONF_CONF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/secret.h"
#include "base/str.h"
#include "crategate/err.h"
#include "log/log.h"

enum cg_grant_kind { CG_GRANT_USER, CG_GRANT_GROUP, CG_GRANT_DN, CG_GRANT_AUTHENTICATED, CG_GRANT_ANONYMOUS };

/* One grant as written, and the line it stands on. */
struct cg_conf_grant {
    enum cg_grant_kind kind;
    char *value; /* name or DN as written; "" for authenticated and anonymous */
    char *text;  /* the whole grant as written: "group:payments" */
    unsigned line;
    bool mapped; /* it stands in [[ldap.group_map]], not in the namespace's own list */
};

struct cg_conf_grants {
    struct cg_conf_grant *items;
    size_t count;
};

struct cg_conf_namespace {
    char *name;
    unsigned line;
    int type;    /* enum cg_conf_type */
    int storage; /* enum cg_conf_storage */
    char *artifactory; /* of storage artifactory: the name of the instance, else "" */
    char *repository;  /* and the key of the repository there */
    struct cg_conf_grants read, publish, admin;
    char **prefixes;           /* NULL-terminated or NULL, as written */
    char **required_fields;    /* "description", "license", ... */
    char **allowed_registries; /* index URLs that dependencies may name */
    char *team_dn; /* of a namespace made by [teams]: the group's canonical DN; else NULL */
};

/* One [[ldap.group_map]]: it is in the namespace's lists too, as a mapped grant. */
struct cg_conf_group_map {
    char *group; /* DN as written */
    char *namespace_name;
    int role; /* enum cg_mapped_role */
    unsigned line;
};

enum cg_mapped_role { CG_MAPPED_READ, CG_MAPPED_PUBLISH, CG_MAPPED_OWNER, CG_MAPPED_ADMIN };

/* [teams]: what the namespace of each team is made of. {team} in the texts stands for the team's name. */
struct cg_conf_teams {
    bool present;
    unsigned line;
    char *group_filter; /* below ldap.group_base */
    char *name_prefix;  /* taken off the group's name */
    bool known;         /* the namespaces of the teams are in this snapshot: see cg_conf_with_teams */
    struct cg_conf_namespace like; /* type, storage, grants ... as written; name NULL */
};

/* A group of the directory that [teams] makes a namespace of. */
struct cg_conf_team {
    const char *group; /* common name: "rust-billing" */
    const char *dn;    /* canonical */
};

enum cg_conf_type { CG_TYPE_LOCAL };
enum cg_conf_storage { CG_STORAGE_FILESYSTEM, CG_STORAGE_ARTIFACTORY };
enum cg_directory_type { CG_DIR_OPENLDAP, CG_DIR_AD, CG_DIR_389DS, CG_DIR_POSIX };
enum cg_start_tls { CG_START_TLS_REQUIRED, CG_START_TLS_NEVER };
enum cg_basic_auth { CG_BASIC_OFF, CG_BASIC_LOGIN, CG_BASIC_EVERYWHERE };
enum cg_bind_method { CG_BIND_SIMPLE, CG_BIND_EXTERNAL, CG_BIND_ANONYMOUS };
enum cg_group_source { CG_GROUPS_SEARCH, CG_GROUPS_MEMBER_OF, CG_GROUPS_TOKEN_GROUPS, CG_GROUPS_NONE };
enum cg_nested_groups { CG_NESTED_OFF, CG_NESTED_RECURSIVE, CG_NESTED_IN_CHAIN };
enum cg_account_state {
    CG_STATE_AUTO,
    CG_STATE_AD,
    CG_STATE_PPOLICY,
    CG_STATE_389DS,
    CG_STATE_SHADOW,
    CG_STATE_NONE
};
enum cg_dereference { CG_DEREF_NEVER, CG_DEREF_SEARCHING, CG_DEREF_FINDING, CG_DEREF_ALWAYS };
enum cg_search_scope { CG_SCOPE_BASE, CG_SCOPE_ONE, CG_SCOPE_SUB };
enum cg_tls_version { CG_TLS_1_2, CG_TLS_1_3 };

/* ldap.md section 6. Times are milliseconds. */
struct cg_conf_ldap {
    bool present; /* is there an [ldap] section? See cg_conf_has_directory. */
    bool enabled;
    int directory_type;
    char **uri;
    int start_tls;
    bool allow_plaintext;
    char *tls_ca_file;
    char *tls_cert_file, *tls_key_file; /* both or neither; for bind_method external */
    int tls_min_version;
    char *tls_ciphers; /* the TLS library's own syntax, "": its choice */
    int bind_method;
    bool allow_anonymous_search;
    char *bind_dn; /* "" unless bind_method is simple */
    char *bind_password_file;
    struct cg_secret bind_password; /* read from the file at load */
    int64_t connect_timeout, operation_timeout, login_timeout, server_retry_after;
    unsigned pool_size;
    int64_t pool_idle_timeout, pool_max_lifetime;
    char **search_base;
    int search_scope;
    char *search_filter; /* {username} */
    char *user_dn_template; /* {username}; "": people are searched for */
    char *username_attribute;
    char *username_pattern; /* PCRE2 */
    char *id_attribute;
    char *display_name_attribute;
    char *mail_attribute; /* "": none */
    int account_state;
    char *account_filter;
    bool locked_by_failures_blocks_tokens;
    int dereference_aliases;
    unsigned page_size; /* 0: no paging */
    int group_source;
    char **group_base;
    char *group_filter; /* {dn}, {username} */
    char *group_name_attribute;
    int nested_groups;
    unsigned nested_depth;
    unsigned max_groups;
    char *required_group; /* DN */
    int64_t revalidate_interval, stale_if_error_read, stale_if_error_write;
    int64_t sync_interval;     /* 0: no sweeps */
    double max_sweep_fraction; /* 0..1 */
    int64_t purge_after;       /* suspended tokens are deleted then */
    int basic_auth;
    int64_t auth_cache_ttl, negative_cache_ttl;
    unsigned max_failures_per_user;    /* per failure_window */
    unsigned max_failures_per_address; /* per minute */
    int64_t failure_window;
    unsigned max_logins_per_second; /* that reach the directory, of all people together; 0: no limit */
    struct cg_conf_group_map *group_map;
    size_t group_map_count;
};

/* [artifactory.NAME]: an instance that namespaces keep their crates in. Times are milliseconds. */
struct cg_conf_artifactory {
    char *name;
    unsigned line;
    char *url; /* without trailing slash, context path included */
    char *token_file;
    struct cg_secret token; /* as in the file: "Bearer x", "Basic x" or a bare access token */
    char *ca_file;          /* "": the system's bundle */
    int64_t sync_interval;  /* 0: never */
    uint64_t cache_size;
    char *webhook_secret_file;
    struct cg_secret webhook_secret;
    int64_t connect_timeout, answer_timeout, stall_timeout;
    unsigned max_connections;
};

struct cg_conf {
    atomic_uint refs;
    struct cg_conf *base; /* of a snapshot with teams: the one as loaded, which owns all but the teams; else NULL */
    char *file; /* where it was read from */
    char *public_url; /* without trailing slash */
    char **listen;
    char *tls_certificate, *tls_key; /* both or neither (""): TLS on TCP listeners */
    char *state_dir;
    char **trusted_proxies; /* CIDRs, checked */
    uint64_t max_crate_size;
    uint64_t max_unpacked_size;
    uint64_t index_cache_size;
    unsigned workers;        /* 0: chosen from the processors */
    unsigned max_connections;
    int64_t request_timeout; /* a request's headers and body must arrive within */
    int64_t idle_timeout;
    int64_t shutdown_timeout;
    unsigned max_token_days;
    unsigned default_token_days;
    unsigned unused_token_days; /* 0: never */
    int log_level;  /* enum cg_log_level */
    int log_format; /* enum cg_log_format */
    char *audit_file;
    bool audit_required;
    struct cg_conf_ldap ldap;
    struct cg_conf_teams teams;
    struct cg_conf_artifactory *artifactories;
    size_t artifactory_count;
    struct cg_conf_namespace *namespaces;
    size_t namespace_count;
};

/* Reads, parses and checks. On INVALID every problem is a line in `report`, if not NULL; err holds the first. */
enum cg_err cg_conf_load(const char *path, struct cg_conf **conf_out, struct cg_buf *report,
                         struct cg_error *err) CG_CHECK;
/* The same from memory; `name` stands for the file in messages. Tests and fuzzing. */
enum cg_err cg_conf_parse(const char *name, const char *text, size_t len, struct cg_conf **conf_out,
                          struct cg_buf *report, struct cg_error *err) CG_CHECK;
struct cg_conf *cg_conf_ref(struct cg_conf *conf);
void cg_conf_unref(struct cg_conf **conf);

/* Effective values as TOML; secrets are only ever file names, so nothing needs masking but is checked again.
 * dump -> parse -> dump is a fixpoint. */
void cg_conf_dump(const struct cg_conf *conf, struct cg_buf *out);
/* The commented sample file (etc/crategate.toml), docs/configuration.md and docs/crategate.toml.5, from the table. */
void cg_conf_write_sample(struct cg_buf *out);
void cg_conf_write_docs(struct cg_buf *out);
void cg_conf_write_man(struct cg_buf *out);

/* Is there a directory to ask: an [ldap] section that is enabled? */
bool cg_conf_has_directory(const struct cg_conf *conf);
/* The name of the namespace that [teams] makes of a group. INVALID with a sentence when it can make none. */
enum cg_err cg_conf_team_name(const struct cg_conf *conf, const char *group, char out[CG_NAMESPACE_MAX + 1],
                              struct cg_error *err) CG_CHECK;
/*
 * The snapshot `base` (or what it is derived from) with one more namespace for each of these teams, {team} filled in
 * and team_dn set; it shares everything else with the base and keeps a reference to it. What cannot be a namespace is
 * left out and told in `problems` (may be NULL), one a line: a group without the prefix, a name that is none, that is
 * configured already, or that two groups bear (neither gets it), a prefix that covers another namespace's. Earlier
 * teams come before later ones. INVALID when there is no [teams].
 */
enum cg_err cg_conf_with_teams(struct cg_conf *base, const struct cg_conf_team *teams, size_t count,
                               struct cg_buf *problems, struct cg_conf **conf_out) CG_CHECK;
/* The snapshot as loaded from the file, without teams; borrowed. */
const struct cg_conf *cg_conf_base(const struct cg_conf *conf);
/* Does [teams] speak of namespaces that this snapshot does not know, because no directory has told yet? */
bool cg_conf_teams_unknown(const struct cg_conf *conf);
/* The instance of that name, NULL when there is none. */
const struct cg_conf_artifactory *cg_conf_artifactory(const struct cg_conf *conf, const char *name);
/* The namespace of that name, NULL when there is none. */
const struct cg_conf_namespace *cg_conf_namespace(const struct cg_conf *conf, const char *name);
/* Keys that differ between two snapshots and only take effect at a restart (listen, state_dir, workers...), one a line.*/
void cg_conf_restart_needed(const struct cg_conf *old_conf, const struct cg_conf *new_conf, struct cg_buf *out);

#endif
