/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/json_scan.h"

#include <jansson.h>
#include <string.h>

struct scan {
    const char *text;
    size_t at, len;
};

static char here(const struct scan *s)
{
    return s->at < s->len ? s->text[s->at] : '\0';
}

static void skip_blanks(struct scan *s)
{
    while (here(s) && strchr(" \t\r\n", here(s)))
        s->at++;
}

static void skip_string(struct scan *s)
{
    for (s->at++; here(s) && here(s) != '"'; s->at++)
        if (here(s) == '\\')
            s->at++;
    s->at++;
}

/* A value of any kind: to the comma or bracket that ends it, nested ones skipped. */
static void skip_value(struct scan *s)
{
    size_t depth = 0;
    while (here(s)) {
        char c = here(s);
        if (c == '"') {
            skip_string(s);
            continue;
        }
        if (depth == 0 && strchr(",}] \t\r\n", c))
            return;
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        s->at++;
    }
}

/* Keys may be spelled with escapes; the parser knows what they say. */
static bool key_is(const char *quoted, size_t len, const char *key)
{
    json_t *value = json_loadb(quoted, len, JSON_DECODE_ANY, NULL);
    bool same = value && strcmp(json_string_value(value), key) == 0;
    json_decref(value);
    return same;
}

bool cg_json_scan_member(const char *text, size_t len, const char *key, size_t *start_out, size_t *end_out)
{
    struct scan s = {.text = text, .len = len};
    skip_blanks(&s);
    do {
        s.at++; /* "{" or "," */
        skip_blanks(&s);
        size_t key_start = s.at;
        if (here(&s) != '"')
            return false;
        skip_string(&s);
        size_t key_end = s.at;
        skip_blanks(&s);
        s.at++; /* ":" */
        skip_blanks(&s);
        size_t start = s.at;
        skip_value(&s);
        if (key_is(text + key_start, key_end - key_start, key)) {
            *start_out = start;
            *end_out = s.at;
            return true;
        }
        skip_blanks(&s);
    } while (here(&s) == ',');
    return false;
}
