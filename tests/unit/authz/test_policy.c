/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "authz/policy.h"
#include "base/mem.h"
#include "crategate/clock.h"
#include "fake_directory.h"
#include "temp_dir.h"

#define PEOPLE ",ou=people,dc=corp"
#define GROUPS ",ou=groups,dc=corp"

/* Begins at line 9 of the file that parse_conf makes. */
static const char repositories[] = "[artifactory.corp]\nurl = \"https://a.example\"\ntoken_file = \"%s/secret\"\n"
                                   "[artifactory.else]\nurl = \"https://b.example\"\ntoken_file = \"%s/secret\"\n"
                                   "[namespace.stored]\nstorage = \"artifactory\"\nartifactory = \"corp\"\n"
                                   "repository = \"cargo-local\"\n"
                                   "[namespace.one]\nstorage = \"artifactory\"\nartifactory = \"corp\"\n"
                                   "repository = \"cargo-shared\"\n"
                                   "[namespace.two]\nstorage = \"artifactory\"\nartifactory = \"else\"\n"
                                   "repository = \"cargo-shared\"\n"
                                   "[namespace.three]\nstorage = \"artifactory\"\nartifactory = \"corp\"\n"
                                   "repository = \"one\"\n"
                                   "[namespace.plain]\n";

static const char namespaces[] = "[namespace.payments]\n"
                                 "type = \"local\"\n"
                                 "read = [\"group:payments\", \"group:auditors\"]\n"
                                 "publish = [\"group:payments\"]\n"
                                 "admin = [\"group:payments-leads\", \"user:Alice\"]\n"
                                 "prefixes = [\"pay-\"]\n"
                                 "[namespace.open]\n"
                                 "type = \"local\"\n"
                                 "read = [\"anonymous\"]\n"
                                 "publish = [\"authenticated\"]\n"
                                 "[namespace.dns]\n"
                                 "type = \"local\"\n"
                                 "read = [\"dn:CN=Auditors, OU=groups, DC=corp\"]\n"
                                 "admin = [\"dn:uid=Dora,ou=people,dc=corp\"]\n"
                                 "[namespace.empty]\n"
                                 "type = \"local\"\n"
                                 "[namespace.inside]\n"
                                 "type = \"local\"\n"
                                 "read = [\"authenticated\"]\n"
                                 "[namespace.ghosts]\n"
                                 "type = \"local\"\n"
                                 "read = [\"group:ghosts\", \"user:paula\"]\n"
                                 "admin = [\"group:ghost-leads\"]\n";

struct world {
    char *dir_path;
    struct cg_conf *conf;
    struct cg_directory *dir;
    struct cg_policy *policy;
    struct cg_identity *anonymous, *alice, *paula, *amy, *dora, *nora;
    struct cg_decision d;
};

static struct cg_conf *parse_conf(const char *dir_path, const char *spaces)
{
    char *secret = cg_asprintf("%s/secret", dir_path), *text;
    struct cg_conf *conf = NULL;
    struct cg_error err = {0};
    FILE *f = fopen(secret, "w");

    assert_non_null(f);
    fputs("sesame\n", f);
    fclose(f);
    assert_int_equal(chmod(secret, 0600), 0);
    text = cg_asprintf("# a comment\npublic_url = \"https://crates.corp.example\"\n"
                       "[ldap]\nuri = [\"ldaps://l\"]\nbind_dn = \"cn=s,dc=corp\"\nbind_password_file = \"%s\"\n"
                       "search_base = [\"ou=people,dc=corp\"]\ngroup_base = [\"ou=groups,dc=corp\"]\n%s",
                       secret, spaces);
    if (cg_conf_parse("t.toml", text, strlen(text), &conf, NULL, &err) != CG_OK)
        fail_msg("%s", err.detail);
    free(text);
    free(secret);
    return conf;
}

static struct cg_identity *find(struct cg_directory *dir, const char *name)
{
    struct cg_identity *who = NULL;

    assert_int_equal(dir->ops->find(dir, name, &who, NULL), CG_OK);
    return who;
}

static void fill_directory(struct cg_directory *dir)
{
    const char *payments[] = {"cn=payments" GROUPS, NULL}, *auditors[] = {"cn=auditors" GROUPS, NULL};

    cg_fake_directory_add_person(dir, "id-alice", "alice", "uid=alice" PEOPLE, "alicepw", NULL);
    cg_fake_directory_add_person(dir, "id-paula", "paula", "uid=paula" PEOPLE, "paulapw", payments);
    cg_fake_directory_add_person(dir, "id-amy", "amy", "uid=amy" PEOPLE, "amypw", auditors);
    cg_fake_directory_add_person(dir, "id-dora", "dora", "uid=dora" PEOPLE, "dorapw", NULL);
    cg_fake_directory_add_person(dir, "id-nora", "nora", "uid=nora" PEOPLE, "norapw", NULL);
    cg_fake_directory_add_group(dir, "cn=payments-leads" GROUPS);
}

static void resolve(struct world *w, struct cg_buf *warnings)
{
    struct cg_policy *fresh = NULL;
    struct cg_error err = {0};

    assert_int_equal(cg_policy_resolve(w->policy, w->dir, &fresh, warnings, &err), CG_OK);
    cg_policy_unref(&w->policy);
    w->policy = fresh;
}

static struct world *world_new(const char *spaces)
{
    struct world *w = cg_calloc(1, sizeof(*w));
    struct cg_error err = {0};

    w->dir_path = cg_temp_dir_new();
    w->conf = parse_conf(w->dir_path, spaces);
    w->dir = cg_fake_directory_new();
    fill_directory(w->dir);
    if (cg_policy_new(w->conf, w->dir, &w->policy, &err) != CG_OK)
        fail_msg("%s", err.detail);
    w->alice = find(w->dir, "alice");
    w->paula = find(w->dir, "paula");
    w->amy = find(w->dir, "amy");
    w->dora = find(w->dir, "dora");
    w->nora = find(w->dir, "nora");
    w->anonymous = cg_identity_new(CG_IDENTITY_ANONYMOUS, NULL, NULL, NULL, NULL);
    cg_identity_seal(w->anonymous);
    return w;
}

static int setup(void **state)
{
    struct world *w = world_new(namespaces);

    resolve(w, NULL);
    *state = w;
    return 0;
}

