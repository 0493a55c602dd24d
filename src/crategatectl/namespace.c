/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* crategatectl namespace list: what is configured, and what is on disk. */
#include "crategatectl/ctl.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "crategated/wiring.h"

static enum cg_err count_crate(void *cls, const char *index_name)
{
    (void)index_name;
    ++*(unsigned long *)cls;
    return CG_OK;
}

static void print_grants(const char *role, const struct cg_conf_grants *grants)
{
    if (grants->count == 0)
        return;
    printf("    %-8s", role);
    for (size_t i = 0; i < grants->count; i++)
        printf(" %s", grants->items[i].text);
    putchar('\n');
}

static int print_namespace(const struct cg_conf *conf, const struct cg_conf_namespace *ns)
{
    struct cg_storage *st = NULL;
    struct cg_error err = {0};
    unsigned long crates = 0;
    enum cg_err rc = cg_wire_storage(conf, ns, &st, &err);

    if (rc == CG_OK)
        rc = st->ops->index_each(st, count_crate, &crates, &err);
    cg_storage_free(&st);
    if (rc != CG_OK)
        return cg_ctl_fail(&err, "namespace %s", ns->name);
    printf("%s  local, filesystem, %lu crates\n    sparse+%s/api/cargo/%s/index/\n", ns->name, crates, conf->public_url,
           ns->name);
    print_grants("read", &ns->read);
    print_grants("publish", &ns->publish);
    print_grants("admin", &ns->admin);
    return CG_CTL_OK;
}

/* Crates of a namespace that left the configuration stay where they are; say so, or nobody knows. */
static void print_leftovers(const struct cg_conf *conf)
{
    char *path = cg_asprintf("%s/namespaces", conf->state_dir);
    DIR *dir = opendir(path);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.' && !cg_conf_namespace(conf, entry->d_name))
            printf("%s  not in the configuration: its crates are kept in %s/%s and nobody can reach them\n",
                   entry->d_name, path, entry->d_name);
    if (dir)
        closedir(dir);
    free(path);
}

int cg_ctl_namespace(struct cg_ctl *ctl, int argc, char **argv)
{
    struct cg_error err = {0};
    int status = CG_CTL_OK;

    if (argc != 2 || strcmp(argv[1], "list") != 0)
        return cg_ctl_usage("namespace list");
    if (cg_ctl_enter_state(ctl->conf, &err) != CG_OK)
        return cg_ctl_fail(&err, "namespace");
    for (size_t i = 0; i < ctl->conf->namespace_count; i++)
        if (print_namespace(ctl->conf, &ctl->conf->namespaces[i]) != CG_CTL_OK)
            status = CG_CTL_FAILED;
    print_leftovers(ctl->conf);
    return status;
}
