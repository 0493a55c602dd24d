/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The half of str.h that knows what crates and namespaces may be called. */
#include <string.h>

#include "base/str.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_char(char c)
{
    return is_letter(c) || is_digit(c) || c == '-' || c == '_';
}

/* Where the leading part that could be a crate's name ends; `name` itself when it does not begin like one. */
static const char *name_end(const char *name)
{
    if (!is_letter(*name))
        return name;
    while (is_name_char(*name))
        name++;
    return name;
}

bool cg_crate_name_valid(const char *name)
{
    const char *end = name_end(name);
    return end > name && !*end && end - name <= CG_CRATE_NAME_MAX;
}

void cg_crate_name_fold(const char *name, char *out)
{
    size_t i = 0;
    for (; name[i] && i < CG_CRATE_NAME_MAX; i++)
        out[i] = name[i] == '_' ? '-' : name[i];
    out[i] = '\0';
    cg_str_lower(out);
}

bool cg_namespace_valid(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len > CG_NAMESPACE_MAX || *name == '-')
        return false;
    for (; *name; name++)
        if (!(*name >= 'a' && *name <= 'z') && !is_digit(*name) && *name != '-')
            return false;
    return true;
}

bool cg_crate_pattern_match(const char *pattern, const char *name)
{
    size_t len = strlen(pattern);
    if (len && pattern[len - 1] == '*')
        return strncmp(pattern, name, len - 1) == 0;
    return strcmp(pattern, name) == 0;
}

bool cg_crate_pattern_valid(const char *pattern)
{
    if (strcmp(pattern, "*") == 0)
        return true;
    const char *end = name_end(pattern);
    if (end == pattern || end - pattern > CG_CRATE_NAME_MAX)
        return false;
    return !*end || strcmp(end, "*") == 0;
}
