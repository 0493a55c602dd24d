/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "storage/artifactory/art_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "crategate/clock.h"

#define DEFAULT_RETRY_S 5

static bool media_type(const struct cg_art_answer *answer, const char *type)
{
    size_t len = strlen(type);

    return cg_str_starts_nocase(answer->type, type) && (answer->type[len] == '\0' || strchr("; ", answer->type[len]));
}

bool cg_art_answer_is_html(const struct cg_art_answer *answer)
{
    return media_type(answer, "text/html") || media_type(answer, "application/xhtml+xml");
}

/* NULL when the body is no errors list. */
static const json_t *errors_of(const json_t *value)
{
    const json_t *errors = json_object_get(value, "errors");

    return json_is_array(errors) ? errors : NULL;
}

static void first_message(const json_t *errors, char out[CG_ART_WORDS_MAX])
{
    const json_t *first = json_array_get(errors, 0);
    const char *text = cg_json_str(first, "message");

    if (!text)
        text = cg_json_str(first, "detail");
    if (text)
        cg_str_printable(text, strlen(text), out, CG_ART_WORDS_MAX);
}

void cg_art_answer_words(const struct cg_art_answer *answer, char out[CG_ART_WORDS_MAX])
{
    const char *body = cg_buf_str(&answer->body);
    json_t *value = NULL;

    out[0] = '\0';
    if (cg_art_answer_is_html(answer))
        return;
    if (cg_json_parse(body, answer->body.len, &value, NULL) == CG_OK)
        first_message(errors_of(value), out);
    else if (media_type(answer, "text/plain"))
        cg_str_printable(body, strcspn(body, "\r\n"), out, CG_ART_WORDS_MAX);
    json_decref(value);
}

unsigned cg_art_answer_wait(const struct cg_art_answer *answer, int64_t wall_s)
{
    int64_t at = 0, now = answer->date ? answer->date : wall_s;
    uint64_t seconds = 0;

    if (cg_parse_u64(answer->retry_after, 1000000000, &seconds) == CG_OK)
        return (unsigned)seconds;
    if (cg_time_parse_http(answer->retry_after, &at) != CG_OK || at <= now)
        return 0;
    return at - now > 1000000000 ? 1000000000 : (unsigned)(at - now);
}

enum cg_err cg_art_answer_json(const struct cg_art_answer *answer, json_t **out, struct cg_error *err)
{
    json_t *value = NULL;
    struct cg_error why = {0};
    char words[CG_ART_WORDS_MAX] = "";

    if (answer->cut)
        return cg_art_unavailable(err, "its answer is longer than %zu bytes", answer->body.max);
    if (cg_art_answer_is_html(answer) || answer->body.len == 0)
        return cg_art_unavailable(err, "its answer is %s and not JSON", answer->body.len == 0 ? "empty" : "HTML");
    if (cg_json_parse(cg_buf_str(&answer->body), answer->body.len, &value, &why) != CG_OK)
        return cg_art_unavailable(err, "its answer is %s", why.detail);
    if (errors_of(value)) {
        first_message(errors_of(value), words);
        json_decref(value);
        return cg_error_hide(err, CG_ERR_UNAVAILABLE, "it answered with an error in place of a result", "%s", words);
    }
    *out = value;
    return CG_OK;
}

/* Sentences */

enum cg_err cg_art_say(const struct cg_art_question *question, const struct cg_art_answer *answer, enum cg_err code,
                       struct cg_error *err, const char *fmt, ...)
{
    char text[CG_ERROR_DETAIL_MAX], words[CG_ART_WORDS_MAX] = "";
    va_list args;

    if (!err)
        return code;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    cg_error_set(err, code, "Artifactory \"%s\"%s%s: %s", question->instance, question->repo ? ", repository " : "",
                 question->repo ? question->repo : "", text);
    if (answer && answer->lost != CG_ART_ANSWERED)
        snprintf(words, sizeof(words), "%s", answer->why);
    else if (answer)
        cg_art_answer_words(answer, words);
    snprintf(err->internal, sizeof(err->internal), "%s", words);
    if (code == CG_ERR_UNAVAILABLE)
        err->retry_after_s = DEFAULT_RETRY_S;
    return code;
}

enum cg_err cg_art_unavailable(struct cg_error *err, const char *fmt, ...)
{
    char text[CG_ERROR_DETAIL_MAX];
    va_list args;

