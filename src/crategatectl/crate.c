/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* crategatectl crate delete: for what must not exist (a secret that was published). Yanking is for the rest. */
#include "crategatectl/registry_session.h"

#include <stdio.h>
#include <string.h>

#define SYNOPSIS "crate delete NAMESPACE NAME[@VERSION] --yes"

static enum cg_err delete_crate(struct cg_ctl *ctl, struct cg_registry *reg, struct cg_audit_record *record,
                                struct cg_error *err)
{
    struct cg_audit *audit = NULL;
    enum cg_err rc = cg_ctl_audit_begin(ctl, &audit, err);

    if (rc == CG_OK)
        rc = cg_registry_delete(reg, record->namespace_name, record->crate, record->version, err);
    cg_ctl_audit_end(ctl, &audit, record, rc == CG_OK ? NULL : err);
    return rc;
}

int cg_ctl_crate(struct cg_ctl *ctl, int argc, char **argv)
{
    struct cg_registry_session s = {0};
    struct cg_audit_record record = {.event = CG_AUDIT_CRATE_DELETE};
    struct cg_error err = {0};
    char *version;
    int status = CG_CTL_OK;

    if (argc != 5 || strcmp(argv[1], "delete") != 0 || strcmp(argv[4], "--yes") != 0) {
        fputs("Deleting breaks every Cargo.lock that names the version; `cargo yank` does not.\n", stderr);
        return cg_ctl_usage(SYNOPSIS);
    }
    version = strchr(argv[3], '@');
    if (version)
        *version++ = '\0';
    record.namespace_name = argv[2];
    record.crate = argv[3];
    record.version = version;
    if (cg_registry_session_open(ctl, &s, &err) != CG_OK || delete_crate(ctl, s.reg, &record, &err) != CG_OK)
        status = cg_ctl_fail(&err, "crate delete");
    else
        printf("%s%s%s is deleted from %s\n", argv[3], version ? "@" : "", version ? version : "", argv[2]);
    cg_registry_session_close(&s);
    return status;
}
