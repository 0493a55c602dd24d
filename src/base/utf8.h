/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The one definition of a well-formed UTF-8 sequence (RFC 3629), for this room's own use. Pure. */
#ifndef CG_BASE_UTF8_H
#define CG_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

static inline bool cg_utf8_continues(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/* Length of the sequence a lead byte announces; 0 when no sequence begins with it. */
static inline size_t cg_utf8_announced(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2) /* a continuation byte, or an overlong form of ASCII */
        return 0;
    if (lead < 0xe0)
        return 2;
    if (lead < 0xf0)
        return 3;
    return lead < 0xf5 ? 4 : 0;
}

/* Length of the well-formed sequence at `p`, of which `left` bytes (>= 1) may be read; 0 when there is none. */
static inline size_t cg_utf8_sequence(const unsigned char *p, size_t left)
{
    size_t len = cg_utf8_announced(p[0]);
    if (len > left)
        return 0;
    for (size_t i = 1; i < len; i++)
        if (!cg_utf8_continues(p[i]))
            return 0;
    if (p[0] == 0xe0 && p[1] < 0xa0) /* overlong */
        return 0;
    if (p[0] == 0xed && p[1] > 0x9f) /* surrogates */
        return 0;
    if (p[0] == 0xf0 && p[1] < 0x90) /* overlong */
        return 0;
    if (p[0] == 0xf4 && p[1] > 0x8f) /* beyond U+10FFFF */
        return 0;
    return len;
}

/* Where to cut text that was truncated to `len` bytes, so that it does not end inside a sequence. */
static inline size_t cg_utf8_cut(const char *text, size_t len)
{
    size_t start = len;
    while (start > 0 && len - start < 3 && cg_utf8_continues((unsigned char)text[start - 1]))
        start--;
    if (start == 0)
        return len;
    size_t announced = cg_utf8_announced((unsigned char)text[start - 1]);
    return announced > len - start + 1 ? start - 1 : len;
}

#endif
