/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The inside of a TLS context; threading as in tls.h. */
#ifndef CG_HTTP_NET_TLS_IMPL_H
#define CG_HTTP_NET_TLS_IMPL_H

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "http/net/tls.h"

struct cg_tls {
    atomic_uint refs;
    SSL_CTX *ctx; /* holds the certificate */
};

#endif
