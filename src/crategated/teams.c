/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "crategated/teams.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "crategated/wiring.h"

#define GROUPS_MAX 10000
#define BELIEVED_GONE 5

/* What the directory said, and what becomes of it. */
struct looking {
    struct cg_conf *base;
    struct cg_team_look *look;
    struct cg_team_list found; /* name "" where the group makes none */
    struct cg_conf_team *wanted; /* of the groups found and of those kept, who shall have a namespace */
    size_t wanted_count;
};

/* What the directory is asked for: when that changes, many teams going is what was meant. */
static char *question_of(const struct cg_conf *conf)
{
    char *bases = cg_strlist_join(conf->ldap.group_base, "\n");
    char *text = cg_asprintf("%s\n%s\n%s", conf->teams.group_filter, conf->teams.name_prefix, bases);

    free(bases);
    return text;
}

/* Asking the directory */

struct collecting {
    const struct cg_conf *conf;
    struct cg_team_list *found;
    struct cg_error *err;
};

static enum cg_err collect(void *cls, const char *dn, const char *group)
{
    struct collecting *c = cls;
    char name[CG_NAMESPACE_MAX + 1] = "";

    if (c->found->count == GROUPS_MAX)
        return cg_error_set(c->err, CG_ERR_UNAVAILABLE, "teams.group_filter finds more than %d groups", GROUPS_MAX);
    if (cg_conf_team_name(c->conf, group, name, NULL) != CG_OK)
        name[0] = '\0'; /* told by cg_conf_with_teams */
    cg_team_list_add(c->found, name, group, dn);
    return CG_OK;
}

static enum cg_err list_groups(const struct cg_conf *conf, struct cg_directory *dir, struct cg_team_list *found,
                               struct cg_error *err)
{
    struct collecting c = {.conf = conf, .found = found, .err = err};

    if (!cg_conf_has_directory(conf))
        return cg_error_set(err, CG_ERR_UNAVAILABLE, "the directory is not enabled (ldap.enabled)");
    return dir->ops->each_group(dir, conf->teams.group_filter, collect, &c, err);
}

enum cg_err cg_teams_find(const struct cg_conf *conf, struct cg_directory *dir, const char *name,
                          struct cg_team_list *found_out, struct cg_error *err)
{
    struct cg_team_list all = {0}, found = {0};
    enum cg_err rc = list_groups(conf, dir, &all, err);

    for (size_t i = 0; rc == CG_OK && i < all.count; i++)
        if (strcmp(all.items[i].name, name) == 0)
            cg_team_list_add(&found, name, all.items[i].group, all.items[i].dn);
    cg_team_list_free(&all);
    if (rc == CG_OK)
        *found_out = found;
    return rc;
}

/* Whose namespaces there shall be */

static void want(struct looking *l, const struct cg_team *team)
{
    l->wanted[l->wanted_count++] = (struct cg_conf_team){.group = team->group, .dn = team->dn};
}

static bool is_known(const struct looking *l, const struct cg_team *group)
{
    const struct cg_team *known = cg_team_list_find(&l->look->list, group->name);

    return known && strcmp(known->dn, group->dn) == 0;
}

/* Is another group found that gives the same name? Then cg_conf_with_teams refuses both. */
static bool is_shared(const struct looking *l, const struct cg_team *group)
{
    for (size_t i = 0; i < l->found.count; i++)
        if (strcmp(l->found.items[i].name, group->name) == 0 && strcmp(l->found.items[i].dn, group->dn) != 0)
            return true;
    return false;
}

/* May the group have the name? Not when it was another's, nor when somebody's crates lie there. */
static bool may_have_name(struct looking *l, const struct cg_team *group)
{
    const struct cg_team *known = cg_team_list_find(&l->look->list, group->name);
    bool crates = false;

    if (known)
        cg_buf_addf(&l->look->problems,
                    "group \"%s\" makes no namespace: the namespace \"%s\" is that of group \"%s\"; if this one is to "
                    "have it, with its crates: crategatectl namespace adopt %s\n",
                    group->dn, group->name, known->dn, group->name);
    else if (!cg_conf_namespace(cg_conf_base(l->base), group->name))
        crates = cg_wiring_has_crates(l->base, group->name);
    if (crates)
        cg_buf_addf(&l->look->problems,
                    "group \"%s\" makes no namespace: crates of a namespace \"%s\" are on disk, and nobody knows whose; "
                    "if this group is to have them: crategatectl namespace adopt %s\n",
                    group->dn, group->name, group->name);
    return !known && !crates;
}

