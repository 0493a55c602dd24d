/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What the four changes of a crate share: owners, the policy's decision, what the audit record says. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "registry/registry_priv.h"

static enum cg_err take_owner(void *cls, const struct cg_owner *owner)
{
    struct cg_owners *owners = cls;

    owners->items = cg_reallocarray(owners->items, owners->count + 1, sizeof(*owners->items));
    owners->items[owners->count++] = (struct cg_owner){
        .id = owner->id, .kind = owner->kind, .login = cg_strdup(owner->login), .subject = cg_strdup(owner->subject)};
    return CG_OK;
}

enum cg_err cg_owners_read(struct cg_registry *reg, const char *ns, const char *name, struct cg_owners *out,
                           struct cg_error *err)
{
    struct cg_owners owners = {0};
    char folded[CG_CRATE_NAME_MAX + 1];
    enum cg_err rc;

    cg_crate_name_fold(name, folded);
    rc = reg->md->ops->owner_each(reg->md, ns, folded, take_owner, &owners, err);
    if (rc == CG_OK)
        *out = owners;
    else
        cg_owners_free(&owners);
    return rc;
}

void cg_owners_free(struct cg_owners *owners)
{
    for (size_t i = 0; i < owners->count; i++) {
        free(owners->items[i].login);
        free(owners->items[i].subject);
    }
    free(owners->items);
    *owners = (struct cg_owners){0};
}

enum cg_err cg_change_decide(struct cg_registry *reg, struct cg_change *change, enum cg_action action,
                             const char *crate, struct cg_error *err)
{
    struct cg_owners owners = {0};
    struct cg_question question = {
        .caller = change->caller, .action = action, .namespace_name = change->ns, .crate = crate};
    enum cg_err rc = cg_owners_read(reg, change->ns, crate, &owners, err);

    if (rc != CG_OK)
        return rc;
    question.owners = owners.items;
    question.owner_count = owners.count;
    rc = cg_policy_decide(change->policy, &question, &change->decision);
    if (rc != CG_OK)
        cg_error_set(err, rc, "%s", change->decision.reason);
    cg_owners_free(&owners);
    return rc;
}

void cg_change_name(struct cg_change *change, const char *crate, const char *version)
{
    if (crate)
        cg_str_printable(crate, strlen(crate), change->crate, sizeof(change->crate));
    if (version)
        cg_str_printable(version, strlen(version), change->version, sizeof(change->version));
}

enum cg_err cg_answer_check(const struct cg_buf *out, struct cg_error *err)
{
    if (!cg_buf_failed(out))
        return CG_OK;
    return cg_error_set(err, CG_ERR_INTERNAL, "the answer is larger than this registry can give; ask for less");
}
