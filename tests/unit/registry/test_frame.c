/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "registry/frame.h"

struct body {
    struct cg_source source;
    unsigned char bytes[256];
    size_t len;   /* there really are so many */
    size_t chunk; /* most that one read gives */
    enum cg_err fault;
};

static enum cg_err read_body(void *cls, uint64_t offset, void *bytes, size_t len, size_t *got_out, struct cg_error *err)
{
    struct body *b = cls;
    size_t left = offset < b->len ? b->len - (size_t)offset : 0;
    if (b->fault != CG_OK)
        return cg_error_set(err, b->fault, "no spool");
    len = len < left ? len : left;
    len = len < b->chunk ? len : b->chunk;
    memcpy(bytes, b->bytes + offset, len);
    *got_out = len;
    return CG_OK;
}

static void add(struct body *b, const char *bytes, size_t len)
{
    memcpy(b->bytes + b->len, bytes, len);
    b->len += len;
}

/* {4 bytes json_len} json {4 bytes crate_len} crate; the lengths as told, whatever the content. */
static void frame(struct body *b, const char *json_len, const char *json, const char *crate_len, const char *crate)
{
    *b = (struct body){.source = {.read = read_body, .cls = b}, .chunk = 3};
    add(b, json_len, 4);
    add(b, json, strlen(json));
    add(b, crate_len, 4);
    add(b, crate, strlen(crate));
    b->source.size = b->len;
}

static void check(struct body *b, uint64_t max, enum cg_err wanted, const char *rule)
{
    struct cg_buf json;
    struct cg_frame out = {.crate_offset = 99};
    struct cg_error err = {0};
    cg_buf_init(&json, CG_FRAME_JSON_MAX);
    assert_int_equal(cg_frame_read(&b->source, max, &json, &out, &err), wanted);
    if (rule)
        assert_non_null(strstr(err.detail, rule));
    if (wanted == CG_OK) {
        assert_string_equal(cg_buf_str(&json), "{}");
        assert_int_equal(out.crate_offset, 10);
        assert_int_equal(out.crate_size, 5);
    } else {
        assert_int_equal(out.crate_offset, 99);
    }
    cg_buf_free(&json);
}

static void whole_frame_is_read(void **state)
{
    (void)state;
    struct body b;
    frame(&b, "\2\0\0\0", "{}", "\5\0\0\0", "crate");
    check(&b, 5, CG_OK, NULL);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    struct body b;
    frame(&b, "\2\0\0\0", "{}", "\5\0\0\0", "crate");
    for (size_t size = 0; size < b.len; size++) {
        b.source.size = size;
        check(&b, 5, CG_ERR_INVALID, "publish-frame");
    }
}

static void trailing_bytes_are_refused(void **state)
{
    (void)state;
    struct body b;
    frame(&b, "\2\0\0\0", "{}", "\5\0\0\0", "crate!");
    check(&b, 5, CG_ERR_INVALID, "1 bytes follow");
}

static void limits_come_before_contents(void **state)
{
    (void)state;
    struct body b;
    frame(&b, "\1\0\x10\0", "{}", "\5\0\0\0", "crate");
    check(&b, 5, CG_ERR_TOO_LARGE, "metadata-size");
    frame(&b, "\xff\xff\xff\xff", "{}", "\5\0\0\0", "crate");
    check(&b, 5, CG_ERR_TOO_LARGE, "metadata-size");
    frame(&b, "\2\0\0\0", "{}", "\5\0\0\0", "crate");
    check(&b, 4, CG_ERR_TOO_LARGE, "crate-size");
    frame(&b, "\2\0\0\0", "{}", "\xff\xff\xff\xff", "crate");
    check(&b, UINT64_MAX, CG_ERR_INVALID, "publish-frame");
}

static void metadata_must_fit_its_buffer(void **state)
{
    (void)state;
    struct body b;
    struct cg_buf json;
    struct cg_frame out;
    frame(&b, "\2\0\0\0", "{}", "\5\0\0\0", "crate");
    cg_buf_init(&json, 1);
    assert_int_equal(cg_frame_read(&b.source, 5, &json, &out, NULL), CG_ERR_TOO_LARGE);
    cg_buf_free(&json);
}

static void body_that_ends_before_its_size_is_refused(void **state)
{
    (void)state;
    struct body b;
    frame(&b, "\2\0\0\0", "{}", "\5\0\0\0", "crate");
    b.len = 5;
    check(&b, 5, CG_ERR_INVALID, "publish-frame");
}

static void fault_of_the_spool_is_passed_on(void **state)
{
    (void)state;
    struct body b;
    frame(&b, "\2\0\0\0", "{}", "\5\0\0\0", "crate");
    b.fault = CG_ERR_UNAVAILABLE;
    check(&b, 5, CG_ERR_UNAVAILABLE, "no spool");
}

static void a_bare_crate_is_the_whole_body(void **state)
{
    struct cg_source body = {.size = 10};
    struct cg_frame out = {.crate_offset = 99};
    struct cg_error err = {0};

    (void)state;
    assert_int_equal(cg_frame_bare(&body, 10, &out, &err), CG_OK);
    assert_int_equal(out.crate_offset, 0);
    assert_int_equal(out.crate_size, 10);
    assert_int_equal(cg_frame_bare(&body, 9, &out, &err), CG_ERR_TOO_LARGE);
    assert_non_null(strstr(err.detail, "crate-size"));
    body.size = 0;
    assert_int_equal(cg_frame_bare(&body, 9, &out, &err), CG_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_frame_is_read),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(trailing_bytes_are_refused),
        cmocka_unit_test(limits_come_before_contents),
        cmocka_unit_test(metadata_must_fit_its_buffer),
        cmocka_unit_test(body_that_ends_before_its_size_is_refused),
        cmocka_unit_test(fault_of_the_spool_is_passed_on),
        cmocka_unit_test(a_bare_crate_is_the_whole_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
