/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A snapshot with the namespaces of teams: the base's members, shared, and one more namespace for each team. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "conf/format.h"
#include "conf/parse.h"

const struct cg_conf *cg_conf_base(const struct cg_conf *conf)
{
    return conf->base ? conf->base : conf;
}

bool cg_conf_teams_unknown(const struct cg_conf *conf)
{
    return conf->teams.present && !conf->teams.known;
}

enum cg_err cg_conf_team_name(const struct cg_conf *conf, const char *group, char out[CG_NAMESPACE_MAX + 1],
                              struct cg_error *err)
{
    const char *prefix = conf->teams.name_prefix, *rest = group + strlen(prefix);
    char name[CG_NAMESPACE_MAX + 1];
    struct cg_error why = {0};

    if (!cg_str_starts_nocase(group, prefix))
        return cg_error_set(err, CG_ERR_INVALID, "its name does not begin with \"%s\" (teams.name_prefix)", prefix);
    if (strlen(rest) >= sizeof(name))
        return cg_error_set(err, CG_ERR_INVALID, "its name is too long for a namespace's");
    strcpy(name, rest);
    cg_str_lower(name);
    if (cg_conf_check_namespace_name(name, &why) != CG_OK)
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" cannot be a namespace's name: %s", name, why.detail);
    strcpy(out, name);
    return CG_OK;
}

static char **fill_strings(char *const *list, const char *team)
{
    size_t count = 0;
    char **copy;

    while (list && list[count])
        count++;
    copy = cg_calloc(count + 1, sizeof(*copy));
    for (size_t i = 0; i < count; i++)
        copy[i] = cg_conf_fill_team(list[i], team);
    return copy;
}

static struct cg_conf_grants fill_grants(const struct cg_conf_grants *grants, const char *team)
{
    struct cg_conf_grants copy = {.count = grants->count};

    copy.items = cg_calloc(grants->count + 1, sizeof(*copy.items));
    for (size_t i = 0; i < grants->count; i++) {
        copy.items[i] = grants->items[i];
        copy.items[i].value = cg_conf_fill_team(grants->items[i].value, team);
        copy.items[i].text = cg_conf_fill_team(grants->items[i].text, team);
    }
    return copy;
}

static void make_namespace(const struct cg_conf *conf, const char *name, const char *dn, struct cg_conf_namespace *out)
{
    const struct cg_conf_namespace *like = &conf->teams.like;

    *out = (struct cg_conf_namespace){.line = conf->teams.line,
                                      .type = like->type,
                                      .storage = like->storage,
                                      .artifactory = cg_strdup(""),
                                      .repository = cg_strdup("")};
    out->name = cg_strdup(name);
    out->team_dn = cg_strdup(dn);
    out->read = fill_grants(&like->read, name);
    out->publish = fill_grants(&like->publish, name);
    out->admin = fill_grants(&like->admin, name);
    out->prefixes = fill_strings(like->prefixes, name);
    out->required_fields = fill_strings(like->required_fields, name);
    out->allowed_registries = fill_strings(like->allowed_registries, name);
}

static void free_namespace(struct cg_conf_namespace *ns)
{
    cg_conf_free_members("namespace.*", ns);
    free(ns->name);
    free(ns->team_dn);
}

void cg_conf_free_teams(struct cg_conf *conf)
{
    for (size_t i = conf->base->namespace_count; i < conf->namespace_count; i++)
        free_namespace(&conf->namespaces[i]);
    free(conf->namespaces);
    cg_conf_unref(&conf->base);
    free(conf);
}

/* What making the teams' namespaces needs. */
struct making {
    struct cg_conf *conf;
    struct cg_map *first;  /* name -> the first team that bears it */
    struct cg_map *shared; /* name -> the same, where another group bears it too */
    struct cg_buf *problems;
};

static void CG_PRINTF(3, 4) leave_out(struct making *m, const struct cg_conf_team *team, const char *fmt, ...)
{
    char reason[CG_ERROR_DETAIL_MAX];
    va_list args;

    if (!m->problems)
        return;
    va_start(args, fmt);
    vsnprintf(reason, sizeof(reason), fmt, args);
    va_end(args);
    cg_buf_addf(m->problems, "group \"%s\" makes no namespace: %s\n", team->dn, reason);
}

