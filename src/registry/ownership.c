/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/ownership.h"

#include <string.h>

struct search {
    const struct cg_identity *who;
    bool found;
};

static enum cg_err look(void *cls, const struct cg_owner *owner)
{
    struct search *search = cls;

    search->found |= owner->kind == CG_OWNER_GROUP ? cg_identity_in_group(search->who, owner->subject)
                                                   : strcmp(owner->subject, cg_identity_id(search->who)) == 0;
    return CG_OK;
}

enum cg_err cg_ownership_any(struct cg_metadata *md, const char *ns, const struct cg_identity *who, bool *any_out,
                             struct cg_error *err)
{
    struct search search = {.who = who};
    enum cg_err rc = CG_OK;

    /* Services own nothing, and anonymous has no id. */
    if (cg_identity_kind(who) == CG_IDENTITY_PERSON)
        rc = md->ops->owner_each(md, ns, NULL, look, &search, err);
    if (rc == CG_OK)
        *any_out = search.found;
    return rc;
}
