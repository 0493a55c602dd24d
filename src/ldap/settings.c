/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "ldap/settings.h"

#include <ldap.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "ldap/escape.h"

static bool empty(const char *text)
{
    return !text || !text[0];
}

static bool is_loopback(const char *host)
{
    return cg_streq_nocase(host, "localhost") || cg_streq(host, "::1") ||
           (cg_str_starts(host, "127.") && strspn(host, "0123456789.") == strlen(host));
}

/* pitfall 7: passwords go in clear text only to this very machine, and only when that is asked for. */
static enum cg_err check_scheme(const struct cg_conf_ldap *conf, const LDAPURLDesc *url, const char *uri,
                                struct cg_error *err)
{
    if (cg_streq_nocase(url->lud_scheme, "ldaps") || cg_streq_nocase(url->lud_scheme, "ldapi"))
        return CG_OK;
    if (!cg_streq_nocase(url->lud_scheme, "ldap"))
        return cg_error_set(err, CG_ERR_INVALID, "ldap.uri: \"%s\": use ldaps://, ldap:// or ldapi://", uri);
    if (conf->start_tls == CG_START_TLS_REQUIRED)
        return CG_OK;
    if (conf->allow_plaintext && url->lud_host && is_loopback(url->lud_host))
        return CG_OK;
    return cg_error_set(err, CG_ERR_INVALID,
                        "ldap.start_tls: \"never\" would send passwords to \"%s\" in clear text; it needs "
                        "ldap.allow_plaintext = true and a loopback address",
                        uri);
}

static enum cg_err check_uri(const struct cg_conf_ldap *conf, const char *uri, struct cg_error *err)
{
    LDAPURLDesc *url = NULL;
    enum cg_err rc;

    if (strpbrk(uri, " ,\t") || ldap_url_parse(uri, &url) != LDAP_URL_SUCCESS)
        return cg_error_set(err, CG_ERR_INVALID, "ldap.uri: \"%s\" is not the URI of one LDAP server", uri);
    if (!empty(url->lud_dn) || url->lud_attrs || url->lud_exts || !empty(url->lud_filter))
        rc = cg_error_set(err, CG_ERR_INVALID, "ldap.uri: \"%s\": only scheme, host and port", uri);
    else
        rc = check_scheme(conf, url, uri, err);
    ldap_free_urldesc(url);
    return rc;
}

static enum cg_err check_uris(const struct cg_conf_ldap *conf, struct cg_error *err)
{
    enum cg_err rc = CG_OK;
    size_t count = 0;

    for (; conf->uri && conf->uri[count] && rc == CG_OK; count++)
        rc = check_uri(conf, conf->uri[count], err);
    if (rc == CG_OK && count == 0)
        return cg_error_set(err, CG_ERR_INVALID, "ldap.uri: at least one server is needed");
    if (rc == CG_OK && count > CG_LDAP_SERVERS_MAX)
        return cg_error_set(err, CG_ERR_INVALID, "ldap.uri: at most %d servers", CG_LDAP_SERVERS_MAX);
    return rc;
}

static enum cg_err check_dn(const char *key, const char *dn, struct cg_error *err)
{
    char *canonical = NULL;
    enum cg_err rc = cg_ldap_dn_canonical(dn, &canonical, err);

    free(canonical);
    if (rc != CG_OK)
        cg_error_prefix(err, "%s", key);
    return rc;
}

static enum cg_err check_dns(const char *key, char *const *dns, struct cg_error *err)
{
    enum cg_err rc = CG_OK;

    for (; dns && *dns && rc == CG_OK; dns++)
        rc = check_dn(key, *dns, err);
    return rc;
}

/* SASL EXTERNAL has nothing to go by on a connection without TLS that leaves this machine. */
static enum cg_err check_external(const struct cg_conf_ldap *conf, struct cg_error *err)
{
    for (char **uri = conf->uri; *uri; uri++) {
        if (cg_str_starts_nocase(*uri, "ldapi:"))
            continue;
        if (!empty(conf->tls_cert_file) &&
            (cg_str_starts_nocase(*uri, "ldaps:") || conf->start_tls == CG_START_TLS_REQUIRED))
            continue;
        return cg_error_set(err, CG_ERR_INVALID,
                            "ldap.bind_method: \"external\" needs TLS and ldap.tls_cert_file for \"%s\", or ldapi://",
                            *uri);
    }
    return CG_OK;
}

/* pitfall 6: never an anonymous search by accident. */
static enum cg_err check_service(const struct cg_conf_ldap *conf, struct cg_error *err)
{
    if (conf->bind_method == CG_BIND_EXTERNAL)
        return check_external(conf, err);
    if (conf->bind_method == CG_BIND_ANONYMOUS) {
        if (conf->allow_anonymous_search)
            return CG_OK;
        return cg_error_set(err, CG_ERR_INVALID,
                            "ldap.bind_method: \"anonymous\" needs ldap.allow_anonymous_search = true");
    }
    if (empty(conf->bind_dn))
        return cg_error_set(err, CG_ERR_INVALID,
                            "ldap.bind_dn: the service account's DN is needed; the directory is "
                            "never searched anonymously unless that is asked for");
    if (conf->bind_password.len == 0)
        return cg_error_set(err, CG_ERR_INVALID, "ldap.bind_password_file: the service account's password is empty");
    return check_dn("ldap.bind_dn", conf->bind_dn, err);
}

