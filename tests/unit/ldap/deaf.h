/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A listener that accepts nobody and whose queue is full: a connection to it is neither made nor refused. */
#ifndef CG_TESTS_LDAP_DEAF_H
#define CG_TESTS_LDAP_DEAF_H

#include <stdint.h>

#define DEAF_QUEUE_MAX 16

struct deaf {
    int listener;
    int queue[DEAF_QUEUE_MAX];
    int queued;
    uint16_t port;
};

/* On an IPv4 address of this machine; port 0: any. */
void deaf_start(struct deaf *deaf, const char *address, uint16_t port);
void deaf_stop(struct deaf *deaf);

#endif
