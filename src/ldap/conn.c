/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "ldap/conn.h"

#include <openldap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "ldap/conn_impl.h"
#include "ldap/result.h"
#include "ldap/socket.h"
#include "ldap/tls.h"

/* From here on the handshake of a synchronous handle keeps its time limit, and that of an asynchronous one returns at
 * once with LDAP_X_CONNECTING; before, a synchronous one ignores the limit and spins. */
#define VERSION_SYNC_IS_SAFE 20609
/* pitfall 18: what one answer may take of our memory. */
#define INCOMING_MAX (4 * 1024 * 1024)
#define SIZELIMIT_DEFAULT 1000

bool cg_ldap_conn_wants_async(void)
{
    LDAPAPIInfo info = {.ldapai_info_version = LDAP_API_INFO_VERSION};
    bool async;

    if (ldap_get_option(NULL, LDAP_OPT_API_INFO, &info) != LDAP_OPT_SUCCESS)
        return false;
    async = info.ldapai_vendor_version < VERSION_SYNC_IS_SAFE;
    ldap_memfree(info.ldapai_vendor_name);
    ber_memvfree((void **)info.ldapai_extensions);
    return async;
}

static bool set_int(LDAP *ld, int option, int value)
{
    return ldap_set_option(ld, option, &value) == LDAP_OPT_SUCCESS;
}

static bool set_bool(LDAP *ld, int option, bool on)
{
    return ldap_set_option(ld, option, on ? LDAP_OPT_ON : LDAP_OPT_OFF) == LDAP_OPT_SUCCESS;
}

static bool set_time(LDAP *ld, int option, int64_t ms)
{
    struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000) * 1000};

    return ldap_set_option(ld, option, &tv) == LDAP_OPT_SUCCESS;
}

static bool set_max_incoming(LDAP *ld, ber_len_t bytes)
{
    Sockbuf *sb = NULL;

    return ldap_get_option(ld, LDAP_OPT_SOCKBUF, &sb) == LDAP_OPT_SUCCESS && sb &&
           ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_MAX_INCOMING, &bytes) == 1;
}

/* On every handle, whatever a global default might be. */
static bool set_options(LDAP *ld, const struct cg_ldap_link *link, int64_t connect_ms)
{
    static const int DEREF[] = {[CG_DEREF_NEVER] = LDAP_DEREF_NEVER,
                                [CG_DEREF_SEARCHING] = LDAP_DEREF_SEARCHING,
                                [CG_DEREF_FINDING] = LDAP_DEREF_FINDING,
                                [CG_DEREF_ALWAYS] = LDAP_DEREF_ALWAYS};

    return set_int(ld, LDAP_OPT_PROTOCOL_VERSION, LDAP_VERSION3) &&
           set_bool(ld, LDAP_OPT_REFERRALS, false) && /* pitfall 8: never take our identity to another server */
           set_int(ld, LDAP_OPT_DEREF, DEREF[link->conf->dereference_aliases]) &&
           set_int(ld, LDAP_OPT_SIZELIMIT, SIZELIMIT_DEFAULT) && set_bool(ld, LDAP_OPT_RESTART, true) &&
           set_bool(ld, LDAP_OPT_CONNECT_ASYNC, link->async) && set_time(ld, LDAP_OPT_NETWORK_TIMEOUT, connect_ms) &&
           set_time(ld, LDAP_OPT_TIMEOUT, connect_ms) && set_max_incoming(ld, INCOMING_MAX);
}

bool cg_ldap_conn_uses_tls(const struct cg_ldap_link *link, const char *uri)
{
    if (cg_str_starts_nocase(uri, "ldapi:"))
        return false;
    return cg_str_starts_nocase(uri, "ldaps:") || link->conf->start_tls == CG_START_TLS_REQUIRED;
}

static bool set_tls(LDAP *ld, const struct cg_ldap_link *link, const char *uri)
{
    if (!cg_ldap_conn_uses_tls(link, uri))
        return true;
    return link->unverified ? cg_ldap_tls_apply_unverified(ld) : cg_ldap_tls_apply(ld, link->tls_ctx);
}

