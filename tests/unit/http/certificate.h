/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Certificates for tests, made when they are needed: P-256, signed by themselves, for localhost and 127.0.0.1. */
#ifndef CG_TESTS_HTTP_CERTIFICATE_H
#define CG_TESTS_HTTP_CERTIFICATE_H

struct certificate {
    char cert[128], key[128]; /* paths */
};

/* Writes DIR/NAME.pem and DIR/NAME.key (0600). `days` from now on; negative: it has expired. A failure ends the
 * program. */
void certificate_make(struct certificate *made, const char *dir, const char *name, int days);
/* The key with a passphrase around it, in DIR/NAME.locked. */
void certificate_lock_key(const struct certificate *made, const char *path);

#endif
