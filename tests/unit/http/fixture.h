/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A small gateway for the tests of the http room: real configuration, policy,
 * authentication and audit trail over a directory and a database in memory, and
 * a route table of its own. People: alice (password "wonderland") may publish in
 * the namespaces "open" (anybody reads) and "closed"; bob ("builder") may not. The namespace "stored" is the repository
 * "cargo-stored-local", which alice reads. No namespace is ever opened.
 */
#ifndef CG_TESTS_HTTP_FIXTURE_H
#define CG_TESTS_HTTP_FIXTURE_H

#include "base/feed.h"
#include "http/http.h"

#define ALICE "Basic YWxpY2U6d29uZGVybGFuZA=="
#define BOB "Basic Ym9iOmJ1aWxkZXI="
#define ALICE_WRONG "Basic YWxpY2U6Z3Vlc3M="
#define FILE_SIZE 300000u
#define CRATE_MAX (1024u * 1024u) /* max_crate_size */

struct fixture {
    struct cg_gateway gw;
    struct cg_conf *conf;
    struct cg_directory *dir;
    char root[64];
    char spool[80], audit[80];
    struct cg_blob *blob; /* what /blob answers; compresses */
};

/* `extra` is added to the top of the configuration. */
void fixture_open(struct fixture *f, const char *extra, unsigned workers, size_t queue);
void fixture_close(struct fixture *f);
/* The audit trail so far, complete (closes it first: only at the end of a test). free() it. */
char *fixture_trail(struct fixture *f);
/* The trail cannot be written from now on. */
void fixture_break_trail(struct fixture *f);

/* GET /gate answers when the gate is open. */
void fixture_gate(bool open);
/* How many requests stand at the gate; waits until there are at least `count`. */
void fixture_gate_wait(unsigned count);
/* How many times a slow handler of a change ran. */
unsigned fixture_changes(void);
char fixture_file_byte(size_t i);
/* A fresh feed, which is what /feed answers from now on; a reference for the caller. Close the
 * fixture, or make another one, to drop the one that it keeps. */
struct cg_feed *fixture_feed(void);

#endif
