/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The pipeline under a transport that is a table of headers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "conf/conf.h"
#include "crategate/clock.h"
#include "fake_directory.h"
#include "fixture.h"
#include "log/log.h"
#include "log/metrics.h"

static struct fixture fixture;

/* One exchange: what is asked, and what came of it. */
struct exchange {
    enum cg_method method;
    const char *target, *query;
    const char *headers[16]; /* name, value, name, value ..., NULL */
    const char *peer;        /* NULL: 127.0.0.1 */
    const char *body;
    uint64_t body_len; /* zeros when body is NULL */
    bool chunked, bad_framing, client_leaves;

    /* out */
    struct cg_request *req;
    unsigned status, waits, steps_body;
    char *text;
    size_t text_len;
    struct cg_header got[CG_RESPONSE_HEADERS];
    size_t got_count;
    int64_t resume_at_ms;
    bool dropped;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool awake;
};

static const char *find_header(void *transport, const char *name, unsigned *count_out)
{
    struct exchange *x = transport;
    const char *value = NULL;
    unsigned count = 0;

    for (size_t i = 0; x->headers[i]; i += 2)
        if (cg_streq_nocase(x->headers[i], name) && count++ == 0)
            value = x->headers[i + 1];
    if (count_out)
        *count_out = count;
    return value;
}

static void wake(void *transport)
{
    struct exchange *x = transport;

    pthread_mutex_lock(&x->lock);
    x->resume_at_ms = x->req->resume_at_ms;
    x->awake = true;
    pthread_cond_signal(&x->woken);
    pthread_mutex_unlock(&x->lock);
}

static const struct cg_transport_ops ops = {.name = "test", .header = find_header, .wake = wake};

static void wait_for(struct exchange *x)
{
    x->awake = false;
    x->waits++;
    cg_pipeline_wait(x->req);
    pthread_mutex_lock(&x->lock);
    while (!x->awake)
        pthread_cond_wait(&x->woken, &x->lock);
    pthread_mutex_unlock(&x->lock);
}

static void send_body(struct exchange *x)
{
    static const char zeros[32768];
    uint64_t done = 0;

    while (done < x->body_len && !x->dropped) {
        size_t part = x->body_len - done < sizeof(zeros) ? (size_t)(x->body_len - done) : sizeof(zeros), used = 0;
        enum cg_step step = cg_pipeline_body(x->req, x->body ? x->body + done : zeros, part, &used);

        done += used;
        if (step == CG_STEP_WAIT)
            wait_for(x);
        x->dropped = step == CG_STEP_RESPOND;
    }
    x->req->body_complete = true;
}

static void take_answer(struct exchange *x)
{
    struct cg_response *r = &x->req->response;

    x->status = r->status;
    for (size_t i = 0; i < r->header_count; i++)
        x->got[x->got_count++] = (struct cg_header){cg_strdup(r->headers[i].name), cg_strdup(r->headers[i].value)};
    if (r->blob) {
        x->text_len = r->gzip ? r->blob->gzip_len : r->blob->len;
        x->text = cg_malloc(x->text_len + 1);
        memcpy(x->text, r->gzip ? r->blob->gzip : r->blob->bytes, x->text_len);
    } else if (r->fd >= 0) {
        x->text_len = (size_t)r->file_len;
        x->text = cg_malloc(x->text_len + 1);
        assert_int_equal(pread(r->fd, x->text, x->text_len, (off_t)r->file_offset), (ssize_t)x->text_len);
    } else {
        x->text_len = r->buf.len;
        x->text = cg_strdup(cg_buf_str(&r->buf));
    }
    x->text[x->text_len] = '\0';
}

static void begin(struct exchange *x)
{
    struct sockaddr_in *peer;

    pthread_mutex_init(&x->lock, NULL);
    pthread_cond_init(&x->woken, NULL);
    x->req = cg_request_new(&fixture.gw, &ops, x);
    x->req->method = x->method;
    x->req->method_name = "METHOD";
    x->req->target = x->target;
    x->req->query = x->query ? x->query : "";
    x->req->content_length = x->chunked ? UINT64_MAX : x->body_len;
    x->req->body_complete = x->body_len == 0 && !x->chunked;
    x->req->bad_framing = x->bad_framing;
    peer = (struct sockaddr_in *)&x->req->peer;
    peer->sin_family = AF_INET;
    assert_int_equal(inet_pton(AF_INET, x->peer ? x->peer : "127.0.0.1", &peer->sin_addr), 1);
}

