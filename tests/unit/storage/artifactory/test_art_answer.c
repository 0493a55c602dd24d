/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Every answer of artifactory.md 6.4 that can be told from status, headers and body alone. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "crategate/clock.h"
#include "storage/artifactory/art_answer.h"

#define JSON "Content-Type: application/json"
#define HTML "Content-Type: text/html; charset=utf-8"
#define PLAIN "Content-Type: text/plain"

/* One answer and what is to come of it. */
struct row {
    const char *fault;
    enum cg_art_op op;
    long status;
    const char *head; /* one header line, or NULL */
    const char *body;
    enum cg_err code;
    enum cg_art_health health;
    unsigned wait_s;
    bool again;
    const char *says; /* part of the sentence */
};

#define LIST(text) "{\"errors\":[{\"status\":0,\"message\":\"" text "\"}]}"

static const struct row rows[] = {
    {"F1", CG_ART_OP_FILE, 401, JSON, LIST("Bad"), CG_ERR_UNAVAILABLE, CG_ART_REFUSED, 0, false, "token_file"},
    {"F1", CG_ART_OP_DEPLOY, 401, HTML, "<p>", CG_ERR_UNAVAILABLE, CG_ART_REFUSED, 0, false, "credential"},
    {"F2", CG_ART_OP_FILE, 403, JSON, LIST("blocked due to recurrent login failures, please try again in 7 seconds"),
     CG_ERR_UNAVAILABLE, CG_ART_LOCKED, 7, false, "7 seconds"},
    {"F2", CG_ART_OP_AQL, 403, JSON, LIST("due to recurrent login failures"), CG_ERR_UNAVAILABLE, CG_ART_LOCKED, 5,
     false, "locked"},
    {"F3", CG_ART_OP_DEPLOY, 403, JSON, LIST("no"), CG_ERR_DENIED, CG_ART_WELL, 0, false, "deploy (and annotate)"},
    {"F3", CG_ART_OP_FILE, 403, JSON, LIST("no"), CG_ERR_DENIED, CG_ART_WELL, 0, false, "account read this"},
    {"F3", CG_ART_OP_ANNOTATE, 403, JSON, LIST("no"), CG_ERR_DENIED, CG_ART_WELL, 0, false, "annotate"},
    {"F3", CG_ART_OP_AQL, 403, JSON, LIST("no"), CG_ERR_DENIED, CG_ART_WELL, 0, false, "AQL"},
    {"F4", CG_ART_OP_REPO, 404, JSON, LIST("x"), CG_ERR_UNAVAILABLE, CG_ART_WELL, 0, false, "no such repository"},
    {"F4", CG_ART_OP_DEPLOY, 404, JSON, LIST("x"), CG_ERR_UNAVAILABLE, CG_ART_WELL, 0, false, "no such repository"},
    {"F5", CG_ART_OP_FILE, 404, JSON, LIST("File not found."), CG_ERR_ABSENT, CG_ART_WELL, 0, false, "no such file"},
    {"F5", CG_ART_OP_KNOWN, 404, JSON, LIST("unknown"), CG_ERR_ABSENT, CG_ART_WELL, 0, false, ""},
    {"F6", CG_ART_OP_DEPLOY, 409, JSON, LIST("policy"), CG_ERR_CONFLICT, CG_ART_WELL, 0, false, "conflict"},
    {"F6", CG_ART_OP_DEPLOY, 400, JSON, LIST("Bad"), CG_ERR_UNAVAILABLE, CG_ART_WELL, 0, false, "400"},
    {"F7", CG_ART_OP_DEPLOY, 413, JSON, LIST("full"), CG_ERR_TOO_LARGE, CG_ART_WELL, 0, false, "room"},
    {"F7", CG_ART_OP_FILE, 413, JSON, LIST("odd"), CG_ERR_UNAVAILABLE, CG_ART_WELL, 0, false, "413"},
    {"F8", CG_ART_OP_FILE, 429, JSON, LIST("slow"), CG_ERR_UNAVAILABLE, CG_ART_ILL, 0, true, "more requests"},
    {"F8", CG_ART_OP_FILE, 429, "Retry-After: 2", "", CG_ERR_UNAVAILABLE, CG_ART_HOLD, 2, true, "more requests"},
    {"F8", CG_ART_OP_FILE, 429, "Retry-After: 86400", "", CG_ERR_UNAVAILABLE, CG_ART_HOLD, CG_ART_HOLD_MAX_S, true, ""},
    {"F8", CG_ART_OP_AQL, 429, "Retry-After: 2", "", CG_ERR_UNAVAILABLE, CG_ART_WELL, 2, true, ""},
    {"F8", CG_ART_OP_FILE, 429, "Retry-After: soon", "", CG_ERR_UNAVAILABLE, CG_ART_ILL, 0, true, ""},
    {"F9", CG_ART_OP_FILE, 500, JSON, LIST("Oops"), CG_ERR_UNAVAILABLE, CG_ART_ILL, 0, true, "internal error"},
    {"F9", CG_ART_OP_FILE, 502, HTML, "<h1>Bad Gateway</h1>", CG_ERR_UNAVAILABLE, CG_ART_ILL, 0, true, "proxy"},
    {"F9", CG_ART_OP_FILE, 504, HTML, "<h1>Timeout</h1>", CG_ERR_UNAVAILABLE, CG_ART_ILL, 0, true, "proxy"},
    {"F10", CG_ART_OP_FILE, 503, "Retry-After: 3", "", CG_ERR_UNAVAILABLE, CG_ART_HOLD, 3, true, "maintenance"},
    {"F10", CG_ART_OP_FILE, 503, JSON, LIST("starting"), CG_ERR_UNAVAILABLE, CG_ART_ILL, 0, true, "maintenance"},
    {"F20", CG_ART_OP_DEPLOY, 302, "Location: http://x/", "", CG_ERR_UNAVAILABLE, CG_ART_WELL, 0, false, "redirect"},
    {"F22", CG_ART_OP_REPO, 200, HTML, "<html>", CG_ERR_UNAVAILABLE, CG_ART_ILL, 0, true, "web page"},
    {"F23", CG_ART_OP_ANNOTATE, 200, JSON, LIST("no"), CG_ERR_UNAVAILABLE, CG_ART_ILL, 0, true, "error in place"},
    {"F31", CG_ART_OP_DEPLOY, 404, JSON, LIST("The repository is blacked out"), CG_ERR_UNAVAILABLE, CG_ART_WELL, 0,
     false, "blacked out"},
    {"F31", CG_ART_OP_FILE, 403, JSON, LIST("is blacked out"), CG_ERR_UNAVAILABLE, CG_ART_WELL, 0, false,
     "blacked out"},
    {"F32", CG_ART_OP_FILE, 503, PLAIN, "License has expired\n", CG_ERR_UNAVAILABLE, CG_ART_ILL, 0, true, "licence"},
    {"3.1", CG_ART_OP_FILE, 403, HTML, "<html>", CG_ERR_UNAVAILABLE, CG_ART_ILL, 0, false, "proxy"},
    {"3.2", CG_ART_OP_DEPLOY, 405, "Allow: GET", "", CG_ERR_UNAVAILABLE, CG_ART_WELL, 0, false, "virtual"},
    {"3.5", CG_ART_OP_AQL, 400, PLAIN, "Failed to parse query", CG_ERR_DENIED, CG_ART_WELL, 0, false, "AQL"},
    {"3.6", CG_ART_OP_PING, 404, HTML, "<html>", CG_ERR_UNAVAILABLE, CG_ART_ILL, 0, false, "context path"},
    {"F19", CG_ART_OP_INDEX, 404, JSON, LIST("File not found."), CG_ERR_ABSENT, CG_ART_WELL, 0, false, "own index"},
    {"F19", CG_ART_OP_INDEX, 400, JSON, LIST("Bad Request"), CG_ERR_ABSENT, CG_ART_WELL, 0, false, "own index"},
    {"F19", CG_ART_OP_INDEX, 500, JSON, LIST("Oops"), CG_ERR_ABSENT, CG_ART_WELL, 0, false, "own index"},
    {"F19", CG_ART_OP_INDEX, 200, HTML, "<html>", CG_ERR_ABSENT, CG_ART_WELL, 0, false, "own index"},
    {"F19", CG_ART_OP_INDEX, 200, JSON, LIST("no"), CG_ERR_ABSENT, CG_ART_WELL, 0, false, "own index"},
    {"F19", CG_ART_OP_INDEX, 302, "Location: http://x/", "", CG_ERR_ABSENT, CG_ART_WELL, 0, false, "own index"},
    {"F19", CG_ART_OP_INDEX, 200, PLAIN, "{}", CG_OK, CG_ART_WELL, 0, false, ""},
    {"F1", CG_ART_OP_INDEX, 401, JSON, LIST("Bad"), CG_ERR_UNAVAILABLE, CG_ART_REFUSED, 0, false, "token_file"},
    {"F3", CG_ART_OP_INDEX, 403, JSON, LIST("no"), CG_ERR_DENIED, CG_ART_WELL, 0, false, "account read this"},
    {"F8", CG_ART_OP_INDEX, 429, JSON, LIST("slow"), CG_ERR_UNAVAILABLE, CG_ART_ILL, 0, true, "more requests"},
    {"F10", CG_ART_OP_INDEX, 503, "Retry-After: 3", "", CG_ERR_UNAVAILABLE, CG_ART_HOLD, 3, true, "maintenance"},
    {"ok", CG_ART_OP_DEPLOY, 201, JSON, "{}", CG_OK, CG_ART_WELL, 0, false, ""},
    {"ok", CG_ART_OP_ANNOTATE, 204, NULL, "", CG_OK, CG_ART_WELL, 0, false, ""},
};

