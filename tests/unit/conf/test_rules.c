/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* One small configuration for each rule. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "conf_test.h"

#define GROUPS "group_base = [\"ou=groups,dc=corp,dc=example\"]\n"

/* For each value: key = value, good or refused with the reason. */
struct one {
    const char *value;
    const char *reason; /* NULL: good */
};

static void check_each(const char *format, unsigned line, const char *key, const struct one *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct cg_buf text;

        cg_buf_init(&text, OUT_MAX);
        for (const char *p = format; *p; p++) {
            if (*p == '@')
                cg_buf_addstr(&text, cases[i].value);
            else
                cg_buf_addch(&text, *p);
        }
        if (cases[i].reason)
            expect_problem(cg_buf_str(&text), line, key, cases[i].reason);
        else
            expect_good(cg_buf_str(&text));
        cg_buf_free(&text);
    }
}

#define CHECK_EACH(format, line, key, cases) check_each(format, line, key, cases, sizeof(cases) / sizeof((cases)[0]))

static void public_url_must_be_a_plain_base_address(void **state)
{
    static const struct one cases[] = {
        {"http://127.0.0.1:8080", NULL},
        {"https://x.example/repo/artifactory", NULL},
        {"https://[fd00::1]/", NULL},
        {"", "must not be empty"},
        {"crates.example", "scheme"},
        {"/path", "scheme"},
        {"ftp://x.example", "must begin with https:// or http://"},
        {"https://", "no valid host"},
        {"https:///x", "no valid host"},
        {"https://-x", "no valid host"},
        {"https://x:", "no valid host"},
        {"https://[::g]", "no valid host"},
        {"https://[::1]x", "no valid host"},
        {"https://[::1]8080", "no valid host"},
        {"https://x:0", "no valid port"},
        {"https://x:65536", "no valid port"},
        {"https://x:http", "no valid port"},
        {"https://x/?a=b", "no query"},
        {"https://x?a", "no query"},
        {"https://x/#f", "no query"},
        {"https://u:p\\u0040x/", "user name or password"},
        {"https://x/a/../b", "\"..\""},
        {"https://x/a/./b", "empty parts"},
        {"https://x/a/.", "empty parts"},
        {"https://x/a//b", "empty parts"},
        {"https://x/a.git", ".git"},
        {"https://x/a.git/", ".git"},
        {"https://x/a%20b", "only have letters"},
        {"https://x/a b", "no URL has"},
        {"https://x/\\u00e4", "no URL has"},
    };

    (void)state;
    CHECK_EACH("public_url = \"@\"\n", 1, "public_url", cases);
}

static void listeners_are_addresses_or_sockets(void **state)
{
    static const struct one cases[] = {
        {"0.0.0.0:80", NULL},
        {"127.0.0.1:0", NULL},
        {"[::]:8080", NULL},
        {"unix:/run/crategate/http.sock", NULL},
        {"localhost:8080", "is not ADDRESS:PORT"},
        {":8080", "is not ADDRESS:PORT"},
        {"8080", "is not ADDRESS:PORT"},
        {"127.0.0.1", "is not ADDRESS:PORT"},
        {"127.0.0.1:", "is not ADDRESS:PORT"},
        {"127.0.0.1:x", "is not ADDRESS:PORT"},
        {"127.0.0.1:70000", "is not ADDRESS:PORT"},
        {"127.0.0.1:8080/x", "is not ADDRESS:PORT"},
        {"::1:8080", "is not ADDRESS:PORT"},
        {"[::1]", "is not ADDRESS:PORT"},
        {"[::1]8080", "is not ADDRESS:PORT"},
        {"[127.0.0.1]:80", "is not ADDRESS:PORT"},
        {"[::1", "is not ADDRESS:PORT"},
        {"unix:http.sock", "absolute path"},
        {"unix:", "absolute path"},
        {"unix:/"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "at most 107 bytes"},
        {"127.0.0.1:8080\", \"127.0.0.1:8080", "stands here twice"},
    };

    (void)state;
    CHECK_EACH(URL "listen = [\"@\"]\n", 2, "listen", cases);
    expect_problem(URL "listen = []\n", 2, "listen", "must not be empty");
}

