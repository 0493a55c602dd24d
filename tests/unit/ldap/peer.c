/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "peer.h"

#include <arpa/inet.h>
#include <ldap.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "crategate/err.h"
#include "peer_tls.h"

struct session {
    struct peer *peer;
    Sockbuf *sb;
    struct peer_link link;
    bool over;
    bool mute;
};

static void send_ber(struct session *s, BerElement *ber)
{
    if (ber_flush2(s->sb, ber, LBER_FLUSH_FREE_ALWAYS) != 0)
        s->over = true;
}

static BerElement *new_ber(void)
{
    BerElement *ber = ber_alloc_t(LBER_USE_DER);

    CG_ASSERT(ber != NULL);
    return ber;
}

/* A result with an empty matched DN. */
static void send_result(struct session *s, ber_int_t id, ber_tag_t tag, int code, const char *diagnostic)
{
    BerElement *ber = new_ber();

    ber_printf(ber, "{it{ess}}", id, tag, code, "", diagnostic ? diagnostic : "");
    send_ber(s, ber);
}

static void answer_bind(struct session *s, ber_int_t id, BerElement *request)
{
    struct peer *p = s->peer;
    BerElement *ber = new_ber();
    ber_int_t version;
    char dn[256] = "";
    ber_len_t len = sizeof(dn);

    ber_scanf(request, "{is", &version, dn, &len);
    if (strncmp(dn, "cn=gateway", 10) == 0) {
        ber_free(ber, 1);
        p->service_binds++;
        if (p->silence == PEER_SILENT_AT_SERVICE) {
            s->mute = true;
            return;
        }
        send_result(s, id, LDAP_RES_BIND, LDAP_SUCCESS, NULL);
        return;
    }
    p->user_binds++;
    if (p->hang_up_on_user || p->silence == PEER_SILENT_AT_USER) {
        ber_free(ber, 1);
        s->over = p->hang_up_on_user;
        s->mute = !s->over;
        return;
    }
    ber_printf(ber, "{it{ess}", id, LDAP_RES_BIND, p->user_result, "", p->diagnostic ? p->diagnostic : "");
    if (p->control)
        ber_printf(ber, "t{{ss}}", LDAP_TAG_CONTROLS, p->control, p->control_value);
    ber_printf(ber, "N}");
    send_ber(s, ber);
}

static void send_entry(struct session *s, ber_int_t id, const char *dn, const char *attribute, const char *value)
{
    BerElement *ber = new_ber();

    ber_printf(ber, "{it{s{{s[s]}{s[s]}}}}", id, LDAP_RES_SEARCH_ENTRY, dn, attribute, value, "entryUUID",
               "11111111-2222-3333-4444-555555555555");
    send_ber(s, ber);
}

static void answer_search(struct session *s, ber_int_t id, BerElement *request)
{
    struct peer *p = s->peer;
    char base[256] = "", dn[64];
    ber_len_t len = sizeof(base);

    p->searches++;
    if (p->search) {
        p->search(p->search_cls, s->sb, id, request);
        return;
    }
    if (p->silence == PEER_SILENT_IN_ANSWER)
        peer_link_write(&s->link, "\x30\x40\x02", 3);
    s->mute = p->silence == PEER_SILENT_AT_SEARCH || p->silence == PEER_SILENT_IN_ANSWER;
    if (s->mute)
        return;
    ber_scanf(request, "{s", base, &len);
    if (strncmp(base, "ou=people", 9) == 0 || strncmp(base, "uid=", 4) == 0) {
        for (unsigned i = 0; i < (p->people ? p->people : 1); i++) {
            snprintf(dn, sizeof(dn), "uid=alice%.0u,ou=people,dc=example,dc=test", i);
            send_entry(s, id, dn, "uid", "alice");
        }
    } else if (strncmp(base, "ou=groups", 9) == 0 && p->group_bytes) {
        char *value = cg_malloc(p->group_bytes + 1);

        memset(value, 'g', p->group_bytes);
        value[p->group_bytes] = '\0';
        send_entry(s, id, "cn=g,ou=groups,dc=example,dc=test", p->group_attribute ? p->group_attribute : "cn", value);
        free(value);
    }
    send_result(s, id, LDAP_RES_SEARCH_RESULT, LDAP_SUCCESS, NULL);
}

