/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "credential/lines.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"

struct cg_lines {
    int fd;
    bool ended;
    size_t start, len; /* what is in data and not yet given out */
    char data[CG_LINE_MAX + 1];
};

struct cg_lines *cg_lines_new(int fd)
{
    struct cg_lines *lines = cg_calloc(1, sizeof(*lines));

    lines->fd = fd;
    return lines;
}

void cg_lines_free(struct cg_lines **lines)
{
    if (*lines)
        cg_wipe(*lines, sizeof(**lines));
    free(*lines);
    *lines = NULL;
}

/* Reads more behind what there is. */
static enum cg_err fill(struct cg_lines *lines, struct cg_error *err)
{
    ssize_t n;

    if (lines->start) {
        memmove(lines->data, lines->data + lines->start, lines->len);
        cg_wipe(lines->data + lines->len, sizeof(lines->data) - lines->len);
        lines->start = 0;
    }
    do
        n = read(lines->fd, lines->data + lines->len, sizeof(lines->data) - lines->len);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return cg_file_error(err, errno, "read", "standard input");
    lines->ended = n == 0;
    lines->len += (size_t)n;
    return CG_OK;
}

static void take(struct cg_lines *lines, size_t len)
{
    lines->start += len;
    lines->len -= len;
}

/* Whether what follows is whole: a line's end, or the end of all. */
static bool is_whole(const struct cg_lines *lines, size_t *len_out)
{
    const char *at = lines->data + lines->start, *end = memchr(at, '\n', lines->len);

    *len_out = end ? (size_t)(end - at) : lines->len;
    return end || lines->ended;
}

enum cg_err cg_lines_next(struct cg_lines *lines, const char **text_out, size_t *len_out, struct cg_error *err)
{
    bool too_long = false;
    size_t len;
    enum cg_err rc;

    while (!is_whole(lines, &len)) {
        if (lines->len > CG_LINE_MAX) {
            too_long = true;
            take(lines, lines->len);
        }
        if ((rc = fill(lines, err)) != CG_OK)
            return rc;
    }
    if (lines->len == 0 && !too_long)
        return cg_error_set(err, CG_ERR_ABSENT, "no more requests");
    *text_out = lines->data + lines->start;
    *len_out = len;
    take(lines, len < lines->len ? len + 1 : len);
    return too_long ? cg_error_set(err, CG_ERR_TOO_LARGE, "a request of more than %d bytes", CG_LINE_MAX) : CG_OK;
}