static void trusted_proxies_are_ranges(void **state)
{
    static const struct one cases[] = {
        {"10.0.0.0/8", NULL},       {"192.0.2.7/32", NULL},
        {"fd00::/8", NULL},         {"::1/128", NULL},
        {"0.0.0.0/0", NULL},        {"10.0.0.128/25", NULL},
        {"10.0.0.1", "is not an"},  {"10.0.0.0/33", "is not an"},
        {"10.0.0/8", "is not an"},  {"fd00::/129", "is not an"},
        {"proxy/8", "is not an"},   {"10.0.0.0/", "is not an"},
        {"/8", "is not an"},        {"10.0.0.1/8", "bits set behind its first 8"},
        {"fd00::1/64", "bits set"}, {"10.0.0.64/25", "bits set"},
    };

    (void)state;
    CHECK_EACH(URL "trusted_proxies = [\"@\"]\n", 2, "trusted_proxies", cases);
}

static void directory_uris_have_scheme_and_host_only(void **state)
{
    static const struct one cases[] = {
        {"ldaps://l.example:636", NULL},
        {"ldap://l.example/", NULL},
        {"ldapi://%2Frun%2Fslapd%2Fldapi", NULL},
        {"ldapi://", NULL},
        {"ldap.example", "scheme"},
        {"https://l.example", "must begin with ldaps://"},
        {"ldaps://", "no valid host"},
        {"ldaps://l.example:0", "no valid port"},
        {"ldaps://l.example/dc=x", "must end behind the host"},
        {"ldaps://l.example?x", "must end behind the host"},
        {"ldapi:///run/slapd", "%2F for each slash"},
        {"ldapi://run", "%2F for each slash"},
        {"ldapi://%2Frun/x", "nothing behind"},
        {"ldaps://a\\u0040l.example", "user name or password"},
    };

    (void)state;
    CHECK_EACH(URL
               "[ldap]\nuri = [\"@\"]\nbind_dn = \"cn=a\"\nbind_password_file = \"SECRET\"\nsearch_base = [\"o=x\"]\n",
               3, "ldap.uri", cases);
}

static void plaintext_needs_loopback_and_a_confirmation(void **state)
{
#define PLAIN(uri)                                                                                                     \
    URL "[ldap]\nuri = [\"" uri "\"]\nstart_tls = \"never\"\nbind_dn = \"cn=a\"\nbind_password_file = \"SECRET\"\n"    \
        "search_base = [\"o=x\"]\n"
#define CONFIRMED "allow_plaintext = true\n"
    (void)state;
    expect_good(PLAIN("ldap://127.0.0.1:389") CONFIRMED);
    expect_good(PLAIN("ldap://127.9.9.9") CONFIRMED);
    expect_good(PLAIN("ldap://[::1]:389") CONFIRMED);
    expect_good(PLAIN("ldap://localhost") CONFIRMED);
    expect_good(PLAIN("ldaps://l.example") CONFIRMED);
    expect_problem(PLAIN("ldap://127.0.0.1:389"), 4, "ldap.start_tls", "needs allow_plaintext = true");
    expect_problem(PLAIN("ldap://l.example") CONFIRMED, 3, "ldap.uri", "is not on this machine");
    expect_problem(PLAIN("ldap://127.0.0.1.example") CONFIRMED, 3, "ldap.uri", "is not on this machine");
    expect_problem(PLAIN("ldap://localhost.example") CONFIRMED, 3, "ldap.uri", "is not on this machine");
    expect_problem(PLAIN("ldap://[::2]") CONFIRMED, 3, "ldap.uri", "is not on this machine");
    expect_problem(PLAIN("ldap://127.0.0.1\", \"ldap://10.0.0.1") CONFIRMED, 3, "ldap.uri", "10.0.0.1");
    /* The confirmation alone changes nothing: StartTLS stays required. */
    expect_good(URL LDAP CONFIRMED);
}

static void directory_needs_server_account_and_base(void **state)
{
    (void)state;
    expect_bad(URL "\n[ldap]\n",
               "t:3: ldap.uri: is required, for example uri = [\"ldaps://ldap1.corp.example\", "
               "\"ldaps://ldap2.corp.example\"]\n"
               "t:3: ldap.search_base: is required, for example search_base = [\"ou=people,dc=corp,dc=example\"]\n"
               "t:3: ldap.bind_dn: is required, for example bind_dn = \"cn=crategate,ou=services,dc=corp,dc=example\"\n"
               "t:3: ldap.bind_password_file: is required, for example bind_password_file = "
               "\"/etc/crategate/ldap.secret\"\n");
    expect_problem(URL "[ldap]\nuri = [\"ldapi://\"]\nbind_dn = \"cn=a\"\nsearch_base = [\"o=x\"]\n", 2,
                   "ldap.bind_password_file", "is required");
    expect_problem(
        URL "[ldap]\nuri = [\"ldapi://\"]\nbind_password_file = \"SECRET\"\nbind_dn = \"\"\nsearch_base = [\"o=x\"]\n",
        5, "ldap.bind_dn", "is required");
    expect_problem(URL
                   "[ldap]\nuri = []\nbind_password_file = \"SECRET\"\nbind_dn = \"cn=a\"\nsearch_base = [\"o=x\"]\n",
                   3, "ldap.uri", "must not be empty");
}

