/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The first bytes of a cleartext connection: what is spoken, and an offer of HTTP/2 taken apart. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "crategate/err.h"
#include "http/net/sniff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct cg_sniff sniff;

static void check_text(const char *text)
{
    CG_ASSERT(text >= sniff.text && text + strlen(text) < sniff.text + sniff.head_len);
    CG_ASSERT(!strpbrk(text, "\r\n"));
}

/* What the transport relies on. */
static void check_upgrade(size_t size)
{
    const struct cg_http2_upgrade *up = &sniff.upgrade;
    size_t hosts = 0;

    CG_ASSERT(sniff.head_len <= size && up->header_count <= CG_SNIFF_HEADERS && up->extra_len == 0);
    check_text(up->method);
    check_text(up->target);
    check_text(up->settings);
    CG_ASSERT(up->method[0] && up->target[0] == '/');
    for (size_t i = 0; i < up->header_count; i++) {
        check_text(up->headers[i].name);
        check_text(up->headers[i].value);
        CG_ASSERT(up->headers[i].name[0] && !strpbrk(up->headers[i].name, ": \t"));
        hosts += strcasecmp(up->headers[i].name, "Host") == 0;
    }
    CG_ASSERT(hosts == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > CG_SNIFF_MAX)
        return 0;
    memset(sniff.text, 'x', sizeof(sniff.text));
    memcpy(sniff.text, data, size);
    if (cg_sniff(&sniff, size) == CG_SNIFFED_UPGRADE)
        check_upgrade(size);
    return 0;
}
