/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "authn/token_secret.h"

#include <string.h>

#include "base/digest.h"

#define PREFIX_LEN 4
#define RANDOM_LEN 30
#define CHECK_LEN 6
#define BASE 62
#define UNBIASED                                                                                                       \
    (256 / BASE * BASE) /* random bytes from here on are thrown away: every digit as likely as any other               \
                         */

static const char digits[BASE + 1] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static void random_digits(char *out, size_t len)
{
    unsigned char bytes[2 * RANDOM_LEN];

    for (size_t made = 0; made < len;) {
        cg_random(bytes, sizeof(bytes));
        for (size_t i = 0; i < sizeof(bytes) && made < len; i++)
            if (bytes[i] < UNBIASED)
                out[made++] = digits[bytes[i] % BASE];
    }
    cg_wipe(bytes, sizeof(bytes));
}

/* The CRC-32 of the random part, most significant digit first: 62^6 is more than 2^32. */
static void check_digits(const char *random, char out[CHECK_LEN])
{
    uint32_t crc = cg_crc32(random, RANDOM_LEN);

    for (int i = CHECK_LEN - 1; i >= 0; i--) {
        out[i] = digits[crc % BASE];
        crc /= BASE;
    }
}

void cg_token_secret_make(enum cg_token_kind kind, struct cg_secret *out)
{
    char text[CG_TOKEN_SECRET_LEN];

    memcpy(text, kind == CG_TOKEN_SERVICE ? "cgs_" : "cgp_", PREFIX_LEN);
    random_digits(text + PREFIX_LEN, RANDOM_LEN);
    check_digits(text + PREFIX_LEN, text + PREFIX_LEN + RANDOM_LEN);
    cg_secret_set(out, text, sizeof(text));
    cg_wipe(text, sizeof(text));
}

bool cg_token_secret_plausible(const void *bytes, size_t len)
{
    const char *text = bytes;
    char check[CHECK_LEN];

    if (len != CG_TOKEN_SECRET_LEN || (memcmp(text, "cgp_", PREFIX_LEN) != 0 && memcmp(text, "cgs_", PREFIX_LEN) != 0))
        return false;
    for (size_t i = PREFIX_LEN; i < len; i++)
        if (!text[i] || !strchr(digits, text[i]))
            return false;
    check_digits(text + PREFIX_LEN, check);
    return memcmp(check, text + PREFIX_LEN + RANDOM_LEN, CHECK_LEN) == 0;
}
