/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* Every address as 16 bytes, IPv4 mapped, so that "::ffff:10.0.0.1" and "10.0.0.1" are one. */
struct ip {
    unsigned char bytes[16];
    bool v4;
};

static const unsigned char v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static void set_v4(struct ip *ip, const void *bytes)
{
    memcpy(ip->bytes, v4_prefix, sizeof(v4_prefix));
    memcpy(ip->bytes + sizeof(v4_prefix), bytes, 4);
    ip->v4 = true;
}

static void set_v6(struct ip *ip, const void *bytes)
{
    memcpy(ip->bytes, bytes, 16);
    ip->v4 = memcmp(ip->bytes, v4_prefix, sizeof(v4_prefix)) == 0;
}

static bool parse_ip(const char *text, struct ip *ip)
{
    struct in6_addr v6;
    struct in_addr v4;

    if (inet_pton(AF_INET, text, &v4) == 1)
        set_v4(ip, &v4);
    else if (inet_pton(AF_INET6, text, &v6) == 1)
        set_v6(ip, &v6);
    else
        return false;
    return true;
}

/* By hand: libc formats it with sprintf, which cost more than the rest of finding the client. */
static void print_v4(const unsigned char *bytes, char *out)
{
    for (int i = 0; i < 4; i++) {
        unsigned n = bytes[i];

        if (n >= 100)
            *out++ = (char)('0' + n / 100);
        if (n >= 10)
            *out++ = (char)('0' + n / 10 % 10);
        *out++ = (char)('0' + n % 10);
        *out++ = i < 3 ? '.' : '\0';
    }
}

static void print_ip(const struct ip *ip, char out[CG_ADDRESS_SIZE])
{
    if (ip->v4)
        print_v4(ip->bytes + sizeof(v4_prefix), out);
    else
        inet_ntop(AF_INET6, ip->bytes, out, CG_ADDRESS_SIZE);
}

static bool is_loopback(const struct ip *ip)
{
    static const unsigned char v6_loopback[16] = {[15] = 1};

    return ip->v4 ? ip->bytes[12] == 127 : memcmp(ip->bytes, v6_loopback, sizeof(v6_loopback)) == 0;
}

static bool same_prefix(const unsigned char *a, const unsigned char *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

static bool in_cidr(const char *cidr, const struct ip *ip)
{
    const char *slash = strchr(cidr, '/');
    size_t len = slash ? (size_t)(slash - cidr) : strlen(cidr);
    char text[CG_ADDRESS_SIZE];
    struct ip net;
    uint64_t bits;

    if (len >= sizeof(text))
        return false;
    memcpy(text, cidr, len);
    text[len] = '\0';
    if (!parse_ip(text, &net))
        return false;
    /* The length counts in the notation of the CIDR itself. */
    unsigned width = strchr(text, ':') ? 128 : 32;

    if (!slash)
        bits = width;
    else if (cg_parse_u64(slash + 1, width, &bits) != CG_OK)
        return false;
    return same_prefix(net.bytes, ip->bytes, (unsigned)bits + (128 - width));
}

static bool trusted(char *const *cidrs, const struct ip *ip)
{
    for (; cidrs && *cidrs; cidrs++)
        if (in_cidr(*cidrs, ip))
            return true;
    return false;
}

bool cg_address_trusted(char *const *cidrs, const char *address)
{
    struct ip ip;

    return parse_ip(address, &ip) && trusted(cidrs, &ip);
}

/* One element of X-Forwarded-For: an address, perhaps with a port ("1.2.3.4:5", "[::1]:5"). */
static bool parse_hop(const char *s, size_t len, struct ip *ip)
{
    char text[CG_ADDRESS_SIZE], *end;

    if (len == 0 || len >= sizeof(text))
        return false;
    memcpy(text, s, len);
    text[len] = '\0';
    if (text[0] == '[') {
        if (!(end = strchr(text, ']')))
            return false;
        *end = '\0';
        return parse_ip(text + 1, ip);
    }
    if ((end = strchr(text, ':')) && !strchr(end + 1, ':'))
        *end = '\0';
    return parse_ip(text, ip);
}

/* The last element of the list that ends before *end, without blanks; *end moves to the comma before it. */
static const char *last_element(const char *list, const char **end, size_t *len)
{
    const char *stop = *end, *start = stop;

    while (start > list && start[-1] != ',')
        start--;
    *end = start > list ? start - 1 : list;
    while (start < stop && (*start == ' ' || *start == '\t'))
        start++;
    while (stop > start && (stop[-1] == ' ' || stop[-1] == '\t'))
        stop--;
    *len = (size_t)(stop - start);
    return start;
}

/* From right to left while each hop is a proxy of ours. What cannot be read ends the walk: the client is then the last
 * hop that somebody trusted has reported. */
static void walk_back(const struct cg_address_facts *facts, struct ip *client)
{
    const char *list = facts->forwarded_for, *end = list + strlen(list), *element;
    struct ip hop;
    size_t len;

    while (end > list) {
        element = last_element(list, &end, &len);
        if (!parse_hop(element, len, &hop))
            return;
        *client = hop;
        if (!trusted(facts->trusted, &hop))
            return;
    }
}

/* The nearest proxy speaks last. */
static bool says_https(const char *list)
{
    const char *end = list + strlen(list);
    size_t len;
    const char *element = last_element(list, &end, &len);

    return len == strlen("https") && cg_str_starts_nocase(element, "https");
}

static bool peer_ip(const struct sockaddr_storage *peer, struct ip *ip)
{
    if (peer->ss_family == AF_INET)
        set_v4(ip, &((const struct sockaddr_in *)peer)->sin_addr);
    else if (peer->ss_family == AF_INET6)
        set_v6(ip, &((const struct sockaddr_in6 *)peer)->sin6_addr);
    else
        return false;
    return true;
}

bool cg_address_trusted_peer(char *const *cidrs, const struct sockaddr_storage *peer)
{
    struct ip ip;

    return cidrs && *cidrs && peer_ip(peer, &ip) && trusted(cidrs, &ip);
}

void cg_address_client(const struct cg_address_facts *facts, char text_out[CG_ADDRESS_SIZE], bool *secure_out)
{
    struct ip client;

    if (facts->unix_peer || !peer_ip(facts->peer, &client)) {
        snprintf(text_out, CG_ADDRESS_SIZE, "%s", facts->unix_peer ? "unix" : "unknown");
        *secure_out = facts->unix_peer;
        return;
    }
    if (!trusted(facts->trusted, &client)) {
        *secure_out = facts->tls || is_loopback(&client);
        print_ip(&client, text_out);
        return;
    }
    /* A proxy on this host makes every client look local: its word counts, not its address. */
    if (facts->forwarded_for)
        walk_back(facts, &client);
    *secure_out = is_loopback(&client) || (facts->tls && !facts->forwarded_for);
    if (facts->forwarded_proto)
        *secure_out = says_https(facts->forwarded_proto);
    print_ip(&client, text_out);
}
