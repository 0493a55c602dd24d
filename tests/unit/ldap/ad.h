/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A small directory that answers searches as Active Directory does: values of
 * an attribute in ranges, no more than so many entries without paging, nested
 * groups by matching rule, memberOf computed, continuation references, result
 * codes. It evaluates filters on entries it was given; what it does wrong is a
 * setting. Binds and the rest are the scripted peer's.
 *
 * Add entries and choose faults before ad_start. Each connection has a thread.
 */
#ifndef CG_TESTS_LDAP_AD_H
#define CG_TESTS_LDAP_AD_H

#include "peer.h"

enum ad_chain { AD_CHAIN_KNOWN, AD_CHAIN_IGNORED, AD_CHAIN_REFUSED };
enum ad_range_fault {
    AD_RANGE_SOUND,
    AD_RANGE_GAP,     /* the second piece begins one too late */
    AD_RANGE_STUCK,   /* each piece is the first one */
    AD_RANGE_SHORT,   /* a value less than the piece says */
    AD_RANGE_GARBLED, /* "range=0-x" */
    AD_RANGE_DOWN,    /* "range=1499-0" */
    AD_RANGE_NO_MORE, /* nothing comes for the second piece */
    AD_RANGE_PLAIN,   /* the second piece comes without a range */
    AD_RANGE_FAULTS
};
enum ad_page_fault {
    AD_PAGE_SOUND,
    AD_PAGE_GARBLED, /* the second page's control cannot be read */
    AD_PAGE_STUCK,   /* the second page is empty and leads to itself */
    AD_PAGE_REFUSED, /* unwillingToPerform */
    AD_PAGE_FAULTS
};

struct ad_attribute {
    char *name;
    struct berval *values;
    size_t count;
};

struct ad_entry {
    char *dn;
    struct ad_attribute *attributes;
    size_t count;
};

struct ad {
    struct peer peer;
    enum ad_chain chain;
    enum ad_range_fault range_fault;
    enum ad_page_fault page_fault;
    bool no_capabilities;  /* the root entry does not say that this is Active Directory */
    size_t range_max;      /* 1,500 */
    size_t entries_max;    /* 1,000 */
    const char *fail_base; /* searches at it or below end with ... */
    int fail_code;         /* ... this */
    bool fail_bare;        /* and without the entries */

    atomic_uint chain_searches;
    atomic_uint range_reads;
    atomic_uint pages;

    struct ad_entry *entries;
    size_t count;
};

void ad_init(struct ad *ad);
/* The values are copied. The entry is made when it is not there. */
void ad_put(struct ad *ad, const char *dn, const char *attribute, const char *value);
void ad_put_bytes(struct ad *ad, const char *dn, const char *attribute, const void *bytes, size_t len);
void ad_start(struct ad *ad);
/* Stops and frees. */
void ad_stop(struct ad *ad);

#endif
