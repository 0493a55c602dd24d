/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/net/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

#define BACKLOG 1024
#define UNIX_MODE 0660

/* An address to bind, of either family. */
struct place {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un un;
    } addr;
    socklen_t len;
    const char *spec;
};

static enum cg_err failed(struct cg_error *err, const char *spec, const char *what)
{
    return cg_error_set(err, CG_ERR_UNAVAILABLE, "cannot %s %s: %s", what, spec, strerror(errno));
}

/* "ADDR:PORT" or "[ADDR]:PORT". */
static bool parse_tcp(const char *spec, struct place *place)
{
    const char *colon = strrchr(spec, ':');
    bool v6 = spec[0] == '[';
    char host[INET6_ADDRSTRLEN];
    uint64_t port;

    if (!colon || cg_parse_u64(colon + 1, 65535, &port) != CG_OK || (v6 && (colon == spec || colon[-1] != ']')))
        return false;
    size_t len = (size_t)(colon - spec) - (v6 ? 2 : 0);

    if (len >= sizeof(host))
        return false;
    memcpy(host, spec + v6, len);
    host[len] = '\0';
    memset(&place->addr, 0, sizeof(place->addr));
    if (v6) {
        place->addr.v6.sin6_family = AF_INET6;
        place->addr.v6.sin6_port = htons((uint16_t)port);
        place->len = sizeof(place->addr.v6);
        return inet_pton(AF_INET6, host, &place->addr.v6.sin6_addr) == 1;
    }
    place->addr.v4.sin_family = AF_INET;
    place->addr.v4.sin_port = htons((uint16_t)port);
    place->len = sizeof(place->addr.v4);
    return inet_pton(AF_INET, host, &place->addr.v4.sin_addr) == 1;
}

static void set_flag(int fd, int level, int option)
{
    int on = 1;

    (void)setsockopt(fd, level, option, &on, sizeof(on));
}

static int bind_tcp(const struct place *place, bool shared)
{
    int fd = socket(place->addr.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), saved;

    if (fd < 0)
        return -1;
    set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
    if (shared)
        set_flag(fd, SOL_SOCKET, SO_REUSEPORT);
    if (place->addr.any.sa_family == AF_INET6)
        set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    if (bind(fd, &place->addr.any, place->len) == 0)
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* SO_REUSEPORT would let a second daemon of the same user share our port without anybody noticing: a socket without it
 * finds that out first. */
static bool port_is_free(const struct place *place)
{
    int fd = bind_tcp(place, false);

    if (fd < 0)
        return false;
    close(fd);
    return true;
}

static char *tcp_address(const struct place *place, bool tls)
{
    const char *scheme = tls ? "https" : "http";
    char host[INET6_ADDRSTRLEN];

    if (place->addr.any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &place->addr.v6.sin6_addr, host, sizeof(host));
        return cg_asprintf("%s://[%s]:%u", scheme, host, ntohs(place->addr.v6.sin6_port));
    }
    inet_ntop(AF_INET, &place->addr.v4.sin_addr, host, sizeof(host));
    return cg_asprintf("%s://%s:%u", scheme, host, ntohs(place->addr.v4.sin_port));
}

/* Port 0 becomes a real one with the first socket, and the others follow it there. */
static enum cg_err open_tcp(struct place *place, struct cg_listen *out, struct cg_error *err)
{
    if (!port_is_free(place))
        return failed(err, place->spec, "listen on");
    for (size_t i = 0; i < out->count; i++) {
        int fd = bind_tcp(place, true);

        out->fds[i] = fd;
        if (fd < 0 || listen(fd, BACKLOG) != 0 || getsockname(fd, &place->addr.any, &place->len) != 0)
            return failed(err, place->spec, "listen on");
    }
    out->address = tcp_address(place, out->tls);
    return CG_OK;
}

/* A file left behind by a daemon that died is removed; one that somebody still answers on is in use. */
static bool clear_stale(const struct place *place)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;
    struct stat st;

    if (fd < 0)
        return false;
    rc = connect(fd, &place->addr.any, place->len);
    int problem = errno;

    close(fd);
    if (rc == 0) {
        errno = EADDRINUSE;
        return false;
    }
    if (problem == ECONNREFUSED && lstat(place->addr.un.sun_path, &st) == 0 && S_ISSOCK(st.st_mode))
        unlink(place->addr.un.sun_path);
    return true;
}

static enum cg_err open_unix(const char *path, struct place *place, struct cg_listen *out, struct cg_error *err)
{
    place->addr.un.sun_family = AF_UNIX;
    place->len = sizeof(place->addr.un);
    if (strlen(path) >= sizeof(place->addr.un.sun_path)) {
        errno = ENAMETOOLONG;
        return failed(err, place->spec, "listen on");
    }
    memcpy(place->addr.un.sun_path, path, strlen(path) + 1);
    if (!clear_stale(place))
        return failed(err, place->spec, "listen on");
    int fd = out->fds[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || bind(fd, &place->addr.any, place->len) != 0)
        return failed(err, place->spec, "bind");
    out->unix_path = cg_strdup(path);
    if (chmod(path, UNIX_MODE) != 0 || listen(fd, BACKLOG) != 0)
        return failed(err, place->spec, "listen on");
    for (size_t i = 1; i < out->count; i++)
        if ((out->fds[i] = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0)
            return failed(err, place->spec, "share");
    out->address = cg_strdup(place->spec);
    return CG_OK;
}

enum cg_err cg_listen_open(const char *spec, size_t loops, bool tls, struct cg_listen *listen_out, struct cg_error *err)
{
    struct cg_listen opened = {.fds = cg_calloc(loops, sizeof(int)), .count = loops};
    struct place place = {.spec = spec};
    enum cg_err rc;

    for (size_t i = 0; i < loops; i++)
        opened.fds[i] = -1;
    opened.tls = tls && !cg_str_starts(spec, "unix:");
    if (cg_str_starts(spec, "unix:"))
        rc = open_unix(spec + strlen("unix:"), &place, &opened, err);
    else if (parse_tcp(spec, &place))
        rc = open_tcp(&place, &opened, err);
    else
        rc = cg_error_set(err, CG_ERR_UNAVAILABLE, "cannot listen on %s: not ADDRESS:PORT, [ADDRESS]:PORT or unix:PATH",
                          spec);
    if (rc == CG_OK)
        *listen_out = opened;
    else
        cg_listen_close(&opened);
    return rc;
}

int cg_listen_take(struct cg_listen *listen, size_t i)
{
    int fd = listen->fds[i];

    listen->fds[i] = -1;
    return fd;
}

void cg_listen_close(struct cg_listen *listen)
{
    for (size_t i = 0; i < listen->count; i++)
        if (listen->fds[i] >= 0)
            close(listen->fds[i]);
    if (listen->unix_path)
        unlink(listen->unix_path);
    free(listen->unix_path);
    free(listen->address);
    free(listen->fds);
    *listen = (struct cg_listen){0};
}
