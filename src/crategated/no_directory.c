/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The directory of a gateway that has none: its configuration grants anonymous
 * reading only (conf checks that), so nobody can log in and no name resolves.
 */
#include "crategated/no_directory.h"

#include <stdlib.h>

#include "base/mem.h"

#define NO_DIRECTORY "this gateway has no directory: its configuration has no [ldap] section"

static enum cg_err none_login(struct cg_directory *dir, const char *username, const struct cg_secret *password,
                              struct cg_identity **who_out, struct cg_error *err)
{
    (void)dir, (void)username, (void)password, (void)who_out;
    return cg_error_set(err, CG_ERR_UNAUTHENTICATED, NO_DIRECTORY);
}

static enum cg_err none_find(struct cg_directory *dir, const char *username, struct cg_identity **who_out,
                             struct cg_error *err)
{
    (void)dir, (void)username, (void)who_out;
    return cg_error_set(err, CG_ERR_ABSENT, NO_DIRECTORY);
}

static enum cg_err none_resolve(struct cg_directory *dir, const char *name, char **dn_out, struct cg_error *err)
{
    (void)dir, (void)name, (void)dn_out;
    return cg_error_set(err, CG_ERR_ABSENT, NO_DIRECTORY);
}

static enum cg_err none_each_group(struct cg_directory *dir, const char *filter, cg_directory_group_visit visit,
                                   void *cls, struct cg_error *err)
{
    (void)dir, (void)filter, (void)visit, (void)cls, (void)err;
    return CG_OK;
}

static enum cg_err none_group_alive(struct cg_directory *dir, const char *dn, struct cg_error *err)
{
    (void)dir, (void)dn;
    return cg_error_set(err, CG_ERR_ABSENT, NO_DIRECTORY);
}

static enum cg_err none_dn(struct cg_directory *dir, const char *dn, char **dn_out, struct cg_error *err)
{
    /* Nobody is in it, so one spelling is as good as another: a directory that is not enabled may have grants. */
    (void)dir, (void)err;
    *dn_out = cg_strdup(dn);
    return CG_OK;
}

static enum cg_err none_ping(struct cg_directory *dir, struct cg_error *err)
{
    (void)dir, (void)err;
    return CG_OK; /* what is not configured cannot be down */
}

static enum cg_err none_diagnose(struct cg_directory *dir, const char *username, const struct cg_secret *password,
                                 cg_directory_report report, void *cls, struct cg_identity **who_out,
                                 struct cg_error *err)
{
    (void)dir, (void)username, (void)password, (void)who_out;
    report(cls, 0, "configuration", NO_DIRECTORY);
    return cg_error_set(err, CG_ERR_INVALID, NO_DIRECTORY);
}

static void none_free(struct cg_directory *dir)
{
    free(dir);
}

static const struct cg_directory_ops none_ops = {
    .name = "none",
    .login = none_login,
    .find = none_find,
    .revalidate = none_find,
    .resolve_group = none_resolve,
    .each_group = none_each_group,
    .group_alive = none_group_alive,
    .probe = none_ping,
    .canonical_dn = none_dn,
    .ping = none_ping,
    .diagnose = none_diagnose,
    .free = none_free,
};

struct cg_directory *cg_no_directory_new(void)
{
    struct cg_directory *dir = cg_calloc(1, sizeof(*dir));

    dir->ops = &none_ops;
    return dir;
}