static void note_name(struct making *m, const struct cg_conf_team *team)
{
    char name[CG_NAMESPACE_MAX + 1];
    const struct cg_conf_team *other;

    if (cg_conf_team_name(m->conf, team->group, name, NULL) != CG_OK)
        return;
    other = cg_map_get(m->first, name);
    if (!other)
        cg_map_put(m->first, name, (void *)team);
    else if (!cg_streq(other->dn, team->dn) && !cg_map_get(m->shared, name))
        cg_map_put(m->shared, name, (void *)team);
}

/* The namespace of those made so far with a prefix that one of `ns` covers or is covered by. */
static const struct cg_conf_namespace *prefix_rival(const struct cg_conf *conf, const struct cg_conf_namespace *ns)
{
    for (size_t i = 0; i < conf->namespace_count; i++)
        for (char *const *mine = ns->prefixes; *mine; mine++)
            for (char *const *theirs = conf->namespaces[i].prefixes; *theirs; theirs++)
                if (cg_conf_prefix_covers(*mine, *theirs))
                    return &conf->namespaces[i];
    return NULL;
}

static bool prefixes_good(struct making *m, const struct cg_conf_team *team, const struct cg_conf_namespace *ns)
{
    const struct cg_conf_namespace *rival = prefix_rival(m->conf, ns);
    struct cg_error err = {0};

    for (char *const *prefix = ns->prefixes; *prefix; prefix++) {
        if (cg_conf_check_prefix(*prefix, &err) != CG_OK) {
            leave_out(m, team, "%s", err.detail);
            return false;
        }
    }
    if (rival)
        leave_out(m, team, "its prefixes and those of namespace \"%s\" reserve the same names", rival->name);
    return !rival;
}

/* Is the name this team's to have? */
static bool name_good(struct making *m, const struct cg_conf_team *team, char name[CG_NAMESPACE_MAX + 1])
{
    const struct cg_conf_team *first, *other;
    struct cg_error err = {0};

    if (cg_conf_team_name(m->conf, team->group, name, &err) != CG_OK) {
        leave_out(m, team, "%s", err.detail);
        return false;
    }
    first = cg_map_get(m->first, name);
    other = cg_map_get(m->shared, name);
    if (other) {
        leave_out(m, team, "group \"%s\" would make a namespace \"%s\" too, so neither does",
                  cg_streq(other->dn, team->dn) ? first->dn : other->dn, name);
        return false;
    }
    if (first != team) /* the same entry, told twice */
        return false;
    if (cg_conf_namespace(m->conf->base, name)) {
        leave_out(m, team, "the configuration has a namespace \"%s\" of its own", name);
        return false;
    }
    return true;
}

static void add_team(struct making *m, const struct cg_conf_team *team)
{
    struct cg_conf *conf = m->conf;
    struct cg_conf_namespace *ns = &conf->namespaces[conf->namespace_count];
    char name[CG_NAMESPACE_MAX + 1];

    if (!name_good(m, team, name))
        return;
    make_namespace(conf, name, team->dn, ns);
    if (prefixes_good(m, team, ns))
        conf->namespace_count++;
    else
        free_namespace(ns);
}

static struct cg_conf *derive(struct cg_conf *base, size_t room)
{
    struct cg_conf *conf = cg_calloc(1, sizeof(*conf));

    memcpy(conf, base, sizeof(*conf));
    atomic_init(&conf->refs, 1);
    conf->base = cg_conf_ref(base);
    conf->teams.known = true;
    conf->namespaces = cg_calloc(base->namespace_count + room + 1, sizeof(*conf->namespaces));
    if (base->namespace_count)
        memcpy(conf->namespaces, base->namespaces, base->namespace_count * sizeof(*conf->namespaces));
    return conf;
}

enum cg_err cg_conf_with_teams(struct cg_conf *base, const struct cg_conf_team *teams, size_t count,
                               struct cg_buf *problems, struct cg_conf **conf_out)
{
    struct cg_conf *loaded = base->base ? base->base : base;
    struct making m = {.problems = problems};

    if (!loaded->teams.present)
        return CG_ERR_INVALID;
    m.conf = derive(loaded, count);
    m.first = cg_map_new(NULL);
    m.shared = cg_map_new(NULL);
    for (size_t i = 0; i < count; i++)
        note_name(&m, &teams[i]);
    for (size_t i = 0; i < count; i++)
        add_team(&m, &teams[i]);
    cg_map_free(&m.first);
    cg_map_free(&m.shared);
    *conf_out = m.conf;
    return CG_OK;
}