static void run(struct exchange *x)
{
    enum cg_step step;

    begin(x);
    while ((step = cg_pipeline_run(x->req)) != CG_STEP_RESPOND && !x->dropped) {
        if (step == CG_STEP_WAIT) {
            wait_for(x);
        } else {
            x->steps_body++;
            send_body(x);
        }
    }
    if (!x->dropped)
        take_answer(x);
    cg_pipeline_finish(&x->req, !x->client_leaves && !x->dropped);
    assert_null(x->req);
}

static const char *got(const struct exchange *x, const char *name)
{
    for (size_t i = 0; i < x->got_count; i++)
        if (cg_streq_nocase(x->got[i].name, name))
            return x->got[i].value;
    return NULL;
}

static void clean(struct exchange *x)
{
    for (size_t i = 0; i < x->got_count; i++) {
        free((void *)(uintptr_t)x->got[i].name);
        free((void *)(uintptr_t)x->got[i].value);
    }
    free(x->text);
    pthread_mutex_destroy(&x->lock);
    pthread_cond_destroy(&x->woken);
}

static int set_up(void **state)
{
    (void)state;
    fixture_open(&fixture, "", 2, 8);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cg_log_capture(NULL, NULL);
    fixture_close(&fixture);
    return 0;
}

/* Counts the lines of the trail that hold both texts. */
static unsigned trail_has(const char *trail, const char *a, const char *b)
{
    char *copy = cg_strdup(trail), *rest = copy, *line;
    unsigned count = 0;

    while ((line = strsep(&rest, "\n")) != NULL)
        count += strstr(line, a) && strstr(line, b);
    free(copy);
    return count;
}

static void is_trail(const char *a, const char *b, unsigned count)
{
    char *trail = fixture_trail(&fixture);

    if (trail_has(trail, a, b) != count)
        fail_msg("not %u lines with %s and %s in:\n%s", count, a, b, trail);
    free(trail);
}

static unsigned trail_lines(void)
{
    char *trail = fixture_trail(&fixture);
    unsigned lines = trail_has(trail, "{", "}");

    free(trail);
    return lines;
}

#define RUN(x, ...)                                                                                                    \
    struct exchange x = {__VA_ARGS__};                                                                                 \
    run(&x)

static void a_fast_answer_never_leaves_the_thread(void **state)
{
    int64_t fast = cg_metric_get(CG_METRIC_FAST_ANSWERS), ok = cg_metric_get(CG_METRIC_REQUESTS_2XX);

    (void)state;
    RUN(x, .method = CG_GET, .target = "/fast");
    assert_int_equal(x.status, 200);
    assert_int_equal(x.waits, 0);
    assert_string_equal(x.text, "anonymous");
    assert_int_equal(strlen(got(&x, "X-Request-Id")), 32);
    assert_int_equal(cg_metric_get(CG_METRIC_FAST_ANSWERS), fast + 1);
    assert_int_equal(cg_metric_get(CG_METRIC_REQUESTS_2XX), ok + 1);
    clean(&x);
    assert_int_equal(trail_lines(), 0);
}

static void a_slow_answer_goes_through_a_worker_once(void **state)
{
    int64_t slow = cg_metric_get(CG_METRIC_SLOW_ANSWERS);

    (void)state;
    RUN(x, .method = CG_GET, .target = "/slow");
    RUN(y, .method = CG_GET, .target = "/either");
    assert_int_equal(x.status, 200);
    assert_int_equal(x.waits, 1);
    assert_int_equal(y.status, 200);
    assert_int_equal(y.waits, 1);
    assert_int_equal(cg_metric_get(CG_METRIC_SLOW_ANSWERS), slow + 2);
    clean(&x);
    clean(&y);
}

static void every_request_has_its_own_id_whatever_the_client_sends(void **state)
{
    (void)state;
    RUN(x, .method = CG_GET, .target = "/fast", .headers = {"X-Request-Id", "mine"});
    RUN(y, .method = CG_GET, .target = "/nothing", .headers = {"X-Request-Id", "mine"});
    assert_string_not_equal(got(&x, "X-Request-Id"), "mine");
    assert_string_not_equal(got(&x, "X-Request-Id"), got(&y, "X-Request-Id"));
    clean(&x);
    clean(&y);
}

