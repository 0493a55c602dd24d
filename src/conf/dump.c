/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The effective configuration. The table has no kind for a secret, so none can be printed by accident. */
#include <string.h>

#include "conf/conf.h"
#include "conf/value.h"

/* `name` stands for the star of "namespace.*". */
static void dump_header(const char *section, const char *name, struct cg_buf *out)
{
    if (name)
        cg_buf_addf(out, "\n[%.*s%s]\n", (int)strcspn(section, "*"), section, name);
    else if (cg_conf_section_repeats(section))
        cg_buf_addf(out, "\n[[%.*s]]\n", (int)strcspn(section, "["), section);
    else if (*section)
        cg_buf_addf(out, "\n[%s]\n", section);
}

static void dump_section(const char *section, const char *name, const void *target, struct cg_buf *out)
{
    dump_header(section, name, out);
    for (size_t i = 0; i < cg_conf_key_count; i++) {
        const struct cg_conf_key *key = &cg_conf_keys[i];

        if (!cg_conf_in_section(key->name, section))
            continue;
        cg_buf_addf(out, "%s = ", cg_conf_leaf(key->name));
        cg_value_print(key, target, out);
        cg_buf_addch(out, '\n');
    }
}

void cg_conf_dump(const struct cg_conf *conf, struct cg_buf *out)
{
    conf = cg_conf_base(conf);
    dump_section("", NULL, conf, out);
    dump_section("log", NULL, conf, out);
    dump_section("audit", NULL, conf, out);
    if (conf->ldap.present)
        dump_section("ldap", NULL, conf, out);
    for (size_t i = 0; i < conf->ldap.group_map_count; i++)
        dump_section("ldap.group_map[]", NULL, &conf->ldap.group_map[i], out);
    if (conf->teams.present)
        dump_section("teams", NULL, conf, out);
    for (size_t i = 0; i < conf->artifactory_count; i++)
        dump_section("artifactory.*", conf->artifactories[i].name, &conf->artifactories[i], out);
    for (size_t i = 0; i < conf->namespace_count; i++)
        dump_section("namespace.*", conf->namespaces[i].name, &conf->namespaces[i], out);
}
