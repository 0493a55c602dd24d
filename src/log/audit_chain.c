/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "log/audit_chain.h"

#include <inttypes.h>
#include <string.h>

#include "base/secret.h"

#define HEX (CG_SHA256_HEX_SIZE - 1)
#define SEQ_DIGITS 19 /* what int64_t holds, so that any reader of JSON does */

static const char seq_name[] = ",\"seq\":", prev_name[] = ",\"prev\":\"", mac_name[] = ",\"mac\":\"";

#define LEN(text) (sizeof(text) - 1)
#define MAC_SIZE (LEN(mac_name) + HEX + 2)   /* the quote and the brace behind it */
#define PREV_SIZE (LEN(prev_name) + HEX + 1) /* the quote behind it */

void cg_audit_link_init(struct cg_audit_link *link)
{
    *link = (struct cg_audit_link){0};
    memset(link->mac, '0', HEX);
}

static void mac_of(const struct cg_hmac *key, const char *line, size_t len, char out[CG_SHA256_HEX_SIZE])
{
    unsigned char digest[CG_SHA256_SIZE];
    cg_hmac(key, line, len, NULL, 0, digest);
    cg_hex(digest, sizeof digest, out);
}

void cg_audit_chain_seal(const struct cg_hmac *key, struct cg_audit_link *link, struct cg_buf *line, size_t from)
{
    link->seq++;
    cg_buf_addf(line, "%s%" PRIu64 "%s%s\"", seq_name, link->seq, prev_name, link->mac);
    mac_of(key, cg_buf_str(line) + from, line->len - from, link->mac);
    cg_buf_addf(line, "%s%s\"}\n", mac_name, link->mac);
}

/* `name`, HEX digits and a quote at `at`. */
static bool take_hex(const char *at, const char *name, char out[CG_SHA256_HEX_SIZE])
{
    unsigned char unused[CG_SHA256_SIZE];
    size_t len = strlen(name);
    if (memcmp(at, name, len) != 0 || at[len + HEX] != '"')
        return false;
    memcpy(out, at + len, HEX);
    out[HEX] = '\0';
    return cg_unhex(out, unused, sizeof unused) == CG_OK;
}

/* The number that ends at `end`, with its name before it. */
static bool take_seq(const char *line, size_t end, uint64_t *seq_out)
{
    size_t digits = 0;
    uint64_t seq = 0;
    while (digits < end && digits <= SEQ_DIGITS && line[end - digits - 1] >= '0' && line[end - digits - 1] <= '9')
        digits++;
    if (digits == 0 || digits > SEQ_DIGITS || end - digits < LEN(seq_name) || line[end - digits] == '0')
        return false;
    for (size_t i = end - digits; i < end; i++)
        seq = seq * 10 + (uint64_t)(line[i] - '0');
    *seq_out = seq;
    return memcmp(line + end - digits - LEN(seq_name), seq_name, LEN(seq_name)) == 0;
}

/* Read from its end, where everything has its place: within the JSON before it a quote is escaped, so that no field's
 * value can look like this. */
bool cg_audit_chain_parse(const char *line, size_t len, struct cg_audit_seal *seal_out)
{
    struct cg_audit_seal seal;
    if (len < MAC_SIZE + PREV_SIZE || line[len - 1] != '}')
        return false;
    seal.covered = len - MAC_SIZE;
    size_t seq_end = seal.covered - PREV_SIZE;
    if (!take_hex(line + seal.covered, mac_name, seal.link.mac) || !take_hex(line + seq_end, prev_name, seal.prev) ||
        !take_seq(line, seq_end, &seal.link.seq))
        return false;
    *seal_out = seal;
    return true;
}

bool cg_audit_chain_genuine(const struct cg_hmac *key, const char *line, const struct cg_audit_seal *seal)
{
    char mac[CG_SHA256_HEX_SIZE];
    mac_of(key, line, seal->covered, mac);
    return cg_secret_equal_bytes(mac, seal->link.mac, HEX);
}
