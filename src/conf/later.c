/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Keys and words that are part of the design, but not of this version. */
#include <string.h>

#include "base/str.h"
#include "conf/schema.h"

#define NEEDS_PROXY "put a proxy that speaks TLS in front, and name its address in trusted_proxies"
#define LOCAL_ONLY "only local namespaces exist"
#define DISK_ONLY "crates are kept on local disk"
#define SEARCH_ONLY "people are found by search_base and search_filter"
#define SERVICE_ACCOUNT "the directory is searched by bind_dn with bind_password_file"

const struct cg_conf_later cg_conf_later[] = {
    {"tls_certificate", NULL, "\"\"", NEEDS_PROXY},
    {"tls_key", NULL, "\"\"", NEEDS_PROXY},
    {"artifactory", NULL, NULL, DISK_ONLY},
    {"teams", NULL, NULL, "give each team its [namespace.NAME]"},
    {"ldap.directory_type", "ad", NULL, "use the type whose attributes your directory has"},
    {"ldap.enabled", NULL, "true", "leave the whole [ldap] section out to have no directory"},
    {"ldap.tls_cert_file", NULL, "\"\"", SERVICE_ACCOUNT},
    {"ldap.tls_key_file", NULL, "\"\"", SERVICE_ACCOUNT},
    {"ldap.tls_ciphers", NULL, "\"\"", "the TLS library's own choice is used, from tls_min_version on"},
    {"ldap.bind_method", NULL, "\"simple\"", SERVICE_ACCOUNT},
    {"ldap.allow_anonymous_search", NULL, "false", SERVICE_ACCOUNT},
    {"ldap.user_dn_template", NULL, "\"\"", SEARCH_ONLY},
    {"ldap.username_pattern", NULL, NULL, "names have at most 128 bytes and no control characters"},
    {"ldap.mail_attribute", NULL, NULL, "mail addresses are not used"},
    {"ldap.account_state", "ad", NULL, "\"auto\" looks at all that this version knows"},
    {"ldap.account_state", "389ds", NULL, "\"auto\" looks at all that this version knows"},
    {"ldap.locked_by_failures_blocks_tokens", NULL, "false",
     "an account locked by wrong passwords keeps its tokens, else any stranger could stop a build farm"},
    {"ldap.dereference_aliases", NULL, "\"never\"", "aliases are not followed"},
    {"ldap.page_size", NULL, NULL, "the gateway chooses it"},
    {"ldap.group_source", NULL, "\"search\"", "groups are found by group_base and group_filter"},
    {"ldap.nested_groups", "in_chain", NULL, "\"recursive\" finds the same groups"},
    {"ldap.sync_interval", NULL, NULL, "accounts are looked up again one by one, see revalidate_interval"},
    {"ldap.max_sweep_fraction", NULL, NULL, "accounts are looked up again one by one, see revalidate_interval"},
    {"ldap.revoke_on_password_change", NULL, "false", "revoke tokens with crategatectl token revoke"},
    {"ldap.group_map", NULL, NULL, "name the groups in the grants of each namespace"},
    {"namespace.*.type", "remote", NULL, LOCAL_ONLY},
    {"namespace.*.type", "virtual", NULL, LOCAL_ONLY},
    {"namespace.*.storage", "artifactory", NULL, DISK_ONLY},
    {"namespace.*.artifactory", NULL, NULL, DISK_ONLY},
    {"namespace.*.repository", NULL, NULL, DISK_ONLY},
    {"namespace.*.upstream", NULL, NULL, LOCAL_ONLY},
    {"namespace.*.members", NULL, NULL, LOCAL_ONLY},
};
const size_t cg_conf_later_count = sizeof(cg_conf_later) / sizeof(cg_conf_later[0]);

const char *cg_conf_leaf(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot ? dot + 1 : name;
}

bool cg_conf_in_section(const char *name, const char *section)
{
    size_t len = (size_t)(cg_conf_leaf(name) - name);

    return len ? strlen(section) == len - 1 && memcmp(name, section, len - 1) == 0 : *section == '\0';
}

const struct cg_conf_key *cg_conf_find_key(const char *section, const char *leaf)
{
    for (size_t i = 0; i < cg_conf_key_count; i++)
        if (cg_streq(cg_conf_leaf(cg_conf_keys[i].name), leaf) && cg_conf_in_section(cg_conf_keys[i].name, section))
            return &cg_conf_keys[i];
    return NULL;
}

const struct cg_conf_section *cg_conf_find_section(const char *name)
{
    for (size_t i = 0; i < cg_conf_section_count; i++)
        if (cg_streq(cg_conf_sections[i].name, name))
            return &cg_conf_sections[i];
    return NULL;
}

const struct cg_conf_later *cg_conf_find_later(const char *section, const char *leaf, const char *word)
{
    for (size_t i = 0; i < cg_conf_later_count; i++) {
        const struct cg_conf_later *later = &cg_conf_later[i];

        if (cg_streq(cg_conf_leaf(later->name), leaf) && cg_conf_in_section(later->name, section) &&
            cg_streq(later->word, word))
            return later;
    }
    return NULL;
}

const char *cg_conf_default(const struct cg_conf_key *key, int directory_type)
{
    const char *preset = directory_type < CG_CONF_DIRECTORY_TYPES ? key->presets[directory_type] : NULL;

    return preset ? preset : key->def;
}
