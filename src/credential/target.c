/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "credential/target.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define SPARSE "sparse+"
#define MIDDLE "/api/cargo/"
#define INDEX "/index/"
#define URL_MAX 2048

/* What a URL of ours is made of. No user or password in it, no query, nothing that a terminal would interpret. */
static bool is_plain(const char *url)
{
    for (const char *s = url; *s; s++)
        if (!isascii((unsigned char)*s) || !(isalnum((unsigned char)*s) || strchr("-._~:/[]%", *s)))
            return false;
    return strlen(url) <= URL_MAX;
}

static const char *last_middle(const char *url)
{
    const char *found = NULL;

    for (const char *at = url; (at = strstr(at, MIDDLE)) != NULL; at++)
        found = at;
    return found;
}

/* The namespace of ".../api/cargo/NS/index/"; free() it. NULL when the end is another. */
static char *namespace_of(const char *middle)
{
    const char *start = middle + strlen(MIDDLE), *end = strchr(start, '/');
    char *ns = end && strcmp(end, INDEX) == 0 ? cg_strndup(start, (size_t)(end - start)) : NULL;

    if (ns && !cg_namespace_valid(ns)) {
        free(ns);
        ns = NULL;
    }
    return ns;
}

static bool is_host(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    size_t len = strlen(host);
    char *inside;
    bool good;

    if (host[0] != '[')
        return len > 0 && strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_") == len;
    if (host[len - 1] != ']')
        return false;
    inside = cg_strndup(host + 1, len - 2);
    good = inet_pton(AF_INET6, inside, address) == 1;
    free(inside);
    return good;
}

/* Names that nobody but this machine answers to. */
static bool is_loopback(const char *host)
{
    struct in_addr v4;

    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (inet_pton(AF_INET, host, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127);
}

/* Cuts ":PORT" off the authority; false when it is no port. `port_out` is 0 without one. */
static bool split_port(char *authority, uint64_t *port_out)
{
    char *bracket = strchr(authority, ']'), *colon = strchr(bracket ? bracket : authority, ':');

    *port_out = 0;
    if (!colon)
        return true;
    *colon = '\0';
    return cg_parse_u64(colon + 1, 65535, port_out) == CG_OK && *port_out > 0;
}

/* One spelling for one gateway, so that every registry of it finds the same login. */
static char *spell_base(bool tls, const char *host, uint64_t port, const char *path)
{
    const char *scheme = tls ? "https" : "http";

    if (port == 0 || port == (tls ? 443u : 80u))
        return cg_asprintf("%s://%s%s", scheme, host, path);
    return cg_asprintf("%s://%s:%u%s", scheme, host, (unsigned)port, path);
}

static enum cg_err not_ours(struct cg_error *err)
{
    return cg_error_set(err, CG_ERR_INVALID,
                        "this is no registry of a crategate gateway (sparse+BASE/api/cargo/NS/index/)");
}

/* `base` is SCHEME://AUTHORITY/PATH as it was typed. */
static enum cg_err read_base(const char *base, char **base_out, struct cg_error *err)
{
    bool tls = cg_str_starts_nocase(base, "https://");
    const char *start = strstr(base, "://"), *path;
    char *authority;
    uint64_t port;
    enum cg_err rc = CG_OK;

    if (!start || (!tls && !cg_str_starts_nocase(base, "http://")))
        return not_ours(err);
    start += 3;
    path = start + strcspn(start, "/");
    authority = cg_strndup(start, (size_t)(path - start));
    cg_str_lower(authority);
    if (!split_port(authority, &port) || !is_host(authority) || strstr(path, "//") || strstr(path, "/.."))
        rc = not_ours(err);
    else if (!tls && !is_loopback(authority))
        rc = cg_error_set(err, CG_ERR_DENIED,
                          "%s is not encrypted: a password or token is never sent over http to another machine; use "
                          "the https address of the registry in its `index`",
                          base);
    if (rc == CG_OK)
        *base_out = spell_base(tls, authority, port, path);
    free(authority);
    return rc;
}

enum cg_err cg_target_parse(const char *index_url, struct cg_target *target_out, struct cg_error *err)
{
    const char *url = cg_str_starts(index_url, SPARSE) ? index_url + strlen(SPARSE) : NULL;
    const char *middle = url && is_plain(url) ? last_middle(url) : NULL;
    char *ns = middle ? namespace_of(middle) : NULL, *typed, *base = NULL;
    enum cg_err rc;

    if (!ns)
        return not_ours(err);
    typed = cg_strndup(url, (size_t)(middle - url));
    rc = read_base(typed, &base, err);
    free(typed);
    if (rc == CG_OK)
        *target_out = (struct cg_target){.base = base, .ns = ns};
    else
        free(ns);
    return rc;
}

void cg_target_free(struct cg_target *target)
{
    free(target->base);
    free(target->ns);
    *target = (struct cg_target){0};
}
