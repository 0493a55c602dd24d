/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A registry opened by a tool, with its database; for `verify` and `crate`. One thread. */
#ifndef CG_CRATEGATECTL_REGISTRY_SESSION_H
#define CG_CRATEGATECTL_REGISTRY_SESSION_H

#include "crategatectl/ctl.h"
#include "registry/registry.h"

struct cg_registry_session {
    struct cg_metadata *md;
    struct cg_registry *reg;
};

enum cg_err cg_registry_session_open(struct cg_ctl *ctl, struct cg_registry_session *s, struct cg_error *err) CG_CHECK;
void cg_registry_session_close(struct cg_registry_session *s); /* safe after a failed open */

#endif
