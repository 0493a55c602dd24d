/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* An [artifactory.NAME] section as a whole, and the files it names. */
#include <string.h>

#include "base/str.h"
#include "conf/format.h"
#include "conf/parse.h"

/* "Bearer x", "Basic x" or a bare token: one line of what may stand in a header. */
static bool is_credential(const struct cg_secret *token)
{
    for (size_t i = 0; i < token->len; i++)
        if ((unsigned char)token->bytes[i] < ' ' || (unsigned char)token->bytes[i] > '~')
            return false;
    return true;
}

static void read_token(struct cg_conf_context *ctx, const struct cg_conf_place *place, struct cg_conf_artifactory *art)
{
    struct cg_error err = {0};

    if (*art->token_file == '\0')
        return;
    if (cg_secret_read_file(&art->token, art->token_file, &err) != CG_OK)
        cg_conf_problem(ctx, place, "token_file", -1, "%s", err.detail);
    else if (!is_credential(&art->token))
        cg_conf_problem(ctx, place, "token_file", -1,
                        "%s holds more than one line, or bytes that no token has: an access token, \"Bearer TOKEN\" or "
                        "\"Basic BASE64\" is wanted",
                        art->token_file);
}

static void read_webhook_secret(struct cg_conf_context *ctx, const struct cg_conf_place *place,
                                struct cg_conf_artifactory *art)
{
    struct cg_error err = {0};

    if (*art->webhook_secret_file && cg_secret_read_file(&art->webhook_secret, art->webhook_secret_file, &err) != CG_OK)
        cg_conf_problem(ctx, place, "webhook_secret_file", -1, "%s", err.detail);
}

void cg_conf_check_artifactory(struct cg_conf_context *ctx, struct cg_conf_artifactory *art)
{
    struct cg_conf_place place = cg_conf_place_of(ctx, "artifactory", art->name);

    cg_conf_check_file(ctx, &place, "ca_file", art->ca_file);
    read_token(ctx, &place, art);
    read_webhook_secret(ctx, &place, art);
}