enum cg_err cg_ldap_conn_failed(struct cg_ldap_conn *conn, const char *what, int rc, struct cg_error *err)
{
    char *message = NULL, text[257];

    conn->dead = true;
    conn->broken = true;
    if (conn->guard.fired)
        rc = LDAP_TIMEOUT;
    ldap_get_option(conn->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &message);
    cg_ldap_result_diagnostic(message, text, sizeof(text));
    ldap_memfree(message);
    return cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "%s: %s: %s (%d)%s%s", conn->uri, what,
                         cg_ldap_result_text(rc), rc, text[0] ? ": " : "", text);
}

/* pitfall 7: without TLS nothing goes on, whatever the server said to StartTLS. */
static enum cg_err secure(struct cg_ldap_conn *conn, struct cg_error *err)
{
    bool ldaps = cg_str_starts_nocase(conn->uri, "ldaps:");
    int rc;

    if (!cg_ldap_conn_uses_tls(conn->link, conn->uri))
        return CG_OK;
    rc = ldaps ? ldap_install_tls(conn->ld) : ldap_start_tls_s(conn->ld, NULL, NULL);
    if (rc != LDAP_SUCCESS || !ldap_tls_inplace(conn->ld))
        return cg_ldap_conn_failed(conn,
                                   ldaps ? "connected, but no TLS (certificate, name, version or time)"
                                         : "StartTLS failed (not offered, certificate, name, version or time)",
                                   rc ? rc : LDAP_CONNECT_ERROR, err);
    return CG_OK;
}

/* Makes libldap's handle of a connected socket, which is closed with it. */
static struct cg_ldap_conn *adopt(const struct cg_ldap_link *link, const char *uri, int fd, bool local)
{
    struct cg_ldap_conn *conn;
    LDAP *ld = NULL;

    if (ldap_init_fd(fd, local ? LDAP_PROTO_IPC : LDAP_PROTO_TCP, uri, &ld) != LDAP_SUCCESS) {
        close(fd);
        return NULL;
    }
    conn = cg_calloc(1, sizeof(*conn));
    conn->ld = ld;
    conn->uri = cg_strdup(uri);
    conn->link = link;
    return conn;
}

static enum cg_err set_up(struct cg_ldap_conn *conn, int fd, int64_t until, struct cg_error *err)
{
    const struct cg_ldap_link *link = conn->link;
    enum cg_err rc;

    if (!cg_ldap_guard_add(&conn->guard, link->dog, fd) || !set_options(conn->ld, link, until - cg_clock_mono_ms()) ||
        !set_tls(conn->ld, link, conn->uri))
        return cg_ldap_conn_failed(conn, "libldap refuses an option, or there is no descriptor left", LDAP_LOCAL_ERROR,
                                   err);
    cg_ldap_guard_arm(&conn->guard, until);
    rc = secure(conn, err);
    cg_ldap_guard_disarm(&conn->guard);
    if (rc == CG_OK)
        cg_ldap_socket_set_blocking(fd, true); /* libldap polls before it reads */
    return rc;
}

enum cg_err cg_ldap_conn_dial(const struct cg_ldap_link *link, const char *uri, int64_t deadline,
                              struct cg_ldap_conn **conn_out, struct cg_error *err)
{
    struct cg_ldap_conn *conn;
    int64_t now = cg_clock_mono_ms();
    int64_t until = now + link->conf->connect_timeout < deadline ? now + link->conf->connect_timeout : deadline;
    bool local = false;
    int fd = -1;
    enum cg_err rc;

    if (until <= now)
        return cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "%s: no time left to connect", uri);
    rc = cg_ldap_socket_open(uri, until, &fd, &local, err);
    if (rc != CG_OK)
        return rc;
    conn = adopt(link, uri, fd, local);
    if (!conn)
        return cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "%s: libldap does not take this URI", uri);
    rc = set_up(conn, fd, until, err);
    if (rc == CG_OK)
        *conn_out = conn;
    else
        cg_ldap_conn_close(&conn);
    return rc;
}

