/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "credential/vault.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "credential/note.h"
#include "crategate/clock.h"

#define LOCK_WAIT_MS 10000
#define LOCK_POLL_MS 20
#define DAY_S 86400

struct cg_vault {
    char *folder;
    size_t count;
    struct cg_store *stores[CG_VAULT_STORES];
};

/* $XDG_CONFIG_HOME/crategate or ~/.config/crategate; free() it. NULL when this person has no home. */
static char *config_folder(void)
{
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    const struct passwd *entry;

    if (xdg && xdg[0] == '/') /* a relative one is to be ignored, says its specification */
        return cg_asprintf("%s/crategate", xdg);
    if ((!home || home[0] != '/') && (entry = getpwuid(geteuid())) != NULL)
        home = entry->pw_dir;
    return home && home[0] == '/' ? cg_asprintf("%s/.config/crategate", home) : NULL;
}

enum cg_err cg_vault_open(struct cg_vault **vault_out, struct cg_error *err)
{
    char *folder = config_folder(), *path;
    struct cg_store *stores[CG_VAULT_STORES];
    size_t count = 0;

    if (!folder)
        return cg_error_set(err, CG_ERR_INVALID, "HOME is not set, so there is no place for a login");
    path = cg_asprintf("%s/credentials.json", folder);
    if (cg_keyring_open(&stores[count], NULL) == CG_OK)
        count++;
    cg_file_store_open(path, &stores[count++]);
    *vault_out = cg_vault_new(folder, stores, count);
    free(path);
    free(folder);
    return CG_OK;
}

struct cg_vault *cg_vault_new(const char *folder, struct cg_store *const *stores, size_t count)
{
    struct cg_vault *vault = cg_calloc(1, sizeof(*vault));

    CG_ASSERT(count <= CG_VAULT_STORES);
    vault->folder = cg_strdup(folder);
    for (vault->count = 0; vault->count < count; vault->count++)
        vault->stores[vault->count] = stores[vault->count];
    return vault;
}

void cg_vault_free(struct cg_vault **vault)
{
    if (!*vault)
        return;
    for (size_t i = 0; i < (*vault)->count; i++)
        (*vault)->stores[i]->ops->free(&(*vault)->stores[i]);
    free((*vault)->folder);
    free(*vault);
    *vault = NULL;
}

static enum cg_err wait_for_lock(int fd, const char *path, struct cg_error *err)
{
    const struct timespec pause = {.tv_nsec = LOCK_POLL_MS * 1000000L};

    for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited += LOCK_POLL_MS) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return cg_file_error(err, errno, "lock", path);
        if (waited >= LOCK_WAIT_MS)
            return cg_error_set(err, CG_ERR_UNAVAILABLE, "\"%s\" is held by another process", path);
        nanosleep(&pause, NULL);
    }
    return CG_OK;
}

/* Closing *fd_out gives it back. */
static enum cg_err lock(const struct cg_vault *vault, int *fd_out, struct cg_error *err)
{
    char *path = cg_asprintf("%s/lock", vault->folder);
    enum cg_err rc = cg_file_mkdirs(vault->folder, 0700, err);
    int fd = -1;

    if (rc != CG_OK)
        goto out;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
    rc = fd < 0 ? cg_file_error(err, errno, "open", path) : wait_for_lock(fd, path, err);
    if (rc == CG_OK)
        *fd_out = fd;
    else if (fd >= 0)
        close(fd);
out:
    free(path);
    return rc;
}

enum cg_err cg_vault_load(struct cg_vault *vault, const char *base, struct cg_login_record *record_out,
                          struct cg_error *err)
{
    enum cg_err rc = CG_ERR_ABSENT, worst = CG_ERR_ABSENT;

    for (size_t i = 0; i < vault->count; i++) {
        struct cg_error why = {0};

        rc = vault->stores[i]->ops->load(vault->stores[i], base, record_out, &why);
        if (rc == CG_OK)
            return rc;
        if (rc != CG_ERR_ABSENT)
            worst = cg_error_set(err, rc, "%s", why.detail);
    }
    return worst == CG_ERR_ABSENT ? cg_error_set(err, CG_ERR_ABSENT, "there is no login to %s", base) : worst;
}

