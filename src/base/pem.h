/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Private keys in PEM files (RFC 7468), for whoever speaks TLS. Any thread.
 */
#ifndef CG_BASE_PEM_H
#define CG_BASE_PEM_H

#include <openssl/evp.h>

#include "crategate/err.h"

/* A pem_password_cb that has none: OpenSSL would ask the terminal. */
int cg_pem_no_passphrase(char *out, int size, int writing, void *cls);
/* The key of a secret file, EVP_PKEY_free() it; `setting` names the file in errors. INVALID: no key in it, or one with a
 * passphrase; else what cg_secret_read_file() says. Nothing stays in OpenSSL's queue of errors. */
enum cg_err cg_pem_read_key(const char *setting, const char *file, EVP_PKEY **key_out, struct cg_error *err) CG_CHECK;

#endif
