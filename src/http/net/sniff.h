/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What a cleartext client speaks, from the first bytes it sends: HTTP/1.1, HTTP/2
 * by prior knowledge (RFC 9113, section 3.3), or HTTP/1.1 with a request that
 * asks for HTTP/2 ("Upgrade: h2c", RFC 7540, section 3.2).
 *
 * Threading: none of its own.
 */
#ifndef CG_HTTP_NET_SNIFF_H
#define CG_HTTP_NET_SNIFF_H

#include "http/http2/http2.h"

#define CG_SNIFF_MAX 16384 /* of a head; what is longer is for HTTP/1.1 to refuse */
#define CG_SNIFF_HEADERS 64

enum cg_sniffed {
    CG_SNIFFED_MORE, /* cannot be told yet */
    CG_SNIFFED_HTTP1,
    CG_SNIFFED_HTTP2,  /* the preface, or as much of it as there is */
    CG_SNIFFED_UPGRADE /* a request for HTTP/2, fit to be granted */
};

struct cg_sniff {
    struct cg_http2_upgrade upgrade; /* of UPGRADE: points into `text` */
    struct cg_header headers[CG_SNIFF_HEADERS];
    char text[CG_SNIFF_MAX + 1];
    size_t head_len; /* of UPGRADE: the request's bytes on the wire */
};

/* Looks at the first `len` bytes of sniff->text (at most CG_SNIFF_MAX). Only UPGRADE changes them. An upgrade that
 * leaves any doubt (a body, odd lines, a second HTTP2-Settings) is no upgrade: HTTP/1.1 answers, or refuses, that
 * request. */
enum cg_sniffed cg_sniff(struct cg_sniff *sniff, size_t len);

#endif
