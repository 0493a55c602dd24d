/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Listening sockets of one address of the configuration: "127.0.0.1:8080",
 * "[::1]:8080", "unix:/run/crategate/http.sock". A TCP address has one
 * SO_REUSEPORT socket a loop, so that the kernel spreads connections; a unix
 * socket is one, shared. At start and stop only, one thread.
 */
#ifndef CG_HTTP_NET_LISTEN_H
#define CG_HTTP_NET_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

#include "crategate/err.h"

struct cg_listen {
    char *unix_path; /* NULL: TCP */
    char *address;   /* "http://127.0.0.1:41231", "https://...", "unix:/path" */
    bool tls;        /* never a unix socket's */
    int *fds;        /* one a loop, each its own descriptor */
    size_t count;
};

/* `tls`: what is to be spoken on TCP. UNAVAILABLE names the address and the reason: malformed, in use, not ours. On
 * error nothing is left open. */
enum cg_err cg_listen_open(const char *spec, size_t loops, bool tls, struct cg_listen *listen_out,
                           struct cg_error *err) CG_CHECK;
/* Gives descriptor i away. */
int cg_listen_take(struct cg_listen *listen, size_t i);
/* Closes what was not taken and removes a unix socket's file. */
void cg_listen_close(struct cg_listen *listen);

#endif
