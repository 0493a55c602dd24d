/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A raw HTTP/1.1 client for tests, over TLS when it is told so: what it sends is exactly what it is told to. Every read
 * ends within 10 seconds. */
#ifndef CG_TESTS_HTTP_CLIENT_H
#define CG_TESTS_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

struct client {
    int fd;
    struct ssl_st *ssl; /* NULL: cleartext */
    char *in;           /* read and not used yet */
    size_t len, cap;
};

struct answer {
    unsigned status;
    char head[4096]; /* status line and headers */
    char *body;      /* NUL-terminated */
    size_t len;
};

/* `address` as of cg_server_address(). */
void client_open(struct client *c, const char *address);
/* False when nobody listens there. */
bool client_try_open(struct client *c, const char *address);
/* The handshake, after client_open(): any certificate is taken. `alpn` in the form of the protocol ("\x08http/1.1"), or
 * NULL. False when it fails. */
bool client_start_tls(struct client *c, const char *alpn);
/* The SHA-256 of the server's certificate, in hexadecimal; static. */
const char *client_certificate(const struct client *c);
/* Nothing more will be sent: close_notify, and the end of the stream. */
void client_end(struct client *c);
void client_close(struct client *c);
void client_send(struct client *c, const char *bytes, size_t len); /* a failure ends the test program */
void client_say(struct client *c, const char *text);
/* Sends what it can; false when the other side has closed. */
bool client_try_send(struct client *c, const char *bytes, size_t len);
/* Reads one answer. `head_only`: it answers a HEAD request. A status of 0 means that the connection ended. */
void client_read(struct client *c, struct answer *a, bool head_only);
/* The value of a header in static storage, NULL when absent. */
const char *answer_header(const struct answer *a, const char *name);
void answer_clean(struct answer *a);
/* Nothing to read for so long? */
bool client_is_silent(struct client *c, int ms);
/* Has the other side closed (waits up to ms)? */
bool client_is_closed(struct client *c, int ms);

#endif
