/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* login: a person's password for a token, or a token that they bring. */
#include "credential/action.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authn/token_secret.h"
#include "base/mem.h"
#include "base/str.h"
#include "credential/note.h"
#include "credential/obtain.h"
#include "credential/remote.h"
#include "credential/reply.h"

/* The environment variables of a registry: "my-reg" -> "MY_REG"; free() it. */
static char *variable_of(const char *name)
{
    char *upper = cg_strdup(name ? name : "NAME");

    for (char *c = upper; *c; c++)
        *c = (char)(*c == '-' ? '_' : toupper((unsigned char)*c));
    return upper;
}

static enum cg_err no_terminal(const struct cg_action_call *call, struct cg_error *err)
{
    char *name = variable_of(call->request->name);

    cg_error_set(
        err, CG_ERR_INVALID,
        "there is no terminal on which to ask for a password. In CI, take a token (%s/me, or one for a service "
        "from the registry's administrator) and set CARGO_REGISTRIES_%s_TOKEN to it and "
        "CARGO_REGISTRIES_%s_CREDENTIAL_PROVIDER to cargo:token; or give it to `cargo login` on standard input",
        call->target->base, name, name);
    free(name);
    return CG_ERR_INVALID;
}

/* As told, or asked for with the last one as the answer to an empty line. */
static enum cg_err choose_user(struct cg_terminal *terminal, const struct cg_action_call *call, const char *last,
                               char **user_out, struct cg_error *err)
{
    const char *usual = *last ? last : getenv("USER");
    char *prompt, *answer = NULL;
    enum cg_err rc;

    if (call->options->user) {
        *user_out = cg_strdup(call->options->user);
        return CG_OK;
    }
    usual = usual ? usual : "";
    prompt = *usual ? cg_asprintf("User for %s [%s]: ", call->target->base, usual)
                    : cg_asprintf("User for %s: ", call->target->base);
    rc = cg_terminal_ask(terminal, prompt, &answer, err);
    free(prompt);
    if (rc != CG_OK)
        return rc;
    *user_out = cg_strdup(*cg_str_trim(answer) ? cg_str_trim(answer) : usual);
    free(answer);
    return CG_OK;
}

static enum cg_err check_user(const char *user, struct cg_error *err)
{
    if (!*user || strchr(user, ':') || strlen(user) > 256)
        return cg_error_set(err, CG_ERR_INVALID, "a user's name is needed, without a colon in it");
    return CG_OK;
}

static enum cg_err by_password(const struct cg_action_call *call, struct cg_login_record *record, struct cg_error *err)
{
    struct cg_terminal *terminal = NULL;
    char *prompt = NULL, *user = NULL;
    enum cg_err rc;

    if (cg_terminal_open(&terminal, NULL) != CG_OK)
        return no_terminal(call, err);
    rc = choose_user(terminal, call, record->user, &user, err);
    if (rc == CG_OK)
        rc = check_user(user, err);
    if (rc == CG_OK) {
        free(record->user);
        record->user = user;
        user = NULL;
        cg_wish_copy(&record->wish, &call->options->wish);
        prompt = cg_asprintf("Password for %s: ", record->user);
        rc = cg_obtain_token(terminal, prompt, 0, record, err);
    }
    if (rc == CG_ERR_ABSENT) /* an empty line; to cargo this code would say "ask the next provider" */
        rc = cg_error_set(err, CG_ERR_INVALID, "no password was entered");
    free(prompt);
    free(user);
    cg_terminal_close(&terminal);
    return rc;
}

static enum cg_err by_token(const struct cg_action_call *call, struct cg_login_record *record, struct cg_error *err)
{
    const struct cg_secret *token = &call->request->token;
    enum cg_err rc;

    if (!cg_token_secret_plausible(token->bytes, token->len))
        return cg_error_set(
            err, CG_ERR_INVALID,
            "this is no token of a crategate gateway, or a part of one (they begin with cgp_ or cgs_ and "
            "have %d characters); without a token, `cargo login` on a terminal asks for your password",
            CG_TOKEN_SECRET_LEN);
    rc = cg_remote_try_token(call->target, token, err);
    if (rc != CG_OK)
        return rc;
    cg_secret_copy(&record->token, token);
    return CG_OK;
}

static void tell(const struct cg_login_record *record, const char *where)
{
    char date[CG_DATE_SIZE];

    if (record->expires_at) {
        cg_date(record->expires_at, date);
        cg_note("logged in to %s as %s until %s; the token is kept in %s", record->base, record->user, date, where);
    } else {
        cg_note("the token for %s is accepted and kept in %s", record->base, where);
    }
}

/* A token that was made but cannot be kept would live on, known to nobody. */
static enum cg_err keep(const struct cg_action_call *call, const struct cg_login_record *record, struct cg_error *err)
{
    const char *where = NULL;
    enum cg_err rc = cg_vault_save(call->vault, record, &where, err);

    if (rc == CG_OK)
        tell(record, where);
    else
        cg_obtain_end(record);
    return rc;
}

enum cg_err cg_action_login(const struct cg_action_call *call, struct cg_buf *reply, struct cg_error *err)
{
    struct cg_login_record old = {0}, record = {.base = cg_strdup(call->target->base)};
    enum cg_err rc = cg_vault_load(call->vault, call->target->base, &old, err);

    record.user = cg_strdup(rc == CG_OK ? old.user : "");
    if (rc == CG_OK || rc == CG_ERR_ABSENT)
        rc = call->request->token.len ? by_token(call, &record, err) : by_password(call, &record, err);
    if (rc == CG_OK)
        rc = keep(call, &record, err);
    if (rc == CG_OK) {
        if (!cg_secret_equal(&old.token, &record.token))
            cg_obtain_end(&old);
        cg_reply_done(reply, "login");
    }
    cg_login_record_free(&record);
    cg_login_record_free(&old);
    return rc;
}
