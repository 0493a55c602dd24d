/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The inside of a wire: what each kind of one has first in its struct.
 *
 * Threading: as wire.h.
 */
#ifndef CG_HTTP_NET_WIRE_IMPL_H
#define CG_HTTP_NET_WIRE_IMPL_H

#include "http/net/wire.h"

struct cg_wire_ops {
    bool secure;
    /* As in wire.h; each sets the wants of its direction when it fails with EAGAIN. */
    ssize_t (*read)(struct cg_wire *wire, void *out, size_t max);
    ssize_t (*write)(struct cg_wire *wire, const void *bytes, size_t len);
    bool (*pending)(const struct cg_wire *wire);
    void (*shutdown)(struct cg_wire *wire);
    void (*free)(struct cg_wire *wire); /* the struct too, but not the descriptor */
};

struct cg_wire {
    const struct cg_wire_ops *ops;
    int fd;
    unsigned read_wants, write_wants;
};

#endif
