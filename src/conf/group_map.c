/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* [[ldap.group_map]]: grants that stand with the directory's settings. Each joins a list of its namespace. */
#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"
#include "conf/format.h"
#include "conf/parse.h"

static struct cg_conf_namespace *find_namespace(struct cg_conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->namespace_count; i++)
        if (cg_streq(conf->namespaces[i].name, name))
            return &conf->namespaces[i];
    return NULL;
}

static struct cg_conf_grants *list_of(struct cg_conf_namespace *ns, int role)
{
    switch ((enum cg_mapped_role)role) {
    case CG_MAPPED_READ:
        return &ns->read;
    case CG_MAPPED_PUBLISH:
        return &ns->publish;
    case CG_MAPPED_OWNER:
    case CG_MAPPED_ADMIN:
        break;
    }
    return &ns->admin;
}

static void add_grant(struct cg_conf_grants *grants, const struct cg_conf_group_map *map)
{
    struct cg_conf_grant *grant;

    grants->items = cg_reallocarray(grants->items, grants->count + 1, sizeof(*grants->items));
    grant = &grants->items[grants->count++];
    *grant = (struct cg_conf_grant){.kind = CG_GRANT_DN, .line = map->line, .mapped = true};
    grant->value = cg_strdup(map->group);
    grant->text = cg_asprintf("dn:%s", map->group);
}

static void join(struct cg_conf_context *ctx, const struct cg_conf_place *place, const struct cg_conf_group_map *map)
{
    struct cg_conf_namespace *ns = find_namespace(ctx->conf, map->namespace_name);

    if (ns)
        add_grant(list_of(ns, map->role), map);
    else
        cg_conf_problem(ctx, place, "namespace", -1, "there is no section [namespace.%s]%s", map->namespace_name,
                        ctx->conf->teams.present ? "; who may do what in a team's namespace stands in [teams]" : "");
}

static void read_one(struct cg_conf_context *ctx, size_t index, json_t *value)
{
    struct cg_conf_group_map *map = &ctx->conf->ldap.group_map[ctx->conf->ldap.group_map_count++];
    size_t problems = ctx->problems.count;
    char number[16];
    struct cg_conf_place place = {
        .section = "ldap.group_map[]", .parent = "ldap", .array = "group_map", .name = number, .object = value};

    snprintf(number, sizeof(number), "%u", (unsigned)index % 1000000);
    map->line = cg_conf_line(ctx, &place, NULL, -1);
    cg_conf_read_section(ctx, &place, map);
    if (ctx->problems.count == problems)
        join(ctx, &place, map);
}

void cg_conf_read_group_map(struct cg_conf_context *ctx)
{
    struct cg_conf_place ldap = cg_conf_place(ctx, "ldap");
    json_t *list = json_object_get(ldap.object, "group_map"), *value;
    size_t i;

    if (!list)
        return;
    ctx->conf->ldap.group_map = cg_calloc(json_array_size(list) + 1, sizeof(*ctx->conf->ldap.group_map));
    if (!json_is_array(list))
        cg_conf_problem(ctx, &ldap, "group_map", -1, "must be a list of sections: [[ldap.group_map]]");
    json_array_foreach(list, i, value) {
        if (json_is_object(value))
            read_one(ctx, i, value);
        else
            cg_conf_problem(ctx, &ldap, "group_map", (int)i, "must be a section: [[ldap.group_map]]");
    }
}
