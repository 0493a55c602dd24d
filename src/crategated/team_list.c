/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "crategated/team_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"

#define FILE_MAX (64 * 1024 * 1024)
#define VERSION 1

static char *path_of(const char *state_dir, const char *name)
{
    return cg_asprintf("%s/%s", state_dir, name);
}

enum cg_err cg_team_list_lock(const char *state_dir, int *fd_out, struct cg_error *err)
{
    char *path = path_of(state_dir, "teams.lock");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum cg_err rc = fd < 0 ? cg_file_error(err, errno, "open", path) : CG_OK;

    while (rc == CG_OK && flock(fd, LOCK_EX) != 0)
        if (errno != EINTR)
            rc = cg_file_error(err, errno, "lock", path);
    if (rc == CG_OK)
        *fd_out = fd;
    else if (fd >= 0)
        close(fd);
    free(path);
    return rc;
}

void cg_team_list_unlock(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static enum cg_err take_team(struct cg_team_list *list, const json_t *item, struct cg_error *err)
{
    const char *name = cg_json_str(item, "name"), *group = cg_json_str(item, "group"), *dn = cg_json_str(item, "dn");
    struct cg_team *team;

    if (!name || !group || !dn || !cg_namespace_valid(name) || cg_team_list_find(list, name))
        return cg_error_set(err, CG_ERR_INVALID, "a team without name, group and dn of its own");
    team = cg_team_list_add(list, name, group, dn);
    team->since = json_integer_value(json_object_get(item, "since"));
    team->gone_since = json_integer_value(json_object_get(item, "gone_since"));
    return CG_OK;
}

static enum cg_err take_all(struct cg_team_list *list, const json_t *root, struct cg_error *err)
{
    const json_t *teams = json_object_get(root, "teams");
    const char *asked = cg_json_str(root, "asked");
    enum cg_err rc = CG_OK;

    if (json_integer_value(json_object_get(root, "version")) != VERSION || !asked || !json_is_array(teams))
        return cg_error_set(err, CG_ERR_INVALID, "not a list of teams of this version");
    list->known = true;
    list->asked = cg_strdup(asked);
    for (size_t i = 0; rc == CG_OK && i < json_array_size(teams); i++)
        rc = take_team(list, json_array_get(teams, i), err);
    return rc;
}

enum cg_err cg_team_list_load(const char *state_dir, struct cg_team_list *list_out, struct cg_error *err)
{
    char *path = path_of(state_dir, "teams.json");
    struct cg_team_list list = {0};
    struct cg_error why = {0};
    json_t *root = NULL;
    struct cg_buf text;
    enum cg_err rc;

    cg_buf_init(&text, FILE_MAX);
    rc = cg_file_read(path, &text, &why);
    if (rc == CG_OK) {
        rc = cg_json_parse(cg_buf_str(&text), text.len, &root, &why);
        if (rc == CG_OK)
            rc = take_all(&list, root, &why);
        if (rc != CG_OK)
            cg_error_prefix(&why, "%s", path);
    }
    if (rc == CG_OK || rc == CG_ERR_ABSENT) {
        *list_out = list;
        rc = CG_OK;
    } else {
        cg_team_list_free(&list);
        cg_error_set(err, rc, "%s", why.detail);
    }
    json_decref(root);
    cg_buf_free(&text);
    free(path);
    return rc;
}

static json_t *team_json(const struct cg_team *team)
{
    json_t *item = json_object();

    json_object_set_new(item, "name", json_string(team->name));
    json_object_set_new(item, "group", json_string(team->group));
    json_object_set_new(item, "dn", json_string(team->dn));
    json_object_set_new(item, "since", json_integer(team->since));
    if (team->gone_since)
        json_object_set_new(item, "gone_since", json_integer(team->gone_since));
    return item;
}

enum cg_err cg_team_list_save(const char *state_dir, const struct cg_team_list *list, struct cg_error *err)
{
    char *path = path_of(state_dir, "teams.json"), *text;
    json_t *root = json_object(), *teams = json_array();
    enum cg_err rc;

    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(teams, team_json(&list->items[i]));
    json_object_set_new(root, "version", json_integer(VERSION));
    json_object_set_new(root, "asked", json_string(list->asked ? list->asked : ""));
    json_object_set_new(root, "teams", teams);
    text = cg_json_dump(root);
    rc = cg_file_replace(path, text, strlen(text), 0600, err);
    free(text);
    json_decref(root);
    free(path);
    return rc;
}

static void free_team(struct cg_team *team)
{
    free(team->name);
    free(team->group);
    free(team->dn);
}

void cg_team_list_free(struct cg_team_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free_team(&list->items[i]);
    free(list->items);
    free(list->asked);
    *list = (struct cg_team_list){0};
}

struct cg_team *cg_team_list_find(const struct cg_team_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, name) == 0)
            return &list->items[i];
    return NULL;
}

struct cg_team *cg_team_list_add(struct cg_team_list *list, const char *name, const char *group, const char *dn)
{
    struct cg_team *team;

    list->items = cg_reallocarray(list->items, list->count + 1, sizeof(*list->items));
    team = &list->items[list->count++];
    *team = (struct cg_team){.name = cg_strdup(name), .group = cg_strdup(group), .dn = cg_strdup(dn)};
    team->since = cg_clock_wall_s();
    return team;
}

void cg_team_adopt(struct cg_team *team, const char *group, const char *dn)
{
    char *new_group = cg_strdup(group), *new_dn = cg_strdup(dn);

    free(team->group);
    free(team->dn);
    team->group = new_group;
    team->dn = new_dn;
    team->since = cg_clock_wall_s();
    team->gone_since = 0;
}
