/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/manifest_table.h"

#include "base/mem.h"
#include "crategate/token.h"
#include "registry/refuse.h"

static enum cg_err wrong_type(const struct cg_table *table, const char *key, const json_t *value, const char *wanted)
{
    if (json_object_get(value, "workspace"))
        return cg_refuse(table->err, CG_ERR_INVALID, "manifest-workspace",
                         "Cargo.toml: %s.%s is inherited from a workspace; cargo replaces that when it packages",
                         table->name, key);
    return cg_refuse(table->err, CG_ERR_INVALID, "manifest-type", "Cargo.toml: %s.%s must be %s", table->name, key,
                     wanted);
}

enum cg_err cg_table_text(const struct cg_table *table, const char *key, char **out)
{
    const json_t *value = json_object_get(table->json, key);
    if (!value)
        return CG_OK;
    if (!json_is_string(value))
        return wrong_type(table, key, value, "a string");
    *out = cg_strdup(json_string_value(value));
    return CG_OK;
}

enum cg_err cg_table_bool(const struct cg_table *table, const char *key, bool *out, bool *present_out)
{
    const json_t *value = json_object_get(table->json, key);
    if (value && !json_is_boolean(value))
        return wrong_type(table, key, value, "true or false");
    if (present_out)
        *present_out = value != NULL;
    if (value)
        *out = json_is_true(value);
    return CG_OK;
}

static bool is_string_list(const json_t *value)
{
    if (!json_is_array(value))
        return false;
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!json_is_string(json_array_get(value, i)))
            return false;
    return true;
}

enum cg_err cg_table_list(const struct cg_table *table, const char *key, char ***out)
{
    const json_t *value = json_object_get(table->json, key);
    if (!value)
        return CG_OK;
    if (!is_string_list(value))
        return wrong_type(table, key, value, "a list of strings");
    size_t count = json_array_size(value);
    if (count > CG_MANIFEST_ITEMS_MAX)
        return cg_refuse(table->err, CG_ERR_INVALID, "manifest-limit", "Cargo.toml: %s.%s has more than %d items",
                         table->name, key, CG_MANIFEST_ITEMS_MAX);
    char **list = cg_calloc(count + 1, sizeof *list);
    for (size_t i = 0; i < count; i++)
        list[i] = cg_strdup(json_string_value(json_array_get(value, i)));
    *out = list;
    return CG_OK;
}

enum cg_err cg_table_sub(const struct cg_table *table, const char *key, const json_t **out)
{
    const json_t *value = json_object_get(table->json, key);
    if (value && !json_is_object(value))
        return wrong_type(table, key, value, "a table");
    *out = value;
    return CG_OK;
}

enum cg_err cg_table_spelling(const struct cg_table *table, const char *key, const char *other, const char **key_out)
{
    bool first = json_object_get(table->json, key) != NULL, second = json_object_get(table->json, other) != NULL;
    if (first && second)
        return cg_refuse(table->err, CG_ERR_INVALID, "manifest-key",
                         "Cargo.toml: \"%s\" and \"%s\" are one key and stand both in %s", key, other, table->name);
    *key_out = first ? key : second ? other : NULL;
    return CG_OK;
}