    if (!err)
        return CG_ERR_UNAVAILABLE;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    err->retry_after_s = DEFAULT_RETRY_S;
    return cg_error_set(err, CG_ERR_UNAVAILABLE, "%s", text);
}

/* What one kind of loss means; the same for every operation. */
static const struct loss {
    const char *text;
    enum cg_art_health health;
    bool again;
} losses[] = {
    [CG_ART_NO_NAME] = {"its host name cannot be resolved; somebody has to look at DNS or at artifactory.*.url",
                        CG_ART_ILL, true},
    [CG_ART_NO_CONNECTION] = {"it cannot be connected to; it is down, or a firewall is between", CG_ART_ILL, true},
    [CG_ART_NO_TLS] = {"its TLS certificate or handshake is refused by the gateway, which never goes on without; an "
                       "administrator has to renew the certificate, set artifactory.*.ca_file to the CA that signed it, "
                       "or name in artifactory.*.url the host that it is for",
                       CG_ART_ILL, false},
    [CG_ART_LATE] = {"it did not answer in time", CG_ART_ILL, true},
    [CG_ART_STALLED] = {"the transfer stood still for longer than artifactory.*.stall_timeout", CG_ART_ILL, false},
    [CG_ART_BROKEN] = {"the connection broke before its answer was complete", CG_ART_ILL, true},
    [CG_ART_OVERSIZED] = {"its answer is larger than the gateway reads", CG_ART_ILL, false},
    [CG_ART_BUSY] = {"all of the gateway's connections to it are in use (artifactory.*.max_connections)", CG_ART_UNSURE,
                     false},
    [CG_ART_OWN_FAULT] = {"the file to be sent could not be read from the gateway's own disk", CG_ART_UNSURE, false},
    [CG_ART_STOPPED] = {"the transfer was ended by the gateway", CG_ART_UNSURE, false},
    [CG_ART_HALTED] = {"it had not answered when the registry was stopped", CG_ART_UNSURE, false},
    [CG_ART_FORBIDDEN] = {"a redirect leads to a private address of another host, where the gateway does not follow",
                          CG_ART_UNSURE, false},
};

static enum cg_err lost(const struct cg_art_question *question, const struct cg_art_answer *answer,
                        struct cg_art_verdict *verdict, struct cg_error *err)
{
    const struct loss *loss = &losses[answer->lost];

    verdict->health = loss->health;
    verdict->again = loss->again;
    return cg_art_say(question, answer, CG_ERR_UNAVAILABLE, err, "%s", loss->text);
}

/* "try again in 3 seconds" */
static unsigned seconds_in(const char *words)
{
    const char *at = strstr(words, "again in ");
    uint64_t seconds = 0;
    char digits[12];

    if (!at)
        return 0;
    at += strlen("again in ");
    snprintf(digits, sizeof(digits), "%.*s", (int)strspn(at, "0123456789"), at);
    return cg_parse_u64(digits, 1000000, &seconds) == CG_OK ? (unsigned)seconds : 0;
}

static bool has_word(const char *words, const char *word)
{
    return strcasestr(words, word) != NULL;
}

static const char *right_of(enum cg_art_op op)
{
    switch (op) {
    case CG_ART_OP_DEPLOY:
    case CG_ART_OP_KNOWN:
        return "deploy (and annotate) in";
    case CG_ART_OP_ANNOTATE:
        return "annotate in";
    case CG_ART_OP_DELETE:
        return "delete from";
    case CG_ART_OP_PING:
    case CG_ART_OP_REPO:
    case CG_ART_OP_FILE:
    case CG_ART_OP_INDEX:
    case CG_ART_OP_AQL:
        break;
    }
    return "read";
}

static enum cg_err unauthenticated(const struct cg_art_question *question, const struct cg_art_answer *answer,
                                   struct cg_art_verdict *verdict, struct cg_error *err)
{
    verdict->health = CG_ART_REFUSED;
    return cg_art_say(question, answer, CG_ERR_UNAVAILABLE, err,
                      "it does not take the gateway's own credential, which is wrong, expired or revoked; an "
                      "administrator has to put a good one into artifactory.%s.token_file",
                      question->instance);
}

