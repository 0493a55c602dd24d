/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The header lines of an answer. What is sent twice with different values is believed in neither. */
#include "storage/artifactory/art_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/str.h"
#include "crategate/clock.h"

#define VALUE_MAX 2048

void cg_art_answer_init(struct cg_art_answer *answer)
{
    memset(answer, 0, sizeof(*answer));
    cg_buf_init(&answer->body, CG_ART_ERROR_MAX);
    answer->length = answer->range_from = answer->range_size = UINT64_MAX;
}

void cg_art_answer_free(struct cg_art_answer *answer)
{
    cg_buf_free(&answer->body);
}

/* A new answer begins: that of a proxy, "100 Continue" or the real one. */
static void status_line(struct cg_art_answer *answer, const char *line)
{
    struct cg_art_answer fresh;
    const char *blank = strchr(line, ' ');

    cg_art_answer_init(&fresh);
    fresh.head_size = answer->head_size;
    fresh.status = blank ? strtol(blank + 1, NULL, 10) : 0;
    *answer = fresh; /* no body came before it, so there is nothing to free */
}

static void keep(char *out, size_t size, const char *value)
{
    if (strlen(value) >= size)
        return;
    cg_str_printable(value, strlen(value), out, size);
}

/* Keeps the first; a second one that differs leaves nothing. */
static bool keep_one(char *out, size_t size, const char *value)
{
    if (*out && !cg_streq(out, value)) {
        *out = '\0';
        return false;
    }
    keep(out, size, value);
    return true;
}

static void checksum(struct cg_art_answer *answer, const char *value)
{
    unsigned char sum[CG_SHA256_SIZE];
    char lower[CG_SHA256_HEX_SIZE];

    if (strlen(value) != CG_SHA256_HEX_SIZE - 1 || cg_unhex(value, sum, sizeof(sum)) != CG_OK) {
        answer->odd_sums = true;
        return;
    }
    cg_hex(sum, sizeof(sum), lower);
    if (answer->odd_sums || !keep_one(answer->sha256, sizeof(answer->sha256), lower))
        answer->odd_sums = true;
}

static void number(uint64_t *out, const char *value)
{
    uint64_t n = 0;

    if (cg_parse_u64(value, UINT64_MAX - 1, &n) == CG_OK)
        *out = n;
}

/* "bytes 100-199/1000" */
static void content_range(struct cg_art_answer *answer, const char *value)
{
    unsigned long long from = 0, to = 0, size = 0;
    int end = 0;

    if (sscanf(value, "bytes %19llu-%19llu/%19llu%n", &from, &to, &size, &end) != 3 || value[end] || to < from)
        return;
    answer->range_from = from;
    answer->range_size = size;
}

static void date(int64_t *out, const char *value)
{
    int64_t wall = 0;

    if (cg_time_parse_http(value, &wall) == CG_OK)
        *out = wall;
}

static void take(struct cg_art_answer *answer, const char *name, const char *value)
{
    if (cg_streq_nocase(name, "content-type") && !*answer->type)
        keep(answer->type, sizeof(answer->type), value);
    else if (cg_streq_nocase(name, "content-length"))
        number(&answer->length, value);
    else if (cg_streq_nocase(name, "content-range"))
        content_range(answer, value);
    else if (cg_streq_nocase(name, "etag"))
        (void)keep_one(answer->etag, sizeof(answer->etag), value);
    else if (cg_streq_nocase(name, "x-checksum-sha256"))
        checksum(answer, value);
    else if (cg_streq_nocase(name, "location"))
        keep(answer->location, sizeof(answer->location), value);
    else if (cg_streq_nocase(name, "retry-after"))
        keep(answer->retry_after, sizeof(answer->retry_after), value);
    else if (cg_streq_nocase(name, "last-modified"))
        date(&answer->modified, value);
    else if (cg_streq_nocase(name, "date"))
        date(&answer->date, value);
    else if (cg_streq_nocase(name, "www-authenticate"))
        keep(answer->challenge, sizeof(answer->challenge), value);
    else if (cg_streq_nocase(name, "accept-ranges"))
        keep(answer->ranges, sizeof(answer->ranges), value);
    else if (cg_streq_nocase(name, "x-jfrog-version"))
        keep(answer->server, sizeof(answer->server), value);
}

bool cg_art_answer_header(struct cg_art_answer *answer, const char *line, size_t len)
{
    char text[VALUE_MAX + 64], *colon;

    answer->head_size += len;
    if (answer->head_size > CG_ART_HEAD_MAX)
        return false;
    if (answer->head_done || len >= sizeof(text))
        return true; /* a trailer, or longer than any that is wanted */
    memcpy(text, line, len);
    text[len] = '\0';
    if (cg_str_starts(text, "HTTP/"))
        status_line(answer, text);
    else if (!*cg_str_trim(text))
        answer->head_done = answer->status >= 200;
    else if ((colon = strchr(text, ':'))) {
        *colon = '\0';
        take(answer, cg_str_trim(text), cg_str_trim(colon + 1));
    }
    return true;
}