static void errors_are_cargos_json(void **state)
{
    (void)state;
    RUN(x, .method = CG_GET, .target = "/nothing");
    assert_int_equal(x.status, 404);
    assert_string_equal(x.text, "{\"errors\":[{\"detail\":\"there is nothing at this address\"}]}");
    assert_string_equal(got(&x, "Cache-Control"), "no-store");
    clean(&x);
    RUN(y, .method = CG_DELETE, .target = "/echo");
    assert_int_equal(y.status, 405);
    assert_string_equal(got(&y, "Allow"), "PUT, POST");
    clean(&y);
    RUN(z, .method = CG_GET, .target = "/a%2Fb");
    assert_int_equal(z.status, 400);
    clean(&z);
    assert_int_equal(trail_lines(), 0);
}

static void an_overlong_address_is_414(void **state)
{
    char *target = cg_malloc(5000);

    (void)state;
    memset(target, 'a', 4999);
    target[0] = '/';
    target[4999] = '\0';
    RUN(x, .method = CG_GET, .target = target);
    assert_int_equal(x.status, 414);
    clean(&x);
    RUN(y, .method = CG_GET, .target = "/query", .query = target);
    assert_int_equal(y.status, 414);
    clean(&y);
    free(target);
}

static void requests_that_two_parsers_could_read_two_ways_are_400(void **state)
{
    (void)state;
    RUN(x, .method = CG_GET, .target = "/fast", .bad_framing = true);
    assert_int_equal(x.status, 400);
    clean(&x);
    RUN(y, .method = CG_GET, .target = "/closed/read", .headers = {"Authorization", ALICE, "authorization", BOB});
    assert_int_equal(y.status, 400);
    clean(&y);
}

static void anonymous_reads_what_everybody_may(void **state)
{
    (void)state;
    RUN(x, .method = CG_GET, .target = "/open/read");
    assert_int_equal(x.status, 200);
    assert_string_equal(x.text, "anonymous");
    clean(&x);
}

static void missing_credentials_are_401_with_an_absolute_login_url(void **state)
{
    (void)state;
    RUN(x, .method = CG_GET, .target = "/closed/read");
    assert_int_equal(x.status, 401);
    assert_string_equal(got(&x, "WWW-Authenticate"), "Cargo login_url=\"http://crates.example/base/me\"");
    assert_null(strstr(x.text, "closed/"));
    clean(&x);
    RUN(y, .method = CG_GET, .target = "/login");
    assert_int_equal(y.status, 401);
    assert_string_equal(y.got[y.got_count - 2].value, "Basic realm=\"crategate\", charset=\"UTF-8\"");
    clean(&y);
    is_trail("\"refusal\"", "401", 2);
}

static void unknown_and_forbidden_namespaces_look_alike(void **state)
{
    (void)state;
    RUN(x, .method = CG_GET, .target = "/closed/read", .headers = {"Authorization", BOB});
    RUN(y, .method = CG_GET, .target = "/nosuch/read", .headers = {"Authorization", BOB});
    assert_int_equal(x.status, 403);
    assert_int_equal(y.status, 403);
    clean(&x);
    clean(&y);
    is_trail("\"refusal\"", "403", 2);
    RUN(z, .method = CG_GET, .target = "/nosuch/read");
    assert_int_equal(z.status, 401);
    clean(&z);
}

/* The two answers must not differ but by the name that was asked for. */
static void assert_alike(const char *hidden, const char *absent, const char *auth)
{
    char target[2][64];
    struct cg_buf text;

    snprintf(target[0], sizeof(target[0]), "/%s/read", hidden);
    snprintf(target[1], sizeof(target[1]), "/%s/read", absent);
    RUN(x, .method = CG_GET, .target = target[0], .headers = {"Authorization", auth});
    RUN(y, .method = CG_GET, .target = target[1], .headers = {"Authorization", auth});
    assert_int_equal(x.status, y.status);
    cg_buf_init(&text, 4096);
    for (const char *s = x.text; *s; s++) {
        bool here = strncmp(s, hidden, strlen(hidden)) == 0;

        cg_buf_add(&text, here ? absent : s, here ? strlen(absent) : 1);
        s += here ? strlen(hidden) - 1 : 0;
    }
    assert_string_equal(cg_buf_str(&text), y.text);
    cg_buf_free(&text);
    clean(&x);
    clean(&y);
}

