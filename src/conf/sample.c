/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The sample file: "# " begins an explanation, "#key" a setting at its default. */
#include "base/str.h"
#include "conf/conf.h"
#include "conf/describe.h"
#include "conf/schema.h"

#define WIDTH 100

static const char preface[] =
    "# crategate's configuration (TOML). It works as it is, for one namespace that everybody may read.\n"
    "#\n"
    "# Every key is here. Where a line begins with \"#\" and the name of a key, what is shown is the default, or an\n"
    "# example where there is none or nearly everybody needs another value: remove the \"#\" to change it. Times are strings with a unit (\"500ms\", \"30s\",\n"
    "# \"15m\", \"12h\", \"7d\"), sizes too (\"512K\", \"64M\", \"2G\": binary units). Secrets are only ever given by "
    "file,\n"
    "# mode 0600 or 0400.\n"
    "#\n"
    "#   crategated -t             checks this file\n"
    "#   crategated --dump-config  shows all values in force\n"
    "#   SIGHUP                    reloads it; a bad file leaves the old configuration running\n"
    "\n"
    "# First steps: set public_url; fill in [ldap] (remove the \"#\" before its header and before the keys\n"
    "# that are required or needed); then name the namespaces, and who may do what in them, at the end of the file.\n";

static void explain(const struct cg_conf_key *key, struct cg_buf *out)
{
    struct cg_buf text;

    cg_buf_init(&text, 4096);
    cg_buf_addf(&text, "%s%s", key->flags & CG_KEY_REQUIRED ? "Required. " : "", key->doc);
    if (key->kind == CG_KIND_ENUM || key->max) {
        cg_buf_addstr(&text, key->kind == CG_KIND_ENUM ? " One of: " : " From ");
        cg_conf_describe_range(key, &text);
        cg_buf_addch(&text, '.');
    }
    if (key->flags & CG_KEY_RESTART)
        cg_buf_addstr(&text, " A change takes effect at the next start.");
    cg_conf_wrap(out, "# ", cg_buf_str(&text), WIDTH);
    if (key->flags & CG_KEY_NEEDED)
        cg_buf_addf(out, "# Default: %s\n", key->def);
    else if (key->example && key->def && !(key->flags & CG_KEY_SHOW))
        cg_buf_addf(out, "# Example: %s = %s\n", cg_conf_leaf(key->name), key->example);
    cg_buf_free(&text);
}

static void write_key(const struct cg_conf_key *key, struct cg_buf *out)
{
    bool shown = key->flags & CG_KEY_SHOW;
    const char *value = shown || key->flags & CG_KEY_NEEDED || !key->def ? key->example : key->def;

    cg_buf_addch(out, '\n');
    explain(key, out);
    cg_buf_addf(out, "%s%s = %s\n", shown ? "" : "#", cg_conf_leaf(key->name), value);
}

void cg_conf_write_sample(struct cg_buf *out)
{
    cg_buf_addstr(out, preface);
    for (size_t i = 0; i < cg_conf_section_count; i++) {
        const struct cg_conf_section *section = &cg_conf_sections[i];

        cg_buf_addf(out, "\n# ---- %s ----\n", section->title);
        cg_conf_wrap(out, "# ", section->doc, WIDTH);
        if (section->sample)
            cg_buf_addf(out, "%s\n", section->sample);
        for (size_t j = 0; j < cg_conf_key_count; j++)
            if (cg_conf_in_section(cg_conf_keys[j].name, section->name))
                write_key(&cg_conf_keys[j], out);
    }
}
