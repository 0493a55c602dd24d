/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* crategatectl namespace: what there is and whose, what lies on disk besides, and a name given to another group. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "crategate/clock.h"
#include "crategated/teams.h"
#include "crategated/wiring.h"
#include "crategatectl/ctl.h"

#define SYNOPSIS                                                                                                       \
    "namespace list\n"                                                                                                 \
    "       crategatectl [-c FILE] namespace adopt NAME ..."

static enum cg_err count_crate(void *cls, const char *index_name)
{
    (void)index_name;
    ++*(unsigned long *)cls;
    return CG_OK;
}

static enum cg_err count_crates(const struct cg_conf *conf, const struct cg_conf_namespace *ns, unsigned long *out,
                                struct cg_error *err)
{
    struct cg_storage *st = NULL;
    enum cg_err rc = cg_wiring_storage(conf, ns, &st, err);

    if (rc == CG_OK)
        rc = st->ops->index_each(st, count_crate, out, err);
    cg_storage_free(&st);
    return rc;
}

/* Of one that may not be there at all: opening would make it. */
static unsigned long count_leftover(const struct cg_conf *conf, const char *name)
{
    struct cg_conf_namespace ns = {.name = (char *)name};
    unsigned long crates = 0;

    if (cg_wiring_has_crates(conf, name) && count_crates(conf, &ns, &crates, NULL) != CG_OK)
        return 0;
    return crates;
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
    struct cg_error err = {0};
    unsigned long crates = 0;

    if (count_crates(conf, ns, &crates, &err) != CG_OK)
        return cg_ctl_fail(&err, "namespace %s", ns->name);
    if (ns->storage == CG_STORAGE_ARTIFACTORY)
        printf("%s  local, repository %s of Artifactory %s, %lu crates\n", ns->name, ns->repository, ns->artifactory,
               crates);
    else
        printf("%s  local, filesystem, %lu crates\n", ns->name, crates);
    if (ns->team_dn)
        printf("    team of group %s\n", ns->team_dn);
    printf("    sparse+%s/api/cargo/%s/index/\n", conf->public_url, ns->name);
    print_grants("read", &ns->read);
    print_grants("publish", &ns->publish);
    print_grants("admin", &ns->admin);
    return CG_CTL_OK;
}

static void print_gone(const struct cg_conf *conf, const struct cg_team_list *teams)
{
    char since[CG_TIME_RFC3339_SIZE];

    for (size_t i = 0; i < teams->count; i++) {
        const struct cg_team *team = &teams->items[i];

        if (!team->gone_since || cg_conf_namespace(conf, team->name))
            continue;
        cg_time_rfc3339(team->gone_since, since);
        printf("%s: team gone since %s, %lu crates on disk; nobody can reach them until group %s is back\n", team->name,
               since, count_leftover(conf, team->name), team->dn);
    }
}

/* Crates of a namespace that left the configuration stay where they are; say so, or nobody knows. */
static void print_leftovers(const struct cg_conf *conf, const struct cg_team_list *teams)
{
    char *path = cg_asprintf("%s/namespaces", conf->state_dir);
    DIR *dir = opendir(path);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.' && !cg_conf_namespace(conf, entry->d_name) &&
            !(conf->teams.present && cg_team_list_find(teams, entry->d_name)))
            printf("%s  not in the configuration: its crates are kept in %s/%s and nobody can reach them\n",
                   entry->d_name, path, entry->d_name);
    if (dir)
        closedir(dir);
    free(path);
}

static int list(struct cg_ctl *ctl)
{
    struct cg_team_list teams = {0};
    struct cg_error err = {0};
    int status = CG_CTL_OK;

    if (cg_team_list_load(ctl->conf->state_dir, &teams, &err) != CG_OK)
        return cg_ctl_fail(&err, "namespace");
    for (size_t i = 0; i < ctl->conf->namespace_count; i++)
        if (print_namespace(ctl->conf, &ctl->conf->namespaces[i]) != CG_CTL_OK)
            status = CG_CTL_FAILED;
    if (ctl->conf->teams.present)
        print_gone(ctl->conf, &teams);
    print_leftovers(ctl->conf, &teams);
    cg_team_list_free(&teams);
    return status;
}

