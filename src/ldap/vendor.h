/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What kind of server is it? As far as its root entry tells; for the diagnosis alone. Pure, thread safe. */
#ifndef CG_LDAP_VENDOR_H
#define CG_LDAP_VENDOR_H

#include <stdbool.h>

#include "base/buf.h"
#include "ldap/entry.h"

/* To ask the root entry for, NULL-terminated. */
extern const char *const CG_LDAP_VENDOR_ATTRIBUTES[];

/* Appends "389 Directory Server (389-Directory/2.3.1)"; false when the entry does not tell. */
bool cg_ldap_vendor_text(const struct cg_ldap_entry *root, struct cg_buf *out);
/* Appends what does not fit: the settings say one kind (enum cg_directory_type), the entry another one. False: it
 * fits, or is not known. */
bool cg_ldap_vendor_doubt(const struct cg_ldap_entry *root, int directory_type, struct cg_buf *out);

#endif
