/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The drivers of this build, for the daemon and crategatectl alike: the only
 * place that knows which implementation stands behind an interface. Any thread.
 */
#ifndef CG_CRATEGATED_WIRING_H
#define CG_CRATEGATED_WIRING_H

#include <stdbool.h>

#include "conf/conf.h"
#include "crategate/directory.h"
#include "crategate/metadata.h"
#include "crategate/storage.h"

struct cg_tls;

/* The LDAP driver, or one in which nobody is when there is no [ldap] section. No network yet. */
enum cg_err cg_wire_directory(const struct cg_conf *conf, struct cg_directory **dir_out, struct cg_error *err) CG_CHECK;
/* state_dir/crategate.db */
enum cg_err cg_wire_metadata(const struct cg_conf *conf, struct cg_metadata **md_out, struct cg_error *err) CG_CHECK;
/* By the namespace's `storage`; state_dir/namespaces/NS has the index in any case. No network. */
enum cg_err cg_wire_storage(const struct cg_conf *conf, const struct cg_conf_namespace *ns, struct cg_storage **st_out,
                            struct cg_error *err) CG_CHECK;
/* What the listeners speak: the certificate, or NULL for cleartext. */
enum cg_err cg_wire_tls(const struct cg_conf *conf, struct cg_tls **tls_out, struct cg_error *err) CG_CHECK;
/* Drivers share what is behind several storages, an instance of Artifactory with its cache: after a reload, once a second
 * (never blocks on another server), and when no storage is left. */
void cg_wire_reconfigure(const struct cg_conf *conf);
void cg_wire_tick(void);
void cg_wire_end(void);
/* Are there crates of a namespace of that name on disk, whoever's? True also when that cannot be found out. */
bool cg_wire_has_crates(const struct cg_conf *conf, const char *ns);
/* Loads the configuration file and makes of it all that needs no network: what `crategated -t` checks. `report` gets one
 * problem a line. */
enum cg_err cg_wire_check(const char *conf_file, struct cg_buf *report, struct cg_conf **conf_out,
                          struct cg_error *err) CG_CHECK;

#endif
