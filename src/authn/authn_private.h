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
#include "authn/sweep.h"
#include "authn/throttle.h"
#include "authn/token_table.h"
#include "base/digest.h"
#include "crategate/audit.h"

#define CG_FINGERPRINT_SIZE 17

struct cg_authn {
    pthread_rwlock_t settings_lock; /* conf, dir, epoch, fingerprint */
    struct cg_conf *conf;
    struct cg_directory *dir;
    unsigned epoch;                        /* grows with each reconfiguration */
    char fingerprint[CG_FINGERPRINT_SIZE]; /* of conf */

    struct cg_metadata *md;
    struct cg_audit *audit; /* NULL: no trail */
    struct cg_hmac *token_key;
    struct cg_identity *anonymous;

    struct cg_token_table *tokens;
    pthread_mutex_t change_lock; /* changes of the table, and of the database with it */
    int64_t generation;          /* of the tokens in the table */

    struct cg_subjects *subjects;
    struct cg_password_cache *passwords;
    struct cg_throttle *by_person, *by_address;
    struct cg_pace *pace;      /* of all logins together */
    struct cg_keylock *asking; /* about a person: by folded name until it is resolved, then by UUID */

    /* The maintenance thread's own (cg_authn_tick). */
    int64_t swept_at, saved_at;
    bool database_down;

    /* Of the one that asks the directory (cg_authn_look). */
    struct cg_sweep *sweep;
    int64_t purged_at;
    atomic_bool ending;
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
/* The same for the background, where nobody waits for the answer: did the directory give one? Not asked when somebody
 * else got an answer just now. */
bool cg_authn_refresh(const struct cg_authn_view *view, const char *id);

/* The bare question, about a person or a group. */
enum cg_err cg_authn_ask(const struct cg_authn_view *view, const char *id, struct cg_identity **who_out,
                         struct cg_error *err) CG_CHECK;
/* Puts an answer into the table and says to log and audit trail what it changed. */
void cg_authn_take_answer(const struct cg_authn_view *view, const struct cg_subject_question *q, enum cg_err said,
                          struct cg_identity *who);
void cg_authn_note(struct cg_authn *authn, const char *id, enum cg_subject_change change, enum cg_err said);

/* Something happened to all tokens of a subject. */
struct cg_token_event {
    enum cg_audit_event event;
    const char *id; /* the subject's */
    const char *what;
    struct cg_token *const *tokens;
    size_t count;
};
void cg_authn_record_tokens(struct cg_authn *authn, const struct cg_token_event *event);

/* renewal.c: how many lookups may run at once for the background. */
unsigned cg_authn_threads(const struct cg_conf *conf);

/* subject_store.c. Blocking; the maintenance thread's. */
void cg_authn_fingerprint(const struct cg_conf *conf, char out[CG_FINGERPRINT_SIZE]);
enum cg_err cg_authn_subjects_load(struct cg_authn *authn, struct cg_error *err) CG_CHECK;
void cg_authn_subjects_save(struct cg_authn *authn);
void cg_authn_subjects_delete(struct cg_authn *authn, char *const *ids, size_t count);

/* login.c */
enum cg_err cg_login_fast(const struct cg_authn_view *view, const struct cg_authn_request *request,
                          struct cg_authn_answer *answer, struct cg_error *err) CG_CHECK;
enum cg_err cg_login_slow(const struct cg_authn_view *view, const struct cg_authn_request *request,
                          struct cg_authn_answer *answer, struct cg_error *err) CG_CHECK;

/* token_admin.c: brings the table up to date when the database has moved on. change_lock held by the caller. */
enum cg_err cg_authn_tokens_refresh(struct cg_authn *authn, struct cg_error *err) CG_CHECK;

/* token_life.c */
/* Does it work as far as its own age goes? *since_out (may be NULL): since when it does not. */
enum cg_token_state cg_authn_token_life(const struct cg_conf *conf, const struct cg_token *token, int64_t now_s,
                                        int64_t *since_out);
/* The subject on whose verdict it depends; free() it. NULL: on nobody's. */
char *cg_authn_subject_of(const struct cg_token *token);
/* References to all tokens of a subject; cg_token_list_free. */
struct cg_token **cg_authn_tokens_of(struct cg_authn *authn, const char *subject, size_t *count_out);
void cg_authn_tokens_write_uses(struct cg_authn *authn);
/* False when some could not be. */
bool cg_authn_tokens_delete(struct cg_authn *authn, struct cg_token *const *tokens, size_t count);
void cg_authn_tokens_purge(struct cg_authn *authn, const struct cg_conf *conf);

#endif
