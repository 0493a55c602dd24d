/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* docs/configuration.md. */
#include <string.h>

#include "base/str.h"
#include "conf/conf.h"
#include "conf/describe.h"
#include "conf/schema.h"

#define WIDTH 120

static const char preface[] =
    "<!-- Generated from src/conf/schema.c by src/conf/gen_conf; change the table there. -->\n"
    "# Configuration\n"
    "\n"
    "crategate reads one TOML file, `/etc/crategate/crategate.toml` unless `-c FILE` names another.\n"
    "`etc/crategate.toml` is a sample with every key.\n"
    "\n"
    "- `crategated -t` checks the file and everything it names: all problems are reported, each as\n"
    "  `FILE:LINE: KEY: reason`. An unknown key is an error.\n"
    "- `crategated --dump-config` prints all values in force. The output is itself a configuration.\n"
    "- SIGHUP reloads the file. A bad one leaves the old configuration running, and the log says why.\n"
    "- Times are strings with a unit: `\"500ms\"`, `\"30s\"`, `\"15m\"`, `\"12h\"`, `\"7d\"`. Sizes are strings in "
    "binary\n"
    "  units: `\"512K\"`, `\"64M\"` (64 MiB), `\"2G\"`.\n"
    "- Secrets are only ever given by file, with mode 0600 or 0400, owned by root or by the user of the daemon.\n";

/* `"uid"` (`"sAMAccountName"` for `directory_type = "ad"`), with the types of this version only. */
static void write_default(const struct cg_conf_key *key, struct cg_buf *out)
{
    const struct cg_conf_key *type = cg_conf_find_key("ldap", "directory_type");

    if (!key->def) {
        cg_buf_addstr(out, "- Required.\n");
        return;
    }
    cg_buf_addf(out, "- Default: `%s`", key->def);
    for (int i = 0; i < CG_CONF_DIRECTORY_TYPES; i++)
        if (key->presets[i] && cg_conf_word_exists(type, type->words[i]))
            cg_buf_addf(out, "; `%s` for `directory_type = \"%s\"`", key->presets[i], type->words[i]);
    cg_buf_addstr(out, ".\n");
}

static void write_range(const struct cg_conf_key *key, struct cg_buf *out)
{
    struct cg_buf range;

    cg_buf_init(&range, 1024);
    cg_conf_describe_range(key, &range);
    if (range.len)
        cg_buf_addf(out, "- %s: %s.\n", key->kind == CG_KIND_ENUM ? "Values" : "From", cg_buf_str(&range));
    cg_buf_free(&range);
}

static void write_key(const struct cg_conf_key *key, struct cg_buf *out)
{
    cg_buf_addf(out, "\n### `%s`\n\n", key->name);
    cg_conf_wrap(out, "", key->doc, WIDTH);
    cg_buf_addstr(out, "\n- Type: ");
    cg_conf_describe_type(key, out);
    cg_buf_addstr(out, ".\n");
    write_default(key, out);
    write_range(key, out);
    if (key->example)
        cg_buf_addf(out, "- Example: `%s = %s`\n", cg_conf_leaf(key->name), key->example);
    cg_buf_addf(out, "- A change takes effect at %s.\n",
                key->flags & CG_KEY_RESTART ? "the next start" : "a reload (SIGHUP)");
}

static void write_section(const struct cg_conf_section *section, struct cg_buf *out)
{
    if (cg_str_ends(section->name, "*"))
        cg_buf_addf(out, "\n## %s: `[namespace.NAME]`\n\n", section->title);
    else if (cg_str_ends(section->name, "[]"))
        cg_buf_addf(out, "\n## %s: `[[%.*s]]`\n\n", section->title, (int)strcspn(section->name, "["), section->name);
    else if (*section->name)
        cg_buf_addf(out, "\n## %s: `[%s]`\n\n", section->title, section->name);
    else
        cg_buf_addf(out, "\n## %s\n\n", section->title);
    cg_conf_wrap(out, "", section->doc, WIDTH);
    for (size_t i = 0; i < cg_conf_key_count; i++)
        if (cg_conf_in_section(cg_conf_keys[i].name, section->name))
            write_key(&cg_conf_keys[i], out);
}

static void write_later(struct cg_buf *out)
{
    cg_buf_addstr(out, "\n## Not in this version\n\n");
    cg_conf_wrap(out, "",
                 "These are refused by name, so that a configuration never promises what is not there. Where a value "
                 "says what this version does anyway, it is accepted and changes nothing.",
                 WIDTH);
    cg_buf_addstr(out, "\n| key | refused | instead |\n|---|---|---|\n");
    for (size_t i = 0; i < cg_conf_later_count; i++) {
        const struct cg_conf_later *later = &cg_conf_later[i];

        cg_buf_addf(out, "| `%s` | ", later->name);
        if (later->word)
            cg_buf_addf(out, "`\"%s\"`", later->word);
        else if (later->accepted)
            cg_buf_addf(out, "all but `%s`", later->accepted);
        else
            cg_buf_addstr(out, "always");
        cg_buf_addf(out, " | %s |\n", later->why);
    }
}

void cg_conf_write_docs(struct cg_buf *out)
{
    cg_buf_addstr(out, preface);
    for (size_t i = 0; i < cg_conf_section_count; i++)
        write_section(&cg_conf_sections[i], out);
    write_later(out);
}
