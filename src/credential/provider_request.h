/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * One request of cargo's credential provider protocol, version 1: a JSON
 * object on a line. Pure, thread safe.
 */
#ifndef CG_CREDENTIAL_PROVIDER_REQUEST_H
#define CG_CREDENTIAL_PROVIDER_REQUEST_H

#include <stdbool.h>

#include "base/secret.h"
#include "crategate/err.h"

enum cg_request_kind { CG_REQUEST_GET, CG_REQUEST_LOGIN, CG_REQUEST_LOGOUT, CG_REQUEST_UNKNOWN };
enum cg_request_operation { CG_OPERATION_READ, CG_OPERATION_CHANGE, CG_OPERATION_UNKNOWN };

struct cg_provider_request {
    enum cg_request_kind kind;           /* UNKNOWN: nothing else is set; cargo may get new ones */
    enum cg_request_operation operation; /* of a get */
    bool challenged;                     /* the registry has answered 401 to something */
    char *index_url;
    char *name;             /* of the registry in cargo's configuration; NULL when it has none */
    char **args;            /* NULL: none */
    struct cg_secret token; /* of a login: what the person gave; may be empty */
};

/* INVALID with what is wrong. Free with cg_provider_request_free. */
enum cg_err cg_provider_request_parse(const char *text, size_t len, struct cg_provider_request *request_out,
                                      struct cg_error *err) CG_CHECK;
void cg_provider_request_free(struct cg_provider_request *request); /* safe on a zeroed one and twice */

#endif