static enum cg_err check_template(const struct cg_conf_ldap *conf, struct cg_error *err)
{
    enum cg_err rc = cg_ldap_escape_check_dn(conf->user_dn_template, err);
    char *canonical = NULL;
    struct cg_buf sample;

    if (rc != CG_OK)
        return cg_error_prefix(err, "ldap.user_dn_template");
    cg_buf_init(&sample, CG_LDAP_DN_MAX);
    cg_ldap_escape_fill_dn(&sample, conf->user_dn_template, "x");
    rc = cg_ldap_dn_canonical(cg_buf_str(&sample), &canonical, err);
    if (rc == CG_OK && !cg_ldap_dn_within(canonical, conf->search_base, conf->search_scope))
        rc = cg_error_set(err, CG_ERR_INVALID,
                          "ldap.user_dn_template: \"%s\" is not below any ldap.search_base, or not within its "
                          "ldap.search_scope, where the owners of tokens are looked for",
                          conf->user_dn_template);
    free(canonical);
    cg_buf_free(&sample);
    return rc;
}

static enum cg_err check_filter(const char *key, const char *filter, struct cg_error *err)
{
    enum cg_err rc = cg_ldap_escape_check(filter, err);

    if (rc != CG_OK)
        cg_error_prefix(err, "%s", key);
    return rc;
}

static enum cg_err check_search(const struct cg_conf_ldap *conf, struct cg_error *err)
{
    enum cg_err rc = check_filter("ldap.search_filter", empty(conf->search_filter) ? "" : conf->search_filter, err);

    if (rc == CG_OK && (!strstr(conf->search_filter, "{username}") || strstr(conf->search_filter, "{dn}")))
        rc = cg_error_set(
            err, CG_ERR_INVALID,
            "ldap.search_filter: it must hold {username} (and cannot hold {dn}), or everybody would match");
    return rc;
}

static enum cg_err check_filters(const struct cg_conf_ldap *conf, struct cg_error *err)
{
    enum cg_err rc = empty(conf->user_dn_template) ? check_search(conf, err) : check_template(conf, err);

    if (rc == CG_OK && !empty(conf->account_filter))
        rc = check_filter("ldap.account_filter", conf->account_filter, err);
    if (rc == CG_OK)
        rc = check_filter("ldap.group_filter", empty(conf->group_filter) ? "" : conf->group_filter, err);
    if (rc == CG_OK && !strstr(conf->group_filter, "{dn}") && !strstr(conf->group_filter, "{username}"))
        rc = cg_error_set(err, CG_ERR_INVALID,
                          "ldap.group_filter: it must hold {dn} or {username}, or everybody would be in every group");
    return rc;
}

static bool is_attribute(const char *name)
{
    return !empty(name) && strlen(name) < 128 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-;") == strlen(name);
}

static enum cg_err check_attributes(const struct cg_conf_ldap *conf, struct cg_error *err)
{
    const struct {
        const char *key, *value;
        bool optional;
    } attributes[] = {
        {"username_attribute", conf->username_attribute, false},
        {"id_attribute", conf->id_attribute, false},
        {"group_name_attribute", conf->group_name_attribute, false},
        {"display_name_attribute", conf->display_name_attribute, true},
        {"mail_attribute", conf->mail_attribute, true},
    };

    for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
        if (!(attributes[i].optional && empty(attributes[i].value)) && !is_attribute(attributes[i].value))
            return cg_error_set(err, CG_ERR_INVALID, "ldap.%s: not an attribute's name", attributes[i].key);
    return CG_OK;
}

static enum cg_err check_numbers(const struct cg_conf_ldap *conf, struct cg_error *err)
{
    if (conf->connect_timeout <= 0 || conf->operation_timeout <= 0 || conf->login_timeout <= 0)
        return cg_error_set(err, CG_ERR_INVALID,
                            "ldap.connect_timeout, operation_timeout and login_timeout must be more than 0");
    if (conf->pool_size == 0 || conf->max_groups == 0)
        return cg_error_set(err, CG_ERR_INVALID, "ldap.pool_size and ldap.max_groups must be more than 0");
    return CG_OK;
}

bool cg_ldap_settings_use_tls(const struct cg_conf_ldap *conf)
{
    for (char **uri = conf->uri; *uri; uri++)
        if (cg_str_starts_nocase(*uri, "ldaps:") ||
            (cg_str_starts_nocase(*uri, "ldap:") && conf->start_tls == CG_START_TLS_REQUIRED))
            return true;
    return false;
}

enum cg_err cg_ldap_settings_check(const struct cg_conf_ldap *conf, struct cg_error *err)
{
    enum cg_err rc = check_uris(conf, err);

    if (rc == CG_OK)
        rc = check_service(conf, err);
    if (rc == CG_OK && (!conf->search_base || !conf->search_base[0]))
        rc = cg_error_set(err, CG_ERR_INVALID, "ldap.search_base: at least one DN is needed");
    if (rc == CG_OK)
        rc = check_dns("ldap.search_base", conf->search_base, err);
    if (rc == CG_OK)
        rc = check_dns("ldap.group_base", conf->group_base, err);
    if (rc == CG_OK && !empty(conf->required_group))
        rc = check_dn("ldap.required_group", conf->required_group, err);
    if (rc == CG_OK)
        rc = check_filters(conf, err);
    if (rc == CG_OK)
        rc = check_attributes(conf, err);
    if (rc == CG_OK)
        rc = check_numbers(conf, err);
    return rc;
}
