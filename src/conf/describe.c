/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "conf/describe.h"

#include <inttypes.h>
#include <string.h>

#include "base/str.h"
#include "conf/value.h"

bool cg_conf_word_exists(const struct cg_conf_key *key, const char *word)
{
    for (size_t i = 0; i < cg_conf_later_count; i++)
        if (cg_streq(cg_conf_later[i].name, key->name) && cg_streq(cg_conf_later[i].word, word))
            return false;
    return true;
}

void cg_conf_describe_type(const struct cg_conf_key *key, struct cg_buf *out)
{
    static const char *const names[] = {
        [CG_KIND_STRING] = "string",       [CG_KIND_STRINGS] = "list of strings", [CG_KIND_BOOL] = "true or false",
        [CG_KIND_UINT] = "whole number",   [CG_KIND_DURATION] = "time",           [CG_KIND_SIZE] = "size",
        [CG_KIND_ENUM] = "one of several", [CG_KIND_GRANTS] = "list of grants",   [CG_KIND_FRACTION] = "number",
    };

    cg_buf_addstr(out, names[key->kind]);
    if (key->what)
        cg_buf_addf(out, " (%s)", key->what);
}

static void describe_number(const struct cg_conf_key *key, int64_t value, struct cg_buf *out)
{
    char text[32];

    if (key->kind == CG_KIND_DURATION) {
        cg_format_duration(value, text);
        cg_value_quote(out, text);
    } else if (key->kind == CG_KIND_SIZE) {
        cg_format_size((uint64_t)value, text);
        cg_value_quote(out, text);
    } else {
        cg_buf_addf(out, "%" PRId64, value);
    }
}

static void describe_words(const struct cg_conf_key *key, struct cg_buf *out)
{
    bool first = true;

    for (size_t i = 0; key->words[i]; i++) {
        if (!cg_conf_word_exists(key, key->words[i]))
            continue;
        cg_buf_addf(out, "%s\"%s\"", first ? "" : ", ", key->words[i]);
        first = false;
    }
}

void cg_conf_describe_range(const struct cg_conf_key *key, struct cg_buf *out)
{
    if (key->kind == CG_KIND_ENUM) {
        describe_words(key, out);
    } else if (key->kind == CG_KIND_FRACTION) {
        cg_buf_addstr(out, "0 to 1");
    } else if (key->max) {
        describe_number(key, key->min, out);
        cg_buf_addstr(out, " to ");
        describe_number(key, key->max, out);
    }
}

void cg_conf_wrap(struct cg_buf *out, const char *prefix, const char *text, size_t width)
{
    size_t column = 0;

    while (*text) {
        size_t len = strcspn(text, " ");

        if (column && column + 1 + len > width) {
            cg_buf_addch(out, '\n');
            column = 0;
        }
        if (column == 0) {
            cg_buf_addstr(out, prefix);
            column = strlen(prefix);
        } else {
            cg_buf_addch(out, ' ');
            column++;
        }
        cg_buf_add(out, text, len);
        column += len;
        text += len + strspn(text + len, " ");
    }
    cg_buf_addch(out, '\n');
}
