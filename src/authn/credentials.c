/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What `Authorization` and `X-JFrog-Art-Api` hold. Every message is about the form; none repeats what came in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authn/authn.h"
#include "authn/token_secret.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#define HEADER_MAX 8192
#define USERNAME_MAX 128
#define PASSWORD_MAX 1024

static void malformed(struct cg_credentials *out, const char *problem)
{
    out->kind = CG_CRED_MALFORMED;
    snprintf(out->problem, sizeof(out->problem), "%s", problem);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* NUL among them (pitfall 2): libldap and many a server would stop reading there. */
static bool has_controls(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7f)
            return true;
    return false;
}

static void set_token(struct cg_credentials *out, const char *text, size_t len)
{
    if (len == 0)
        malformed(out, "the Authorization header holds no token");
    else if (has_controls(text, len) || memchr(text, ' ', len))
        malformed(out, "the Authorization header must hold one token, without blanks in it");
    else {
        out->kind = CG_CRED_TOKEN;
        cg_secret_set(&out->secret, text, len);
    }
}

static const char *problem_with_pair(const char *pair, size_t len, const char *colon)
{
    size_t name_len = colon ? (size_t)(colon - pair) : 0;

    if (!colon)
        return "Basic credentials must be base64 of user:password";
    if (name_len == 0)
        return "Basic credentials have no user name";
    if (name_len > USERNAME_MAX)
        return "the user name is longer than 128 bytes";
    if (len - name_len - 1 > PASSWORD_MAX)
        return "the password is longer than 1024 bytes";
    if (has_controls(pair, len))
        return "user name and password must not have control characters in them";
    return cg_is_utf8(pair, name_len) ? NULL : "the user name must be UTF-8";
}

static void set_pair(struct cg_credentials *out, const char *pair, size_t len)
{
    const char *colon = memchr(pair, ':', len);
    const char *problem = problem_with_pair(pair, len, colon);

    if (problem) {
        malformed(out, problem);
        return;
    }
    out->username = cg_strndup(pair, (size_t)(colon - pair));
    cg_secret_set(&out->secret, colon + 1, len - (size_t)(colon - pair) - 1);
    out->kind = cg_token_secret_plausible(out->secret.bytes, out->secret.len) ? CG_CRED_TOKEN : CG_CRED_PASSWORD;
}

static void set_basic(struct cg_credentials *out, const char *text, size_t len)
{
    struct cg_buf pair;

    cg_buf_init(&pair, HEADER_MAX);
    if (cg_base64_decode(text, len, &pair) == CG_OK)
        set_pair(out, cg_buf_str(&pair), pair.len);
    else
        malformed(out, "Basic credentials must be base64 of user:password");
    if (pair.data)
        cg_wipe(pair.data, pair.cap);
    cg_buf_free(&pair);
}

/* Where the rest begins when the text starts with this scheme and a blank, or is nothing but the scheme. */
static const char *after_scheme(const char *text, size_t len, const char *scheme)
{
    size_t scheme_len = strlen(scheme);

    if (len < scheme_len || !cg_str_starts_nocase(text, scheme))
        return NULL;
    if (len > scheme_len && !is_blank(text[scheme_len]))
        return NULL;
    text += scheme_len;
    while (is_blank(*text))
        text++;
    return text;
}

static void parse(const char *text, struct cg_credentials *out)
{
    size_t len = strnlen(text, HEADER_MAX + 1);
    const char *end = text + len, *rest;

    if (len > HEADER_MAX) {
        malformed(out, "the Authorization header is longer than 8 KiB");
        return;
    }
    while (is_blank(*text))
        text++;
    while (end > text && is_blank(end[-1]))
        end--;
    len = (size_t)(end - text);
    if ((rest = after_scheme(text, len, "Basic")) != NULL)
        set_basic(out, rest, rest < end ? (size_t)(end - rest) : 0);
    else if ((rest = after_scheme(text, len, "Bearer")) != NULL || (rest = after_scheme(text, len, "Token")) != NULL)
        set_token(out, rest, rest < end ? (size_t)(end - rest) : 0);
    else
        set_token(out, text, len);
}

void cg_credentials_parse(const char *authorization, const char *jfrog_key, struct cg_credentials *out)
{
    memset(out, 0, sizeof(*out));
    if (authorization)
        parse(authorization, out);
    else if (jfrog_key)
        set_token(out, jfrog_key, strnlen(jfrog_key, HEADER_MAX + 1));
    if (out->kind == CG_CRED_TOKEN && out->secret.len > HEADER_MAX) {
        cg_secret_free(&out->secret);
        malformed(out, "the X-JFrog-Art-Api header is longer than 8 KiB");
    }
}

void cg_credentials_free(struct cg_credentials *cred)
{
    free(cred->username);
    cg_secret_free(&cred->secret);
    memset(cred, 0, sizeof(*cred));
}
