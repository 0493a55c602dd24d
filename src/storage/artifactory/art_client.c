/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The client itself: its settings, its breaker, and every question's way through both. */
#include "storage/artifactory/art_ask.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "log/log.h"
#include "log/metrics.h"

#define ATTEMPTS 3
#define FIRST_PAUSE_MS 150
#define NAP_MS 50 /* how long the end of the process may go unnoticed */
#define STOPPED_RETRY_S 5
#define MOVED_RETRY_S 1
#define LOOK_AGAIN_MS 1000 /* at token_file, while the credential is refused */

struct cg_art_client *cg_art_client_new(const struct cg_conf_artifactory *conf)
{
    struct cg_art_client *client = cg_calloc(1, sizeof(*client));
    uint64_t seed = 0;

    cg_random(&seed, sizeof(seed));
    atomic_init(&client->halt, CG_ART_GO_ON);
    pthread_mutex_init(&client->lock, NULL);
    client->link = cg_art_link_new(conf);
    cg_art_breaker_init(&client->breaker, seed);
    client->up = true;
    cg_metric_add(CG_METRIC_ARTIFACTORY_UP, 1);
    return client;
}

void cg_art_client_free(struct cg_art_client **client)
{
    if (!*client)
        return;
    if ((*client)->up)
        cg_metric_add(CG_METRIC_ARTIFACTORY_UP, -1);
    cg_art_link_unref(&(*client)->link);
    pthread_mutex_destroy(&(*client)->lock);
    free(*client);
    *client = NULL;
}

void cg_art_client_drain(struct cg_art_client *client)
{
    int going_on = CG_ART_GO_ON;

    (void)atomic_compare_exchange_strong(&client->halt, &going_on, CG_ART_HALT_WAITS);
}

void cg_art_client_stop(struct cg_art_client *client)
{
    atomic_store(&client->halt, CG_ART_HALT_ALL);
}

enum cg_err cg_art_stopped(struct cg_error *err)
{
    (void)cg_error_set(err, CG_ERR_UNAVAILABLE, "the registry is being stopped; try again");
    if (err)
        err->retry_after_s = STOPPED_RETRY_S;
    return CG_ERR_UNAVAILABLE;
}

/* The lock is held. What is under way with another link than the one in use tells nothing from here on. */
static void use_link(struct cg_art_client *client, struct cg_art_link *link)
{
    cg_art_breaker_abandon(&client->breaker, cg_clock_mono_ms());
    if (!cg_secret_equal(&client->link->token, &link->token))
        cg_art_breaker_renewed(&client->breaker, cg_clock_mono_ms());
    cg_art_link_unref(&client->link);
    client->link = link;
}

void cg_art_client_reconfigure(struct cg_art_client *client, const struct cg_conf_artifactory *conf)
{
    struct cg_art_link *link = cg_art_link_new(conf);

    pthread_mutex_lock(&client->lock);
    /* What is known of the old address says nothing of the new one. */
    if (!cg_streq(client->link->url, link->url) && client->breaker.state == CG_ART_OPEN)
        client->breaker.until = cg_clock_mono_ms();
    use_link(client, link);
    pthread_mutex_unlock(&client->lock);
}

struct cg_art_link *cg_art_client_link(struct cg_art_client *client)
{
    struct cg_art_link *link;

    pthread_mutex_lock(&client->lock);
    link = cg_art_link_ref(client->link);
    pthread_mutex_unlock(&client->lock);
    return link;
}

int64_t cg_art_client_budget(struct cg_art_client *client)
{
    struct cg_art_link *link = cg_art_client_link(client);
    int64_t ms = link->connect_timeout + 2 * link->answer_timeout;

    cg_art_link_unref(&link);
    return cg_clock_mono_ms() + ms;
}

static bool sleep_within(struct cg_art_client *client, int64_t ms, int64_t deadline)
{
    int64_t until = cg_clock_mono_ms() + ms, left;

    if (until >= deadline)
        return false;
    while (atomic_load(&client->halt) == CG_ART_GO_ON && (left = until - cg_clock_mono_ms()) > 0) {
        const struct timespec nap = {.tv_nsec = (long)(left < NAP_MS ? left : NAP_MS) * 1000000};

        nanosleep(&nap, NULL);
    }
    return atomic_load(&client->halt) == CG_ART_GO_ON;
}

