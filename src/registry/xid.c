/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/xid.h"

#include <stddef.h>
#include <string.h>

#include "base/utf8.h"
#include "registry/xid_table.h"

static bool in_table(const struct xid_range *table, size_t count, uint32_t c)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c > table[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && c >= table[low].first;
}

static bool is_ascii_letter(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool cg_xid_start(uint32_t c)
{
    if (c < 0x80)
        return is_ascii_letter(c);
    return in_table(xid_start, sizeof xid_start / sizeof *xid_start, c);
}

bool cg_xid_continue(uint32_t c)
{
    if (c < 0x80)
        return is_ascii_letter(c) || (c >= '0' && c <= '9') || c == '_';
    return cg_xid_start(c) || in_table(xid_continue_only, sizeof xid_continue_only / sizeof *xid_continue_only, c);
}

uint32_t cg_xid_next(const char **text)
{
    static const unsigned char lead_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    const unsigned char *p = (const unsigned char *)*text;
    size_t len = cg_utf8_sequence(p, strnlen(*text, 4) + 1);
    uint32_t c = p[0] & lead_bits[len];
    for (size_t i = 1; i < len; i++)
        c = c << 6 | (p[i] & 0x3f);
    if (c)
        *text += len;
    return c;
}