static void secret_file_must_be_there_private_and_full(void **state)
{
    (void)state;
    assert_int_equal(chmod(secret_path, 0640), 0);
    expect_problem(URL LDAP, 5, "ldap.bind_password_file", "0600");
    write_file(secret_path, "\n", 0600);
    expect_problem(URL LDAP, 5, "ldap.bind_password_file", "empty");
    write_file(secret_path, "sesame-open-7351\n", 0400);
    expect_good(URL LDAP);
    expect_problem(URL "[ldap]\nuri = [\"ldapi://\"]\nbind_dn = \"cn=a\"\nsearch_base = [\"o=x\"]\n"
                       "bind_password_file = \"/nonexistent/secret\"\n",
                   6, "ldap.bind_password_file", "/nonexistent/secret");
    expect_bad(URL "[ldap]\nuri = [\"ldapi://\"]\nbind_dn = \"cn=a\"\nsearch_base = [\"o=x\"]\n"
                   "bind_password_file = \"secret\"\n",
               "t:6: ldap.bind_password_file: \"secret\" must be an absolute path\n"
               "t:6: ldap.bind_password_file: is required, for example bind_password_file = "
               "\"/etc/crategate/ldap.secret\"\n");
    write_file(secret_path, "sesame-open-7351\n", 0600);
}

static void ca_file_must_be_there(void **state)
{
    (void)state;
    expect_good(URL LDAP "tls_ca_file = \"SECRET\"\n");
    expect_good(URL LDAP "tls_ca_file = \"\"\n");
    expect_problem(URL LDAP "tls_ca_file = \"/nonexistent/ca.pem\"\n", 7, "ldap.tls_ca_file", "No such file");
    expect_problem(URL LDAP "tls_ca_file = \"/tmp\"\n", 7, "ldap.tls_ca_file", "is not a file");
    expect_problem(URL LDAP "tls_ca_file = \"ca.pem\"\n", 7, "ldap.tls_ca_file", "absolute path");
}

static void search_filter_must_be_whole_and_name_the_user(void **state)
{
    static const struct one cases[] = {
        {"(uid={username})", NULL},
        {"(&(a=b)(|(uid={username})(mail={username})))", NULL},
        {"", "must not be empty"},
        {"uid={username}", "in parentheses"},
        {"(uid=alice)", "must contain {username}"},
        {"(&(a=b)(uid={username})", "do not match"},
        {"(uid={username}))", "goes on behind"},
        {"(uid={username})(a=b)", "goes on behind"},
        {"(&()(uid={username}))", "empty parentheses"},
        {"(uid={user})", "a brace"},
        {"(uid={username})}", "goes on behind"},
        {"(uid={username}})", "a brace"},
        {"(|(uid={username})(dn={dn}))", "a brace"},
    };

    (void)state;
    CHECK_EACH(URL LDAP "search_filter = \"@\"\n", 7, "ldap.search_filter", cases);
}

static void other_filters_are_checked_too(void **state)
{
    static const struct one groups[] = {
        {"(member={dn})", NULL},     {"(memberUid={username})", NULL},  {"(cn=a)", "must contain {dn} or {username}"},
        {"(member={x})", "a brace"}, {"member={dn}", "in parentheses"},
    };
    static const struct one accounts[] = {
        {"", NULL},
        {"(a=b)", NULL},
        {"(a=b", "do not match"},
        {"(a={username})", "a brace"},
    };

    (void)state;
    CHECK_EACH(URL LDAP "group_filter = \"@\"\n", 7, "ldap.group_filter", groups);
    CHECK_EACH(URL LDAP "account_filter = \"@\"\n", 7, "ldap.account_filter", accounts);
}