/* Those already known come first, so that a new team never takes a prefix from one of them. */
static void want_found(struct looking *l)
{
    for (size_t i = 0; i < l->found.count; i++)
        if (is_known(l, &l->found.items[i]))
            want(l, &l->found.items[i]);
    for (size_t i = 0; i < l->found.count; i++) {
        const struct cg_team *group = &l->found.items[i];

        if (!is_known(l, group) && (group->name[0] == '\0' || is_shared(l, group) || may_have_name(l, group)))
            want(l, group);
    }
}

static struct cg_map *by_dn(const struct cg_team_list *list)
{
    struct cg_map *map = cg_map_new(NULL);

    for (size_t i = 0; i < list->count; i++)
        cg_map_put(map, list->items[i].dn, &list->items[i]);
    return map;
}

/* Teams that are not among the groups found; kept when there are too many of them to be true. */
static void want_doubted(struct looking *l, const char *question)
{
    struct cg_map *found = by_dn(&l->found);
    struct cg_team_list *list = &l->look->list;
    size_t there = 0, missing = 0;

    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].gone_since)
            continue;
        there++;
        missing += cg_map_get(found, list->items[i].dn) == NULL;
    }
    if (missing > BELIEVED_GONE && (double)missing > l->base->ldap.max_sweep_fraction * (double)there &&
        cg_streq(list->asked, question)) {
        l->look->doubted = missing;
        for (size_t i = 0; i < list->count; i++)
            if (!list->items[i].gone_since && !cg_map_get(found, list->items[i].dn))
                want(l, &list->items[i]);
    }
    cg_map_free(&found);
}

static void want_remembered(struct looking *l, bool with_gone)
{
    const struct cg_team_list *list = &l->look->list;

    for (size_t i = 0; i < list->count; i++)
        if (with_gone || !list->items[i].gone_since)
            want(l, &list->items[i]);
}

/* What to remember */

static const struct cg_conf_team *wanted_of(const struct looking *l, const char *dn)
{
    for (size_t i = 0; i < l->wanted_count; i++)
        if (strcmp(l->wanted[i].dn, dn) == 0)
            return &l->wanted[i];
    return NULL;
}

static void note_gone(struct cg_team_look *look)
{
    for (size_t i = 0; i < look->list.count; i++) {
        struct cg_team *team = &look->list.items[i];
        const struct cg_conf_namespace *ns = cg_conf_namespace(look->conf, team->name);

        if (team->gone_since || (ns && cg_streq(ns->team_dn, team->dn)))
            continue;
        team->gone_since = cg_clock_wall_s();
        look->changed = true;
    }
}

static void note_there(struct looking *l, const struct cg_conf_namespace *ns)
{
    struct cg_team_look *look = l->look;
    struct cg_team *team = cg_team_list_find(&look->list, ns->name);

    if (!team) {
        cg_team_list_add(&look->list, ns->name, wanted_of(l, ns->team_dn)->group, ns->team_dn);
        look->changed = true;
    } else if (team->gone_since) {
        team->gone_since = 0;
        look->changed = true;
    }
}

static void note_all(struct looking *l, const char *question)
{
    struct cg_team_look *look = l->look;

    for (size_t i = 0; i < look->conf->namespace_count; i++)
        if (look->conf->namespaces[i].team_dn)
            note_there(l, &look->conf->namespaces[i]);
    note_gone(look);
    if (!look->list.known || !cg_streq(look->list.asked, question)) {
        free(look->list.asked);
        look->list.asked = cg_strdup(question);
        look->list.known = look->changed = true;
    }
}

/* A look */

