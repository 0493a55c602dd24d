/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A real slapd (tests/functional/slapd.sh) and settings for it, for the tests of the LDAP driver. */
#ifndef CG_TESTS_LDAP_RIG_H
#define CG_TESTS_LDAP_RIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "conf/conf.h"
#include "crategate/directory.h"

#define PEOPLE "ou=people,dc=example,dc=test"
#define GROUPS "ou=groups,dc=example,dc=test"

struct rig {
    char dir[64];
    char url[64];
    char ldaps[64];
    char ldapi[160];
    char ca[128];
    pid_t pid;
};

/* False when slapd is not installed. `settings`: words for slapd.sh, or "". */
bool rig_start(struct rig *rig, const char *settings);
/* Stops the server and keeps its data; rig_again starts it on the same ports. */
void rig_halt(struct rig *rig);
void rig_again(struct rig *rig);
/* Stops and removes. */
void rig_stop(struct rig *rig);
/* Sends LDIF as the directory's administrator. */
void rig_modify(const struct rig *rig, const char *ldif);

/* Good settings for a server: StartTLS or ldaps by the URI. Up to two URIs (the second may be NULL). What is borrowed
 * must live as long as the settings. */
struct rig_conf {
    struct cg_conf conf;
    char *uri[3];
    char *people[3];
    char *groups[2];
};
void rig_conf(struct rig_conf *rc, const struct rig *rig, const char *uri, const char *uri2);
/* Replaces one of its texts. */
void rig_set(char **setting, const char *text);
void rig_conf_free(struct rig_conf *rc);
/* The driver with these settings; asserts that they are good. */
struct cg_directory *rig_directory(struct rig_conf *rc);

/* A login with a password as text. */
enum cg_err rig_login(struct cg_directory *dir, const char *user, const char *password, struct cg_identity **who_out,
                      struct cg_error *err);
/* The same, identity thrown away. */
enum cg_err rig_try(struct cg_directory *dir, const char *user, const char *password);
/* The id of somebody who can be found. Caller frees. */
char *rig_id(struct cg_directory *dir, const char *user);

#endif
