/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/http1/http1.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http/http1/connection.h"
#include "log/log.h"

/* performance.md: the library clears it after each request; this holds headers with a token of 12 KB. */
#define CONNECTION_MEMORY (16u * 1024u)

/* What the library complains of is mostly what clients do. */
CG_PRINTF(2, 0) static void log_library(void *cls, const char *fmt, va_list args)
{
    char line[512];

    (void)cls;
    /* It tries what TCP knows on every socket that it did not accept itself. */
    if (strstr(fmt, "option to %s state failed") || strstr(fmt, "Failed to push the data"))
        return;
    vsnprintf(line, sizeof(line), fmt, args);
    line[strcspn(line, "\n")] = '\0';
    cg_log(CG_LOG_DEBUG, "http", NULL, "libmicrohttpd: %s", line);
}

/* The router decodes, once. */
static size_t leave_escaped(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls, (void)mhd;
    return strlen(text);
}

static struct MHD_Daemon *start_daemon(struct cg_http1 *http1)
{
    /* No thread of the library's own, and no socket: the gates accept, and count. */
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        cg_conn_handle, http1, MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL, MHD_OPTION_CONNECTION_LIMIT, UINT_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, http1->loop->server->idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY,
        /* 1 would be stricter, but the library then answers a missing Host with two heads and no JSON. */
        MHD_OPTION_STRICT_FOR_CLIENT, 0,
        /* Without it files are read and copied instead of sent (0.2 of the speed). */
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, cg_conn_begin, http1, MHD_OPTION_NOTIFY_CONNECTION, cg_conn_notify, http1,
        MHD_OPTION_NOTIFY_COMPLETED, cg_conn_completed, http1, MHD_OPTION_END);
}

enum cg_err cg_http1_new(struct cg_loop *loop, struct cg_http1 **http1_out, struct cg_error *err)
{
    struct cg_http1 *http1 = cg_calloc(1, sizeof(*http1));

    http1->loop = loop;
    http1->daemon = start_daemon(http1);
    if (!http1->daemon) {
        free(http1);
        return cg_error_set(err, CG_ERR_UNAVAILABLE, "libmicrohttpd does not start");
    }
    *http1_out = http1;
    return CG_OK;
}

void cg_http1_free(struct cg_http1 **http1p)
{
    struct cg_http1 *http1 = *http1p;

    if (!http1)
        return;
    MHD_stop_daemon(http1->daemon);
    cg_ready_free_all(&http1->ready);
    free(http1);
    *http1p = NULL;
}

int cg_http1_fd(const struct cg_http1 *http1)
{
    return MHD_get_daemon_info(http1->daemon, MHD_DAEMON_INFO_EPOLL_FD)->listen_fd;
}

void cg_http1_run(struct cg_http1 *http1)
{
    MHD_run(http1->daemon);
}

int64_t cg_http1_due(const struct cg_http1 *http1, int64_t now_ms)
{
    MHD_UNSIGNED_LONG_LONG ms;

    if (MHD_get_timeout(http1->daemon, &ms) != MHD_YES)
        return INT64_MAX;
    return now_ms + (int64_t)(ms < INT_MAX ? ms : INT_MAX);
}

void cg_http1_adopt(struct cg_http1 *http1, int fd, const struct cg_peer *peer, struct cg_gate *gate)
{
    enum MHD_Result rc;

    http1->adopted_peer = peer;
    http1->adopted_gate = gate;
    rc = MHD_add_connection(http1->daemon, fd, (const struct sockaddr *)&peer->addr, peer->len);
    http1->adopted_peer = NULL;
    /* What went wrong after the connection had begun was told to it. */
    if (rc != MHD_YES && gate && http1->adopted_gate)
        cg_gate_leave(gate);
    http1->adopted_gate = NULL;
    http1->loop->http1_ready = true;
}

void cg_http1_sweep(struct cg_http1 *http1, unsigned slice)
{
    for (struct cg_http1_conn *conn = http1->conns[slice], *next; conn; conn = next) {
        next = conn->next;
        cg_conn_check_pace(conn);
    }
    if (slice == 0)
        cg_ready_sweep(&http1->ready, http1->loop->now_ms);
}

size_t cg_http1_waiting(const struct cg_http1 *http1)
{
    return http1->waiting;
}

bool cg_http1_keeps_files(const struct cg_http1 *http1)
{
    return http1->ready.files > 0;
}
