/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Forms of paths, names and grants. */
#include <string.h>

#include "base/str.h"
#include "conf/conf.h"
#include "conf/format.h"

#define PATH_BYTES_MAX 4000

enum cg_err cg_conf_check_path(const char *value, struct cg_error *err)
{
    size_t len = strlen(value);

    if (len == 0)
        return CG_OK;
    if (value[0] != '/')
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" must be an absolute path", value);
    if (len > PATH_BYTES_MAX)
        return cg_error_set(err, CG_ERR_INVALID, "the path is too long");
    if (strstr(value, "/../") || cg_str_ends(value, "/.."))
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" must not have \"..\"", value);
    return CG_OK;
}

enum cg_err cg_conf_check_printable(const char *value, struct cg_error *err)
{
    for (const char *p = value; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return cg_error_set(err, CG_ERR_INVALID, "must have no control character");
    return CG_OK;
}

enum cg_err cg_conf_check_prefix(const char *value, struct cg_error *err)
{
    if (strchr(value, '*'))
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\": a prefix is written without \"*\"", value);
    if (!cg_crate_name_valid(value))
        return cg_error_set(err, CG_ERR_INVALID,
                            "\"%s\" cannot begin a crate's name (a letter, then letters, digits, - and _)", value);
    return CG_OK;
}

enum cg_err cg_conf_check_required_field(const char *value, struct cg_error *err)
{
    static const char *const fields[] = {"authors",  "categories", "description", "documentation",
                                         "homepage", "keywords",   "license",     "license-file",
                                         "readme",   "repository", "rust-version"};

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (cg_streq(value, fields[i]))
            return CG_OK;
    return cg_error_set(err, CG_ERR_INVALID,
                        "\"%s\" is none of authors, categories, description, documentation, homepage, keywords, "
                        "license, license-file, readme, repository, rust-version",
                        value);
}

/* Names that begin other addresses: /NAME/crates/... would be read two ways. */
static bool name_is_taken(const char *name)
{
    static const char *const taken[] = {"api", "artifactory", "crates", "git", "me"};

    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        if (cg_streq(name, taken[i]))
            return true;
    return false;
}

enum cg_err cg_conf_check_namespace_name(const char *value, struct cg_error *err)
{
    if (!cg_namespace_valid(value))
        return cg_error_set(err, CG_ERR_INVALID,
                            "a namespace's name has lower-case letters, digits and \"-\", begins with a letter or "
                            "digit and has at most %d characters",
                            CG_NAMESPACE_MAX);
    if (name_is_taken(value))
        return cg_error_set(err, CG_ERR_INVALID, "a namespace cannot have this name, addresses of the gateway use it");
    return CG_OK;
}

static const struct {
    const char *text;
    int kind;
    bool takes_value;
} grant_kinds[] = {
    {"user:", CG_GRANT_USER, true},
    {"group:", CG_GRANT_GROUP, true},
    {"dn:", CG_GRANT_DN, true},
    {"authenticated", CG_GRANT_AUTHENTICATED, false},
    {"anonymous", CG_GRANT_ANONYMOUS, false},
};

static enum cg_err check_grant_value(int kind, const char *value, struct cg_error *err)
{
    size_t len = strlen(value);

    if (kind == CG_GRANT_DN)
        return cg_conf_check_dn(value, err);
    if (len == 0)
        return cg_error_set(err, CG_ERR_INVALID, "the grant names nobody");
    if (value[0] == ' ' || value[len - 1] == ' ')
        return cg_error_set(err, CG_ERR_INVALID, "the name \"%s\" begins or ends with a blank", value);
    for (const char *p = value; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return cg_error_set(err, CG_ERR_INVALID, "the name has a control character");
    return CG_OK;
}

enum cg_err cg_conf_check_repository(const char *value, struct cg_error *err)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";

    if (value[strspn(value, allowed)] || strlen(value) > 64 || *value == '.')
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" is not the key of an Artifactory repository", value);
    return CG_OK;
}

enum cg_err cg_conf_parse_grant(const char *text, int *kind_out, const char **value_out, struct cg_error *err)
{
    for (size_t i = 0; i < sizeof(grant_kinds) / sizeof(grant_kinds[0]); i++) {
        const char *value = text + strlen(grant_kinds[i].text);
        enum cg_err rc = CG_OK;

        if (!(grant_kinds[i].takes_value ? cg_str_starts(text, grant_kinds[i].text)
                                         : cg_streq(text, grant_kinds[i].text)))
            continue;
        if (grant_kinds[i].takes_value)
            rc = check_grant_value(grant_kinds[i].kind, value, err);
        if (rc == CG_OK) {
            *kind_out = grant_kinds[i].kind;
            *value_out = value;
        }
        return rc;
    }
    return cg_error_set(err, CG_ERR_INVALID,
                        "\"%s\" is not a grant: user:NAME, group:NAME, dn:DN, authenticated or anonymous", text);
}
