/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* <ctype.h> asks the locale; names and protocols are ASCII whatever it says. */
static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool cg_streq(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool cg_streq_nocase(const char *a, const char *b)
{
    if (!a || !b)
        return a == b;
    while (*a && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return lower(*a) == lower(*b);
}

bool cg_str_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool cg_str_starts_nocase(const char *text, const char *prefix)
{
    for (; *prefix; text++, prefix++)
        if (lower(*text) != lower(*prefix))
            return false;
    return true;
}

bool cg_str_ends(const char *text, const char *suffix)
{
    size_t len = strlen(text), suffix_len = strlen(suffix);
    return len >= suffix_len && memcmp(text + len - suffix_len, suffix, suffix_len) == 0;
}

void cg_str_lower(char *text)
{
    for (; *text; text++)
        *text = lower(*text);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

char *cg_str_trim(char *text)
{
    while (is_blank(*text))
        text++;
    size_t len = strlen(text);
    while (len && is_blank(text[len - 1]))
        len--;
    text[len] = '\0';
    return text;
}

bool cg_is_utf8(const void *bytes, size_t len)
{
    const unsigned char *p = bytes;
    while (len) {
        uint64_t word;
        if (len >= sizeof word) { /* most of what we see is ASCII */
            memcpy(&word, p, sizeof word);
            if (!(word & UINT64_C(0x8080808080808080))) {
                p += sizeof word;
                len -= sizeof word;
                continue;
            }
        }
        size_t n = cg_utf8_sequence(p, len);
        if (!n)
            return false;
        p += n;
        len -= n;
    }
    return true;
}

/* C0, DEL and, as terminals obey them too, C1 (U+0080 to U+009F). */
static bool is_control(const unsigned char *p, size_t n)
{
    return p[0] < 0x20 || p[0] == 0x7f || (n == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}

void cg_str_printable(const char *text, size_t len, char *out, size_t out_size)
{
    CG_ASSERT(out_size);
    const unsigned char *p = (const unsigned char *)text;
    size_t at = 0;
    while (len) {
        size_t n = cg_utf8_sequence(p, len);
        bool good = n && !is_control(p, n);
        size_t width = good ? n : 1;
        if (width >= out_size - at)
            break;
        if (good)
            memcpy(out + at, p, n);
        else
            out[at] = '?';
        at += width;
        p += n ? n : 1;
        len -= n ? n : 1;
    }
    out[at] = '\0';
}

/* The digits at the beginning of `text`; NULL when there are none or they go beyond `max`, else where they end. */
static const char *digits(const char *text, uint64_t max, uint64_t *value_out)
{
    uint64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value) || value > max)
            return NULL;
    }
    if (at == text)
        return NULL;
    *value_out = value;
    return at;
}

enum cg_err cg_parse_u64(const char *text, uint64_t max, uint64_t *value_out)
{
    uint64_t value;
    const char *end = digits(text, max, &value);
    if (!end || *end)
        return CG_ERR_INVALID;
    *value_out = value;
    return CG_OK;
}

struct unit {
    const char *name;
    uint64_t factor;
};

/* Smallest first. */
static const struct unit durations[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 60 * 60 * 1000}, {"d", 24 * 60 * 60 * 1000},
};
static const struct unit sizes[] = {
    {"", 1}, {"K", UINT64_C(1) << 10}, {"M", UINT64_C(1) << 20}, {"G", UINT64_C(1) << 30}, {"T", UINT64_C(1) << 40},
};
#define UNITS(table) (sizeof(table) / sizeof(table)[0])

static enum cg_err parse_unit(const char *text, const struct unit *units, size_t count, uint64_t max,
                              uint64_t *value_out)
{
    uint64_t value;
    const char *end = digits(text, max, &value);
    if (!end)
        return CG_ERR_INVALID;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(end, units[i].name) != 0)
            continue;
        if (value > max / units[i].factor)
            return CG_ERR_INVALID;
        *value_out = value * units[i].factor;
        return CG_OK;
    }
    return CG_ERR_INVALID;
}

/* The largest unit that leaves no remainder is also the shortest spelling. */
static void format_unit(uint64_t value, const struct unit *units, size_t count, char out[32])
{
    size_t i = count - 1;
    while (i > 0 && value % units[i].factor)
        i--;
    snprintf(out, 32, "%" PRIu64 "%s", value / units[i].factor, units[i].name);
}

enum cg_err cg_parse_duration(const char *text, int64_t *ms_out)
{
    uint64_t value = 0;
    /* Zero is zero in every unit; any other bare number would leave people guessing. */
    if (strcmp(text, "0") != 0) {
        enum cg_err rc = parse_unit(text, durations, UNITS(durations), INT64_MAX, &value);
        if (rc != CG_OK)
            return rc;
    }
    *ms_out = (int64_t)value;
    return CG_OK;
}

enum cg_err cg_parse_size(const char *text, uint64_t *bytes_out)
{
    return parse_unit(text, sizes, UNITS(sizes), UINT64_MAX, bytes_out);
}

void cg_format_duration(int64_t ms, char out[32])
{
    CG_ASSERT(ms >= 0);
    if (ms == 0)
        snprintf(out, 32, "0");
    else
        format_unit((uint64_t)ms, durations, UNITS(durations), out);
}

void cg_format_size(uint64_t bytes, char out[32])
{
    if (bytes == 0)
        snprintf(out, 32, "0");
    else
        format_unit(bytes, sizes, UNITS(sizes), out);
}
