/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/router.h"

#include <string.h>

#include "base/str.h"
#include "http/matrix.h"

#define CONTEXT_PATH "/artifactory"
#define MATRIX "[;properties]"

/* A parameter as it lies in the path. */
struct span {
    const char *name, *text;
    size_t name_len, len;
};

struct lookup {
    const struct cg_route *routes;
    size_t count;
    enum cg_method method;
    struct cg_arena *arena;
    bool has_matrix; /* parameters follow the path: only routes that take some are meant */
};

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* One byte of the target, decoded; -1 when it is not allowed, as a blank that is not encoded. An encoded '/' would make
 * one segment look like two to whoever reads the path later (and the other way round for a proxy in front). */
static int next_byte(const char **text)
{
    const char *s = *text;
    int high, low, c = (unsigned char)*s;

    *text = s + 1;
    if (c == ' ')
        return -1;
    if (c == '%') {
        if ((high = hex_value(s[1])) < 0 || (low = hex_value(s[2])) < 0)
            return -1;
        *text = s + 3;
        c = high << 4 | low;
        if (c == '/')
            return -1;
    }
    return c < 0x20 || c == 0x7f ? -1 : c;
}

/* Stands for itself, wherever it is. */
static bool is_plain(char c)
{
    return c > 0x20 && c < 0x7f && c != '%';
}

/* C1 controls (U+0080 to U+009F) can drive a terminal as well as C0 ones can. */
static bool has_c1_control(const char *path)
{
    for (const unsigned char *s = (const unsigned char *)path; *s; s++)
        if (s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f)
            return true;
    return false;
}

static bool is_end(char c)
{
    return c == '/' || c == '\0';
}

/* "", "." and ".." between slashes; one empty segment at the end is judged later, once the base path is off. */
static bool segments_are_plain(const char *path)
{
    for (const char *s = path; *s; s++) {
        if (*s != '/')
            continue;
        size_t dots = s[1] != '.' ? 0 : s[2] != '.' ? 1 : 2;

        if (s[1] == '/' || (dots && is_end(s[1 + dots])))
            return false;
    }
    return true;
}

static enum cg_err decode(const char *target, struct cg_arena *arena, const char **path_out, struct cg_error *err)
{
    bool plain = true;
    char *path, *out;

    if (target[0] != '/')
        return cg_error_set(err, CG_ERR_INVALID, "the address must begin with \"/\"");
    path = out = cg_arena_alloc(arena, strlen(target) + 1);
    while (*target) {
        if (is_plain(*target)) {
            *out++ = *target++;
            continue;
        }
        plain = false;
        int c = next_byte(&target);

        if (c < 0)
            return cg_error_set(
                err, CG_ERR_INVALID,
                "the address holds a blank, a control character, an encoded \"/\" or a broken percent-encoding");
        *out++ = (char)c;
    }
    if (!plain && (!cg_is_utf8(path, (size_t)(out - path)) || has_c1_control(path)))
        return cg_error_set(err, CG_ERR_INVALID, "the address is not UTF-8 text");
    if (!segments_are_plain(path))
        return cg_error_set(err, CG_ERR_INVALID, "the address holds an empty, \".\" or \"..\" segment");
    *path_out = path;
    return CG_OK;
}

/* The path below `prefix`, "/" for the prefix itself; NULL when it lies elsewhere. */
static const char *below(const char *path, const char *prefix)
{
    size_t len = strlen(prefix);

    if (len == 0 || strncmp(path, prefix, len) != 0)
        return NULL;
    if (path[len] == '\0')
        return "/";
    return path[len] == '/' ? path + len : NULL;
}

/* Ends a literal part of a pattern. */
static bool is_special(char c)
{
    return c == '{' || c == MATRIX[0] || c == '\0';
}

/* Pattern against path; fills spans (the caller zeroed nothing: *count says how many are valid). */
static bool matches(const char *pattern, const char *path, struct span spans[CG_ROUTE_PARAMS], size_t *count)
{
    const char *p = pattern, *s = path;

    *count = 0;
    for (;;) {
        while (*p == *s && !is_special(*p))
            p++, s++;
        if (*p != '{')
            return is_special(*p) && *s == '\0';
        bool rest = p[1] == '*';
        const char *name = p + (rest ? 2 : 1), *end = strchr(name, '}');
        size_t len = rest ? strlen(s) : strcspn(s, "/");

        if (len == 0)
            return false;
        CG_ASSERT(end != NULL && *count < CG_ROUTE_PARAMS);
        spans[(*count)++] = (struct span){.name = name, .name_len = (size_t)(end - name), .text = s, .len = len};
        s += len;
        p = end + 1;
    }
}