static void line(struct cg_art_answer *answer, const char *text)
{
    assert_true(cg_art_answer_header(answer, text, strlen(text)));
}

static void fill(struct cg_art_answer *answer, long status, const char *head, const char *body)
{
    char first[64];

    cg_art_answer_init(answer);
    snprintf(first, sizeof(first), "HTTP/1.1 %ld Whatever\r\n", status);
    line(answer, first);
    if (head)
        line(answer, head);
    line(answer, "\r\n");
    cg_buf_add(&answer->body, body, strlen(body));
}

static void check_row(const struct row *row)
{
    struct cg_art_question question = {.instance = "corp", .repo = "team-a", .op = row->op};
    struct cg_art_verdict verdict;
    struct cg_art_answer answer;
    struct cg_error err = {0};

    print_message("  %s %ld\n", row->fault, row->status);
    fill(&answer, row->status, row->head, row->body);
    assert_int_equal(cg_art_answer_judge(&question, &answer, &verdict, &err), row->code);
    assert_int_equal(verdict.health, row->health);
    assert_int_equal(verdict.wait_s, row->wait_s);
    assert_int_equal(verdict.again, row->again);
    assert_non_null(strstr(err.detail, row->says));
    assert_null(strchr(err.detail, '<'));
    assert_null(strchr(err.internal, '<'));
    if (row->code == CG_ERR_UNAVAILABLE) {
        assert_true(err.retry_after_s > 0);
        assert_non_null(strstr(err.detail, "corp"));
    }
    if (row->wait_s)
        assert_int_equal(err.retry_after_s, row->wait_s);
    cg_art_answer_free(&answer);
}

