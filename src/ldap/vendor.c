/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "ldap/vendor.h"

#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "conf/conf.h"

#define TEXT_MAX 128

const char *const CG_LDAP_VENDOR_ATTRIBUTES[] = {"vendorName", "vendorVersion", "objectClass", "supportedCapabilities",
                                                 NULL};

/* How each kind gives itself away. */
static const struct kind {
    const char *attribute, *value; /* one of the values contains this */
    const char *name;
    unsigned fits; /* the directory types that go with it */
} KINDS[] = {
    {"vendorName", "samba", "Samba", 1U << CG_DIR_AD},
    {"supportedCapabilities", "1.2.840.113556.1.4.800", "Active Directory", 1U << CG_DIR_AD},
    {"vendorName", "389 project", "389 Directory Server", 1U << CG_DIR_389DS | 1U << CG_DIR_POSIX},
    {"objectClass", "openldaprootdse", "OpenLDAP", 1U << CG_DIR_OPENLDAP | 1U << CG_DIR_POSIX},
};

static bool contains(const struct cg_ldap_attribute *a, const char *value)
{
    for (size_t i = 0; a && i < a->count; i++)
        if (strcasestr(a->values[i].bytes, value))
            return true;
    return false;
}

static const struct kind *kind_of(const struct cg_ldap_entry *root)
{
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++)
        if (contains(cg_ldap_entry_get(root, KINDS[i].attribute), KINDS[i].value))
            return &KINDS[i];
    return NULL;
}

static void add_printable(struct cg_buf *out, const char *before, const char *text, const char *behind)
{
    char printable[TEXT_MAX];

    cg_str_printable(text, strnlen(text, sizeof(printable) - 1), printable, sizeof(printable));
    cg_buf_addf(out, "%s%s%s", before, printable, behind);
}

bool cg_ldap_vendor_text(const struct cg_ldap_entry *root, struct cg_buf *out)
{
    const struct kind *kind = kind_of(root);
    const char *name = cg_ldap_entry_text(root, "vendorName"), *version = cg_ldap_entry_text(root, "vendorVersion");

    if (!kind && !name)
        return false;
    add_printable(out, "", kind ? kind->name : name, "");
    if (version)
        add_printable(out, " (", version, ")");
    return true;
}

bool cg_ldap_vendor_doubt(const struct cg_ldap_entry *root, int directory_type, struct cg_buf *out)
{
    static const char *const WORDS[] = {"openldap", "ad", "389ds", "posix"};
    const struct kind *kind = kind_of(root);

    if (!kind || (kind->fits & 1U << directory_type))
        return false;
    cg_buf_addf(out, "ldap.directory_type is \"%s\"; is that meant for this server?", WORDS[directory_type]);
    return true;
}
