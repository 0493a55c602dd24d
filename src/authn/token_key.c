/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "authn/token_key.h"

#include <stdlib.h>

#include "base/key.h"
#include "base/mem.h"

enum cg_err cg_token_key_open(const char *state_dir, struct cg_hmac **key_out, bool *made_out, struct cg_error *err)
{
    char *path = cg_asprintf("%s/token.key", state_dir);
    enum cg_err rc = cg_key_open(path, "the tokens: put back the file from a backup, or remove it, which makes all "
                                       "tokens void",
                                 key_out, made_out, err);

    free(path);
    return rc;
}
