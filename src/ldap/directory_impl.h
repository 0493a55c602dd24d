/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The driver's inside, for ldap_directory.c and diagnose.c. */
#ifndef CG_LDAP_DIRECTORY_IMPL_H
#define CG_LDAP_DIRECTORY_IMPL_H

#include "crategate/directory.h"
#include "ldap/conn.h"
#include "ldap/groups.h"
#include "ldap/person.h"
#include "ldap/pool.h"
#include "ldap/servers.h"

struct cg_ldap_directory {
    struct cg_directory base;
    struct cg_conf *whole; /* our reference */
    const struct cg_conf_ldap *conf;
    struct cg_ldap_link link;
    struct cg_ldap_watchdog *dog;
    struct cg_ldap_servers *servers;
    struct cg_ldap_pool *pool;
    struct cg_ldap_people *people;
    struct cg_ldap_groups *groups;
    char *required_group; /* canonical, NULL: none */
};

/* When a whole operation that begins now has to be over. */
int64_t cg_ldap_directory_deadline(const struct cg_ldap_directory *d);
/* UNAUTHENTICATED when this must not go to the directory at all. */
enum cg_err cg_ldap_directory_sendable(const struct cg_ldap_directory *d, const char *username,
                                       const struct cg_secret *password, struct cg_error *err) CG_CHECK;
/* Binds as the person on a connection of its own, which is closed again. */
enum cg_err cg_ldap_directory_prove(struct cg_ldap_directory *d, const struct cg_ldap_person *person,
                                    const struct cg_secret *password, int64_t deadline, struct cg_error *err) CG_CHECK;
/* Groups, required group, sealed identity. */
enum cg_err cg_ldap_directory_identity(struct cg_ldap_directory *d, const struct cg_ldap_person *person,
                                       int64_t deadline, struct cg_identity **who_out, struct cg_error *err) CG_CHECK;
/* directory.h's diagnose. */
enum cg_err cg_ldap_directory_diagnose(struct cg_directory *dir, const char *username, const struct cg_secret *password,
                                       cg_directory_report report, void *cls, struct cg_identity **who_out,
                                       struct cg_error *err) CG_CHECK;

#endif
