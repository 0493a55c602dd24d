/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Passwords. Everything that can be refused is refused before the directory
 * hears of it; what it refuses once, it is not asked again for a while; and to
 * the caller all refusals are one sentence at one pace.
 */
#include <stdlib.h>
#include <string.h>

#include "authn/authn_private.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "log/log.h"
#include "log/metrics.h"

#define PASSWORD_MAX 1024
#define PAUSE_MS 250 /* a refusal takes this long, and up to PAUSE_MORE_MS more */
#define PAUSE_MORE_MS 150
#define RETRY_AFTER_S 30
#define ADDRESS_WINDOW_MS 60000
#define SILENCE_WINDOW_MS 300000
#define KEY_MAX 512

/* One login on its way. */
struct attempt {
    const struct cg_authn_view *view;
    const struct cg_authn_request *request;
    struct cg_authn_answer *answer;
    struct cg_error *err;
    int64_t arrived_ms;
    char *id;      /* the person's UUID as far as it is known, else NULL */
    bool admitted; /* counted among this second's logins */
    char folded[CG_LOGIN_NAME_MAX + 1];
    char address[CG_ADDRESS_KEY_SIZE];
};

static const struct cg_conf_ldap *ldap_of(const struct attempt *at)
{
    return &at->view->conf->ldap;
}

static const struct cg_secret *password_of(const struct attempt *at)
{
    return &at->request->cred->secret;
}

static struct attempt begin(const struct cg_authn_view *view, const struct cg_authn_request *request,
                            struct cg_authn_answer *answer, struct cg_error *err)
{
    const char *name = request->cred->username;
    struct attempt at = {
        .view = view, .request = request, .answer = answer, .err = err, .arrived_ms = cg_clock_mono_ms()};

    cg_login_name_fold(name ? name : "", at.folded);
    cg_address_key(request->address ? request->address : "", at.address);
    at.id = cg_password_cache_id(view->authn->passwords, at.folded, at.arrived_ms);
    return at;
}

/* Pitfall 9: one sentence and one range of times for unknown, wrong, locked and disabled. The time is not spent here.
 */
static enum cg_err refuse(struct attempt *at)
{
    uint16_t random;

    cg_random(&random, sizeof(random));
    at->answer->answer_at_ms = at->arrived_ms + PAUSE_MS + random % (PAUSE_MORE_MS + 1);
    cg_metric_add(CG_METRIC_LOGIN_REFUSED, 1);
    return cg_error_set(at->err, CG_ERR_UNAUTHENTICATED,
                        "the directory does not accept this user name and password; cargo itself needs a token: make "
                        "one at %s/me",
                        at->view->conf->public_url);
}

static enum cg_err unanswered(struct attempt *at, const struct cg_error *said)
{
    cg_metric_add(CG_METRIC_LOGIN_UNAVAILABLE, 1);
    cg_error_hide(at->err, CG_ERR_UNAVAILABLE,
                  "the directory does not answer, so nobody can log in with a password now; try again later", "%s%s%s",
                  said ? said->detail : "asked for another request already", said && said->internal[0] ? ": " : "",
                  said ? said->internal : "");
    if (at->err)
        at->err->retry_after_s = said && said->retry_after_s ? said->retry_after_s : RETRY_AFTER_S;
    return CG_ERR_UNAVAILABLE;
}

static struct cg_throttle_limit person_limit(const struct attempt *at)
{
    return (struct cg_throttle_limit){.max = ldap_of(at)->max_failures_per_user,
                                      .window_ms = ldap_of(at)->failure_window};
}

static struct cg_throttle_limit address_limit(const struct attempt *at)
{
    return (struct cg_throttle_limit){.max = ldap_of(at)->max_failures_per_address, .window_ms = ADDRESS_WINDOW_MS};
}

/* Two kinds of keys in one table; neither can look like the other. */
static const char *person_key(const char *kind, const char *text, char out[KEY_MAX])
{
    size_t kind_len = strlen(kind), len = strnlen(text, KEY_MAX - kind_len - 1);

    memcpy(out, kind, kind_len);
    memcpy(out + kind_len, text, len);
    out[kind_len + len] = '\0';
    return out;
}

