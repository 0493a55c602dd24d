/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A line of cargo's credential provider protocol, through the parsers of request, registry address and words. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"
#include "credential/options.h"
#include "credential/provider_request.h"
#include "credential/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What goes into a URL with a password beside it, and onto a terminal. */
static void check_target(const struct cg_target *target)
{
    CG_ASSERT(cg_namespace_valid(target->ns));
    CG_ASSERT(cg_str_starts(target->base, "https://") || cg_str_starts(target->base, "http://localhost") ||
              cg_str_starts(target->base, "http://127.") || cg_str_starts(target->base, "http://[::1]"));
    CG_ASSERT(!strpbrk(target->base, "@?# \\"));
    for (const char *s = target->base; *s; s++)
        CG_ASSERT((unsigned char)*s > 0x20 && (unsigned char)*s < 0x7f);
}

static void check_request(const struct cg_provider_request *request)
{
    struct cg_target target = {0};
    struct cg_options options = {0};

    if (request->kind == CG_REQUEST_UNKNOWN)
        return;
    CG_ASSERT(request->index_url);
    if (cg_target_parse(request->index_url, &target, NULL) == CG_OK)
        check_target(&target);
    if (cg_options_parse(request->args, &options, NULL) == CG_OK)
        CG_ASSERT(!options.user || options.user[0]);
    cg_options_free(&options);
    cg_target_free(&target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cg_provider_request request = {0};
    struct cg_error err = {0};

    if (cg_provider_request_parse((const char *)data, size, &request, &err) == CG_OK)
        check_request(&request);
    else
        CG_ASSERT(err.code == CG_ERR_INVALID && err.detail[0]);
    cg_provider_request_free(&request);
    return 0;
}
