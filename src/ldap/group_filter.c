/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "ldap/group_filter.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "ldap/escape.h"

#define DN "{dn}"
#define USERNAME "{username}"

char *cg_ldap_group_filter_in_chain(const char *filter)
{
    struct cg_buf out;

    cg_buf_init(&out, CG_LDAP_FILTER_MAX);
    for (const char *p = filter; *p; p++) {
        /* "attribute:rule:={dn}" already names a rule, and "~={dn}" is another question. */
        if (cg_str_starts(p, "=" DN) && p > filter && !strchr(":~<>", p[-1]))
            cg_buf_addstr(&out, ":" CG_LDAP_IN_CHAIN ":");
        cg_buf_addch(&out, *p);
    }
    return cg_buf_take(&out);
}

static void add(char **list, const char *name, size_t len)
{
    size_t count = 0;

    for (; list[count]; count++)
        if (strlen(list[count]) == len && strncasecmp(list[count], name, len) == 0)
            return;
    if (count < CG_LDAP_MEMBERSHIP_MAX)
        list[count] = cg_strndup(name, len);
}

/* One place of a placeholder: which attribute it is compared with, and is it the whole of the value? */
static void note(struct cg_ldap_membership *m, const char *filter, const char *at, const char *placeholder)
{
    const char *start = at;
    size_t len;
    bool whole = at > filter && at[-1] == '=' && at[strlen(placeholder)] == ')';

    while (start > filter && start[-1] != '(')
        start--;
    len = strcspn(start, "=:~<>");
    if (len == 0 || start + len >= at)
        m->opaque = true;
    else if (strcmp(placeholder, DN) == 0 && whole)
        add(m->dns, start, len);
    /* "(member=uid={username},ou=people,...)": a DN with the name in it. */
    else if (strcmp(placeholder, USERNAME) == 0 && start[len] == '=' &&
             memchr(start + len + 1, '=', (size_t)(at - start) - len - 1))
        add(m->dns, start, len);
    else if (strcmp(placeholder, USERNAME) == 0 && whole)
        add(m->names, start, len);
    else
        m->opaque = true;
}

static void note_all(struct cg_ldap_membership *m, const char *filter, const char *placeholder)
{
    for (const char *at = strstr(filter, placeholder); at; at = strstr(at + 1, placeholder))
        note(m, filter, at, placeholder);
}

void cg_ldap_group_filter_membership(const char *filter, struct cg_ldap_membership *out)
{
    memset(out, 0, sizeof(*out));
    note_all(out, filter, DN);
    note_all(out, filter, USERNAME);
}

void cg_ldap_membership_free(struct cg_ldap_membership *membership)
{
    for (size_t i = 0; i <= CG_LDAP_MEMBERSHIP_MAX; i++) {
        free(membership->dns[i]);
        free(membership->names[i]);
    }
    memset(membership, 0, sizeof(*membership));
}
