/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A login as it is kept: the token of one gateway with what is known of it.
 * Its JSON is the same in every store. Plain data, one thread at a time.
 */
#ifndef CG_CREDENTIAL_LOGIN_RECORD_H
#define CG_CREDENTIAL_LOGIN_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/secret.h"
#include "credential/options.h"

struct cg_login_record {
    char *base;
    char *user;             /* "" for a token that was given by hand */
    struct cg_secret token; /* empty: refused by the gateway since; the user's name is still good for the next login */
    int64_t id;             /* the gateway's; 0 for a token that was given by hand */
    int64_t made_at;        /* these in wall seconds */
    int64_t expires_at;     /* 0: not known */
    int64_t reminded_at;    /* when its end was last spoken of; 0: never */
    struct cg_wish wish;
};

/* "2026-11-22" */
#define CG_DATE_SIZE 11

void cg_login_record_free(struct cg_login_record *record); /* wipes; safe on a zeroed one and twice */
void cg_login_record_copy(struct cg_login_record *to, const struct cg_login_record *from); /* `to` is overwritten */
/* Appends one JSON object. */
void cg_login_record_write(struct cg_buf *out, const struct cg_login_record *record);
/* INVALID when it is none of these objects. */
enum cg_err cg_login_record_read(const char *text, size_t len, struct cg_login_record *record_out,
                                 struct cg_error *err) CG_CHECK;

/* The gateway made it for a password given here, so ending it takes it from nobody else. */
bool cg_login_record_is_ours(const struct cg_login_record *record);
bool cg_login_record_expired(const struct cg_login_record *record, int64_t now);
/* In the last tenth of its life, and no earlier than a week before its end. */
bool cg_login_record_ends_soon(const struct cg_login_record *record, int64_t now);
/* Whether its token is good for that namespace, as far as it was narrowed here. */
bool cg_login_record_covers(const struct cg_login_record *record, const char *ns);
void cg_date(int64_t wall_s, char out[CG_DATE_SIZE]);

/* A list of them, {"version":1,"logins":[...]}, as the file has it. */
#define CG_LOGINS_MAX 100

struct cg_login_list {
    struct cg_login_record *items;
    size_t count;
};

enum cg_err cg_login_list_read(const char *text, size_t len, struct cg_login_list *list_out,
                               struct cg_error *err) CG_CHECK;
void cg_login_list_write(struct cg_buf *out, const struct cg_login_list *list);
struct cg_login_record *cg_login_list_find(const struct cg_login_list *list, const char *base); /* NULL: none */
void cg_login_list_put(struct cg_login_list *list, const struct cg_login_record *record);       /* copies, replaces */
bool cg_login_list_drop(struct cg_login_list *list, const char *base); /* false: it was not in there */
void cg_login_list_free(struct cg_login_list *list);                   /* wipes */

#endif
