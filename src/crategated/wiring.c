/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Which driver stands behind which interface, and whether a configuration can be wired at all. */
#include "crategated/wiring.h"

#include <stdlib.h>
#include <unistd.h>

#include "authz/policy.h"
#include "base/mem.h"
#include "crategated/no_directory.h"
#include "http/net/tls.h"
#include "ldap/ldap_directory.h"
#include "metadata/sqlite/sqlite_metadata.h"
#include "storage/artifactory/art_storage.h"
#include "storage/filesystem/fs_storage.h"

enum cg_err cg_wire_directory(const struct cg_conf *conf, struct cg_directory **dir_out, struct cg_error *err)
{
    if (cg_conf_has_directory(conf))
        return cg_ldap_directory_new(conf, dir_out, err);
    *dir_out = cg_no_directory_new();
    return CG_OK;
}

enum cg_err cg_wire_metadata(const struct cg_conf *conf, struct cg_metadata **md_out, struct cg_error *err)
{
    char *path = cg_asprintf("%s/crategate.db", conf->state_dir);
    enum cg_err rc = cg_sqlite_metadata_new(path, md_out, err);

    free(path);
    return rc;
}

enum cg_err cg_wire_storage(const struct cg_conf *conf, const struct cg_conf_namespace *ns, struct cg_storage **st_out,
                            struct cg_error *err)
{
    char *dir = cg_asprintf("%s/namespaces/%s", conf->state_dir, ns->name);
    enum cg_err rc = ns->storage == CG_STORAGE_ARTIFACTORY ? cg_art_storage_new(conf, ns, dir, st_out, err)
                                                           : cg_fs_storage_new(dir, st_out, err);

    free(dir);
    return rc;
}

void cg_wire_reconfigure(const struct cg_conf *conf)
{
    cg_art_instances_reconfigure(conf);
}

void cg_wire_tick(void)
{
    cg_art_instances_tick();
}

void cg_wire_end(void)
{
    cg_art_instances_free();
}

static enum cg_err stop_at_first(void *cls, const char *index_name)
{
    (void)cls, (void)index_name;
    return CG_ERR_CONFLICT;
}

bool cg_wire_has_crates(const struct cg_conf *conf, const char *ns)
{
    struct cg_conf_namespace named = {.name = (char *)ns}; /* its index is on disk, wherever its crates are */
    char *dir = cg_asprintf("%s/namespaces/%s", conf->state_dir, ns);
    struct cg_storage *st = NULL;
    bool there = access(dir, F_OK) == 0; /* opening would make it */

    if (there && cg_wire_storage(conf, &named, &st, NULL) == CG_OK)
        there = st->ops->index_each(st, stop_at_first, NULL, NULL) != CG_OK;
    cg_storage_free(&st);
    free(dir);
    return there;
}

enum cg_err cg_wire_tls(const struct cg_conf *conf, struct cg_tls **tls_out, struct cg_error *err)
{
    if (*conf->tls_certificate)
        return cg_tls_new(conf->tls_certificate, conf->tls_key, tls_out, err);
    *tls_out = NULL;
    return CG_OK;
}

/* Makes what a configuration must be able to make, without the network: the driver's settings, every DN, the
 * certificate. */
static enum cg_err check_wiring(struct cg_conf *conf, struct cg_error *err)
{
    struct cg_directory *dir = NULL;
    struct cg_policy *policy = NULL;
    struct cg_tls *tls = NULL;
    enum cg_err rc = cg_wire_directory(conf, &dir, err);

    if (rc == CG_OK)
        rc = cg_policy_new(conf, dir, &policy, err);
    if (rc == CG_OK)
        rc = cg_wire_tls(conf, &tls, err);
    cg_tls_unref(&tls);
    cg_policy_unref(&policy);
    cg_directory_free(&dir);
    return rc;
}

enum cg_err cg_wire_check(const char *conf_file, struct cg_buf *report, struct cg_conf **conf_out,
                            struct cg_error *err)
{
    struct cg_conf *conf = NULL;
    enum cg_err rc = cg_conf_load(conf_file, &conf, report, err);

    if (rc != CG_OK)
        return rc;
    rc = check_wiring(conf, err);
    if (rc == CG_OK) {
        *conf_out = conf;
        return CG_OK;
    }
    cg_buf_addf(report, "%s\n", err->detail);
    cg_conf_unref(&conf);
    return rc;
}
