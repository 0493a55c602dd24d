/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/matrix.h"

#include <string.h>

#include "base/str.h"

/* A whole address is bounded by LIMITS. */
#define PART_MAX 8192

static bool is_plain(const struct cg_buf *decoded)
{
    const char *text = cg_buf_str(decoded);

    if (!cg_is_utf8(text, decoded->len))
        return false;
    for (size_t i = 0; i < decoded->len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    return true;
}

static bool is_part(const char *text, size_t len)
{
    struct cg_buf decoded;
    bool good;

    cg_buf_init(&decoded, PART_MAX);
    good = !memchr(text, '/', len) && !memchr(text, ' ', len) &&
           cg_percent_decode(text, len, false, &decoded) == CG_OK && !cg_buf_failed(&decoded) && is_plain(&decoded);
    cg_buf_free(&decoded);
    return good;
}

/* "name=value", "name=value,value", "name"; nothing at all, as behind a last ';', does no harm. */
static bool is_parameter(const char *text, size_t len)
{
    const char *equals = memchr(text, '=', len);
    size_t name_len = equals ? (size_t)(equals - text) : len;

    if (len == 0)
        return true;
    return name_len > 0 && is_part(text, name_len) && is_part(text + name_len, len - name_len);
}

enum cg_err cg_matrix_check(const char *text, struct cg_error *err)
{
    while (*text == ';') {
        size_t len = strcspn(++text, ";");

        if (!is_parameter(text, len))
            return cg_error_set(err, CG_ERR_INVALID,
                                "the properties behind the path must be \";name=value;name=value\", percent-encoded as "
                                "far as they hold other than letters, digits and \"-._~,\"");
        text += len;
    }
    return CG_OK;
}
