/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What the tests of this room share: a gateway's AUTHN between a directory and a database in memory. */
#ifndef TESTS_UNIT_AUTHN_FIXTURE_H
#define TESTS_UNIT_AUTHN_FIXTURE_H

#include "authn/authn.h"
#include "fake_directory.h"
#include "fake_metadata.h"

struct fixture {
    char *path; /* state_dir */
    struct cg_conf *conf;
    struct cg_directory *dir;
    struct cg_metadata *md;
    struct cg_authn *authn;
    /* Of the last try: */
    struct cg_authn_answer answer;
    struct cg_error err;
};

/* alice (id-alice, "alicepw", in team-a), bob, carol (locked), dave (disabled). `ldap` are lines for [ldap]. */
struct fixture *fixture_new(const char *ldap);
void fixture_free(struct fixture *f);
/* The same state and database in a new process, as it were. */
void fixture_restart(struct fixture *f);
/* A configuration with these lines in [ldap]; the caller's. */
struct cg_conf *fixture_conf(const struct fixture *f, const char *ldap);

/* A token of alice's; its text is the caller's to free(). */
char *fixture_token(struct fixture *f);
char *fixture_token_of(struct fixture *f, const char *id, const char *name);
char *fixture_make(struct fixture *f, const struct cg_token *wanted);

/* As an Authorization header over a secure connection from 192.0.2.1, reading. What the last try left is freed. */
enum cg_err fast(struct fixture *f, const char *authorization);
enum cg_err slow(struct fixture *f, const char *authorization);
/* fast, and slow if that says AGAIN: what the pipeline does. */
enum cg_err try_header(struct fixture *f, const char *authorization, bool writes);

/* A password where one is meant, from an address. */
enum cg_err log_in_from(struct fixture *f, const char *user, const char *password, const char *address);
enum cg_err log_in(struct fixture *f, const char *user, const char *password);
/* The same by hand, for what no header can carry. */
enum cg_err try_request(struct fixture *f, const struct cg_authn_request *request, bool block);
struct cg_credentials password_of(const char *user, const char *password);
char *basic(const char *user, const char *password);

void pause_ms(unsigned ms);
unsigned logins(struct fixture *f);
unsigned finds(struct fixture *f);
unsigned revalidations(struct fixture *f);

#endif
