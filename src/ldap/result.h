/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What an LDAP result code means to us: one table for the whole room. Pure, thread safe. */
#ifndef CG_LDAP_RESULT_H
#define CG_LDAP_RESULT_H

#include <stddef.h>

#include "crategate/err.h"

/* What every UNAVAILABLE of this room tells a caller; the cause is for the log. */
#define CG_LDAP_SILENT "The company directory does not answer now. Try again shortly."

/* A bind's result code: OK, UNAUTHENTICATED ("the directory says no") or UNAVAILABLE (everything else). */
enum cg_err cg_ldap_result_of_bind(int rc);
/* libldap's text for a code, static. */
const char *cg_ldap_result_text(int rc);
/* pitfall 9, 18: a server's diagnostic message, printable and cut to `size`; for logs, never for a caller. */
void cg_ldap_result_diagnostic(const char *message, char *out, size_t size);

#endif