static void every_answer_has_its_meaning(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_row(&rows[i]);
}

static void no_answer_is_unavailable_and_says_why(void **state)
{
    static const struct {
        enum cg_art_lost lost;
        enum cg_art_health health;
        const char *says;
    } losses[] = {
        {CG_ART_NO_NAME, CG_ART_ILL, "DNS"},
        {CG_ART_NO_CONNECTION, CG_ART_ILL, "connected"},
        {CG_ART_NO_TLS, CG_ART_ILL, "certificate"},
        {CG_ART_LATE, CG_ART_ILL, "in time"},
        {CG_ART_STALLED, CG_ART_ILL, "stood still"},
        {CG_ART_BROKEN, CG_ART_ILL, "broke"},
        {CG_ART_OVERSIZED, CG_ART_ILL, "larger"},
        {CG_ART_BUSY, CG_ART_UNSURE, "max_connections"},
        {CG_ART_OWN_FAULT, CG_ART_UNSURE, "own disk"},
        {CG_ART_STOPPED, CG_ART_UNSURE, "ended by the gateway"},
        {CG_ART_FORBIDDEN, CG_ART_UNSURE, "private address"},
    };
    struct cg_art_question question = {.instance = "corp", .op = CG_ART_OP_FILE};

    (void)state;
    for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
        struct cg_art_answer answer;
        struct cg_art_verdict verdict;
        struct cg_error err = {0};

        cg_art_answer_init(&answer);
        answer.lost = losses[i].lost;
        snprintf(answer.why, sizeof(answer.why), "the library's words");
        assert_int_equal(cg_art_answer_judge(&question, &answer, &verdict, &err), CG_ERR_UNAVAILABLE);
        assert_int_equal(verdict.health, losses[i].health);
        assert_non_null(strstr(err.detail, losses[i].says));
        assert_string_equal(err.internal, "the library's words");
        cg_art_answer_free(&answer);
    }
}

