/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/target.h"

#include <stdbool.h>
#include <string.h>

#include "base/str.h"
#include "registry/refuse.h"

#define TARGET_MAX 8192
#define DEPTH_MAX 32 /* recursion; people write three or four */

struct cfg {
    const char *at, *end;
    struct cg_buf out;
    const char *why; /* set by the first failure */
    unsigned depth;
};

static bool fail(struct cfg *c, const char *why)
{
    c->why = why;
    return false;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* cargo's blanks are 0x20 alone. */
static char peek(struct cfg *c)
{
    while (c->at < c->end && *c->at == ' ')
        c->at++;
    return c->at < c->end ? *c->at : '\0';
}

static bool take(struct cfg *c, char wanted)
{
    if (peek(c) != wanted)
        return false;
    c->at++;
    return true;
}

/* An identifier, "r#" before it allowed; *len_out counts that in. */
static bool identifier(struct cfg *c, const char **start_out, size_t *len_out)
{
    peek(c);
    const char *start = c->at, *p = start;
    if (c->end - p >= 2 && p[0] == 'r' && p[1] == '#')
        p += 2;
    if (p == c->end || !is_letter(*p))
        return fail(c, "an identifier is expected");
    while (p < c->end && (is_letter(*p) || is_digit(*p)))
        p++;
    c->at = p;
    *start_out = start;
    *len_out = (size_t)(p - start);
    return true;
}

static bool string(struct cfg *c)
{
    if (!take(c, '"'))
        return fail(c, "a string is expected behind \"=\"");
    const char *close = memchr(c->at, '"', (size_t)(c->end - c->at));
    if (!close)
        return fail(c, "a string is not closed");
    cg_buf_addch(&c->out, '"');
    cg_buf_add(&c->out, c->at, (size_t)(close + 1 - c->at));
    c->at = close + 1;
    return true;
}

static bool is_word(const char *start, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(start, word, len) == 0;
}

static bool expression(struct cfg *c);

/* "(a, b)", trailing comma allowed; the opening parenthesis is next. */
static bool list(struct cfg *c)
{
    if (!take(c, '('))
        return fail(c, "\"(\" is expected behind all and any");
    cg_buf_addch(&c->out, '(');
    for (bool first = true; !take(c, ')'); first = false) {
        if (!first)
            cg_buf_addstr(&c->out, ", ");
        if (!expression(c))
            return false;
        if (!take(c, ',') && peek(c) != ')')
            return fail(c, "\",\" or \")\" is expected");
    }
    cg_buf_addch(&c->out, ')');
    return true;
}

static bool negation(struct cfg *c)
{
    if (!take(c, '('))
        return fail(c, "\"(\" is expected behind not");
    cg_buf_addch(&c->out, '(');
    if (!expression(c))
        return false;
    cg_buf_addch(&c->out, ')');
    return take(c, ')') || fail(c, "\")\" is expected");
}

static bool predicate(struct cfg *c)
{
    const char *start;
    size_t len;
    if (!identifier(c, &start, &len))
        return false;
    cg_buf_add(&c->out, start, len);
    if (is_word(start, len, "all") || is_word(start, len, "any"))
        return list(c);
    if (is_word(start, len, "not"))
        return negation(c);
    if (!take(c, '='))
        return true;
    cg_buf_addstr(&c->out, " = ");
    return string(c);
}

static bool expression(struct cfg *c)
{
    if (c->depth == DEPTH_MAX)
        return fail(c, "it nests too deep");
    c->depth++;
    bool ok = predicate(c);
    c->depth--;
    return ok;
}

static bool whole_expression(struct cfg *c)
{
    if (!expression(c))
        return false;
    return peek(c) == '\0' || fail(c, "something follows the expression");
}

static bool is_triple(const char *text)
{
    const char *p = text;
    while (is_letter(*p) || is_digit(*p) || *p == '-' || *p == '.')
        p++;
    return p != text && *p == '\0';
}

static bool is_cfg(const char *text, size_t len)
{
    return cg_str_starts(text, "cfg(") && text[len - 1] == ')';
}

static void parse(struct cfg *c, const char *text, size_t len)
{
    if (len > TARGET_MAX) {
        fail(c, "it is longer than 8192 bytes");
    } else if (is_cfg(text, len)) {
        c->at = text + 4;
        c->end = text + len - 1;
        cg_buf_addstr(&c->out, "cfg(");
        if (whole_expression(c))
            cg_buf_addch(&c->out, ')');
    } else if (is_triple(text)) {
        cg_buf_add(&c->out, text, len);
    } else {
        fail(c, "it is neither a target triple nor cfg(...)");
    }
}

enum cg_err cg_target_normalise(const char *text, struct cg_buf *normal, struct cg_error *err)
{
    struct cfg c = {0};
    cg_buf_init(&c.out, 2 * TARGET_MAX + 16); /* "," grows to ", ", "=" to " = " with its quotes behind it */
    parse(&c, text, strlen(text));
    enum cg_err ret = CG_OK;
    if (c.why)
        ret = cg_refuse(err, CG_ERR_INVALID, "dependency-target", "\"%.200s\" is no target for dependencies: %s", text,
                        c.why);
    else if (normal)
        cg_buf_add(normal, c.out.data, c.out.len);
    cg_buf_free(&c.out);
    return ret;
}