static enum cg_err locked(const struct cg_art_question *question, const struct cg_art_answer *answer, unsigned seconds,
                          struct cg_art_verdict *verdict, struct cg_error *err)
{
    seconds = seconds < 1 ? 5 : seconds > CG_ART_LOCK_MAX_S ? CG_ART_LOCK_MAX_S : seconds;
    verdict->health = CG_ART_LOCKED;
    verdict->wait_s = seconds;
    cg_art_say(question, answer, CG_ERR_UNAVAILABLE, err,
               "it has locked out the gateway's own account for %u seconds after failed logins; an administrator has "
               "to check artifactory.%s.token_file",
               seconds, question->instance);
    if (err)
        err->retry_after_s = seconds;
    return CG_ERR_UNAVAILABLE;
}

static enum cg_err forbidden(const struct cg_art_question *question, const struct cg_art_answer *answer,
                             struct cg_art_verdict *verdict, struct cg_error *err)
{
    char words[CG_ART_WORDS_MAX];

    cg_art_answer_words(answer, words);
    if (has_word(words, "recurrent login failures"))
        return locked(question, answer, seconds_in(words), verdict, err);
    if (has_word(words, "blacked out"))
        return cg_art_say(question, answer, CG_ERR_UNAVAILABLE, err,
                          "the repository is blacked out; an administrator of Artifactory has to bring it back");
    if (question->op == CG_ART_OP_AQL)
        return cg_art_say(question, answer, CG_ERR_DENIED, err, "the gateway's account may not use AQL");
    if (cg_art_answer_is_html(answer)) {
        verdict->health = CG_ART_ILL;
        return cg_art_say(question, answer, CG_ERR_UNAVAILABLE, err,
                          "something before it (a proxy?) answered 403 with a web page");
    }
    return cg_art_say(question, answer, CG_ERR_DENIED, err,
                      "Artifactory does not let the gateway's own account %s this repository; an administrator of "
                      "Artifactory has to grant it",
                      right_of(question->op));
}

static enum cg_err gone(const struct cg_art_question *question, const struct cg_art_answer *answer,
                        struct cg_error *err)
{
    return cg_art_say(question, answer, CG_ERR_UNAVAILABLE, err,
                      "there is no such repository for the gateway's account: it was deleted, renamed or blacked out, "
                      "or the account may not see it; an administrator has to look (crategatectl check)");
}

static enum cg_err not_found(const struct cg_art_question *question, const struct cg_art_answer *answer,
                             struct cg_art_verdict *verdict, struct cg_error *err)
{
    switch (question->op) {
    case CG_ART_OP_FILE:
    case CG_ART_OP_INDEX:
    case CG_ART_OP_KNOWN:
    case CG_ART_OP_ANNOTATE:
    case CG_ART_OP_DELETE:
        return cg_art_say(question, answer, CG_ERR_ABSENT, err, "no such file");
    case CG_ART_OP_REPO:
    case CG_ART_OP_DEPLOY:
        return gone(question, answer, err);
    case CG_ART_OP_AQL:
        return cg_art_say(question, answer, CG_ERR_DENIED, err, "it does not know AQL");
    case CG_ART_OP_PING:
        break;
    }
    verdict->health = CG_ART_ILL;
    return cg_art_say(question, answer, CG_ERR_UNAVAILABLE, err,
                      "there is no Artifactory at artifactory.%s.url (is its context path right?)", question->instance);
}

/* Errors of its own: 500 and above, 408, 429. */
static enum cg_err ill(const struct cg_art_question *question, const struct cg_art_answer *answer,
                       struct cg_art_verdict *verdict, struct cg_error *err)
{
    unsigned wait = cg_art_answer_wait(answer, cg_clock_wall_s());
    char words[CG_ART_WORDS_MAX];
    const char *text = "it has an internal error";

    cg_art_answer_words(answer, words);
    wait = wait > CG_ART_HOLD_MAX_S ? CG_ART_HOLD_MAX_S : wait;
    verdict->wait_s = wait;
    verdict->again = true;
    /* A limit on queries at once says nothing of anything but queries. */
    if (question->op == CG_ART_OP_AQL && answer->status == 429)
        verdict->health = CG_ART_WELL;
    else
        verdict->health = wait ? CG_ART_HOLD : CG_ART_ILL;
    if (answer->status == 429)
        text = "it gets more requests than it takes";
    else if (has_word(words, "license") || has_word(words, "licence"))
        text = "its licence has expired; an administrator of Artifactory has to renew it";
    else if (answer->status == 503)
        text = *words ? "it is in maintenance or starting" : "it is in maintenance, starting or without a licence";
    else if (answer->status == 502 || answer->status == 504)
        text = "the proxy before it gets no answer from it";
    cg_art_say(question, answer, CG_ERR_UNAVAILABLE, err, "%s (status %ld)", text, answer->status);
    if (err && wait)
        err->retry_after_s = wait;
    return CG_ERR_UNAVAILABLE;
}

