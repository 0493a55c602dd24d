/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What conn.c (connecting), bind.c and search.c (operations) share; nobody else includes it. */
#ifndef CG_LDAP_CONN_IMPL_H
#define CG_LDAP_CONN_IMPL_H

#include <ldap.h>

#include "ldap/conn.h"
#include "ldap/watchdog.h"

struct cg_ldap_conn {
    LDAP *ld;
    char *uri;
    const struct cg_ldap_link *link;
    struct cg_ldap_guard guard;
    bool dead;   /* only to be closed */
    bool broken; /* the server or the way to it failed */
};

/* The earlier of the deadline and the operation's own time from now. */
int64_t cg_ldap_conn_op_deadline(const struct cg_ldap_conn *conn, int64_t deadline);
/* Waits for the answer to one request. `all`: LDAP_MSG_ONE or LDAP_MSG_ALL. Returns the message's type, or -1 with the
 * connection dead and err set. */
int cg_ldap_conn_wait(struct cg_ldap_conn *conn, int msgid, int all, int64_t deadline, LDAPMessage **message_out,
                      struct cg_error *err);
/* cg_ldap_conn_search without completing ranges: for ranges.c. */
enum cg_err cg_ldap_conn_search_once(struct cg_ldap_conn *conn, const struct cg_ldap_search *search, int64_t deadline,
                                     struct cg_ldap_result *result, struct cg_error *err) CG_CHECK;
/* Marks dead and says UNAVAILABLE: "URI: WHAT: TEXT". */
enum cg_err cg_ldap_conn_failed(struct cg_ldap_conn *conn, const char *what, int rc, struct cg_error *err);

#endif
