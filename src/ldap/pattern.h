/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * ldap.username_pattern: what may be typed as a name at all (PCRE2, UTF-8).
 * An expression that would take too long on some name refuses that name.
 *
 * Threading: a pattern is matched by any number of threads at once.
 */
#ifndef CG_LDAP_PATTERN_H
#define CG_LDAP_PATTERN_H

#include <stdbool.h>

#include "crategate/err.h"

struct cg_ldap_pattern;

/* INVALID with the place and the reason. */
enum cg_err cg_ldap_pattern_new(const char *text, struct cg_ldap_pattern **pattern_out, struct cg_error *err) CG_CHECK;
void cg_ldap_pattern_free(struct cg_ldap_pattern **pattern);
bool cg_ldap_pattern_matches(const struct cg_ldap_pattern *pattern, const char *name);

#endif
