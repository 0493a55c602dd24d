/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Forms of URLs and addresses. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

#include "base/str.h"
#include "conf/format.h"

#define HOST_MAX 254
#define UNIX_PATH_MAX sizeof(((struct sockaddr_un *)0)->sun_path)

/* The pieces of scheme://host:port/path; they point into the text. */
struct url {
    const char *scheme;
    size_t scheme_len;
    const char *host; /* without brackets */
    size_t host_len;
    bool bracketed;
    const char *port; /* "" when there is none */
    size_t port_len;
    const char *path; /* from the slash on, to the end of the text */
};

static bool port_ok(const char *text, size_t len, bool zero_ok)
{
    char digits[8] = {0};
    uint64_t port;

    if (len == 0 || len >= sizeof(digits))
        return false;
    memcpy(digits, text, len);
    return cg_parse_u64(digits, 65535, &port) == CG_OK && (port > 0 || zero_ok);
}

static bool is_ipv6(const char *text, size_t len)
{
    char host[INET6_ADDRSTRLEN];
    struct in6_addr addr;

    if (len >= sizeof(host))
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    return inet_pton(AF_INET6, host, &addr) == 1;
}

/* Letters, digits, dots and hyphens: DNS names and IPv4 addresses. An underscore is seen in real host names too. */
static bool host_ok(const struct url *url)
{
    if (url->bracketed)
        return is_ipv6(url->host, url->host_len);
    if (url->host_len == 0 || url->host_len >= HOST_MAX || url->host[0] == '.' || url->host[0] == '-')
        return false;
    for (size_t i = 0; i < url->host_len; i++) {
        unsigned char c = (unsigned char)url->host[i];

        if (!(c < 0x80 && (isalnum(c) || strchr(".-_", c))))
            return false;
    }
    return true;
}

static void split_authority(const char *authority, size_t len, struct url *url)
{
    const char *colon, *bracket = authority[0] == '[' ? memchr(authority, ']', len) : NULL;

    url->bracketed = bracket != NULL;
    url->host = bracket ? authority + 1 : authority;
    colon = bracket ? bracket + 1 : memchr(authority, ':', len);
    if (bracket)
        url->host_len = (size_t)(bracket - url->host);
    else
        url->host_len = colon ? (size_t)(colon - authority) : len;
    url->port = "";
    url->port_len = 0;
    if (colon && colon < authority + len) {
        url->port = colon + 1;
        url->port_len = (size_t)(authority + len - url->port);
        if (*colon != ':' || url->port_len == 0)
            url->host_len = 0; /* neither "[::1]8080" nor "host:" names a host */
    }
}

static enum cg_err url_split(const char *text, struct url *url, struct cg_error *err)
{
    const char *sep = strstr(text, "://"), *authority;

    for (const char *p = text; *p; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || strchr("\"<>\\^`{|}", *p))
            return cg_error_set(err, CG_ERR_INVALID, "\"%s\" has a character that no URL has", text);
    if (!sep || sep == text)
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" is not a URL with a scheme, such as https://", text);
    url->scheme = text;
    url->scheme_len = (size_t)(sep - text);
    authority = sep + 3;
    url->path = authority + strcspn(authority, "/?#");
    if (memchr(authority, '@', (size_t)(url->path - authority)))
        return cg_error_set(err, CG_ERR_INVALID, "a URL here must not hold a user name or password");
    split_authority(authority, (size_t)(url->path - authority), url);
    return CG_OK;
}

static bool scheme_is(const struct url *url, const char *scheme)
{
    return url->scheme_len == strlen(scheme) && strncmp(url->scheme, scheme, url->scheme_len) == 0;
}

static enum cg_err check_host_and_port(const struct url *url, const char *text, struct cg_error *err)
{
    if (!host_ok(url))
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" has no valid host name or address", text);
    if (url->port_len && !port_ok(url->port, url->port_len, false))
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" has no valid port (1 to 65535)", text);
    return CG_OK;
}

/* The path without its slashes at the end, which the parser drops. */
static enum cg_err check_base_path(const char *path, struct cg_error *err)
{
    size_t len = strlen(path);

    while (len && path[len - 1] == '/')
        len--;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)path[i]) && !strchr("/.-_~", path[i]))
            return cg_error_set(err, CG_ERR_INVALID, "the path may only have letters, digits and / . - _ ~");
    if (strstr(path, "..") || strstr(path, "/./") || cg_str_ends(path, "/.") || memmem(path, len, "//", 2))
        return cg_error_set(err, CG_ERR_INVALID, "the path must not have \"..\", \".\" or empty parts");
    /* cargo drops ".git" when it compares addresses of registries, so two would become one. */
    if (len >= 4 && memcmp(path + len - 4, ".git", 4) == 0)
        return cg_error_set(err, CG_ERR_INVALID, "the path must not end in .git, which cargo drops from addresses");
    return CG_OK;
}

enum cg_err cg_conf_check_public_url(const char *value, struct cg_error *err)
{
    struct url url;
    enum cg_err rc = url_split(value, &url, err);

    if (rc != CG_OK)
        return rc;
    if (!scheme_is(&url, "https") && !scheme_is(&url, "http"))
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" must begin with https:// or http://", value);
    rc = check_host_and_port(&url, value, err);
    if (rc != CG_OK)
        return rc;
    if (strpbrk(url.path, "?#"))
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" must have no query and no fragment", value);
    return check_base_path(url.path, err);
}

enum cg_err cg_conf_check_artifactory_url(const char *value, struct cg_error *err)
{
    return cg_conf_check_public_url(value, err); /* the same form: what goes before /api/... */
}

