/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "ldap/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <ldap.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/str.h"
#include "crategate/clock.h"
#include "ldap/resolve.h"
#include "ldap/result.h"

/* Where ldapi:// without a path leads. */
#define LOCAL_SOCKET "/var/run/slapd/ldapi"
#define LOCAL_RETRY_MS 10

/* A connection that lies idle in a pool must notice that its server has gone. Best effort. */
static void set_keep_alive(int fd)
{
    static const struct {
        int level, option, value;
    } OPTIONS[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},    {IPPROTO_TCP, TCP_KEEPIDLE, 60}, {IPPROTO_TCP, TCP_KEEPCNT, 3},
        {IPPROTO_TCP, TCP_KEEPINTVL, 10}, {IPPROTO_TCP, TCP_NODELAY, 1},
    };

    for (size_t i = 0; i < sizeof(OPTIONS) / sizeof(OPTIONS[0]); i++)
        setsockopt(fd, OPTIONS[i].level, OPTIONS[i].option, &OPTIONS[i].value, sizeof(OPTIONS[i].value));
}

void cg_ldap_socket_set_blocking(int fd, bool blocking)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags >= 0)
        fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

/* Waits for the end of a connect; an errno. */
static int finish(int fd, int64_t until)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t size = sizeof(error);

    for (;;) {
        int64_t left = until - cg_clock_mono_ms();
        int n = poll(&p, 1, left > 0 ? (int)left : 0);

        if (n > 0)
            break;
        if (n == 0)
            return ETIMEDOUT;
        if (errno != EINTR)
            return errno;
    }
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

/* An errno. EAGAIN is how a local socket says that its queue is full: there is nothing to poll for. */
static int connect_fd(int fd, const struct sockaddr *address, socklen_t size, int64_t until)
{
    for (;;) {
        if (connect(fd, address, size) == 0)
            return 0;
        if (errno == EINPROGRESS || errno == EINTR)
            return finish(fd, until);
        if (errno != EAGAIN)
            return errno;
        if (cg_clock_mono_ms() >= until)
            return ETIMEDOUT;
        poll(NULL, 0, LOCAL_RETRY_MS);
    }
}

static int try_address(const struct sockaddr *address, socklen_t size, int64_t until, int *fd_out)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error;

    if (fd < 0)
        return errno;
    error = connect_fd(fd, address, size, until);
    if (error == 0)
        *fd_out = fd;
    else
        close(fd);
    return error;
}

/* The first address that answers. Each has its share of the time that is left. */
static int try_all(const struct addrinfo *list, int64_t deadline, int *fd_out)
{
    int64_t count = 0;
    int error = EADDRNOTAVAIL;

    for (const struct addrinfo *a = list; a; a = a->ai_next)
        count++;
    for (const struct addrinfo *a = list; a && error; a = a->ai_next, count--) {
        int64_t now = cg_clock_mono_ms();
        int64_t share = deadline > now ? (deadline - now) / count : 0;

        error = try_address(a->ai_addr, a->ai_addrlen, now + share, fd_out);
    }
    return error;
}

static enum cg_err no_connection(const char *uri, int error, struct cg_error *err)
{
    return cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "%s: no connection: %s", uri, strerror(error));
}

static enum cg_err open_tcp(const char *uri, const LDAPURLDesc *url, int64_t deadline, int *fd_out,
                            struct cg_error *err)
{
    const char *host = url->lud_host && url->lud_host[0] ? url->lud_host : "localhost";
    struct cg_ldap_addresses *addresses = NULL;
    struct cg_error own = {0};
    char port[16];
    int error, fd = -1;

    snprintf(port, sizeof(port), "%d",
             url->lud_port ? url->lud_port : (cg_streq_nocase(url->lud_scheme, "ldaps") ? LDAPS_PORT : LDAP_PORT));
    if (cg_ldap_resolve(host, port, deadline, &addresses, &own) != CG_OK)
        return cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "%s: no connection: %s", uri, own.internal);
    error = try_all(cg_ldap_addresses_list(addresses), deadline, &fd);
    cg_ldap_addresses_free(&addresses);
    if (error)
        return no_connection(uri, error, err);
    set_keep_alive(fd);
    *fd_out = fd;
    return CG_OK;
}

static enum cg_err open_local(const char *uri, const LDAPURLDesc *url, int64_t deadline, int *fd_out,
                              struct cg_error *err)
{
    const char *path = url->lud_host && url->lud_host[0] ? url->lud_host : LOCAL_SOCKET;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int error;

    if (strlen(path) >= sizeof(address.sun_path))
        return no_connection(uri, ENAMETOOLONG, err);
    memcpy(address.sun_path, path, strlen(path) + 1);
    error = try_address((const struct sockaddr *)&address, sizeof(address), deadline, fd_out);
    return error ? no_connection(uri, error, err) : CG_OK;
}

enum cg_err cg_ldap_socket_open(const char *uri, int64_t deadline, int *fd_out, bool *local_out, struct cg_error *err)
{
    LDAPURLDesc *url = NULL;
    enum cg_err rc;

    if (ldap_url_parse(uri, &url) != LDAP_URL_SUCCESS)
        return cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "%s: libldap does not take this URI", uri);
    *local_out = cg_streq_nocase(url->lud_scheme, "ldapi");
    rc = *local_out ? open_local(uri, url, deadline, fd_out, err) : open_tcp(uri, url, deadline, fd_out, err);
    ldap_free_urldesc(url);
    return rc;
}
