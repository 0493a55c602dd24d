/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Who the gateway itself is to the directory: the service account with its
 * password, a client certificate or local user id (SASL EXTERNAL), or nobody
 * (bind_method "anonymous", which has to be confirmed in the settings).
 *
 * A password that the directory refused is not sent again, to no server: it
 * would lock the account (pitfall 11). The file is read again instead, and the
 * password tried if it is another one; the refused one again after a long while
 * only, or by a reload. As long as no server has taken the password, one
 * connection at a time tries it.
 *
 * Threading: any thread.
 */
#ifndef CG_LDAP_SERVICE_H
#define CG_LDAP_SERVICE_H

#include "ldap/conn.h"

struct cg_ldap_service;

/* Takes a copy of the password; `conf` is borrowed. */
struct cg_ldap_service *cg_ldap_service_new(const struct cg_conf_ldap *conf);
void cg_ldap_service_free(struct cg_ldap_service **service); /* wipes */

/* For how long a password that was refused so often in a row is not sent again. */
int64_t cg_ldap_service_hold_ms(unsigned refusals);

/* Makes a fresh connection ours. UNAUTHENTICATED: refused, with a hint in err->internal. UNAVAILABLE. */
enum cg_err cg_ldap_service_bind(struct cg_ldap_service *service, struct cg_ldap_conn *conn, int64_t deadline,
                                 struct cg_error *err) CG_CHECK;

#endif
