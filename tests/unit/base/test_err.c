/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "crategate/err.h"

static void every_code_has_a_status_and_an_outcome(void **state)
{
    (void)state;
    for (int i = 0; i < CG_ERR_COUNT; i++) {
        enum cg_err code = (enum cg_err)i;
        assert_true(cg_err_text(code)[0] && cg_err_name(code)[0]);
        assert_in_range(cg_err_http_status(code), 200, 599);
        assert_true(cg_streq(cg_err_outcome(code), "ok") == (code == CG_OK));
    }
    assert_int_equal(cg_err_http_status(CG_ERR_UNAVAILABLE), 503);
    assert_int_equal(cg_err_http_status(CG_ERR_DENIED), 403);
    assert_int_equal(cg_err_http_status(CG_ERR_UNAUTHENTICATED), 401);
    assert_string_equal(cg_err_outcome(CG_ERR_DENIED), "refused");
    assert_string_equal(cg_err_outcome(CG_ERR_UNAVAILABLE), "failed");
    assert_string_equal(cg_err_name(CG_ERR_ABSENT), "ABSENT");
    assert_string_equal(cg_err_name((enum cg_err)999), "INTERNAL");
}

static void set_takes_code_and_sentence(void **state)
{
    (void)state;
    struct cg_error err = {0};
    assert_int_equal(cg_error_set(&err, CG_ERR_INVALID, "%s is %d", "x", 7), CG_ERR_INVALID);
    assert_int_equal(err.code, CG_ERR_INVALID);
    assert_string_equal(err.detail, "x is 7");
    assert_string_equal(err.internal, "");
    assert_int_equal(cg_error_set(NULL, CG_ERR_DENIED, "unheard"), CG_ERR_DENIED);
}

static void a_hidden_cause_is_internal_only(void **state)
{
    (void)state;
    struct cg_error err = {0};
    assert_int_equal(cg_error_hide(&err, CG_ERR_UNAVAILABLE, "try later", "host %s down", "h"), CG_ERR_UNAVAILABLE);
    assert_string_equal(err.detail, "try later");
    assert_string_equal(err.internal, "host h down");
    cg_error_set(&err, CG_ERR_INVALID, "other");
    assert_string_equal(err.internal, "");
}

static void a_prefix_goes_before_the_sentence(void **state)
{
    (void)state;
    struct cg_error err = {0};
    cg_error_hide(&err, CG_ERR_ABSENT, "no such file", "inside");
    assert_int_equal(cg_error_prefix(&err, "ldap.%s", "uri"), CG_ERR_ABSENT);
    assert_string_equal(err.detail, "ldap.uri: no such file");
    assert_string_equal(err.internal, "inside");
}

static void arguments_may_lie_in_the_carrier(void **state)
{
    (void)state;
    struct cg_error err = {0};
    cg_error_set(&err, CG_ERR_ABSENT, "first");
    cg_error_set(&err, CG_ERR_CONFLICT, "second after %s", err.detail);
    assert_string_equal(err.detail, "second after first");
    cg_error_hide(&err, CG_ERR_CONFLICT, err.detail, "because %s", err.detail);
    assert_string_equal(err.detail, "second after first");
    assert_string_equal(err.internal, "because second after first");
}

static void a_cut_falls_between_characters(void **state)
{
    (void)state;
    char text[2000];
    struct cg_error err = {0};
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 4 < sizeof text; i += 4)
            memcpy(text + i, "\xf0\x9f\xa6\x80", 5);
        cg_error_set(&err, CG_ERR_INVALID, "%s", text);
        size_t len = strlen(err.detail);
        assert_in_range(len, CG_ERROR_DETAIL_MAX - 4, CG_ERROR_DETAIL_MAX - 1);
        assert_true(cg_is_utf8(err.detail, len));
        cg_error_prefix(&err, "%s", "y");
        assert_true(cg_is_utf8(err.detail, strlen(err.detail)));
    }
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    cg_error_set(&err, CG_ERR_INVALID, "%s", text);
    assert_int_equal(strlen(err.detail), CG_ERROR_DETAIL_MAX - 1);
    cg_error_set(&err, CG_ERR_INVALID, "%s", "caf\xc3\xa9");
    assert_string_equal(err.detail, "caf\xc3\xa9");
}

static void a_failed_assertion_names_itself_and_aborts(void **state)
{
    (void)state;
    int ends[2];
    char text[512] = "";
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit none = {0};
        setrlimit(RLIMIT_CORE, &none);
        dup2(ends[1], STDERR_FILENO);
        CG_ASSERT(1 + 1 == 3);
        _exit(0);
    }
    close(ends[1]);
    assert_true(read(ends[0], text, sizeof text - 1) > 0);
    close(ends[0]);
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "test_err.c:"));
    assert_non_null(strstr(text, "1 + 1 == 3"));
    CG_ASSERT(1 + 1 == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_status_and_an_outcome),
        cmocka_unit_test(set_takes_code_and_sentence),
        cmocka_unit_test(a_hidden_cause_is_internal_only),
        cmocka_unit_test(a_prefix_goes_before_the_sentence),
        cmocka_unit_test(arguments_may_lie_in_the_carrier),
        cmocka_unit_test(a_cut_falls_between_characters),
        cmocka_unit_test(a_failed_assertion_names_itself_and_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