void cg_ldap_conn_close(struct cg_ldap_conn **conn_ptr)
{
    struct cg_ldap_conn *conn = *conn_ptr;

    if (!conn)
        return;
    /* A dead peer must not make us wait to say goodbye to it. */
    if (conn->dead)
        cg_ldap_guard_cut(&conn->guard);
    cg_ldap_guard_arm(&conn->guard, cg_clock_mono_ms() + conn->link->conf->connect_timeout);
    ldap_unbind_ext_s(conn->ld, NULL, NULL);
    cg_ldap_guard_remove(&conn->guard);
    free(conn->uri);
    free(conn);
    *conn_ptr = NULL;
}

int64_t cg_ldap_conn_op_deadline(const struct cg_ldap_conn *conn, int64_t deadline)
{
    int64_t own = cg_clock_mono_ms() + conn->link->conf->operation_timeout;

    return own < deadline ? own : deadline;
}

int cg_ldap_conn_wait(struct cg_ldap_conn *conn, int msgid, int all, int64_t deadline, LDAPMessage **message_out,
                      struct cg_error *err)
{
    int64_t left = deadline - cg_clock_mono_ms();
    struct timeval tv = {.tv_sec = left > 0 ? (time_t)(left / 1000) : 0,
                         .tv_usec = left > 0 ? (suseconds_t)(left % 1000) * 1000 : 0};
    LDAPMessage *message = NULL;
    int type, rc = LDAP_TIMEOUT;

    /* Always the message's own number: another one would be another request's answer. */
    type = ldap_result(conn->ld, msgid, all, &tv, &message);
    if (type > 0) {
        *message_out = message;
        return type;
    }
    if (type == 0)
        ldap_abandon_ext(conn->ld, msgid, NULL, NULL);
    else
        ldap_get_option(conn->ld, LDAP_OPT_RESULT_CODE, &rc);
    ldap_msgfree(message);
    cg_ldap_conn_failed(conn, "no answer", rc ? rc : LDAP_SERVER_DOWN, err);
    return -1;
}

void cg_ldap_conn_tls_text(struct cg_ldap_conn *conn, char *out, size_t size)
{
    char *version = NULL, *cipher = NULL;

    out[0] = '\0';
    if (!ldap_tls_inplace(conn->ld))
        return;
    ldap_get_option(conn->ld, LDAP_OPT_X_TLS_VERSION, &version);
    ldap_get_option(conn->ld, LDAP_OPT_X_TLS_CIPHER, &cipher);
    snprintf(out, size, "%s (%s)", version ? version : "TLS", cipher ? cipher : "?");
    ldap_memfree(version);
    ldap_memfree(cipher);
}

bool cg_ldap_conn_explain(const struct cg_ldap_link *link, const char *uri, int64_t deadline, struct cg_buf *out)
{
    struct cg_ldap_link any = *link;
    struct cg_ldap_conn *conn = NULL;
    LDAPURLDesc *url = NULL;
    bool said = false;

    any.unverified = true;
    if (ldap_url_parse(uri, &url) == LDAP_URL_SUCCESS && cg_ldap_conn_dial(&any, uri, deadline, &conn, NULL) == CG_OK)
        said = cg_ldap_tls_explain(conn->ld, url->lud_host ? url->lud_host : "localhost", link->ca_file, out);
    cg_ldap_conn_close(&conn);
    ldap_free_urldesc(url);
    return said;
}

bool cg_ldap_conn_dead(const struct cg_ldap_conn *conn)
{
    return conn->dead;
}

bool cg_ldap_conn_broken(const struct cg_ldap_conn *conn)
{
    return conn->broken;
}

const char *cg_ldap_conn_uri(const struct cg_ldap_conn *conn)
{
    return conn->uri;
}
