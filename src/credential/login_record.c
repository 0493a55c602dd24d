/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "credential/login_record.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "crategate/token.h"

#define LIST_VERSION 1
#define WEEK_S (7 * 86400)

void cg_login_record_free(struct cg_login_record *record)
{
    free(record->base);
    free(record->user);
    cg_secret_free(&record->token);
    cg_wish_free(&record->wish);
    *record = (struct cg_login_record){0};
}

void cg_login_record_copy(struct cg_login_record *to, const struct cg_login_record *from)
{
    *to = *from;
    to->base = cg_strdup(from->base);
    to->user = cg_strdup(from->user);
    to->token = (struct cg_secret){0};
    cg_secret_copy(&to->token, &from->token);
    to->wish = (struct cg_wish){0};
    cg_wish_copy(&to->wish, &from->wish);
}

static void write_text(struct cg_buf *out, const char *key, const char *text)
{
    cg_buf_addf(out, "\"%s\":", key);
    cg_json_quote(out, text);
    cg_buf_addch(out, ',');
}

static void write_time(struct cg_buf *out, const char *key, int64_t wall_s)
{
    char text[CG_TIME_RFC3339_SIZE];

    if (wall_s == 0)
        return;
    cg_time_rfc3339(wall_s, text);
    write_text(out, key, text);
}

static void write_list(struct cg_buf *out, const char *key, char *const *list)
{
    char *text = list ? cg_strlist_join(list, ",") : NULL;

    if (text)
        write_text(out, key, text);
    free(text);
}

void cg_login_record_write(struct cg_buf *out, const struct cg_login_record *record)
{
    cg_buf_addch(out, '{');
    write_text(out, "url", record->base);
    write_text(out, "user", record->user);
    write_text(out, "token", record->token.len ? (const char *)record->token.bytes : "");
    write_time(out, "made_at", record->made_at);
    write_time(out, "expires_at", record->expires_at);
    write_time(out, "reminded_at", record->reminded_at);
    write_list(out, "namespaces", record->wish.namespaces);
    write_list(out, "scopes", record->wish.scopes);
    cg_buf_addf(out, "\"days\":%u,\"id\":%lld}", record->wish.days, (long long)record->id);
}

static enum cg_err read_time(const json_t *object, const char *key, int64_t *out, struct cg_error *err)
{
    const char *text = NULL;
    enum cg_err rc = cg_json_get_str(object, key, &text, err);

    if (rc == CG_OK && text && cg_time_parse_rfc3339(text, out) != CG_OK)
        rc = cg_error_set(err, CG_ERR_INVALID, "\"%s\" is no time", key);
    return rc;
}

static enum cg_err read_times(const json_t *object, struct cg_login_record *record, struct cg_error *err)
{
    enum cg_err rc = read_time(object, "made_at", &record->made_at, err);

    if (rc == CG_OK)
        rc = read_time(object, "expires_at", &record->expires_at, err);
    return rc == CG_OK ? read_time(object, "reminded_at", &record->reminded_at, err) : rc;
}

static enum cg_err read_wish(const json_t *object, struct cg_wish *wish, struct cg_error *err)
{
    const char *namespaces = NULL, *scopes = NULL;
    json_int_t days = json_integer_value(json_object_get(object, "days"));
    enum cg_err rc = cg_json_get_str(object, "namespaces", &namespaces, err);

    if (rc == CG_OK)
        rc = cg_json_get_str(object, "scopes", &scopes, err);
    if (rc != CG_OK)
        return rc;
    wish->days = days > 0 && days < 36500 ? (unsigned)days : 0;
    wish->namespaces = namespaces ? cg_strlist_split(namespaces) : NULL;
    wish->scopes = scopes ? cg_strlist_split(scopes) : NULL;
    return CG_OK;
}

static enum cg_err read_texts(const json_t *object, struct cg_login_record *record, struct cg_error *err)
{
    const char *base = NULL, *user = NULL, *token = NULL;
    enum cg_err rc = cg_json_get_str(object, "url", &base, err);

    if (rc == CG_OK)
        rc = cg_json_get_str(object, "user", &user, err);
    if (rc == CG_OK)
        rc = cg_json_get_str(object, "token", &token, err);
    if (rc == CG_OK && (!base || !user || !token))
        rc = cg_error_set(err, CG_ERR_INVALID, "a login has no \"url\", \"user\" or \"token\"");
    if (rc != CG_OK)
        return rc;
    record->base = cg_strdup(base);
    record->user = cg_strdup(user);
    cg_secret_set(&record->token, token, strlen(token));
    return CG_OK;
}

static enum cg_err read_object(const json_t *object, struct cg_login_record *record_out, struct cg_error *err)
{
    struct cg_login_record record = {.id = json_integer_value(json_object_get(object, "id"))};
    enum cg_err rc = read_texts(object, &record, err);

