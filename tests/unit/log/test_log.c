/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crategate/clock.h"
#include "log/log.h"

static char last[65536];
static int lines;

static void keep(void *cls, const char *line)
{
    assert_ptr_equal(cls, &lines);
    snprintf(last, sizeof last, "%s", line);
    lines++;
}

static int capture(void **state)
{
    (void)state;
    cg_log_setup(CG_LOG_DEBUG, CG_LOG_TEXT);
    cg_log_capture(keep, &lines);
    lines = 0;
    last[0] = '\0';
    return 0;
}

static int restore(void **state)
{
    (void)state;
    cg_log_capture(NULL, NULL);
    return 0;
}

static void a_text_line_has_time_level_area_and_request(void **state)
{
    (void)state;
    int64_t when = 0;
    cg_log(CG_LOG_INFO, "http", "req-1", "%d requests", 3);
    assert_string_equal(last + 20, " info  http[req-1]: 3 requests");
    last[20] = '\0';
    assert_int_equal(cg_time_parse_rfc3339(last, &when), CG_OK);
    cg_log(CG_LOG_ERROR, "ldap", NULL, "down");
    assert_string_equal(last + 20, " error ldap: down");
    assert_int_equal(lines, 2);
}

static void a_json_line_is_an_object(void **state)
{
    (void)state;
    cg_log_setup(CG_LOG_DEBUG, CG_LOG_JSON);
    cg_log(CG_LOG_WARN, "http", "r\"1", "say \"%s\"", "caf\xc3\xa9");
    assert_memory_equal(last, "{\"time\":\"20", 11);
    assert_string_equal(last + 30, ",\"level\":\"warn\",\"area\":\"http\",\"request_id\":\"r\\\"1\","
                                   "\"message\":\"say \\\"caf\xc3\xa9\\\"\"}");
    cg_log(CG_LOG_DEBUG, "http", NULL, "x");
    assert_string_equal(last + 30, ",\"level\":\"debug\",\"area\":\"http\",\"message\":\"x\"}");
}

static void a_message_cannot_forge_a_line(void **state)
{
    (void)state;
    cg_log(CG_LOG_INFO, "http", "id\nid", "one\n2026-01-01T00:00:00Z error two\x1b[2J\xff");
    assert_null(strchr(last, '\n'));
    assert_null(strchr(last, '\x1b'));
    assert_non_null(strstr(last, "http[id?id]: one?2026-01-01T00:00:00Z error two?[2J?"));
    assert_int_equal(lines, 1);
}

static void lines_below_the_level_are_not_made(void **state)
{
    (void)state;
    cg_log_setup(CG_LOG_WARN, CG_LOG_TEXT);
    assert_true(cg_log_enabled(CG_LOG_ERROR));
    assert_true(cg_log_enabled(CG_LOG_WARN));
    assert_false(cg_log_enabled(CG_LOG_INFO));
    cg_log(CG_LOG_INFO, "http", NULL, "quiet");
    cg_log_error(CG_LOG_INFO, "http", NULL, &(struct cg_error){0}, "quiet");
    assert_int_equal(lines, 0);
}

static void long_messages_are_cut(void **state)
{
    (void)state;
    char *big = malloc(20000);
    memset(big, '"', 19999);
    big[19999] = '\0';
    cg_log(CG_LOG_INFO, "http", "req", "%s", big);
    assert_in_range(strlen(last), 3000, 4095); /* what a pipe takes as one piece */
    cg_log_setup(CG_LOG_DEBUG, CG_LOG_JSON);
    cg_log(CG_LOG_INFO, "http", "req", "%s", big);
    assert_int_equal(last[strlen(last) - 1], '}');
    assert_int_equal(lines, 2);
    free(big);
}

static void an_error_shows_detail_and_hidden_cause(void **state)
{
    (void)state;
    struct cg_error err = {0};
    cg_error_hide(&err, CG_ERR_UNAVAILABLE, "try later", "connect: refused");
    cg_log_error(CG_LOG_ERROR, "ldap", NULL, &err, "login of %s", "alice");
    assert_string_equal(last + 20, " error ldap: login of alice: try later (connect: refused)");
    cg_error_set(&err, CG_ERR_INVALID, "bad");
    cg_log_error(CG_LOG_ERROR, "ldap", NULL, &err, "login");
    assert_string_equal(last + 20, " error ldap: login: bad");
    err.detail[0] = '\0';
    cg_log_error(CG_LOG_ERROR, "ldap", NULL, &err, "login");
    assert_string_equal(last + 20, " error ldap: login: invalid request");
}

static void levels_are_parsed(void **state)
{
    (void)state;
    static const char *const names[] = {"error", "warn", "info", "debug"};
    for (int i = 0; i < 4; i++) {
        enum cg_log_level level = CG_LOG_ERROR;
        assert_int_equal(cg_log_level_parse(names[i], &level), CG_OK);
        assert_int_equal(level, i);
    }
    enum cg_log_level level = CG_LOG_WARN;
    assert_int_equal(cg_log_level_parse("INFO", &level), CG_ERR_INVALID);
    assert_int_equal(cg_log_level_parse("", &level), CG_ERR_INVALID);
    assert_int_equal(level, CG_LOG_WARN);
}

static void errno_survives_a_line(void **state)
{
    (void)state;
    errno = ENOSPC;
    cg_log(CG_LOG_INFO, "http", NULL, "x");
    assert_int_equal(errno, ENOSPC);
}

/* In a child whose stderr is a file; `journal` says whether JOURNAL_STREAM names it. */
static void run_with_stderr(FILE *file, int journal)
{
    struct stat st;
    char stream[64];
    if (dup2(fileno(file), STDERR_FILENO) < 0 || fstat(STDERR_FILENO, &st) < 0)
        _exit(1);
    snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino + (journal ? 0 : 1));
    setenv("JOURNAL_STREAM", stream, 1);
    cg_log_capture(NULL, NULL);
    cg_log(CG_LOG_WARN, "http", "r", "one");
    cg_log(CG_LOG_DEBUG, "http", NULL, "two");
    _exit(0);
}

static void stderr_of(int journal, char *text, size_t size)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    pid_t pid = fork();
    if (pid == 0)
        run_with_stderr(file, journal);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

static void the_journal_gets_priorities_instead_of_times(void **state)
{
    (void)state;
    char text[1024];
    cg_log_setup(CG_LOG_DEBUG, CG_LOG_TEXT);
    stderr_of(1, text, sizeof text);
    assert_string_equal(text, "<4>http[r]: one\n<7>http: two\n");
}

static void an_inherited_journal_variable_means_nothing(void **state)
{
    (void)state;
    char text[1024];
    cg_log_setup(CG_LOG_DEBUG, CG_LOG_TEXT);
    stderr_of(0, text, sizeof text);
    assert_memory_equal(text + 20, " warn  http[r]: one\n", 20);
}

#define T(name) cmocka_unit_test_setup_teardown(name, capture, restore)

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First, while nothing has looked for the journal yet: these fork. */
        cmocka_unit_test(the_journal_gets_priorities_instead_of_times),
        cmocka_unit_test(an_inherited_journal_variable_means_nothing),
        T(a_text_line_has_time_level_area_and_request),
        T(a_json_line_is_an_object),
        T(a_message_cannot_forge_a_line),
        T(lines_below_the_level_are_not_made),
        T(long_messages_are_cut),
        T(an_error_shows_detail_and_hidden_cause),
        T(levels_are_parsed),
        T(errno_survives_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
