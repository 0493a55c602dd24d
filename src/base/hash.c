/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * cg_hash: SipHash-1-3 under a key drawn when the program starts. Names of
 * crates, tokens and callers come from outside; without a secret key somebody
 * could choose them so that all fall into one slot.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/digest.h"

static uint64_t hash_key[2];

/* Before main, so that no call has to ask whether there is a key yet. Not through OpenSSL, which is not up then. */
static void __attribute__((constructor)) draw_key(void)
{
    if (getrandom(hash_key, sizeof hash_key, 0) != (ssize_t)sizeof hash_key)
        abort();
}

struct sip {
    uint64_t a, b, c, d;
};

static inline uint64_t rotate(uint64_t x, unsigned by)
{
    return (x << by) | (x >> (64 - by));
}

static inline void sip_round(struct sip *s)
{
    s->a += s->b;
    s->c += s->d;
    s->b = rotate(s->b, 13) ^ s->a;
    s->d = rotate(s->d, 16) ^ s->c;
    s->a = rotate(s->a, 32);
    s->c += s->b;
    s->a += s->d;
    s->b = rotate(s->b, 17) ^ s->c;
    s->d = rotate(s->d, 21) ^ s->a;
    s->c = rotate(s->c, 32);
}

static inline void sip_word(struct sip *s, uint64_t word)
{
    s->d ^= word;
    sip_round(s);
    s->a ^= word;
}

uint64_t cg_hash(const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    struct sip s = {hash_key[0] ^ 0x736f6d6570736575u, hash_key[1] ^ 0x646f72616e646f6du,
                    hash_key[0] ^ 0x6c7967656e657261u, hash_key[1] ^ 0x7465646279746573u};
    uint64_t word;
    size_t left = len;
    for (; left >= sizeof word; left -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        sip_word(&s, word);
    }
    word = 0;
    if (left)
        memcpy(&word, at, left);
    sip_word(&s, word | (uint64_t)len << 56);
    s.c ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(&s);
    return s.a ^ s.b ^ s.c ^ s.d;
}
