/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Every token, in memory, by the keyed digest of its secret: a token that is
 * not in here does not exist, and finding that out costs no database. Also
 * which tokens were used, until somebody writes that down.
 *
 * Threading: get and used from any thread, and they wait for nothing longer
 * than a pointer's exchange. The functions that change the table are for one
 * thread at a time; their caller sees to that.
 */
#ifndef CG_AUTHN_TOKEN_TABLE_H
#define CG_AUTHN_TOKEN_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crategate/identity.h"
#include "crategate/token.h"

struct cg_token_table;

struct cg_token_table *cg_token_table_new(void);
void cg_token_table_free(struct cg_token_table **table);

/* References to the token and, for a service's, to its identity (NULL for a person's). False when there is none. */
bool cg_token_table_get(struct cg_token_table *table, const unsigned char digest[CG_TOKEN_DIGEST_SIZE],
                        struct cg_token **token_out, struct cg_identity **service_out);
/* Grows whenever the table changes. */
uint64_t cg_token_table_changes(const struct cg_token_table *table);
/* Remembers a use, at most once in five minutes a token. */
void cg_token_table_used(struct cg_token_table *table, struct cg_token *token, int64_t now_s);

/* Takes its own reference. */
void cg_token_table_put(struct cg_token_table *table, struct cg_token *token);
bool cg_token_table_remove(struct cg_token_table *table, int64_t id);
/* From now on exactly these. Of a token that was there already the old object stays, with uses not yet written. */
void cg_token_table_replace(struct cg_token_table *table, struct cg_token *const *tokens, size_t count);

/* References to all tokens of an owner (NULL: everybody's), by id; an array to free() with its references. */
struct cg_token **cg_token_table_list(struct cg_token_table *table, const char *owner_id, size_t *count_out);
/* References to the tokens used since the last call, each once; give them back when writing failed. */
struct cg_token **cg_token_table_take_used(struct cg_token_table *table, size_t *count_out);
void cg_token_table_give_back_used(struct cg_token_table *table, struct cg_token *const *tokens, size_t count);
void cg_token_list_free(struct cg_token **tokens, size_t count);

#endif
