/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "ldap/entry.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

void cg_ldap_entry_free(struct cg_ldap_entry *entry)
{
    for (size_t i = 0; i < entry->count; i++) {
        struct cg_ldap_attribute *a = &entry->attributes[i];

        for (size_t k = 0; k < a->count; k++)
            free(a->values[k].bytes);
        free(a->values);
        free(a->name);
    }
    free(entry->attributes);
    free(entry->dn);
    memset(entry, 0, sizeof(*entry));
}

void cg_ldap_result_free(struct cg_ldap_result *result)
{
    for (size_t i = 0; i < result->count; i++)
        cg_ldap_entry_free(&result->entries[i]);
    free(result->entries);
    memset(result, 0, sizeof(*result));
}

static bool account(struct cg_ldap_result *result, size_t bytes)
{
    size_t max = result->bytes_max ? result->bytes_max : CG_LDAP_RESULT_BYTES_MAX;

    if (result->bytes > max || bytes > max - result->bytes)
        return false;
    result->bytes += bytes;
    return true;
}

struct cg_ldap_entry *cg_ldap_result_add(struct cg_ldap_result *result, const char *dn)
{
    struct cg_ldap_entry *entry;

    if (!account(result, sizeof(*entry) + strlen(dn) + 1))
        return NULL;
    result->entries = cg_reallocarray(result->entries, result->count + 1, sizeof(*entry));
    entry = &result->entries[result->count++];
    memset(entry, 0, sizeof(*entry));
    entry->dn = cg_strdup(dn);
    entry->usability.remaining_grace = -1;
    return entry;
}

void cg_ldap_result_append(struct cg_ldap_result *to, struct cg_ldap_result *from)
{
    if (from->count > 0) {
        to->entries = cg_reallocarray(to->entries, to->count + from->count, sizeof(*to->entries));
        memcpy(to->entries + to->count, from->entries, from->count * sizeof(*from->entries));
        to->count += from->count;
    }
    to->bytes += from->bytes;
    to->references += from->references;
    free(from->entries);
    memset(from, 0, sizeof(*from));
}

struct cg_ldap_attribute *cg_ldap_entry_get_part(const struct cg_ldap_entry *entry, const char *name, size_t len)
{
    for (size_t i = 0; i < entry->count; i++)
        if (strlen(entry->attributes[i].name) == len && strncasecmp(entry->attributes[i].name, name, len) == 0)
            return &entry->attributes[i];
    return NULL;
}

static struct cg_ldap_attribute *find(const struct cg_ldap_entry *entry, const char *name)
{
    return cg_ldap_entry_get_part(entry, name, strlen(name));
}

bool cg_ldap_entry_add(struct cg_ldap_result *result, struct cg_ldap_entry *entry, const char *name, const void *bytes,
                       size_t len)
{
    struct cg_ldap_attribute *a = find(entry, name);

    if (len > SIZE_MAX / 2 || !account(result, sizeof(*a) + strlen(name) + 1 + len + 1))
        return false;
    if (!a) {
        entry->attributes = cg_reallocarray(entry->attributes, entry->count + 1, sizeof(*a));
        a = &entry->attributes[entry->count++];
        memset(a, 0, sizeof(*a));
        a->name = cg_strdup(name);
    }
    a->values = cg_reallocarray(a->values, a->count + 1, sizeof(*a->values));
    a->values[a->count].bytes = cg_malloc(len + 1);
    if (len)
        memcpy(a->values[a->count].bytes, bytes, len);
    a->values[a->count].bytes[len] = '\0';
    a->values[a->count++].len = len;
    return true;
}

const struct cg_ldap_attribute *cg_ldap_entry_get(const struct cg_ldap_entry *entry, const char *name)
{
    return find(entry, name);
}

const char *cg_ldap_entry_text(const struct cg_ldap_entry *entry, const char *name)
{
    const struct cg_ldap_attribute *a = find(entry, name);

    if (!a || strlen(a->values[0].bytes) != a->values[0].len)
        return NULL;
    return a->values[0].bytes;
}