static void distinguished_names_are_checked(void **state)
{
    static const struct one cases[] = {
        {"", NULL},
        {"cn=a", NULL},
        {"cn=a+uid=b,ou=c d, dc=e", NULL},
        {"cn=Smith\\\\, John,o=x", NULL},
        {"2.5.4.3=a,o=\\u00e9", NULL},
        {"developers", "is not a distinguished name"},
        {"cn=a,", "is not a distinguished name"},
        {",cn=a", "is not a distinguished name"},
        {"cn=,o=x", "is not a distinguished name"},
        {"=a", "is not a distinguished name"},
        {"c n=a", "is not a distinguished name"},
        {"2..5=a", "is not a distinguished name"},
        {"cn=a;o=x", "is not a distinguished name"},
        {"cn=a\\\\", "is not a distinguished name"},
        {"<SID=S-1>", "is not a distinguished name"},
    };

    (void)state;
    CHECK_EACH(URL LDAP GROUPS "required_group = \"@\"\n", 8, "ldap.required_group", cases);
    expect_problem(URL LDAP "group_base = [\"groups\"]\n", 7, "ldap.group_base", "is not a distinguished name");
}

static void attributes_are_checked(void **state)
{
    static const struct one cases[] = {
        {"sAMAccountName", NULL},
        {"x-y1", NULL},
        {"1.2.840", NULL},
        {"", "must not be empty"},
        {"a b", "is not the name"},
        {"uid;x", "is not the name"},
        {"12", "is not the name"},
        {"1..2", "is not the name"},
        {"uid)(x", "is not the name"},
    };

    (void)state;
    CHECK_EACH(URL LDAP "username_attribute = \"@\"\n", 7, "ldap.username_attribute", cases);
}

static void grants_to_groups_need_a_group_base(void **state)
{
    (void)state;
    expect_good(URL LDAP GROUPS "[namespace.a]\nread = [\"group:x\"]\n");
    expect_good(URL LDAP "[namespace.a]\nread = [\"user:x\", \"authenticated\"]\n");
    expect_problem(URL LDAP "[namespace.a]\nread = [\"authenticated\"]\nadmin = [\"group:x\"]\n", 2, "ldap.group_base",
                   "the grant \"group:x\" of namespace a (line 9)");
    expect_problem(URL LDAP "required_group = \"cn=a\"\n", 2, "ldap.group_base", "required by required_group");
}

static void grants_without_a_directory_are_refused_unless_anonymous(void **state)
{
    (void)state;
    expect_good(URL "[namespace.a]\nread = [\"anonymous\"]\n");
    expect_good(URL "[namespace.a]\n");
    expect_problem(URL "[namespace.a]\nread = [\"anonymous\"]\npublish = [\"user:x\"]\n", 4, "namespace.a.publish",
                   "\"user:x\" needs a directory: an [ldap] section");
    expect_problem(URL "[namespace.a]\nread = [\"authenticated\"]\n", 3, "namespace.a.read", "[ldap]");
}

static void grants_are_understood_or_refused(void **state)
{
    static const struct one cases[] = {
        {"user:alice", NULL},
        {"group:A b", NULL},
        {"dn:cn=a,o=b", NULL},
        {"", "is not a grant"},
        {"alice", "is not a grant"},
        {"groups:x", "is not a grant"},
        {"User:x", "is not a grant"},
        {"authenticated ", "is not a grant"},
        {"anonymous:x", "is not a grant"},
        {"user:", "names nobody"},
        {"user: x", "begins or ends with a blank"},
        {"group:x\\t", "control character"},
        {"dn:alice", "is not a distinguished name"},
        {"dn:", "is not a distinguished name"},
        {"user:x\", \"user:x", "stands here twice"},
    };

    (void)state;
    CHECK_EACH(URL LDAP GROUPS "[namespace.a]\nread = [\"@\"]\n", 9, "namespace.a.read", cases);
}

static void anonymous_may_only_read(void **state)
{
    (void)state;
    expect_bad(URL "[namespace.a]\npublish = [\"anonymous\"]\nadmin = [\"anonymous\"]\n",
               "t:3: namespace.a.publish: \"anonymous\" may only be granted read\n"
               "t:4: namespace.a.admin: \"anonymous\" may only be granted read\n");
}

