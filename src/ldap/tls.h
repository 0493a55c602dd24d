/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * TLS settings for libldap: always verified (pitfall 7), a minimum version
 * that the library really keeps, one context shared by all connections.
 *
 * Building a context reads the files and, with GnuTLS, leaks its priority
 * string each time; and libldap has no public way to drop a context once it
 * was handed out. So contexts are kept for the life of the process, one for
 * each (files as they are on disk, ciphers, minimum version) ever used: a
 * reload after a file was replaced makes a new one.
 *
 * Threading: any thread.
 */
#ifndef CG_LDAP_TLS_H
#define CG_LDAP_TLS_H

#include <ldap.h>
#include <stdbool.h>

#include "base/buf.h"
#include "conf/conf.h"
#include "crategate/err.h"

/* The context for the tls_ settings; tls_ca_file empty: the system's bundle. INVALID with the key of what cannot be
 * used. *ctx_out is owned by this module. `*ca_file_out` (static or the setting's own text) is the file that is used.
 */
enum cg_err cg_ldap_tls_context(const struct cg_conf_ldap *conf, void **ctx_out, const char **ca_file_out,
                                struct cg_error *err) CG_CHECK;
/* Makes a handle use the context, with verification. False when libldap refuses. */
bool cg_ldap_tls_apply(LDAP *ld, void *ctx);
/* The opposite, for the diagnosis alone: a context of its own that takes any certificate, so that one which does not
 * verify can be looked at. Nothing is ever sent over such a connection. */
bool cg_ldap_tls_apply_unverified(LDAP *ld);
/* Says in plain words what is wrong with the certificate of a connected handle. False when it shows none. */
bool cg_ldap_tls_explain(LDAP *ld, const char *host, const char *ca_file, struct cg_buf *out);

/* tls_files.c: what the TLS libraries take without a word, or ask the terminal about. */

/* Does the file hold a certificate in PEM form? */
bool cg_ldap_tls_holds_certificate(const char *path);
/* Do the files hold a certificate and its key without a passphrase? INVALID with the key of the settings. */
enum cg_err cg_ldap_tls_check_pair(const char *cert_file, const char *key_file, struct cg_error *err) CG_CHECK;

#endif
