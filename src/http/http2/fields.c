/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/http2/conn.h"

#include <stddef.h>
#include <string.h>

#include "base/secret.h"
#include "base/str.h"

/* RFC 9113, section 6.5.2 */
#define FIELD_OVERHEAD 32

bool cg_http2_fields_too_large(const struct cg_http2_stream *stream)
{
    return stream->header_bytes > cg_http2_limits.header_list;
}

/* Field names are lower-case here (RFC 9113, section 8.2). */
static bool is_secret(const char *name, size_t len)
{
    static const char *const names[] = {"authorization", "x-jfrog-art-api", "proxy-authorization", "cookie"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (name[0] == names[i][0] && len == strlen(names[i]) && memcmp(name, names[i], len) == 0)
            return true;
    return false;
}

bool cg_http2_fields_add(struct cg_http2_stream *stream, const char *name, size_t name_len, const char *value,
                         size_t value_len)
{
    struct cg_http2_field *field;

    stream->header_bytes += name_len + value_len + FIELD_OVERHEAD;
    if (cg_http2_fields_too_large(stream))
        return stream->header_bytes <= cg_http2_limits.header_hopeless;
    field = cg_arena_alloc(stream->req->arena, sizeof(*field) + name_len + 1 + value_len + 1);
    field->lines = 1;
    field->secret = name_len && is_secret(name, name_len);
    field->name_len = name_len;
    field->value_len = value_len;
    field->value = field->name + name_len + 1;
    memcpy(field->name, name, name_len);
    memcpy(field->value, value, value_len);
    *stream->fields_end = field;
    stream->fields_end = &field->next;
    return true;
}

static bool is_named(const struct cg_http2_field *field, const char *name, size_t len)
{
    return field->name_len == len && (field->name[0] | 0x20) == (name[0] | 0x20) && cg_streq_nocase(field->name, name);
}

static struct cg_http2_field *find(const struct cg_http2_stream *stream, const char *name)
{
    size_t len = strlen(name);

    for (struct cg_http2_field *field = stream->fields; field; field = field->next)
        if (is_named(field, name, len))
            return field;
    return NULL;
}

static void wipe(struct cg_http2_field *field)
{
    if (field->secret)
        cg_wipe(field->value, field->value_len);
}

void cg_http2_fields_wipe(struct cg_http2_stream *stream)
{
    for (struct cg_http2_field *field = stream->fields; field; field = field->next)
        wipe(field);
}

static size_t joined_len(const struct cg_http2_field *first, unsigned *lines_out)
{
    size_t len = first->value_len;

    *lines_out = 1;
    for (const struct cg_http2_field *field = first->next; field; field = field->next)
        if (is_named(field, first->name, first->name_len)) {
            len += strlen(", ") + field->value_len;
            (*lines_out)++;
        }
    return len;
}

/* Several lines become one (RFC 9110, section 5.3; for cookies RFC 9113, section 8.2.3), once and in one allocation:
 * joining line by line would let a client with many lines fill the arena. */
static void join(struct cg_http2_stream *stream, struct cg_http2_field *first)
{
    const char *between = cg_streq(first->name, "cookie") ? "; " : ", ";
    unsigned lines;
    size_t len = joined_len(first, &lines);
    char *joined, *end;

    if (lines == 1)
        return;
    joined = cg_arena_alloc(stream->req->arena, len + 1);
    end = mempcpy(joined, first->value, first->value_len);
    for (struct cg_http2_field **at = &first->next, *field; (field = *at) != NULL;) {
        if (!is_named(field, first->name, first->name_len)) {
            at = &field->next;
            continue;
        }
        end = mempcpy(stpcpy(end, between), field->value, field->value_len);
        wipe(field);
        *at = field->next;
    }
    wipe(first);
    first->value = joined;
    first->value_len = len;
    first->lines = lines;
}

const char *cg_http2_fields_get(struct cg_http2_stream *stream, const char *name, unsigned *count_out)
{
    struct cg_http2_field *field = find(stream, name);

    if (!field && cg_streq_nocase(name, "host")) /* the authority takes its place (RFC 9113, section 8.3.1) */
        field = find(stream, ":authority");
    if (field && field->lines == 1)
        join(stream, field);
    if (count_out)
        *count_out = field ? field->lines : 0;
    return field ? field->value : NULL;
}

static const char *get(struct cg_http2_stream *stream, const char *name)
{
    const struct cg_http2_field *field = find(stream, name);

    return field ? field->value : NULL;
}

/* That both are well formed where they are there, and one of them is, nghttp2 has seen to; but for the upgrade. */
static bool host_is_bad(struct cg_http2_stream *stream)
{
    const char *authority = get(stream, ":authority");
    unsigned hosts = 0;
    const char *host = cg_http2_fields_get(stream, "host", &hosts);

    return hosts != 1 || (authority && !cg_streq_nocase(authority, host));
}

static void read_length(struct cg_http2_stream *stream, bool ended)
{
    const char *length = get(stream, "content-length");

    stream->req->content_length = ended ? 0 : UINT64_MAX;
    if (length && cg_parse_u64(length, UINT64_MAX - 1, &stream->req->content_length) != CG_OK)
        stream->req->bad_framing = true;
}

void cg_http2_fields_apply(struct cg_http2_stream *stream, bool ended)
{
    struct cg_request *req = stream->req;
    const char *path = get(stream, ":path"), *method = get(stream, ":method");
    size_t len = path ? strcspn(path, "?") : 0;

    req->method_name = method ? method : "";
    req->method = cg_method_of(req->method_name);
    req->target = len ? cg_arena_strndup(req->arena, path, len) : "/";
    if (path && path[len])
        req->query = path + len + 1;
    req->bad_host = host_is_bad(stream);
    read_length(stream, ended);
}
