/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/conditional.h"

#include <string.h>

#include "base/str.h"
#include "crategate/clock.h"

#define BLANKS " \t"

static const char *skip_blanks(const char *s)
{
    return s + strspn(s, BLANKS);
}

static const char *opaque_part(const char *tag)
{
    return tag[0] == 'W' && tag[1] == '/' ? tag + 2 : tag;
}

/* Length of the list element at `s`; a comma within quotes belongs to the tag. */
static size_t element_len(const char *s)
{
    const char *start = s;
    bool quoted = false;

    for (; *s && (quoted || *s != ','); s++)
        if (*s == '"')
            quoted = !quoted;
    while (s > start && strchr(BLANKS, s[-1]))
        s--;
    return (size_t)(s - start);
}

static bool tag_is(const char *element, size_t len, const char *tag)
{
    const char *plain = opaque_part(element);

    len -= (size_t)(plain - element);
    tag = opaque_part(tag);
    return strlen(tag) == len && memcmp(plain, tag, len) == 0;
}

/* cargo sends back verbatim whatever tag it got, from the gzip form as well as from the plain one. */
static bool any_tag_matches(const char *list, const struct cg_validators *have)
{
    for (const char *s = skip_blanks(list); *s; s = skip_blanks(s)) {
        size_t len = element_len(s);

        if (len == 1 && *s == '*')
            return true;
        if (len >= 2 && (tag_is(s, len, have->etag) || (have->alt_etag && tag_is(s, len, have->alt_etag))))
            return true;
        s += len;
        s += strspn(s, BLANKS ",");
    }
    return false;
}

bool cg_conditional_not_modified(const char *if_none_match, const char *if_modified_since,
                                 const struct cg_validators *have)
{
    int64_t since;

    if (if_none_match) /* mostly the very tag */
        return strcmp(if_none_match, have->etag) == 0 || any_tag_matches(if_none_match, have);
    if (!if_modified_since || have->mtime == 0)
        return false;
    return cg_time_parse_http(if_modified_since, &since) == CG_OK && have->mtime <= since;
}

/* The parameters behind a coding: is there a q of 0, 0.0, 0.00 or 0.000? */
static bool weight_is_zero(const char *s, const char *end)
{
    for (; s < end; s++) {
        s += strspn(s, BLANKS ";");
        if (s + 3 <= end && (*s == 'q' || *s == 'Q') && s[1] == '=') {
            size_t len = strspn(s + 2, "0.");

            return s[2] == '0' && s + 2 + len >= end - strspn(s + 2 + len, BLANKS);
        }
        s += strcspn(s, ";,");
    }
    return false;
}

bool cg_conditional_accepts_gzip(const char *accept_encoding)
{
    bool any = false;

    for (const char *s = accept_encoding ? accept_encoding : ""; *s; s += *s == ',') {
        s = skip_blanks(s);
        size_t name = strcspn(s, " \t;,"), all = strcspn(s, ",");
        bool named = name == 4 && cg_str_starts_nocase(s, "gzip");

        if (named)
            return !weight_is_zero(s + name, s + all);
        if (name == 1 && *s == '*')
            any = !weight_is_zero(s + name, s + all);
        s += all;
    }
    return any;
}

/* Digits to a number that stops at the maximum: "bytes=0-99999999999999999999" means to the end. False: no digits. */
static bool parse_position(const char **text, uint64_t *value)
{
    const char *s = *text;
    uint64_t n = 0;

    for (; *s >= '0' && *s <= '9'; s++)
        n = n > (UINT64_MAX - 9) / 10 ? UINT64_MAX / 10 : n * 10 + (uint64_t)(*s - '0');
    if (s == *text)
        return false;
    *text = s;
    *value = n;
    return true;
}

static enum cg_err last_bytes(const char *s, uint64_t size, struct cg_range *range_out)
{
    uint64_t count;

    if (!parse_position(&s, &count) || *skip_blanks(s))
        return CG_ERR_ABSENT;
    if (count == 0 || size == 0)
        return CG_ERR_RANGE;
    count = count > size ? size : count;
    *range_out = (struct cg_range){.first = size - count, .len = count};
    return CG_OK;
}

enum cg_err cg_conditional_range(const char *range, uint64_t size, struct cg_range *range_out)
{
    uint64_t first, last = UINT64_MAX;
    const char *s;

    if (!range || !cg_str_starts_nocase(range, "bytes="))
        return CG_ERR_ABSENT;
    s = skip_blanks(range + strlen("bytes="));
    if (*s == '-')
        return last_bytes(s + 1, size, range_out);
    if (!parse_position(&s, &first) || *s++ != '-')
        return CG_ERR_ABSENT;
    bool bounded = parse_position(&s, &last);

    if (*skip_blanks(s) || (bounded && last < first))
        return CG_ERR_ABSENT;
    if (first >= size)
        return CG_ERR_RANGE;
    if (last >= size)
        last = size - 1;
    *range_out = (struct cg_range){.first = first, .len = last - first + 1};
    return CG_OK;
}

bool cg_conditional_if_range(const char *if_range, const struct cg_validators *have)
{
    int64_t date;

    if (!if_range)
        return true;
    if (*if_range == '"')
        return cg_streq(if_range, have->etag);
    return have->mtime != 0 && cg_time_parse_http(if_range, &date) == CG_OK && date == have->mtime;
}
