/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "ldap/result.h"

#include <ldap.h>
#include <string.h>

#include "base/str.h"

/* Codes not in here are UNAVAILABLE: what we do not understand is no verdict about a person. */
static const struct {
    int rc;
    enum cg_err code;
} BIND_RESULTS[] = {
    {LDAP_SUCCESS, CG_OK},
    {LDAP_INVALID_CREDENTIALS, CG_ERR_UNAUTHENTICATED},
    {LDAP_UNWILLING_TO_PERFORM, CG_ERR_UNAUTHENTICATED},
    {LDAP_CONSTRAINT_VIOLATION, CG_ERR_UNAUTHENTICATED}, /* 389 Directory Server's retry limit */
    {LDAP_INSUFFICIENT_ACCESS, CG_ERR_UNAUTHENTICATED},
    {LDAP_NO_SUCH_OBJECT, CG_ERR_UNAUTHENTICATED},
    {LDAP_INVALID_DN_SYNTAX, CG_ERR_UNAUTHENTICATED},
    {LDAP_INAPPROPRIATE_AUTH, CG_ERR_UNAUTHENTICATED}, /* no password in the entry */
    {LDAP_REFERRAL, CG_ERR_UNAUTHENTICATED},           /* pitfall 8: not followed with a password in hand */
    {LDAP_STRONG_AUTH_REQUIRED, CG_ERR_UNAUTHENTICATED},
    {LDAP_AUTH_METHOD_NOT_SUPPORTED, CG_ERR_UNAUTHENTICATED}, /* no EXTERNAL without a client certificate */
    {LDAP_SERVER_DOWN, CG_ERR_UNAVAILABLE},
    {LDAP_TIMEOUT, CG_ERR_UNAVAILABLE},
    {LDAP_CONNECT_ERROR, CG_ERR_UNAVAILABLE},
    {LDAP_OPERATIONS_ERROR, CG_ERR_UNAVAILABLE},
    {LDAP_TIMELIMIT_EXCEEDED, CG_ERR_UNAVAILABLE},
    {LDAP_BUSY, CG_ERR_UNAVAILABLE},
    {LDAP_UNAVAILABLE, CG_ERR_UNAVAILABLE},
    {LDAP_OTHER, CG_ERR_UNAVAILABLE},
};

enum cg_err cg_ldap_result_of_bind(int rc)
{
    for (size_t i = 0; i < sizeof(BIND_RESULTS) / sizeof(BIND_RESULTS[0]); i++)
        if (BIND_RESULTS[i].rc == rc)
            return BIND_RESULTS[i].code;
    return CG_ERR_UNAVAILABLE;
}

const char *cg_ldap_result_text(int rc)
{
    return ldap_err2string(rc);
}

void cg_ldap_result_diagnostic(const char *message, char *out, size_t size)
{
    size_t len = message ? strnlen(message, size - 1) : 0;

    cg_str_printable(message ? message : "", len, out, size);
}