    if (rc == CG_OK)
        rc = read_times(object, &record, err);
    if (rc == CG_OK)
        rc = read_wish(object, &record.wish, err);
    if (rc == CG_OK)
        *record_out = record;
    else
        cg_login_record_free(&record);
    return rc;
}

enum cg_err cg_login_record_read(const char *text, size_t len, struct cg_login_record *record_out, struct cg_error *err)
{
    json_t *object = NULL;
    enum cg_err rc = cg_json_parse(text, len, &object, err);

    if (rc == CG_OK)
        rc = read_object(object, record_out, err);
    json_decref(object);
    return rc;
}

bool cg_login_record_is_ours(const struct cg_login_record *record)
{
    return record->token.len && record->id;
}

bool cg_login_record_expired(const struct cg_login_record *record, int64_t now)
{
    return record->expires_at && record->expires_at <= now;
}

bool cg_login_record_ends_soon(const struct cg_login_record *record, int64_t now)
{
    int64_t last = (record->expires_at - record->made_at) / 10;

    if (!cg_login_record_is_ours(record) || !record->expires_at)
        return false;
    return now >= record->expires_at - (last < WEEK_S ? last : WEEK_S);
}

bool cg_login_record_covers(const struct cg_login_record *record, const char *ns)
{
    if (!record->wish.namespaces)
        return true;
    for (size_t i = 0; record->wish.namespaces[i]; i++)
        if (strcmp(record->wish.namespaces[i], ns) == 0)
            return true;
    return false;
}

void cg_date(int64_t wall_s, char out[CG_DATE_SIZE])
{
    char text[CG_TIME_RFC3339_SIZE];

    cg_time_rfc3339(wall_s, text);
    memcpy(out, text, CG_DATE_SIZE - 1);
    out[CG_DATE_SIZE - 1] = '\0';
}

static enum cg_err read_items(const json_t *logins, struct cg_login_list *list, struct cg_error *err)
{
    size_t count = json_array_size(logins);
    enum cg_err rc = CG_OK;

    if (!json_is_array(logins) || count > CG_LOGINS_MAX)
        return cg_error_set(err, CG_ERR_INVALID, "\"logins\" must be a list of at most %d", CG_LOGINS_MAX);
    list->items = cg_calloc(count + 1, sizeof(*list->items));
    for (size_t i = 0; rc == CG_OK && i < count; i++) {
        rc = read_object(json_array_get(logins, i), &list->items[i], err);
        list->count += rc == CG_OK;
    }
    return rc;
}

enum cg_err cg_login_list_read(const char *text, size_t len, struct cg_login_list *list_out, struct cg_error *err)
{
    struct cg_login_list list = {0};
    json_t *root = NULL;
    enum cg_err rc = cg_json_parse(text, len, &root, err);

    if (rc == CG_OK && json_integer_value(json_object_get(root, "version")) != LIST_VERSION)
        rc = cg_error_set(err, CG_ERR_INVALID, "it is not of version %d", LIST_VERSION);
    if (rc == CG_OK)
        rc = read_items(json_object_get(root, "logins"), &list, err);
    json_decref(root);
    if (rc == CG_OK)
        *list_out = list;
    else
        cg_login_list_free(&list);
    return rc;
}

void cg_login_list_write(struct cg_buf *out, const struct cg_login_list *list)
{
    cg_buf_addf(out, "{\"version\":%d,\"logins\":[", LIST_VERSION);
    for (size_t i = 0; i < list->count; i++) {
        cg_buf_addstr(out, i ? ",\n" : "\n");
        cg_login_record_write(out, &list->items[i]);
    }
    cg_buf_addstr(out, "\n]}\n");
}

struct cg_login_record *cg_login_list_find(const struct cg_login_list *list, const char *base)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].base, base) == 0)
            return &list->items[i];
    return NULL;
}

void cg_login_list_put(struct cg_login_list *list, const struct cg_login_record *record)
{
    struct cg_login_record *place = cg_login_list_find(list, record->base), copy;

    cg_login_record_copy(&copy, record);
    if (place) {
        cg_login_record_free(place);
    } else {
        list->items = cg_reallocarray(list->items, list->count + 1, sizeof(*list->items));
        place = &list->items[list->count++];
    }
    *place = copy;
}

bool cg_login_list_drop(struct cg_login_list *list, const char *base)
{
    struct cg_login_record *place = cg_login_list_find(list, base);

    if (!place)
        return false;
    cg_login_record_free(place);
    *place = list->items[--list->count];
    return true;
}

void cg_login_list_free(struct cg_login_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        cg_login_record_free(&list->items[i]);
    free(list->items);
    *list = (struct cg_login_list){0};
}
