/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/net/tls_impl.h"
#include "http/net/wire_impl.h"

struct tls_wire {
    struct cg_wire wire; /* first */
    SSL *ssl;
    bool drained; /* the last read found nothing whole: what is left in the library is part of a record */
    bool broken;  /* a fatal error: nothing may be said any more, close_notify included */
};

static struct tls_wire *tls_of(struct cg_wire *wire)
{
    return (struct tls_wire *)wire;
}

/* What a failed call means: 0 for the end, -1 with errno. */
static ssize_t explain(struct tls_wire *tw, unsigned *wants)
{
    int saved = errno;

    switch (SSL_get_error(tw->ssl, 0)) {
    case SSL_ERROR_WANT_READ:
        *wants = EPOLLIN;
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_WANT_WRITE:
        *wants = EPOLLOUT;
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        errno = saved ? saved : ECONNRESET;
        break;
    default:
        errno = EPROTO;
        break;
    }
    tw->broken = true;
    return -1;
}

static ssize_t tls_read(struct cg_wire *wire, void *out, size_t max)
{
    struct tls_wire *tw = tls_of(wire);
    size_t n = 0;

    ERR_clear_error();
    errno = 0;
    tw->drained = SSL_read_ex(tw->ssl, out, max, &n) != 1;
    return tw->drained ? explain(tw, &wire->read_wants) : (ssize_t)n;
}

static ssize_t tls_write(struct cg_wire *wire, const void *bytes, size_t len)
{
    struct tls_wire *tw = tls_of(wire);
    size_t n = 0;

    ERR_clear_error();
    errno = 0;
    if (SSL_write_ex(tw->ssl, bytes, len, &n) == 1)
        return (ssize_t)n;
    if (explain(tw, &wire->write_wants) == 0)
        errno = EPIPE;
    return -1;
}

static bool tls_pending(const struct cg_wire *wire)
{
    const struct tls_wire *tw = (const struct tls_wire *)wire;

    return !tw->drained && SSL_has_pending(tw->ssl);
}

static void tls_shutdown(struct cg_wire *wire)
{
    struct tls_wire *tw = tls_of(wire);

    ERR_clear_error();
    if (!tw->broken && SSL_is_init_finished(tw->ssl))
        (void)SSL_shutdown(tw->ssl);
    shutdown(wire->fd, SHUT_WR);
}

static void tls_free(struct cg_wire *wire)
{
    struct tls_wire *tw = tls_of(wire);

    /* Otherwise the session of a client that simply leaves could not be resumed. */
    if (!tw->broken)
        SSL_set_shutdown(tw->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(tw->ssl);
    free(tw);
    ERR_clear_error();
}

static const struct cg_wire_ops tls_ops = {
    .secure = true,
    .read = tls_read,
    .write = tls_write,
    .pending = tls_pending,
    .shutdown = tls_shutdown,
    .free = tls_free,
};

struct cg_wire *cg_tls_wire_new(const struct cg_tls *tls, int fd)
{
    SSL *ssl = SSL_new(tls->ctx);
    struct tls_wire *tw;

    if (!ssl || SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        ERR_clear_error();
        close(fd);
        return NULL;
    }
    SSL_set_accept_state(ssl);
    tw = cg_calloc(1, sizeof(*tw));
    *tw = (struct tls_wire){
        .wire = {.ops = &tls_ops, .fd = fd, .read_wants = EPOLLIN, .write_wants = EPOLLOUT},
        .ssl = ssl,
    };
    return &tw->wire;
}

static _Thread_local char last_reason[128];

const char *cg_tls_reason(void)
{
    return last_reason;
}

enum cg_handshake cg_tls_handshake(struct cg_wire *wire)
{
    struct tls_wire *tw = tls_of(wire);
    const char *text;
    int why;

    ERR_clear_error();
    errno = 0;
    if (SSL_do_handshake(tw->ssl) == 1) {
        wire->read_wants = EPOLLIN;
        return CG_HANDSHAKE_DONE;
    }
    if (explain(tw, &wire->read_wants) < 0 && errno == EAGAIN)
        return CG_HANDSHAKE_WAITS;
    tw->broken = true;
    why = ERR_GET_REASON(ERR_peek_last_error());
    text = ERR_reason_error_string(ERR_peek_last_error());
    strncpy(last_reason, text ? text : errno ? strerror(errno) : "the client left", sizeof(last_reason) - 1);
    return why == SSL_R_HTTP_REQUEST ? CG_HANDSHAKE_CLEARTEXT : CG_HANDSHAKE_FAILED;
}

bool cg_tls_chose_http2(const struct cg_wire *wire)
{
    const struct tls_wire *tw = (const struct tls_wire *)wire;
    const unsigned char *name;
    unsigned len;

    SSL_get0_alpn_selected(tw->ssl, &name, &len);
    return len == 2 && memcmp(name, "h2", 2) == 0;
}
