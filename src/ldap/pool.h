/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The service account's connections: at most `pool_size`, kept while young and
 * in use, each with one owner at a time. Only searches go over them (pitfall
 * 19); people's binds never do.
 *
 * Threading: any thread.
 */
#ifndef CG_LDAP_POOL_H
#define CG_LDAP_POOL_H

#include "ldap/conn.h"
#include "ldap/servers.h"

struct cg_ldap_pool;

struct cg_ldap_pool *cg_ldap_pool_new(const struct cg_conf_ldap *conf, struct cg_ldap_servers *servers);
/* Nobody may be using it any more. */
void cg_ldap_pool_free(struct cg_ldap_pool **pool);

/* A search over a pooled connection, with cg_ldap_conn_search's results. One that dies under it is replaced and the
 * search sent once more: unlike a bind, a search may be repeated. */
enum cg_err cg_ldap_pool_search(struct cg_ldap_pool *pool, const struct cg_ldap_search *search, int64_t deadline,
                                struct cg_ldap_result *result, struct cg_error *err) CG_CHECK;
/* A time up to a tenth shorter, so that not all connections end at once. */
int64_t cg_ldap_pool_jittered(int64_t lifetime);
/* Connections open now, for tests. */
unsigned cg_ldap_pool_open(struct cg_ldap_pool *pool);

#endif
