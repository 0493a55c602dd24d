/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/http.h"

struct cg_policy *cg_gateway_policy(struct cg_gateway *gw)
{
    struct cg_policy *policy;

    pthread_rwlock_rdlock(&gw->policy_lock);
    policy = cg_policy_ref(gw->policy);
    pthread_rwlock_unlock(&gw->policy_lock);
    return policy;
}

void cg_gateway_set_policy(struct cg_gateway *gw, struct cg_policy *policy)
{
    struct cg_policy *old;

    pthread_rwlock_wrlock(&gw->policy_lock);
    old = gw->policy;
    gw->policy = policy;
    pthread_rwlock_unlock(&gw->policy_lock);
    cg_policy_unref(&old);
}