static enum cg_err check_unix_path(const char *path, struct cg_error *err)
{
    if (path[0] != '/' || path[1] == '\0')
        return cg_error_set(err, CG_ERR_INVALID, "\"unix:%s\" must name an absolute path", path);
    if (strlen(path) >= UNIX_PATH_MAX)
        return cg_error_set(err, CG_ERR_INVALID, "the path of a socket may have at most %zu bytes", UNIX_PATH_MAX - 1);
    return CG_OK;
}

enum cg_err cg_conf_check_listen(const char *value, struct cg_error *err)
{
    char host[HOST_MAX];
    struct in_addr addr;
    struct url url;

    if (cg_str_starts(value, "unix:"))
        return check_unix_path(value + 5, err);
    split_authority(value, strlen(value), &url);
    if (url.host_len < sizeof(host)) {
        memcpy(host, url.host, url.host_len);
        host[url.host_len] = '\0';
        if ((url.bracketed ? host_ok(&url) : inet_pton(AF_INET, host, &addr) == 1) &&
            port_ok(url.port, url.port_len, true))
            return CG_OK;
    }
    return cg_error_set(err, CG_ERR_INVALID,
                        "\"%s\" is not ADDRESS:PORT with an IP address (\"127.0.0.1:8080\", \"0.0.0.0:8080\", "
                        "\"[::1]:8080\") nor \"unix:/path\"",
                        value);
}

/* Are all bits behind the first `bits` zero? */
static bool rest_is_zero(const unsigned char *addr, size_t len, unsigned bits)
{
    for (size_t i = 0; i < len; i++) {
        unsigned from = (unsigned)i * 8;
        unsigned mask = bits >= from + 8 ? 0 : bits <= from ? 0xff : 0xffU >> (bits - from);

        if (addr[i] & mask)
            return false;
    }
    return true;
}

enum cg_err cg_conf_check_cidr(const char *value, struct cg_error *err)
{
    unsigned char addr[16];
    char text[INET6_ADDRSTRLEN] = {0};
    size_t len = strcspn(value, "/"), size;
    uint64_t bits;

    if (len >= sizeof(text))
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" is not an address range", value);
    memcpy(text, value, len);
    size = inet_pton(AF_INET, text, addr) == 1 ? 4 : inet_pton(AF_INET6, text, addr) == 1 ? 16 : 0;
    if (!size || !value[len] || cg_parse_u64(value + len + 1, size * 8, &bits) != CG_OK)
        return cg_error_set(err, CG_ERR_INVALID,
                            "\"%s\" is not an address range such as \"10.0.0.0/8\", \"192.0.2.7/32\" or \"fd00::/8\"",
                            value);
    if (!rest_is_zero(addr, size, (unsigned)bits))
        return cg_error_set(
            err, CG_ERR_INVALID,
            "\"%s\" has bits set behind its first %u: is the length wrong, or is one host (/%zu) meant?", value,
            (unsigned)bits, size * 8);
    return CG_OK;
}

static enum cg_err check_ldapi(const char *value, struct cg_error *err)
{
    const char *path = value + strlen("ldapi://");

    if (*path && !cg_str_starts_nocase(path, "%2f"))
        return cg_error_set(
            err, CG_ERR_INVALID,
            "\"%s\": the socket's path stands with %%2F for each slash (ldapi://%%2Frun%%2Fslapd%%2Fldapi)", value);
    if (strpbrk(path, "/?#"))
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" must have nothing behind the socket's path", value);
    return CG_OK;
}

enum cg_err cg_conf_check_ldap_uri(const char *value, struct cg_error *err)
{
    struct url url;
    enum cg_err rc = url_split(value, &url, err);

    if (rc != CG_OK)
        return rc;
    if (scheme_is(&url, "ldapi"))
        return check_ldapi(value, err);
    if (!scheme_is(&url, "ldaps") && !scheme_is(&url, "ldap"))
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" must begin with ldaps://, ldap:// or ldapi://", value);
    if (*url.path && !cg_streq(url.path, "/"))
        return cg_error_set(err, CG_ERR_INVALID,
                            "\"%s\" must end behind the host and port; the base goes into search_base", value);
    return check_host_and_port(&url, value, err);
}

enum cg_err cg_conf_check_index_url(const char *value, struct cg_error *err)
{
    const char *bare = cg_str_starts(value, "sparse+") ? value + 7 : value;
    struct url url;
    enum cg_err rc = url_split(bare, &url, err);

    if (rc != CG_OK)
        return rc;
    if (scheme_is(&url, "file") && bare == value && url.path[0] == '/')
        return CG_OK;
    if (!scheme_is(&url, "https") && !scheme_is(&url, "http") && !(scheme_is(&url, "ssh") && bare == value))
        return cg_error_set(err, CG_ERR_INVALID,
                            "\"%s\" is not the address of a registry's index: sparse+https://..., https://..., "
                            "ssh://... or file:///...",
                            value);
    return check_host_and_port(&url, value, err);
}

bool cg_conf_url_is_loopback(const char *url_text)
{
    char host[HOST_MAX];
    struct in6_addr addr6;
    struct in_addr addr4;
    struct url url;

    if (url_split(url_text, &url, NULL) != CG_OK || url.host_len >= sizeof(host))
        return false;
    memcpy(host, url.host, url.host_len);
    host[url.host_len] = '\0';
    if (url.bracketed)
        return inet_pton(AF_INET6, host, &addr6) == 1 && IN6_IS_ADDR_LOOPBACK(&addr6);
    if (inet_pton(AF_INET, host, &addr4) == 1)
        return (ntohl(addr4.s_addr) >> 24) == 127;
    return cg_streq_nocase(host, "localhost");
}
