/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What makes a chain of the audit trail's lines. Each ends in
 *
 *     ,"seq":N,"prev":"HEX","mac":"HEX"}
 *
 * where `prev` is the mac of record N-1 (all zeros before the first) and `mac`
 * the HMAC-SHA-256, under state_dir/audit.key, of everything before it in the
 * line. So a line that was changed does not fit its own mac, and one that is
 * missing or in another place is missed by the next. Pure; for audit*.c alone.
 */
#ifndef CG_LOG_AUDIT_CHAIN_H
#define CG_LOG_AUDIT_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"

/* A record, as the one after it refers to it. */
struct cg_audit_link {
    uint64_t seq; /* 0: there is none yet */
    char mac[CG_SHA256_HEX_SIZE];
};

/* A line's end, as it was read. */
struct cg_audit_seal {
    struct cg_audit_link link;
    char prev[CG_SHA256_HEX_SIZE];
    size_t covered; /* how many bytes the mac is of */
};

void cg_audit_link_init(struct cg_audit_link *link);
/* Appends the end of the line that begins at `from` in `line` and follows `link`, its newline too; `link` becomes
 * that record. */
void cg_audit_chain_seal(const struct cg_hmac *key, struct cg_audit_link *link, struct cg_buf *line, size_t from);
/* The end of a line (without newline); false when it has none of this form. */
bool cg_audit_chain_parse(const char *line, size_t len, struct cg_audit_seal *seal_out);
/* Does the mac fit line and key? */
bool cg_audit_chain_genuine(const struct cg_hmac *key, const char *line, const struct cg_audit_seal *seal);

#endif
