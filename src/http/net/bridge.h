/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * HTTP/1.1 over TLS: libmicrohttpd gets one end of a pair of sockets, and the loop
 * carries the bytes between the other and the wire. Neither side is read before
 * what it said last was taken by the other, so the memory of a bridge is bounded
 * by one block and the kernel's buffers, and a bridge at rest has none.
 *
 * Threading: the loop's.
 */
#ifndef CG_HTTP_NET_BRIDGE_H
#define CG_HTTP_NET_BRIDGE_H

#include "http/net/loop.h"

/* Takes the wire, after its handshake, and stands for the connection in the gate's count. When there is no pair to be
 * had the connection is closed. */
void cg_bridge_open(struct cg_gate *gate, struct cg_wire *wire, const struct cg_peer *peer);
/* Once a second: ends what lingers too long, and whose client takes nothing. */
void cg_bridge_sweep(struct cg_loop *loop);
/* How many have something on its way to their clients. */
size_t cg_bridge_carrying(struct cg_loop *loop);
void cg_bridge_close_all(struct cg_loop *loop);

#endif
