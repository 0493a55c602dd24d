/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Where a redirect may lead. URLs are taken apart by libcurl, which will follow them: two readers could disagree. */
#include "storage/artifactory/art_path.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "storage/artifactory/art_answer.h"

static bool v4_private(uint32_t ip)
{
    static const struct {
        uint32_t net;
        unsigned bits;
    } nets[] = {{0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},
                {0xa9fe0000, 16}, {0xac100000, 12}, {0xc0a80000, 16}, {0xe0000000, 3}};

    for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++)
        if ((ip ^ nets[i].net) >> (32 - nets[i].bits) == 0)
            return true;
    return false;
}

static uint32_t v4_at(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool v6_private(const unsigned char ip[16])
{
    static const unsigned char zero[15], mapped[12] = {[10] = 0xff, 0xff}, nat64[12] = {0x00, 0x64, 0xff, 0x9b};

    if (memcmp(ip, mapped, 12) == 0 || memcmp(ip, nat64, 12) == 0)
        return v4_private(v4_at(ip + 12));
    if (memcmp(ip, zero, 15) == 0 && ip[15] <= 1)
        return true;
    return (ip[0] & 0xfe) == 0xfc || ip[0] == 0xff || (ip[0] == 0xfe && (ip[1] & 0x80) == 0x80);
}

bool cg_art_address_private(const struct sockaddr *address)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (address->sa_family == AF_INET) {
        memcpy(&v4, address, sizeof(v4));
        return v4_private(ntohl(v4.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        memcpy(&v6, address, sizeof(v6));
        return v6_private(v6.sin6_addr.s6_addr);
    }
    return true;
}

/* The part as libcurl understands it, "" when there is none; free() it. */
static char *part_of(CURLU *url, CURLUPart part)
{
    char *text = NULL, *copy;

    if (curl_url_get(url, part, &text, 0) != CURLUE_OK)
        return cg_strdup("");
    copy = cg_strdup(text);
    curl_free(text);
    return copy;
}

static CURLU *parse(const char *text)
{
    CURLU *url = curl_url();

    CG_ASSERT(url);
    if (curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK)
        return url;
    curl_url_cleanup(url);
    return NULL;
}

static char *host_of(const char *text)
{
    CURLU *url = parse(text);
    char *host;

    if (!url)
        return cg_strdup("");
    host = part_of(url, CURLUPART_HOST);
    curl_url_cleanup(url);
    return host;
}

bool cg_art_same_host(const char *url, const char *other)
{
    char *a = host_of(url), *b = host_of(other);
    bool same = *a && cg_streq_nocase(a, b);

    free(a);
    free(b);
    return same;
}

/* A host that is written as an address. What a name stands for is looked at when it is connected to. */
static bool host_private(const char *host)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    char bare[INET6_ADDRSTRLEN] = "";

    if (host[0] == '[' && strcspn(host + 1, "]%") < sizeof(bare))
        memcpy(bare, host + 1, strcspn(host + 1, "]%"));
    if (inet_pton(AF_INET6, bare, &v6.sin6_addr) == 1)
        return cg_art_address_private((const struct sockaddr *)&v6);
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1)
        return cg_art_address_private((const struct sockaddr *)&v4);
    return cg_streq_nocase(host, "localhost");
}

static enum cg_err refuse(struct cg_error *err, const char *why)
{
    return cg_art_unavailable(err,
                              "Artifactory redirects this download to where the gateway does not follow (%s); an "
                              "administrator of Artifactory has to switch redirects off for this repository",
                              why);
}

static enum cg_err judge(CURLU *next, const char *home, const char *url, struct cg_error *err)
{
    char *scheme = part_of(next, CURLUPART_SCHEME), *host = part_of(next, CURLUPART_HOST);
    char *user = part_of(next, CURLUPART_USER), *own = host_of(home);
    enum cg_err rc = CG_OK;

    if (!cg_streq(scheme, "https") && !cg_streq(scheme, "http"))
        rc = refuse(err, "neither http nor https");
    else if (cg_streq(scheme, "http") && cg_str_starts_nocase(url, "https:"))
        rc = refuse(err, "from https to http");
    else if (*user)
        rc = refuse(err, "a URL with a user in it");
    else if (!cg_streq_nocase(host, own) && host_private(host))
        rc = refuse(err, "a private address of another host");
    free(scheme);
    free(host);
    free(user);
    free(own);
    return rc;
}

enum cg_err cg_art_path_redirect(const char *home, const char *url, const char *location, char **next_out,
                                 struct cg_error *err)
{
    CURLU *next = parse(url);
    enum cg_err rc;

    if (!next || curl_url_set(next, CURLUPART_URL, location, 0) != CURLUE_OK)
        rc = refuse(err, "no URL at all");
    else
        rc = judge(next, home, url, err);
    if (rc == CG_OK)
        *next_out = part_of(next, CURLUPART_URL);
    curl_url_cleanup(next);
    return rc;
}
