/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The grammar is that of the semver crate 1.0, which cargo uses, quirks included: blanks are 0x20 alone,
 * a wildcard behind an operator only shortens ("=1.*" is "=1"), build metadata of a requirement is read and dropped.
 * tests/unit/registry/semver_cases.txt holds that crate's own answers.
 */
#include "registry/semver.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define REQ_MAX 1024
#define COMPARATORS_MAX 32

/* A place in the text, and after a failure what was wrong there. */
struct cursor {
    const char *at;
    const char *part; /* "major number", ... */
    const char *why;
};

static bool fail(struct cursor *c, const char *part, const char *why)
{
    c->part = part;
    c->why = why;
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool take(struct cursor *c, char wanted)
{
    if (*c->at != wanted)
        return false;
    c->at++;
    return true;
}

static void skip_blanks(struct cursor *c)
{
    while (*c->at == ' ')
        c->at++;
}

static bool number(struct cursor *c, const char *part, uint64_t *out)
{
    if (!is_digit(*c->at))
        return fail(c, part, *c->at ? "a digit is expected" : "the text ends too early");
    if (c->at[0] == '0' && is_digit(c->at[1]))
        return fail(c, part, "it has a leading zero");
    uint64_t value = 0;
    for (; is_digit(*c->at); c->at++)
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*c->at - '0'), &value))
            return fail(c, part, "it is too big");
    *out = value;
    return true;
}

static bool is_identifier_char(char ch)
{
    return is_digit(ch) || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '-';
}

static size_t segment_len(const char *text)
{
    size_t len = 0;
    while (is_identifier_char(text[len]))
        len++;
    return len;
}

static bool all_digits(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!is_digit(text[i]))
            return false;
    return true;
}

/* Segments of letters, digits and '-' joined by dots, at least one; *start_out and *len_out say where. */
static bool identifiers(struct cursor *c, bool numbers_are_strict, const char **start_out, size_t *len_out)
{
    const char *part = numbers_are_strict ? "pre-release" : "build metadata";
    const char *start = c->at;
    do {
        size_t len = segment_len(c->at);
        if (len == 0)
            return fail(c, part, "an identifier in it is empty");
        if (numbers_are_strict && len > 1 && *c->at == '0' && all_digits(c->at, len))
            return fail(c, part, "a number in it has a leading zero");
        c->at += len;
    } while (take(c, '.'));
    *start_out = start;
    *len_out = (size_t)(c->at - start);
    return true;
}

/* As above into an array of CG_VERSION_MAX + 1 bytes; the text's length was checked before. */
static bool identifiers_into(struct cursor *c, bool numbers_are_strict, char *out)
{
    const char *start;
    size_t len;
    if (!identifiers(c, numbers_are_strict, &start, &len))
        return false;
    memcpy(out, start, len);
    out[len] = '\0';
    return true;
}

static bool version(struct cursor *c, struct cg_semver *v)
{
    if (!number(c, "major number", &v->major))
        return false;
    if (!take(c, '.'))
        return fail(c, "major number", "a dot is expected after it");
    if (!number(c, "minor number", &v->minor))
        return false;
    if (!take(c, '.'))
        return fail(c, "minor number", "a dot is expected after it");
    if (!number(c, "patch number", &v->patch))
        return false;
    if (take(c, '-') && !identifiers_into(c, true, v->pre))
        return false;
    if (take(c, '+') && !identifiers_into(c, false, v->build))
        return false;
    return *c->at == '\0' || fail(c, "version", "there is an unexpected character at its end");
}

/* "what" is a version or a requirement; the text is quoted printably. */
static enum cg_err invalid(const char *text, const char *what, const struct cursor *c, struct cg_error *err)
{
    char shown[64];
    cg_str_printable(text, strnlen(text, sizeof shown), shown, sizeof shown);
    return cg_error_set(err, CG_ERR_INVALID, "\"%s\" is not a %s: %s: %s", shown, what, c->part, c->why);
}

enum cg_err cg_semver_parse(const char *text, struct cg_semver *out, struct cg_error *err)
{
    struct cursor c = {.at = text};
    struct cg_semver v = {0};
    if (strnlen(text, CG_VERSION_MAX + 1) > CG_VERSION_MAX)
        fail(&c, "version", "it is longer than 150 characters");
    else
        version(&c, &v);
    if (c.why)
        return invalid(text, "version", &c, err);
    *out = v;
    return CG_OK;
}

static int compare_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* Text order of two segments that are not NUL-terminated. */
static int compare_text(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order ? order : compare_u64(a_len, b_len);
}

/* Numbers before words; numbers by value (no leading zeros, so the longer is the bigger), words by ASCII. */
static int compare_segment(const char *a, size_t a_len, const char *b, size_t b_len)
{
    bool a_number = all_digits(a, a_len), b_number = all_digits(b, b_len);
    if (a_number != b_number)
        return a_number ? -1 : 1;
    if (a_number && a_len != b_len)
        return compare_u64(a_len, b_len);
    return compare_text(a, a_len, b, b_len);
}

