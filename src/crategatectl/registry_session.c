/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "crategatectl/registry_session.h"

#include "crategated/wiring.h"

enum cg_err cg_registry_session_open(struct cg_ctl *ctl, struct cg_registry_session *s, struct cg_error *err)
{
    enum cg_err rc = cg_ctl_enter_state(ctl->conf, err);

    if (rc == CG_OK)
        rc = cg_wiring_metadata(ctl->conf, &s->md, err);
    if (rc == CG_OK)
        rc = cg_registry_new(ctl->conf, s->md, cg_wiring_storage, &s->reg, err);
    return rc;
}

void cg_registry_session_close(struct cg_registry_session *s)
{
    if (s->reg)
        cg_registry_free(&s->reg);
    cg_metadata_free(&s->md);
}
