/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A repository of Artifactory that no namespace need front: opened as a namespace's storage would be, listed and read.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "crategated/wiring.h"
#include "crategatectl/import.h"

/* No namespace can be called so. What the driver keeps on disk of its own lies there. */
#define SCRATCH ".import"

/* The key in URL/KEY, URL/api/cargo/KEY or URL/api/cargo/KEY/index/; a fresh string, NULL when it is none of them. */
static char *key_below(const char *url, const char *base)
{
    const char *rest, *end;

    if (cg_str_starts(url, "sparse+"))
        url += strlen("sparse+");
    if (!cg_str_starts(url, base) || url[strlen(base)] != '/')
        return NULL;
    rest = url + strlen(base) + 1;
    if (cg_str_starts(rest, "api/cargo/"))
        rest += strlen("api/cargo/");
    end = strchrnul(rest, '/');
    if (end == rest || (*end && strcmp(end, "/") != 0 && strcmp(end, "/index") != 0 && strcmp(end, "/index/") != 0))
        return NULL;
    return cg_strndup(rest, (size_t)(end - rest));
}

static const struct cg_conf_artifactory *find_instance(const struct cg_conf *conf, const char *url, char **key_out)
{
    for (size_t i = 0; i < conf->artifactory_count; i++)
        if ((*key_out = key_below(url, conf->artifactories[i].url)) != NULL)
            return &conf->artifactories[i];
    return NULL;
}

static enum cg_err check_target(const struct cg_conf *conf, const struct cg_conf_artifactory *art, const char *key,
                                const char *ns, struct cg_error *err)
{
    const struct cg_conf_namespace *target = cg_conf_namespace(conf, ns);
    const struct cg_conf_artifactory *its = target ? cg_conf_artifactory(conf, target->artifactory) : NULL;

    if (its && target->storage == CG_STORAGE_ARTIFACTORY && cg_streq_nocase(its->url, art->url) &&
        strcmp(target->repository, key) == 0)
        return cg_error_set(
            err, CG_ERR_CONFLICT,
            "namespace \"%s\" keeps its crates in that very repository; crategatectl verify --repair %s "
            "takes in what others have put there",
            ns, ns);
    return CG_OK;
}

static enum cg_err take_seen(void *cls, const struct cg_crate_seen *seen)
{
    struct cg_import_source *source = cls;
    char *label = cg_asprintf("crates/%s/%s-%s.crate", seen->name, seen->name, seen->version);
    struct cg_import_item item = {.label = label,
                                  .name = (char *)(uintptr_t)seen->name,
                                  .version = (char *)(uintptr_t)seen->version,
                                  .yanked = seen->yanked == 1,
                                  .pubtime =
                                      seen->modified > 0 && seen->modified < cg_clock_wall_s() ? seen->modified : 0};

    if (strlen(seen->cksum) == CG_SHA256_HEX_SIZE - 1)
        memcpy(item.cksum, seen->cksum, sizeof(item.cksum));
    cg_import_add(source, &item);
    free(label);
    return CG_OK;
}

static enum cg_err open_crate(struct cg_import_source *source, struct cg_import_item *item, int *fd_out,
                              uint64_t *size_out, struct cg_error *err)
{
    struct cg_crate_file file = {.fd = -1};
    enum cg_err rc = source->st->ops->crate_open(source->st, item->name, item->version, &file, err);

    if (rc != CG_OK)
        return rc;
    *fd_out = file.fd;
    *size_out = file.size;
    return CG_OK;
}

static enum cg_err list(struct cg_import_source *source, const struct cg_conf_artifactory *art, char *key,
                        struct cg_error *err)
{
    struct cg_conf_namespace scratch = {
        .name = (char[]){SCRATCH}, .storage = CG_STORAGE_ARTIFACTORY, .artifactory = art->name, .repository = key};
    enum cg_err rc = cg_wiring_storage(source->ctl->conf, &scratch, &source->st, err);

    if (rc == CG_OK && !source->st->ops->crate_scan)
        rc = cg_error_set(err, CG_ERR_INVALID, "the storage of this version cannot list a repository");
    return rc == CG_OK ? source->st->ops->crate_scan(source->st, take_seen, source, err) : rc;
}

bool cg_import_is_repository(const struct cg_conf *conf, const char *text)
{
    char *key = NULL;
    bool is = find_instance(conf, text, &key) != NULL;

    free(key);
    return is;
}

enum cg_err cg_import_repository(struct cg_import_source *source, struct cg_error *err)
{
    char *key = NULL;
    const struct cg_conf_artifactory *art = find_instance(source->ctl->conf, source->text, &key);
    enum cg_err rc;

    CG_ASSERT(art);
    source->open = open_crate;
    rc = check_target(source->ctl->conf, art, key, source->ns, err);
    if (rc == CG_OK)
        rc = list(source, art, key, err);
    free(key);
    return rc;
}