static int setup_unresolved(void **state)
{
    *state = world_new(namespaces);
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    cg_identity_unref(&w->anonymous);
    cg_identity_unref(&w->alice);
    cg_identity_unref(&w->paula);
    cg_identity_unref(&w->amy);
    cg_identity_unref(&w->dora);
    cg_identity_unref(&w->nora);
    cg_policy_unref(&w->policy);
    cg_conf_unref(&w->conf);
    cg_directory_free(&w->dir);
    cg_temp_dir_free(&w->dir_path);
    free(w);
    return 0;
}

static enum cg_err ask(struct world *w, struct cg_identity *who, enum cg_action action, const char *ns,
                       const char *crate)
{
    struct cg_caller caller = {.who = who};
    struct cg_question q = {.caller = &caller, .action = action, .namespace_name = ns, .crate = crate};
    enum cg_err rc = cg_policy_decide(w->policy, &q, &w->d);

    assert_int_equal(rc, w->d.verdict);
    assert_int_equal(rc == CG_OK, w->d.reason[0] == '\0');
    assert_true(w->d.rule[0] != '\0');
    return rc;
}

static void a_group_grant_decides_and_is_named_with_its_line(void **state)
{
    struct world *w = *state;

    assert_int_equal(ask(w, w->paula, CG_ACTION_PUBLISH, "payments", "pay-core"), CG_OK);
    assert_string_equal(w->d.rule, "namespace.payments.publish = \"group:payments\"");
    assert_int_equal(w->d.line, 12);
    assert_int_equal(ask(w, w->amy, CG_ACTION_READ, "payments", NULL), CG_OK);
    assert_string_equal(w->d.rule, "namespace.payments.read = \"group:auditors\"");
}

static void admin_implies_publish_implies_read(void **state)
{
    struct world *w = *state;

    /* alice is in no list but admin, by a name in another case */
    assert_int_equal(ask(w, w->alice, CG_ACTION_READ, "payments", NULL), CG_OK);
    assert_string_equal(w->d.rule, "namespace.payments.admin = \"user:Alice\"");
    assert_int_equal(ask(w, w->alice, CG_ACTION_YANK, "payments", "x"), CG_OK);
    assert_int_equal(ask(w, w->alice, CG_ACTION_OWNERS, "payments", "x"), CG_OK);
    assert_int_equal(ask(w, w->nora, CG_ACTION_READ, "open", NULL), CG_OK);
}

static void a_dn_grant_matches_a_person_and_a_group_in_any_spelling(void **state)
{
    struct world *w = *state;

    assert_int_equal(ask(w, w->amy, CG_ACTION_READ, "dns", NULL), CG_OK);
    assert_int_equal(ask(w, w->dora, CG_ACTION_PUBLISH_NEW, "dns", "x"), CG_OK);
    assert_int_equal(ask(w, w->amy, CG_ACTION_PUBLISH_NEW, "dns", "x"), CG_ERR_DENIED);
    assert_int_equal(ask(w, w->nora, CG_ACTION_READ, "dns", NULL), CG_ERR_DENIED);
}

static void a_group_of_the_same_name_elsewhere_grants_nothing(void **state)
{
    struct world *w = *state;
    struct cg_identity *sly = cg_identity_new(CG_IDENTITY_PERSON, "id-sly", "sly", "uid=sly" PEOPLE, NULL);

    cg_identity_add_group(sly, "cn=payments,ou=shadows,dc=corp", "payments");
    cg_identity_seal(sly);
    assert_int_equal(ask(w, sly, CG_ACTION_READ, "payments", NULL), CG_ERR_DENIED);
    cg_identity_unref(&sly);
}

static void unknown_and_unreadable_namespaces_get_one_sentence(void **state)
{
    struct world *w = *state;
    char first[512];

    assert_int_equal(ask(w, w->nora, CG_ACTION_READ, "payments", NULL), CG_ERR_DENIED);
    strcpy(first, w->d.reason);
    assert_int_equal(w->d.line, 11); /* only the rule, for the log, knows better */
    assert_int_equal(ask(w, w->nora, CG_ACTION_READ, "paymentz", NULL), CG_ERR_DENIED);
    *strstr(first, "payments") = *strstr(w->d.reason, "paymentz") = '_';
    strstr(first, "_ayments")[7] = strstr(w->d.reason, "_aymentz")[7] = '_';
    assert_string_equal(first, w->d.reason);
    assert_string_equal(w->d.rule, "no such namespace");
    /* writing tells no more than reading */
    assert_int_equal(ask(w, w->nora, CG_ACTION_PUBLISH, "payments", "x"), CG_ERR_DENIED);
    assert_non_null(strstr(w->d.reason, "does not exist, or nora may not read it"));
    assert_int_equal(ask(w, w->nora, CG_ACTION_READ, "empty", NULL), CG_ERR_DENIED);
    assert_int_equal(w->d.line, 23);
}

