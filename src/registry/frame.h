/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The publish frame (cargo-protocol.md 5.2): u32 LE, JSON, u32 LE, .crate.
 * Bytes behind it are refused. Reads only the lengths and the JSON into memory.
 */
#ifndef CG_REGISTRY_FRAME_H
#define CG_REGISTRY_FRAME_H

#include <stdint.h>

#include "base/buf.h"
#include "registry/registry.h"

#define CG_FRAME_JSON_MAX (1024u * 1024u)

struct cg_frame {
    uint64_t crate_offset, crate_size;
};

/* json gets the metadata. INVALID (truncated, trailing bytes), TOO_LARGE (JSON or crate over its limit). */
enum cg_err cg_frame_read(const struct cg_source *body, uint64_t crate_max, struct cg_buf *json,
                          struct cg_frame *frame_out, struct cg_error *err) CG_CHECK;

/* A body that is a .crate and nothing else. INVALID when empty, TOO_LARGE. */
enum cg_err cg_frame_bare(const struct cg_source *body, uint64_t crate_max, struct cg_frame *frame_out,
                          struct cg_error *err) CG_CHECK;

#endif
