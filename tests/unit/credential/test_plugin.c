/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "crategate/token.h"
#include "base/mem.h"
#include "base/str.h"
#include "credential/lines.h"
#include "credential/plugin.h"
#include "credential/reply.h"
#include "credential/status.h"
#include "crategate/clock.h"
#include "temp_dir.h"

#define URL "sparse+https://h.test/api/cargo/payments/index/"

static char *dir;
static struct cg_vault *vault;

static int set_up(void **state)
{
    char *path;
    struct cg_store *store = NULL;

    (void)state;
    dir = cg_temp_dir_new();
    path = cg_asprintf("%s/credentials.json", dir);
    cg_file_store_open(path, &store);
    vault = cg_vault_new(dir, &store, 1);
    free(path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cg_vault_free(&vault);
    cg_temp_dir_free(&dir);
    return 0;
}

static void keep(int64_t made_at, int64_t expires_at, const char *namespaces)
{
    struct cg_login_record record = {.base = cg_strdup("https://h.test"),
                                     .user = cg_strdup("alice"),
                                     .id = 3,
                                     .made_at = made_at,
                                     .expires_at = expires_at};

    cg_secret_set(&record.token, "t0k", 3);
    record.wish.namespaces = namespaces ? cg_strlist_split(namespaces) : NULL;
    assert_int_equal(cg_vault_save(vault, &record, NULL, NULL), CG_OK);
    cg_login_record_free(&record);
}

static void expect(const char *request, const char *answer)
{
    struct cg_buf reply;

    cg_reply_init(&reply);
    cg_plugin_answer(&vault, request, strlen(request), &reply);
    if (strncmp(cg_buf_str(&reply), answer, strlen(answer)) != 0)
        fail_msg("%s\ngave %s\nnot  %s", request, cg_buf_str(&reply), answer);
    cg_reply_free(&reply);
}

#define GET(operation, url)                                                                                            \
    "{\"v\":1,\"kind\":\"get\",\"operation\":\"" operation "\",\"registry\":{\"index-url\":\"" url "\"}}"

static void what_is_not_supported_has_its_own_answers(void **state)
{
    (void)state;
    expect("{\"v\":1,\"kind\":\"rotate\"}", "{\"Err\":{\"kind\":\"operation-not-supported\"}}");
    expect(GET("bake", URL), "{\"Err\":{\"kind\":\"operation-not-supported\"}}");
    expect(GET("read", "sparse+https://index.crates.io/"), "{\"Err\":{\"kind\":\"url-not-supported\"}}");
    expect(GET("read", URL), "{\"Err\":{\"kind\":\"not-found\"}}");
    expect(GET("read", "sparse+http://h.test/api/cargo/p/index/"),
           "{\"Err\":{\"kind\":\"other\",\"message\":\"http://h.test");
    expect("{\"v\":2}", "{\"Err\":{\"kind\":\"other\",\"message\":");
    expect("", "{\"Err\":{\"kind\":\"other\",\"message\":");
    expect("{\"v\":1,\"kind\":\"login\",\"args\":[\"--fly\"],\"registry\":{\"index-url\":\"" URL "\"}}",
           "{\"Err\":{\"kind\":\"other\",\"message\":\"unknown word;");
    expect("{\"v\":1,\"kind\":\"logout\",\"registry\":{\"index-url\":\"" URL "\"}}",
           "{\"Err\":{\"kind\":\"not-found\"}}");
}

static void a_token_is_kept_by_cargo_until_it_expires(void **state)
{
    int64_t now = cg_clock_wall_s();
    char *answer = cg_asprintf("{\"Ok\":{\"kind\":\"get\",\"token\":\"t0k\",\"cache\":\"expires\",\"expiration\":%lld,"
                               "\"operation_independent\":true}}",
                               (long long)now + 86400);

    (void)state;
    keep(now, now + 86400, NULL);
    expect(GET("read", URL), answer);
    expect(GET("publish", URL), answer);
    expect(GET("owners", "sparse+https://H.test:443/api/cargo/platform/index/"), answer);
    free(answer);
}

static void without_a_known_end_it_is_for_the_session(void **state)
{
    (void)state;
    keep(1, 0, NULL);
    expect(GET("yank", URL),
           "{\"Ok\":{\"kind\":\"get\",\"token\":\"t0k\",\"cache\":\"session\",\"operation_independent\":true}}");
}

static void expired_or_narrowed_is_not_found(void **state)
{
    int64_t now = cg_clock_wall_s();

    (void)state;
    keep(now - 100, now - 1, NULL);
    expect(GET("read", URL), "{\"Err\":{\"kind\":\"not-found\"}}");
    keep(now, now + 1000, "platform,other");
    expect(GET("read", URL), "{\"Err\":{\"kind\":\"not-found\"}}");
    expect(GET("read", "sparse+https://h.test/api/cargo/other/index/"), "{\"Ok\":{\"kind\":\"get\"");
}

static void a_given_token_must_look_like_one(void **state)
{
    (void)state;
    expect("{\"v\":1,\"kind\":\"login\",\"token\":\"hunter2\",\"registry\":{\"index-url\":\"" URL "\"}}",
           "{\"Err\":{\"kind\":\"other\",\"message\":\"this is no token");
}

static char *status(void)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);

    assert_int_equal(cg_status_print(vault, to), 0);
    fclose(to);
    return text;
}

