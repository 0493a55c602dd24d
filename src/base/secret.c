/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#define SECRET_FILE_MAX 65536

void cg_secret_set(struct cg_secret *secret, const void *bytes, size_t len)
{
    unsigned char *copy = NULL;
    if (len) {
        copy = cg_malloc(len + 1);
        memcpy(copy, bytes, len);
        copy[len] = '\0';
    }
    cg_secret_free(secret); /* only now: `bytes` may be its own */
    secret->bytes = copy;
    secret->len = len;
}

void cg_secret_copy(struct cg_secret *to, const struct cg_secret *from)
{
    cg_secret_set(to, from->bytes, from->len);
}

void cg_secret_free(struct cg_secret *secret)
{
    if (secret->bytes)
        cg_wipe(secret->bytes, secret->len);
    free(secret->bytes);
    *secret = (struct cg_secret){0};
}

bool cg_secret_equal(const struct cg_secret *a, const struct cg_secret *b)
{
    return a->len == b->len && cg_secret_equal_bytes(a->bytes, b->bytes, a->len);
}

bool cg_secret_equal_bytes(const void *a, const void *b, size_t len)
{
    return len == 0 || CRYPTO_memcmp(a, b, len) == 0;
}

void cg_wipe(void *bytes, size_t len)
{
    if (len)
        explicit_bzero(bytes, len);
}

/* Asks the opened file, not the path, which may name another one by now. */
static enum cg_err check_rights(int fd, const char *path, struct cg_error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return cg_file_error(err, errno, "stat", path);
    if (!S_ISREG(st.st_mode))
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" is not a regular file; a secret must be in one", path);
    /* root, an administrator at crategatectl, may use the daemon's; the other way round is what is dangerous. */
    if (st.st_uid != geteuid() && st.st_uid != 0 && geteuid() != 0)
        return cg_error_set(err, CG_ERR_INVALID,
                            "\"%s\" belongs to user %lu; a secret file must belong to the user the program runs as "
                            "(%lu) or to root: use chown",
                            path, (unsigned long)st.st_uid, (unsigned long)geteuid());
    if (st.st_mode & 07177)
        return cg_error_set(err, CG_ERR_INVALID,
                            "\"%s\" has mode %04o; a secret file must have mode 0600 or 0400, without rights for "
                            "group or others: use chmod 0600",
                            path, (unsigned)(st.st_mode & 07777));
    if (st.st_size > SECRET_FILE_MAX)
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" is larger than 64 KiB; that is not a secret", path);
    return CG_OK;
}

static size_t without_newline(const char *bytes, size_t len)
{
    if (len && bytes[len - 1] == '\n')
        len--;
    else
        return len;
    return len && bytes[len - 1] == '\r' ? len - 1 : len;
}

enum cg_err cg_secret_read_file(struct cg_secret *secret, const char *path, struct cg_error *err)
{
    struct cg_buf buf;
    cg_buf_init(&buf, SECRET_FILE_MAX);
    /* O_NONBLOCK: a FIFO must be refused, not waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return cg_file_error(err, errno, "open", path);
    enum cg_err rc = check_rights(fd, path, err);
    if (rc != CG_OK)
        goto out;
    /* All the room at once, so that growing leaves no copies behind. */
    if (!cg_buf_reserve(&buf, SECRET_FILE_MAX)) {
        rc = cg_error_set(err, CG_ERR_INTERNAL, "no memory to read \"%s\"", path);
        goto out;
    }
    rc = cg_file_read_fd(fd, path, &buf, err);
    if (rc != CG_OK)
        goto out;
    size_t len = without_newline(buf.data, buf.len);
    if (len == 0) {
        rc = cg_error_set(err, CG_ERR_INVALID, "\"%s\" is empty; put the secret into it", path);
        goto out;
    }
    cg_secret_set(secret, buf.data, len);
out:
    cg_wipe(buf.data, buf.cap);
    cg_buf_free(&buf);
    close(fd);
    return rc;
}