static void anonymous_callers_are_asked_to_log_in(void **state)
{
    struct world *w = *state;

    assert_int_equal(ask(w, w->anonymous, CG_ACTION_READ, "open", NULL), CG_OK);
    assert_string_equal(w->d.rule, "namespace.open.read = \"anonymous\"");
    assert_int_equal(ask(w, w->anonymous, CG_ACTION_PUBLISH, "open", NULL), CG_ERR_UNAUTHENTICATED);
    assert_non_null(strstr(w->d.reason, "https://crates.corp.example/me"));
    assert_int_equal(ask(w, w->anonymous, CG_ACTION_READ, "payments", NULL), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(ask(w, w->anonymous, CG_ACTION_READ, "nowhere", NULL), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(ask(w, w->anonymous, CG_ACTION_READ, "inside", NULL), CG_ERR_UNAUTHENTICATED);
}

static void a_reader_who_publishes_is_told_the_rule(void **state)
{
    struct world *w = *state;

    assert_int_equal(ask(w, w->amy, CG_ACTION_PUBLISH, "payments", NULL), CG_ERR_DENIED);
    assert_non_null(strstr(w->d.reason, "namespace.payments.publish (line 12"));
    assert_string_equal(w->d.rule, "namespace.payments.publish");
    assert_int_equal(w->d.line, 12);
    assert_int_equal(ask(w, w->nora, CG_ACTION_YANK, "inside", "x"), CG_ERR_DENIED);
    assert_non_null(strstr(w->d.reason, "not yank in it"));
}

static void a_reserved_prefix_is_refused_elsewhere_in_any_spelling(void **state)
{
    struct world *w = *state;

    assert_int_equal(ask(w, w->nora, CG_ACTION_PUBLISH_NEW, "open", "Pay_core"), CG_ERR_DENIED);
    assert_string_equal(w->d.reason, "the crate name \"Pay_core\" is reserved by the registry's configuration; choose "
                                     "another name");
    assert_string_equal(w->d.rule, "namespace.payments.prefixes = \"pay-\"");
    assert_int_equal(ask(w, w->paula, CG_ACTION_PUBLISH_NEW, "open", "pay-core"), CG_ERR_DENIED);
    assert_non_null(strstr(w->d.reason, "reserved to namespace \"payments\""));
    assert_int_equal(ask(w, w->paula, CG_ACTION_PUBLISH_NEW, "open", "payable"), CG_OK);
    assert_int_equal(ask(w, w->paula, CG_ACTION_YANK, "open", "pay-core"), CG_OK);
    assert_string_equal(cg_policy_reserved_by(w->policy, "open", "PAY_x"), "payments");
    assert_null(cg_policy_reserved_by(w->policy, "payments", "pay-x"));
    assert_null(cg_policy_reserved_by(w->policy, "open", "other"));
}

static enum cg_err ask_owned(struct world *w, struct cg_identity *who, enum cg_action action, bool unknown)
{
    static char alice[] = "dora", group[] = "group:auditors", id[] = "id-dora", dn[] = "cn=auditors" GROUPS;
    const struct cg_owner owners[] = {{.id = 1, .kind = CG_OWNER_USER, .login = alice, .subject = id},
                                      {.id = 2, .kind = CG_OWNER_GROUP, .login = group, .subject = dn}};
    struct cg_caller caller = {.who = who};
    struct cg_question q = {.caller = &caller,
                            .action = action,
                            .namespace_name = "payments",
                            .crate = "core",
                            .owners = unknown ? NULL : owners,
                            .owner_count = unknown ? 0 : 2,
                            .owners_unknown = unknown};

    return cg_policy_decide(w->policy, &q, &w->d);
}

static void owners_replace_the_namespaces_publishers(void **state)
{
    struct world *w = *state;

    /* paula publishes in the namespace, but does not own the crate */
    assert_int_equal(ask_owned(w, w->paula, CG_ACTION_PUBLISH_UPDATE, false), CG_ERR_DENIED);
    assert_non_null(strstr(w->d.reason, "owners of its own (dora, group:auditors)"));
    assert_string_equal(w->d.rule, "owners of core");
    assert_int_equal(ask_owned(w, w->paula, CG_ACTION_OWNERS, false), CG_ERR_DENIED);
    /* amy may only read the namespace, but is in a group that owns it */
    assert_int_equal(ask_owned(w, w->amy, CG_ACTION_PUBLISH_UPDATE, false), CG_OK);
    assert_string_equal(w->d.rule, "owners of core");
    assert_int_equal(ask_owned(w, w->amy, CG_ACTION_OWNERS, false), CG_OK);
    assert_int_equal(ask_owned(w, w->alice, CG_ACTION_YANK, false), CG_OK);
    assert_string_equal(w->d.rule, "namespace.payments.admin = \"user:Alice\"");
}

static void an_owner_who_may_no_longer_read_the_namespace_may_no_longer_publish(void **state)
{
    struct world *w = *state;

    assert_int_equal(ask_owned(w, w->dora, CG_ACTION_PUBLISH_UPDATE, false), CG_ERR_DENIED);
    assert_non_null(strstr(w->d.reason, "does not exist, or dora may not read it"));
}

static void an_owners_name_taken_over_by_somebody_else_owns_nothing(void **state)
{
    struct world *w = *state;
    const char *payments[] = {"cn=payments" GROUPS, NULL};
    struct cg_identity *other;

    cg_fake_directory_add_person(w->dir, "id-dora-2", "dora", "uid=dora" PEOPLE, "x", payments);
    other = cg_identity_new(CG_IDENTITY_PERSON, "id-dora-2", "dora", "uid=dora" PEOPLE, NULL);
    cg_identity_add_group(other, payments[0], "payments");
    cg_identity_seal(other);
    assert_int_equal(ask_owned(w, other, CG_ACTION_YANK, false), CG_ERR_DENIED);
    cg_identity_unref(&other);
}

static void while_owners_are_unknown_a_reader_passes_and_nobody_else(void **state)
{
    struct world *w = *state;

    assert_int_equal(ask_owned(w, w->amy, CG_ACTION_PUBLISH, true), CG_OK);
    assert_string_equal(w->d.rule, "namespace.payments.read = \"group:auditors\"");
    assert_int_equal(ask_owned(w, w->nora, CG_ACTION_PUBLISH, true), CG_ERR_DENIED);
    assert_int_equal(ask_owned(w, w->anonymous, CG_ACTION_PUBLISH, true), CG_ERR_UNAUTHENTICATED);
}

static void publishers_add_the_first_owners(void **state)
{
    struct world *w = *state;

    assert_int_equal(ask(w, w->paula, CG_ACTION_OWNERS, "payments", "core"), CG_OK);
    assert_int_equal(ask(w, w->amy, CG_ACTION_OWNERS, "payments", "core"), CG_ERR_DENIED);
    assert_non_null(strstr(w->d.reason, "change owners"));
}

static struct cg_token *token_new(unsigned actions, const char *crates, const char *spaces)
{
    struct cg_token *token = cg_token_new();

    token->id = 12;
    token->name = cg_strdup("ci");
    token->actions = actions;
    token->crates = cg_strlist_split(crates);
    token->namespaces = cg_strlist_split(spaces);
    return token;
}

static enum cg_err ask_with(struct world *w, struct cg_token *token, struct cg_identity *who, enum cg_action action,
                            const char *ns, const char *crate)
{
    struct cg_caller caller = {.who = who, .token = token};
    struct cg_question q = {.caller = &caller, .action = action, .namespace_name = ns, .crate = crate};

    return cg_policy_decide(w->policy, &q, &w->d);
}

static void a_tokens_actions_narrow_writes(void **state)
{
    struct world *w = *state;
    struct cg_token *reader = token_new(CG_ACTION_READ, "", ""), *updater = token_new(CG_ACTION_PUBLISH_UPDATE, "", "");

    assert_int_equal(ask_with(w, reader, w->paula, CG_ACTION_READ, "payments", NULL), CG_OK);
    assert_int_equal(ask_with(w, reader, w->paula, CG_ACTION_PUBLISH, "payments", NULL), CG_ERR_DENIED);
    assert_string_equal(w->d.rule, "token scope: actions");
    assert_non_null(strstr(w->d.reason, "token"));
    /* cargo publish reads the index with the same token */
    assert_int_equal(ask_with(w, updater, w->paula, CG_ACTION_READ, "payments", NULL), CG_OK);
    assert_int_equal(ask_with(w, updater, w->paula, CG_ACTION_PUBLISH, "payments", NULL), CG_OK);
    assert_int_equal(ask_with(w, updater, w->paula, CG_ACTION_PUBLISH_UPDATE, "payments", "x"), CG_OK);
    assert_int_equal(ask_with(w, updater, w->paula, CG_ACTION_PUBLISH_NEW, "payments", "x"), CG_ERR_DENIED);
    assert_non_null(strstr(w->d.reason, "publish-new"));
    assert_int_equal(ask_with(w, updater, w->paula, CG_ACTION_YANK, "payments", "x"), CG_ERR_DENIED);
    cg_token_unref(&reader);
    cg_token_unref(&updater);
}

static void a_tokens_crate_patterns_narrow_writes_by_folded_name(void **state)
{
    struct world *w = *state;
    struct cg_token *token = token_new(CG_ACTION_ALL, "pay-core*,one", "");

    assert_int_equal(ask_with(w, token, w->paula, CG_ACTION_PUBLISH, "payments", NULL), CG_OK);
    assert_int_equal(ask_with(w, token, w->paula, CG_ACTION_PUBLISH_NEW, "payments", "Pay_Core_x"), CG_OK);
    assert_int_equal(ask_with(w, token, w->paula, CG_ACTION_YANK, "payments", "ONE"), CG_OK);
    assert_int_equal(ask_with(w, token, w->paula, CG_ACTION_YANK, "payments", "one-more"), CG_ERR_DENIED);
    assert_string_equal(w->d.rule, "token scope: crates");
    assert_int_equal(ask_with(w, token, w->paula, CG_ACTION_READ, "payments", "other"), CG_OK);
    cg_token_unref(&token);
}

static void a_tokens_namespaces_narrow_everything_and_tell_nothing(void **state)
{
    struct world *w = *state;
    struct cg_token *token = token_new(CG_ACTION_ALL, "", "open");

    assert_int_equal(ask_with(w, token, w->paula, CG_ACTION_READ, "open", NULL), CG_OK);
    assert_int_equal(ask_with(w, token, w->paula, CG_ACTION_READ, "payments", NULL), CG_ERR_DENIED);
    assert_string_equal(w->d.rule, "token scope: namespaces");
    assert_int_equal(ask_with(w, token, w->paula, CG_ACTION_READ, "nowhere", NULL), CG_ERR_DENIED);
    assert_string_equal(w->d.rule, "token scope: namespaces");
    /* and the namespace that reserves a prefix is not named to a token that may not see it */
    assert_int_equal(ask_with(w, token, w->paula, CG_ACTION_PUBLISH_NEW, "open", "pay-x"), CG_ERR_DENIED);
    assert_null(strstr(w->d.reason, "payments"));
    cg_token_unref(&token);
}

static void a_services_rights_come_from_its_tokens_grants_alone(void **state)
{
    struct world *w = *state;
    struct cg_token *token = token_new(CG_ACTION_ALL, "", "");
    struct cg_identity *ci = cg_identity_new(CG_IDENTITY_SERVICE, "service:ci", "Alice", NULL, NULL);

    cg_identity_seal(ci);
    token->grants = cg_strlist_split("payments:publish,open:nonsense,dns:read,nowhere:admin");
    assert_int_equal(ask_with(w, token, ci, CG_ACTION_PUBLISH, "payments", "pay-x"), CG_OK);
    assert_string_equal(w->d.rule, "service token 12: \"payments:publish\"");
    assert_int_equal(w->d.line, 0);
    assert_int_equal(ask_with(w, token, ci, CG_ACTION_READ, "dns", NULL), CG_OK);
    assert_int_equal(ask_with(w, token, ci, CG_ACTION_PUBLISH, "dns", NULL), CG_ERR_DENIED);
    assert_int_equal(ask_with(w, token, ci, CG_ACTION_READ, "inside", NULL),
                     CG_ERR_DENIED);                                               /* "authenticated" is people */
    assert_int_equal(ask_with(w, token, ci, CG_ACTION_READ, "open", NULL), CG_OK); /* open to everybody */
    assert_int_equal(ask_with(w, token, ci, CG_ACTION_PUBLISH, "open", NULL), CG_ERR_DENIED);
    assert_int_equal(ask_with(w, token, ci, CG_ACTION_READ, "nowhere", NULL), CG_ERR_DENIED);
    assert_int_equal(ask_with(w, NULL, ci, CG_ACTION_READ, "payments", NULL), CG_ERR_DENIED);
    /* a publisher's grant is no ownership, and a service owns nothing */
    assert_int_equal(ask_owned(w, ci, CG_ACTION_YANK, false), CG_ERR_DENIED);
    cg_token_unref(&token);
    cg_identity_unref(&ci);
}

static void an_owned_crate_is_closed_to_a_publishing_service_and_open_to_an_administering_one(void **state)
{
    struct world *w = *state;
    struct cg_token *token = token_new(CG_ACTION_ALL, "", "");
    struct cg_identity *ci = cg_identity_new(CG_IDENTITY_SERVICE, "service:ci", "ci", NULL, NULL);
    char login[] = "dora", subject[] = "service:ci";
    struct cg_owner owner = {.id = 1, .kind = CG_OWNER_USER, .login = login, .subject = subject};
    struct cg_caller caller = {.who = ci, .token = token};
    struct cg_question q = {
        .caller = &caller, .action = CG_ACTION_YANK, .namespace_name = "payments", .owners = &owner, .owner_count = 1};

    cg_identity_seal(ci);
    token->grants = cg_strlist_split("payments:publish");
    assert_int_equal(cg_policy_decide(w->policy, &q, &w->d), CG_ERR_DENIED);
    cg_strlist_free(&token->grants);
    token->grants = cg_strlist_split("payments:admin");
    assert_int_equal(cg_policy_decide(w->policy, &q, &w->d), CG_OK);
    cg_token_unref(&token);
    cg_identity_unref(&ci);
}

static void an_unresolved_group_is_neither_yes_nor_no(void **state)
{
    struct world *w = *state;

    assert_true(cg_policy_incomplete(w->policy));
    assert_int_equal(ask(w, w->paula, CG_ACTION_READ, "payments", NULL), CG_ERR_UNAVAILABLE);
    assert_int_equal(w->d.line, 11);
    assert_int_equal(ask(w, w->nora, CG_ACTION_READ, "payments", NULL), CG_ERR_UNAVAILABLE);
    /* another grant decides without it */
    assert_int_equal(ask(w, w->alice, CG_ACTION_READ, "payments", NULL), CG_OK);
    assert_int_equal(ask(w, w->alice, CG_ACTION_PUBLISH, "payments", "pay-x"), CG_OK);
    assert_int_equal(ask(w, w->paula, CG_ACTION_READ, "ghosts", NULL), CG_OK);
    assert_int_equal(ask(w, w->paula, CG_ACTION_PUBLISH, "ghosts", NULL), CG_ERR_UNAVAILABLE);
    /* anonymous is in no group, whoever is asked */
    assert_int_equal(ask(w, w->anonymous, CG_ACTION_READ, "payments", NULL), CG_ERR_UNAUTHENTICATED);
}

/* Else an outage would tell which namespaces there are. */
static void while_a_name_is_unresolved_forbidden_and_absent_still_look_alike(void **state)
{
    struct world *w = *state;
    char forbidden[sizeof(w->d.reason)];

    assert_int_equal(ask(w, w->nora, CG_ACTION_READ, "payments", NULL), CG_ERR_UNAVAILABLE);
    snprintf(forbidden, sizeof(forbidden), "%s", w->d.reason);
    assert_int_equal(ask(w, w->nora, CG_ACTION_READ, "paymentz", NULL), CG_ERR_UNAVAILABLE);
    strchr(strstr(forbidden, "payments"), 's')[0] = 'z';
    assert_string_equal(w->d.reason, forbidden);
    assert_int_equal(ask(w, w->anonymous, CG_ACTION_READ, "paymentz", NULL), CG_ERR_UNAUTHENTICATED);
}

static struct cg_policy *reloaded(struct world *w, struct cg_conf *conf)
{
    struct cg_policy *fresh = NULL, *resolved = NULL;
    struct cg_error err = {0};

    assert_int_equal(cg_policy_new(conf, w->dir, &fresh, &err), CG_OK);
    cg_policy_inherit(fresh, w->policy);
    assert_int_equal(cg_policy_resolve(fresh, w->dir, &resolved, NULL, &err), CG_OK);
    cg_policy_unref(&fresh);
    return resolved;
}

static void a_reload_in_an_outage_keeps_names_of_the_same_directory(void **state)
{
    struct world *w = *state;
    struct cg_conf *conf = parse_conf(w->dir_path, namespaces);
    struct cg_policy *fresh;

    cg_fake_directory_set_mode(w->dir, CG_FAKE_UNAVAILABLE);
    fresh = reloaded(w, conf);
    assert_false(cg_policy_incomplete(fresh));
    cg_policy_unref(&fresh);

    conf->ldap.group_base[0][0] = 'x'; /* another place: the same name may be another group there */
    fresh = reloaded(w, conf);
    assert_true(cg_policy_incomplete(fresh));
    cg_policy_unref(&fresh);
    cg_conf_unref(&conf);
}

static void an_unresolved_admin_group_leaves_owned_crates_undecided_but_for_owners(void **state)
{
    struct world *w = *state;
    char login[] = "paula", id[] = "id-paula", other[] = "id-other";
    struct cg_owner owner = {.id = 1, .kind = CG_OWNER_USER, .login = login, .subject = other};
    struct cg_caller caller = {.who = w->paula};
    struct cg_question q = {.caller = &caller,
                            .action = CG_ACTION_YANK,
                            .namespace_name = "ghosts",
                            .crate = "x",
                            .owners = &owner,
                            .owner_count = 1};

    assert_int_equal(cg_policy_decide(w->policy, &q, &w->d), CG_ERR_UNAVAILABLE);
    owner.subject = id;
    assert_int_equal(cg_policy_decide(w->policy, &q, &w->d), CG_OK);
}

static void an_outage_keeps_names_that_were_resolved_before(void **state)
{
    struct world *w = *state;

    assert_false(cg_policy_incomplete(w->policy));
    cg_fake_directory_set_mode(w->dir, CG_FAKE_UNAVAILABLE);
    resolve(w, NULL);
    assert_false(cg_policy_incomplete(w->policy));
    assert_int_equal(ask(w, w->paula, CG_ACTION_PUBLISH, "payments", NULL), CG_OK);
}

static void an_outage_at_the_start_is_not_asked_about_name_by_name(void **state)
{
    struct world *w = *state;

    cg_fake_directory_set_mode(w->dir, CG_FAKE_UNAVAILABLE);
    resolve(w, NULL);
    assert_true(cg_policy_incomplete(w->policy));
    assert_int_equal(atomic_load(&cg_fake_directory_counts(w->dir)->resolves), 3); /* of 5 */
    cg_fake_directory_set_mode(w->dir, CG_FAKE_ANSWERING);
    resolve(w, NULL);
    assert_false(cg_policy_incomplete(w->policy));
    assert_int_equal(ask(w, w->paula, CG_ACTION_PUBLISH, "payments", NULL), CG_OK);
}

static void each_name_is_looked_up_once(void **state)
{
    struct world *w = *state;

    resolve(w, NULL); /* payments twice, auditors, payments-leads, ghosts, ghost-leads */
    assert_int_equal(atomic_load(&cg_fake_directory_counts(w->dir)->resolves), 5);
}

static void absent_groups_grant_nobody_and_are_warned_of(void **state)
{
    struct world *w = *state;
    struct cg_buf warnings;

    cg_buf_init(&warnings, 65536);
    resolve(w, &warnings);
    assert_non_null(strstr(cg_buf_str(&warnings), "t.toml:30: namespace.ghosts.read = \"group:ghosts\": "));
    assert_non_null(strstr(cg_buf_str(&warnings), "t.toml:31: "));
    cg_buf_free(&warnings);
    assert_int_equal(ask(w, w->nora, CG_ACTION_READ, "ghosts", NULL), CG_ERR_DENIED);
    assert_int_equal(ask(w, w->paula, CG_ACTION_PUBLISH, "ghosts", NULL), CG_ERR_DENIED);
}

/* Pitfall 12 */
static void a_name_that_two_groups_bear_is_an_error_with_line_and_both_entries(void **state)
{
    struct world *w = *state;
    struct cg_policy *fresh = NULL;
    struct cg_error err = {0};

    cg_fake_directory_add_group(w->dir, "cn=payments,ou=shadows,dc=corp");
    assert_int_equal(cg_policy_resolve(w->policy, w->dir, &fresh, NULL, &err), CG_ERR_CONFLICT);
    assert_null(fresh);
    assert_non_null(strstr(err.detail, "t.toml:11: namespace.payments.read = \"group:payments\": "));
    assert_non_null(strstr(err.detail, "cn=payments" GROUPS));
    assert_non_null(strstr(err.detail, "cn=payments,ou=shadows,dc=corp"));
}

static void a_mapped_group_is_a_grant_and_is_named_by_where_it_stands(void **state)
{
    struct world *w = *state;
    struct cg_conf *conf = parse_conf(w->dir_path, "[[ldap.group_map]]\ngroup = \"cn=auditors" GROUPS "\"\n"
                                                   "namespace = \"a\"\nrole = \"owner\"\n[namespace.a]\n");

    cg_policy_unref(&w->policy);
    assert_int_equal(cg_policy_new(conf, w->dir, &w->policy, NULL), CG_OK);
    assert_int_equal(ask(w, w->amy, CG_ACTION_OWNERS, "a", "x"), CG_OK);
    assert_string_equal(w->d.rule, "ldap.group_map (namespace.a.admin) = \"dn:cn=auditors" GROUPS "\"");
    assert_int_equal(w->d.line, 9);
    assert_int_equal(ask(w, w->paula, CG_ACTION_READ, "a", NULL), CG_ERR_DENIED);
    cg_conf_unref(&conf);
}

#define TEAMS                                                                                                          \
    "[teams]\ngroup_filter = \"(cn=*)\"\nread = [\"group:{team}\"]\nadmin = [\"group:{team}-leads\"]\n"                 \
    "prefixes = [\"{team}-\"]\n[namespace.open]\nread = [\"anonymous\"]\npublish = [\"authenticated\"]\n"              \
    "[namespace.secret]\nread = [\"user:alice\"]\n"

/* The world's policy with these teams; CONFLICT and the like are failures here. */
static void with_teams(struct world *w, const struct cg_conf_team *teams, size_t count)
{
    struct cg_conf *base = parse_conf(w->dir_path, TEAMS), *conf = NULL;

    if (teams)
        assert_int_equal(cg_conf_with_teams(base, teams, count, NULL, &conf), CG_OK);
    else
        conf = cg_conf_ref(base);
    cg_policy_unref(&w->policy);
    assert_int_equal(cg_policy_new(conf, w->dir, &w->policy, NULL), CG_OK);
    cg_conf_unref(&conf);
    cg_conf_unref(&base);
}

static const struct cg_conf_team payments_team[] = {{"payments", "cn=payments" GROUPS}};

static void a_teams_grants_decide_and_name_the_teams_section(void **state)
{
    struct world *w = *state;
    struct cg_buf warnings;

    with_teams(w, payments_team, 1);
    cg_buf_init(&warnings, 65536);
    resolve(w, &warnings);
    assert_int_equal(warnings.len, 0); /* auditors-leads and the like are no mistake */
    cg_buf_free(&warnings);
    assert_int_equal(ask(w, w->paula, CG_ACTION_READ, "payments", NULL), CG_OK);
    assert_string_equal(w->d.rule, "teams.read (namespace payments) = \"group:payments\"");
    assert_int_equal(w->d.line, 11);
    assert_int_equal(ask(w, w->paula, CG_ACTION_PUBLISH, "payments", NULL), CG_ERR_DENIED);
    assert_int_equal(ask(w, w->amy, CG_ACTION_READ, "payments", NULL), CG_ERR_DENIED);
    assert_string_equal(w->d.rule, "teams.read (namespace payments)");
}

static void a_prefix_of_a_team_tells_neither_its_name_nor_itself(void **state)
{
    struct world *w = *state;

    with_teams(w, payments_team, 1);
    resolve(w, NULL);
    assert_int_equal(ask(w, w->amy, CG_ACTION_PUBLISH_NEW, "open", "payments-core"), CG_ERR_DENIED);
    assert_null(strstr(w->d.reason, "\"payments-\""));
    assert_null(strstr(w->d.reason, "\"payments\""));
    assert_string_equal(w->d.rule, "teams.prefixes (namespace payments) = \"payments-\"");
}

static void a_name_that_two_groups_bear_takes_only_the_teams_grant_out(void **state)
{
    struct world *w = *state;
    struct cg_buf told;

    with_teams(w, payments_team, 1);
    cg_fake_directory_add_group(w->dir, "cn=payments,ou=shadows,dc=corp");
    resolve(w, NULL);
    assert_int_equal(ask(w, w->paula, CG_ACTION_READ, "payments", NULL), CG_ERR_DENIED);
    assert_int_equal(ask(w, w->paula, CG_ACTION_PUBLISH, "open", "x"), CG_OK);
    cg_buf_init(&told, 65536);
    cg_policy_ambiguous(w->policy, &told);
    assert_non_null(strstr(cg_buf_str(&told), "t.toml:11: teams.read (namespace payments) = \"group:payments\": "));
    assert_non_null(strstr(cg_buf_str(&told), "cn=payments" GROUPS));
    assert_non_null(strstr(cg_buf_str(&told), "cn=payments,ou=shadows,dc=corp"));
    cg_buf_free(&told);
}

static void while_teams_are_unknown_no_name_is_said_not_to_exist(void **state)
{
    struct world *w = *state;
    char reason[512];

    with_teams(w, NULL, 0);
    assert_int_equal(ask(w, w->paula, CG_ACTION_READ, "payments", NULL), CG_ERR_UNAVAILABLE);
    snprintf(reason, sizeof(reason), "%s", w->d.reason);
    /* What exists and is not theirs looks the same; what is theirs works. */
    assert_int_equal(ask(w, w->paula, CG_ACTION_READ, "secret", NULL), CG_ERR_UNAVAILABLE);
    assert_string_equal(strstr(w->d.reason, "\" depends"), strstr(reason, "\" depends"));
    assert_int_equal(ask(w, w->alice, CG_ACTION_READ, "secret", NULL), CG_OK);
    assert_int_equal(ask(w, w->paula, CG_ACTION_PUBLISH, "open", "x"), CG_OK);
    assert_int_equal(ask(w, w->anonymous, CG_ACTION_READ, "payments", NULL), CG_ERR_UNAUTHENTICATED);
    with_teams(w, payments_team, 1);
    resolve(w, NULL);
    assert_int_equal(ask(w, w->paula, CG_ACTION_READ, "nowhere", NULL), CG_ERR_DENIED);
}

static void teams_that_come_ask_only_for_their_own_names(void **state)
{
    const struct cg_conf_team both[] = {{"payments", "cn=payments" GROUPS}, {"auditors", "cn=auditors" GROUPS}};
    struct world *w = *state;
    struct cg_policy *old, *fresh = NULL;
    struct cg_error err = {0};

    with_teams(w, payments_team, 1);
    resolve(w, NULL);
    old = cg_policy_ref(w->policy);
    with_teams(w, both, 2);
    cg_policy_inherit(w->policy, old);
    atomic_store(&cg_fake_directory_counts(w->dir)->resolves, 0);
    assert_int_equal(cg_policy_resolve_missing(w->policy, w->dir, &fresh, NULL, &err), CG_OK);
    assert_int_equal(atomic_load(&cg_fake_directory_counts(w->dir)->resolves), 2); /* auditors, auditors-leads */
    assert_false(cg_policy_incomplete(fresh));
    cg_policy_unref(&w->policy);
    w->policy = fresh;
    assert_int_equal(ask(w, w->amy, CG_ACTION_READ, "auditors", NULL), CG_OK);
    assert_int_equal(ask(w, w->paula, CG_ACTION_READ, "payments", NULL), CG_OK);
    cg_policy_unref(&old);
}

static enum cg_err no_dn(struct cg_directory *dir, const char *dn, char **dn_out, struct cg_error *err)
{
    (void)dir, (void)dn_out;
    return cg_error_set(err, CG_ERR_INVALID, "\"%s\" is not a DN.", dn);
}

static void a_dn_the_directory_cannot_read_is_an_error_with_its_line(void **state)
{
    struct world *w = *state;
    struct cg_directory_ops ops = {.canonical_dn = no_dn};
    struct cg_directory stub = {.ops = &ops};
    struct cg_policy *policy = NULL;
    struct cg_error err = {0};

    assert_int_equal(cg_policy_new(w->conf, &stub, &policy, &err), CG_ERR_INVALID);
    assert_null(policy);
    assert_non_null(strstr(err.detail, "t.toml:21: namespace.dns.read"));
}

static void simple_questions_about_a_policy(void **state)
{
    struct world *w = *state;
    struct cg_policy *second = cg_policy_ref(w->policy);

    assert_true(cg_policy_anonymous_reads(w->policy, "open"));
    assert_false(cg_policy_anonymous_reads(w->policy, "payments"));
    assert_false(cg_policy_anonymous_reads(w->policy, "nowhere"));
    assert_true(cg_policy_has_namespace(w->policy, "empty"));
    assert_false(cg_policy_has_namespace(w->policy, "nowhere"));
    assert_ptr_equal(cg_policy_conf(w->policy), w->conf);
    cg_policy_unref(&second);
    assert_null(second);
    cg_policy_unref(&second);
}

static void roles_name_the_highest_role_and_its_line(void **state)
{
    struct world *w = *state;
    struct cg_caller caller = {.who = w->paula};
    struct cg_buf out;

    cg_buf_init(&out, 65536);
    cg_policy_roles(w->policy, &caller, &out);
    assert_string_equal(cg_buf_str(&out),
                        "payments: publish (line 12: namespace.payments.publish = \"group:payments\")\n"
                        "open: publish (line 18: namespace.open.publish = \"authenticated\")\n"
                        "inside: read (line 27: namespace.inside.read = \"authenticated\")\n"
                        "ghosts: read (line 30: namespace.ghosts.read = \"user:paula\")\n");
    cg_buf_reset(&out);
    caller.token = token_new(CG_ACTION_ALL, "", "inside");
    cg_policy_roles(w->policy, &caller, &out);
    assert_string_equal(cg_buf_str(&out), "inside: read (line 27: namespace.inside.read = \"authenticated\")\n");
    cg_token_unref(&caller.token);
    cg_buf_free(&out);
}

static void roles_say_what_is_not_known_yet(void **state)
{
    struct world *w = *state;
    struct cg_caller caller = {.who = w->nora};
    struct cg_buf out;

    cg_buf_init(&out, 65536);
    cg_policy_roles(w->policy, &caller, &out);
    assert_non_null(strstr(cg_buf_str(&out), "payments: not all known (line 13: "));
    cg_buf_free(&out);
}

static void roles_of_a_service_come_from_its_token(void **state)
{
    struct world *w = *state;
    struct cg_identity *ci = cg_identity_new(CG_IDENTITY_SERVICE, "service:ci", "ci", NULL, NULL);
    struct cg_caller caller = {.who = ci, .token = token_new(CG_ACTION_ALL, "", "")};
    struct cg_buf out;

    cg_identity_seal(ci);
    caller.token->grants = cg_strlist_split("payments:admin");
    cg_buf_init(&out, 65536);
    cg_policy_roles(w->policy, &caller, &out);
    assert_non_null(strstr(cg_buf_str(&out), "payments: admin (service token 12: \"payments:admin\")\n"));
    cg_buf_free(&out);
    cg_token_unref(&caller.token);
    cg_identity_unref(&ci);
}

static void very_long_texts_are_cut_and_not_overrun(void **state)
{
    struct world *w = *state;
    char name[2048];
    struct cg_owner owners[40];
    struct cg_caller caller = {.who = w->paula};
    struct cg_question q = {.caller = &caller,
                            .action = CG_ACTION_YANK,
                            .namespace_name = "payments",
                            .crate = name,
                            .owners = owners,
                            .owner_count = 40};

    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    for (size_t i = 0; i < 40; i++)
        owners[i] = (struct cg_owner){.kind = CG_OWNER_USER, .login = name, .subject = name};
    assert_int_equal(cg_policy_decide(w->policy, &q, &w->d), CG_ERR_DENIED);
    assert_true(strlen(w->d.rule) < sizeof(w->d.rule) && strlen(w->d.reason) < sizeof(w->d.reason));
    assert_int_equal(ask(w, w->nora, CG_ACTION_READ, name, NULL), CG_ERR_DENIED);
}

/* A generous limit, against an accidental quadratic or an allocation, not a measurement. */
static void a_decision_costs_far_less_than_a_system_call_would(void **state)
{
    struct world *w = *state;
    int64_t start = cg_clock_mono_us();

    for (int i = 0; i < 20000; i++)
        assert_int_equal(ask(w, w->amy, CG_ACTION_READ, "payments", NULL), CG_OK);
    assert_true(cg_clock_mono_us() - start < 20000 * 20);
}

static void a_repositorys_key_means_the_one_namespace_that_fronts_it(void **state)
{
    char *dir = cg_temp_dir_new(), *text = cg_asprintf(repositories, dir, dir);
    struct cg_conf *conf = parse_conf(dir, text);
    struct cg_policy *policy = NULL;
    const char *unknown = "nowhere", *shared = "cargo-shared";

    (void)state;
    assert_int_equal(cg_policy_new(conf, NULL, &policy, NULL), CG_OK);
    assert_string_equal(cg_policy_namespace_meant(policy, "cargo-local"), "stored");
    assert_string_equal(cg_policy_namespace_meant(policy, "stored"), "stored");
    assert_string_equal(cg_policy_namespace_meant(policy, "one"), "one"); /* a namespace's name before another's key */
    assert_ptr_equal(cg_policy_namespace_meant(policy, shared), shared);
    assert_ptr_equal(cg_policy_namespace_meant(policy, unknown), unknown);
    assert_string_equal(cg_policy_namespace_meant(policy, ""), "");
    cg_policy_unref(&policy);
    cg_conf_unref(&conf);
    free(text);
    cg_temp_dir_free(&dir);
}

static enum cg_err ask_admin(struct world *w, struct cg_identity *who, struct cg_token *token, const char *ns)
{
    struct cg_caller caller = {.who = who, .token = token};
    struct cg_question q = {.caller = &caller, .namespace_name = ns};
    enum cg_err rc = cg_policy_decide_admin(w->policy, &q, &w->d);

    assert_int_equal(rc, w->d.verdict);
    assert_int_equal(rc == CG_OK, w->d.reason[0] == '\0');
    return rc;
}

static void administration_is_for_administrators_with_a_whole_token(void **state)
{
    struct world *w = *state;
    struct cg_token *token = cg_token_new();

    assert_int_equal(ask_admin(w, w->alice, NULL, "payments"), CG_OK);
    assert_int_equal(ask_admin(w, w->paula, NULL, "payments"), CG_ERR_DENIED);
    assert_non_null(strstr(w->d.reason, "administrators"));
    assert_int_equal(ask_admin(w, w->nora, NULL, "payments"), CG_ERR_DENIED);
    assert_non_null(strstr(w->d.reason, "does not exist, or"));
    assert_int_equal(ask_admin(w, w->nora, NULL, "nowhere"), CG_ERR_DENIED);
    assert_int_equal(ask_admin(w, w->anonymous, NULL, "payments"), CG_ERR_UNAUTHENTICATED);
    token->actions = CG_ACTION_ALL;
    assert_int_equal(ask_admin(w, w->alice, token, "payments"), CG_OK);
    token->actions = CG_ACTION_YANK;
    assert_int_equal(ask_admin(w, w->alice, token, "payments"), CG_ERR_DENIED);
    assert_non_null(strstr(w->d.reason, "narrowed"));
    cg_token_unref(&token);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define U(name) cmocka_unit_test_setup_teardown(name, setup_unresolved, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_group_grant_decides_and_is_named_with_its_line),
        T(admin_implies_publish_implies_read),
        T(a_dn_grant_matches_a_person_and_a_group_in_any_spelling),
        T(a_group_of_the_same_name_elsewhere_grants_nothing),
        T(unknown_and_unreadable_namespaces_get_one_sentence),
        T(anonymous_callers_are_asked_to_log_in),
        T(a_reader_who_publishes_is_told_the_rule),
        T(a_mapped_group_is_a_grant_and_is_named_by_where_it_stands),
        T(a_teams_grants_decide_and_name_the_teams_section),
        T(a_prefix_of_a_team_tells_neither_its_name_nor_itself),
        T(a_name_that_two_groups_bear_takes_only_the_teams_grant_out),
        T(while_teams_are_unknown_no_name_is_said_not_to_exist),
        T(teams_that_come_ask_only_for_their_own_names),
        T(a_reserved_prefix_is_refused_elsewhere_in_any_spelling),
        T(owners_replace_the_namespaces_publishers),
        T(an_owner_who_may_no_longer_read_the_namespace_may_no_longer_publish),
        T(an_owners_name_taken_over_by_somebody_else_owns_nothing),
        T(while_owners_are_unknown_a_reader_passes_and_nobody_else),
        T(publishers_add_the_first_owners),
        T(a_tokens_actions_narrow_writes),
        T(a_tokens_crate_patterns_narrow_writes_by_folded_name),
        T(a_tokens_namespaces_narrow_everything_and_tell_nothing),
        T(a_services_rights_come_from_its_tokens_grants_alone),
        T(an_owned_crate_is_closed_to_a_publishing_service_and_open_to_an_administering_one),
        U(an_unresolved_group_is_neither_yes_nor_no),
        U(while_a_name_is_unresolved_forbidden_and_absent_still_look_alike),
        U(an_unresolved_admin_group_leaves_owned_crates_undecided_but_for_owners),
        T(an_outage_keeps_names_that_were_resolved_before),
        T(a_reload_in_an_outage_keeps_names_of_the_same_directory),
        U(an_outage_at_the_start_is_not_asked_about_name_by_name),
        U(each_name_is_looked_up_once),
        U(absent_groups_grant_nobody_and_are_warned_of),
        U(a_name_that_two_groups_bear_is_an_error_with_line_and_both_entries),
        T(a_dn_the_directory_cannot_read_is_an_error_with_its_line),
        T(simple_questions_about_a_policy),
        T(a_repositorys_key_means_the_one_namespace_that_fronts_it),
        T(administration_is_for_administrators_with_a_whole_token),
        T(roles_name_the_highest_role_and_its_line),
        U(roles_say_what_is_not_known_yet),
        T(roles_of_a_service_come_from_its_token),
        T(very_long_texts_are_cut_and_not_overrun),
        T(a_decision_costs_far_less_than_a_system_call_would),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
