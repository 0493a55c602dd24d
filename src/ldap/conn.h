/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * One connection to one server, and the few operations we need on it, each with
 * a deadline. A connection has one owner at a time: a bind changes the identity
 * of the whole connection, and libldap's being thread safe does not change that.
 *
 * Deadlines are monotonic milliseconds and cover the look-up of the host,
 * connecting, TLS and every answer.
 */
#ifndef CG_LDAP_CONN_H
#define CG_LDAP_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/secret.h"
#include "conf/conf.h"
#include "ldap/entry.h"
#include "ldap/state.h"

struct cg_ldap_conn; /* opaque */
struct cg_ldap_service;
struct cg_ldap_watchdog;

/* How to connect; filled once by the directory. Borrowed pointers outlive all connections. */
struct cg_ldap_link {
    const struct cg_conf_ldap *conf;
    struct cg_ldap_watchdog *dog;
    void *tls_ctx;                   /* NULL when no URI uses TLS */
    const char *ca_file;             /* for messages */
    struct cg_ldap_service *service; /* who we are */
    bool async;                      /* LDAP_OPT_CONNECT_ASYNC: cures some versions of libldap and hangs others */
    bool unverified; /* the diagnosis' look at a certificate; such a connection refuses every operation */
};

/* A search. Attribute list NULL-terminated. */
struct cg_ldap_search {
    const char *base;
    int scope; /* enum cg_search_scope */
    const char *filter;
    const char *const *attributes;
    unsigned max_entries; /* more are TOO_LARGE */
    bool paged;           /* may find many: ask for page_size at a time */
    bool usability;       /* ask for the Account Usability control */
    bool part;            /* the first of many values are enough; else ranges are read to their end */
    bool may_be_missing;  /* a base that does not exist, or cannot, is an empty result */
    size_t range_from;    /* ranges.c only: the value at which the answer must begin */
    size_t max_bytes;     /* 0: CG_LDAP_RESULT_BYTES_MAX */
};

/* Should this libldap's handshakes be asynchronous ones? By its version at run time. */
bool cg_ldap_conn_wants_async(void);

/* Does this URI of the configuration speak TLS (ldaps://, or StartTLS)? */
bool cg_ldap_conn_uses_tls(const struct cg_ldap_link *link, const char *uri);
/* Connects and, where the settings say so, brings TLS up; sends no name and no password. UNAVAILABLE otherwise. */
enum cg_err cg_ldap_conn_dial(const struct cg_ldap_link *link, const char *uri, int64_t deadline,
                              struct cg_ldap_conn **conn_out, struct cg_error *err) CG_CHECK;
void cg_ldap_conn_close(struct cg_ldap_conn **conn);

/* Simple bind. UNAUTHENTICATED: the server said no, or yes with a reason against it (err->internal has it). A
 * zero-length name or password is UNAUTHENTICATED without traffic. *note_out is filled in each case. */
enum cg_err cg_ldap_conn_bind(struct cg_ldap_conn *conn, const char *dn, const struct cg_secret *password,
                              int64_t deadline, struct cg_ldap_bind_note *note_out, struct cg_error *err) CG_CHECK;
/* SASL EXTERNAL: who we are by the client certificate or, over a local socket, by our user id. Results as above. */
enum cg_err cg_ldap_conn_bind_external(struct cg_ldap_conn *conn, int64_t deadline, struct cg_ldap_bind_note *note_out,
                                       struct cg_error *err) CG_CHECK;
/* pitfall 6: UNAUTHENTICATED when a bind succeeded but the server takes us for nobody. Servers that do not tell are
 * believed. */
enum cg_err cg_ldap_conn_not_anonymous(struct cg_ldap_conn *conn, int64_t deadline, struct cg_error *err) CG_CHECK;
/* Appends the entries to *result (also on error those that had come), each with all values of its attributes unless
 * `part` is set. TOO_LARGE: more than max_entries, or the server's own size limit; everything else that is not success
 * is UNAVAILABLE. result->code is the server's own. */
enum cg_err cg_ldap_conn_search(struct cg_ldap_conn *conn, const struct cg_ldap_search *search, int64_t deadline,
                                struct cg_ldap_result *result, struct cg_error *err) CG_CHECK;
/* Who the server thinks we are: "" for nobody, "dn:...". ABSENT: it does not tell. Caller frees. */
enum cg_err cg_ldap_conn_whoami(struct cg_ldap_conn *conn, int64_t deadline, char **authzid_out,
                                struct cg_error *err) CG_CHECK;
/* "TLSv1.3 (AES-256-GCM)" or "" without TLS. */
void cg_ldap_conn_tls_text(struct cg_ldap_conn *conn, char *out, size_t size);
/* See cg_ldap_tls_explain. */
bool cg_ldap_conn_explain(const struct cg_ldap_link *link, const char *uri, int64_t deadline, struct cg_buf *out);

/* Only to be closed. */
bool cg_ldap_conn_dead(const struct cg_ldap_conn *conn);
/* ... because the server or the way to it failed, so that another connection may do better. */
bool cg_ldap_conn_broken(const struct cg_ldap_conn *conn);
const char *cg_ldap_conn_uri(const struct cg_ldap_conn *conn);

#endif
