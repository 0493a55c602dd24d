/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Keys and words that are part of the design, but not of this version. */
#include <string.h>

#include "base/str.h"
#include "conf/schema.h"

#define LOCAL_ONLY "only local namespaces exist"
#define DISK_ONLY "the crates of teams are kept on local disk; give one its own [namespace.NAME] for Artifactory"

const struct cg_conf_later cg_conf_later[] = {
    {"ldap.revoke_on_password_change", NULL, "false", "revoke tokens with crategatectl token revoke"},
    {"namespace.*.type", "remote", NULL, LOCAL_ONLY},
    {"namespace.*.type", "virtual", NULL, LOCAL_ONLY},
    {"teams.storage", "artifactory", NULL, DISK_ONLY},
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

bool cg_conf_section_repeats(const char *section)
{
    return strpbrk(section, "*[") != NULL;
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
