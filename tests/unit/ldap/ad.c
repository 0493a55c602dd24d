/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "ad.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "crategate/err.h"
#include "ldap/group_filter.h"
#include "ldap/ranges.h"

/* A search request, and what it finds. */
struct request {
    struct ad *ad;
    Sockbuf *sb;
    ber_int_t id;
    char *base;
    ber_int_t scope, size_limit;
    char **attributes;
    bool paged;
    ber_int_t page_size;
    size_t offset; /* of the page */
    bool chained;  /* the filter has the matching rule of nested groups ... */
    bool refused;  /* ... which this server does not take */
    const struct ad_entry **found;
    size_t count;
};

void ad_init(struct ad *ad)
{
    memset(ad, 0, sizeof(*ad));
    ad->range_max = 1500;
    ad->entries_max = 1000;
}

static struct ad_entry *find_entry(const struct ad *ad, const char *dn, size_t len)
{
    for (size_t i = 0; i < ad->count; i++)
        if (strlen(ad->entries[i].dn) == len && strncasecmp(ad->entries[i].dn, dn, len) == 0)
            return &ad->entries[i];
    return NULL;
}

static struct ad_attribute *find_attribute(const struct ad_entry *entry, const char *name, size_t len)
{
    for (size_t i = 0; entry && i < entry->count; i++)
        if (strlen(entry->attributes[i].name) == len && strncasecmp(entry->attributes[i].name, name, len) == 0)
            return &entry->attributes[i];
    return NULL;
}

static void put(struct ad_entry *entry, const char *attribute, const void *bytes, size_t len)
{
    struct ad_attribute *a = find_attribute(entry, attribute, strlen(attribute));
    struct berval value = {.bv_len = len, .bv_val = cg_malloc(len + 1)};

    memcpy(value.bv_val, bytes, len);
    value.bv_val[len] = '\0';
    if (!a) {
        entry->attributes = cg_reallocarray(entry->attributes, entry->count + 1, sizeof(*a));
        a = &entry->attributes[entry->count++];
        *a = (struct ad_attribute){.name = cg_strdup(attribute)};
    }
    a->values = cg_reallocarray(a->values, a->count + 1, sizeof(*a->values));
    a->values[a->count++] = value;
}

void ad_put_bytes(struct ad *ad, const char *dn, const char *attribute, const void *bytes, size_t len)
{
    struct ad_entry *entry = find_entry(ad, dn, strlen(dn));

    if (!entry) {
        ad->entries = cg_reallocarray(ad->entries, ad->count + 1, sizeof(*entry));
        entry = &ad->entries[ad->count++];
        *entry = (struct ad_entry){.dn = cg_strdup(dn)};
        put(entry, "distinguishedName", dn, strlen(dn));
    }
    put(entry, attribute, bytes, len);
}

