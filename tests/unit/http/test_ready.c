/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Answers of libmicrohttpd's that are kept for the next one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/blob.h"
#include "http/http1/ready.h"

static struct cg_ready_table table;
static struct cg_request request;

/* As if it had just been sent; the table has the only reference. */
static void keep(struct cg_blob *source, int64_t now_ms)
{
    struct MHD_Response *made = MHD_create_response_from_buffer(2, (char[]){"ok"}, MHD_RESPMEM_MUST_COPY);
    struct cg_ready *ready;

    request.response = (struct cg_response){.status = 200, .source = source, .fd = -1};
    strcpy(request.id, "0123456789abcdef");
    assert_int_equal(MHD_add_response_header(made, "X-Request-Id", request.id), MHD_YES);
    ready = cg_ready_new(&request, made, now_ms);
    cg_ready_give(&table, &ready);
    assert_null(ready);
    cg_blob_unref(&source);
}

static void a_kept_answer_is_one_askers_at_a_time(void **state)
{
    struct cg_ready *ready;

    (void)state;
    keep(cg_blob_new("ok", 2, 0, 0), 1000);
    strcpy(request.id, "fedcba9876543210");
    ready = cg_ready_take(&table, &request);
    assert_non_null(ready);
    assert_string_equal(MHD_get_response_header(cg_ready_response(ready), "X-Request-Id"), request.id);
    assert_null(cg_ready_take(&table, &request));
    cg_ready_give(&table, &ready);
    cg_ready_sweep(&table, 1000000); /* it is no file */
    ready = cg_ready_take(&table, &request);
    assert_non_null(ready);
    cg_ready_give(&table, &ready);
    cg_ready_free_all(&table);
}

static void an_open_file_is_let_go_of(void **state)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct cg_ready *ready;

    (void)state;
    keep(cg_blob_of_file(fd), 1000);
    assert_int_equal(table.files, 1);
    ready = cg_ready_take(&table, &request);
    assert_int_equal(table.files, 0);
    cg_ready_sweep(&table, 1000000); /* somebody has it */
    assert_int_not_equal(fcntl(fd, F_GETFD), -1);
    cg_ready_give(&table, &ready);
    cg_ready_sweep(&table, 60999);
    assert_int_equal(table.files, 1);
    cg_ready_sweep(&table, 61000);
    assert_int_equal(table.files, 0);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    assert_null(cg_ready_take(&table, &request));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kept_answer_is_one_askers_at_a_time),
        cmocka_unit_test(an_open_file_is_let_go_of),
    };

    return cmocka_run_group_tests_name("ready", tests, NULL, NULL);
}
