/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Text -> query, by recursive descent. jansson is no help here: a client may use a key twice in an object, and means
 * both. The first thing that is wrong is told; what follows is not read.
 */
#include <inttypes.h>
#include <string.h>

#include "api/aql_private.h"
#include "base/str.h"
#include "base/utf8.h"

#define DEPTH_MAX 32
#define NODES_MAX 5000
/* Nodes, and strings that together are no longer than the text, which is bounded by the body's limit. */
#define ARENA_MAX (4u * 1024u * 1024u)
#define TEXT_MAX (64u * 1024u)

struct parser {
    const char *start, *at, *end;
    struct cg_aql *aql;
    unsigned nodes, depth;
    struct cg_error *err;
};

static enum cg_err bad(const struct parser *p, const char *expected)
{
    return cg_error_set(p->err, CG_ERR_INVALID, "Failed to parse query: %s is expected at character %zu", expected,
                        (size_t)(p->at - p->start) + 1);
}

static enum cg_err strange(const struct parser *p, const char *what, const char *which)
{
    char shown[160];

    cg_str_printable(which, strlen(which), shown, sizeof(shown));
    return cg_error_set(p->err, CG_ERR_INVALID, "this query's %s \"%s\" is not understood here", what, shown);
}

/* Tokens */

static void skip_blanks(struct parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r'))
        p->at++;
}

static bool next_is(struct parser *p, char c)
{
    skip_blanks(p);
    return p->at < p->end && *p->at == c;
}

static bool take(struct parser *p, char c)
{
    if (!next_is(p, c))
        return false;
    p->at++;
    return true;
}

static bool take_word(struct parser *p, const char *word)
{
    size_t len = strlen(word);

    skip_blanks(p);
    if ((size_t)(p->end - p->at) < len || memcmp(p->at, word, len) != 0)
        return false;
    p->at += len;
    return true;
}

static enum cg_err expect(struct parser *p, char c)
{
    const char wanted[] = {'"', c, '"', '\0'};

    return take(p, c) ? CG_OK : bad(p, wanted);
}

/* Four hex digits at the parser; -1 when they are none. */
static int hex4(struct parser *p)
{
    int value = 0;

    for (int i = 0; i < 4; i++, p->at++) {
        const char *digits = "0123456789abcdef", *digit;
        char c = p->at < p->end ? *p->at : '\0';

        c = (char)(c >= 'A' && c <= 'F' ? c + 'a' - 'A' : c);
        digit = c ? strchr(digits, c) : NULL;
        if (!digit)
            return -1;
        value = value << 4 | (int)(digit - digits);
    }
    return value;
}

/* Names of files and properties are no place for other planes: a surrogate is refused. */
static bool add_unicode(struct parser *p, struct cg_buf *out)
{
    int c = hex4(p);

    if (c <= 0 || (c >= 0xd800 && c <= 0xdfff))
        return false;
    if (c < 0x80) {
        cg_buf_addch(out, (char)c);
    } else if (c < 0x800) {
        cg_buf_addch(out, (char)(0xc0 | c >> 6));
        cg_buf_addch(out, (char)(0x80 | (c & 0x3f)));
    } else {
        cg_buf_addch(out, (char)(0xe0 | c >> 12));
        cg_buf_addch(out, (char)(0x80 | (c >> 6 & 0x3f)));
        cg_buf_addch(out, (char)(0x80 | (c & 0x3f)));
    }
    return true;
}

static bool add_escape(struct parser *p, struct cg_buf *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *which;
    char c = p->at < p->end ? *p->at++ : '\0';

    if (c == 'u')
        return add_unicode(p, out);
    which = c ? strchr(from, c) : NULL;
    if (which)
        cg_buf_addch(out, to[which - from]);
    return which != NULL;
}

/* What stands between the quotes; false at a fault. */
static bool read_string(struct parser *p, struct cg_buf *out)
{
    while (p->at < p->end && *p->at != '"') {
        char c = *p->at++;

        if (c == '\\' ? !add_escape(p, out) : (unsigned char)c < 0x20)
            return false;
        if (c != '\\')
            cg_buf_addch(out, c);
    }
    return p->at < p->end && !cg_buf_failed(out);
}

static enum cg_err string(struct parser *p, const char **out)
{
    struct cg_buf text;
    enum cg_err rc;

    if (!take(p, '"'))
        return bad(p, "a text in double quotes");
    cg_buf_init(&text, TEXT_MAX);
    rc = read_string(p, &text) ? expect(p, '"') : bad(p, "the rest of a text in double quotes");
    if (rc == CG_OK)
        *out = cg_arena_strndup(p->aql->arena, cg_buf_str(&text), text.len);
    cg_buf_free(&text);
    return rc;
}

static enum cg_err number(struct parser *p, uint64_t *out)
{
    char digits[20];
    size_t len = 0;

    skip_blanks(p);
    while (p->at < p->end && *p->at >= '0' && *p->at <= '9' && len < sizeof(digits) - 1)
        digits[len++] = *p->at++;
    digits[len] = '\0';
    return cg_parse_u64(digits, UINT64_MAX, out) == CG_OK ? CG_OK : bad(p, "a number");
}