bool cg_art_client_pause(struct cg_art_client *client, int64_t ms, int64_t deadline)
{
    pthread_mutex_lock(&client->lock);
    ms = ms * 3 / 4 + (int64_t)cg_art_breaker_roll(&client->breaker, (uint64_t)ms / 2 + 1);
    pthread_mutex_unlock(&client->lock);
    return sleep_within(client, ms, deadline);
}

bool cg_art_client_again(struct cg_art_client *client, const struct cg_art_verdict *verdict, unsigned attempt,
                         int64_t deadline)
{
    int64_t ms = 0;
    bool open;

    if (!verdict->again || attempt + 1 >= ATTEMPTS)
        return false;
    pthread_mutex_lock(&client->lock);
    open = client->breaker.state != CG_ART_CLOSED;
    if (open)
        ms = client->breaker.until - cg_clock_mono_ms() + (int64_t)cg_art_breaker_roll(&client->breaker, 50) + 1;
    pthread_mutex_unlock(&client->lock);
    if (!open && verdict->wait_s) /* a limit of one kind of question, which is no reason to ask no other */
        return sleep_within(client, (int64_t)verdict->wait_s * 1000, deadline);
    if (!open)
        return cg_art_client_pause(client, (int64_t)FIRST_PAUSE_MS << (2 * attempt), deadline);
    return verdict->health == CG_ART_HOLD && sleep_within(client, ms > 0 ? ms : 1, deadline);
}

static uint64_t place_key(const char *repo, const char *path)
{
    return cg_hash(repo, strlen(repo)) * 31 + cg_hash(path, strlen(path));
}

void cg_art_client_deployed(struct cg_art_client *client, const char *repo, const char *path)
{
    pthread_mutex_lock(&client->lock);
    client->fresh[client->fresh_next].key = place_key(repo, path);
    client->fresh[client->fresh_next].at = cg_clock_mono_ms();
    client->fresh_next = (client->fresh_next + 1) % CG_ART_FRESH;
    pthread_mutex_unlock(&client->lock);
}

bool cg_art_client_is_fresh(struct cg_art_client *client, const char *repo, const char *path)
{
    uint64_t key = place_key(repo, path);
    int64_t since = cg_clock_mono_ms() - CG_ART_FRESH_MS;
    bool found = false;

    pthread_mutex_lock(&client->lock);
    for (size_t i = 0; i < CG_ART_FRESH && !found; i++)
        found = client->fresh[i].key == key && client->fresh[i].at > since && client->fresh[i].at > 0;
    pthread_mutex_unlock(&client->lock);
    return found;
}

/* The credential on disk */

/* True when another link than `used` is in use by now: its token_file holds another credential, or somebody else has
 * brought one meanwhile. Never takes the credential of one link for another. */
static bool renew(struct cg_art_client *client, const struct cg_art_link *used)
{
    struct cg_secret token = {0};
    struct cg_error err = {0};
    bool read = cg_secret_read_file(&token, used->token_file, &err) == CG_OK, other;

    pthread_mutex_lock(&client->lock);
    if (read && client->link == used && !cg_secret_equal(&token, &used->token))
        use_link(client, cg_art_link_renew(used, &token));
    other = client->link != used;
    pthread_mutex_unlock(&client->lock);
    cg_secret_free(&token);
    return other;
}

/* While the credential is refused, a new one in token_file is found without a reload. */
static void look_for_another(struct cg_art_client *client)
{
    int64_t now = cg_clock_mono_ms();
    struct cg_art_link *link = NULL;

    pthread_mutex_lock(&client->lock);
    if (client->breaker.state == CG_ART_OPEN && client->breaker.reason == CG_ART_REFUSED &&
        now - client->looked_at >= LOOK_AGAIN_MS) {
        client->looked_at = now;
        link = cg_art_link_ref(client->link);
    }
    pthread_mutex_unlock(&client->lock);
    if (link)
        (void)renew(client, link);
    cg_art_link_unref(&link);
}

/* The breaker */

/* The lock is held. */
static void note_state(struct cg_art_client *client, const struct cg_error *why)
{
    bool up = client->breaker.state == CG_ART_CLOSED;

    if (!up && why && why->code != CG_OK)
        client->why = *why;
    if (up == client->up)
        return;
    client->up = up;
    cg_metric_add(CG_METRIC_ARTIFACTORY_UP, up ? 1 : -1);
    if (up)
        cg_log(CG_LOG_INFO, "artifactory", NULL, "instance=%s state=up", client->link->name);
    else
        cg_log_error(client->breaker.reason == CG_ART_REFUSED ? CG_LOG_ERROR : CG_LOG_WARN, "artifactory", NULL,
                     &client->why, "instance=%s state=down", client->link->name);
}

