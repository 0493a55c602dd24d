/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * TLS settings for libldap: always verified (pitfall 7), a minimum version
 * that the library really keeps, one context shared by all connections.
 *
 * Building a context reads the CA file and, with GnuTLS, leaks its priority
 * string each time; and libldap has no public way to drop a context once it
 * was handed out. So contexts are kept for the life of the process, one for
 * each (CA file as it is on disk, minimum version) ever used.
 *
 * Threading: any thread.
 */
#ifndef CG_LDAP_TLS_H
#define CG_LDAP_TLS_H

#include <ldap.h>
#include <stdbool.h>

#include "base/buf.h"
#include "crategate/err.h"

/* The context for these settings; `ca_file` empty: the system's bundle. INVALID when the file cannot be used.
 * *ctx_out is owned by this module. `*ca_file_out` (static or as given) is the file that is used. */
enum cg_err cg_ldap_tls_context(const char *ca_file, int min_version, void **ctx_out, const char **ca_file_out,
                                struct cg_error *err) CG_CHECK;
/* Makes a handle use the context, with verification. False when libldap refuses. */
bool cg_ldap_tls_apply(LDAP *ld, void *ctx);
/* The opposite, for the diagnosis alone: a context of its own that takes any certificate, so that one which does not
 * verify can be looked at. Nothing is ever sent over such a connection. */
bool cg_ldap_tls_apply_unverified(LDAP *ld);
/* Says in plain words what is wrong with the certificate of a connected handle. False when it shows none. */
bool cg_ldap_tls_explain(LDAP *ld, const char *host, const char *ca_file, struct cg_buf *out);

#endif
