/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* docs/crategate.toml.5: the table as a manual page. */
#include <string.h>

#include "base/str.h"
#include "conf/conf.h"
#include "conf/describe.h"
#include "conf/schema.h"

static const char head[] =
    ".\\\" SPDX-License-Identifier: Apache-2.0 OR MIT\n"
    ".\\\" Generated from src/conf/schema.c by src/conf/gen_conf; change the table there.\n"
    ".TH CRATEGATE.TOML 5 \"\" crategate \"File formats\"\n"
    ".SH NAME\ncrategate.toml \\- configuration of crategated(8) and crategatectl(8)\n"
    ".SH DESCRIPTION\nOne TOML file. An unknown key, a bad value or a missing file is an error; crategated \\-t reports all "
    "of them, each as FILE:LINE: KEY: reason. Times are strings with a unit (15m), sizes too (64M, binary). Secrets are "
    "only ever given by file, mode 0600 or 0400. SIGHUP reloads; a bad file leaves the old configuration running.\n";

/* Text of the table, with what roff would take for its own made harmless. */
static void add_text(struct cg_buf *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        cg_buf_addstr(out, "\\&");
    for (; *text; text++) {
        if (*text == '\\')
            cg_buf_addstr(out, "\\e");
        else if (*text == '-')
            cg_buf_addstr(out, "\\-");
        else if (*text != '`')
            cg_buf_addch(out, *text);
    }
}

static void add_facts(struct cg_buf *out, const struct cg_conf_key *key)
{
    struct cg_buf facts, range;

    cg_buf_init(&facts, 4096);
    cg_buf_init(&range, 1024);
    cg_conf_describe_type(key, &facts);
    cg_buf_addf(&facts, "; %s%s", key->def ? "default " : "required", key->def ? key->def : "");
    cg_conf_describe_range(key, &range);
    cg_buf_addf(&facts, "%s%s", range.len ? "; " : "", cg_buf_str(&range));
    add_text(out, cg_buf_str(&facts));
    cg_buf_addstr(out, key->flags & CG_KEY_RESTART ? " (restart)\n" : " (reload)\n");
    cg_buf_free(&range);
    cg_buf_free(&facts);
}

static void add_key(struct cg_buf *out, const struct cg_conf_key *key)
{
    cg_buf_addstr(out, ".TP\n.B ");
    add_text(out, cg_conf_leaf(key->name));
    cg_buf_addch(out, '\n');
    add_text(out, key->doc);
    cg_buf_addstr(out, "\n.br\n");
    add_facts(out, key);
}

static void add_section(struct cg_buf *out, const struct cg_conf_section *section)
{
    if (cg_str_ends(section->name, "[]"))
        cg_buf_addf(out, ".SH \"[[%.*s]]\"\n", (int)strcspn(section->name, "["), section->name);
    else
        cg_buf_addf(out, ".SH \"%s%s%s\"\n", *section->name ? "[" : "TOP LEVEL",
                    cg_str_ends(section->name, "*") ? "namespace.NAME" : section->name, *section->name ? "]" : "");
    add_text(out, section->doc);
    cg_buf_addch(out, '\n');
    for (size_t i = 0; i < cg_conf_key_count; i++)
        if (cg_conf_in_section(cg_conf_keys[i].name, section->name))
            add_key(out, &cg_conf_keys[i]);
}

void cg_conf_write_man(struct cg_buf *out)
{
    cg_buf_addstr(out, head);
    for (size_t i = 0; i < cg_conf_section_count; i++)
        add_section(out, &cg_conf_sections[i]);
    cg_buf_addstr(out, ".SH SEE ALSO\n.BR crategated (8),\n.BR crategatectl (8)\n");
}
