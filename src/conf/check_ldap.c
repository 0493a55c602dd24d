/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The directory's section as a whole, and the files it names. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/str.h"
#include "conf/format.h"
#include "conf/parse.h"
#include "conf/schema.h"

/* Pitfall 7: nothing is sent in the clear but to this machine, and only where that is said twice. */
static void check_plaintext(struct cg_conf_context *ctx, const struct cg_conf_place *place)
{
    const struct cg_conf_ldap *ldap = &ctx->conf->ldap;

    if (ldap->start_tls != CG_START_TLS_NEVER)
        return;
    if (!ldap->allow_plaintext)
        cg_conf_problem(ctx, place, "start_tls", -1,
                        "\"never\" would send passwords in the clear; it needs allow_plaintext = true and servers on "
                        "this machine");
    for (int i = 0; ldap->uri[i]; i++)
        if (cg_str_starts(ldap->uri[i], "ldap://") && !cg_conf_url_is_loopback(ldap->uri[i]))
            cg_conf_problem(ctx, place, "uri", i,
                            "%s is not on this machine, so start_tls must be \"required\" (or use ldaps://)",
                            ldap->uri[i]);
}

void cg_conf_check_file(struct cg_conf_context *ctx, const struct cg_conf_place *place, const char *leaf,
                        const char *path)
{
    struct stat st;

    if (*path == '\0')
        return;
    if (stat(path, &st) != 0)
        cg_conf_problem(ctx, place, leaf, -1, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        cg_conf_problem(ctx, place, leaf, -1, "%s is not a file", path);
    else if (access(path, R_OK) != 0)
        cg_conf_problem(ctx, place, leaf, -1, "%s cannot be read: %s", path, strerror(errno));
}

/* The key is read by the TLS library; here only its being a well-kept secret is looked at. */
static void check_client_certificate(struct cg_conf_context *ctx, const struct cg_conf_place *place)
{
    const struct cg_conf_ldap *ldap = &ctx->conf->ldap;
    struct cg_secret key = {0};
    struct cg_error err = {0};

    cg_conf_check_file(ctx, place, "tls_cert_file", ldap->tls_cert_file);
    if (*ldap->tls_key_file && cg_secret_read_file(&key, ldap->tls_key_file, &err) != CG_OK)
        cg_conf_problem(ctx, place, "tls_key_file", -1, "%s", err.detail);
    cg_secret_free(&key);
    if (*ldap->tls_cert_file && *ldap->tls_key_file == '\0')
        cg_conf_problem(ctx, place, "tls_key_file", -1, "is required by tls_cert_file");
    if (*ldap->tls_key_file && *ldap->tls_cert_file == '\0')
        cg_conf_problem(ctx, place, "tls_cert_file", -1, "is required by tls_key_file");
}

static bool all_local_sockets(char *const *uri)
{
    for (size_t i = 0; uri[i]; i++)
        if (!cg_str_starts(uri[i], "ldapi://"))
            return false;
    return true;
}

static void check_simple_bind(struct cg_conf_context *ctx, const struct cg_conf_place *place)
{
    const struct cg_conf_ldap *ldap = &ctx->conf->ldap;

    if (*ldap->bind_dn == '\0')
        cg_conf_problem(ctx, place, "bind_dn", -1,
                        "is required, for example bind_dn = \"cn=crategate,ou=services,dc=corp,dc=example\"");
    if (*ldap->bind_password_file == '\0')
        cg_conf_problem(ctx, place, "bind_password_file", -1,
                        "is required, for example bind_password_file = \"/etc/crategate/ldap.secret\"");
}

/* Pitfall 6: nobody is anonymous by having left something out. */
static void check_bind(struct cg_conf_context *ctx, const struct cg_conf_place *place)
{
    static const char *const words[] = {"simple", "external", "anonymous"};
    const struct cg_conf_ldap *ldap = &ctx->conf->ldap;

    if (ldap->bind_method == CG_BIND_SIMPLE)
        check_simple_bind(ctx, place);
    else if (*ldap->bind_dn || *ldap->bind_password_file)
        cg_conf_problem(ctx, place, *ldap->bind_dn ? "bind_dn" : "bind_password_file", -1,
                        "is not used with bind_method = \"%s\"; leave it out", words[ldap->bind_method]);
    if (ldap->bind_method == CG_BIND_EXTERNAL && *ldap->tls_cert_file == '\0' && !all_local_sockets(ldap->uri))
        cg_conf_problem(ctx, place, "tls_cert_file", -1, "is required by bind_method = \"external\"");
    if (ldap->bind_method == CG_BIND_ANONYMOUS && !ldap->allow_anonymous_search)
        cg_conf_problem(ctx, place, "bind_method", -1,
                        "\"anonymous\" searches as nobody; it needs allow_anonymous_search = true");
}

static void check_template(struct cg_conf_context *ctx, const struct cg_conf_place *place)
{
    const struct cg_conf_ldap *ldap = &ctx->conf->ldap;
    const struct cg_conf_key *key = cg_conf_find_key("ldap", "search_filter");
    json_t *usual = json_loads(cg_conf_default(key, ldap->directory_type), JSON_DECODE_ANY, NULL);

    /* The default says nothing, and stands in every dump. */
    if (*ldap->user_dn_template && !cg_streq(ldap->search_filter, json_string_value(usual)))
        cg_conf_problem(ctx, place, "user_dn_template", -1,
                        "and search_filter exclude each other: people are either searched for or have a known DN");
    json_decref(usual);
}

/* Pitfall 6: without its password the service account would fall through to anonymous. */
static void read_password(struct cg_conf_context *ctx, const struct cg_conf_place *place)
{
    struct cg_conf_ldap *ldap = &ctx->conf->ldap;
    struct cg_error err = {0};

    if (*ldap->bind_password_file == '\0')
        return;
    if (cg_secret_read_file(&ldap->bind_password, ldap->bind_password_file, &err) != CG_OK)
        cg_conf_problem(ctx, place, "bind_password_file", -1, "%s", err.detail);
}

/* The first grant to a group, and the namespace it is in. */
static const struct cg_conf_grant *group_grant(const struct cg_conf *conf, const struct cg_conf_namespace **ns_out)
{
    const char *leaf;

    for (size_t i = 0; i < conf->namespace_count; i++) {
        const struct cg_conf_grant *grant = cg_conf_first_grant(&conf->namespaces[i], 1U << CG_GRANT_GROUP, &leaf);

        if (grant) {
            *ns_out = &conf->namespaces[i];
            return grant;
        }
    }
    return NULL;
}

static void check_group_base(struct cg_conf_context *ctx, const struct cg_conf_place *place)
{
    const struct cg_conf_namespace *ns = NULL;
    const struct cg_conf_grant *grant = group_grant(ctx->conf, &ns);

    if (json_array_size(json_object_get(place->object, "group_base")) > 0)
        return;
    if (grant)
        cg_conf_problem(ctx, place, "group_base", -1, "is required by the grant \"%s\" of namespace %s (line %u)",
                        grant->text, ns->name, grant->line);
    else if (*ctx->conf->ldap.required_group)
        cg_conf_problem(ctx, place, "group_base", -1, "is required by required_group");
    else if (ctx->conf->ldap.group_map_count)
        cg_conf_problem(ctx, place, "group_base", -1, "is required by [[ldap.group_map]] (line %u)",
                        ctx->conf->ldap.group_map[0].line);
    else if (ctx->conf->teams.present)
        cg_conf_problem(ctx, place, "group_base", -1, "is required by [teams]");
}

void cg_conf_check_ldap(struct cg_conf_context *ctx)
{
    struct cg_conf_place place = cg_conf_place(ctx, "ldap");

    check_plaintext(ctx, &place);
    cg_conf_check_file(ctx, &place, "tls_ca_file", ctx->conf->ldap.tls_ca_file);
    check_client_certificate(ctx, &place);
    check_bind(ctx, &place);
    check_template(ctx, &place);
    read_password(ctx, &place);
    check_group_base(ctx, &place);
}
