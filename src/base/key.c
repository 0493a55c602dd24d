/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/key.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"

#define KEY_SIZE 32

/* A file of its own is completed first and then linked into place: a link fails where a rename would put a second key
 * over one that another process already uses. */
static enum cg_err place(const char *path, const char *text, size_t len, struct cg_error *err)
{
    unsigned char salt[8];
    char hex[2 * sizeof salt + 1];
    cg_random(salt, sizeof salt);
    cg_hex(salt, sizeof salt, hex);
    char *whole = cg_asprintf("%s.new.%s", path, hex);
    enum cg_err rc = cg_file_replace(whole, text, len, 0600, err);
    if (rc == CG_OK && link(whole, path) != 0 && errno != EEXIST)
        rc = cg_file_error(err, errno, "create", path);
    unlink(whole);
    if (rc == CG_OK)
        rc = cg_file_sync_parent(path, err);
    free(whole);
    return rc;
}

static enum cg_err make(const char *path, struct cg_error *err)
{
    unsigned char key[KEY_SIZE];
    char text[2 * KEY_SIZE + 1];
    cg_random(key, sizeof key);
    cg_hex(key, sizeof key, text);
    text[2 * KEY_SIZE] = '\n';
    enum cg_err rc = place(path, text, sizeof text, err);
    cg_wipe(key, sizeof key);
    cg_wipe(text, sizeof text);
    return rc;
}

enum cg_err cg_key_read(const char *path, const char *what, struct cg_hmac **key_out, struct cg_error *err)
{
    unsigned char key[KEY_SIZE];
    struct cg_secret text = {0};
    enum cg_err rc = cg_secret_read_file(&text, path, err);
    if (rc == CG_OK && cg_unhex((const char *)text.bytes, key, sizeof key) != CG_OK)
        rc = cg_error_set(err, CG_ERR_INVALID, "\"%s\" does not hold 64 hexadecimal digits, the key of %s", path,
                          what);
    if (rc == CG_OK)
        *key_out = cg_hmac_new(key, sizeof key);
    cg_wipe(key, sizeof key);
    cg_secret_free(&text);
    return rc;
}

enum cg_err cg_key_open(const char *path, const char *what, struct cg_hmac **key_out, bool *made_out,
                        struct cg_error *err)
{
    bool made = access(path, F_OK) != 0 && errno == ENOENT;
    enum cg_err rc = made ? make(path, err) : CG_OK;
    if (rc == CG_OK)
        rc = cg_key_read(path, what, key_out, err);
    if (rc == CG_OK)
        *made_out = made;
    return rc;
}