static void headers_are_read_whatever_their_case_and_order(void **state)
{
    static const char sum[] = "ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef0123456789";
    struct cg_art_answer answer;
    char text[128];

    (void)state;
    fill(&answer, 206, NULL, "");
    answer.head_done = false;
    snprintf(text, sizeof(text), "x-CHECKSUM-sha256:  %s \r\n", sum);
    line(&answer, text);
    line(&answer, "Content-Range: bytes 100-199/1000\r\n");
    line(&answer, "ETag: \"abc\"\r\n");
    line(&answer, "Last-Modified: Sun, 22 Nov 2026 06:07:55 GMT\r\n");
    line(&answer, "Content-Length: 100\r\n");
    assert_memory_equal(answer.sha256, "abcdef", 6);
    assert_int_equal(answer.range_from, 100);
    assert_int_equal(answer.range_size, 1000);
    assert_string_equal(answer.etag, "\"abc\"");
    assert_int_equal(answer.length, 100);
    assert_true(answer.modified > 0);
    cg_art_answer_free(&answer);
}

static void headers_that_contradict_one_another_are_not_believed_f25(void **state)
{
    static const char one[] = "X-Checksum-Sha256: 0000000000000000000000000000000000000000000000000000000000000000\r\n";
    static const char two[] = "X-Checksum-Sha256: 1111111111111111111111111111111111111111111111111111111111111111\r\n";
    struct cg_art_answer answer;

    (void)state;
    fill(&answer, 200, NULL, "");
    answer.head_done = false;
    line(&answer, "ETag: one\r\n");
    line(&answer, "ETag: two\r\n");
    line(&answer, one);
    line(&answer, one);
    assert_false(answer.odd_sums);
    line(&answer, two);
    assert_true(answer.odd_sums);
    assert_string_equal(answer.sha256, "");
    assert_string_equal(answer.etag, "");
    line(&answer, "\r\n");
    line(&answer, "Content-Length: 5\r\n"); /* a trailer */
    assert_true(answer.length == UINT64_MAX);
    cg_art_answer_free(&answer);
}

static void too_many_headers_end_the_answer_f25(void **state)
{
    struct cg_art_answer answer;
    char text[1024];
    size_t count = 0;

    (void)state;
    cg_art_answer_init(&answer);
    memset(text, 'x', sizeof(text));
    while (cg_art_answer_header(&answer, text, sizeof(text)))
        assert_true(++count <= CG_ART_HEAD_MAX / sizeof(text));
    assert_int_equal(count, CG_ART_HEAD_MAX / sizeof(text));
    cg_art_answer_free(&answer);
}

static void interim_answer_leaves_nothing_behind(void **state)
{
    struct cg_art_answer answer;

    (void)state;
    cg_art_answer_init(&answer);
    line(&answer, "HTTP/1.1 100 Continue\r\n");
    line(&answer, "Retry-After: 5\r\n");
    line(&answer, "\r\n");
    assert_false(answer.head_done);
    line(&answer, "HTTP/1.1 201 Created\r\n");
    line(&answer, "\r\n");
    assert_true(answer.head_done);
    assert_int_equal(answer.status, 201);
    assert_string_equal(answer.retry_after, "");
    cg_art_answer_free(&answer);
}

static unsigned wait_of(const char *retry_after, const char *date, int64_t wall_s)
{
    struct cg_art_answer answer;
    char text[128];
    unsigned wait;

    fill(&answer, 503, NULL, "");
    answer.head_done = false;
    snprintf(text, sizeof(text), "Retry-After: %s\r\n", retry_after);
    line(&answer, text);
    if (date) {
        snprintf(text, sizeof(text), "Date: %s\r\n", date);
        line(&answer, text);
    }
    wait = cg_art_answer_wait(&answer, wall_s);
    cg_art_answer_free(&answer);
    return wait;
}