static void namespace_names_are_checked(void **state)
{
    static const struct one cases[] = {
        {"a", NULL},
        {"0-a-b", NULL},
        {"A", "lower-case"},
        {"-a", "lower-case"},
        {"a_b", "lower-case"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "at most 63"},
        {"api", "cannot have this name"},
        {"git", "cannot have this name"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *key = cg_asprintf("namespace.%s", cases[i].value);

        check_each(URL "[namespace.@]\n", 2, key, &cases[i], 1);
        free(key);
    }
}

static void prefixes_are_beginnings_of_names(void **state)
{
    static const struct one cases[] = {
        {"pay-", NULL},
        {"Pay_2", NULL},
        {"", "cannot begin a crate's name"},
        {"-pay", "cannot begin"},
        {"2pay", "cannot begin"},
        {"pay.", "cannot begin"},
        {"pay-*", "without \"*\""},
        {"pay-\", \"PAY_", "are the same prefix"},
        {"pay-\", \"pay-x", NULL},
    };

    (void)state;
    CHECK_EACH(URL "[namespace.a]\nprefixes = [\"@\"]\n", 3, "namespace.a.prefixes", cases);
}

static void a_prefix_belongs_to_one_namespace(void **state)
{
#define TWO(a, b) URL "[namespace.a]\nprefixes = [\"" a "\"]\n[namespace.b]\nprefixes = [\"x-\", \"" b "\"]\n"
    (void)state;
    expect_good(TWO("pay-", "play-"));
    expect_good(TWO("pay-a", "pay-b"));
    expect_bad(TWO("pay-", "pay-"), "t:5: namespace.b.prefixes: \"pay-\" and \"pay-\" of namespace a (line 3) reserve "
                                    "the same names for two namespaces\n");
    expect_problem(TWO("pay", "pay-x"), 5, "namespace.b.prefixes", "line 3");
    expect_problem(TWO("pay-x", "pay"), 5, "namespace.b.prefixes", "line 3");
    expect_problem(TWO("PAY_", "pay-x"), 5, "namespace.b.prefixes", "line 3");
}

static void fields_and_registries_are_checked(void **state)
{
    static const struct one fields[] = {{"description", NULL}, {"rust-version", NULL}, {"name", "is none of authors"}};
    static const struct one urls[] = {
        {"sparse+https://x.example/i/", NULL},
        {"https://x.example/index.git", NULL},
        {"ssh://x.example/index.git", NULL},
        {"file:///srv/index", NULL},
        {"crates-io", "scheme"},
        {"sparse+ssh://x.example/", "is not the address"},
        {"sparse+https://u:p\\u0040x.example/", "user name or password"},
        {"https://", "no valid host"},
    };

    (void)state;
    CHECK_EACH(URL "[namespace.a]\nrequired_fields = [\"@\"]\n", 3, "namespace.a.required_fields", fields);
    CHECK_EACH(URL "[namespace.a]\nallowed_registries = [\"@\"]\n", 3, "namespace.a.allowed_registries", urls);
}

static void directories_that_exist_must_be_directories(void **state)
{
    static const struct one dirs[] = {
        {"/nonexistent/crategate", NULL},
        {"/tmp", NULL},
        {"SECRET", "is no directory"},
        {"var", "absolute path"},
        {"", "must not be empty"},
        {"/var/../x", "\"..\""},
        {"/var/..", "\"..\""},
    };
    static const struct one files[] = {
        {"/nonexistent/audit.jsonl", NULL},
        {"/tmp/crategate-no-such-audit", NULL},
        {"SECRET", NULL},
        {"SECRET/x", "is no directory"},
        {"/tmp", "is a directory"},
        {"/tmp/", "is a directory"},
        {"/nonexistent/", "is a directory"},
        {"audit", "absolute path"},
        {"", "needs required = false"},
    };

    (void)state;
    CHECK_EACH(URL "state_dir = \"@\"\n", 2, "state_dir", dirs);
    CHECK_EACH(URL "[audit]\nfile = \"@\"\n", 3, "audit.file", files);
    expect_good(URL "[audit]\nfile = \"\"\nrequired = false\n");
}

static void default_life_of_tokens_may_not_exceed_the_longest(void **state)
{
    (void)state;
    expect_problem(URL "max_token_days = 30\ndefault_token_days = 31\n", 3, "default_token_days",
                   "31 is more than max_token_days, which is 30");
    expect_good(URL "max_token_days = 30\ndefault_token_days = 30\n");
}

static void unknown_keys_are_refused_with_a_hint(void **state)
{
    (void)state;
    expect_problem(URL "lisen = []\n", 2, "lisen", "did you mean \"listen\"?");
    expect_problem(URL "state-dir = \"/x\"\n", 2, "state-dir", "did you mean \"state_dir\"?");
    expect_problem(URL "colour = 1\n", 2, "colour", "is unknown\n");
    expect_problem(URL "[ldapp]\n", 2, "ldapp", "did you mean \"ldap\"?");
    expect_problem(URL "[namespaces.a]\n", 2, "namespaces", "did you mean \"namespace\"?");
    expect_problem(URL LDAP "search_bases = []\n", 7, "ldap.search_bases", "did you mean \"search_base\"?");
    expect_problem(URL "[namespace.a]\nreed = []\n", 3, "namespace.a.reed", "did you mean \"read\"?");
    expect_problem(URL "[namespace.a.b]\n", 2, "namespace.a.b", "is unknown");
}

static void misplaced_keys_are_sent_home(void **state)
{
    (void)state;
    expect_problem(URL "[log]\nlisten = [\"127.0.0.1:1\"]\n", 3, "log.listen", "before the first [section]");
    expect_problem(URL "[audit]\nlevel = \"info\"\n", 3, "audit.level", "is log.level meant?");
    expect_problem(URL "prefixes = []\n", 2, "prefixes", "is namespace.*.prefixes meant?");
}

static void sections_must_be_sections(void **state)
{
    (void)state;
    expect_problem(URL "log = 1\n", 2, "log", "must be a section: [log]");
    expect_problem(URL "[[ldap]]\n", 2, "ldap", "must be a section: [ldap]");
    expect_problem(URL "namespace = []\n", 2, "namespace", "must be a section");
    expect_problem(URL "[namespace]\na = 1\n", 3, "namespace.a", "must be a section: [namespace.a]");
    expect_problem(URL "[[namespace.a]]\n", 2, "namespace.a", "must be a section: [namespace.a]");
}

static void what_is_not_built_is_refused_by_name(void **state)
{
    static const struct {
        const char *text;
        unsigned line;
        const char *key;
    } cases[] = {
        {URL "[namespace.a]\ntype = \"remote\"\n", 3, "namespace.a.type"},
        {URL "[namespace.a]\ntype = \"virtual\"\n", 3, "namespace.a.type"},
        {URL "[namespace.a]\nupstream = \"x\"\n", 3, "namespace.a.upstream"},
        {URL "[namespace.a]\nmembers = []\n", 3, "namespace.a.members"},
        {URL LDAP "revoke_on_password_change = true\n", 7, "ldap.revoke_on_password_change"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_problem(cases[i].text, cases[i].line, cases[i].key, "this version does not have");
}

static void a_certificate_and_its_key_go_together(void **state)
{
    (void)state;
    expect_good(URL "tls_certificate = \"/etc/passwd\"\ntls_key = \"SECRET\"\n");
    expect_problem(URL "tls_certificate = \"/etc/passwd\"\n", 1, "tls_key", "is required by tls_certificate");
    expect_problem(URL "tls_key = \"SECRET\"\n", 1, "tls_certificate", "is required by tls_key");
    expect_problem(URL "tls_key = \"SECRET\"\ntls_certificate = \"/dev/null\"\n", 3, "tls_certificate", "not a file");
    expect_problem(URL "tls_key = \"SECRET\"\ntls_certificate = \"/no.pem\"\n", 3, "tls_certificate", "No such file");
    expect_problem(URL "tls_key = \"/etc/passwd\"\ntls_certificate = \"/etc/passwd\"\n", 2, "tls_key", "0600");
}

static void what_says_the_same_as_this_version_is_accepted(void **state)
{
    (void)state;
    expect_good("tls_certificate = \"\"\ntls_key = \"\"\n" URL LDAP "revoke_on_password_change = false\n");
}

static void ways_to_bind_need_what_they_use(void **state)
{
#define BIND(text) URL "[ldap]\nuri = [\"ldaps://l.example\"]\nsearch_base = [\"o=x\"]\n" text
    (void)state;
    expect_good(BIND("bind_method = \"external\"\ntls_cert_file = \"SECRET\"\ntls_key_file = \"SECRET\"\n"));
    expect_good(URL "[ldap]\nuri = [\"ldapi://\"]\nsearch_base = [\"o=x\"]\nbind_method = \"external\"\n");
    expect_good(BIND("bind_method = \"anonymous\"\nallow_anonymous_search = true\n"));
    expect_problem(BIND("bind_method = \"external\"\n"), 2, "ldap.tls_cert_file", "required by bind_method");
    expect_problem(BIND("bind_method = \"anonymous\"\n"), 5, "ldap.bind_method", "needs allow_anonymous_search = true");
    expect_problem(BIND("bind_method = \"anonymous\"\nallow_anonymous_search = true\nbind_dn = \"cn=a\"\n"), 7,
                   "ldap.bind_dn", "is not used");
    expect_problem(URL LDAP "tls_cert_file = \"SECRET\"\n", 2, "ldap.tls_key_file", "required by tls_cert_file");
    expect_problem(URL LDAP "tls_key_file = \"SECRET\"\n", 2, "ldap.tls_cert_file", "required by tls_key_file");
}

static void a_dn_template_takes_the_place_of_the_search(void **state)
{
    static const struct one cases[] = {
        {"", NULL},
        {"uid={username},ou=people,o=x", NULL},
        {"uid=alice,o=x", "must contain {username}"},
        {"{username}", "is not a distinguished name"},
        {"uid={user},o=x", "a brace"},
    };

    (void)state;
    CHECK_EACH(URL LDAP "user_dn_template = \"@\"\n", 7, "ldap.user_dn_template", cases);
    expect_problem(URL LDAP "user_dn_template = \"uid={username}\"\nsearch_filter = \"(cn={username})\"\n", 7,
                   "ldap.user_dn_template", "exclude each other");
    expect_good(URL LDAP "user_dn_template = \"uid={username}\"\n"
                         "search_filter = \"(&(objectClass=inetOrgPerson)(uid={username}))\"\n");
}

static void fractions_are_between_none_and_all(void **state)
{
    static const struct one cases[] = {{"0.2", NULL}, {"0", NULL},       {"1", NULL},
                                       {"1.1", "0 to 1"}, {"-0.1", "0 to 1"}, {"\"0.2\"", "0 to 1"}, {"true", "0 to 1"}};

    (void)state;
    CHECK_EACH(URL LDAP "max_sweep_fraction = @\n", 7, "ldap.max_sweep_fraction", cases);
}

static void mapped_groups_name_group_namespace_and_role(void **state)
{
#define MAP(group, ns, role)                                                                                           \
    URL LDAP GROUPS "[[ldap.group_map]]\ngroup = \"" group "\"\nnamespace = \"" ns "\"\nrole = \"" role "\"\n"        \
                    "[namespace.a]\n"
    struct cg_conf *conf = parse_good(MAP("cn=x,o=y", "a", "owner") "read = [\"user:z\"]\n");

    (void)state;
    assert_int_equal(conf->namespaces[0].read.count, 1);
    assert_int_equal(conf->namespaces[0].admin.count, 1);
    assert_int_equal(conf->namespaces[0].admin.items[0].kind, CG_GRANT_DN);
    assert_string_equal(conf->namespaces[0].admin.items[0].value, "cn=x,o=y");
    assert_int_equal(conf->namespaces[0].admin.items[0].line, 8);
    cg_conf_unref(&conf);
    expect_problem(MAP("x", "a", "read"), 9, "ldap.group_map[0].group", "is not a distinguished name");
    expect_problem(MAP("cn=x", "b", "read"), 10, "ldap.group_map[0].namespace", "no section [namespace.b]");
    expect_problem(MAP("cn=x", "A", "read"), 10, "ldap.group_map[0].namespace", "lower-case");
    expect_problem(MAP("cn=x", "a", "reader"), 11, "ldap.group_map[0].role",
                   "one of \"read\", \"publish\", \"owner\", \"admin\"");
    expect_problem(MAP("cn=x", "a", "read\"\nroles = \"x"), 12, "ldap.group_map[0].roles", "did you mean \"role\"?");
    expect_problem(URL LDAP GROUPS "[[ldap.group_map]]\ngroup = \"cn=x\"\nrole = \"read\"\n", 8,
                   "ldap.group_map[0].namespace", "is required");
    expect_problem(URL LDAP "[[ldap.group_map]]\ngroup = \"cn=x\"\nnamespace = \"a\"\nrole = \"read\"\n[namespace.a]\n",
                   2, "ldap.group_base", "required by [[ldap.group_map]] (line 7)");
    expect_problem(URL LDAP "group_map = 1\n", 7, "ldap.group_map", "a list of sections");
    expect_problem(URL LDAP "group_map = [1]\n", 7, "ldap.group_map", "must be a section");
}

static void teams_need_a_filter_and_a_directory(void **state)
{
    (void)state;
    expect_good(URL LDAP GROUPS TEAMS);
    expect_problem(URL LDAP GROUPS "[teams]\n", 8, "teams.group_filter", "is required");
    expect_problem(URL LDAP GROUPS "[teams]\ngroup_filter = \"\"\n", 9, "teams.group_filter", "must not be empty");
    expect_problem(URL LDAP GROUPS "[teams]\ngroup_filter = \"(cn={team})\"\n", 9, "teams.group_filter", "a brace");
    expect_problem(URL LDAP TEAMS, 2, "ldap.group_base", "is required by [teams]");
    expect_problem(URL TEAMS, 2, "teams", "needs a directory");
    expect_problem(URL "[[teams]]\n", 2, "teams", "must be a section: [teams]");
    expect_problem(URL LDAP GROUPS TEAMS "type = \"local\"\n", 10, "teams.type", "namespace.*.type");
}

static void in_texts_of_teams_only_the_team_is_filled_in(void **state)
{
    static const struct one grants[] = {
        {"group:rust-{team}", NULL},
        {"dn:cn=rust-{team},ou=groups,o=x", NULL},
        {"group:rust-{name}", "a brace that does not begin {team}"},
        {"group:{team", "a brace"},
        {"group:team}", "a brace"},
        {"anonymous", "may only be granted read"},
        {"{team}", "is not a grant"},
    };
    static const struct one prefixes[] = {
        {"{team}-", NULL},          {"x-{team}-", NULL},     {"rust-", "must contain {team}"},
        {"{team}-{x}", "a brace"}, {"-{team}", "cannot begin"}, {"{team}-\", \"{TEAM}", "a brace"},
    };

    (void)state;
    CHECK_EACH(URL LDAP GROUPS TEAMS "publish = [\"@\"]\n", 10, "teams.publish", grants);
    CHECK_EACH(URL LDAP GROUPS TEAMS "prefixes = [\"@\"]\n", 10, "teams.prefixes", prefixes);
    expect_good(URL LDAP GROUPS TEAMS "read = [\"anonymous\"]\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_url_must_be_a_plain_base_address),
        cmocka_unit_test(listeners_are_addresses_or_sockets),
        cmocka_unit_test(trusted_proxies_are_ranges),
        cmocka_unit_test(directory_uris_have_scheme_and_host_only),
        cmocka_unit_test(plaintext_needs_loopback_and_a_confirmation),
        cmocka_unit_test(directory_needs_server_account_and_base),
        cmocka_unit_test(secret_file_must_be_there_private_and_full),
        cmocka_unit_test(ca_file_must_be_there),
        cmocka_unit_test(search_filter_must_be_whole_and_name_the_user),
        cmocka_unit_test(other_filters_are_checked_too),
        cmocka_unit_test(distinguished_names_are_checked),
        cmocka_unit_test(attributes_are_checked),
        cmocka_unit_test(grants_to_groups_need_a_group_base),
        cmocka_unit_test(grants_without_a_directory_are_refused_unless_anonymous),
        cmocka_unit_test(grants_are_understood_or_refused),
        cmocka_unit_test(anonymous_may_only_read),
        cmocka_unit_test(namespace_names_are_checked),
        cmocka_unit_test(prefixes_are_beginnings_of_names),
        cmocka_unit_test(a_prefix_belongs_to_one_namespace),
        cmocka_unit_test(fields_and_registries_are_checked),
        cmocka_unit_test(directories_that_exist_must_be_directories),
        cmocka_unit_test(default_life_of_tokens_may_not_exceed_the_longest),
        cmocka_unit_test(unknown_keys_are_refused_with_a_hint),
        cmocka_unit_test(misplaced_keys_are_sent_home),
        cmocka_unit_test(sections_must_be_sections),
        cmocka_unit_test(what_is_not_built_is_refused_by_name),
        cmocka_unit_test(a_certificate_and_its_key_go_together),
        cmocka_unit_test(what_says_the_same_as_this_version_is_accepted),
        cmocka_unit_test(ways_to_bind_need_what_they_use),
        cmocka_unit_test(a_dn_template_takes_the_place_of_the_search),
        cmocka_unit_test(fractions_are_between_none_and_all),
        cmocka_unit_test(mapped_groups_name_group_namespace_and_role),
        cmocka_unit_test(teams_need_a_filter_and_a_directory),
        cmocka_unit_test(in_texts_of_teams_only_the_team_is_filled_in),
    };

    return cmocka_run_group_tests(tests, make_secret, remove_secret);
}
