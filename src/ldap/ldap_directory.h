/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The LDAP driver of directory.h. Settings and practice: ldap.md (docs/references.md) sections 2 and 4. */
#ifndef CG_LDAP_LDAP_DIRECTORY_H
#define CG_LDAP_LDAP_DIRECTORY_H

#include "conf/conf.h"
#include "crategate/directory.h"

/* Once per process, single-threaded, before anything else of libldap: ignores ldap.conf and LDAP* variables. */
void cg_ldap_library_init(void);
/* Checks the settings (URIs, CA file, filters, DNs) without touching the network. Takes its own reference to conf.
 * INVALID with the key's name and the reason. */
enum cg_err cg_ldap_directory_new(const struct cg_conf *conf, struct cg_directory **dir_out,
                                  struct cg_error *err) CG_CHECK;

#endif
