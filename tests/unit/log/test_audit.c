/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crategate/audit.h"
#include "crategate/clock.h"
#include "log/log.h"
#include "log/metrics.h"

static char dir[64], path[128];
static struct cg_audit *audit;
static atomic_int complaints;

static void note_complaint(void *cls, const char *line)
{
    (void)cls;
    if (strstr(line, " audit: "))
        atomic_fetch_add(&complaints, 1);
}

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/cg-audit-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/audit.jsonl", dir);
    atomic_store(&complaints, 0);
    cg_log_capture(note_complaint, NULL);
    return 0;
}

static int drop_dir(void **state)
{
    (void)state;
    char command[128];
    cg_audit_close(&audit);
    cg_log_capture(NULL, NULL);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static void open_trail(const char *where, bool required)
{
    struct cg_error err = {0};
    if (cg_audit_open(where, dir, required, &audit, &err) != CG_OK)
        fail_msg("%s", err.detail);
}

static void put_file(const char *where, const char *text)
{
    FILE *f = fopen(where, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static char *read_file(const char *where)
{
    FILE *f = fopen(where, "r");
    assert_non_null(f);
    char *text = calloc(1, 8 << 20);
    size_t n = fread(text, 1, (8 << 20) - 1, f);
    text[n] = '\0';
    fclose(f);
    return text;
}

static enum cg_err record(enum cg_audit_event event, const char *request_id)
{
    return cg_audit_write(audit, &(struct cg_audit_record){.event = event, .request_id = request_id}, NULL);
}

static size_t count_lines(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static const char *string_in(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void events_know_their_names_and_whether_they_change(void **state)
{
    (void)state;
    assert_string_equal(cg_audit_event_name(CG_AUDIT_OWNER_ADD), "owner-add");
    assert_true(cg_audit_event_is_change(CG_AUDIT_PUBLISH));
    assert_false(cg_audit_event_is_change(CG_AUDIT_REFUSAL));
    assert_false(cg_audit_event_is_change(CG_AUDIT_NONE));
    assert_string_equal(cg_audit_event_name(CG_AUDIT_NONE), "none");
    assert_string_equal(cg_audit_event_name(CG_AUDIT_COUNT), "none");
}

static const struct cg_audit_record whole = {
    .event = CG_AUDIT_PUBLISH,
    .request_id = "r1",
    .actor = "al\"ice\n",
    .actor_id = "uuid",
    .token_id = 42,
    .address = "192.0.2.1",
    .namespace_name = "payments",
    .crate = "pay-core",
    .version = "1.0.0",
    .target = "t",
    .method = "PUT",
    .path = "/api\xff",
    .status = 200,
    .outcome = CG_OK,
    .rule = "namespace.payments.publish line 7",
    .detail = "ok",
};

static void a_record_is_one_json_line_with_all_its_fields(void **state)
{
    (void)state;
    static const char *const order[] = {"time",     "event",   "outcome",   "request_id", "actor",   "actor_id",
                                        "token_id", "address", "namespace", "crate",      "version", "target",
                                        "method",   "path",    "status",    "rule",       "detail",  "seq",      "prev",
                                        "mac"};
    open_trail(path, true);
    assert_int_equal(cg_audit_write(audit, &whole, NULL), CG_OK);
    char *text = read_file(path); /* a change is there as soon as the call returns */
    assert_int_equal(count_lines(text), 1);
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    size_t i = 0;
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        assert_true(i < sizeof order / sizeof order[0]);
        assert_string_equal(key, order[i++]);
    }
    assert_int_equal(i, sizeof order / sizeof order[0]);
    int64_t when;
    assert_int_equal(cg_time_parse_rfc3339(string_in(object, "time"), &when), CG_OK);
    assert_string_equal(string_in(object, "event"), "publish");
    assert_string_equal(string_in(object, "actor"), "al\"ice\n");
    assert_string_equal(string_in(object, "path"), "/api\xef\xbf\xbd");
    assert_string_equal(string_in(object, "outcome"), "ok");
    assert_int_equal(json_integer_value(json_object_get(object, "token_id")), 42);
    assert_int_equal(json_integer_value(json_object_get(object, "status")), 200);
    json_decref(object);
    free(text);
}

static void absent_fields_are_left_out(void **state)
{
    (void)state;
    open_trail(path, true);
    assert_int_equal(
        cg_audit_write(audit, &(struct cg_audit_record){.event = CG_AUDIT_YANK, .outcome = CG_ERR_DENIED}, NULL),
        CG_OK);
    char *text = read_file(path);
    json_t *object = json_loads(text, 0, NULL);
    assert_int_equal(json_object_size(object), 6); /* time, event, outcome, and the three of the chain */
    assert_string_equal(string_in(object, "outcome"), "refused");
    json_decref(object);
    free(text);
}

static void overlong_fields_are_cut_and_not_lost(void **state)
{
    (void)state;
    char *big = malloc(100001);
    memset(big, '\x01', 100000);
    big[100000] = '\0';
    struct cg_audit_record long_one = whole;
    long_one.path = long_one.detail = long_one.actor = long_one.crate = big;
    open_trail(path, true);
    assert_int_equal(cg_audit_write(audit, &long_one, NULL), CG_OK);
    char *text = read_file(path);
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    assert_in_range(json_string_length(json_object_get(object, "path")), 1000, 2048);
    json_decref(object);
    free(text);
    free(big);
}

static void a_change_comes_after_everything_said_before(void **state)
{
    (void)state;
    open_trail(path, true);
    for (int i = 0; i < 500; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        assert_int_equal(record(i % 50 == 49 ? CG_AUDIT_YANK : CG_AUDIT_REFUSAL, id), CG_OK);
        if (i % 50 != 49)
            continue;
        char *text = read_file(path);
        assert_int_equal(count_lines(text), i + 1);
        free(text);
    }
    char *text = read_file(path), *save = NULL;
    int i = 0;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char expected[32];
        snprintf(expected, sizeof expected, "\"request_id\":\"%d\"", i++);
        assert_non_null(strstr(line, expected));
    }
    assert_int_equal(i, 500);
    free(text);
}

static void closing_flushes_what_is_queued(void **state)
{
    (void)state;
    open_trail(path, false);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(record(CG_AUDIT_LOGIN, "x"), CG_OK);
    cg_audit_close(&audit);
    assert_null(audit);
    char *text = read_file(path);
    assert_int_equal(count_lines(text), 1000);
    free(text);
}

static void new_trails_are_not_for_everybody(void **state)
{
    (void)state;
    struct stat st;
    umask(0);
    open_trail(path, true);
    umask(022);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
}

static void what_cannot_be_opened_is_unavailable(void **state)
{
    (void)state;
    struct cg_error err = {0};
    char missing[160], fifo[160];
    snprintf(missing, sizeof missing, "%s/none/audit.jsonl", dir);
    snprintf(fifo, sizeof fifo, "%s/fifo", dir);
    assert_int_equal(cg_audit_open(missing, dir, true, &audit, &err), CG_ERR_UNAVAILABLE);
    assert_int_equal(err.code, CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(err.detail, missing));
    assert_int_equal(cg_audit_open(dir, dir, true, &audit, &err), CG_ERR_UNAVAILABLE);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(cg_audit_open(fifo, dir, true, &audit, &err), CG_ERR_UNAVAILABLE); /* and does not hang */
    assert_null(audit);
}

static void without_a_trail_everything_succeeds(void **state)
{
    (void)state;
    open_trail("", true);
    assert_int_equal(cg_audit_reserve(audit, NULL), CG_OK);
    assert_int_equal(record(CG_AUDIT_PUBLISH, "x"), CG_OK);
    assert_int_equal(record(CG_AUDIT_REFUSAL, "x"), CG_OK);
    assert_int_equal(cg_audit_reopen(audit, path, true, NULL), CG_OK);
    assert_int_equal(record(CG_AUDIT_PUBLISH, "x"), CG_OK);
    char *text = read_file(path);
    assert_int_equal(count_lines(text), 1);
    free(text);
}

static void devices_are_trails_too(void **state)
{
    (void)state;
    open_trail("/dev/null", true);
    assert_int_equal(cg_audit_reserve(audit, NULL), CG_OK);
    assert_int_equal(record(CG_AUDIT_PUBLISH, "x"), CG_OK);
    assert_int_equal(record(CG_AUDIT_REFUSAL, "x"), CG_OK);
    assert_int_equal(cg_audit_reserve(audit, NULL), CG_OK);
}

static void standard_output_is_a_trail_whatever_it_is(void **state)
{
    (void)state;
    int ends[2], out = dup(STDOUT_FILENO);
    char line[512] = "";
    assert_int_equal(pipe(ends), 0);
    fflush(stdout);
    dup2(ends[1], STDOUT_FILENO);
    enum cg_err rc = cg_audit_open("/dev/stdout", dir, true, &audit, NULL);
    if (rc == CG_OK)
        rc = record(CG_AUDIT_PUBLISH, "x");
    if (rc == CG_OK)
        rc = cg_audit_reserve(audit, NULL);
    dup2(out, STDOUT_FILENO);
    close(out);
    close(ends[1]);
    assert_int_equal(rc, CG_OK);
    assert_true(read(ends[0], line, sizeof line - 1) > 0);
    assert_non_null(strstr(line, "\"event\":\"publish\""));
    close(ends[0]);
}

static void rotation_takes_effect_at_reopen(void **state)
{
    (void)state;
    char old[160];
    snprintf(old, sizeof old, "%s.1", path);
    open_trail(path, true);
    assert_int_equal(record(CG_AUDIT_YANK, "1"), CG_OK);
    assert_int_equal(rename(path, old), 0);
    assert_int_equal(record(CG_AUDIT_YANK, "2"), CG_OK);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(cg_audit_reopen(audit, path, true, NULL), CG_OK);
    assert_int_equal(record(CG_AUDIT_YANK, "3"), CG_OK);
    char *first = read_file(old), *second = read_file(path);
    assert_int_equal(count_lines(first), 2);
    assert_int_equal(count_lines(second), 1);
    assert_non_null(strstr(second, "\"request_id\":\"3\""));
    free(first);
    free(second);
}

static void a_failed_reopen_keeps_the_old_file(void **state)
{
    (void)state;
    struct cg_error err = {0};
    char missing[160];
    snprintf(missing, sizeof missing, "%s/none/audit.jsonl", dir);
    open_trail(path, true);
    assert_int_equal(cg_audit_reopen(audit, missing, false, &err), CG_ERR_UNAVAILABLE);
    assert_int_equal(record(CG_AUDIT_YANK, "1"), CG_OK);
    char *text = read_file(path);
    assert_int_equal(count_lines(text), 1);
    free(text);
}

#define HALF_SHA256 "1c9c517abcf2f887e026a44fbcd084e1e8e28f611f577452f80ce517f6636eba" /* of {"half": */

static void half_a_line_of_a_crash_is_closed_and_told_of_first(void **state)
{
    (void)state;
    put_file(path, "{\"whole\":1}\n{\"half\":");
    open_trail(path, true);
    assert_int_equal(record(CG_AUDIT_YANK, "1"), CG_OK);
    assert_int_equal(record(CG_AUDIT_YANK, "2"), CG_OK);
    char *text = read_file(path);
    assert_memory_equal(text, "{\"whole\":1}\n{\"half\":\n{\"time\":", 29);
    assert_int_equal(count_lines(text), 5);
    assert_non_null(strstr(text, "\"event\":\"torn-line\",\"outcome\":\"ok\",\"target\":\"" HALF_SHA256 "\""));
    free(text);
}

static void a_whole_file_is_just_continued(void **state)
{
    (void)state;
    put_file(path, "{\"whole\":1}\n");
    open_trail(path, true);
    assert_int_equal(record(CG_AUDIT_YANK, "1"), CG_OK);
    char *text = read_file(path);
    assert_memory_equal(text, "{\"whole\":1}\n{\"time\":", 20);
    free(text);
}

static void a_full_disk_refuses_changes_beforehand(void **state)
{
    (void)state;
    struct cg_error err = {0};
    open_trail("/dev/full", true);
    assert_int_equal(cg_audit_write(audit, &whole, &err), CG_ERR_UNAVAILABLE);
    assert_int_equal(cg_audit_reserve(audit, &err), CG_ERR_UNAVAILABLE);
    assert_null(strstr(err.detail, "/dev/full")); /* nothing of ours for the caller */
    assert_non_null(strstr(err.detail, "cannot be recorded"));
    assert_non_null(strstr(err.internal, "/dev/full"));
    assert_non_null(strstr(err.internal, "No space left"));
    /* Not required: refused no more, though the write still says so. */
    assert_int_equal(cg_audit_reopen(audit, "/dev/full", false, NULL), CG_OK);
    assert_int_equal(cg_audit_write(audit, &whole, &err), CG_ERR_UNAVAILABLE);
    assert_int_equal(cg_audit_reserve(audit, &err), CG_OK);
}

static void lost_records_of_reads_are_complained_of_once(void **state)
{
    (void)state;
    open_trail("/dev/full", false);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(record(CG_AUDIT_REFUSAL, "x"), CG_OK);
        usleep(200);
    }
    assert_int_equal(cg_audit_write(audit, &whole, NULL), CG_ERR_UNAVAILABLE); /* the writer is through with them */
    for (int i = 0; i < 5000 && !atomic_load(&complaints); i++)
        usleep(1000);
    assert_int_equal(atomic_load(&complaints), 1);
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A file size limit in the middle of a line is a disk that fills up there. */
static void what_a_full_disk_took_of_a_line_is_taken_back(void **state)
{
    (void)state;
    struct cg_error err = {0};
    struct stat st;
    signal(SIGXFSZ, SIG_IGN);
    open_trail(path, true);
    assert_int_equal(record(CG_AUDIT_YANK, "1"), CG_OK);
    assert_int_equal(stat(path, &st), 0);
    limit_file_size((rlim_t)st.st_size + 20);
    assert_int_equal(record(CG_AUDIT_YANK, "2"), CG_ERR_UNAVAILABLE);
    assert_int_equal(cg_audit_reserve(audit, &err), CG_ERR_UNAVAILABLE);
    assert_int_equal(record(CG_AUDIT_YANK, "3"), CG_ERR_UNAVAILABLE);
    limit_file_size(RLIM_INFINITY);
    assert_int_equal(record(CG_AUDIT_YANK, "4"), CG_OK);
    assert_int_equal(cg_audit_reserve(audit, &err), CG_OK);
    char *text = read_file(path);
    assert_int_equal(count_lines(text), 2);
    json_t *object = json_loads(strchr(text, '\n') + 1, 0, NULL);
    assert_string_equal(string_in(object, "request_id"), "4");
    assert_int_equal(json_integer_value(json_object_get(object, "seq")), 2); /* numbers are for what is written */
    json_decref(object);
    free(text);
}

static void a_removed_file_is_made_anew(void **state)
{
    (void)state;
    open_trail(path, true);
    assert_int_equal(record(CG_AUDIT_YANK, "1"), CG_OK);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(cg_audit_reserve(audit, NULL), CG_OK);
    assert_int_equal(record(CG_AUDIT_YANK, "2"), CG_OK);
    char *text = read_file(path);
    assert_int_equal(count_lines(text), 1);
    assert_non_null(strstr(text, "\"request_id\":\"2\""));
    assert_non_null(strstr(text, "\"seq\":2,"));
    assert_int_equal(atomic_load(&complaints), 1);
    free(text);
}

static void a_removed_folder_refuses_changes_until_it_is_back(void **state)
{
    (void)state;
    struct cg_error err = {0};
    char folder[160], file[200];
    snprintf(folder, sizeof folder, "%s/log", dir);
    snprintf(file, sizeof file, "%s/audit.jsonl", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    open_trail(file, true);
    assert_int_equal(record(CG_AUDIT_YANK, "1"), CG_OK);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(cg_audit_reserve(audit, &err), CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(err.internal, file));
    assert_int_equal(record(CG_AUDIT_YANK, "2"), CG_ERR_UNAVAILABLE);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(record(CG_AUDIT_REFUSAL, "3"), CG_OK); /* the refusal's own record is the next attempt */
    assert_int_equal(record(CG_AUDIT_YANK, "4"), CG_OK);
    assert_int_equal(cg_audit_reserve(audit, &err), CG_OK);
    assert_int_equal(access(file, F_OK), 0);
}

static void a_file_that_is_read_only_is_unavailable(void **state)
{
    (void)state;
    struct cg_error err = {0};
    char closed[160];
    snprintf(closed, sizeof closed, "%s/closed", dir);
    open_trail(path, true);
    put_file(closed, "");
    assert_int_equal(chmod(closed, 0444), 0);
    assert_int_equal(chmod(dir, 0755), 0);
    uid_t me = geteuid();
    if (me == 0) /* for whom nothing is read-only */
        assert_int_equal(seteuid(65534), 0);
    enum cg_err rc = cg_audit_reopen(audit, closed, true, &err);
    if (me == 0)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(rc, CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(err.detail, closed));
    assert_int_equal(record(CG_AUDIT_YANK, "1"), CG_OK); /* the old file stays in use */
}

static void reserving_does_not_change_the_size(void **state)
{
    (void)state;
    struct stat st;
    open_trail(path, true);
    assert_int_equal(cg_audit_reserve(audit, NULL), CG_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(record(CG_AUDIT_YANK, "1"), CG_OK);
    char *text = read_file(path);
    assert_int_equal(text[0], '{');
    free(text);
}

/* The reader of the pipe sleeps, so the writer hangs and the queue fills up. */
static void a_full_queue_drops_reads_and_never_blocks(void **state)
{
    (void)state;
    enum { SENT = 20000 };
    char fifo[160];
    snprintf(fifo, sizeof fifo, "%s/fifo", dir);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    int reader = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int64_t before = cg_metric_get(CG_METRIC_AUDIT_DROPPED);
    open_trail(fifo, true);
    int64_t start = cg_clock_mono_ms();
    for (int i = 0; i < SENT; i++)
        assert_int_equal(record(CG_AUDIT_REFUSAL, "x"), CG_OK);
    assert_in_range(cg_clock_mono_ms() - start, 0, 20000);
    uint64_t dropped = cg_audit_dropped(audit);
    assert_in_range(dropped, 1, SENT - 8192);
    assert_int_equal(cg_metric_get(CG_METRIC_AUDIT_DROPPED) - before, dropped);
    size_t lines = 0;
    char bytes[4096];
    int idle = 0;
    while (idle < 200) { /* everything that was not dropped arrives */
        ssize_t n = read(reader, bytes, sizeof bytes);
        for (ssize_t i = 0; i < n; i++)
            lines += bytes[i] == '\n';
        idle = n > 0 ? 0 : idle + 1;
        if (n <= 0)
            usleep(1000);
    }
    assert_int_equal(lines, SENT - dropped);
    assert_int_equal(atomic_load(&complaints), 1);
    cg_audit_close(&audit);
    close(reader);
}

static void *write_both_kinds(void *cls)
{
    for (int i = 0; i < 200; i++) {
        char id[32];
        snprintf(id, sizeof id, "%d-%d", (int)(intptr_t)cls, i);
        if (record(i % 20 ? CG_AUDIT_REFUSAL : CG_AUDIT_YANK, id) != CG_OK || cg_audit_reserve(audit, NULL) != CG_OK)
            return (void *)"failed";
    }
    return NULL;
}

static void many_threads_write_whole_lines(void **state)
{
    (void)state;
    enum { N = 4 };
    pthread_t threads[N];
    int next[N] = {0};
    open_trail(path, true);
    for (intptr_t i = 0; i < N; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_both_kinds, (void *)i), 0);
    for (int i = 0; i < 5; i++) /* and the file is exchanged below them */
        assert_int_equal(cg_audit_reopen(audit, path, true, NULL), CG_OK);
    for (int i = 0; i < N; i++) {
        void *complaint;
        pthread_join(threads[i], &complaint);
        assert_null(complaint);
    }
    cg_audit_close(&audit);
    char *text = read_file(path), *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        json_t *object = json_loads(line, 0, NULL);
        assert_non_null(object);
        int thread, n;
        assert_int_equal(sscanf(string_in(object, "request_id"), "%d-%d", &thread, &n), 2);
        assert_int_equal(n, next[thread]++); /* each thread's in its order */
        json_decref(object);
    }
    for (int i = 0; i < N; i++)
        assert_int_equal(next[i], 200);
    free(text);
}

#define T(name) cmocka_unit_test_setup_teardown(name, make_dir, drop_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_know_their_names_and_whether_they_change),
        T(a_record_is_one_json_line_with_all_its_fields),
        T(absent_fields_are_left_out),
        T(overlong_fields_are_cut_and_not_lost),
        T(a_change_comes_after_everything_said_before),
        T(closing_flushes_what_is_queued),
        T(new_trails_are_not_for_everybody),
        T(what_cannot_be_opened_is_unavailable),
        T(without_a_trail_everything_succeeds),
        T(devices_are_trails_too),
        T(standard_output_is_a_trail_whatever_it_is),
        T(rotation_takes_effect_at_reopen),
        T(a_failed_reopen_keeps_the_old_file),
        T(half_a_line_of_a_crash_is_closed_and_told_of_first),
        T(a_whole_file_is_just_continued),
        T(a_full_disk_refuses_changes_beforehand),
        T(lost_records_of_reads_are_complained_of_once),
        T(what_a_full_disk_took_of_a_line_is_taken_back),
        T(a_removed_file_is_made_anew),
        T(a_removed_folder_refuses_changes_until_it_is_back),
        T(a_file_that_is_read_only_is_unavailable),
        T(reserving_does_not_change_the_size),
        T(a_full_queue_drops_reads_and_never_blocks),
        T(many_threads_write_whole_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
