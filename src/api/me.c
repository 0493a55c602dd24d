/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The page `cargo login` points to: what to do, and a form that makes a token.
 * The form carries the password itself, so that there is no session to steal
 * and nothing for another site to ride on.
 */
#include "api/api.h"
#include "api/token_json.h"

#include <string.h>

#include "base/str.h"
#include "crategate/clock.h"

#define PAGE_MAX (64u * 1024u)
#define FIELD_MAX 1024

static const char page_head[] =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>crategate: your token</title>\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<style>body{font:16px/1.5 sans-serif;max-width:42em;margin:2em auto;padding:0 1em}"
    "pre{background:#eee;padding:.8em;overflow-x:auto}label{display:block;margin:.6em 0}"
    "input{display:block;width:20em;max-width:100%;padding:.3em}.bad{color:#a00}</style>\n</head>\n<body>\n";

static void add_form(struct cg_buf *page, const char *base)
{
    cg_buf_addstr(page, "<h1>A token for cargo</h1>\n<p>Log in with your directory user and password. The token is shown "
                        "once.</p>\n<form method=\"post\" action=\"");
    cg_html_escape(page, base);
    cg_buf_addstr(page, "/me\">\n"
                        "<label>User <input name=\"user\" autocomplete=\"username\" required></label>\n"
                        "<label>Password <input name=\"password\" type=\"password\" autocomplete=\"current-password\" "
                        "required></label>\n"
                        "<label>Name of the token <input name=\"name\" value=\"cargo\" required></label>\n"
                        "<button>Make a token</button>\n</form>\n"
                        "<h2>Or from a terminal</h2>\n<pre>curl --user NAME -X PUT ");
    cg_html_escape(page, base);
    cg_buf_addstr(page, "/api/v1/me/tokens \\\n  -d '{\"api_token\":{\"name\":\"cargo\"}}'</pre>\n");
}

static enum cg_step send_page(struct cg_request *req, unsigned status, struct cg_buf *page)
{
    cg_buf_addstr(page, "</body>\n</html>\n");
    cg_respond_json(req, status, page);
    req->response.content_type = "text/html; charset=utf-8";
    cg_response_header(req, "Content-Security-Policy",
                       "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; "
                       "base-uri 'none'");
    cg_response_header(req, "X-Content-Type-Options", "nosniff");
    cg_response_header(req, "Referrer-Policy", "no-referrer");
    return CG_STEP_RESPOND;
}

enum cg_step cg_api_me(struct cg_request *req)
{
    struct cg_buf page;

    cg_buf_init(&page, PAGE_MAX);
    cg_buf_addstr(&page, page_head);
    add_form(&page, cg_policy_conf(req->policy)->public_url);
    return send_page(req, 200, &page);
}

enum cg_step cg_api_me_redirect(struct cg_request *req)
{
    return cg_respond_redirect(req,
                               cg_arena_printf(req->arena, "%s/me", cg_policy_conf(req->policy)->public_url));
}

/* One field of an application/x-www-form-urlencoded body into a secret (wiped by its owner); false when absent. */
static bool form_field(const char *body, const char *name, struct cg_secret *out)
{
    size_t name_len = strlen(name);
    struct cg_buf value;
    bool found = false;

    for (const char *pair = body; *pair && !found; pair += strcspn(pair, "&"), pair += *pair == '&') {
        size_t len = strcspn(pair, "&");

        if (len <= name_len || strncmp(pair, name, name_len) != 0 || pair[name_len] != '=')
            continue;
        cg_buf_init(&value, FIELD_MAX);
        if (cg_percent_decode(pair + name_len + 1, len - name_len - 1, true, &value) == CG_OK) {
            cg_secret_set(out, cg_buf_str(&value), value.len);
            found = true;
        }
        if (value.data)
            cg_wipe(value.data, value.cap);
        cg_buf_free(&value);
    }
    return found;
}

static bool read_form(struct cg_request *req, struct cg_credentials *cred, struct cg_secret *name)
{
    struct cg_secret user = {0};
    size_t len;
    const char *body = cg_request_text(req, &len);
    bool whole = form_field(body, "user", &user) && form_field(body, "password", &cred->secret) &&
                 form_field(body, "name", name);

    if (whole) {
        cred->kind = CG_CRED_PASSWORD;
        cred->username = cg_strndup((const char *)(user.bytes ? user.bytes : (const unsigned char *)""), user.len);
    }
    cg_secret_free(&user);
    return whole;
}

static enum cg_err log_in(struct cg_request *req, struct cg_secret *name)
{
    struct cg_authn_request ask = {.cred = &req->cred, .address = req->address, .secure = req->secure,
                                   .password_ok = true, .writes = true};
    enum cg_err rc;

    cg_credentials_free(&req->cred);
    if (!read_form(req, &req->cred, name))
        return cg_error_set(&req->error, CG_ERR_INVALID, "the form needs user, password and name");
    cg_caller_free(&req->authn.caller);
    /* The refusals that need no directory are fast's, and it answers AGAIN for the rest. */
    rc = cg_authn_fast(req->gw->authn, &ask, &req->authn, &req->error);
    if (rc == CG_ERR_AGAIN)
        rc = cg_authn_slow(req->gw->authn, &ask, &req->authn, &req->error);
    req->resume_at_ms = req->authn.answer_at_ms;
    return rc;
}

static enum cg_step refuse(struct cg_request *req)
{
    struct cg_buf page;

    cg_buf_init(&page, PAGE_MAX);
    cg_buf_addstr(&page, page_head);
    cg_buf_addstr(&page, "<p class=\"bad\">");
    cg_html_escape(&page, req->error.detail);
    cg_buf_addstr(&page, "</p>\n");
    add_form(&page, cg_policy_conf(req->policy)->public_url);
    return send_page(req, cg_err_http_status(req->error.code), &page);
}

static enum cg_step show(struct cg_request *req, const struct cg_token *token, const struct cg_secret *secret)
{
    char expires[CG_TIME_RFC3339_SIZE];
    struct cg_buf page;

    cg_time_rfc3339(token->expires_at, expires);
    cg_buf_init(&page, PAGE_MAX);
    cg_buf_addstr(&page, page_head);
    cg_buf_addstr(&page, "<h1>Your token</h1>\n<p>Shown this once; it expires on ");
    cg_buf_addstr(&page, expires);
    cg_buf_addstr(&page, ".</p>\n<pre>");
    cg_html_escape(&page, (const char *)secret->bytes);
    cg_buf_addstr(&page, "</pre>\n<p>Give it to <code>cargo login --registry NAME</code> when it asks.</p>\n");
    return send_page(req, 200, &page);
}

enum cg_step cg_api_me_login(struct cg_request *req)
{
    struct cg_token *wanted = cg_token_new(), *token = NULL;
    struct cg_secret name = {0}, secret = {0};
    enum cg_step step;

    wanted->actions = CG_ACTION_ALL;
    if (log_in(req, &name) == CG_OK) {
        wanted->name = cg_strdup(name.bytes ? (const char *)name.bytes : "");
        step = cg_api_token_make(req, wanted, &secret, &token) == CG_OK ? show(req, token, &secret) : refuse(req);
    } else {
        step = refuse(req);
    }
    cg_secret_free(&name);
    cg_secret_free(&secret);
    cg_token_unref(&token);
    cg_token_unref(&wanted);
    return step;
}
