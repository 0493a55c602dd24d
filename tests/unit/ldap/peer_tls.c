/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "peer_tls.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crategate/err.h"

static int set_up(Sockbuf_IO_Desc *desc, void *arg)
{
    desc->sbiod_pvt = arg;
    return 0;
}

static int nothing(Sockbuf_IO_Desc *desc)
{
    (void)desc;
    return 0;
}

static int control(Sockbuf_IO_Desc *desc, int option, void *arg)
{
    (void)desc, (void)option, (void)arg;
    return 0;
}

static ber_slen_t receive(Sockbuf_IO_Desc *desc, void *bytes, ber_len_t len)
{
    struct peer_link *link = desc->sbiod_pvt;

    return link->ssl ? SSL_read(link->ssl, bytes, (int)len) : read(link->fd, bytes, len);
}

static ber_slen_t transmit(Sockbuf_IO_Desc *desc, void *bytes, ber_len_t len)
{
    struct peer_link *link = desc->sbiod_pvt;

    return link->ssl ? SSL_write(link->ssl, bytes, (int)len) : write(link->fd, bytes, len);
}

static Sockbuf_IO LINK_IO = {
    .sbi_setup = set_up,
    .sbi_remove = nothing,
    .sbi_ctrl = control,
    .sbi_read = receive,
    .sbi_write = transmit,
    .sbi_close = nothing,
};

void peer_link_open(struct peer_link *link, Sockbuf *sb, int fd)
{
    memset(link, 0, sizeof(*link));
    link->fd = fd;
    ber_sockbuf_add_io(sb, &LINK_IO, LBER_SBIOD_LEVEL_PROVIDER, link);
}

bool peer_link_secure(struct peer_link *link, const char *pki)
{
    char path[256];

    CG_ASSERT(pki != NULL);
    link->ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_verify(link->ctx, SSL_VERIFY_NONE, NULL);
    snprintf(path, sizeof(path), "%s/good.pem", pki);
    CG_ASSERT(SSL_CTX_use_certificate_file(link->ctx, path, SSL_FILETYPE_PEM) == 1);
    snprintf(path, sizeof(path), "%s/good.key", pki);
    CG_ASSERT(SSL_CTX_use_PrivateKey_file(link->ctx, path, SSL_FILETYPE_PEM) == 1);
    link->ssl = SSL_new(link->ctx);
    SSL_set_fd(link->ssl, link->fd);
    return SSL_accept(link->ssl) == 1;
}

void peer_link_write(struct peer_link *link, const void *bytes, size_t len)
{
    if (link->ssl)
        SSL_write(link->ssl, bytes, (int)len);
    else
        CG_ASSERT(write(link->fd, bytes, len) == (ssize_t)len);
}

void peer_link_close(struct peer_link *link)
{
    SSL_free(link->ssl);
    SSL_CTX_free(link->ctx);
    close(link->fd);
}
