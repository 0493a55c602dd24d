/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Forms of DNs, filters and attribute names, as far as they can be judged without libldap, which this room lacks. */
#include <ctype.h>
#include <string.h>

#include "base/str.h"
#include "conf/format.h"

static bool ascii_alnum(char c)
{
    return (unsigned char)c < 0x80 && isalnum((unsigned char)c);
}

static bool ascii_alpha(char c)
{
    return (unsigned char)c < 0x80 && isalpha((unsigned char)c);
}

/* A descriptor (letter first) or an object identifier. */
static bool attribute_ok(const char *text, size_t len)
{
    if (len == 0 || len > 128)
        return false;
    if (ascii_alpha(text[0])) {
        for (size_t i = 1; i < len; i++)
            if (!ascii_alnum(text[i]) && text[i] != '-')
                return false;
        return true;
    }
    for (size_t i = 0; i < len; i++)
        if (!isdigit((unsigned char)text[i]) && !(text[i] == '.' && i && i + 1 < len && text[i - 1] != '.'))
            return false;
    return memchr(text, '.', len) != NULL;
}

enum cg_err cg_conf_check_attribute(const char *value, struct cg_error *err)
{
    if (!attribute_ok(value, strlen(value)))
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" is not the name of an LDAP attribute", value);
    return CG_OK;
}

enum cg_err cg_conf_check_optional_attribute(const char *value, struct cg_error *err)
{
    return *value ? cg_conf_check_attribute(value, err) : CG_OK;
}

/* The length of one TYPE=VALUE, up to an unescaped ',' or '+' or the end; 0 when it is none. */
static size_t ava_length(const char *text)
{
    size_t equals = strcspn(text, "=,+\\"), begin = 0, type_end, end;

    while (text[begin] == ' ')
        begin++;
    for (type_end = equals; type_end > begin && text[type_end - 1] == ' '; type_end--)
        ;
    if (text[equals] != '=' || type_end <= begin || !attribute_ok(text + begin, type_end - begin))
        return 0;
    for (end = equals + 1; text[end] && text[end] != ',' && text[end] != '+'; end++) {
        if (strchr("\"<>;", text[end]) || (unsigned char)text[end] < ' ')
            return 0;
        if (text[end] == '\\' && text[++end] == '\0')
            return 0;
    }
    return strspn(text + equals + 1, " ") + equals + 1 < end ? end : 0;
}

enum cg_err cg_conf_check_dn(const char *value, struct cg_error *err)
{
    const char *at = value;

    for (;;) {
        size_t len = ava_length(at);

        if (len == 0)
            return cg_error_set(err, CG_ERR_INVALID,
                                "\"%s\" is not a distinguished name such as \"ou=people,dc=corp,dc=example\"", value);
        if (at[len] == '\0')
            return CG_OK;
        at += len + 1;
    }
}

enum cg_err cg_conf_check_optional_dn(const char *value, struct cg_error *err)
{
    return *value ? cg_conf_check_dn(value, err) : CG_OK;
}

/* One filter in parentheses that are balanced; "\28" and "\29" are how a parenthesis stands in a value. */
static enum cg_err check_parentheses(const char *filter, struct cg_error *err)
{
    size_t depth = 0, len = strlen(filter);

    if (len < 3 || filter[0] != '(')
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" must be a filter in parentheses", filter);
    for (size_t i = 0; i < len; i++) {
        if (filter[i] == '(')
            depth++;
        if (filter[i] == ')')
            depth--;
        if (depth == 0 && i + 1 < len)
            return cg_error_set(err, CG_ERR_INVALID, "\"%s\" goes on behind its last parenthesis", filter);
    }
    if (depth != 0)
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" has parentheses that do not match", filter);
    if (strstr(filter, "()"))
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" has empty parentheses", filter);
    return CG_OK;
}

/* Which placeholders it has: bit i for allowed[i]. INVALID for any other. */
static enum cg_err check_placeholders(const char *filter, const char *const *allowed, unsigned *seen_out,
                                      struct cg_error *err)
{
    unsigned seen = 0;

    for (const char *brace = strpbrk(filter, "{}"); brace; brace = strpbrk(brace, "{}")) {
        size_t i = 0;

        while (allowed[i] && !cg_str_starts(brace, allowed[i]))
            i++;
        if (!allowed[i])
            return cg_error_set(err, CG_ERR_INVALID,
                                "\"%s\" has a brace that begins none of the known placeholders (%s%s%s)", filter,
                                allowed[0] ? allowed[0] : "there are none here", allowed[0] && allowed[1] ? ", " : "",
                                allowed[0] && allowed[1] ? allowed[1] : "");
        seen |= 1U << i;
        brace += strlen(allowed[i]);
    }
    *seen_out = seen;
    return CG_OK;
}

static enum cg_err check_filter(const char *filter, const char *const *allowed, unsigned *seen_out,
                                struct cg_error *err)
{
    enum cg_err rc = check_parentheses(filter, err);

    return rc == CG_OK ? check_placeholders(filter, allowed, seen_out, err) : rc;
}

enum cg_err cg_conf_check_search_filter(const char *value, struct cg_error *err)
{
    static const char *const allowed[] = {"{username}", NULL};
    unsigned seen = 0;
    enum cg_err rc = check_filter(value, allowed, &seen, err);

    if (rc == CG_OK && !seen)
        return cg_error_set(err, CG_ERR_INVALID, "the filter must contain {username}, else it finds everybody");
    return rc;
}

enum cg_err cg_conf_check_user_dn_template(const char *value, struct cg_error *err)
{
    static const char *const allowed[] = {"{username}", NULL};
    unsigned seen = 0;
    enum cg_err rc = *value ? cg_conf_check_dn(value, err) : CG_OK;

    if (rc == CG_OK)
        rc = check_placeholders(value, allowed, &seen, err);
    if (rc == CG_OK && *value && !seen)
        return cg_error_set(err, CG_ERR_INVALID, "the DN must contain {username}, else everybody is one person");
    return rc;
}

enum cg_err cg_conf_check_group_filter(const char *value, struct cg_error *err)
{
    static const char *const allowed[] = {"{dn}", "{username}", NULL};
    unsigned seen = 0;
    enum cg_err rc = check_filter(value, allowed, &seen, err);

    if (rc == CG_OK && !seen)
        return cg_error_set(err, CG_ERR_INVALID,
                            "the filter must contain {dn} or {username}, else everybody is in every group");
    return rc;
}

enum cg_err cg_conf_check_account_filter(const char *value, struct cg_error *err)
{
    static const char *const allowed[] = {NULL};
    unsigned seen;

    return *value ? check_filter(value, allowed, &seen, err) : CG_OK;
}
