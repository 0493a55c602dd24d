/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/net/sniff.h"

#include <string.h>

#include "base/str.h"

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
#define PREFACE_LEN (sizeof(preface) - 1)
#define SETTING_BYTES 6 /* RFC 9113, section 6.5.1 */

/* RFC 9110, section 5.6.2 */
static bool is_token(const char *text)
{
    return *text && text[strspn(text, "!#$%&'*+-.^_`|~0123456789"
                                      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] == '\0';
}

/* Does a list ("Upgrade, HTTP2-Settings") have this word? */
static bool lists(const char *list, const char *word)
{
    size_t len = strlen(word);

    while (*list) {
        size_t item = strcspn(list, ",");
        const char *end = list + item, *next = *end ? end + 1 : end;

        list += strspn(list, " \t,");
        while (end > list && (end[-1] == ' ' || end[-1] == '\t'))
            end--;
        if ((size_t)(end - list) == len && strncasecmp(list, word, len) == 0)
            return true;
        list = next;
    }
    return false;
}

/* base64url without padding, of whole settings. */
static bool is_settings(const char *text)
{
    size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    return text[len] == '\0' && len % 4 != 1 && len * 3 / 4 % SETTING_BYTES == 0;
}

/* "GET /path HTTP/1.1" */
static bool cut_request_line(struct cg_http2_upgrade *up, char *line)
{
    char *target = strchr(line, ' '), *version = target ? strchr(target + 1, ' ') : NULL;

    if (!version || strcmp(version, " HTTP/1.1") != 0)
        return false;
    *target++ = *version = '\0';
    up->method = line;
    up->target = target;
    return is_token(line) && *target == '/';
}

/* "Name: value", blanks around the value cut off. */
static bool cut_header(struct cg_header *header, char *line)
{
    char *colon = strchr(line, ':'), *value, *end;

    if (!colon)
        return false;
    *colon = '\0';
    value = colon + 1 + strspn(colon + 1, " \t");
    for (end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t'); end--)
        end[-1] = '\0';
    *header = (struct cg_header){.name = line, .value = value};
    return is_token(line);
}

/* The next line, without its end, which must be CR LF; NULL when it is not. */
static char *cut_line(char **at)
{
    char *line = *at, *end = strpbrk(line, "\r\n");

    if (!end || end[0] != '\r' || end[1] != '\n')
        return NULL;
    *end = '\0';
    *at = end + 2;
    return line;
}

struct offer {
    unsigned upgrades, settings, hosts;
    bool connection_upgrade, connection_settings, h2c, doubtful;
};

/* True for what belongs to the upgrade alone, and to this connection (RFC 9113, section 8.2.2). */
static bool take_offer(struct offer *offer, struct cg_http2_upgrade *up, const struct cg_header *header)
{
    if (cg_streq_nocase(header->name, "Upgrade")) {
        offer->upgrades++;
        offer->h2c = strcasecmp(header->value, "h2c") == 0;
    } else if (cg_streq_nocase(header->name, "HTTP2-Settings")) {
        offer->settings++;
        up->settings = header->value;
    } else if (cg_streq_nocase(header->name, "Connection")) {
        offer->connection_upgrade |= lists(header->value, "Upgrade");
        offer->connection_settings |= lists(header->value, "HTTP2-Settings");
    } else {
        return false;
    }
    return true;
}

static void look_for_doubt(struct offer *offer, const struct cg_header *header)
{
    static const char *const body_or_hop[] = {"Content-Length", "Transfer-Encoding", "Expect",          "TE",
                                              "Trailer",        "Keep-Alive",        "Proxy-Connection"};

    for (size_t i = 0; i < sizeof(body_or_hop) / sizeof(body_or_hop[0]); i++)
        offer->doubtful |= cg_streq_nocase(header->name, body_or_hop[i]);
    if (cg_streq_nocase(header->name, "Host"))
        offer->hosts++;
}

static bool is_good(const struct offer *offer, const struct cg_http2_upgrade *up)
{
    return offer->upgrades == 1 && offer->h2c && offer->settings == 1 && offer->hosts == 1 &&
           offer->connection_upgrade && offer->connection_settings && !offer->doubtful && is_settings(up->settings);
}

/* The head in `text` is whole and NUL-terminated behind its empty line. */
static bool parse_upgrade(struct cg_sniff *sniff)
{
    struct cg_http2_upgrade *up = &sniff->upgrade;
    struct offer offer = {0};
    char *at = sniff->text, *line = cut_line(&at);
    struct cg_header header;
    size_t count = 0;

    *up = (struct cg_http2_upgrade){.headers = sniff->headers};
    if (!line || !cut_request_line(up, line))
        return false;
    while ((line = cut_line(&at)) && *line) {
        if (!cut_header(&header, line))
            return false;
        look_for_doubt(&offer, &header);
        if (take_offer(&offer, up, &header))
            continue;
        if (count == CG_SNIFF_HEADERS)
            return false;
        sniff->headers[count++] = header;
    }
    up->header_count = count;
    return line && is_good(&offer, up);
}

static enum cg_sniffed sniff_head(struct cg_sniff *sniff, size_t len)
{
    char *end = memmem(sniff->text, len, "\r\n\r\n", 4);

    if (!end)
        return len < CG_SNIFF_MAX ? CG_SNIFFED_MORE : CG_SNIFFED_HTTP1;
    sniff->head_len = (size_t)(end - sniff->text) + 4;
    if (memchr(sniff->text, '\0', sniff->head_len))
        return CG_SNIFFED_HTTP1;
    /* Most requests are none, and need not be taken apart for that. */
    sniff->text[sniff->head_len] = '\0';
    if (!strcasestr(sniff->text, "\nHTTP2-Settings:"))
        return CG_SNIFFED_HTTP1;
    return parse_upgrade(sniff) ? CG_SNIFFED_UPGRADE : CG_SNIFFED_HTTP1;
}

enum cg_sniffed cg_sniff(struct cg_sniff *sniff, size_t len)
{
    size_t common = len < PREFACE_LEN ? len : PREFACE_LEN;

    if (memcmp(sniff->text, preface, common) == 0)
        return common == PREFACE_LEN ? CG_SNIFFED_HTTP2 : CG_SNIFFED_MORE;
    return sniff_head(sniff, len);
}