static void status_shows_everything_but_the_token(void **state)
{
    int64_t now = cg_clock_wall_s();
    char *text = status();

    (void)state;
    assert_true(cg_str_starts(text, "No logins"));
    free(text);
    keep(now, now + 10 * 86400 + 60, "payments");
    text = status();
    assert_non_null(strstr(text, "https://h.test\n  as alice, until "));
    assert_non_null(strstr(text, "(10 days)"));
    assert_non_null(strstr(text, "namespaces: payments"));
    assert_non_null(strstr(text, dir));
    assert_null(strstr(text, "t0k"));
    free(text);
    keep(now - 100, now - 10, NULL);
    text = status();
    assert_non_null(strstr(text, "expired on"));
    free(text);
}

/* Runs the whole over a file of requests; the answers. */
static char *run(const char *text, size_t len)
{
    FILE *in = tmpfile(), *out = tmpfile();
    char *all = cg_calloc(1, 65536);

    assert_int_equal(fwrite(text, 1, len, in), len);
    rewind(in);
    assert_int_equal(cg_plugin_run(fileno(in), fileno(out)), 0);
    rewind(out);
    assert_true(fread(all, 1, 65535, out) > 0);
    fclose(in);
    fclose(out);
    return all;
}

static void it_says_hello_and_answers_until_the_end(void **state)
{
    static const char two[] = "{\"v\":1,\"kind\":\"x\"}\n{\"v\":1,\"kind\":\"y\"}"; /* the last without a line's end */
    static const char answer[] = "{\"Err\":{\"kind\":\"operation-not-supported\"}}\n";
    char *all = run("", 0), *wanted = cg_asprintf("{\"v\":[1]}\n%s%s", answer, answer);

    (void)state;
    assert_string_equal(all, "{\"v\":[1]}\n");
    free(all);
    all = run(two, sizeof(two) - 1);
    assert_string_equal(all, wanted);
    free(all);
    free(wanted);
}

static void a_line_without_end_is_refused_and_the_next_is_served(void **state)
{
    static const char next[] = "\n{\"v\":1,\"kind\":\"x\"}\n";
    char *text = cg_malloc(3 * CG_LINE_MAX), *all;

    (void)state;
    memset(text, 'x', 2 * CG_LINE_MAX);
    memcpy(text + 2 * CG_LINE_MAX, next, sizeof(next) - 1);
    all = run(text, 2 * CG_LINE_MAX + sizeof(next) - 1);
    assert_non_null(strstr(all, "more than 65536 bytes"));
    assert_true(cg_str_ends(all, "operation-not-supported\"}}\n"));
    free(all);
    free(text);
}

static void a_reader_that_cannot_be_read_ends_it(void **state)
{
    FILE *out = tmpfile();

    (void)state;
    assert_int_equal(cg_plugin_run(-1, fileno(out)), 1);
    fclose(out);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_not_supported_has_its_own_answers), TEST(a_token_is_kept_by_cargo_until_it_expires),
        TEST(without_a_known_end_it_is_for_the_session), TEST(expired_or_narrowed_is_not_found),
        TEST(a_given_token_must_look_like_one),          TEST(status_shows_everything_but_the_token),
        TEST(it_says_hello_and_answers_until_the_end),   TEST(a_line_without_end_is_refused_and_the_next_is_served),
        TEST(a_reader_that_cannot_be_read_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
