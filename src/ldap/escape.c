/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "ldap/escape.h"

#include <ldap.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "conf/conf.h"

/* Attribute types that may stand in a DN as numbers. Every name is shorter than its number: replaced in place. */
static const struct {
    const char *oid;
    const char *name;
} OIDS[] = {
    {"2.5.4.3", "cn"},
    {"2.5.4.4", "sn"},
    {"2.5.4.5", "serialnumber"},
    {"2.5.4.6", "c"},
    {"2.5.4.7", "l"},
    {"2.5.4.8", "st"},
    {"2.5.4.9", "street"},
    {"2.5.4.10", "o"},
    {"2.5.4.11", "ou"},
    {"0.9.2342.19200300.100.1.1", "uid"},
    {"0.9.2342.19200300.100.1.25", "dc"},
    {"1.2.840.113549.1.9.1", "email"},
};

/* Long names of the same attribute types. */
static const struct {
    const char *alias;
    const char *name;
} ALIASES[] = {
    {"commonname", "cn"},
    {"surname", "sn"},
    {"localityname", "l"},
    {"stateorprovincename", "st"},
    {"organizationname", "o"},
    {"countryname", "c"},
    {"userid", "uid"},
    {"domaincomponent", "dc"},
    {"organizationalunitname", "ou"},
    {"emailaddress", "email"},
    {"streetaddress", "street"},
};

void cg_ldap_escape_value(struct cg_buf *out, const void *bytes, size_t len)
{
    struct berval in = {.bv_len = len, .bv_val = (char *)bytes};
    struct berval escaped = {0, NULL};

    /* pitfall 3: an empty value gives a NULL result, which is not an error and must not be printed. */
    if (len == 0)
        return;
    if (ldap_bv2escaped_filter_value(&in, &escaped) != 0 || !escaped.bv_val) {
        out->failed = true;
        return;
    }
    cg_buf_add(out, escaped.bv_val, escaped.bv_len);
    ldap_memfree(escaped.bv_val);
}

void cg_ldap_escape_fill(struct cg_buf *out, const char *pattern, const char *username, const char *dn)
{
    /* pitfall 3: one pass over the pattern, never over what was put in. */
    for (const char *p = pattern; *p;) {
        if (cg_str_starts(p, "{username}")) {
            cg_ldap_escape_value(out, username, strlen(username));
            p += strlen("{username}");
        } else if (cg_str_starts(p, "{dn}")) {
            cg_ldap_escape_value(out, dn, strlen(dn));
            p += strlen("{dn}");
        } else {
            cg_buf_addch(out, *p++);
        }
    }
}

void cg_ldap_escape_equal(struct cg_buf *out, const char *attribute, const void *bytes, size_t len)
{
    cg_buf_addf(out, "(%s=", attribute);
    cg_ldap_escape_value(out, bytes, len);
    cg_buf_addch(out, ')');
}

/* libldap's own parser, reached through the assertion control: the only public function that encodes a filter
 * without sending it. */
static bool is_filter(const char *text)
{
    LDAP *ld = NULL;
    struct berval encoded = {0, NULL};
    char *copy = cg_strdup(text);
    bool ok = ldap_initialize(&ld, NULL) == LDAP_SUCCESS &&
              ldap_create_assertion_control_value(ld, copy, &encoded) == LDAP_SUCCESS;

    free(copy);
    ber_memfree(encoded.bv_val);
    if (ld)
        ldap_unbind_ext_s(ld, NULL, NULL);
    return ok;
}

enum cg_err cg_ldap_escape_check(const char *pattern, struct cg_error *err)
{
    enum cg_err rc = CG_OK;
    struct cg_buf sample;

    for (const char *p = strchr(pattern, '{'); p; p = strchr(p + 1, '{'))
        if (!cg_str_starts(p, "{username}") && !cg_str_starts(p, "{dn}"))
            return cg_error_set(err, CG_ERR_INVALID, "\"%.20s\" is not a placeholder; known are {username} and {dn}",
                                p);
    cg_buf_init(&sample, CG_LDAP_FILTER_MAX);
    cg_ldap_escape_fill(&sample, pattern, "x", "cn=x");
    if (cg_buf_failed(&sample) || sample.len == 0 || sample.data[0] != '(' || !is_filter(sample.data))
        rc = cg_error_set(err, CG_ERR_INVALID, "\"%s\" is not an LDAP filter (RFC 4515)", pattern);
    cg_buf_free(&sample);
    return rc;
}

/* Written in hex, which every server takes for every character. */
void cg_ldap_escape_dn_value(struct cg_buf *out, const char *value)
{
    size_t len = strlen(value);

    for (size_t i = 0; i < len; i++) {
        bool blank_at_end = value[i] == ' ' && (i == 0 || i + 1 == len);

        if (blank_at_end || strchr("\"#+,;<=>\\", value[i]) || (unsigned char)value[i] < ' ')
            cg_buf_addf(out, "\\%02X", (unsigned)(unsigned char)value[i]);
        else
            cg_buf_addch(out, value[i]);
    }
}

