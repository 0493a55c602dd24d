/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The stages of reading a configuration, which share one context: the document
 * and its lines (document.c), values into the struct (parse.c), and what only
 * shows when keys are seen together (check.c). One thread.
 */
#ifndef CG_CONF_PARSE_H
#define CG_CONF_PARSE_H

#include <jansson.h>
#include <stdbool.h>

#include "conf/conf.h"
#include "conf/problem.h"

struct cg_conf_context {
    json_t *document; /* NULL when it could not be read */
    json_t *lines;
    struct cg_conf *conf;
    struct cg_problems problems;
};

/* A section as it stands in the file. */
struct cg_conf_place {
    const char *section; /* the table's name of it: "namespace.*" */
    const char *parent;  /* "namespace" for those, "ldap" for its list of sections, NULL otherwise */
    const char *array;   /* "group_map": a section of that list; NULL otherwise */
    const char *name;    /* "ldap", "payments", "0" in a list; "" for the top level */
    json_t *object;      /* NULL when the file has no such section */
};

/* document.c: TOML into the context; a problem when it is none. */
void cg_conf_read_document(struct cg_conf_context *ctx, const char *text, size_t len);
/* The line of a key of a section, of element `item` of its list (-1: of the key); the section's when it is absent. */
unsigned cg_conf_line(const struct cg_conf_context *ctx, const struct cg_conf_place *place, const char *leaf, int item);
/* "namespace.payments.read"; fresh. leaf may be NULL. */
char *cg_conf_shown(const struct cg_conf_place *place, const char *leaf);
/* A problem with a key of a section. */
void cg_conf_problem(struct cg_conf_context *ctx, const struct cg_conf_place *place, const char *leaf, int item,
                     const char *fmt, ...) CG_PRINTF(5, 6);
/* The section of one name at the top level; object NULL when it is absent or no table. */
struct cg_conf_place cg_conf_place(const struct cg_conf_context *ctx, const char *section);
/* [PARENT.NAME]: parent is "namespace" or "artifactory". */
struct cg_conf_place cg_conf_place_of(const struct cg_conf_context *ctx, const char *parent, const char *name);

/* unknown.c: a key that the table does not have: of a later version, misplaced, misspelt or unknown. */
void cg_conf_refuse_key(struct cg_conf_context *ctx, const struct cg_conf_place *place, const char *leaf,
                        const json_t *value);

/* values.c: fills ctx->conf. Every member is set afterwards, whatever the problems. */
void cg_conf_read_values(struct cg_conf_context *ctx);
/* One section into its struct, unknown keys refused. */
void cg_conf_read_section(struct cg_conf_context *ctx, const struct cg_conf_place *place, void *target);
/* group_map.c: the list, and its grants into the namespaces, which have been read. */
void cg_conf_read_group_map(struct cg_conf_context *ctx);

/* check.c, check_ldap.c and check_teams.c: what only shows when several keys, or files, are looked at. */
void cg_conf_check_all(struct cg_conf_context *ctx);
void cg_conf_check_ldap(struct cg_conf_context *ctx);
/* A certificate file that must be readable; "" is none. */
void cg_conf_check_file(struct cg_conf_context *ctx, const struct cg_conf_place *place, const char *leaf,
                        const char *path);
/* Reads its secrets too. */
void cg_conf_check_artifactory(struct cg_conf_context *ctx, struct cg_conf_artifactory *art);
void cg_conf_check_teams(struct cg_conf_context *ctx);
/* A change by nobody could not be laid at anybody's door: anonymous only reads. */
void cg_conf_check_anonymous(struct cg_conf_context *ctx, const struct cg_conf_place *place, const char *leaf,
                             const struct cg_conf_grants *grants);
void cg_conf_check_prefix_twice(struct cg_conf_context *ctx, const struct cg_conf_place *place, char *const *prefixes);
/* The first grant of a namespace whose kind is in the set (1 << enum cg_grant_kind), and the key it stands in; NULL
 * when there is none, and leaf_out is untouched. */
const struct cg_conf_grant *cg_conf_first_grant(const struct cg_conf_namespace *ns, unsigned kinds,
                                                const char **leaf_out);
/* One beginning of names covers another when it begins it: "pay" covers "pay-" and "Pay_x". */
bool cg_conf_prefix_covers(const char *a, const char *b);

/* conf.c: frees what the keys of a section own. */
void cg_conf_free_members(const char *section, void *target);
/* teams.c: a snapshot made by cg_conf_with_teams, its base's reference included. */
void cg_conf_free_teams(struct cg_conf *conf);

#endif
