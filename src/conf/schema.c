/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The table. A new key is a row here, a member in conf.h, and nothing else. */
#include "conf/schema.h"

#include "conf/format.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)

#define MAIN(key, member) .name = (key), .field = #member, .offset = offsetof(struct cg_conf, member)
#define SPACE(key, member) .name = (key), .field = #member, .offset = offsetof(struct cg_conf_namespace, member)
#define TEAMS(key, member) .name = (key), .field = "teams." #member, .offset = offsetof(struct cg_conf, teams.member)
#define MAPPED(key, member) .name = (key), .field = "map." #member, .offset = offsetof(struct cg_conf_group_map, member)
#define INSTANCE(key, member)                                                                                          \
    .name = (key), .field = "artifactory." #member, .offset = offsetof(struct cg_conf_artifactory, member)
#define RANGE(from, to) .min = (from), .max = (to)

/* Words stand in the order of their enums in conf.h and log.h. */
static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const log_formats[] = {"text", "json", NULL};
static const char *const directory_types[] = {"openldap", "ad", "389ds", "posix", NULL};
static const char *const start_tls_words[] = {"required", "never", NULL};
static const char *const tls_versions[] = {"1.2", "1.3", NULL};
static const char *const scopes[] = {"base", "one", "sub", NULL};
static const char *const account_states[] = {"auto", "ad", "ppolicy", "389ds", "shadow", "none", NULL};
static const char *const bind_methods[] = {"simple", "external", "anonymous", NULL};
static const char *const dereference_words[] = {"never", "searching", "finding", "always", NULL};
static const char *const group_sources[] = {"search", "member_of", "token_groups", "none", NULL};
static const char *const nested_words[] = {"off", "recursive", "in_chain", NULL};
static const char *const basic_words[] = {"off", "login", "everywhere", NULL};
static const char *const namespace_types[] = {"local", NULL};
static const char *const storages[] = {"filesystem", "artifactory", NULL};
static const char *const mapped_roles[] = {"read", "publish", "owner", "admin", NULL};

const struct cg_conf_section cg_conf_sections[] = {
    {"", "The gateway",
     "Keys of the top level. They must stand before the first [section]: in TOML everything behind a header belongs to "
     "that section.",
     NULL},
    {"log", "The operational log", "One line an event on standard error, where systemd collects it.", "[log]"},
    {"audit", "The audit trail",
     "One JSON record for every login, refusal, publish, yank, owner change, token event and reload.", "[audit]"},
    {"ldap", "The directory",
     "Who people are. Without this section nobody can log in, and only what is granted to \"anonymous\" or to service "
     "tokens works. Certificates are always verified, referrals are never followed, and an empty password never "
     "reaches the directory; none of that can be configured.",
     "#[ldap]"},
    {"ldap.group_map[]", "Groups to namespaces",
     "Another way to write a grant, beside the directory's settings: each [[ldap.group_map]] is as good as \"dn:GROUP\" "
     "in that list of the namespace, which must have a section of its own (teams have their grants in [teams]).",
     "#[[ldap.group_map]]"},
    {"artifactory.*", "Artifactory",
     "One section for each Artifactory instance whose Cargo (or generic) repositories hold the crates of namespaces, "
     "[artifactory.NAME]. The gateway's own account there needs to read, deploy and annotate, and should not be able to "
     "delete. Nobody else's credentials are ever sent to it.",
     "#[artifactory.corp]"},
    {"namespace.*", "Namespaces",
     "One section for each namespace, [namespace.NAME]; a name has lower-case letters, digits and \"-\", at most 63. "
     "cargo finds it at PUBLIC_URL/api/cargo/NAME/index/. A grant is \"user:NAME\", \"group:NAME\" (the group's "
     "common name, which must be unique below ldap.group_base), \"dn:DN\" (a user's or a group's whole DN), "
     "\"authenticated\" (whoever logs in) or \"anonymous\" (reading only). admin implies publish, publish implies "
     "read.",
     "[namespace.demo]"},
    {"teams", "Teams",
     "One namespace for each group of the directory that a filter finds, without listing them here. It appears when the "
     "group does, with a name made of the group's; when the group is gone, so is the namespace, but its crates stay on "
     "disk. In grants and prefixes {team} stands for the name of the namespace. A namespace with a section of its own "
     "comes before a team's. A name belongs to the group that first bore it; another group of that name gets it only by "
     "`crategatectl namespace adopt` (docs/operations.md).",
     "#[teams]"},
};
const size_t cg_conf_section_count = sizeof(cg_conf_sections) / sizeof(cg_conf_sections[0]);

