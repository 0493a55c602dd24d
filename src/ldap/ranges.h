/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Attributes that come in pieces. Active Directory hands out at most some 1,500
 * values of an attribute at a time, as "member;range=0-1499", and leaves the
 * plain "member" empty beside it. Whoever reads only that takes a part for the
 * whole, or for nothing (pitfall 17); so every search reads on until the piece
 * that ends in "*", over the same connection, before it hands its entries out.
 *
 * Threading: as the connection.
 */
#ifndef CG_LDAP_RANGES_H
#define CG_LDAP_RANGES_H

#include "ldap/conn.h"

struct cg_ldap_range {
    const char *name; /* of the attribute; points into the description */
    size_t name_len;
    bool ranged;
    bool last; /* ends in "*" */
    size_t low, high;
};

/* Takes "NAME" or "NAME;range=LOW-HIGH" apart. False: a range that makes no sense. Pure. */
bool cg_ldap_range_parse(const char *description, struct cg_ldap_range *range_out);
/* Reads what is missing of all entries from number `from` on. UNAVAILABLE also for a gap or for pieces that do not
 * advance. */
enum cg_err cg_ldap_ranges_complete(struct cg_ldap_conn *conn, struct cg_ldap_result *result, size_t from,
                                    int64_t deadline, struct cg_error *err) CG_CHECK;

#endif