struct attempt {
    struct cg_art_client *client;
    struct cg_art_link *link; /* with which it was made; a reference */
    const struct cg_art_call *call;
    struct cg_art_answer *answer;
    struct cg_art_verdict *verdict;
    bool renewed; /* it was refused for a credential that is not in use any more, so that says nothing */
};

/* Its URL was made of settings that a reload has replaced. */
static enum cg_err moved(const struct cg_art_link *link, struct cg_error *err)
{
    (void)cg_error_set(err, CG_ERR_UNAVAILABLE, "the settings of Artifactory \"%s\" have just been changed; try again",
                       link->name);
    if (err)
        err->retry_after_s = MOVED_RETRY_S;
    return CG_ERR_UNAVAILABLE;
}

static bool is_halted(const struct attempt *at)
{
    int halt = atomic_load(&at->client->halt);

    return halt == CG_ART_HALT_ALL || (halt == CG_ART_HALT_WAITS && at->call->http.stream);
}

/* UNAVAILABLE while the breaker is open. */
static enum cg_err enter(struct attempt *at, bool *probe_out, struct cg_error *err)
{
    struct cg_art_client *client = at->client;
    int64_t now = cg_clock_mono_ms();
    enum cg_err rc = CG_OK;

    if (is_halted(at))
        return cg_art_stopped(err);
    pthread_mutex_lock(&client->lock);
    if (!cg_art_link_owns(client->link, at->call->http.url)) {
        rc = moved(client->link, err);
    } else if (cg_art_breaker_enter(&client->breaker, now, probe_out)) {
        at->link = cg_art_link_ref(client->link);
    } else {
        rc = CG_ERR_UNAVAILABLE;
        if (err) {
            *err = client->why;
            err->code = rc;
            err->retry_after_s = cg_art_breaker_wait_s(&client->breaker, now);
        }
    }
    pthread_mutex_unlock(&client->lock);
    return rc;
}

/* What another instance or another credential has come to says nothing of the one in use. */
static void leave(const struct attempt *at, bool probe, const struct cg_art_verdict *verdict,
                  const struct cg_error *why)
{
    struct cg_art_client *client = at->client;

    pthread_mutex_lock(&client->lock);
    if (client->link == at->link) {
        cg_art_breaker_leave(&client->breaker, probe, verdict->health, verdict->wait_s, cg_clock_mono_ms());
        note_state(client, why);
    }
    pthread_mutex_unlock(&client->lock);
}

bool cg_art_client_down(struct cg_art_client *client, struct cg_error *why)
{
    bool down;

    pthread_mutex_lock(&client->lock);
    down = client->breaker.state != CG_ART_CLOSED;
    if (down && why) {
        *why = client->why;
        why->code = CG_ERR_UNAVAILABLE;
        why->retry_after_s = cg_art_breaker_wait_s(&client->breaker, cg_clock_mono_ms());
    }
    pthread_mutex_unlock(&client->lock);
    return down;
}

/* Asking */

static void count(enum cg_err rc)
{
    cg_metric_add(rc == CG_OK                ? CG_METRIC_ARTIFACTORY_OK
                  : rc == CG_ERR_UNAVAILABLE ? CG_METRIC_ARTIFACTORY_UNAVAILABLE
                                             : CG_METRIC_ARTIFACTORY_REFUSED,
                  1);
}

/* A stream's headers tell that the instance is well; the bytes may take long, and no probe is to last as long. */
struct relay {
    const struct attempt *at;
    const struct cg_art_stream *inner;
    bool *probe;
};

static bool relay_wants(void *cls, const struct cg_art_answer *answer)
{
    static const struct cg_art_verdict well = {.health = CG_ART_WELL};
    struct relay *relay = cls;
    bool wanted = relay->inner->wants(relay->inner->cls, answer);

    if (wanted) {
        leave(relay->at, *relay->probe, &well, NULL);
        *relay->probe = false;
    }
    return wanted;
}

static bool relay_bytes(void *cls, const void *bytes, size_t len)
{
    struct relay *relay = cls;

    return relay->inner->bytes(relay->inner->cls, bytes, len);
}