static unsigned longer(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

/* Pitfalls 5 and 11: by what was typed, by who it is once that is known, and by where it comes from. */
static unsigned wait_s(const struct attempt *at)
{
    struct cg_authn *authn = at->view->authn;
    char key[KEY_MAX];
    unsigned wait = cg_throttle_wait_s(authn->by_address, at->address, address_limit(at), at->arrived_ms);

    wait = longer(wait, cg_throttle_wait_s(authn->by_person, person_key("name:", at->folded, key), person_limit(at),
                                           at->arrived_ms));
    if (at->id)
        wait = longer(wait, cg_throttle_wait_s(authn->by_person, person_key("id:", at->id, key), person_limit(at),
                                               at->arrived_ms));
    return wait;
}

static void count_failure(const struct attempt *at)
{
    struct cg_authn *authn = at->view->authn;
    int64_t now = cg_clock_mono_ms();
    char key[KEY_MAX];

    cg_throttle_fail(authn->by_address, at->address, address_limit(at), now);
    cg_throttle_fail(authn->by_person, person_key("name:", at->folded, key), person_limit(at), now);
    if (at->id)
        cg_throttle_fail(authn->by_person, person_key("id:", at->id, key), person_limit(at), now);
}

/* A directory that was too slow for us may have counted a wrong password all the same, and locks after a few. So a
 * person's binds that it left unanswered are few as well, but it is the directory that is to blame: 503, and not for
 * the whole failure_window. */
static struct cg_throttle_limit silence_limit(const struct attempt *at)
{
    int64_t window = ldap_of(at)->failure_window;

    return (struct cg_throttle_limit){.max = ldap_of(at)->max_failures_per_user,
                                      .window_ms = window < SILENCE_WINDOW_MS ? window : SILENCE_WINDOW_MS};
}

static void count_silence(const struct attempt *at)
{
    char key[KEY_MAX];

    if (at->id)
        cg_throttle_fail(at->view->authn->by_person, person_key("silence:", at->id, key), silence_limit(at),
                         cg_clock_mono_ms());
}

static unsigned silence_wait_s(const struct attempt *at)
{
    char key[KEY_MAX];

    return at->id ? cg_throttle_wait_s(at->view->authn->by_person, person_key("silence:", at->id, key),
                                       silence_limit(at), at->arrived_ms)
                  : 0;
}

/* By what was typed, and by whom that is: another spelling of the name does not take a refused password there again. */
static bool is_known_bad(const struct attempt *at)
{
    struct cg_password_cache *passwords = at->view->authn->passwords;
    char key[KEY_MAX];

    return cg_password_cache_is_bad(passwords, at->folded, password_of(at), at->arrived_ms) ||
           (at->id &&
            cg_password_cache_is_bad(passwords, person_key("id:", at->id, key), password_of(at), at->arrived_ms));
}

static enum cg_err check_silence(struct attempt *at)
{
    struct cg_error said = {.retry_after_s = silence_wait_s(at), .detail = "it left the last logins unanswered"};

    return said.retry_after_s ? unanswered(at, &said) : CG_OK;
}

/* May the directory be asked? What it refused before is refused again, without another failure being counted. */
static enum cg_err check_memory(struct attempt *at)
{
    unsigned wait;

    if (is_known_bad(at))
        return refuse(at);
    wait = wait_s(at);
    if (wait == 0)
        return check_silence(at);
    cg_metric_add(CG_METRIC_LOGIN_THROTTLED, 1);
    cg_error_set(at->err, CG_ERR_THROTTLED,
                 "too many failed logins for this user or from this address; the directory is not asked again before "
                 "%u seconds have passed (tokens go on working)",
                 wait);
    if (at->err)
        at->err->retry_after_s = wait;
    return CG_ERR_THROTTLED;
}

/* The last thing before the directory: does it have room for one more in this second? Asked once a login. */
static enum cg_err admit(struct attempt *at)
{
    if (at->admitted || cg_pace_take(at->view->authn->pace, ldap_of(at)->max_logins_per_second, cg_clock_mono_ms())) {
        at->admitted = true;
        return CG_OK;
    }
    cg_metric_add(CG_METRIC_LOGIN_THROTTLED, 1);
    cg_error_set(at->err, CG_ERR_THROTTLED,
                 "more people are logging in at this moment than the directory is asked about "
                 "(ldap.max_logins_per_second); try again in a second (tokens go on working)");
    if (at->err)
        at->err->retry_after_s = 1;
    return CG_ERR_THROTTLED;
}

/* Is this a place and a way where a password is taken at all? Elsewhere it is a bad credential like any other: 401. */
static enum cg_err check_place(const struct attempt *at)
{
    const char *url = at->view->conf->public_url;

    if (!at->request->secure)
        return cg_error_set(at->err, CG_ERR_UNAUTHENTICATED,
                            "a password came over an unencrypted connection and was not looked at; use https (and "
                            "change the password, others may have read it)");
    if (ldap_of(at)->basic_auth == CG_BASIC_OFF)
        return cg_error_set(at->err, CG_ERR_UNAUTHENTICATED,
                            "this gateway takes no passwords (ldap.basic_auth = \"off\"); its administrators issue "
                            "tokens");
    if (!at->request->password_ok && ldap_of(at)->basic_auth != CG_BASIC_EVERYWHERE)
        return cg_error_set(at->err, CG_ERR_UNAUTHENTICATED,
                            "a password is only taken for making a token: make one at %s/me and send that", url);
    return CG_OK;
}

/* Pitfalls 1 and 2: a password of no length, or one that some server would read as that, is never passed on. The web
 * form's fields do not come through cg_credentials_parse, so names are looked at here too. */
static bool is_askable(const struct attempt *at)
{
    const char *name = at->request->cred->username;
    const struct cg_secret *password = password_of(at);

    if (at->folded[0] == '\0' || strlen(name) > CG_LOGIN_NAME_MAX || !cg_is_utf8(name, strlen(name)))
        return false;
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return false;
    return password->len > 0 && password->len <= PASSWORD_MAX && !memchr(password->bytes, '\0', password->len);
}

/* A password that the directory accepted a moment ago. Making tokens needs a fresh bind, so not where password_ok. */
static bool is_remembered(struct attempt *at)
{
    struct cg_authn *authn = at->view->authn;
    struct cg_subject_question q = {
        .conf = at->view->conf, .id = at->id, .writes = at->request->writes, .now_ms = at->arrived_ms};

    return !at->request->password_ok && at->id &&
           cg_password_cache_is_good(authn->passwords, at->id, password_of(at),
                                     at->arrived_ms - ldap_of(at)->auth_cache_ttl + 1) &&
           cg_subjects_judge(authn->subjects, &q, &at->answer->caller.who, NULL) == CG_OK;
}

static enum cg_err check_fast(struct attempt *at)
{
    enum cg_err rc = check_place(at);

    if (rc != CG_OK)
        return rc;
    if (!is_askable(at))
        return refuse(at);
    if (is_remembered(at))
        return CG_OK;
    rc = check_memory(at);
    return rc == CG_OK ? CG_ERR_AGAIN : rc;
}

enum cg_err cg_login_fast(const struct cg_authn_view *view, const struct cg_authn_request *request,
                          struct cg_authn_answer *answer, struct cg_error *err)
{
    struct attempt at = begin(view, request, answer, err);
    enum cg_err rc = check_fast(&at);

    free(at.id);
    return rc;
}

/* The directory said no. */
static enum cg_err fail(struct attempt *at, const struct cg_error *said)
{
    struct cg_password_cache *passwords = at->view->authn->passwords;
    int64_t until = cg_clock_mono_ms() + ldap_of(at)->negative_cache_ttl;
    char key[KEY_MAX];

    cg_log_error(CG_LOG_DEBUG, "authn", NULL, said, "a login was refused");
    count_failure(at);
    cg_password_cache_add_bad(passwords, at->folded, password_of(at), until);
    if (at->id)
        cg_password_cache_add_bad(passwords, person_key("id:", at->id, key), password_of(at), until);
    return refuse(at);
}

/* Gives `who` to the answer. */
static enum cg_err accept(struct attempt *at, struct cg_identity *who)
{
    at->answer->caller.who = who;
    at->answer->by_password = true;
    cg_metric_add(CG_METRIC_LOGIN_OK, 1);
    return CG_OK;
}

/* Pitfall 5: who is it? Asked once for a name that is not known, so that failures count for the person whatever
 * spellings the directory takes for the name. Whom it cannot find, or would refuse, is not asked about further. */
static enum cg_err find_person(struct attempt *at)
{
    struct cg_directory *dir = at->view->dir;
    struct cg_identity *who = NULL;
    struct cg_error said = {0};
    enum cg_err rc = dir->ops->find(dir, at->request->cred->username, &who, &said);

    switch (rc) {
    case CG_OK:
        at->id = cg_strdup(cg_identity_id(who));
        cg_password_cache_learn(at->view->authn->passwords, at->folded, at->id, at->arrived_ms);
        cg_identity_unref(&who);
        return CG_OK;
    case CG_ERR_ABSENT:
    case CG_ERR_DENIED:
    case CG_ERR_CONFLICT:
        return fail(at, &said);
    default:
        return unanswered(at, &said);
    }
}

static enum cg_err resolve_name(struct attempt *at)
{
    struct cg_authn *authn = at->view->authn;
    char key[KEY_MAX];
    bool asked = false;
    enum cg_err rc;

    if (at->id)
        return CG_OK;
    person_key("name:", at->folded, key);
    if (cg_keylock_enter(authn->asking, key) == CG_TURN_UNANSWERED) {
        rc = unanswered(at, NULL);
    } else if ((at->id = cg_password_cache_id(authn->passwords, at->folded, at->arrived_ms)) != NULL) {
        rc = CG_OK;
    } else {
        rc = check_memory(at);
        if (rc == CG_OK)
            rc = admit(at);
        asked = rc == CG_OK;
        if (asked)
            rc = find_person(at);
    }
    cg_keylock_leave(authn->asking, key, asked && rc == CG_ERR_UNAVAILABLE);
    return rc;
}

static enum cg_err bind_person(struct attempt *at)
{
    struct cg_authn *authn = at->view->authn;
    struct cg_directory *dir = at->view->dir;
    struct cg_subject_question q = {.conf = at->view->conf, .now_ms = cg_clock_mono_ms()};
    struct cg_identity *who = NULL;
    struct cg_error said = {0};
    enum cg_err rc = dir->ops->login(dir, at->request->cred->username, password_of(at), &who, &said);
    bool current = cg_authn_view_current(at->view);

    if (rc == CG_ERR_UNAUTHENTICATED)
        return fail(at, &said);
    if (said.password_sent)
        count_silence(at);
    if (rc != CG_OK)
        return unanswered(at, &said);
    q.id = cg_identity_id(who);
    cg_authn_take_answer(at->view, &q, CG_OK, who);
    if (current) {
        cg_password_cache_learn(authn->passwords, at->folded, q.id, q.now_ms);
        cg_password_cache_add_good(authn->passwords, q.id, password_of(at), cg_clock_mono_ms());
    }
    return accept(at, who);
}

/* The same login by another request was proven while this one waited. */
static bool was_proven(struct attempt *at)
{
    struct cg_authn *authn = at->view->authn;
    struct cg_subject_question q = {.conf = at->view->conf, .id = at->id, .now_ms = at->arrived_ms};
    struct cg_identity *who = NULL;

    if (!cg_password_cache_is_good(authn->passwords, at->id, password_of(at), at->arrived_ms) ||
        cg_subjects_judge(authn->subjects, &q, &who, NULL) != CG_OK)
        return false;
    return accept(at, who) == CG_OK;
}

/* Pitfall 11: one bind at a time for a person, and what was refused while we waited is not tried again. */
static enum cg_err ask_password(struct attempt *at)
{
    struct cg_authn *authn = at->view->authn;
    enum cg_turn turn = cg_keylock_enter(authn->asking, at->id);
    bool asked = false;
    enum cg_err rc;

    if (turn == CG_TURN_UNANSWERED) {
        rc = unanswered(at, NULL);
    } else if (turn == CG_TURN_WAITED && was_proven(at)) {
        rc = CG_OK;
    } else {
        rc = check_memory(at);
        if (rc == CG_OK)
            rc = admit(at);
        asked = rc == CG_OK;
        if (asked)
            rc = bind_person(at);
    }
    cg_keylock_leave(authn->asking, at->id, asked && rc == CG_ERR_UNAVAILABLE);
    return rc;
}

enum cg_err cg_login_slow(const struct cg_authn_view *view, const struct cg_authn_request *request,
                          struct cg_authn_answer *answer, struct cg_error *err)
{
    struct attempt at = begin(view, request, answer, err);
    enum cg_err rc = check_fast(&at);

    if (rc == CG_ERR_AGAIN) {
        rc = resolve_name(&at);
        if (rc == CG_OK)
            rc = ask_password(&at);
    }
    free(at.id);
    return rc;
}