static bool names(const struct span *span, const char *name)
{
    return strlen(name) == span->name_len && memcmp(span->name, name, span->name_len) == 0;
}

static void fill(const struct lookup *lookup, const struct cg_route *route, const char *path, const struct span *spans,
                 size_t count, struct cg_route_match *out)
{
    *out = (struct cg_route_match){.route = route, .path = path};
    for (size_t i = 0; i < count; i++) {
        out->params[i] = cg_arena_strndup(lookup->arena, spans[i].text, spans[i].len);
        if (names(&spans[i], "ns"))
            out->ns = out->params[i];
        else if (names(&spans[i], "crate"))
            out->crate = out->params[i];
    }
}

/* GET implies HEAD. */
static unsigned methods_of(const struct cg_route *route)
{
    return route->methods & CG_GET ? route->methods | CG_HEAD : route->methods;
}

static enum cg_err find(const struct lookup *lookup, const char *path, unsigned *allowed, struct cg_route_match *out)
{
    struct span spans[CG_ROUTE_PARAMS];
    size_t count;
    unsigned known = 0;

    for (size_t i = 0; i < lookup->count; i++) {
        const struct cg_route *route = &lookup->routes[i];

        if (!matches(route->pattern, path, spans, &count) ||
            (lookup->has_matrix && !cg_str_ends(route->pattern, MATRIX)))
            continue;
        if (methods_of(route) & lookup->method) {
            fill(lookup, route, path, spans, count, out);
            return CG_OK;
        }
        known |= methods_of(route);
    }
    *allowed |= known;
    return known ? CG_ERR_METHOD : CG_ERR_ABSENT;
}

static void write_allow(unsigned methods, char *allow, size_t size)
{
    static const struct {
        unsigned bit;
        const char *name;
    } table[] = {{CG_GET, "GET"}, {CG_HEAD, "HEAD"}, {CG_PUT, "PUT"}, {CG_DELETE, "DELETE"}, {CG_POST, "POST"}};
    struct cg_buf text;

    cg_buf_init(&text, size - 1);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (methods & table[i].bit)
            cg_buf_addf(&text, "%s%s", text.len ? ", " : "", table[i].name);
    memcpy(allow, cg_buf_str(&text), text.len + 1);
    cg_buf_free(&text);
}

/* Nothing matched under any spelling. */
static enum cg_err miss(const char *path, unsigned allowed, struct cg_route_match *out, struct cg_error *err)
{
    size_t len = strlen(path);

    if (allowed) {
        write_allow(allowed, out->allow, sizeof(out->allow));
        return cg_error_set(err, CG_ERR_METHOD, "this address knows only the methods %s", out->allow);
    }
    if (len > 1 && path[len - 1] == '/')
        return cg_error_set(err, CG_ERR_INVALID, "the address ends with an empty segment: leave out the last \"/\"");
    return cg_error_set(err, CG_ERR_ABSENT, "there is nothing at this address");
}

enum cg_err cg_router_match(const struct cg_route *routes, size_t count, const char *base_path, enum cg_method method,
                            const char *target, struct cg_arena *arena, struct cg_route_match *out,
                            struct cg_error *err)
{
    const char *matrix = strchr(target, ';'), *path = NULL, *spellings[3];
    struct lookup lookup = {
        .routes = routes, .count = count, .method = method, .arena = arena, .has_matrix = matrix != NULL};
    unsigned allowed = 0;
    enum cg_err rc = matrix ? cg_matrix_check(matrix, err) : CG_OK;

    if (rc == CG_OK)
        rc = decode(matrix ? cg_arena_strndup(arena, target, (size_t)(matrix - target)) : target, arena, &path, err);
    if (rc != CG_OK)
        return rc;
    spellings[0] = below(path, base_path);
    spellings[1] = below(path, CONTEXT_PATH);
    spellings[2] = path;
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++)
        if (spellings[i] && find(&lookup, spellings[i], &allowed, out) == CG_OK)
            return CG_OK;
    return miss(path, allowed, out, err);
}