static void a_repositorys_key_is_its_namespaces_name_for_who_may_read_it(void **state)
{
    (void)state;
    RUN(x, .method = CG_GET, .target = "/cargo-stored-local/read", .headers = {"Authorization", ALICE});
    assert_int_equal(x.status, 200);
    assert_string_equal(x.text, "alice");
    clean(&x);
    assert_alike("cargo-stored-local", "cargo-nosuch-local", BOB);
    assert_alike("cargo-stored-local", "cargo-nosuch-local", NULL);
    is_trail("\"namespace\":\"stored\"", "\"status\":200", 1);
    is_trail("\"event\":\"refusal\"", "\"namespace\":\"cargo-stored-local\",\"method\":\"METHOD\"", 2);
}

static void errors_have_the_shape_of_their_address(void **state)
{
    static const char artifactory[] = "{\"errors\":[{\"status\":404,\"message\":\"";

    (void)state;
    RUN(x, .method = CG_GET, .target = "/open/jf");
    assert_memory_equal(x.text, artifactory, strlen(artifactory));
    assert_string_equal(got(&x, "X-JFrog-Version"), "Artifactory/" CG_JFROG_VERSION);
    clean(&x);
    RUN(y, .method = CG_GET, .target = "/artifactory/api/nothing");
    assert_memory_equal(y.text, artifactory, strlen(artifactory));
    clean(&y);
    RUN(z, .method = CG_GET, .target = "/artifactory/api/cargo/nothing");
    assert_non_null(strstr(z.text, "\"detail\""));
    assert_null(got(&z, "X-JFrog-Version"));
    clean(&z);
    RUN(w, .method = CG_GET, .target = "/closed/jf");
    assert_int_equal(w.status, 401);
    assert_non_null(strstr(w.text, "\"status\":401"));
    assert_string_equal(got(&w, "WWW-Authenticate"), "Cargo login_url=\"http://crates.example/base/me\"");
    assert_string_equal(w.got[w.got_count - 3].value, "Basic realm=\"crategate\", charset=\"UTF-8\"");
    clean(&w);
}

static void a_password_is_checked_on_a_worker_and_the_login_recorded(void **state)
{
    (void)state;
    RUN(x, .method = CG_GET, .target = "/login", .headers = {"Authorization", ALICE});
    assert_int_equal(x.status, 200);
    assert_string_equal(x.text, "alice");
    assert_int_equal(x.waits, 1);
    clean(&x);
    is_trail("\"login\"", "alice", 1);
    assert_int_equal(trail_lines(), 1);
}

static void a_wrong_password_is_one_login_record_and_a_late_answer(void **state)
{
    (void)state;
    RUN(x, .method = CG_GET, .target = "/login", .headers = {"Authorization", ALICE_WRONG});
    assert_int_equal(x.status, 401);
    assert_true(x.waits >= 1);
    clean(&x);
    is_trail("\"login\"", "401", 1);
    is_trail("\"login\"", "alice", 1);
    assert_int_equal(trail_lines(), 1);
}

static void a_right_password_is_a_login_also_where_its_owner_is_refused(void **state)
{
    (void)state;
    RUN(x, .method = CG_GET, .target = "/closed/read", .headers = {"Authorization", BOB});
    assert_int_equal(x.status, 403);
    clean(&x);
    is_trail("\"event\":\"login\",\"outcome\":\"ok\"", "\"actor\":\"bob\"", 1);
    is_trail("\"event\":\"refusal\",\"outcome\":\"refused\"", "\"actor\":\"bob\"", 1);
}

static void a_directory_that_is_down_is_503_and_never_401(void **state)
{
    (void)state;
    cg_fake_directory_set_mode(fixture.dir, CG_FAKE_UNAVAILABLE);
    RUN(x, .method = CG_GET, .target = "/login", .headers = {"Authorization", ALICE});
    assert_int_equal(x.status, 503);
    assert_non_null(got(&x, "Retry-After"));
    assert_null(got(&x, "WWW-Authenticate"));
    clean(&x);
}

static void routes_without_authentication_do_not_look_at_credentials(void **state)
{
    (void)state;
    RUN(x, .method = CG_GET, .target = "/fast", .headers = {"Authorization", ALICE_WRONG});
    assert_int_equal(x.status, 200);
    assert_string_equal(x.text, "anonymous");
    clean(&x);
    assert_int_equal(cg_fake_directory_counts(fixture.dir)->logins, 0);
}

