/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Checks of single values by their form alone: no file is opened, no name is
 * resolved. Each returns INVALID and a sentence without the value's key, which
 * the caller knows. Pure, any thread.
 */
#ifndef CG_CONF_FORMAT_H
#define CG_CONF_FORMAT_H

#include <stdbool.h>

#include "crategate/err.h"

/* Network (format_net.c). */
enum cg_err cg_conf_check_public_url(const char *value, struct cg_error *err) CG_CHECK;
enum cg_err cg_conf_check_listen(const char *value, struct cg_error *err) CG_CHECK;
enum cg_err cg_conf_check_cidr(const char *value, struct cg_error *err) CG_CHECK;
enum cg_err cg_conf_check_ldap_uri(const char *value, struct cg_error *err) CG_CHECK;
enum cg_err cg_conf_check_index_url(const char *value, struct cg_error *err) CG_CHECK;
/* Is the host of a (checked) URL localhost, in 127.0.0.0/8 or ::1? */
bool cg_conf_url_is_loopback(const char *url);
/* An instance's base URL, without query. */
enum cg_err cg_conf_check_artifactory_url(const char *value, struct cg_error *err) CG_CHECK;

/* Directory (format_ldap.c). */
enum cg_err cg_conf_check_dn(const char *value, struct cg_error *err) CG_CHECK;
enum cg_err cg_conf_check_optional_dn(const char *value, struct cg_error *err) CG_CHECK; /* or empty */
enum cg_err cg_conf_check_search_filter(const char *value, struct cg_error *err) CG_CHECK;
enum cg_err cg_conf_check_group_filter(const char *value, struct cg_error *err) CG_CHECK;
enum cg_err cg_conf_check_account_filter(const char *value, struct cg_error *err) CG_CHECK;
enum cg_err cg_conf_check_attribute(const char *value, struct cg_error *err) CG_CHECK;
enum cg_err cg_conf_check_optional_attribute(const char *value, struct cg_error *err) CG_CHECK;
/* "" or a DN with {username} in it. */
enum cg_err cg_conf_check_user_dn_template(const char *value, struct cg_error *err) CG_CHECK;

/* Paths and names (format_name.c). */
enum cg_err cg_conf_check_path(const char *value, struct cg_error *err) CG_CHECK; /* absolute, or empty */
enum cg_err cg_conf_check_printable(const char *value, struct cg_error *err) CG_CHECK; /* no control characters */
enum cg_err cg_conf_check_prefix(const char *value, struct cg_error *err) CG_CHECK;
enum cg_err cg_conf_check_required_field(const char *value, struct cg_error *err) CG_CHECK;
enum cg_err cg_conf_check_namespace_name(const char *value, struct cg_error *err) CG_CHECK;
/* "" or the key of an Artifactory repository: letters, digits, ".", "-", "_", at most 64. */
enum cg_err cg_conf_check_repository(const char *value, struct cg_error *err) CG_CHECK;
/* Teams (format_team.c). A prefix with {team} in it. */
enum cg_err cg_conf_check_team_prefix(const char *value, struct cg_error *err) CG_CHECK;
/* A text in which no brace stands for anything but {team}. */
enum cg_err cg_conf_check_team_text(const char *value, struct cg_error *err) CG_CHECK;
/* Every {team} replaced; fresh. */
char *cg_conf_fill_team(const char *text, const char *team);

/* The wordless part of a grant: kind, and where its value begins in `text`. */
enum cg_err cg_conf_parse_grant(const char *text, int *kind_out, const char **value_out, struct cg_error *err) CG_CHECK;

#endif
