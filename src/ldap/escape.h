/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Values into filters, and DNs into keys. Pure functions, thread safe.
 *
 * A DN made from a user name (user_dn_template) is only ever read; the DN that
 * is bound as always comes from the directory's own answer (pitfall 4).
 */
#ifndef CG_LDAP_ESCAPE_H
#define CG_LDAP_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "crategate/err.h"

#define CG_LDAP_FILTER_MAX (256 * 1024) /* 50 long DNs, each byte escaped, twice over */
#define CG_LDAP_DN_MAX 8192
#define CG_LDAP_USERNAME_MAX 256

/* Appends a value as RFC 4515 wants it inside a filter. */
void cg_ldap_escape_value(struct cg_buf *out, const void *bytes, size_t len);
/* Appends `pattern` with {username} and {dn} replaced by the escaped values, in one pass: a value that itself holds
 * "{dn}" stays as it is. */
void cg_ldap_escape_fill(struct cg_buf *out, const char *pattern, const char *username, const char *dn);
/* Appends "(attribute=value)". */
void cg_ldap_escape_equal(struct cg_buf *out, const char *attribute, const void *bytes, size_t len);
/* Is it a filter, and are its placeholders known ones? INVALID with the reason. */
enum cg_err cg_ldap_escape_check(const char *pattern, struct cg_error *err) CG_CHECK;

/* Appends a value as RFC 4514 wants it inside a DN, and '=' and every '#' escaped too, for Active Directory. */
void cg_ldap_escape_dn_value(struct cg_buf *out, const char *value);
/* Appends `pattern` with {username} replaced by the escaped value. */
void cg_ldap_escape_fill_dn(struct cg_buf *out, const char *pattern, const char *username);
/* Is it a DN with {username} as a value or a part of one, whatever is put in? INVALID with the reason. */
enum cg_err cg_ldap_escape_check_dn(const char *pattern, struct cg_error *err) CG_CHECK;

/* May this be sent as a user name? 1 to CG_LDAP_USERNAME_MAX bytes of UTF-8, no control character, not only blanks. */
bool cg_ldap_username_sendable(const char *name);

/* The key under which two spellings of one DN are one string: attribute types as lower-case names, values folded
 * (ASCII case, runs of blanks), values of one RDN sorted, printed as RFC 4514 has it. INVALID when it is no DN or an
 * empty one. Caller frees *key_out. */
enum cg_err cg_ldap_dn_canonical(const char *dn, char **key_out, struct cg_error *err) CG_CHECK;
/* Is a canonical DN one that a search from one of these bases (as written) with that scope (enum cg_search_scope) can
 * find? NULL: no bases. */
bool cg_ldap_dn_within(const char *canonical, char *const *bases, int scope);
/* The value of that attribute in the DN's first RDN, not folded; NULL when there is none. Caller frees. */
char *cg_ldap_dn_value(const char *dn, const char *attribute);
/* Is the value one of those of the DN's first RDN, under that attribute? Folded as above. */
bool cg_ldap_dn_names(const char *dn, const char *attribute, const char *value);

#endif