void cg_ldap_escape_fill_dn(struct cg_buf *out, const char *pattern, const char *username)
{
    for (const char *p = pattern; *p;) {
        if (cg_str_starts(p, "{username}")) {
            cg_ldap_escape_dn_value(out, username);
            p += strlen("{username}");
        } else {
            cg_buf_addch(out, *p++);
        }
    }
}

/* How many values the DN made of the pattern has, RDN by RDN; "" when it is none. */
static void shape_of(const char *pattern, const char *username, struct cg_buf *shape)
{
    struct cg_buf dn;
    LDAPDN parsed = NULL;

    cg_buf_init(&dn, CG_LDAP_DN_MAX);
    cg_ldap_escape_fill_dn(&dn, pattern, username);
    if (!cg_buf_failed(&dn) && ldap_str2dn(cg_buf_str(&dn), &parsed, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS) {
        for (size_t i = 0; parsed && parsed[i]; i++) {
            size_t count = 0;

            while (parsed[i][count])
                count++;
            cg_buf_addf(shape, "%zu ", count);
        }
    }
    ldap_dnfree(parsed);
    cg_buf_free(&dn);
}

enum cg_err cg_ldap_escape_check_dn(const char *pattern, struct cg_error *err)
{
    struct cg_buf plain, odd;
    enum cg_err rc = CG_OK;

    cg_buf_init(&plain, CG_LDAP_DN_MAX);
    cg_buf_init(&odd, CG_LDAP_DN_MAX);
    shape_of(pattern, "x", &plain);
    shape_of(pattern, " ,o=x+\"#;<>\\ ", &odd);
    if (!strstr(pattern, "{username}"))
        rc = cg_error_set(err, CG_ERR_INVALID, "it must hold {username}, or everybody would be one person");
    else if (plain.len == 0 || !cg_streq(cg_buf_str(&plain), cg_buf_str(&odd)))
        rc = cg_error_set(err, CG_ERR_INVALID,
                          "\"%s\" is not a distinguished name (RFC 4514) with {username} as a value", pattern);
    cg_buf_free(&odd);
    cg_buf_free(&plain);
    return rc;
}

bool cg_ldap_username_sendable(const char *name)
{
    size_t len = strlen(name);
    const unsigned char *p = (const unsigned char *)name;
    bool visible = false;

    if (len == 0 || len > CG_LDAP_USERNAME_MAX || !cg_is_utf8(name, len))
        return false;
    for (size_t i = 0; i < len; i++) {
        bool c1 = p[i] == 0xc2 && p[i + 1] < 0xa0; /* U+0080..U+009F; well-formed, so there is a next byte */

        if (p[i] < 0x20 || p[i] == 0x7f || c1)
            return false;
        visible = visible || p[i] != ' ';
    }
    return visible;
}

/* ASCII case, blanks at the ends and runs of blanks: what caseIgnoreMatch folds and needs no tables. */
static void fold_value(struct berval *value)
{
    char *to = value->bv_val;

    for (ber_len_t i = 0; i < value->bv_len; i++) {
        char c = value->bv_val[i];

        if (c == ' ' && (to == value->bv_val || to[-1] == ' '))
            continue;
        *to++ = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    if (to > value->bv_val && to[-1] == ' ')
        to--;
    value->bv_len = (ber_len_t)(to - value->bv_val);
}

static const char *type_name(const char *type)
{
    for (size_t i = 0; i < sizeof(OIDS) / sizeof(OIDS[0]); i++)
        if (strcmp(OIDS[i].oid, type) == 0)
            return OIDS[i].name;
    for (size_t i = 0; i < sizeof(ALIASES) / sizeof(ALIASES[0]); i++)
        if (strcmp(ALIASES[i].alias, type) == 0)
            return ALIASES[i].name;
    return NULL;
}

static void fold_type(struct berval *type)
{
    char text[64];
    const char *name;

    for (ber_len_t i = 0; i < type->bv_len; i++)
        if (type->bv_val[i] >= 'A' && type->bv_val[i] <= 'Z')
            type->bv_val[i] = (char)(type->bv_val[i] - 'A' + 'a');
    if (type->bv_len >= sizeof(text))
        return;
    memcpy(text, type->bv_val, type->bv_len);
    text[type->bv_len] = '\0';
    name = type_name(text);
    if (!name || strlen(name) > type->bv_len)
        return;
    type->bv_len = strlen(name);
    memcpy(type->bv_val, name, type->bv_len);
}

static int compare_bytes(const struct berval *a, const struct berval *b)
{
    ber_len_t shorter = a->bv_len < b->bv_len ? a->bv_len : b->bv_len;
    int order = shorter ? memcmp(a->bv_val, b->bv_val, shorter) : 0;

    return order ? order : (a->bv_len > b->bv_len) - (a->bv_len < b->bv_len);
}

static int compare_avas(const void *a, const void *b)
{
    const LDAPAVA *left = *(LDAPAVA *const *)a, *right = *(LDAPAVA *const *)b;
    int order = compare_bytes(&left->la_attr, &right->la_attr);

    return order ? order : compare_bytes(&left->la_value, &right->la_value);
}

static void fold_rdn(LDAPRDN rdn)
{
    size_t count = 0;

    for (; rdn[count]; count++) {
        fold_type(&rdn[count]->la_attr);
        if (!(rdn[count]->la_flags & LDAP_AVA_BINARY))
            fold_value(&rdn[count]->la_value);
    }
    qsort(rdn, count, sizeof(rdn[0]), compare_avas);
}

/* pitfall 14: never compare DNs as text. Parse, fold, sort, print. NULL when it is none. */
static LDAPDN parse_folded(const char *dn)
{
    LDAPDN parsed = NULL;

    if (strlen(dn) > CG_LDAP_DN_MAX || ldap_str2dn(dn, &parsed, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS || !parsed)
        return NULL;
    for (size_t i = 0; parsed[i]; i++)
        fold_rdn(parsed[i]);
    return parsed;
}

enum cg_err cg_ldap_dn_canonical(const char *dn, char **key_out, struct cg_error *err)
{
    LDAPDN parsed = parse_folded(dn);
    char *text = NULL;
    enum cg_err rc = CG_OK;

    if (!parsed || ldap_dn2str(parsed, &text, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS || !text || !text[0])
        rc = cg_error_set(err, CG_ERR_INVALID, "\"%.200s\" is not a distinguished name (RFC 4514)", dn);
    else
        *key_out = cg_strdup(text);
    ldap_memfree(text);
    ldap_dnfree(parsed);
    return rc;
}

static bool ava_is(const LDAPAVA *ava, const struct berval *type, const struct berval *value)
{
    return compare_bytes(&ava->la_attr, type) == 0 && compare_bytes(&ava->la_value, value) == 0;
}

bool cg_ldap_dn_names(const char *dn, const char *attribute, const char *value)
{
    LDAPDN parsed = parse_folded(dn);
    struct berval type = {.bv_val = cg_strdup(attribute)}, folded = {.bv_val = cg_strdup(value)};
    bool found = false;

    type.bv_len = strlen(attribute);
    folded.bv_len = strlen(value);
    fold_type(&type);
    fold_value(&folded);
    for (size_t i = 0; parsed && parsed[0] && parsed[0][i]; i++)
        found = found || ava_is(parsed[0][i], &type, &folded);
    free(type.bv_val);
    free(folded.bv_val);
    ldap_dnfree(parsed);
    return found;
}

/* A comma inside a value is printed as \2C: each one seen here parts two RDNs. */
static bool within(const char *dn, const char *base, int scope)
{
    size_t len = strlen(dn), tail = strlen(base);

    if (len == tail)
        return scope != CG_SCOPE_ONE && strcmp(dn, base) == 0;
    if (scope == CG_SCOPE_BASE || len < tail + 2 || dn[len - tail - 1] != ',' || strcmp(dn + len - tail, base) != 0)
        return false;
    return scope == CG_SCOPE_SUB || !memchr(dn, ',', len - tail - 1);
}

bool cg_ldap_dn_within(const char *canonical, char *const *bases, int scope)
{
    bool found = false;

    for (; bases && *bases && !found; bases++) {
        char *base = NULL;

        found = cg_ldap_dn_canonical(*bases, &base, NULL) == CG_OK && within(canonical, base, scope);
        free(base);
    }
    return found;
}

char *cg_ldap_dn_value(const char *dn, const char *attribute)
{
    struct berval type = {.bv_len = strlen(attribute), .bv_val = cg_strdup(attribute)};
    LDAPDN parsed = NULL;
    char *value = NULL;

    fold_type(&type);
    if (strlen(dn) <= CG_LDAP_DN_MAX && ldap_str2dn(dn, &parsed, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS)
        parsed = NULL;
    for (size_t i = 0; parsed && parsed[0] && parsed[0][i] && !value; i++) {
        const LDAPAVA *ava = parsed[0][i];

        fold_type(&parsed[0][i]->la_attr);
        if (!(ava->la_flags & LDAP_AVA_BINARY) && compare_bytes(&ava->la_attr, &type) == 0 &&
            !memchr(ava->la_value.bv_val, '\0', ava->la_value.bv_len))
            value = cg_strndup(ava->la_value.bv_val, ava->la_value.bv_len);
    }
    free(type.bv_val);
    ldap_dnfree(parsed);
    return value;
}
