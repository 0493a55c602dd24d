/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "ldap/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "base/mem.h"

/* A name has 256 bytes at the most: plenty for a sensible expression, over in a millisecond for another one. */
#define MATCH_LIMIT 20000
#define DEPTH_LIMIT 1000
#define HEAP_LIMIT_KIB 1024

struct cg_ldap_pattern {
    pcre2_code *code;
    pcre2_match_context *limits;
};

enum cg_err cg_ldap_pattern_new(const char *text, struct cg_ldap_pattern **pattern_out, struct cg_error *err)
{
    struct cg_ldap_pattern *pattern = cg_calloc(1, sizeof(*pattern));
    PCRE2_UCHAR message[256];
    PCRE2_SIZE at = 0;
    int error = 0;

    pattern->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
                                  PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C, &error, &at, NULL);
    pattern->limits = pattern->code ? pcre2_match_context_create(NULL) : NULL;
    if (!pattern->limits) {
        pcre2_get_error_message(error, message, sizeof(message));
        cg_error_set(err, CG_ERR_INVALID, "\"%s\" is not a regular expression (PCRE2): at character %zu: %s", text,
                     (size_t)at, (const char *)message);
        cg_ldap_pattern_free(&pattern);
        return CG_ERR_INVALID;
    }
    pcre2_set_match_limit(pattern->limits, MATCH_LIMIT);
    pcre2_set_depth_limit(pattern->limits, DEPTH_LIMIT);
    pcre2_set_heap_limit(pattern->limits, HEAP_LIMIT_KIB);
    *pattern_out = pattern;
    return CG_OK;
}

void cg_ldap_pattern_free(struct cg_ldap_pattern **pattern)
{
    if (!*pattern)
        return;
    pcre2_match_context_free((*pattern)->limits);
    pcre2_code_free((*pattern)->code);
    free(*pattern);
    *pattern = NULL;
}

bool cg_ldap_pattern_matches(const struct cg_ldap_pattern *pattern, const char *name)
{
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(pattern->code, NULL);
    int rc = data ? pcre2_match(pattern->code, (PCRE2_SPTR)name, PCRE2_ZERO_TERMINATED, 0, 0, data, pattern->limits)
                  : PCRE2_ERROR_NOMEMORY;

    pcre2_match_data_free(data);
    return rc >= 0;
}