const struct cg_conf_key cg_conf_keys[] = {
    {MAIN("public_url", public_url), .kind = CG_KIND_STRING, .flags = CG_KEY_REQUIRED | CG_KEY_SHOW, .what = "URL",
     .check = cg_conf_check_public_url,
     .doc =
         "What clients type: the address of the gateway as they see it, through any proxy. It may carry a path, such "
         "as https://repo.corp.example/artifactory. A slash at its end is dropped.",
     .example = "\"https://crates.corp.example\""},
    {MAIN("listen", listen), .kind = CG_KIND_STRINGS, .flags = CG_KEY_NONEMPTY | CG_KEY_RESTART,
     .def = "[\"127.0.0.1:8080\"]", .what = "addresses", .check = cg_conf_check_listen,
     .doc =
         "Where to listen: \"ADDRESS:PORT\" with an IP address, \"[::1]:8080\", or \"unix:/path\" for a proxy on the "
         "same machine. Port 0 takes any free port.",
     .example = "[\"127.0.0.1:8080\", \"unix:/run/crategate/http.sock\"]"},
    {MAIN("tls_certificate", tls_certificate), .kind = CG_KIND_STRING, .def = "\"\"", .what = "absolute path",
     .check = cg_conf_check_path,
     .doc = "The certificate (PEM, the authorities between it and the root behind it) with which all TCP addresses speak "
            "https, HTTP/2 and HTTP/1.1 alike; needs tls_key. A unix socket stays without TLS. SIGHUP reads both files "
            "again; whether there is TLS at all is settled at the start.",
     .example = "\"/etc/crategate/tls/fullchain.pem\""},
    {MAIN("tls_key", tls_key), .kind = CG_KIND_STRING, .def = "\"\"", .what = "absolute path of a secret",
     .check = cg_conf_check_path, .doc = "The key of that certificate (PEM, without a passphrase), mode 0600 or 0400.",
     .example = "\"/etc/crategate/tls/key.pem\""},
    {MAIN("state_dir", state_dir), .kind = CG_KIND_STRING, .flags = CG_KEY_NONEMPTY | CG_KEY_RESTART,
     .def = "\"/var/lib/crategate\"", .what = "absolute path", .check = cg_conf_check_path,
     .doc = "Where everything is kept: crates and indexes (namespaces/), the database, the key of the tokens. It is "
            "created when it does not exist."},
    {MAIN("trusted_proxies", trusted_proxies), .kind = CG_KIND_STRINGS, .def = "[]", .what = "address ranges",
     .check = cg_conf_check_cidr,
     .doc = "Address ranges (CIDR) of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed. A password "
            "is accepted over TLS and loopback only, or when such a proxy says that the client spoke https.",
     .example = "[\"10.1.2.3/32\", \"fd00::/8\"]"},
    {MAIN("max_crate_size", max_crate_size), .kind = CG_KIND_SIZE, .def = "\"64M\"", RANGE(KIB, 2 * GIB),
     .doc = "The largest .crate file that may be published. Units are binary: \"64M\" is 64 MiB."},
    {MAIN("max_unpacked_size", max_unpacked_size), .kind = CG_KIND_SIZE, .def = "\"512M\"", RANGE(KIB, TIB),
     .doc = "The most that the files of a crate may take unpacked."},
    {MAIN("index_cache_size", index_cache_size), .kind = CG_KIND_SIZE, .flags = CG_KEY_RESTART, .def = "\"256M\"",
     RANGE(64 * KIB, TIB), .doc = "Memory for index files that are served without reading the disk."},
    {MAIN("workers", workers), .kind = CG_KIND_UINT, .flags = CG_KEY_RESTART, .def = "0", RANGE(0, 1024),
     .doc = "Threads for what has to wait for disk and database, and as many for what has to wait for the directory (logins "
            "above all). 0: chosen from the number of processors."},
    {MAIN("max_connections", max_connections), .kind = CG_KIND_UINT, .flags = CG_KEY_RESTART, .def = "4096",
     RANGE(1, 1000000),
     .doc = "Connections open at once. The limit of open files (LimitNOFILE) must leave room for them."},
    {MAIN("request_timeout", request_timeout), .kind = CG_KIND_DURATION, .flags = CG_KEY_RESTART, .def = "\"60s\"",
     RANGE(SECOND, HOUR), .doc = "Time within which all headers of a request must have arrived."},
    {MAIN("idle_timeout", idle_timeout), .kind = CG_KIND_DURATION, .flags = CG_KEY_RESTART, .def = "\"75s\"",
     RANGE(SECOND, HOUR),
     .doc = "A connection on which nothing moves is closed after this time, also in the middle of a body. Let it be "
            "longer than the proxy's own."},
    {MAIN("shutdown_timeout", shutdown_timeout), .kind = CG_KIND_DURATION, .def = "\"30s\"", RANGE(0, HOUR),
     .doc = "How long SIGTERM waits for the requests under way."},
    {MAIN("max_token_days", max_token_days), .kind = CG_KIND_UINT, .def = "365", RANGE(1, 3650),
     .doc = "The longest life, in days, that anybody may ask for a token."},
    {MAIN("default_token_days", default_token_days), .kind = CG_KIND_UINT, .def = "90", RANGE(1, 3650),
     .doc = "The life of a token for which none was asked. Left out, it is 90 days or max_token_days if that is less."},
    {MAIN("unused_token_days", unused_token_days), .kind = CG_KIND_UINT, .def = "90", RANGE(0, 3650),
     .doc = "A token that nobody used for so many days stops working, whatever its expiry. 0: never."},

    {MAIN("log.level", log_level), .kind = CG_KIND_ENUM, .def = "\"info\"", .words = log_levels,
     .doc = "How much is logged."},
    {MAIN("log.format", log_format), .kind = CG_KIND_ENUM, .def = "\"text\"", .words = log_formats,
     .doc = "Lines for people, or one JSON object a line."},

    {MAIN("audit.file", audit_file), .kind = CG_KIND_STRING, .def = "\"/var/log/crategate/audit.jsonl\"",
     .what = "absolute path", .check = cg_conf_check_path,
     .doc = "The file that records are appended to; it and its directory are created. SIGHUP opens it anew, for "
            "logrotate. \"\": no trail, which needs required = false."},
    {MAIN("audit.required", audit_required), .kind = CG_KIND_BOOL, .def = "true",
     .doc = "Refuse a change (with status 503) when it cannot be recorded."},

    {MAIN("ldap.enabled", ldap.enabled), .kind = CG_KIND_BOOL, .def = "true",
     .doc = "false: as if the section were not there. Nobody can log in, and people's tokens stop."},
    {MAIN("ldap.directory_type", ldap.directory_type), .kind = CG_KIND_ENUM, .def = "\"openldap\"",
     .words = directory_types,
     .doc = "Chooses the defaults of search_filter, username_attribute, id_attribute, group_source, group_filter and "
            "nested_groups for OpenLDAP (rfc2307bis), Active Directory, 389 Directory Server (FreeIPA) or plain POSIX "
            "accounts (rfc2307); each can be overridden."},
    {MAIN("ldap.uri", ldap.uri), .kind = CG_KIND_STRINGS, .flags = CG_KEY_REQUIRED, .what = "URIs",
     .check = cg_conf_check_ldap_uri,
     .doc = "The servers, tried in this order: ldaps://, ldap:// (with StartTLS) or ldapi:// (a local socket).",
     .example = "[\"ldaps://ldap1.corp.example\", \"ldaps://ldap2.corp.example\"]"},
    {MAIN("ldap.start_tls", ldap.start_tls), .kind = CG_KIND_ENUM, .def = "\"required\"", .words = start_tls_words,
     .doc = "For ldap:// servers: encrypt before anything else is said. \"never\" is accepted only for servers on "
            "loopback and with allow_plaintext = true."},
    {MAIN("ldap.allow_plaintext", ldap.allow_plaintext), .kind = CG_KIND_BOOL, .def = "false",
     .doc = "Confirms that start_tls = \"never\" is meant."},
    {MAIN("ldap.tls_ca_file", ldap.tls_ca_file), .kind = CG_KIND_STRING, .def = "\"\"", .what = "absolute path",
     .check = cg_conf_check_path,
     .doc = "Certificates (PEM) of the authorities that may have signed the servers' certificates. \"\": the system's.",
     .example = "\"/etc/crategate/corp-ca.pem\""},
    {MAIN("ldap.tls_cert_file", ldap.tls_cert_file), .kind = CG_KIND_STRING, .def = "\"\"", .what = "absolute path",
     .check = cg_conf_check_path,
     .doc = "The gateway's own certificate (PEM), which it shows to the servers; needs tls_key_file.",
     .example = "\"/etc/crategate/ldap-client.pem\""},
    {MAIN("ldap.tls_key_file", ldap.tls_key_file), .kind = CG_KIND_STRING, .def = "\"\"",
     .what = "absolute path of a secret", .check = cg_conf_check_path,
     .doc = "The key of that certificate (PEM, without a passphrase), mode 0600 or 0400.",
     .example = "\"/etc/crategate/ldap-client.key\""},
    {MAIN("ldap.tls_min_version", ldap.tls_min_version), .kind = CG_KIND_ENUM, .def = "\"1.2\"", .words = tls_versions,
     .doc = "The oldest version of TLS that a server may speak."},
    {MAIN("ldap.tls_ciphers", ldap.tls_ciphers), .kind = CG_KIND_STRING, .def = "\"\"",
     .what = "ciphers as libldap's TLS library writes them", .check = cg_conf_check_printable,
     .doc = "Narrows the ciphers: with GnuTLS a part of a priority string such as \"-CIPHER-ALL:+AES-256-GCM\", with "
            "OpenSSL a cipher list such as \"ECDHE+AESGCM\". tls_min_version holds whatever stands here. \"\": the "
            "library's choice."},
    {MAIN("ldap.bind_method", ldap.bind_method), .kind = CG_KIND_ENUM, .def = "\"simple\"", .words = bind_methods,
     .doc = "How the gateway itself logs in to search: with bind_dn and its password, by its client certificate (SASL "
            "EXTERNAL; over ldapi:// by its user id), or not at all."},
    {MAIN("ldap.allow_anonymous_search", ldap.allow_anonymous_search), .kind = CG_KIND_BOOL, .def = "false",
     .doc = "Confirms that bind_method = \"anonymous\" is meant."},
    {MAIN("ldap.bind_dn", ldap.bind_dn), .kind = CG_KIND_STRING, .flags = CG_KEY_NEEDED, .def = "\"\"", .what = "DN",
     .check = cg_conf_check_optional_dn,
     .doc = "The service account that searches for people and groups. It needs to read them and, for the states of "
            "accounts, may need the right to compare userPassword (docs/operations.md). Required by bind_method = "
            "\"simple\".",
     .example = "\"cn=crategate,ou=services,dc=corp,dc=example\""},
    {MAIN("ldap.bind_password_file", ldap.bind_password_file), .kind = CG_KIND_STRING, .flags = CG_KEY_NEEDED,
     .def = "\"\"",
     .what = "absolute path of a secret", .check = cg_conf_check_path,
     .doc = "The file with its password, mode 0600 or 0400; one line end at its end does not count. It is read again "
            "when the directory refuses the password; a refused one is not sent a second time.",
     .example = "\"/etc/crategate/ldap.secret\""},
    {MAIN("ldap.connect_timeout", ldap.connect_timeout), .kind = CG_KIND_DURATION, .def = "\"3s\"", RANGE(100, MINUTE),
     .doc = "Time for connecting to one server, TLS included."},
    {MAIN("ldap.operation_timeout", ldap.operation_timeout), .kind = CG_KIND_DURATION, .def = "\"5s\"",
     RANGE(100, 5 * MINUTE), .doc = "Time for one operation."},
    {MAIN("ldap.login_timeout", ldap.login_timeout), .kind = CG_KIND_DURATION, .def = "\"10s\"", RANGE(100, 5 * MINUTE),
     .doc = "Time for a whole login or lookup, over all servers."},
    {MAIN("ldap.server_retry_after", ldap.server_retry_after), .kind = CG_KIND_DURATION, .def = "\"30s\"",
     RANGE(0, HOUR), .doc = "A server that did not answer is not tried again for this time while another one does."},
    {MAIN("ldap.pool_size", ldap.pool_size), .kind = CG_KIND_UINT, .def = "4", RANGE(1, 256),
     .doc = "Connections of the service account kept for searches."},
    {MAIN("ldap.pool_idle_timeout", ldap.pool_idle_timeout), .kind = CG_KIND_DURATION, .def = "\"5m\"",
     RANGE(SECOND, DAY), .doc = "A connection that was not used for this time is closed."},
    {MAIN("ldap.pool_max_lifetime", ldap.pool_max_lifetime), .kind = CG_KIND_DURATION, .def = "\"15m\"",
     RANGE(SECOND, DAY), .doc = "A connection older than this is closed."},
    {MAIN("ldap.search_base", ldap.search_base), .kind = CG_KIND_STRINGS, .flags = CG_KEY_REQUIRED, .what = "DNs",
     .check = cg_conf_check_dn, .doc = "Where people are. A name must be unique below all of them.",
     .example = "[\"ou=people,dc=corp,dc=example\"]"},
    {MAIN("ldap.search_scope", ldap.search_scope), .kind = CG_KIND_ENUM, .def = "\"sub\"", .words = scopes,
     .doc = "How far below search_base: the entry itself, one level, or the whole subtree."},
    {MAIN("ldap.search_filter", ldap.search_filter), .kind = CG_KIND_STRING, .flags = CG_KEY_NONEMPTY,
     .def = "\"(&(objectClass=inetOrgPerson)(uid={username}))\"",
     .presets = {[CG_DIR_AD] = "\"(&(objectCategory=person)(objectClass=user)(sAMAccountName={username}))\"",
                 [CG_DIR_389DS] = "\"(&(objectClass=person)(uid={username}))\"",
                 [CG_DIR_POSIX] = "\"(&(objectClass=posixAccount)(uid={username}))\""},
     .what = "filter", .check = cg_conf_check_search_filter,
     .doc = "Finds the entry of a person; {username} is what was typed, escaped."},
    {MAIN("ldap.user_dn_template", ldap.user_dn_template), .kind = CG_KIND_STRING, .def = "\"\"",
     .what = "DN with {username}", .check = cg_conf_check_user_dn_template,
     .doc = "Makes the DN of a person from what was typed, escaped, instead of searching for it; the entry is read all "
            "the same. It must be below a search_base, and search_filter must not be given then, or be the default.",
     .example = "\"uid={username},ou=people,dc=corp,dc=example\""},
    {MAIN("ldap.username_attribute", ldap.username_attribute), .kind = CG_KIND_STRING, .flags = CG_KEY_NONEMPTY,
     .def = "\"uid\"", .presets = {[CG_DIR_AD] = "\"sAMAccountName\""}, .what = "attribute",
     .check = cg_conf_check_attribute, .doc = "Its value in the directory becomes the name, not what was typed."},
    {MAIN("ldap.username_pattern", ldap.username_pattern), .kind = CG_KIND_STRING, .flags = CG_KEY_NONEMPTY,
     .def = "\"^[^\\\\x00-\\\\x1f]{1,128}$\"", .what = "regular expression",
     .check = cg_conf_check_printable,
     .doc = "What is typed as a name must match (PCRE2), else the directory is not asked."},
    {MAIN("ldap.id_attribute", ldap.id_attribute), .kind = CG_KIND_STRING, .flags = CG_KEY_NONEMPTY,
     .def = "\"entryUUID\"", .presets = {[CG_DIR_AD] = "\"objectGUID\"", [CG_DIR_389DS] = "\"nsUniqueId\""},
     .what = "attribute", .check = cg_conf_check_attribute,
     .doc = "What identifies an entry for ever, so that a name given to somebody else is somebody else. Changing it "
            "orphans the tokens that exist."},
    {MAIN("ldap.display_name_attribute", ldap.display_name_attribute), .kind = CG_KIND_STRING, .flags = CG_KEY_NONEMPTY,
     .def = "\"displayName\"", .what = "attribute", .check = cg_conf_check_attribute,
     .doc = "Shown to people, never used to decide anything."},
    {MAIN("ldap.mail_attribute", ldap.mail_attribute), .kind = CG_KIND_STRING, .def = "\"mail\"", .what = "attribute",
     .check = cg_conf_check_optional_attribute, .doc = "The same. \"\": none."},
    {MAIN("ldap.account_state", ldap.account_state), .kind = CG_KIND_ENUM, .def = "\"auto\"", .words = account_states,
     .doc = "How locked, disabled and expired accounts are recognised: by Active Directory's attributes, by password "
            "policy (and the account usability control), by 389 Directory Server's attributes, by shadow attributes, "
            "by all that is there, or not at all."},
    {MAIN("ldap.account_filter", ldap.account_filter), .kind = CG_KIND_STRING, .def = "\"\"", .what = "filter",
     .check = cg_conf_check_account_filter,
     .doc = "A further filter that an entry must match at every login and every renewed look.",
     .example = "\"(employeeType=staff)\""},
    {MAIN("ldap.locked_by_failures_blocks_tokens", ldap.locked_by_failures_blocks_tokens), .kind = CG_KIND_BOOL,
     .def = "false",
     .doc = "An account that the directory locked after wrong passwords cannot log in. true: its tokens stop too, "
            "with which any stranger can stop a build farm."},
    {MAIN("ldap.dereference_aliases", ldap.dereference_aliases), .kind = CG_KIND_ENUM, .def = "\"never\"",
     .words = dereference_words, .doc = "Whether searches follow alias entries."},
    {MAIN("ldap.page_size", ldap.page_size), .kind = CG_KIND_UINT, .def = "500", RANGE(0, 10000),
     .doc = "Entries asked for at a time in searches that may find many. 0: without paging."},
    {MAIN("ldap.group_source", ldap.group_source), .kind = CG_KIND_ENUM, .def = "\"search\"",
     .presets = {[CG_DIR_389DS] = "\"member_of\""}, .words = group_sources,
     .doc = "Where a person's groups come from: a search with group_filter; the attribute memberOf of the entry, "
            "which must then list all groups that count; Active Directory's tokenGroups (security groups, nested ones "
            "and the primary one included); or nowhere."},
    {MAIN("ldap.group_base", ldap.group_base), .kind = CG_KIND_STRINGS, .flags = CG_KEY_NEEDED, .def = "[]",
     .what = "DNs",
     .check = cg_conf_check_dn, .doc = "Where groups are; needed for grants to groups.",
     .example = "[\"ou=groups,dc=corp,dc=example\"]"},
    {MAIN("ldap.group_filter", ldap.group_filter), .kind = CG_KIND_STRING, .flags = CG_KEY_NONEMPTY,
     .def = "\"(|(member={dn})(uniqueMember={dn})(memberUid={username}))\"",
     .presets = {[CG_DIR_AD] = "\"(&(objectClass=group)(member={dn}))\"", [CG_DIR_POSIX] = "\"(memberUid={username})\""},
     .what = "filter",
     .check = cg_conf_check_group_filter,
     .doc = "Finds the groups of a person: {dn} and {username} are those of the entry, escaped."},
    {MAIN("ldap.group_name_attribute", ldap.group_name_attribute), .kind = CG_KIND_STRING, .flags = CG_KEY_NONEMPTY,
     .def = "\"cn\"", .what = "attribute", .check = cg_conf_check_attribute,
     .doc = "The name of a group in \"group:NAME\"."},
    {MAIN("ldap.nested_groups", ldap.nested_groups), .kind = CG_KIND_ENUM, .def = "\"recursive\"",
     .presets = {[CG_DIR_AD] = "\"in_chain\"", [CG_DIR_POSIX] = "\"off\""}, .words = nested_words,
     .doc = "Groups within groups: followed upwards (cycles are recognised), found by the server (Active Directory's "
            "matching rule, which is tried out at start), or not looked at."},
    {MAIN("ldap.nested_depth", ldap.nested_depth), .kind = CG_KIND_UINT, .def = "10", RANGE(1, 100),
     .doc = "How far up."},
    {MAIN("ldap.max_groups", ldap.max_groups), .kind = CG_KIND_UINT, .def = "1000", RANGE(1, 100000),
     .doc = "More groups than this for one person are taken for a fault of the directory (503), not cut off."},
    {MAIN("ldap.required_group", ldap.required_group), .kind = CG_KIND_STRING, .def = "\"\"", .what = "DN",
     .check = cg_conf_check_optional_dn, .doc = "Who is not in this group may not log in, and their tokens stop.",
     .example = "\"cn=developers,ou=groups,dc=corp,dc=example\""},
    {MAIN("ldap.revalidate_interval", ldap.revalidate_interval), .kind = CG_KIND_DURATION, .def = "\"15m\"",
     RANGE(SECOND, 7 * DAY),
     .doc = "Account and groups of a token's owner are looked up again when older than this. Who left loses access "
            "within this time."},
    {MAIN("ldap.stale_if_error_read", ldap.stale_if_error_read), .kind = CG_KIND_DURATION, .def = "\"12h\"",
     RANGE(0, 30 * DAY),
     .doc = "While the directory is down, how long the last good answer serves for reading; then 503."},
    {MAIN("ldap.stale_if_error_write", ldap.stale_if_error_write), .kind = CG_KIND_DURATION, .def = "\"15m\"",
     RANGE(0, 30 * DAY), .doc = "The same for publishing and everything else that changes something."},
    {MAIN("ldap.sync_interval", ldap.sync_interval), .kind = CG_KIND_DURATION, .def = "\"1h\"", RANGE(0, 7 * DAY),
     .doc = "How often all owners of tokens are looked up, those whose tokens nobody uses too. \"0\": never."},
    {MAIN("ldap.max_sweep_fraction", ldap.max_sweep_fraction), .kind = CG_KIND_FRACTION, .def = "0.2",
     .doc = "When more than this part of the owners of tokens (or of the teams), and more than 5, would be gone at once, "
            "the directory is not believed: nothing is suspended, and the log and the audit trail say so. 1: it is "
            "always believed."},
    {MAIN("ldap.purge_after", ldap.purge_after), .kind = CG_KIND_DURATION, .def = "\"30d\"", RANGE(SECOND, 3650 * DAY),
     .doc = "Tokens that were suspended because their owner is gone are deleted after this time."},
    {MAIN("ldap.basic_auth", ldap.basic_auth), .kind = CG_KIND_ENUM, .def = "\"login\"", .words = basic_words,
     .doc = "Where a directory password is accepted: nowhere, only for making tokens and for web sessions, or from "
            "cargo too."},
    {MAIN("ldap.auth_cache_ttl", ldap.auth_cache_ttl), .kind = CG_KIND_DURATION, .def = "\"60s\"", RANGE(0, MINUTE),
     .doc = "How long a good password need not be shown to the directory again. It is the time that a changed password "
            "keeps working here, so a minute is the most."},
    {MAIN("ldap.negative_cache_ttl", ldap.negative_cache_ttl), .kind = CG_KIND_DURATION, .def = "\"300s\"",
     RANGE(0, HOUR),
     .doc = "How long a password that the directory refused is refused without asking, so that one stale secret in a "
            "build job does not lock its owner out. A new password that was tried here before it was set is refused for "
            "that long too."},
    {MAIN("ldap.max_failures_per_user", ldap.max_failures_per_user), .kind = CG_KIND_UINT, .def = "3", RANGE(1, 1000),
     .doc = "Wrong passwords for one person within failure_window before further ones are not passed on (429). Keep it "
            "below the number at which the directory locks the account."},
    {MAIN("ldap.max_failures_per_address", ldap.max_failures_per_address), .kind = CG_KIND_UINT, .def = "30",
     RANGE(1, 100000), .doc = "Wrong passwords from one address within a minute."},
    {MAIN("ldap.failure_window", ldap.failure_window), .kind = CG_KIND_DURATION, .def = "\"15m\"", RANGE(SECOND, DAY),
     .doc = "See max_failures_per_user."},
    {MAIN("ldap.max_logins_per_second", ldap.max_logins_per_second), .kind = CG_KIND_UINT, .def = "100",
     RANGE(0, 100000),
     .doc = "Password logins that reach the directory in a second, of all people together; more are answered 429. 0: "
            "no limit."},

    {MAPPED("ldap.group_map[].group", group), .kind = CG_KIND_STRING, .flags = CG_KEY_REQUIRED, .what = "DN",
     .check = cg_conf_check_dn, .doc = "The group.", .example = "\"cn=team-a,ou=groups,dc=corp,dc=example\""},
    {MAPPED("ldap.group_map[].namespace", namespace_name), .kind = CG_KIND_STRING, .flags = CG_KEY_REQUIRED,
     .what = "name", .check = cg_conf_check_namespace_name, .doc = "The namespace.", .example = "\"demo\""},
    {MAPPED("ldap.group_map[].role", role), .kind = CG_KIND_ENUM, .flags = CG_KEY_REQUIRED, .words = mapped_roles,
     .doc = "What its members may do there. \"owner\" means the same as \"admin\": an owner of every crate.",
     .example = "\"publish\""},

    {INSTANCE("artifactory.*.url", url), .kind = CG_KIND_STRING, .flags = CG_KEY_REQUIRED, .what = "URL",
     .check = cg_conf_check_artifactory_url,
     .doc = "The instance's base URL with its context path. http:// only where that is meant: the token travels in it.",
     .example = "\"https://artifactory.corp.example/artifactory\""},
    {INSTANCE("artifactory.*.token_file", token_file), .kind = CG_KIND_STRING, .flags = CG_KEY_REQUIRED,
     .what = "absolute path of a secret", .check = cg_conf_check_path,
     .doc = "The file with the gateway's credential, mode 0600 or 0400: an access token, or \"Bearer TOKEN\", or "
            "\"Basic BASE64\". It is read again when Artifactory refuses it.",
     .example = "\"/etc/crategate/artifactory.token\""},
    {INSTANCE("artifactory.*.ca_file", ca_file), .kind = CG_KIND_STRING, .def = "\"\"", .what = "absolute path",
     .check = cg_conf_check_path,
     .doc = "Certificates (PEM) of the authorities that may have signed its certificate. \"\": the system's.",
     .example = "\"/etc/crategate/corp-ca.pem\""},
    {INSTANCE("artifactory.*.sync_interval", sync_interval), .kind = CG_KIND_DURATION, .def = "\"5m\"",
     RANGE(0, 7 * DAY),
     .doc = "How often its repositories are looked through for crates that others put there. \"0s\": never."},
    {INSTANCE("artifactory.*.cache_size", cache_size), .kind = CG_KIND_SIZE, .def = "\"10G\"", RANGE(MIB, 1024 * TIB),
     .doc = "Verified crates kept on local disk, the least recently used going first."},
    {INSTANCE("artifactory.*.webhook_secret_file", webhook_secret_file), .kind = CG_KIND_STRING, .def = "\"\"",
     .what = "absolute path of a secret", .check = cg_conf_check_path,
     .doc = "The secret of the webhook that Artifactory calls at PUBLIC_URL/api/v1/hooks/artifactory. \"\": none is "
            "taken.",
     .example = "\"/etc/crategate/artifactory-hook.secret\""},
    {INSTANCE("artifactory.*.connect_timeout", connect_timeout), .kind = CG_KIND_DURATION, .def = "\"3s\"",
     RANGE(100, MINUTE), .doc = "Time for connecting, TLS included."},
    {INSTANCE("artifactory.*.answer_timeout", answer_timeout), .kind = CG_KIND_DURATION, .def = "\"10s\"",
     RANGE(100, 5 * MINUTE),
     .doc = "Time until an answer begins. cargo itself waits 30 seconds, repeats of the gateway included."},
    {INSTANCE("artifactory.*.stall_timeout", stall_timeout), .kind = CG_KIND_DURATION, .def = "\"10s\"",
     RANGE(SECOND, 5 * MINUTE), .doc = "A transfer that moves less than 1 KiB a second for this time is given up."},
    {INSTANCE("artifactory.*.max_connections", max_connections), .kind = CG_KIND_UINT, .def = "16", RANGE(1, 256),
     .doc = "Requests to it at once."},

    {SPACE("namespace.*.type", type), .kind = CG_KIND_ENUM, .def = "\"local\"", .words = namespace_types,
     .doc = "Artifactory's classes of repositories; this version has local ones."},
    {SPACE("namespace.*.storage", storage), .kind = CG_KIND_ENUM, .def = "\"filesystem\"", .words = storages,
     .doc = "Where the crates are: below state_dir, or in a repository of an Artifactory instance (the index stays "
            "below state_dir)."},
    {SPACE("namespace.*.artifactory", artifactory), .kind = CG_KIND_STRING, .def = "\"\"", .what = "name of a section",
     .check = cg_conf_check_repository,
     .doc = "With storage = \"artifactory\": the instance, of an [artifactory.NAME] section.",
     .example = "\"corp\""},
    {SPACE("namespace.*.repository", repository), .kind = CG_KIND_STRING, .def = "\"\"", .what = "repository key",
     .check = cg_conf_check_repository,
     .doc = "With storage = \"artifactory\": the key of the local repository there.",
     .example = "\"cargo-payments-local\""},
    {SPACE("namespace.*.read", read), .kind = CG_KIND_GRANTS, .flags = CG_KEY_SHOW, .def = "[]",
     .doc = "Who may read: see, search and download.", .example = "[\"anonymous\"]"},
    {SPACE("namespace.*.publish", publish), .kind = CG_KIND_GRANTS, .def = "[]",
     .doc = "Who may publish and yank, as long as a crate has no owners of its own.",
     .example = "[\"group:payments\"]"},
    {SPACE("namespace.*.admin", admin), .kind = CG_KIND_GRANTS, .def = "[]",
     .doc = "Who may do so with every crate, and change owners.",
     .example = "[\"group:payments-leads\", \"user:alice\"]"},
    {SPACE("namespace.*.prefixes", prefixes), .kind = CG_KIND_STRINGS, .def = "[]", .what = "beginnings of names",
     .check = cg_conf_check_prefix,
     .doc = "Crate names that begin so belong to this namespace: no other one accepts them. Upper and lower case, "
            "\"-\" and \"_\" are the same.",
     .example = "[\"pay-\"]"},
    {SPACE("namespace.*.required_fields", required_fields), .kind = CG_KIND_STRINGS, .def = "[]",
     .what = "fields of Cargo.toml", .check = cg_conf_check_required_field,
     .doc = "Fields of Cargo.toml without which a crate is refused here.", .example = "[\"description\", \"license\"]"},
    {SPACE("namespace.*.allowed_registries", allowed_registries), .kind = CG_KIND_STRINGS, .def = "[]",
     .what = "index URLs", .check = cg_conf_check_index_url,
     .doc = "Other registries that crates here may depend on, besides this gateway and crates.io.",
     .example = "[\"sparse+https://crates.partner.example/index/\"]"},

    {TEAMS("teams.group_filter", group_filter), .kind = CG_KIND_STRING, .flags = CG_KEY_REQUIRED, .what = "filter",
     .check = cg_conf_check_account_filter, .doc = "Finds the groups of the teams below ldap.group_base.",
     .example = "\"(cn=rust-*)\""},
    {TEAMS("teams.name_prefix", name_prefix), .kind = CG_KIND_STRING, .flags = CG_KEY_NEEDED, .def = "\"\"",
     .what = "beginning of names", .check = cg_conf_check_printable,
     .doc = "Taken off the group's common name to make the name of the namespace, in lower case: rust-billing becomes "
            "billing. A group that does not begin so makes none.",
     .example = "\"rust-\""},
    {TEAMS("teams.storage", like.storage), .kind = CG_KIND_ENUM, .def = "\"filesystem\"", .words = storages,
     .doc = "As in a namespace."},
    {TEAMS("teams.read", like.read), .kind = CG_KIND_GRANTS, .flags = CG_KEY_NEEDED, .def = "[]", .doc = "As in a namespace.",
     .example = "[\"group:rust-{team}\"]"},
    {TEAMS("teams.publish", like.publish), .kind = CG_KIND_GRANTS, .flags = CG_KEY_NEEDED, .def = "[]", .doc = "As in a namespace.",
     .example = "[\"group:rust-{team}\"]"},
    {TEAMS("teams.admin", like.admin), .kind = CG_KIND_GRANTS, .flags = CG_KEY_NEEDED, .def = "[]", .doc = "As in a namespace.",
     .example = "[\"group:rust-{team}-leads\"]"},
    {TEAMS("teams.prefixes", like.prefixes), .kind = CG_KIND_STRINGS, .def = "[]", .what = "beginnings of names",
     .check = cg_conf_check_team_prefix, .doc = "As in a namespace; each must contain {team}.",
     .example = "[\"{team}-\"]"},
    {TEAMS("teams.required_fields", like.required_fields), .kind = CG_KIND_STRINGS, .def = "[]",
     .what = "fields of Cargo.toml", .check = cg_conf_check_required_field, .doc = "As in a namespace."},
    {TEAMS("teams.allowed_registries", like.allowed_registries), .kind = CG_KIND_STRINGS, .def = "[]",
     .what = "index URLs", .check = cg_conf_check_index_url, .doc = "As in a namespace."},
};
const size_t cg_conf_key_count = sizeof(cg_conf_keys) / sizeof(cg_conf_keys[0]);