/* Whatever the other stores still have of it is out of date. */
static void forget_elsewhere(struct cg_vault *vault, const char *base, size_t kept)
{
    for (size_t i = 0; i < vault->count; i++)
        if (i != kept && vault->stores[i]->ops->remove(vault->stores[i], base, NULL) == CG_OK)
            cg_note("the earlier login in %s is removed", vault->stores[i]->where);
}

static enum cg_err save_locked(struct cg_vault *vault, const struct cg_login_record *record, const char **where_out,
                               struct cg_error *err)
{
    enum cg_err rc = CG_ERR_UNAVAILABLE;

    for (size_t i = 0; i < vault->count; i++) {
        struct cg_store *store = vault->stores[i];

        rc = store->ops->save(store, record, err);
        if (rc == CG_OK) {
            forget_elsewhere(vault, record->base, i);
            if (where_out)
                *where_out = store->where;
            return rc;
        }
        if (err && i + 1 < vault->count)
            cg_note("%s does not take the login: %s", store->where, err->detail);
    }
    return rc;
}

enum cg_err cg_vault_save(struct cg_vault *vault, const struct cg_login_record *record, const char **where_out,
                          struct cg_error *err)
{
    int fd = -1;
    enum cg_err rc = lock(vault, &fd, err);

    if (rc != CG_OK)
        return rc;
    rc = save_locked(vault, record, where_out, err);
    close(fd);
    return rc;
}

static enum cg_err remove_locked(struct cg_vault *vault, const char *base, struct cg_error *err)
{
    enum cg_err worst = CG_OK;
    bool had = false;

    for (size_t i = 0; i < vault->count; i++) {
        struct cg_error why = {0};
        enum cg_err rc = vault->stores[i]->ops->remove(vault->stores[i], base, &why);

        had = had || rc == CG_OK;
        if (rc != CG_OK && rc != CG_ERR_ABSENT)
            worst = cg_error_set(err, rc, "%s", why.detail);
    }
    if (worst != CG_OK || had)
        return worst;
    return cg_error_set(err, CG_ERR_ABSENT, "there is no login to %s", base);
}

enum cg_err cg_vault_remove(struct cg_vault *vault, const char *base, struct cg_error *err)
{
    int fd = -1;
    enum cg_err rc = lock(vault, &fd, err);

    if (rc != CG_OK)
        return rc;
    rc = remove_locked(vault, base, err);
    close(fd);
    return rc;
}

enum cg_err cg_vault_drop_token(struct cg_vault *vault, const struct cg_login_record *record, struct cg_error *err)
{
    struct cg_login_record current = {0};
    int fd = -1;
    enum cg_err rc = lock(vault, &fd, err);

    if (rc != CG_OK)
        return rc;
    rc = cg_vault_load(vault, record->base, &current, err);
    if (rc == CG_OK && !cg_secret_equal(&current.token, &record->token))
        rc = cg_error_set(err, CG_ERR_CONFLICT, "somebody else has logged in to %s meanwhile", record->base);
    if (rc == CG_OK) {
        cg_secret_free(&current.token);
        current.id = 0;
        rc = save_locked(vault, &current, NULL, err);
    }
    cg_login_record_free(&current);
    close(fd);
    return rc;
}

enum cg_err cg_vault_remind(struct cg_vault *vault, const struct cg_login_record *record, int64_t now,
                            struct cg_error *err)
{
    struct cg_login_record current = {0};
    int fd = -1;
    enum cg_err rc = lock(vault, &fd, err);

    if (rc != CG_OK)
        return rc;
    rc = cg_vault_load(vault, record->base, &current, err);
    if (rc == CG_OK && (!cg_secret_equal(&current.token, &record->token) || current.reminded_at > now - DAY_S))
        rc = cg_error_set(err, CG_ERR_CONFLICT, "somebody else has spoken of this login's end");
    if (rc == CG_OK) {
        current.reminded_at = now;
        rc = save_locked(vault, &current, NULL, err);
    }
    cg_login_record_free(&current);
    close(fd);
    return rc;
}

enum cg_err cg_vault_each(struct cg_vault *vault, cg_store_visit *visit, void *cls, struct cg_error *err)
{
    enum cg_err worst = CG_OK;

    for (size_t i = 0; i < vault->count; i++) {
        struct cg_error why = {0};
        enum cg_err rc = vault->stores[i]->ops->each(vault->stores[i], visit, cls, &why);

        if (rc != CG_OK)
            worst = cg_error_set(err, rc, "%s", why.detail);
    }
    return worst;
}