static int compare_pre(const char *a, const char *b)
{
    if (!*a || !*b) /* a release is higher than its pre-releases */
        return (*a == '\0') - (*b == '\0');
    for (;;) {
        size_t a_len = segment_len(a), b_len = segment_len(b);
        int order = compare_segment(a, a_len, b, b_len);
        a += a_len;
        b += b_len;
        if (order)
            return order;
        if (!*a || !*b)
            return (*b == '\0') - (*a == '\0');
        a++;
        b++;
    }
}

int cg_semver_compare(const struct cg_semver *a, const struct cg_semver *b)
{
    int order = compare_u64(a->major, b->major);
    if (!order)
        order = compare_u64(a->minor, b->minor);
    if (!order)
        order = compare_u64(a->patch, b->patch);
    return order ? order : compare_pre(a->pre, b->pre);
}

static bool is_wildcard(char c)
{
    return c == '*' || c == 'x' || c == 'X';
}

static bool take_wildcard(struct cursor *c)
{
    if (!is_wildcard(*c->at))
        return false;
    c->at++;
    return true;
}

struct comparator {
    const char *op; /* "" while the default may still become a wildcard */
    uint64_t numbers[3];
    unsigned count; /* how many of them are given */
    bool wildcard;
    const char *pre;
    size_t pre_len;
};

static const char *take_op(struct cursor *c)
{
    /* Longer spellings first. */
    static const char *const ops[] = {">=", "<=", "=", ">", "<", "~", "^"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (cg_str_starts(c->at, ops[i])) {
            c->at += strlen(ops[i]);
            return ops[i];
        }
    return "";
}

/* ".2", ".*" or nothing. After a wildcard only another wildcard may follow. */
static bool next_number(struct cursor *c, struct comparator *comp, const char *part)
{
    if (!take(c, '.'))
        return true;
    if (take_wildcard(c)) {
        comp->wildcard = true;
        return true;
    }
    if (comp->wildcard)
        return fail(c, part, "a number cannot follow a wildcard");
    if (!number(c, part, &comp->numbers[comp->count]))
        return false;
    comp->count++;
    return true;
}

static bool comparator_tail(struct cursor *c, struct comparator *comp)
{
    const char *build;
    size_t build_len;
    if (comp->count < 3)
        return true;
    if (take(c, '-') && !identifiers(c, true, &comp->pre, &comp->pre_len))
        return false;
    return !take(c, '+') || identifiers(c, false, &build, &build_len);
}

static bool comparator(struct cursor *c, struct comparator *comp)
{
    comp->op = take_op(c);
    skip_blanks(c);
    if (is_wildcard(*c->at))
        return fail(c, "wildcard", "it must be the only comparator and without an operator");
    if (!number(c, "major number", &comp->numbers[0]))
        return false;
    comp->count = 1;
    if (!next_number(c, comp, "minor number") || !next_number(c, comp, "patch number"))
        return false;
    if (!comparator_tail(c, comp))
        return false;
    skip_blanks(c);
    return true;
}

static void print_comparator(const struct comparator *comp, struct cg_buf *out)
{
    bool bare = *comp->op == '\0';
    cg_buf_addstr(out, bare && !comp->wildcard ? "^" : comp->op);
    cg_buf_addf(out, "%" PRIu64, comp->numbers[0]);
    for (unsigned i = 1; i < comp->count; i++)
        cg_buf_addf(out, ".%" PRIu64, comp->numbers[i]);
    if (bare && comp->wildcard)
        cg_buf_addstr(out, ".*");
    if (comp->pre_len) {
        cg_buf_addch(out, '-');
        cg_buf_add(out, comp->pre, comp->pre_len);
    }
}

static bool requirement(struct cursor *c, struct cg_buf *out)
{
    skip_blanks(c);
    const char *start = c->at;
    if (take_wildcard(c)) {
        skip_blanks(c);
        if (*c->at == '\0') {
            cg_buf_addch(out, '*');
            return true;
        }
        c->at = start;
    }
    for (unsigned count = 1;; count++) {
        struct comparator comp = {0};
        if (!comparator(c, &comp))
            return false;
        print_comparator(&comp, out);
        if (*c->at == '\0')
            return true;
        if (!take(c, ','))
            return fail(c, "comparator", "a comma is expected after it");
        if (count == COMPARATORS_MAX)
            return fail(c, "requirement", "it has more than 32 comparators");
        skip_blanks(c);
        cg_buf_addstr(out, ", ");
    }
}

enum cg_err cg_semver_req(const char *text, struct cg_buf *normal, struct cg_error *err)
{
    struct cursor c = {.at = text};
    struct cg_buf out;
    cg_buf_init(&out, 3 * REQ_MAX); /* "1,1" grows most, to "^1, ^1" */
    if (strnlen(text, REQ_MAX + 1) > REQ_MAX)
        fail(&c, "requirement", "it is longer than 1024 characters");
    else
        requirement(&c, &out);
    enum cg_err ret = c.why ? invalid(text, "version requirement", &c, err) : CG_OK;
    if (ret == CG_OK && normal)
        cg_buf_add(normal, out.data, out.len);
    cg_buf_free(&out);
    return ret;
}

bool cg_rust_version_valid(const char *text)
{
    struct cursor c = {.at = text};
    uint64_t ignored;
    for (int i = 0; i < 3; i++) {
        if (!number(&c, "", &ignored))
            return false;
        if (*c.at == '\0')
            return true;
        if (!take(&c, '.'))
            return false;
    }
    return false;
}
