/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What the files of this room share. Locks, none held while another of them is
 * taken but in this order: keylocks, change_lock, settings_lock, then those
 * inside the tables.
 */
#ifndef CG_AUTHN_AUTHN_PRIVATE_H
#define CG_AUTHN_AUTHN_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "authn/authn.h"
#include "authn/keylock.h"
#include "authn/password_cache.h"
#include "authn/subjects.h"
#include "authn/throttle.h"
#include "authn/token_table.h"
#include "base/digest.h"

struct cg_authn {
    pthread_rwlock_t settings_lock; /* conf, dir, epoch */
    struct cg_conf *conf;
    struct cg_directory *dir;
    unsigned epoch; /* grows with each reconfiguration */

    struct cg_metadata *md;
    struct cg_hmac *token_key;
    struct cg_identity *anonymous;

    struct cg_token_table *tokens;
    pthread_mutex_t change_lock; /* changes of the table, and of the database with it */
    int64_t generation;          /* of the tokens in the table */

    struct cg_subjects *subjects;
    struct cg_password_cache *passwords;
    struct cg_throttle *by_person, *by_address;
    struct cg_keylock *asking; /* about a person: by folded name until it is resolved, then by UUID */

    /* The maintenance thread's own. */
    int64_t swept_at;
    bool database_down;
};

/* The settings that one request goes by from its beginning to its end. */
struct cg_authn_view {
    struct cg_authn *authn;
    struct cg_conf *conf;
    struct cg_directory *dir;
    unsigned epoch;
};

struct cg_authn_view cg_authn_view_get(struct cg_authn *authn);
void cg_authn_view_put(struct cg_authn_view *view);
/* Is it still what is in force? */
bool cg_authn_view_current(const struct cg_authn_view *view);

/* revalidate.c: asks the directory about a person, once for all who want to know at a time, and says what follows. */
enum cg_err cg_authn_revalidate(const struct cg_authn_view *view, const char *id, bool writes,
                                struct cg_identity **who_out, struct cg_error *err) CG_CHECK;
/* The same for the background, where nobody waits for the answer: did the directory give one? */
bool cg_authn_refresh(const struct cg_authn_view *view, const char *id);

/* login.c */
enum cg_err cg_login_fast(const struct cg_authn_view *view, const struct cg_authn_request *request,
                          struct cg_authn_answer *answer, struct cg_error *err) CG_CHECK;
enum cg_err cg_login_slow(const struct cg_authn_view *view, const struct cg_authn_request *request,
                          struct cg_authn_answer *answer, struct cg_error *err) CG_CHECK;

/* token_admin.c: brings the table up to date when the database has moved on. change_lock held by the caller. */
enum cg_err cg_authn_tokens_refresh(struct cg_authn *authn, struct cg_error *err) CG_CHECK;
void cg_authn_tokens_write_uses(struct cg_authn *authn);
void cg_authn_tokens_purge(struct cg_authn *authn);

#endif
