/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A scripted LDAP server for what a well-behaved one never does. It knows one person, uid=alice, takes any password,
 * and misbehaves as told. */
#ifndef CG_TESTS_LDAP_PEER_H
#define CG_TESTS_LDAP_PEER_H

#include <ldap.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* From which request on it says nothing any more; IN_ANSWER: within that to a search. */
enum peer_silence { PEER_TALKS, PEER_SILENT_AT_SERVICE, PEER_SILENT_AT_SEARCH, PEER_SILENT_IN_ANSWER, PEER_SILENT_AT_USER };

struct peer {
    /* The script; set before peer_start. */
    bool silent;                 /* accepts and never says a word */
    bool silent_after_tls;       /* agrees to StartTLS and then never says a word */
    int start_tls_result;        /* what StartTLS gets otherwise */
    const char *pki;             /* folder with good.pem and good.key: TLS is spoken, when it is asked for ... */
    bool is_ldaps;               /* ... or from the beginning */
    enum peer_silence silence;
    int user_result;             /* of a person's bind */
    bool hang_up_on_user;        /* closes instead of answering a person's bind */
    const char *diagnostic;      /* with it */
    const char *control;         /* OID of a control with it, or NULL ... */
    const char *control_value;   /* ... and its bytes */
    bool anonymous;              /* "who am I?" gives nobody */
    const char *group_attribute; /* name of the groups' attribute, "cn" when NULL */
    unsigned group_bytes;        /* size of its value */
    unsigned people;             /* entries for a person, 1 when 0 */
    /* Answers searches instead; `request` stands behind the message's number. */
    void (*search)(void *cls, Sockbuf *sb, ber_int_t id, BerElement *request);
    void *search_cls;
    uint16_t port;               /* 0: any */

    /* What happened. */
    atomic_uint connections;
    atomic_uint service_binds;
    atomic_uint user_binds;
    atomic_uint searches;

    /* Its own. */
    int listener;
    atomic_bool stopping;
    pthread_t thread;
    char url[64]; /* ldap:// */
    char ldaps[64];
};

void peer_start(struct peer *peer);
void peer_stop(struct peer *peer);

#endif