/* Calls `item` for each element up to `close`, which may come at once. */
static enum cg_err list(struct parser *p, char close, enum cg_err (*item)(struct parser *p, void *cls), void *cls)
{
    enum cg_err rc = CG_OK;

    if (take(p, close))
        return CG_OK;
    do {
        rc = item(p, cls);
    } while (rc == CG_OK && take(p, ','));
    return rc == CG_OK ? expect(p, close) : rc;
}

/* Criteria */

static enum cg_err add_node(struct parser *p, struct cg_aql_node *parent, enum cg_aql_kind kind,
                            struct cg_aql_node **out)
{
    struct cg_aql_node *node;

    if (++p->nodes > NODES_MAX)
        return cg_error_set(p->err, CG_ERR_INVALID, "this query has more than %d criteria", NODES_MAX);
    node = cg_arena_alloc(p->aql->arena, sizeof(*node));
    node->kind = kind;
    if (parent && parent->last)
        parent->last->next = node;
    else if (parent)
        parent->first = node;
    if (parent)
        parent->last = node;
    *out = node;
    return CG_OK;
}

static enum cg_err set_subject(struct parser *p, const char *key, struct cg_aql_node *test)
{
    static const char *const names[] = {"repo", "path", "name", "type", "sha256"};

    if (key[0] == '@' && key[1] && !strchr(key, '*')) {
        test->subject = CG_AQL_ON_PROPERTY;
        test->property = key + 1;
        return CG_OK;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(key, names[i]) != 0)
            continue;
        test->subject = (enum cg_aql_subject)i;
        p->aql->on_type |= test->subject == CG_AQL_ON_TYPE;
        return CG_OK;
    }
    return strange(p, "field", key);
}

static enum cg_err set_operator(struct parser *p, const char *name, struct cg_aql_node *test)
{
    static const char *const names[] = {"$eq", "$ne", "$match", "$nmatch"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            test->op = (enum cg_aql_operator)i;
            return CG_OK;
        }
    }
    return strange(p, "operator", name);
}

/* The field whose operators are read, and where its tests go. */
struct subject {
    const char *key;
    struct cg_aql_node *parent;
};

static enum cg_err test(struct parser *p, const struct subject *subject, const char *op)
{
    struct cg_aql_node *node = NULL;
    enum cg_err rc = add_node(p, subject->parent, CG_AQL_TEST, &node);

    if (rc == CG_OK)
        rc = set_subject(p, subject->key, node);
    if (rc == CG_OK)
        rc = set_operator(p, op, node);
    return rc == CG_OK ? string(p, &node->value) : rc;
}

static enum cg_err operator_and_value(struct parser *p, void *cls)
{
    const char *op = NULL;
    enum cg_err rc = string(p, &op);

    if (rc == CG_OK)
        rc = expect(p, ':');
    return rc == CG_OK ? test(p, cls, op) : rc;
}

static enum cg_err field(struct parser *p, const char *key, struct cg_aql_node *parent)
{
    struct subject subject = {.key = key, .parent = parent};
    enum cg_err rc;

    if (!take(p, '{'))
        return test(p, &subject, "$eq");
    rc = add_node(p, parent, CG_AQL_ALL_OF, &subject.parent);
    return rc == CG_OK ? list(p, '}', operator_and_value, &subject) : rc;
}

static enum cg_err object(struct parser *p, void *cls);

static enum cg_err group(struct parser *p, enum cg_aql_kind kind, struct cg_aql_node *parent)
{
    struct cg_aql_node *node = NULL;
    enum cg_err rc = add_node(p, parent, kind, &node);

    if (rc == CG_OK && ++p->depth > DEPTH_MAX)
        rc = cg_error_set(p->err, CG_ERR_INVALID, "this query nests more than %d deep", DEPTH_MAX);
    if (rc == CG_OK)
        rc = expect(p, '[');
    if (rc == CG_OK)
        rc = list(p, ']', object, node);
    p->depth--;
    return rc;
}

static enum cg_err member(struct parser *p, void *cls)
{
    const char *key = NULL;
    enum cg_err rc = string(p, &key);

    if (rc == CG_OK)
        rc = expect(p, ':');
    if (rc != CG_OK)
        return rc;
    if (strcmp(key, "$or") == 0)
        return group(p, CG_AQL_ANY_OF, cls);
    if (strcmp(key, "$and") == 0)
        return group(p, CG_AQL_ALL_OF, cls);
    return key[0] == '$' ? strange(p, "operator", key) : field(p, key, cls);
}

/* Its members go into the group around it. */
static enum cg_err object(struct parser *p, void *cls)
{
    enum cg_err rc = expect(p, '{');

    return rc == CG_OK ? list(p, '}', member, cls) : rc;
}

/* What stands behind find() */

static enum cg_err find_field(struct parser *p, const char *name, enum cg_aql_field *out)
{
    for (int i = 0; i < CG_AQL_FIELD_COUNT; i++) {
        if (strcmp(name, cg_aql_field_name((enum cg_aql_field)i)) == 0) {
            *out = (enum cg_aql_field)i;
            return CG_OK;
        }
    }
    return strange(p, "field", name);
}