/* The one group whose namespace would have the name. */
static enum cg_err find_group(struct cg_ctl *ctl, const char *name, struct cg_team_list *found, struct cg_error *err)
{
    struct cg_directory *dir = NULL;
    enum cg_err rc = cg_wiring_directory(ctl->conf, &dir, err);

    if (rc == CG_OK)
        rc = cg_teams_find(ctl->conf, dir, name, found, err);
    cg_directory_free(&dir);
    if (rc != CG_OK)
        return rc;
    if (found->count == 0)
        return cg_error_set(err, CG_ERR_ABSENT, "no group that teams.group_filter finds makes a namespace \"%s\"", name);
    if (found->count > 1)
        return cg_error_set(err, CG_ERR_CONFLICT, "two groups make a namespace \"%s\": \"%s\" and \"%s\"", name,
                            found->items[0].dn, found->items[1].dn);
    return CG_OK;
}

static enum cg_err give_name(struct cg_ctl *ctl, const struct cg_team *group, struct cg_error *err)
{
    struct cg_team_list teams = {0};
    struct cg_team *team;
    int lock = -1;
    enum cg_err rc = cg_team_list_lock(ctl->conf->state_dir, &lock, err);

    if (rc == CG_OK)
        rc = cg_team_list_load(ctl->conf->state_dir, &teams, err);
    if (rc == CG_OK) {
        team = cg_team_list_find(&teams, group->name);
        printf("%s: %lu crates on disk; before: %s; now: %s\n", group->name, count_leftover(ctl->conf, group->name),
               team ? team->dn : "nobody known", group->dn);
        if (team)
            cg_team_adopt(team, group->group, group->dn);
        else
            cg_team_list_add(&teams, group->name, group->group, group->dn);
        rc = cg_team_list_save(ctl->conf->state_dir, &teams, err);
    }
    cg_team_list_free(&teams);
    cg_team_list_unlock(&lock);
    return rc;
}

static enum cg_err adopt_one(struct cg_ctl *ctl, const char *name, struct cg_error *err)
{
    struct cg_audit_record record = {.event = CG_AUDIT_TEAM_APPEAR, .namespace_name = name};
    struct cg_team_list found = {0};
    struct cg_audit *audit = NULL;
    enum cg_err rc = cg_ctl_audit_begin(ctl, &audit, err);

    if (rc == CG_OK)
        rc = find_group(ctl, name, &found, err);
    if (rc == CG_OK) {
        record.target = found.items[0].dn;
        rc = give_name(ctl, &found.items[0], err);
    }
    cg_ctl_audit_end(ctl, &audit, &record, rc == CG_OK ? NULL : err);
    cg_team_list_free(&found);
    return rc;
}

static int adopt(struct cg_ctl *ctl, char **names)
{
    struct cg_error err = {0};

    if (!ctl->conf->teams.present) {
        cg_error_set(&err, CG_ERR_INVALID, "the configuration has no [teams]");
        return cg_ctl_fail(&err, "namespace adopt");
    }
    for (; *names; names++)
        if (adopt_one(ctl, *names, &err) != CG_OK)
            return cg_ctl_fail(&err, "namespace adopt %s", *names);
    puts("The daemon follows within ldap.revalidate_interval, at SIGHUP at once.");
    return CG_CTL_OK;
}

int cg_ctl_namespace(struct cg_ctl *ctl, int argc, char **argv)
{
    bool adopts = argc > 2 && strcmp(argv[1], "adopt") == 0;
    struct cg_error err = {0};

    if (!adopts && (argc != 2 || strcmp(argv[1], "list") != 0))
        return cg_ctl_usage(SYNOPSIS);
    if (cg_ctl_enter_state(ctl->conf, &err) != CG_OK)
        return cg_ctl_fail(&err, "namespace");
    return adopts ? adopt(ctl, argv + 2) : list(ctl);
}