static enum cg_err derive(struct looking *l, struct cg_error *err)
{
    enum cg_err rc = cg_conf_with_teams(l->base, l->wanted, l->wanted_count, &l->look->problems, &l->look->conf);

    return rc == CG_OK ? rc : cg_error_set(err, rc, "the configuration has no [teams]");
}

static enum cg_err from_directory(struct looking *l, struct cg_error *err)
{
    char *question = question_of(l->base);
    enum cg_err rc;

    l->wanted = cg_calloc(l->found.count + l->look->list.count + 1, sizeof(*l->wanted));
    want_found(l);
    want_doubted(l, question);
    rc = derive(l, err);
    if (rc == CG_OK)
        note_all(l, question);
    free(question);
    return rc;
}

static enum cg_err from_memory(struct looking *l, bool with_gone, struct cg_error *err)
{
    if (!l->look->list.known) {
        l->look->conf = cg_conf_ref((struct cg_conf *)cg_conf_base(l->base));
        return CG_OK;
    }
    l->wanted = cg_calloc(l->look->list.count + 1, sizeof(*l->wanted));
    want_remembered(l, with_gone);
    return derive(l, err);
}

static void begin(struct cg_team_look *look)
{
    *look = (struct cg_team_look){.lock_fd = -1, .read_only = look->read_only, .begun = true};
    cg_buf_init(&look->problems, CG_TEAM_PROBLEMS_MAX);
}

enum cg_err cg_teams_look(struct cg_conf *base, struct cg_directory *dir, struct cg_team_look *look,
                          struct cg_error *err)
{
    struct looking l = {.base = base, .look = look};
    struct cg_error why = {0};
    enum cg_err told, rc;

    begin(look);
    told = list_groups(base, dir, &l.found, &why); /* before the lock: it may take its time */
    rc = look->read_only ? CG_OK : cg_team_list_lock(base->state_dir, &look->lock_fd, err);
    if (rc == CG_OK)
        rc = cg_team_list_load(base->state_dir, &look->list, err);
    look->answered = told == CG_OK;
    if (!look->answered)
        cg_buf_addf(&look->problems, "the directory did not tell the teams: %s\n", why.detail);
    if (rc == CG_OK)
        rc = look->answered ? from_directory(&l, err) : from_memory(&l, false, err);
    free(l.wanted);
    cg_team_list_free(&l.found);
    return rc;
}

enum cg_err cg_teams_recall(struct cg_conf *base, bool with_gone, struct cg_team_look *look, struct cg_error *err)
{
    struct looking l = {.base = base, .look = look};
    enum cg_err rc;

    begin(look);
    rc = cg_team_list_load(base->state_dir, &look->list, err);
    if (rc == CG_OK)
        rc = from_memory(&l, with_gone, err);
    free(l.wanted);
    return rc;
}

void cg_team_look_free(struct cg_team_look *look)
{
    if (!look->begun)
        return;
    cg_conf_unref(&look->conf);
    cg_team_list_free(&look->list);
    cg_buf_free(&look->problems);
    cg_team_list_unlock(&look->lock_fd);
}

/* Two snapshots */

void cg_teams_only_in(const struct cg_conf *a, const struct cg_conf *b,
                      void (*visit)(void *cls, const struct cg_conf_namespace *ns), void *cls)
{
    for (size_t i = 0; i < a->namespace_count; i++) {
        const struct cg_conf_namespace *ns = &a->namespaces[i];
        const struct cg_conf_namespace *other = ns->team_dn ? cg_conf_namespace(b, ns->name) : NULL;

        if (ns->team_dn && !(other && cg_streq(other->team_dn, ns->team_dn)))
            visit(cls, ns);
    }
}

static void count_one(void *cls, const struct cg_conf_namespace *ns)
{
    (void)ns;
    ++*(size_t *)cls;
}

bool cg_teams_same(const struct cg_conf *a, const struct cg_conf *b)
{
    size_t differences = 0;

    if (cg_conf_teams_unknown(a) != cg_conf_teams_unknown(b))
        return false;
    cg_teams_only_in(a, b, count_one, &differences);
    cg_teams_only_in(b, a, count_one, &differences);
    return differences == 0;
}
