/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The half of str.h that turns bytes into text for a wire, and back. */
#include <string.h>

#include "base/str.h"
#include "base/utf8.h"

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int base64_value(char c)
{
    const char *at = c ? strchr(base64_digits, c) : NULL;
    return at ? (int)(at - base64_digits) : -1;
}

/* Padding, when there is some, has to fill the last four exactly. Length without it, or SIZE_MAX. */
static size_t base64_unpadded(const char *text, size_t len)
{
    size_t bare = len;
    while (bare && len - bare < 2 && text[bare - 1] == '=')
        bare--;
    if (bare != len && len % 4 != 0)
        return SIZE_MAX;
    return bare % 4 == 1 ? SIZE_MAX : bare;
}

enum cg_err cg_base64_decode(const char *text, size_t len, struct cg_buf *out)
{
    len = base64_unpadded(text, len);
    if (len == SIZE_MAX)
        return CG_ERR_INVALID;
    size_t made = len / 4 * 3 + (len % 4 ? len % 4 - 1 : 0);
    unsigned char *to = cg_buf_reserve(out, made); /* at once: what is decoded may be a password */
    if (!to)
        return CG_ERR_INVALID;
    unsigned bits = 0, held = 0;
    for (size_t i = 0; i < len; i++) {
        int value = base64_value(text[i]);
        if (value < 0)
            goto bad;
        bits = bits << 6 | (unsigned)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            *to++ = (unsigned char)(bits >> held);
        }
        bits &= (1u << held) - 1;
    }
    if (bits) /* bits beyond the last byte: two spellings of one secret */
        goto bad;
    cg_buf_commit(out, made);
    return CG_OK;
bad:
    cg_buf_commit(out, 0);
    return CG_ERR_INVALID;
}

void cg_base64_encode(const void *bytes, size_t len, struct cg_buf *out)
{
    const unsigned char *p = bytes;
    for (; len >= 3; p += 3, len -= 3) {
        unsigned v = (unsigned)p[0] << 16 | (unsigned)p[1] << 8 | p[2];
        char four[4] = {base64_digits[v >> 18], base64_digits[v >> 12 & 63], base64_digits[v >> 6 & 63],
                        base64_digits[v & 63]};
        cg_buf_add(out, four, 4);
    }
    if (!len)
        return;
    unsigned v = (unsigned)p[0] << 16 | (len == 2 ? (unsigned)p[1] << 8 : 0);
    char four[4] = {base64_digits[v >> 18], base64_digits[v >> 12 & 63],
                    (char)(len == 2 ? base64_digits[v >> 6 & 63] : '='), '='};
    cg_buf_add(out, four, 4);
}

static int hex_value(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)((at - digits) & 15) : -1;
}

/* The character at text[*at], which moves behind it; -1 when it is none. A NUL, encoded or not, would end the text
 * for one reader and not for the next. */
static int percent_next(const char *text, size_t len, size_t *at, bool plus_is_blank)
{
    char c = text[(*at)++];
    if (c == '+' && plus_is_blank)
        return ' ';
    if (c != '%')
        return c ? (unsigned char)c : -1;
    if (len - *at < 2)
        return -1;
    int high = hex_value(text[*at]), low = hex_value(text[*at + 1]);
    *at += 2;
    return high < 0 || low < 0 || (high | low) == 0 ? -1 : high << 4 | low;
}

enum cg_err cg_percent_decode(const char *text, size_t len, bool plus_is_blank, struct cg_buf *out)
{
    char *to = cg_buf_reserve(out, len);
    if (!to)
        return CG_ERR_INVALID;
    size_t made = 0;
    for (size_t at = 0; at < len;) {
        int c = percent_next(text, len, &at, plus_is_blank);
        if (c < 0) {
            cg_buf_commit(out, 0);
            return CG_ERR_INVALID;
        }
        to[made++] = (char)c;
    }
    cg_buf_commit(out, made);
    return CG_OK;
}

static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

void cg_percent_encode(const char *text, struct cg_buf *out)
{
    for (; *text; text++) {
        if (is_unreserved(*text))
            cg_buf_addch(out, *text);
        else
            cg_buf_addf(out, "%%%02X", (unsigned)(unsigned char)*text);
    }
}

static void json_escape(struct cg_buf *out, unsigned char c)
{
    static const char plain[] = "\"\\\b\f\n\r\t", short_form[] = "\"\\bfnrt";
    const char *at = strchr(plain, c);
    if (at && c) {
        cg_buf_addch(out, '\\');
        cg_buf_addch(out, short_form[at - plain]);
    } else {
        cg_buf_addf(out, "\\u%04x", (unsigned)c);
    }
}

void cg_json_quote(struct cg_buf *out, const char *text)
{
    const unsigned char *p = (const unsigned char *)text, *run = p;
    size_t left = strlen(text);
    cg_buf_addch(out, '"');
    while (left) {
        size_t n = cg_utf8_sequence(p, left);
        if (n && *p >= 0x20 && *p != 0x7f && *p != '"' && *p != '\\') {
            p += n;
            left -= n;
            continue;
        }
        cg_buf_add(out, run, (size_t)(p - run));
        if (n)
            json_escape(out, *p);
        else
            cg_buf_addstr(out, "\xef\xbf\xbd");
        run = ++p;
        left--;
    }
    cg_buf_add(out, run, (size_t)(p - run));
    cg_buf_addch(out, '"');
}

void cg_html_escape(struct cg_buf *out, const char *text)
{
    for (size_t n; *text; text += n) {
        n = strcspn(text, "&<>\"'");
        cg_buf_add(out, text, n);
        if (!text[n])
            break;
        switch (text[n++]) {
        case '&':
            cg_buf_addstr(out, "&amp;");
            break;
        case '<':
            cg_buf_addstr(out, "&lt;");
            break;
        case '>':
            cg_buf_addstr(out, "&gt;");
            break;
        case '"':
            cg_buf_addstr(out, "&quot;");
            break;
        default:
            cg_buf_addstr(out, "&#39;");
            break;
        }
    }
}
