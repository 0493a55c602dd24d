/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdio.h>

#include "crategatectl/ctl.h"

static void tell(const char *what, const char *text)
{
    if (*text)
        printf("  %-9s %s\n", what, text);
}

void cg_ctl_tell_person(const struct cg_identity *who)
{
    puts("Who");
    tell("name", cg_identity_name(who));
    tell("shown as", cg_identity_display_name(who));
    tell("mail", cg_identity_mail(who));
    tell("entry", cg_identity_dn(who));
    tell("id", cg_identity_id(who));
    for (size_t i = 0; i < cg_identity_group_count(who); i++)
        printf("  %-9s %s  (%s)\n", i ? "" : "groups", cg_identity_group_name(who, i), cg_identity_group_dn(who, i));
    if (cg_identity_kind(who) == CG_IDENTITY_PERSON && cg_identity_group_count(who) == 0)
        tell("groups", "none");
}
