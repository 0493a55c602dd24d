/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Are the [ldap] settings ones that we may work with? Looks at text only, never at the network. Thread safe. */
#ifndef CG_LDAP_SETTINGS_H
#define CG_LDAP_SETTINGS_H

#include <stdbool.h>

#include "conf/conf.h"

#define CG_LDAP_SERVERS_MAX 32

/* INVALID with the key and the reason. */
enum cg_err cg_ldap_settings_check(const struct cg_conf_ldap *conf, struct cg_error *err) CG_CHECK;
/* Does any of the URIs speak TLS? */
bool cg_ldap_settings_use_tls(const struct cg_conf_ldap *conf);

#endif
