/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

#define PATIENCE_MS 10000

static void die(const char *what)
{
    fprintf(stderr, "client: %s: %s\n", what, strerror(errno));
    abort();
}

static int connect_unix(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&un, sizeof(un)) != 0)
        die(path);
    return fd;
}

/* -1 when nobody listens. */
static int connect_tcp(const char *address)
{
    const char *host = strstr(address, "://") + 3, *colon = strrchr(address, ':');
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((unsigned short)atoi(colon + 1))};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = v6.sin6_port};
    bool is_v6 = *host == '[';
    int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    v6.sin6_addr = in6addr_loopback;
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0)
        die("socket");
    if (connect(fd, is_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4, is_v6 ? sizeof(v6) : sizeof(v4)) == 0)
        return fd;
    close(fd);
    return -1;
}

bool client_try_open(struct client *c, const char *address)
{
    *c = (struct client){.cap = 65536};
    c->fd = cg_str_starts(address, "unix:") ? connect_unix(address + strlen("unix:")) : connect_tcp(address);
    if (c->fd < 0)
        return false;
    c->in = cg_malloc(c->cap);
    return true;
}

void client_open(struct client *c, const char *address)
{
    if (!client_try_open(c, address))
        die(address);
}

bool client_start_tls(struct client *c, const char *alpn)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    c->ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    SSL_set_fd(c->ssl, c->fd);
    if (alpn)
        SSL_set_alpn_protos(c->ssl, (const unsigned char *)alpn, (unsigned)strlen(alpn));
    return SSL_connect(c->ssl) == 1;
}

const char *client_certificate(const struct client *c)
{
    static char text[2 * EVP_MAX_MD_SIZE + 1];
    X509 *cert = SSL_get1_peer_certificate(c->ssl);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    X509_digest(cert, EVP_sha256(), digest, &len);
    X509_free(cert);
    for (unsigned i = 0; i < len; i++)
        snprintf(text + 2 * (size_t)i, 3, "%02x", digest[i]);
    return text;
}

void client_end(struct client *c)
{
    if (c->ssl)
        SSL_shutdown(c->ssl);
    shutdown(c->fd, SHUT_WR);
}

void client_close(struct client *c)
{
    SSL_free(c->ssl);
    if (c->fd >= 0)
        close(c->fd);
    free(c->in);
    *c = (struct client){.fd = -1};
}

/* SIGPIPE is for whoever uses TLS to ignore. */
static ssize_t send_some(struct client *c, const char *bytes, size_t len)
{
    int n;

    if (!c->ssl)
        return send(c->fd, bytes, len, MSG_NOSIGNAL);
    n = SSL_write(c->ssl, bytes, (int)len);
    errno = n > 0 ? 0 : EPIPE;
    return n > 0 ? n : -1;
}

static ssize_t receive_some(struct client *c, char *out, size_t max)
{
    return c->ssl ? SSL_read(c->ssl, out, (int)max) : recv(c->fd, out, max, 0);
}

bool client_try_send(struct client *c, const char *bytes, size_t len)
{
    while (len) {
        ssize_t n = send_some(c, bytes, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

void client_send(struct client *c, const char *bytes, size_t len)
{
    if (!client_try_send(c, bytes, len))
        die("send");
}

void client_say(struct client *c, const char *text)
{
    client_send(c, text, strlen(text));
}

/* False at the end of the connection (an error too) and when patience ends. */
static bool more(struct client *c, int ms)
{
    struct pollfd fd = {.fd = c->fd, .events = POLLIN};
    ssize_t n;

    if (!(c->ssl && SSL_has_pending(c->ssl)) && poll(&fd, 1, ms) != 1)
        return false;
    if (c->len + 1 >= c->cap) {
        c->cap *= 2;
        c->in = cg_reallocarray(c->in, c->cap, 1);
    }
    n = receive_some(c, c->in + c->len, c->cap - c->len - 1);
    if (n <= 0)
        return false;
    c->len += (size_t)n;
    return true;
}

static void take(struct client *c, size_t len)
{
    memmove(c->in, c->in + len, c->len - len);
    c->len -= len;
}

static bool read_head(struct client *c, struct answer *a)
{
    char *end;

    for (;;) {
        c->in[c->len] = '\0';
        if ((end = strstr(c->in, "\r\n\r\n")) != NULL)
            break;
        if (!more(c, PATIENCE_MS))
            return false;
    }
    size_t len = (size_t)(end - c->in) + 4;

    if (len >= sizeof(a->head))
        die("head too long");
    memcpy(a->head, c->in, len);
    a->head[len] = '\0';
    take(c, len);
    return sscanf(a->head, "HTTP/1.%*d %u", &a->status) == 1;
}

void client_read(struct client *c, struct answer *a, bool head_only)
{
    const char *length;

    *a = (struct answer){0};
    if (!read_head(c, a))
        return;
    length = answer_header(a, "Content-Length");
    a->len = length && !head_only && a->status != 304 && a->status >= 200 ? (size_t)strtoul(length, NULL, 10) : 0;
    while (c->len < a->len)
        if (!more(c, PATIENCE_MS)) {
            a->status = 0;
            return;
        }
    a->body = cg_malloc(a->len + 1);
    memcpy(a->body, c->in, a->len);
    a->body[a->len] = '\0';
    take(c, a->len);
}

const char *answer_header(const struct answer *a, const char *name)
{
    static char value[1024];
    size_t len = strlen(name);

    for (const char *line = strstr(a->head, "\r\n"); line && line[2]; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':') {
            const char *text = line + 2 + len + 1 + strspn(line + 2 + len + 1, " ");

            snprintf(value, sizeof(value), "%.*s", (int)strcspn(text, "\r"), text);
            return value;
        }
    return NULL;
}

void answer_clean(struct answer *a)
{
    free(a->body);
    a->body = NULL;
}

bool client_is_silent(struct client *c, int ms)
{
    struct pollfd fd = {.fd = c->fd, .events = POLLIN};

    return c->len == 0 && poll(&fd, 1, ms) == 0;
}

bool client_is_closed(struct client *c, int ms)
{
    struct pollfd fd = {.fd = c->fd, .events = POLLIN};
    char byte;

    if (c->ssl)
        return (SSL_has_pending(c->ssl) || poll(&fd, 1, ms) == 1) && SSL_peek(c->ssl, &byte, 1) <= 0;
    return poll(&fd, 1, ms) == 1 && recv(c->fd, &byte, 1, MSG_PEEK) <= 0;
}