static void nobody_unauthorised_gets_a_body_accepted(void **state)
{
    (void)state;
    RUN(x, .method = CG_PUT, .target = "/closed/new", .body_len = 1000);
    assert_int_equal(x.status, 401);
    assert_int_equal(x.steps_body, 0);
    clean(&x);
    RUN(y, .method = CG_PUT, .target = "/closed/new", .body_len = 1000, .headers = {"Authorization", BOB});
    assert_int_equal(y.status, 403);
    assert_int_equal(y.steps_body, 0);
    clean(&y);
    assert_int_equal(fixture_changes(), 0);
    is_trail("\"refusal\"", "/closed/new", 2);
}

static void a_publish_of_any_size_reaches_its_handler_whole(void **state)
{
    static const uint64_t sizes[] = {1, 1000, 256 * 1024, 256 * 1024 + 1, 900000, CRATE_MAX + 1024 * 1024 + 8};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *body = cg_malloc(sizes[i]), expected[64];

        memset(body, 1, sizes[i]);
        RUN(x, .method = CG_PUT, .target = "/closed/new", .body = body, .body_len = sizes[i], .chunked = i % 2,
            .headers = {"Authorization", ALICE});
        assert_int_equal(x.status, 200);
        assert_int_equal(x.steps_body, 1);
        snprintf(expected, sizeof(expected), "{\"size\":%llu,\"sum\":%llu}", (unsigned long long)sizes[i],
                 (unsigned long long)sizes[i]);
        assert_string_equal(x.text, expected);
        clean(&x);
        free(body);
    }
    is_trail("\"publish\"", "\"serde\"", 6);
}

static void a_change_is_on_disk_before_its_answer(void **state)
{
    struct exchange x = {.method = CG_PUT, .target = "/closed/conflict", .headers = {"Authorization", ALICE}};
    struct exchange y = {
        .method = CG_PUT, .target = "/closed/new", .body = "x", .body_len = 1, .headers = {"Authorization", ALICE}};

    (void)state;
    run(&x);
    assert_int_equal(x.status, 409);
    begin(&y);
    while (cg_pipeline_run(y.req) != CG_STEP_RESPOND)
        if (y.req->step == 4)
            send_body(&y);
        else
            wait_for(&y);
    /* Not finished yet: the answer is still to be sent. */
    is_trail("\"publish\"", "1.0.0", 1);
    take_answer(&y);
    cg_pipeline_finish(&y.req, true);
    clean(&x);
    clean(&y);
    is_trail("\"publish\"", "1.0.0", 1);
    is_trail("\"refusal\"", "409", 1);
}

static void a_change_of_nothing_is_no_change_record(void **state)
{
    (void)state;
    RUN(x, .method = CG_PUT, .target = "/closed/new", .query = "unchanged", .body = "x", .body_len = 1,
        .headers = {"Authorization", ALICE});
    assert_int_equal(x.status, 200);
    clean(&x);
    is_trail("\"publish\"", "", 0);
}

static void a_change_that_cannot_be_recorded_does_not_happen(void **state)
{
    (void)state;
    fixture_break_trail(&fixture);
    RUN(warm, .method = CG_PUT, .target = "/closed/new", .body = "x", .body_len = 1,
        .headers = {"Authorization", ALICE});
    clean(&warm);
    unsigned before = fixture_changes();

    RUN(x, .method = CG_PUT, .target = "/closed/new", .body = "x", .body_len = 1, .headers = {"Authorization", ALICE});
    assert_int_equal(x.status, 503);
    assert_int_equal(fixture_changes(), before);
    clean(&x);
    RUN(y, .method = CG_GET, .target = "/closed/read", .headers = {"Authorization", ALICE});
    assert_int_equal(y.status, 200);
    clean(&y);
}

static void the_record_names_who_what_where_and_the_rule(void **state)
{
    (void)state;
    RUN(x, .method = CG_PUT, .target = "/closed/new", .query = "token=secret", .body = "x", .body_len = 1,
        .peer = "127.0.0.1", .headers = {"Authorization", ALICE});
    clean(&x);
    is_trail("\"publish\"", "\"alice\"", 1);
    is_trail("\"publish\"", "id-alice", 1);
    is_trail("\"publish\"", "127.0.0.1", 1);
    is_trail("\"publish\"", "\"closed\"", 1);
    is_trail("\"publish\"", "user:alice", 1);
    is_trail("secret", "", 0);
}