static void answer_extended(struct session *s, ber_int_t id, BerElement *request)
{
    struct peer *p = s->peer;
    char oid[64] = "";
    ber_len_t len = sizeof(oid);
    BerElement *ber;

    ber_scanf(request, "{s", oid, &len);
    if (strcmp(oid, LDAP_EXOP_START_TLS) == 0) {
        send_result(s, id, LDAP_RES_EXTENDED, p->silent_after_tls ? LDAP_SUCCESS : p->start_tls_result, NULL);
        s->mute = p->silent_after_tls;
        s->over = !s->mute && p->start_tls_result == LDAP_SUCCESS && !peer_link_secure(&s->link, p->pki);
        return;
    }
    ber = new_ber();
    ber_printf(ber, "{it{essts}}", id, LDAP_RES_EXTENDED, LDAP_SUCCESS, "", "", LDAP_TAG_EXOP_RES_VALUE,
               p->anonymous ? "" : "dn:uid=alice");
    send_ber(s, ber);
}

static void answer(struct session *s, BerElement *request)
{
    ber_int_t id = 0;
    ber_len_t len;

    ber_get_int(request, &id);
    switch (ber_peek_tag(request, &len)) {
    case LDAP_REQ_BIND:
        answer_bind(s, id, request);
        break;
    case LDAP_REQ_SEARCH:
        answer_search(s, id, request);
        break;
    case LDAP_REQ_EXTENDED:
        answer_extended(s, id, request);
        break;
    case LDAP_REQ_UNBIND:
        s->over = true;
        break;
    default:
        break;
    }
}

/* True when something is there to read or accept; false when the peer stops. */
static bool wait_for(struct peer *p, int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    while (!p->stopping)
        if (poll(&poll_fd, 1, 10) > 0)
            return true;
    return false;
}

static void drain(struct peer *p, int fd)
{
    char bytes[512];

    while (wait_for(p, fd))
        if (read(fd, bytes, sizeof(bytes)) <= 0)
            break;
}

struct client {
    struct peer *peer;
    int fd;
};

static void *serve(void *cls)
{
    struct client *client = cls;
    struct session s = {.peer = client->peer, .sb = ber_sockbuf_alloc()};

    peer_link_open(&s.link, s.sb, client->fd);
    s.over = s.peer->is_ldaps && !peer_link_secure(&s.link, s.peer->pki);
    while (!s.over && !s.mute && !s.peer->silent && wait_for(s.peer, client->fd)) {
        BerElement *request = new_ber();
        ber_len_t len;

        if (ber_get_next(s.sb, &len, request) == LDAP_TAG_MESSAGE)
            answer(&s, request);
        else
            s.over = true;
        ber_free(request, 1);
    }
    if (!s.over)
        drain(s.peer, client->fd); /* hears everything, says nothing */
    ber_sockbuf_free(s.sb);
    peer_link_close(&s.link);
    free(client);
    return NULL;
}

#define CLIENTS_MAX 1024

static void *accept_all(void *cls)
{
    struct peer *p = cls;
    pthread_t threads[CLIENTS_MAX];
    size_t count = 0;

    while (wait_for(p, p->listener)) {
        struct client *client = cg_calloc(1, sizeof(*client));

        client->peer = p;
        client->fd = accept(p->listener, NULL, NULL);
        CG_ASSERT(client->fd >= 0 && count < CLIENTS_MAX);
        p->connections++;
        CG_ASSERT(pthread_create(&threads[count++], NULL, serve, client) == 0);
    }
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return NULL;
}

void peer_start(struct peer *peer)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(peer->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int on = 1;

    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(peer->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    CG_ASSERT(bind(peer->listener, (struct sockaddr *)&address, sizeof(address)) == 0);
    CG_ASSERT(listen(peer->listener, 16) == 0);
    CG_ASSERT(getsockname(peer->listener, (struct sockaddr *)&address, &size) == 0);
    snprintf(peer->url, sizeof(peer->url), "ldap://127.0.0.1:%u", ntohs(address.sin_port));
    snprintf(peer->ldaps, sizeof(peer->ldaps), "ldaps://127.0.0.1:%u", ntohs(address.sin_port));
    CG_ASSERT(pthread_create(&peer->thread, NULL, accept_all, peer) == 0);
}

void peer_stop(struct peer *peer)
{
    peer->stopping = true;
    pthread_join(peer->thread, NULL);
    close(peer->listener);
}
