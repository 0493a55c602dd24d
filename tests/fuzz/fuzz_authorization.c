/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* `Authorization`, and behind the first line end `X-JFrog-Art-Api`, through the parser of credentials. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "authn/authn.h"
#include "authn/token_secret.h"
#include "base/mem.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_no_controls(const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        CG_ASSERT(((const unsigned char *)bytes)[i] >= 0x20 && ((const unsigned char *)bytes)[i] != 0x7f);
}

/* What the rest of the room relies on. */
static void check(const struct cg_credentials *cred)
{
    CG_ASSERT((cred->kind == CG_CRED_MALFORMED) == (cred->problem[0] != '\0'));
    if (cred->kind == CG_CRED_NONE || cred->kind == CG_CRED_MALFORMED) {
        CG_ASSERT(!cred->username && !cred->secret.bytes);
        return;
    }
    check_no_controls(cred->secret.bytes, cred->secret.len);
    if (cred->username) {
        CG_ASSERT(cred->username[0] && strlen(cred->username) <= 128);
        CG_ASSERT(cg_is_utf8(cred->username, strlen(cred->username)));
        check_no_controls(cred->username, strlen(cred->username));
    }
    if (cred->kind == CG_CRED_TOKEN)
        CG_ASSERT(cred->secret.len > 0);
    else
        CG_ASSERT(cred->username && !cg_token_secret_plausible(cred->secret.bytes, cred->secret.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cg_credentials cred;
    char *text, *key;

    if (size > 20000)
        return 0;
    text = cg_strndup((const char *)data, size);
    if ((key = strchr(text, '\n')) != NULL)
        *key++ = '\0';
    cg_credentials_parse(text, key, &cred);
    check(&cred);
    cg_credentials_free(&cred);
    cg_credentials_parse(NULL, key, &cred);
    check(&cred);
    cg_credentials_free(&cred);
    free(text);
    return 0;
}
