/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * May somebody be an owner? Asked before a body is accepted, when the crate's
 * name is not known yet: who neither publishes in the namespace nor owns a crate
 * of it is refused at once. Blocks on the database; workers only.
 */
#ifndef CG_REGISTRY_OWNERSHIP_H
#define CG_REGISTRY_OWNERSHIP_H

#include <stdbool.h>

#include "crategate/identity.h"
#include "crategate/metadata.h"

/* Does `who` own any crate of the namespace, themselves or by a group? */
enum cg_err cg_ownership_any(struct cg_metadata *md, const char *ns, const struct cg_identity *who, bool *any_out,
                             struct cg_error *err) CG_CHECK;

#endif