static void a_client_that_leaves_changes_nothing_in_the_trail(void **state)
{
    (void)state;
    RUN(x, .method = CG_GET, .target = "/closed/read", .client_leaves = true);
    RUN(y, .method = CG_PUT, .target = "/closed/new", .body = "x", .body_len = 1, .client_leaves = true,
        .headers = {"Authorization", ALICE});
    clean(&x);
    clean(&y);
    is_trail("\"refusal\"", "401", 1);
    is_trail("\"publish\"", "", 1);
}

static void a_refusal_is_recorded_even_when_the_answer_was_never_made(void **state)
{
    struct exchange x = {.method = CG_GET, .target = "/login", .headers = {"Authorization", ALICE_WRONG}};

    (void)state;
    begin(&x);
    assert_int_equal(cg_pipeline_run(x.req), CG_STEP_WAIT);
    wait_for(&x);
    cg_pipeline_finish(&x.req, false);
    clean(&x);
    is_trail("\"login\"", "401", 1);
}

static void what_is_not_there_is_no_refusal(void **state)
{
    (void)state;
    RUN(x, .method = CG_GET, .target = "/closed/absent", .headers = {"Authorization", ALICE});
    assert_int_equal(x.status, 404);
    clean(&x);
    is_trail("\"refusal\"", "", 0);
}

static void bodies_over_the_limit_are_413_and_name_the_setting(void **state)
{
    uint64_t limit = CRATE_MAX + 1024 * 1024 + 8;

    (void)state;
    RUN(x, .method = CG_PUT, .target = "/spool", .body_len = limit + 1);
    assert_int_equal(x.status, 413);
    assert_int_equal(x.steps_body, 0);
    assert_non_null(strstr(x.text, "max_crate_size"));
    clean(&x);
    RUN(y, .method = CG_PUT, .target = "/spool", .body_len = limit + 1, .chunked = true);
    assert_int_equal(y.status, 413);
    assert_int_equal(y.steps_body, 1);
    assert_non_null(strstr(y.text, "max_crate_size"));
    clean(&y);
    RUN(z, .method = CG_PUT, .target = "/echo", .body_len = 64 * 1024 + 1);
    assert_int_equal(z.status, 413);
    clean(&z);
    RUN(none, .method = CG_GET, .target = "/fast", .body_len = 1);
    assert_int_equal(none.status, 413);
    clean(&none);
    assert_int_equal(fixture_changes(), 0);
}

static void an_empty_chunked_body_is_no_body(void **state)
{
    (void)state;
    RUN(x, .method = CG_GET, .target = "/fast", .chunked = true);
    assert_int_equal(x.status, 200);
    clean(&x);
    RUN(y, .method = CG_GET, .target = "/fast", .chunked = true, .body_len = 1);
    assert_int_equal(y.status, 413);
    clean(&y);
}

static void a_client_that_never_stops_is_dropped_and_recorded(void **state)
{
    (void)state;
    RUN(x, .method = CG_PUT, .target = "/closed/new", .body_len = 64u * 1024 * 1024, .chunked = true,
        .headers = {"Authorization", ALICE});
    assert_true(x.dropped);
    clean(&x);
    assert_int_equal(fixture_changes(), 0);
    is_trail("\"refusal\"", "413", 1);
}

static void a_spool_that_cannot_be_written_is_503(void **state)
{
    (void)state;
    fixture.gw.spool_dir = "/nonexistent/spool";
    RUN(x, .method = CG_PUT, .target = "/spool", .body_len = 900000);
    assert_int_equal(x.status, 503);
    assert_null(strstr(x.text, "nonexistent"));
    clean(&x);
    assert_int_equal(fixture_changes(), 0);
}

static void a_full_queue_is_503_at_once(void **state)
{
    struct cg_pool *roomy = fixture.gw.pool;
    int64_t full = cg_metric_get(CG_METRIC_QUEUE_FULL);

    (void)state;
    fixture.gw.pool = cg_pool_new("none", 1, 0);
    RUN(x, .method = CG_GET, .target = "/slow");
    assert_int_equal(x.status, 503);
    assert_non_null(got(&x, "Retry-After"));
    clean(&x);
    RUN(y, .method = CG_PUT, .target = "/spool", .body_len = 900000);
    assert_int_equal(y.status, 503);
    clean(&y);
    RUN(z, .method = CG_GET, .target = "/fast");
    assert_int_equal(z.status, 200);
    clean(&z);
    assert_int_equal(cg_metric_get(CG_METRIC_QUEUE_FULL), full + 2);
    cg_pool_free(&fixture.gw.pool);
    fixture.gw.pool = roomy;
}