void ad_put(struct ad *ad, const char *dn, const char *attribute, const char *value)
{
    ad_put_bytes(ad, dn, attribute, value, strlen(value));
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same(const struct berval *a, const struct berval *b)
{
    if (a->bv_len != b->bv_len)
        return false;
    for (ber_len_t i = 0; i < a->bv_len; i++)
        if (lower(a->bv_val[i]) != lower(b->bv_val[i]))
            return false;
    return true;
}

static bool is_named(const char *name, size_t len, const char *text)
{
    return strlen(text) == len && strncasecmp(name, text, len) == 0;
}

static bool has_value(const struct ad_attribute *a, const struct berval *value)
{
    for (size_t i = 0; a && i < a->count; i++)
        if (same(&a->values[i], value))
            return true;
    return false;
}

/* Is the value among those of the entry, or of the entries these name, and so on? `seen`: one flag an entry. */
static bool reaches(const struct ad *ad, const struct ad_entry *entry, const struct berval *name,
                    const struct berval *value, bool *seen)
{
    const struct ad_attribute *a = find_attribute(entry, name->bv_val, name->bv_len);

    if (seen[entry - ad->entries])
        return false;
    seen[entry - ad->entries] = true;
    if (has_value(a, value))
        return true;
    for (size_t i = 0; a && i < a->count; i++) {
        const struct ad_entry *next = find_entry(ad, a->values[i].bv_val, a->values[i].bv_len);

        if (next && reaches(ad, next, name, value, seen))
            return true;
    }
    return false;
}

static bool matches_rule(struct request *r, BerElement *ber, const struct ad_entry *entry)
{
    struct berval rule = {0}, name = {0}, value = {0};
    char *last;
    ber_len_t len;
    bool *seen, yes;

    for (ber_tag_t tag = ber_first_element(ber, &len, &last); tag != LBER_DEFAULT;
         tag = ber_next_element(ber, &len, last)) {
        struct berval part = {0};

        ber_scanf(ber, "m", &part);
        if (tag == LDAP_FILTER_EXT_OID)
            rule = part;
        else if (tag == LDAP_FILTER_EXT_TYPE)
            name = part;
        else if (tag == LDAP_FILTER_EXT_VALUE)
            value = part;
    }
    CG_ASSERT(rule.bv_len == strlen(CG_LDAP_IN_CHAIN) && strncmp(rule.bv_val, CG_LDAP_IN_CHAIN, rule.bv_len) == 0);
    r->chained = true;
    r->refused = r->refused || r->ad->chain == AD_CHAIN_REFUSED;
    if (r->ad->chain != AD_CHAIN_KNOWN)
        return false;
    seen = cg_calloc(r->ad->count, sizeof(*seen));
    yes = reaches(r->ad, entry, &name, &value, seen);
    free(seen);
    return yes;
}

/* Evaluates, and leaves `ber` behind the filter. */
static bool matches(struct request *r, BerElement *ber, const struct ad_entry *entry)
{
    struct berval name = {0}, value = {0};
    char *last;
    ber_len_t len;
    ber_tag_t tag = ber_peek_tag(ber, &len);
    bool yes = tag == LDAP_FILTER_AND;

    switch (tag) {
    case LDAP_FILTER_AND:
    case LDAP_FILTER_OR:
        for (ber_tag_t t = ber_first_element(ber, &len, &last); t != LBER_DEFAULT;
             t = ber_next_element(ber, &len, last)) {
            bool one = matches(r, ber, entry);

            yes = tag == LDAP_FILTER_AND ? yes && one : yes || one;
        }
        return yes;
    case LDAP_FILTER_NOT:
        ber_skip_tag(ber, &len);
        return !matches(r, ber, entry);
    case LDAP_FILTER_EQUALITY:
        ber_scanf(ber, "{mm}", &name, &value);
        return has_value(find_attribute(entry, name.bv_val, name.bv_len), &value);
    case LDAP_FILTER_PRESENT:
        ber_scanf(ber, "m", &name);
        return is_named(name.bv_val, name.bv_len, "objectClass") ||
               find_attribute(entry, name.bv_val, name.bv_len) != NULL;
    case LDAP_FILTER_EXT:
        return matches_rule(r, ber, entry);
    default:
        ber_scanf(ber, "x");
        return false;
    }
}

static void send_result(struct request *r, int code, const struct berval *cookie)
{
    BerElement *ber = ber_alloc_t(LBER_USE_DER), *value = ber_alloc_t(LBER_USE_DER);
    struct berval bytes = {0};

    ber_printf(ber, "{it{ess}", r->id, LDAP_RES_SEARCH_RESULT, code, "", "");
    if (cookie) {
        ber_printf(value, "{iO}", 0, cookie);
        CG_ASSERT(ber_flatten2(value, &bytes, 0) == 0);
        if (r->ad->page_fault == AD_PAGE_GARBLED && r->offset > 0)
            bytes.bv_len = 3;
        ber_printf(ber, "t{{sO}}", LDAP_TAG_CONTROLS, LDAP_CONTROL_PAGEDRESULTS, &bytes);
    }
    ber_printf(ber, "N}");
    ber_flush2(r->sb, ber, LBER_FLUSH_FREE_ALWAYS);
    ber_free(value, 1);
}

static void send_reference(struct request *r)
{
    BerElement *ber = ber_alloc_t(LBER_USE_DER);

    ber_printf(ber, "{it{s}}", r->id, LDAP_RES_SEARCH_REFERENCE,
               "ldap://127.0.0.1:1/DC=DomainDnsZones,DC=example,DC=test");
    ber_flush2(r->sb, ber, LBER_FLUSH_FREE_ALWAYS);
}

static void add_values(BerElement *ber, const char *description, const struct ad_attribute *a, size_t from, size_t to)
{
    ber_printf(ber, "{s[", description);
    for (size_t i = from; i < to; i++)
        ber_printf(ber, "O", &a->values[i]);
    ber_printf(ber, "]}");
}

/* A piece that begins at `low`. */
static void add_piece(struct request *r, BerElement *ber, const struct ad_attribute *a, size_t low)
{
    enum ad_range_fault fault = r->ad->range_fault;
    char text[128];
    size_t to;
    bool last;

    r->ad->range_reads++;
    if (fault == AD_RANGE_STUCK)
        low = 0;
    else if (fault == AD_RANGE_GAP && low > 0)
        low++;
    to = low + r->ad->range_max < a->count ? low + r->ad->range_max : a->count;
    last = to == a->count;
    snprintf(text, sizeof(text), last ? "%s;range=%zu-*" : "%s;range=%zu-%zu", a->name, low, to - 1);
    if (fault == AD_RANGE_GARBLED)
        snprintf(text, sizeof(text), "%s;range=0-x", a->name);
    if (fault == AD_RANGE_DOWN)
        snprintf(text, sizeof(text), "%s;range=1499-0", a->name);
    if (fault == AD_RANGE_PLAIN && low > 0)
        snprintf(text, sizeof(text), "%s", a->name);
    if (fault == AD_RANGE_SHORT)
        to--;
    if (fault != AD_RANGE_NO_MORE || low == 0)
        add_values(ber, text, a, low, to);
}

/* Back links: the groups that name this entry. */
static void compute_member_of(const struct ad *ad, const struct ad_entry *entry, struct ad_attribute *out)
{
    struct berval dn = {.bv_len = strlen(entry->dn), .bv_val = entry->dn};

    *out = (struct ad_attribute){.name = (char *)"memberOf"};
    for (size_t i = 0; i < ad->count; i++) {
        if (!has_value(find_attribute(&ad->entries[i], "member", 6), &dn))
            continue;
        out->values = cg_reallocarray(out->values, out->count + 1, sizeof(*out->values));
        out->values[out->count++] = (struct berval){.bv_len = strlen(ad->entries[i].dn), .bv_val = ad->entries[i].dn};
    }
}

static void add_attribute(struct request *r, BerElement *ber, const struct ad_entry *entry, const char *asked)
{
    struct ad_attribute member_of = {0};
    const struct ad_attribute *a;
    struct cg_ldap_range range = {0};

    CG_ASSERT(cg_ldap_range_parse(asked, &range));
    a = find_attribute(entry, range.name, range.name_len);
    if (!a && is_named(range.name, range.name_len, "memberOf")) {
        compute_member_of(r->ad, entry, &member_of);
        a = &member_of;
    }
    if (a && a->count > 0 && (range.ranged || a->count > r->ad->range_max)) {
        if (!range.ranged)
            add_values(ber, a->name, a, 0, 0);
        add_piece(r, ber, a, range.low);
    } else if (a && a->count > 0) {
        add_values(ber, a->name, a, 0, a->count);
    }
    free(member_of.values);
}

static void send_entry(struct request *r, const struct ad_entry *entry)
{
    BerElement *ber = ber_alloc_t(LBER_USE_DER);

    ber_printf(ber, "{it{s{", r->id, LDAP_RES_SEARCH_ENTRY, entry->dn);
    for (size_t i = 0; r->attributes && r->attributes[i]; i++)
        if (strcmp(r->attributes[i], LDAP_NO_ATTRS) != 0)
            add_attribute(r, ber, entry, r->attributes[i]);
    ber_printf(ber, "}}}");
    ber_flush2(r->sb, ber, LBER_FLUSH_FREE_ALWAYS);
}

/* Entries of this page, and the cookie of the next. */
static void send_page(struct request *r)
{
    size_t size = (size_t)r->page_size < r->ad->entries_max ? (size_t)r->page_size : r->ad->entries_max;
    size_t to = r->offset + size < r->count ? r->offset + size : r->count;
    char text[16] = "";
    struct berval cookie = {0, text};

    r->ad->pages++;
    if (r->ad->page_fault == AD_PAGE_REFUSED) {
        send_result(r, LDAP_UNWILLING_TO_PERFORM, NULL);
        return;
    }
    if (r->ad->page_fault == AD_PAGE_STUCK && r->offset > 0)
        to = r->offset;
    for (size_t i = r->offset; i < to; i++)
        send_entry(r, r->found[i]);
    if (to < r->count)
        cookie.bv_len = (ber_len_t)snprintf(text, sizeof(text), "%zu", to);
    send_result(r, LDAP_SUCCESS, &cookie);
}

static void send_all(struct request *r)
{
    size_t limit =
        r->size_limit > 0 && (size_t)r->size_limit < r->ad->entries_max ? (size_t)r->size_limit : r->ad->entries_max;

    for (size_t i = 0; i < r->count && i < limit; i++)
        send_entry(r, r->found[i]);
    send_result(r, r->count > limit ? LDAP_SIZELIMIT_EXCEEDED : LDAP_SUCCESS, NULL);
}

static bool ends(const char *text, const char *end)
{
    return strlen(text) >= strlen(end) && strcasecmp(text + strlen(text) - strlen(end), end) == 0;
}

static bool below(const struct request *r, const struct ad_entry *entry)
{
    size_t len = strlen(entry->dn), tail = strlen(r->base);

    if (r->scope == LDAP_SCOPE_BASE || len == tail)
        return strcasecmp(entry->dn, r->base) == 0;
    return len > tail && entry->dn[len - tail - 1] == ',' && ends(entry->dn, r->base);
}

/* False: the base is not there. */
static bool find_all(struct request *r, struct berval *filter)
{
    bool there = false;

    r->found = cg_calloc(r->ad->count + 1, sizeof(struct ad_entry *));
    for (size_t i = 0; i < r->ad->count; i++) {
        BerElement *ber = ber_init(filter);

        if (below(r, &r->ad->entries[i])) {
            there = true;
            if (matches(r, ber, &r->ad->entries[i]))
                r->found[r->count++] = &r->ad->entries[i];
        }
        ber_free(ber, 1);
    }
    return there;
}

static void respond(struct request *r, struct berval *filter)
{
    struct ad *ad = r->ad;
    bool there = find_all(r, filter);
    bool fails = ad->fail_base && ends(r->base, ad->fail_base);

    if (r->chained)
        ad->chain_searches++;
    if (r->refused) {
        send_result(r, LDAP_UNAVAILABLE_CRITICAL_EXTENSION, NULL);
    } else if (!there) {
        send_result(r, LDAP_NO_SUCH_OBJECT, NULL);
    } else if (fails) {
        for (size_t i = 0; i < r->count && !ad->fail_bare; i++)
            send_entry(r, r->found[i]);
        send_result(r, ad->fail_code, NULL);
    } else {
        if (r->scope != LDAP_SCOPE_BASE)
            send_reference(r);
        if (r->paged)
            send_page(r);
        else
            send_all(r);
    }
}

static void respond_root(struct request *r)
{
    struct ad_entry root = {.dn = (char *)""};

    if (!r->ad->no_capabilities)
        put(&root, "supportedCapabilities", "1.2.840.113556.1.4.800", 22);
    send_entry(r, &root);
    send_result(r, LDAP_SUCCESS, NULL);
    if (root.count) {
        free(root.attributes[0].values[0].bv_val);
        free(root.attributes[0].values);
        free(root.attributes[0].name);
        free(root.attributes);
    }
}

static void read_controls(struct request *r, BerElement *message)
{
    ber_len_t len;
    char *last;

    if (ber_peek_tag(message, &len) != LDAP_TAG_CONTROLS)
        return;
    for (ber_tag_t tag = ber_first_element(message, &len, &last); tag != LBER_DEFAULT;
         tag = ber_next_element(message, &len, last)) {
        struct berval oid = {0}, value = {0}, cookie = {0};
        ber_int_t critical;
        BerElement *ber;

        ber_scanf(message, "{m", &oid);
        if (ber_peek_tag(message, &len) == LBER_BOOLEAN)
            ber_scanf(message, "b", &critical);
        if (ber_peek_tag(message, &len) == LBER_OCTETSTRING)
            ber_scanf(message, "m", &value);
        if (!is_named(oid.bv_val, oid.bv_len, LDAP_CONTROL_PAGEDRESULTS))
            continue;
        ber = ber_init(&value);
        r->paged = ber_scanf(ber, "{im}", &r->page_size, &cookie) != LBER_ERROR;
        for (ber_len_t i = 0; i < cookie.bv_len; i++)
            r->offset = 10 * r->offset + (size_t)(cookie.bv_val[i] - '0');
        ber_free(ber, 1);
    }
}

static void on_search(void *cls, Sockbuf *sb, ber_int_t id, BerElement *message)
{
    struct request r = {.ad = cls, .sb = sb, .id = id};
    struct berval filter = {0};
    ber_int_t deref, time_limit, types_only;

    CG_ASSERT(ber_scanf(message, "{aeeiib", &r.base, &r.scope, &deref, &r.size_limit, &time_limit, &types_only) !=
              LBER_ERROR);
    CG_ASSERT(ber_skip_raw(message, &filter) != LBER_ERROR);
    CG_ASSERT(ber_scanf(message, "{v}}", &r.attributes) != LBER_ERROR);
    read_controls(&r, message);
    if (r.base[0])
        respond(&r, &filter);
    else
        respond_root(&r);
    for (size_t i = 0; r.attributes && r.attributes[i]; i++)
        ber_memfree(r.attributes[i]);
    ber_memfree(r.attributes);
    ber_memfree(r.base);
    free(r.found);
}

void ad_start(struct ad *ad)
{
    ad->peer.search = on_search;
    ad->peer.search_cls = ad;
    peer_start(&ad->peer);
}

void ad_stop(struct ad *ad)
{
    peer_stop(&ad->peer);
    for (size_t i = 0; i < ad->count; i++) {
        for (size_t k = 0; k < ad->entries[i].count; k++) {
            for (size_t v = 0; v < ad->entries[i].attributes[k].count; v++)
                free(ad->entries[i].attributes[k].values[v].bv_val);
            free(ad->entries[i].attributes[k].values);
            free(ad->entries[i].attributes[k].name);
        }
        free(ad->entries[i].attributes);
        free(ad->entries[i].dn);
    }
    free(ad->entries);
}
