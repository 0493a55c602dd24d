/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A doubly linked ring through what it lists: the list's own link is its head,
 * and an empty one points to itself. No allocation.
 *
 * Threading: the owner's.
 */
#ifndef CG_HTTP_NET_LINK_H
#define CG_HTTP_NET_LINK_H

#include <stdbool.h>
#include <stddef.h>

struct cg_link {
    struct cg_link *prev, *next;
};

static inline void cg_link_init(struct cg_link *head)
{
    head->prev = head->next = head;
}

static inline bool cg_link_empty(const struct cg_link *head)
{
    return head->next == head;
}

/* Out of whatever list it is in. */
static inline void cg_link_remove(struct cg_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    cg_link_init(link);
}

/* At the end. */
static inline void cg_link_add(struct cg_link *head, struct cg_link *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

/* `link` may be taken out meanwhile. */
#define CG_LINK_EACH(head, link, after)                                                                                \
    for (struct cg_link *link = (head)->next, *after = link->next; link != (head); link = after, after = link->next)

#define CG_LINK_OWNER(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

#endif