/* An errors list with a good status (F23). Longer bodies are results, and whoever wants those reads them anyway. */
static bool is_error_in_disguise(const struct cg_art_answer *answer)
{
    json_t *value = NULL;
    bool is;

    if (answer->body.len == 0 || answer->body.len > CG_ART_ERROR_MAX ||
        cg_json_parse(cg_buf_str(&answer->body), answer->body.len, &value, NULL) != CG_OK)
        return false;
    is = errors_of(value) != NULL;
    json_decref(value);
    return is;
}

static enum cg_err good(const struct cg_art_question *question, const struct cg_art_answer *answer,
                        struct cg_art_verdict *verdict, struct cg_error *err)
{
    bool html = cg_art_answer_is_html(answer);

    if (!html && !is_error_in_disguise(answer))
        return CG_OK;
    verdict->health = CG_ART_ILL;
    verdict->again = true;
    return cg_art_say(question, answer, CG_ERR_UNAVAILABLE, err, "%s",
                      html ? "something before it (a proxy, a login page?) answered with a web page"
                           : "it answered with an error in place of a result");
}

/* The rest of 3xx and 4xx. */
static enum cg_err odd(const struct cg_art_question *question, const struct cg_art_answer *answer, struct cg_error *err)
{
    bool deploys = question->op == CG_ART_OP_DEPLOY || question->op == CG_ART_OP_KNOWN;

    if (question->op == CG_ART_OP_AQL && (answer->status == 400 || answer->status == 405))
        return cg_art_say(question, answer, CG_ERR_DENIED, err, "it does not understand AQL");
    if (answer->status == 413 && deploys)
        return cg_art_say(question, answer, CG_ERR_TOO_LARGE, err,
                          "it takes no file as large, or has no room for it; an administrator of Artifactory has to "
                          "make room or raise its limit");
    if (answer->status == 409 && deploys)
        return cg_art_say(question, answer, CG_ERR_CONFLICT, err, "it refuses the file as being in conflict");
    if (answer->status == 405 && deploys)
        return cg_art_say(question, answer, CG_ERR_UNAVAILABLE, err,
                          "nothing can be deployed there; is it a virtual repository without a default one?");
    if (answer->status >= 300 && answer->status < 400)
        return cg_art_say(question, answer, CG_ERR_UNAVAILABLE, err,
                          "it redirects where no redirect is expected (status %ld); is artifactory.%s.url right?",
                          answer->status, question->instance);
    return cg_art_say(question, answer, CG_ERR_UNAVAILABLE, err, "an answer that makes no sense here (status %ld)",
                      answer->status);
}

/* An index that is not to be had while the rest works is worth no second attempt and no word on the instance: older
 * ones have none, and one answers 400 where there is no file. */
static bool is_no_index(const struct cg_art_answer *answer)
{
    long status = answer->status;

    if (answer->lost != CG_ART_ANSWERED)
        return answer->lost == CG_ART_OVERSIZED;
    if (status / 100 == 2)
        return status != 200 || cg_art_answer_is_html(answer) || is_error_in_disguise(answer);
    if (status / 100 == 4)
        return status != 401 && status != 403 && status != 408 && status != 429;
    return status / 100 == 3 || status == 500 || status == 501;
}

enum cg_err cg_art_answer_judge(const struct cg_art_question *question, const struct cg_art_answer *answer,
                                struct cg_art_verdict *verdict_out, struct cg_error *err)
{
    long status = answer->status;

    *verdict_out = (struct cg_art_verdict){.health = CG_ART_WELL};
    if (question->op == CG_ART_OP_INDEX && is_no_index(answer))
        return cg_art_say(question, answer, CG_ERR_ABSENT, err, "its own index has no such file that could be read");
    if (answer->lost != CG_ART_ANSWERED)
        return lost(question, answer, verdict_out, err);
    if ((status >= 200 && status < 300) || status == 304)
        return good(question, answer, verdict_out, err);
    if (status == 401)
        return unauthenticated(question, answer, verdict_out, err);
    if (status == 403)
        return forbidden(question, answer, verdict_out, err);
    if (status == 404 || status == 410)
        return not_found(question, answer, verdict_out, err);
    if (status >= 500 || status == 429 || status == 408)
        return ill(question, answer, verdict_out, err);
    return odd(question, answer, err);
}
