/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "api/aql_private.h"

#include <string.h>

#include "base/str.h"

static int lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static bool same(char a, char b, bool fold)
{
    return fold ? lower(a) == lower(b) : a == b;
}

/* '*' for any text, '?' for one byte. After a mismatch only the last '*' can take more, so the work is bounded by the
 * product of the lengths. */
static bool glob(const char *pattern, const char *text, bool fold)
{
    const char *star = NULL, *from = NULL;

    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            from = text;
        } else if (*pattern && (*pattern == '?' || same(*pattern, *text, fold))) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++from;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
}

static bool positive(enum cg_aql_operator op)
{
    return op == CG_AQL_EQ || op == CG_AQL_MATCH;
}

static bool equals(const struct cg_aql_node *test, const char *text, bool fold)
{
    if (test->op == CG_AQL_MATCH || test->op == CG_AQL_NMATCH)
        return glob(test->value, text, fold);
    return fold ? cg_streq_nocase(test->value, text) : strcmp(test->value, text) == 0;
}

static enum cg_aql_answer test_text(const struct cg_aql_node *test, const char *text)
{
    if (!text)
        return CG_AQL_MAYBE;
    return equals(test, text, false) == positive(test->op) ? CG_AQL_YES : CG_AQL_NO;
}

static enum cg_aql_answer test_repo(const struct cg_aql_node *test, const struct cg_aql_item *item)
{
    bool hit = equals(test, item->repo, false) || (item->repo_alias && equals(test, item->repo_alias, false));

    return hit == positive(test->op) ? CG_AQL_YES : CG_AQL_NO;
}

/* Whoever differs in more than case differs; of others nothing is known. */
static enum cg_aql_answer test_path(const struct cg_aql_node *test, const struct cg_aql_item *item)
{
    if (!item->path || !item->path_folded)
        return test_text(test, item->path);
    return positive(test->op) && !equals(test, item->path, true) ? CG_AQL_NO : CG_AQL_MAYBE;
}

static enum cg_aql_answer test_type(const struct cg_aql_node *test, const struct cg_aql_item *item)
{
    if (test->op == CG_AQL_EQ && strcmp(test->value, "any") == 0)
        return CG_AQL_YES;
    return test_text(test, item->type_known ? (item->folder ? "folder" : "file") : NULL);
}

/* What has no such property is not equal to anything. */
static enum cg_aql_answer test_property(const struct cg_aql_node *test, const struct cg_aql_item *item)
{
    const char *value;

    if (!item->property)
        return CG_AQL_MAYBE;
    value = item->property(item, test->property);
    if (!value)
        return positive(test->op) ? CG_AQL_NO : CG_AQL_YES;
    return test_text(test, value);
}

static enum cg_aql_answer ask_test(const struct cg_aql_node *test, const struct cg_aql_item *item)
{
    switch (test->subject) {
    case CG_AQL_ON_REPO:
        return test_repo(test, item);
    case CG_AQL_ON_PATH:
        return test_path(test, item);
    case CG_AQL_ON_NAME:
        return test_text(test, item->name);
    case CG_AQL_ON_TYPE:
        return test_type(test, item);
    case CG_AQL_ON_SHA256:
        return test_text(test, item->sha256);
    case CG_AQL_ON_PROPERTY:
        break;
    }
    return test_property(test, item);
}

/* No deeper than the parser lets a query nest. */
static enum cg_aql_answer ask(const struct cg_aql_node *node, const struct cg_aql_item *item)
{
    bool any = node->kind == CG_AQL_ANY_OF;
    enum cg_aql_answer all = any && node->first ? CG_AQL_NO : CG_AQL_YES;

    if (node->kind == CG_AQL_TEST)
        return ask_test(node, item);
    for (const struct cg_aql_node *child = node->first; child; child = child->next) {
        enum cg_aql_answer one = ask(child, item);

        if (any ? one > all : one < all)
            all = one;
    }
    return all;
}

enum cg_aql_answer cg_aql_ask(const struct cg_aql *aql, const struct cg_aql_item *item)
{
    if (!aql->on_type && item->type_known && item->folder)
        return CG_AQL_NO;
    return ask(aql->root, item);
}

const char *cg_aql_field_name(enum cg_aql_field field)
{
    static const char *const names[CG_AQL_FIELD_COUNT] = {
#define X(id, name, shown) name,
        CG_AQL_FIELDS(X)
#undef X
    };

    return names[field];
}

bool cg_aql_shows(const struct cg_aql *aql, enum cg_aql_field field)
{
    return (aql->shown & 1u << field) != 0;
}

bool cg_aql_sort(const struct cg_aql *aql, size_t n, enum cg_aql_field *field_out, bool *descending_out)
{
    if (n >= aql->sort_count)
        return false;
    *field_out = aql->sorts[n].field;
    *descending_out = aql->sorts[n].descending;
    return true;
}

uint64_t cg_aql_offset(const struct cg_aql *aql)
{
    return aql->offset;
}

/* A unit is some ten nanoseconds, and for the worst of patterns some hundred. */
#define WORK_MAX (100u * 1000 * 1000)

uint64_t cg_aql_asks_max(const struct cg_aql *aql)
{
    return WORK_MAX / aql->cost;
}

bool cg_aql_limit(const struct cg_aql *aql, uint64_t *limit_out)
{
    if (aql->limited)
        *limit_out = aql->limit;
    return aql->limited;
}

void cg_aql_free(struct cg_aql **aql)
{
    struct cg_arena *arena = *aql ? (*aql)->arena : NULL;

    *aql = NULL;
    if (arena)
        cg_arena_free(&arena);
}