static void a_late_answer_says_when_it_may_go_out(void **state)
{
    int64_t now = cg_clock_mono_ms();

    (void)state;
    RUN(x, .method = CG_GET, .target = "/later");
    assert_int_equal(x.status, 200);
    assert_true(x.resume_at_ms >= now + 300);
    clean(&x);
}

static void small_bodies_are_text(void **state)
{
    (void)state;
    RUN(x, .method = CG_POST, .target = "/echo", .body = "hello", .body_len = 5);
    assert_string_equal(x.text, "hello");
    clean(&x);
    RUN(y, .method = CG_POST, .target = "/echo");
    assert_int_equal(y.status, 200);
    assert_string_equal(y.text, "");
    clean(&y);
}

static void query_parameters_are_decoded_once(void **state)
{
    static const char *const cases[][2] = {
        {"q=a+b%2Bc", "a b+c"}, {"x=1&q=two", "two"}, {"q", ""},           {"q=", ""},          {"", "(none)"},
        {"qq=1", "(none)"},     {"%71=ok", "ok"},     {"q=%zz", "(none)"}, {"q=%ff", "(none)"}, {"q=%2541", "%41"},
        {"q=%00", "(none)"},    {"&&q=1&q=2", "1"},   {"q=a=b", "a=b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        RUN(x, .method = CG_GET, .target = "/query", .query = cases[i][0]);
        assert_string_equal(x.text, cases[i][1]);
        clean(&x);
    }
}

static void an_index_file_is_sent_once_and_then_confirmed(void **state)
{
    (void)state;
    RUN(x, .method = CG_GET, .target = "/blob");
    assert_int_equal(x.status, 200);
    assert_int_equal(x.text_len, fixture.blob->len);
    assert_string_equal(got(&x, "ETag"), fixture.blob->etag);
    assert_string_equal(got(&x, "Last-Modified"), "Sat, 22 Nov 2025 06:07:55 GMT");
    assert_string_equal(got(&x, "Cache-Control"), "no-cache");
    assert_string_equal(got(&x, "Vary"), "Authorization, Accept-Encoding");
    assert_null(got(&x, "Content-Encoding"));
    RUN(y, .method = CG_GET, .target = "/blob", .headers = {"If-None-Match", got(&x, "ETag")});
    assert_int_equal(y.status, 304);
    assert_int_equal(y.text_len, 0);
    assert_string_equal(got(&y, "ETag"), fixture.blob->etag);
    RUN(z, .method = CG_GET, .target = "/blob", .headers = {"If-Modified-Since", got(&x, "Last-Modified")});
    assert_int_equal(z.status, 304);
    clean(&x);
    clean(&y);
    clean(&z);
}

static void the_gzip_form_has_its_own_tag_and_either_confirms(void **state)
{
    (void)state;
    RUN(x, .method = CG_GET, .target = "/blob", .headers = {"Accept-Encoding", "deflate, gzip"});
    assert_string_equal(got(&x, "Content-Encoding"), "gzip");
    assert_int_equal(x.text_len, fixture.blob->gzip_len);
    assert_string_equal(got(&x, "ETag"), fixture.blob->gzip_etag);
    RUN(y, .method = CG_GET, .target = "/blob", .headers = {"If-None-Match", got(&x, "ETag")});
    assert_int_equal(y.status, 304);
    clean(&x);
    clean(&y);
}

static void a_file_is_sent_whole_or_in_part(void **state)
{
    (void)state;
    RUN(x, .method = CG_GET, .target = "/file");
    assert_int_equal(x.status, 200);
    assert_int_equal(x.text_len, FILE_SIZE);
    clean(&x);
    RUN(y, .method = CG_GET, .target = "/file", .headers = {"Range", "bytes=100-199", "If-Range", "\"file\""});
    assert_int_equal(y.status, 206);
    assert_int_equal(y.text_len, 100);
    assert_int_equal(y.text[0], fixture_file_byte(100));
    assert_string_equal(got(&y, "Content-Range"), "bytes 100-199/300000");
    clean(&y);
    RUN(z, .method = CG_GET, .target = "/file", .headers = {"Range", "bytes=300000-"});
    assert_int_equal(z.status, 416);
    assert_string_equal(got(&z, "Content-Range"), "bytes */300000");
    clean(&z);
    RUN(w, .method = CG_GET, .target = "/file", .headers = {"Range", "bytes=0-1", "If-Range", "\"other\""});
    assert_int_equal(w.status, 200);
    clean(&w);
    RUN(v, .method = CG_GET, .target = "/file", .headers = {"If-None-Match", "\"file\"", "Range", "bytes=0-1"});
    assert_int_equal(v.status, 304);
    clean(&v);
}

struct lines {
    char text[65536];
    size_t len;
};

static void keep_line(void *cls, const char *line)
{
    struct lines *lines = cls;
    size_t len = strlen(line);

    if (lines->len + len + 2 < sizeof(lines->text)) {
        memcpy(lines->text + lines->len, line, len);
        lines->text[lines->len + len] = '\n';
        lines->len += len + 1;
    }
}

static void the_log_never_holds_queries_or_credentials(void **state)
{
    static struct lines lines;

    (void)state;
    cg_log_setup(CG_LOG_DEBUG, CG_LOG_TEXT);
    cg_log_capture(keep_line, &lines);
    RUN(x, .method = CG_GET, .target = "/closed/read", .query = "token=sesame", .headers = {"Authorization", BOB});
    RUN(y, .method = CG_GET, .target = "/fast", .query = "token=sesame");
    RUN(z, .method = CG_GET, .target = "/%zz", .query = "token=sesame", .headers = {"Authorization", ALICE});
    cg_log_capture(NULL, NULL);
    cg_log_setup(CG_LOG_INFO, CG_LOG_TEXT);
    assert_non_null(strstr(lines.text, "/closed/read 403"));
    assert_non_null(strstr(lines.text, "/fast 200"));
    assert_non_null(strstr(lines.text, "/%zz 400"));
    assert_null(strstr(lines.text, "sesame"));
    assert_null(strstr(lines.text, "Basic"));
    assert_null(strstr(lines.text, "builder"));
    clean(&x);
    clean(&y);
    clean(&z);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_fast_answer_never_leaves_the_thread),
        T(a_slow_answer_goes_through_a_worker_once),
        T(every_request_has_its_own_id_whatever_the_client_sends),
        T(errors_are_cargos_json),
        T(an_overlong_address_is_414),
        T(requests_that_two_parsers_could_read_two_ways_are_400),
        T(anonymous_reads_what_everybody_may),
        T(missing_credentials_are_401_with_an_absolute_login_url),
        T(unknown_and_forbidden_namespaces_look_alike),
        T(a_repositorys_key_is_its_namespaces_name_for_who_may_read_it),
        T(errors_have_the_shape_of_their_address),
        T(a_password_is_checked_on_a_worker_and_the_login_recorded),
        T(a_wrong_password_is_one_login_record_and_a_late_answer),
        T(a_right_password_is_a_login_also_where_its_owner_is_refused),
        T(a_directory_that_is_down_is_503_and_never_401),
        T(routes_without_authentication_do_not_look_at_credentials),
        T(nobody_unauthorised_gets_a_body_accepted),
        T(a_publish_of_any_size_reaches_its_handler_whole),
        T(a_change_is_on_disk_before_its_answer),
        T(a_change_of_nothing_is_no_change_record),
        T(a_change_that_cannot_be_recorded_does_not_happen),
        T(the_record_names_who_what_where_and_the_rule),
        T(a_client_that_leaves_changes_nothing_in_the_trail),
        T(a_refusal_is_recorded_even_when_the_answer_was_never_made),
        T(what_is_not_there_is_no_refusal),
        T(bodies_over_the_limit_are_413_and_name_the_setting),
        T(an_empty_chunked_body_is_no_body),
        T(a_client_that_never_stops_is_dropped_and_recorded),
        T(a_spool_that_cannot_be_written_is_503),
        T(a_full_queue_is_503_at_once),
        T(a_late_answer_says_when_it_may_go_out),
        T(small_bodies_are_text),
        T(query_parameters_are_decoded_once),
        T(an_index_file_is_sent_once_and_then_confirmed),
        T(the_gzip_form_has_its_own_tag_and_either_confirms),
        T(a_file_is_sent_whole_or_in_part),
        T(the_log_never_holds_queries_or_credentials),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