static enum cg_err included(struct parser *p, void *cls)
{
    enum cg_aql_field which = CG_AQL_PROPERTY;
    const char *name = NULL;
    enum cg_err rc = string(p, &name);

    (void)cls;
    if (rc != CG_OK)
        return rc;
    if (strcmp(name, "*") == 0) {
        p->aql->shown |= (1u << CG_AQL_PROPERTY) - 1;
        return CG_OK;
    }
    if (strcmp(name, "property.*") != 0)
        rc = find_field(p, name, &which);
    p->aql->shown |= 1u << which;
    return rc;
}

static enum cg_err include(struct parser *p)
{
    p->aql->shown = 0;
    return list(p, ')', included, NULL);
}

static enum cg_err sort_field(struct parser *p, void *cls)
{
    const bool *descending = cls;
    struct cg_aql *aql = p->aql;
    enum cg_aql_field which = CG_AQL_PROPERTY;
    const char *name = NULL;
    enum cg_err rc = string(p, &name);

    if (rc == CG_OK)
        rc = find_field(p, name, &which);
    if (rc == CG_OK && (which >= CG_AQL_ACTUAL_SHA1 || aql->sort_count == CG_AQL_SORTS))
        rc = strange(p, "order by", name);
    if (rc != CG_OK)
        return rc;
    aql->sorts[aql->sort_count].field = which;
    aql->sorts[aql->sort_count++].descending = *descending;
    return CG_OK;
}

static enum cg_err sort_member(struct parser *p, void *cls)
{
    const char *order = NULL;
    bool descending;
    enum cg_err rc = string(p, &order);

    (void)cls;
    if (rc != CG_OK)
        return rc;
    descending = strcmp(order, "$desc") == 0;
    if (!descending && strcmp(order, "$asc") != 0)
        return strange(p, "order", order);
    rc = expect(p, ':');
    if (rc == CG_OK)
        rc = expect(p, '[');
    return rc == CG_OK ? list(p, ']', sort_field, &descending) : rc;
}

static enum cg_err sort(struct parser *p)
{
    enum cg_err rc = expect(p, '{');

    if (rc == CG_OK)
        rc = list(p, '}', sort_member, NULL);
    return rc == CG_OK ? expect(p, ')') : rc;
}

static enum cg_err limit(struct parser *p)
{
    enum cg_err rc = number(p, &p->aql->limit);

    p->aql->limited = true;
    return rc == CG_OK ? expect(p, ')') : rc;
}

static enum cg_err offset(struct parser *p)
{
    enum cg_err rc = number(p, &p->aql->offset);

    return rc == CG_OK ? expect(p, ')') : rc;
}

/* The word behind a dot, for a person. */
static enum cg_err strange_call(struct parser *p)
{
    char word[32];
    size_t len = 0;

    while (p->at < p->end && *p->at != '(' && len < sizeof(word) - 1)
        word[len++] = *p->at++;
    word[len] = '\0';
    return strange(p, "call", word);
}

static enum cg_err call(struct parser *p)
{
    if (take_word(p, "include("))
        return include(p);
    if (take_word(p, "sort("))
        return sort(p);
    if (take_word(p, "offset("))
        return offset(p);
    if (take_word(p, "limit("))
        return limit(p);
    return strange_call(p);
}

static enum cg_err query(struct parser *p)
{
    enum cg_err rc = add_node(p, NULL, CG_AQL_ALL_OF, &p->aql->root);

    if (rc == CG_OK && !take_word(p, "items.find("))
        rc = bad(p, "\"items.find(\"");
    if (rc == CG_OK)
        rc = list(p, ')', object, p->aql->root);
    while (rc == CG_OK && take(p, '.'))
        rc = call(p);
    take(p, ';');
    skip_blanks(p);
    return rc == CG_OK && p->at < p->end ? bad(p, "the end") : rc;
}

enum cg_err cg_aql_parse(const char *text, size_t len, struct cg_aql **aql_out, struct cg_error *err)
{
    struct cg_arena *arena = cg_arena_new(ARENA_MAX);
    struct parser p = {.start = text, .at = text, .end = text + len, .err = err};
    enum cg_err rc;

    p.aql = cg_arena_alloc(arena, sizeof(*p.aql));
    p.aql->arena = arena;
#define X(id, name, shown_) p.aql->shown |= (unsigned)(shown_) << CG_AQL_##id;
    CG_AQL_FIELDS(X)
#undef X
    if (len > TEXT_MAX)
        rc = cg_error_set(err, CG_ERR_INVALID, "this query is longer than %u bytes", TEXT_MAX);
    else if (!cg_is_utf8(text, len))
        rc = cg_error_set(err, CG_ERR_INVALID, "Failed to parse query: it is not UTF-8 text");
    else
        rc = query(&p);
    p.aql->cost = p.nodes + len / 16 + 1;
    if (rc == CG_OK)
        *aql_out = p.aql;
    else
        cg_arena_free(&arena);
    return rc;
}
