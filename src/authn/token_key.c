/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "authn/token_key.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"

#define KEY_SIZE 32

/* A file of its own is completed first and then linked into place: a link fails where a rename would put a second key
 * over one that another process already uses. */
static enum cg_err place_key(const char *state_dir, const char *path, const char *text, size_t len,
                             struct cg_error *err)
{
    unsigned char salt[8];
    char hex[2 * sizeof(salt) + 1];
    char *whole;
    enum cg_err rc;

    cg_random(salt, sizeof(salt));
    cg_hex(salt, sizeof(salt), hex);
    whole = cg_asprintf("%s.new.%s", path, hex);
    rc = cg_file_replace(whole, text, len, 0600, err);
    if (rc == CG_OK && link(whole, path) != 0 && errno != EEXIST)
        rc = cg_file_error(err, errno, "create", path);
    unlink(whole);
    if (rc == CG_OK)
        rc = cg_file_sync_dir(state_dir, err);
    free(whole);
    return rc;
}

static enum cg_err make_key(const char *state_dir, const char *path, struct cg_error *err)
{
    unsigned char key[KEY_SIZE];
    char text[2 * KEY_SIZE + 1];
    enum cg_err rc;

    cg_random(key, sizeof(key));
    cg_hex(key, sizeof(key), text);
    text[2 * KEY_SIZE] = '\n';
    rc = place_key(state_dir, path, text, sizeof(text), err);
    cg_wipe(key, sizeof(key));
    cg_wipe(text, sizeof(text));
    return rc;
}

static enum cg_err decode_key(const char *path, const struct cg_secret *text, struct cg_hmac **key_out,
                              struct cg_error *err)
{
    unsigned char key[KEY_SIZE];

    if (cg_unhex((const char *)text->bytes, key, sizeof(key)) != CG_OK)
        return cg_error_set(
            err, CG_ERR_INVALID,
            "\"%s\" does not hold the key of the tokens (64 hexadecimal digits): put back the file from "
            "a backup, or remove it, which makes all tokens void",
            path);
    *key_out = cg_hmac_new(key, sizeof(key));
    cg_wipe(key, sizeof(key));
    return CG_OK;
}

enum cg_err cg_token_key_open(const char *state_dir, struct cg_hmac **key_out, bool *made_out, struct cg_error *err)
{
    char *path = cg_asprintf("%s/token.key", state_dir);
    struct cg_secret text = {0};
    bool made = access(path, F_OK) != 0 && errno == ENOENT;
    enum cg_err rc = made ? make_key(state_dir, path, err) : CG_OK;

    if (rc == CG_OK)
        rc = cg_secret_read_file(&text, path, err);
    if (rc == CG_OK)
        rc = decode_key(path, &text, key_out, err);
    if (rc == CG_OK)
        *made_out = made;
    cg_secret_free(&text);
    free(path);
    return rc;
}
