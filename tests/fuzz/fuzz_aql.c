/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A query as anybody may post it, through the parser and over an item; and as matrix parameters. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/aql.h"
#include "base/mem.h"
#include "http/matrix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *property(const struct cg_aql_item *item, const char *name)
{
    (void)item;
    return strcmp(name, "yanked") == 0 ? "false" : NULL;
}

/* What holds for a whole crate as far as it is known must hold for its file. */
static void compare(const struct cg_aql *aql)
{
    struct cg_aql_item known = {.repo = "team",
                                .path = "crates/Demo",
                                .name = "Demo-1.0.0.crate",
                                .type_known = true,
                                .sha256 = "ab",
                                .property = property};
    struct cg_aql_item folded = {.repo = "team", .path = "crates/demo", .path_folded = true, .type_known = true};
    struct cg_aql_item repo = {.repo = "team"};
    enum cg_aql_answer answer = cg_aql_ask(aql, &known), early = cg_aql_ask(aql, &folded),
                       first = cg_aql_ask(aql, &repo);

    CG_ASSERT(answer != CG_AQL_MAYBE);
    CG_ASSERT(early == CG_AQL_MAYBE || early == answer);
    CG_ASSERT(first == CG_AQL_MAYBE || first == answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cg_aql *aql = NULL;
    struct cg_error err = {0};
    char *text;

    if (size > 8192)
        return 0;
    text = cg_strndup((const char *)data, size);
    if (cg_aql_parse((const char *)data, size, &aql, &err) == CG_OK) {
        compare(aql);
        cg_aql_free(&aql);
    } else {
        CG_ASSERT(err.code == CG_ERR_INVALID && err.detail[0]);
    }
    if (text[0] == ';' && cg_matrix_check(text, NULL) == CG_OK)
        CG_ASSERT(!strchr(text, '/'));
    free(text);
    return 0;
}