static enum cg_err attempt(struct attempt *at, struct cg_error *err)
{
    struct cg_art_question question = {.repo = at->call->repo, .op = at->call->op};
    struct cg_art_request request = at->call->http;
    struct cg_error own = {0};
    bool probe = false;
    struct relay relay = {.at = at, .inner = request.stream, .probe = &probe};
    struct cg_art_stream stream = {.wants = relay_wants, .bytes = relay_bytes, .cls = &relay};
    enum cg_err rc = enter(at, &probe, err);

    at->renewed = false;
    if (rc != CG_OK)
        return rc;
    question.instance = at->link->name;
    request.halt = &at->client->halt;
    if (request.stream)
        request.stream = &stream;
    cg_art_http(at->link, &request, at->answer);
    rc = cg_art_answer_judge(&question, at->answer, at->verdict, &own);
    count(rc);
    if (rc != CG_OK && err)
        *err = own;
    /* What others are told while the breaker is open names no repository: it need not be theirs to know of. */
    question.repo = NULL;
    rc = cg_art_answer_judge(&question, at->answer, at->verdict, &own);
    at->renewed = at->verdict->health == CG_ART_REFUSED && renew(at->client, at->link);
    leave(at, probe, at->verdict, &own);
    cg_art_link_unref(&at->link);
    return rc;
}

enum cg_err cg_art_ask(struct cg_art_client *client, const struct cg_art_call *call, struct cg_art_answer *answer,
                       struct cg_art_verdict *verdict_out, struct cg_error *err)
{
    struct attempt at = {.client = client, .call = call, .answer = answer, .verdict = verdict_out};
    enum cg_err rc;

    *verdict_out = (struct cg_art_verdict){.health = CG_ART_UNSURE};
    look_for_another(client);
    rc = attempt(&at, err);
    if (at.renewed) {
        *verdict_out = (struct cg_art_verdict){.health = CG_ART_UNSURE};
        cg_art_answer_free(answer);
        cg_art_answer_init(answer);
        rc = attempt(&at, err);
    }
    return rc;
}

enum cg_err cg_art_ask_safe(struct cg_art_client *client, const struct cg_art_call *call, struct cg_art_answer *answer,
                            struct cg_error *err)
{
    struct cg_art_verdict verdict;
    enum cg_err rc = cg_art_ask(client, call, answer, &verdict, err);

    for (unsigned i = 0; rc == CG_ERR_UNAVAILABLE; i++) {
        if (!cg_art_client_again(client, &verdict, i, call->http.deadline))
            break;
        cg_art_answer_free(answer);
        cg_art_answer_init(answer);
        rc = cg_art_ask(client, call, answer, &verdict, err);
    }
    return rc;
}

enum cg_err cg_art_ask_json(struct cg_art_client *client, const struct cg_art_call *call, json_t **out,
                            struct cg_error *err)
{
    struct cg_art_answer answer;
    struct cg_error why = {0};
    enum cg_err rc;

    cg_art_answer_init(&answer);
    rc = cg_art_ask_safe(client, call, &answer, err);
    if (rc == CG_OK && cg_art_answer_json(&answer, out, &why) != CG_OK) {
        struct cg_art_link *link = cg_art_client_link(client);
        struct cg_art_question question = {.instance = link->name, .repo = call->repo, .op = call->op};

        rc = cg_art_say(&question, NULL, CG_ERR_UNAVAILABLE, err, "%s", why.detail);
        if (err)
            memcpy(err->internal, why.internal, sizeof(err->internal));
        cg_art_link_unref(&link);
    }
    cg_art_answer_free(&answer);
    return rc;
}

enum cg_err cg_art_ping(struct cg_art_client *client, struct cg_error *err)
{
    struct cg_art_link *link = cg_art_client_link(client);
    struct cg_art_call call = {.op = CG_ART_OP_PING, .http = {.method = "GET", .deadline = 0}};
    char *ping = cg_asprintf("%s/api/system/ping", link->url);
    char *version = cg_asprintf("%s/api/system/version", link->url);
    struct cg_art_answer answer;
    json_t *value = NULL;
    enum cg_err rc;

    cg_art_answer_init(&answer);
    call.http.deadline = cg_clock_mono_ms() + link->connect_timeout + link->answer_timeout;
    call.http.url = ping;
    rc = cg_art_ask_safe(client, &call, &answer, err);
    call.http.url = version;
    if (rc == CG_OK)
        rc = cg_art_ask_json(client, &call, &value, err);
    json_decref(value);
    cg_art_answer_free(&answer);
    cg_art_link_unref(&link);
    free(ping);
    free(version);
    return rc;
}