static void retry_after_is_read_by_the_other_sides_clock_f8_f28(void **state)
{
    static const char at[] = "Sun, 22 Nov 2026 06:07:55 GMT", before[] = "Sun, 22 Nov 2026 06:07:45 GMT";
    int64_t wall = 0;

    (void)state;
    assert_int_equal(cg_time_parse_http(at, &wall), CG_OK);
    assert_int_equal(wait_of("2", NULL, wall), 2);
    assert_int_equal(wait_of(at, NULL, wall - 30), 30);
    assert_int_equal(wait_of(at, before, wall + 600), 10); /* our clock is ten minutes ahead */
    assert_int_equal(wait_of(at, before, wall - 600), 10);
    assert_int_equal(wait_of(at, NULL, wall + 1), 0);
    assert_int_equal(wait_of("-1", NULL, wall), 0);
    assert_int_equal(wait_of("99999999999999", NULL, wall), 0);
    assert_int_equal(wait_of("", NULL, wall), 0);
}

static enum cg_err json_of(const char *head, const char *body, bool cut)
{
    struct cg_art_answer answer;
    json_t *value = NULL;
    enum cg_err rc;

    fill(&answer, 200, head, body);
    answer.cut = cut;
    rc = cg_art_answer_json(&answer, &value, NULL);
    assert_int_equal(rc == CG_OK, value != NULL);
    json_decref(value);
    cg_art_answer_free(&answer);
    return rc;
}

static void only_a_whole_result_is_a_result_f22_f23(void **state)
{
    (void)state;
    assert_int_equal(json_of("Content-Type: application/vnd.org.jfrog.artifactory.storage.FileInfo+json", "{}", false),
                     CG_OK);
    assert_int_equal(json_of(JSON, "{}", true), CG_ERR_UNAVAILABLE);
    assert_int_equal(json_of(JSON, "", false), CG_ERR_UNAVAILABLE);
    assert_int_equal(json_of(JSON, "{\"results\":[{\"repo\":", false), CG_ERR_UNAVAILABLE);
    assert_int_equal(json_of(HTML, "{}", false), CG_ERR_UNAVAILABLE);
    assert_int_equal(json_of(JSON, LIST("x"), false), CG_ERR_UNAVAILABLE);
}

static void words_are_cut_and_printable_and_never_html(void **state)
{
    struct cg_art_answer answer;
    static const char head[] = "{\"errors\":[{\"message\":\"a\\u001bb", tail[] = "\"}]}";
    char words[CG_ART_WORDS_MAX], body[2000];

    (void)state;
    memset(body, 'x', sizeof(body));
    memcpy(body, head, strlen(head));
    memcpy(body + sizeof(body) - sizeof(tail), tail, sizeof(tail));
    fill(&answer, 500, JSON, body);
    cg_art_answer_words(&answer, words);
    assert_memory_equal(words, "a?b", 3);
    assert_int_equal(strlen(words), CG_ART_WORDS_MAX - 1);
    cg_art_answer_free(&answer);
    fill(&answer, 500, HTML, "<html>");
    cg_art_answer_words(&answer, words);
    assert_string_equal(words, "");
    cg_art_answer_free(&answer);
    fill(&answer, 500, PLAIN, "one\ntwo");
    cg_art_answer_words(&answer, words);
    assert_string_equal(words, "one");
    cg_art_answer_free(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_has_its_meaning),
        cmocka_unit_test(no_answer_is_unavailable_and_says_why),
        cmocka_unit_test(headers_are_read_whatever_their_case_and_order),
        cmocka_unit_test(headers_that_contradict_one_another_are_not_believed_f25),
        cmocka_unit_test(too_many_headers_end_the_answer_f25),
        cmocka_unit_test(interim_answer_leaves_nothing_behind),
        cmocka_unit_test(retry_after_is_read_by_the_other_sides_clock_f8_f28),
        cmocka_unit_test(only_a_whole_result_is_a_result_f22_f23),
        cmocka_unit_test(words_are_cut_and_printable_and_never_html),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
