/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* crategatectl explain: allowed or refused, and by which line of the configuration. */
#include "crategatectl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "crategated/wiring.h"

#define SYNOPSIS "explain USER NAMESPACE ACTION [CRATE]"

struct owners {
    struct cg_owner *items;
    size_t count;
};

static enum cg_err add_owner(void *cls, const struct cg_owner *owner)
{
    struct owners *owners = cls;

    owners->items = cg_reallocarray(owners->items, owners->count + 1, sizeof(*owners->items));
    owners->items[owners->count++] = (struct cg_owner){.id = owner->id,
                                                       .kind = owner->kind,
                                                       .login = cg_strdup(owner->login),
                                                       .subject = cg_strdup(owner->subject)};
    return CG_OK;
}

static void free_owners(struct owners *owners)
{
    for (size_t i = 0; i < owners->count; i++) {
        free(owners->items[i].login);
        free(owners->items[i].subject);
    }
    free(owners->items);
}

static enum cg_err read_owners(const struct cg_conf *conf, const char *ns, const char *crate, struct owners *owners,
                               struct cg_error *err)
{
    struct cg_metadata *md = NULL;
    char folded[CG_CRATE_NAME_MAX + 1];
    enum cg_err rc = cg_ctl_enter_state(conf, err);

    if (rc == CG_ERR_ABSENT) /* nothing was published yet */
        return CG_OK;
    cg_crate_name_fold(crate, folded);
    if (rc == CG_OK)
        rc = cg_wire_metadata(conf, &md, err);
    if (rc == CG_OK)
        rc = md->ops->owner_each(md, ns, folded, add_owner, owners, err);
    cg_metadata_free(&md);
    return rc;
}

static enum cg_err find_person(struct cg_directory *dir, const char *user, struct cg_identity **who_out,
                               struct cg_error *err)
{
    if (strcmp(user, "anonymous") != 0)
        return dir->ops->find(dir, user, who_out, err);
    *who_out = cg_identity_new(CG_IDENTITY_ANONYMOUS, NULL, "anonymous", NULL, NULL);
    cg_identity_seal(*who_out);
    return CG_OK;
}

static enum cg_err parse_action(const char *word, enum cg_action *out, struct cg_error *err)
{
    if (strcmp(word, "publish") == 0)
        *out = CG_ACTION_PUBLISH;
    else if (strcmp(word, "owners") == 0 || strcmp(word, "owner") == 0)
        *out = CG_ACTION_OWNERS;
    else if (strcmp(word, "unyank") == 0 || strcmp(word, "download") == 0)
        *out = word[0] == 'u' ? CG_ACTION_YANK : CG_ACTION_READ;
    else if (cg_action_from_scope(word, out) != CG_OK)
        return cg_error_set(err, CG_ERR_INVALID,
                            "unknown action \"%s\": there are read, publish, publish-new, publish-update, yank and owners",
                            word);
    return CG_OK;
}

static int tell(const struct cg_ctl *ctl, char **argv, const struct cg_decision *decision)
{
    bool allowed = decision->verdict == CG_OK;

    printf("%s: %s may%s %s in namespace %s%s%s\n", allowed ? "allowed" : "refused", argv[1], allowed ? "" : " not",
           argv[3], argv[2], argv[4] ? ", crate " : "", argv[4] ? argv[4] : "");
    if (decision->line)
        printf("  by   %s:%u  %s\n", ctl->conf_file, decision->line, decision->rule);
    else
        printf("  by   %s\n", decision->rule);
    if (!allowed)
        printf("  they are told (%u): %s\n", cg_err_http_status(decision->verdict), decision->reason);
    return allowed ? CG_CTL_OK : CG_CTL_FAILED;
}

int cg_ctl_explain(struct cg_ctl *ctl, int argc, char **argv)
{
    struct cg_directory *dir = NULL;
    struct cg_policy *policy = NULL;
    struct cg_caller caller = {0};
    struct owners owners = {0};
    struct cg_decision decision;
    struct cg_question question = {.caller = &caller};
    struct cg_error err = {0};
    int status;

    if (argc != 4 && argc != 5)
        return cg_ctl_usage(SYNOPSIS);
    question.namespace_name = argv[2];
    question.crate = argv[4]; /* argv ends with NULL */
    if (parse_action(argv[3], &question.action, &err) != CG_OK ||
        cg_ctl_policy(ctl, &dir, &policy, NULL, &err) != CG_OK || find_person(dir, argv[1], &caller.who, &err) != CG_OK ||
        (argv[4] && read_owners(ctl->conf, argv[2], argv[4], &owners, &err) != CG_OK)) {
        status = cg_ctl_fail(&err, "explain");
    } else {
        question.owners = owners.items;
        question.owner_count = owners.count;
        cg_policy_decide(policy, &question, &decision);
        status = tell(ctl, argv, &decision);
    }
    free_owners(&owners);
    cg_identity_unref(&caller.who);
    cg_policy_unref(&policy);
    cg_directory_free(&dir);
    return status;
}
