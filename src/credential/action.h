/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What cargo asks for: get, login, logout. Each answers into `reply` and
 * returns OK, or an error that becomes cargo's: ABSENT is "not-found", METHOD
 * "operation-not-supported", all else a sentence. One thread.
 */
#ifndef CG_CREDENTIAL_ACTION_H
#define CG_CREDENTIAL_ACTION_H

#include "credential/options.h"
#include "credential/provider_request.h"
#include "credential/target.h"
#include "credential/vault.h"

struct cg_action_call {
    struct cg_vault *vault;
    const struct cg_provider_request *request;
    const struct cg_target *target;
    const struct cg_options *options;
};

enum cg_err cg_action_get(const struct cg_action_call *call, struct cg_buf *reply, struct cg_error *err) CG_CHECK;
enum cg_err cg_action_login(const struct cg_action_call *call, struct cg_buf *reply, struct cg_error *err) CG_CHECK;
enum cg_err cg_action_logout(const struct cg_action_call *call, struct cg_buf *reply, struct cg_error *err) CG_CHECK;

#endif
